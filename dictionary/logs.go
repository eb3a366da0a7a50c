package dictionary

// UserLog is the roster of the workspaces' users. Read-only.
var UserLog = &Table{
	Name: "user_log", Title: "User Log", Role: Log, Domains: Usage, Version: 1,
	Doc: "Everyone who has or had access to a workspace, as of the snapshot, one row per user and workspace.",
	Fields: []Field{
		{Name: "workspace_id", Required: true, Grain: true, Doc: "Identifies the workspace."},
		{Name: "workspace_name", Doc: "Today's name of the workspace."},
		{Name: "user_id", Required: true, Grain: true, Doc: "Identifies the user."},
		{Name: "user_name", Doc: "What people call the user."},
		{Name: "user_email", Doc: "The user's email address."},
		{Name: "user_role", Required: true, Enum: userRoles, Doc: "What the user may do in the workspace."},
		{Name: "user_department", Doc: "The department that the user works in, where it is known."},
		{Name: "user_active", Kind: Boolean, Required: true, Doc: "True while the user has access, false once it is revoked."},
		{Name: "user_created_date", Kind: Date, Required: true, Doc: "The day the user was added to the workspace."},
		{Name: "user_revoked_date", Kind: Date, Doc: "The day the user's access was revoked, null while the user is active."},
		{Name: "first_login_date", Kind: Date, Doc: "The day of the user's first login ever seen, null before there is one."},
		{Name: "last_login_date", Kind: Date, Doc: "The day of the user's latest login ever seen, the day before the run at the latest."},
		{Name: "first_content_generation_date", Kind: Date, Doc: "The day the user first generated content, null before there is one."},
		{Name: "last_content_generation_date", Kind: Date, Doc: "The day the user last generated content, the day before the run at the latest."},
		{Name: "invite_sent_from_email", Doc: "The email address of whoever invited the user, where there was an invitation."},
		{Name: "invite_sent_date", Kind: Date, Doc: "The day the invitation was sent, where there was one."},
	},
}

// GroupMembersLog is who is in which group. Read-only.
var GroupMembersLog = &Table{
	Name: "group_members_log", Title: "Group Members Log", Role: Log, Domains: Usage, Version: 1,
	Doc: "Who is in which group, as of the snapshot, with what is applied to the group, one row per group and member.",
	Fields: []Field{
		{Name: "workspace_id", Required: true, Grain: true, Doc: "Identifies the workspace."},
		{Name: "workspace_name", Doc: "Today's name of the workspace."},
		{Name: "group_id", Required: true, Grain: true, Doc: "Identifies the group."},
		{Name: "group_name", Doc: "Today's name of the group."},
		{Name: "group_visibility", Enum: groupVisibilities, Doc: "Who can see the group, null when the source no longer holds the group."},
		{Name: "creator_user_id", Doc: "The user who made the group."},
		{Name: "creator_user_email", Doc: "The email address of the user who made the group."},
		{Name: "creator_user_name", Doc: "The name of the user who made the group."},
		{Name: "group_created_date", Kind: Date, Doc: "The day the group was made, null when the source no longer holds the group."},
		{Name: "member_user_id", Required: true, Grain: true, Doc: "The user who is in the group."},
		{Name: "member_user_email", Doc: "The email address of the member."},
		{Name: "member_user_name", Doc: "The name of the member."},
		{Name: "member_added_date", Kind: Date, Required: true, Doc: "The day the member was put into the group."},
		{Name: "group_has_knowledge_applied", Kind: Boolean, Required: true, Doc: "True when a knowledge asset is applied to the group."},
		{Name: "group_has_voice_applied", Kind: Boolean, Required: true, Doc: "True when a brand voice is applied to the group."},
		{Name: "assets_in_group", Kind: Integer, Required: true, Doc: "How many distinct assets of any kind are applied to the group, 0 where none are known."},
		{Name: "group_has_iq_applied", Kind: Boolean, Required: true, Doc: "True when a knowledge asset or a brand voice is applied to the group."},
	},
}

// AgentsLog is the catalogue of custom agents. Read-only.
var AgentsLog = &Table{
	Name: "agents_log", Title: "Agents Log", Role: Log, Domains: Usage, Version: 1,
	Doc: "The custom agents of the workspaces, as of the snapshot, one row per agent.",
	Fields: []Field{
		{Name: "workspace_id", Required: true, Grain: true, Doc: "Identifies the workspace."},
		{Name: "agent_id", Required: true, Grain: true, Doc: "Identifies the agent."},
		{Name: "agent_name", Doc: "Today's name of the agent."},
		{Name: "agent_created_date", Kind: Date, Required: true, Doc: "The day the agent was made."},
		{Name: "agent_type", Required: true, Enum: agentTypes, Doc: "How the agent came about."},
		{Name: "agent_active", Kind: Boolean, Required: true, Doc: "True while the agent can be used."},
		{Name: "studio_agent", Kind: Boolean, Required: true, Doc: "True for an agent that was built in the studio."},
		{Name: "creator_user_id", Doc: "The user who made the agent."},
		{Name: "creator_user_name", Doc: "The name of the user who made the agent."},
		{Name: "creator_user_email", Doc: "The email address of the user who made the agent."},
		{Name: "agent_visibility", Required: true, Enum: agentVisibilities, Doc: "Who can use the agent."},
	},
}

// UserActivityLog is the days on which users logged in. Read-only.
var UserActivityLog = &Table{
	Name: "user_activity_log", Title: "User Activity Log", Role: Log, Domains: Usage, Version: 1,
	Doc: "The days on which each user logged in, over the 365 days before the run date, one row per user, workspace and day.",
	Fields: []Field{
		{Name: "workspace_id", Required: true, Grain: true, Doc: "Identifies the workspace."},
		{Name: "workspace_name", Doc: "Today's name of the workspace."},
		{Name: "user_id", Required: true, Grain: true, Doc: "The user who logged in."},
		{Name: "user_name", Doc: "Today's name of the user."},
		{Name: "user_email", Doc: "Today's email address of the user."},
		{Name: "user_login_date", Kind: Date, Required: true, Grain: true, Doc: "The day of one or more logins."},
	},
}

// GenerationLog is the generated content, counted. Read-only.
var GenerationLog = &Table{
	Name: "generation_log", Title: "Generation Log", Role: Log, Domains: Usage, Version: 1,
	Doc: "How much content was generated, over the 365 days before the run date, one row per day and combination of " +
		"user, place, type, feature, endpoint, agent and use of IQ within a workspace.",
	Fields: []Field{
		{Name: "run_time", Required: true, Doc: "When the run that made the snapshot began, in UTC as in 2026-11-21T02:30:00Z, the same in every row."},
		{Name: "workspace_id", Required: true, Grain: true, Doc: "Identifies the workspace."},
		{Name: "workspace_name", Doc: "Today's name of the workspace."},
		{Name: "user_id", Grain: true, Doc: "The user behind the generations, null for calls of the API without one."},
		{Name: "user_name", Doc: "Today's name of the user."},
		{Name: "user_email", Doc: "Today's email address of the user."},
		{Name: "content_created_date", Kind: Date, Required: true, Grain: true, Doc: "The day the content was generated."},
		{Name: "canvas_id", Grain: true, Doc: "The canvas that the content went to, where it went to one."},
		{Name: "canvas_name", Doc: "Today's name of the canvas."},
		{Name: "grid_id", Grain: true, Doc: "The grid that the content went to, where it went to one."},
		{Name: "grid_name", Doc: "Today's name of the grid."},
		{Name: "generation_type", Required: true, Grain: true, Enum: generationTypes, Doc: "What kind of content was generated."},
		{Name: "generation_feature", Required: true, Grain: true, Enum: generationFeatures, Doc: "The feature that generated the content."},
		{Name: "api_endpoint", Grain: true, Doc: "The endpoint that was called, identifiers replaced by {id}, null unless the feature is API."},
		{Name: "generation_agent_type", Grain: true, Enum: generationAgentTypes, Doc: "The kind of agent that was used, null without an agent."},
		{Name: "agent_id", Grain: true, Doc: "The agent that was used, where there was one."},
		{Name: "generation_agent_name", Doc: "Today's name of the agent that was used."},
		{Name: "generation_used_iq", Kind: Boolean, Required: true, Grain: true, Doc: "True when knowledge or a brand voice was used."},
		{Name: "content_generations", Kind: Integer, Required: true, Sum: true, Doc: "How many generations the row counts, to be summed for totals."},
	},
}

// AuditLog is the acts of user management in workspaces on the Business plan. Read-only.
var AuditLog = &Table{
	Name: "audit_log", Title: "Audit Log", Role: Log, Domains: Audit, Version: 1, NewestFirst: "occurred_at",
	Doc: "Who invited, added, removed or gave a role to whom in workspaces on the Business plan, over the 90 days before the run date, one row per event.",
	Fields: []Field{
		{Name: "event_id", Required: true, Grain: true, Doc: "Identifies the event."},
		{Name: "occurred_at", Kind: Timestamp, Required: true, Doc: "The instant it happened."},
		{Name: "workspace_id", Required: true, Doc: "The workspace that it happened in."},
		{Name: "workspace_name", Required: true, Doc: "Today's name of the workspace."},
		{Name: "action", Required: true, Enum: auditActions, Doc: "What was done."},
		{Name: "actor_user_id", Doc: "The user who did it."},
		{Name: "actor_user_name", Doc: "Today's name of the user who did it."},
		{Name: "actor_user_email", Doc: "The email address of whoever did it."},
		{Name: "target_user_id", Doc: "The user it was done to."},
		{Name: "target_user_name", Doc: "Today's name of the user it was done to."},
		{Name: "target_user_email", Doc: "The email address of whoever it was done to."},
		{Name: "invite_id", Doc: "Identifies the invitation or the invite link."},
		{Name: "old_role", Enum: userRoles, Doc: "The role before a change of role."},
		{Name: "new_role", Enum: userRoles, Doc: "The role after a change of role."},
		{Name: "ip_address", Doc: "The network address that the act came from."},
	},
}
