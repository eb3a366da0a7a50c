package dictionary

// Workspaces is the current state of the workspaces: shared by Usage and Audit. Read-only.
var Workspaces = &Table{
	Name: "workspaces", Title: "Workspaces", Role: State, Domains: Usage | Audit,
	Doc: "The workspaces as they are today, one row per workspace.",
	Fields: []Field{
		{Name: "workspace_id", Required: true, Grain: true, Doc: "Identifies the workspace."},
		{Name: "workspace_name", Required: true, Doc: "What people call the workspace."},
		{Name: "plan", Enum: plans, Others: true, Doc: "The plan that the workspace is on, which decides whether it has an audit log."},
	},
}

// Members is the current state of who belongs to which workspace. Audit uses it for names only. Read-only.
var Members = &Table{
	Name: "members", Title: "Members", Role: State, Domains: Usage | Audit, Optional: Audit,
	Doc: "The users of each workspace as they are today, revoked ones included, one row per user and workspace.",
	Fields: []Field{
		{Name: "workspace_id", Required: true, Grain: true, Doc: "The workspace that the user belongs to."},
		{Name: "user_id", Required: true, Grain: true, Doc: "Identifies the user."},
		{Name: "user_name", Doc: "What people call the user."},
		{Name: "user_email", Doc: "The user's email address."},
		{Name: "user_role", Required: true, Enum: userRoles, Doc: "What the user may do in the workspace."},
		{Name: "user_department", Doc: "The department that the user works in, where it is known."},
		{Name: "user_active", Kind: Boolean, Required: true, Doc: "True while the user has access, false once it is revoked."},
		{Name: "created_at", Kind: Timestamp, Required: true, Doc: "When the user was added to the workspace."},
		{Name: "revoked_at", Kind: Timestamp, Doc: "When the user's access was revoked."},
		{Name: "invite_sent_from_email", Doc: "The email address of whoever invited the user."},
		{Name: "invite_sent_at", Kind: Timestamp, Doc: "When the invitation was sent."},
		{Name: "first_login_at", Kind: Timestamp, Doc: "The user's first login, where the source knows one that the logins no longer show."},
		{Name: "last_login_at", Kind: Timestamp, Doc: "The user's latest login, where the source knows one that the logins no longer show."},
		{Name: "first_generation_at", Kind: Timestamp, Doc: "The user's first generation, where the source knows one that the generations no longer show."},
		{Name: "last_generation_at", Kind: Timestamp, Doc: "The user's latest generation, where the source knows one that the generations no longer show."},
	},
}

// Groups is the current state of the groups. Read-only.
var Groups = &Table{
	Name: "groups", Title: "Groups", Role: State, Domains: Usage,
	Doc: "The groups of each workspace as they are today, one row per group.",
	Fields: []Field{
		{Name: "workspace_id", Required: true, Grain: true, Doc: "The workspace that the group belongs to."},
		{Name: "group_id", Required: true, Grain: true, Doc: "Identifies the group."},
		{Name: "group_name", Doc: "What people call the group."},
		{Name: "group_visibility", Required: true, Enum: groupVisibilities, Doc: "Who can see the group."},
		{Name: "creator_user_id", Doc: "The user who made the group."},
		{Name: "created_at", Kind: Timestamp, Required: true, Doc: "When the group was made."},
	},
}

// GroupMembers is the current state of who is in which group. Read-only.
var GroupMembers = &Table{
	Name: "group_members", Title: "Group members", Role: State, Domains: Usage,
	Doc: "Who is in which group today, one row per group and user.",
	Fields: []Field{
		{Name: "workspace_id", Required: true, Grain: true, Doc: "The workspace that the group belongs to."},
		{Name: "group_id", Required: true, Grain: true, Doc: "The group."},
		{Name: "user_id", Required: true, Grain: true, Doc: "The user who is in the group."},
		{Name: "added_at", Kind: Timestamp, Required: true, Doc: "When the user was put into the group."},
	},
}

// GroupAssets is the current state of the assets applied to groups. Read-only.
var GroupAssets = &Table{
	Name: "group_assets", Title: "Group assets", Role: State, Domains: Usage, Optional: Usage,
	Doc: "The assets applied to each group today, one row per group and asset.",
	Fields: []Field{
		{Name: "workspace_id", Required: true, Grain: true, Doc: "The workspace that the group belongs to."},
		{Name: "group_id", Required: true, Grain: true, Doc: "The group that the asset is applied to."},
		{Name: "asset_id", Required: true, Grain: true, Doc: "Identifies the asset."},
		{Name: "asset_kind", Required: true, Enum: assetKinds, Others: true, Doc: "What kind of asset it is, where other kinds than the documented ones only count towards assets_in_group."},
	},
}

// Agents is the current state of the custom agents. Read-only.
var Agents = &Table{
	Name: "agents", Title: "Agents", Role: State, Domains: Usage,
	Doc: "The custom agents of each workspace as they are today, one row per agent.",
	Fields: []Field{
		{Name: "workspace_id", Required: true, Grain: true, Doc: "The workspace that the agent belongs to."},
		{Name: "agent_id", Required: true, Grain: true, Doc: "Identifies the agent."},
		{Name: "agent_name", Doc: "What people call the agent."},
		{Name: "created_at", Kind: Timestamp, Required: true, Doc: "When the agent was made."},
		{Name: "agent_type", Required: true, Enum: agentTypes, Doc: "How the agent came about."},
		{Name: "agent_active", Kind: Boolean, Required: true, Doc: "True while the agent can be used."},
		{Name: "studio_agent", Kind: Boolean, Required: true, Doc: "True for an agent that was built in the studio."},
		{Name: "creator_user_id", Doc: "The user who made the agent."},
		{Name: "agent_visibility", Required: true, Enum: agentVisibilities, Doc: "Who can use the agent."},
	},
}

// Logins are the events of users logging in. Read-only.
var Logins = &Table{
	Name: "logins", Title: "Logins", Role: Event, Domains: Usage,
	Doc: "Every login of a user, delivered at least once.",
	Fields: []Field{
		{Name: "workspace_id", Required: true, Doc: "The workspace that the user logged in to."},
		{Name: "user_id", Required: true, Doc: "The user who logged in."},
		{Name: "logged_in_at", Kind: Timestamp, Required: true, Doc: "The instant of the login."},
		{Name: "event_id", Doc: "Identifies the event, so that one delivered twice counts once."},
	},
}

// Generations are the events of content being generated. Read-only.
var Generations = &Table{
	Name: "generations", Title: "Generations", Role: Event, Domains: Usage,
	Doc: "Every generation of content, or sums of them, delivered at least once.",
	Fields: []Field{
		{Name: "workspace_id", Required: true, Doc: "The workspace that the content was generated in."},
		{Name: "created_at", Kind: Timestamp, Required: true, Doc: "The instant of the generation."},
		{Name: "generation_type", Required: true, Enum: generationTypes, Doc: "What kind of content was generated."},
		{Name: "generation_feature", Required: true, Enum: generationFeatures, Doc: "The feature that generated the content."},
		{Name: "event_id", Doc: "Identifies the event, so that one delivered twice counts once."},
		{Name: "user_id", Doc: "The user behind the generation, null for a call of the API."},
		{Name: "canvas_id", Doc: "The canvas that the content went to."},
		{Name: "grid_id", Doc: "The grid that the content went to."},
		{Name: "api_path", Doc: "The path that was called, with its identifiers, where the feature is API."},
		{Name: "agent_id", Doc: "The agent that was used."},
		{Name: "generation_agent_type", Enum: generationAgentTypes, Doc: "The kind of agent that was used, else that of the agent with agent_id."},
		{Name: "used_iq", Kind: Boolean, Doc: "True where knowledge or a brand voice was used, null is false."},
		{Name: "content_generations", Kind: Integer, Sum: true, Doc: "How many generations the row stands for, null is 1."},
	},
}

// Canvases is the current state of the canvases, for their names. Read-only.
var Canvases = &Table{
	Name: "canvases", Title: "Canvases", Role: State, Domains: Usage, Optional: Usage,
	Doc: "The canvases of each workspace as they are today, one row per canvas.",
	Fields: []Field{
		{Name: "workspace_id", Required: true, Grain: true, Doc: "The workspace that the canvas belongs to."},
		{Name: "canvas_id", Required: true, Grain: true, Doc: "Identifies the canvas."},
		{Name: "canvas_name", Doc: "What people call the canvas."},
	},
}

// Grids is the current state of the grids, for their names. Read-only.
var Grids = &Table{
	Name: "grids", Title: "Grids", Role: State, Domains: Usage, Optional: Usage,
	Doc: "The grids of each workspace as they are today, one row per grid.",
	Fields: []Field{
		{Name: "workspace_id", Required: true, Grain: true, Doc: "The workspace that the grid belongs to."},
		{Name: "grid_id", Required: true, Grain: true, Doc: "Identifies the grid."},
		{Name: "grid_name", Doc: "What people call the grid."},
	},
}
