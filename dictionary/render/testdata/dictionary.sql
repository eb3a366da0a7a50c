-- The tables of usagereport.
-- Input datasets: the columns that the query of a dataset returns, or the files of a dataset hold. Nothing needs to
-- be created for usagereport to read: the statements show the target shape. Columns without NOT NULL may be left out.
-- Logs: the columns that are published.
-- The lengths of text are only a proposal, chosen so that keys fit an index everywhere. Timestamps are UTC.
-- MySQL 8 reserves the word groups: put it in backquotes there.

-- Input datasets

-- The workspaces as they are today, one row per workspace.
CREATE TABLE workspaces (
  -- Identifies the workspace.
  workspace_id VARCHAR(255) NOT NULL,
  -- What people call the workspace.
  workspace_name VARCHAR(512) NOT NULL,
  -- The plan that the workspace is on, which decides whether it has an audit log.
  -- Documented values: 'Business'.
  plan VARCHAR(512),
  PRIMARY KEY (workspace_id)
);

-- The users of each workspace as they are today, revoked ones included, one row per user and workspace.
CREATE TABLE members (
  -- The workspace that the user belongs to.
  workspace_id VARCHAR(255) NOT NULL,
  -- Identifies the user.
  user_id VARCHAR(255) NOT NULL,
  -- What people call the user.
  user_name VARCHAR(512),
  -- The user's email address.
  user_email VARCHAR(512),
  -- What the user may do in the workspace.
  -- Documented values: 'admin', 'manager', 'member', 'developer'.
  user_role VARCHAR(512) NOT NULL,
  -- The department that the user works in, where it is known.
  user_department VARCHAR(512),
  -- True while the user has access, false once it is revoked.
  user_active BOOLEAN NOT NULL,
  -- When the user was added to the workspace.
  created_at TIMESTAMP(6) NOT NULL,
  -- When the user's access was revoked.
  revoked_at TIMESTAMP(6),
  -- The email address of whoever invited the user.
  invite_sent_from_email VARCHAR(512),
  -- When the invitation was sent.
  invite_sent_at TIMESTAMP(6),
  -- The user's first login, where the source knows one that the logins no longer show.
  first_login_at TIMESTAMP(6),
  -- The user's latest login, where the source knows one that the logins no longer show.
  last_login_at TIMESTAMP(6),
  -- The user's first generation, where the source knows one that the generations no longer show.
  first_generation_at TIMESTAMP(6),
  -- The user's latest generation, where the source knows one that the generations no longer show.
  last_generation_at TIMESTAMP(6),
  PRIMARY KEY (workspace_id, user_id)
);

-- The groups of each workspace as they are today, one row per group.
CREATE TABLE groups (
  -- The workspace that the group belongs to.
  workspace_id VARCHAR(255) NOT NULL,
  -- Identifies the group.
  group_id VARCHAR(255) NOT NULL,
  -- What people call the group.
  group_name VARCHAR(512),
  -- Who can see the group.
  -- Documented values: 'Public', 'Private'.
  group_visibility VARCHAR(512) NOT NULL,
  -- The user who made the group.
  creator_user_id VARCHAR(512),
  -- When the group was made.
  created_at TIMESTAMP(6) NOT NULL,
  PRIMARY KEY (workspace_id, group_id)
);

-- Who is in which group today, one row per group and user.
CREATE TABLE group_members (
  -- The workspace that the group belongs to.
  workspace_id VARCHAR(255) NOT NULL,
  -- The group.
  group_id VARCHAR(255) NOT NULL,
  -- The user who is in the group.
  user_id VARCHAR(255) NOT NULL,
  -- When the user was put into the group.
  added_at TIMESTAMP(6) NOT NULL,
  PRIMARY KEY (workspace_id, group_id, user_id)
);

-- The assets applied to each group today, one row per group and asset.
CREATE TABLE group_assets (
  -- The workspace that the group belongs to.
  workspace_id VARCHAR(255) NOT NULL,
  -- The group that the asset is applied to.
  group_id VARCHAR(255) NOT NULL,
  -- Identifies the asset.
  asset_id VARCHAR(255) NOT NULL,
  -- What kind of asset it is, where other kinds than the documented ones only count towards assets_in_group.
  -- Documented values: 'knowledge', 'voice'.
  asset_kind VARCHAR(512) NOT NULL,
  PRIMARY KEY (workspace_id, group_id, asset_id)
);

-- The custom agents of each workspace as they are today, one row per agent.
CREATE TABLE agents (
  -- The workspace that the agent belongs to.
  workspace_id VARCHAR(255) NOT NULL,
  -- Identifies the agent.
  agent_id VARCHAR(255) NOT NULL,
  -- What people call the agent.
  agent_name VARCHAR(512),
  -- When the agent was made.
  created_at TIMESTAMP(6) NOT NULL,
  -- How the agent came about.
  -- Documented values: 'Custom – User Saved', 'Custom – Studio (Private)', 'Custom – Studio (Public)', 'Custom – Services Built'.
  agent_type VARCHAR(512) NOT NULL,
  -- True while the agent can be used.
  agent_active BOOLEAN NOT NULL,
  -- True for an agent that was built in the studio.
  studio_agent BOOLEAN NOT NULL,
  -- The user who made the agent.
  creator_user_id VARCHAR(512),
  -- Who can use the agent.
  -- Documented values: 'Public', 'Private'.
  agent_visibility VARCHAR(512) NOT NULL,
  PRIMARY KEY (workspace_id, agent_id)
);

-- Every login of a user, delivered at least once.
CREATE TABLE logins (
  -- The workspace that the user logged in to.
  workspace_id VARCHAR(512) NOT NULL,
  -- The user who logged in.
  user_id VARCHAR(512) NOT NULL,
  -- The instant of the login.
  logged_in_at TIMESTAMP(6) NOT NULL,
  -- Identifies the event, so that one delivered twice counts once.
  event_id VARCHAR(512)
);

-- Every generation of content, or sums of them, delivered at least once.
CREATE TABLE generations (
  -- The workspace that the content was generated in.
  workspace_id VARCHAR(512) NOT NULL,
  -- The instant of the generation.
  created_at TIMESTAMP(6) NOT NULL,
  -- What kind of content was generated.
  -- Documented values: 'Text', 'Image'.
  generation_type VARCHAR(512) NOT NULL,
  -- The feature that generated the content.
  -- Documented values: 'Chat', 'Agent', 'Command', 'Ask Jasper', 'API', 'Extension', 'Other'.
  generation_feature VARCHAR(512) NOT NULL,
  -- Identifies the event, so that one delivered twice counts once.
  event_id VARCHAR(512),
  -- The user behind the generation, null for a call of the API.
  user_id VARCHAR(512),
  -- The canvas that the content went to.
  canvas_id VARCHAR(512),
  -- The grid that the content went to.
  grid_id VARCHAR(512),
  -- The path that was called, with its identifiers, where the feature is API.
  api_path VARCHAR(512),
  -- The agent that was used.
  agent_id VARCHAR(512),
  -- The kind of agent that was used, else that of the agent with agent_id.
  -- Documented values: 'Advanced Agent', 'Public', 'Custom – User Saved', 'Custom – Studio (Private)', 'Custom – Studio (Public)', 'Custom – Services Built', 'Single Use'.
  generation_agent_type VARCHAR(512),
  -- True where knowledge or a brand voice was used, null is false.
  used_iq BOOLEAN,
  -- How many generations the row stands for, null is 1.
  content_generations BIGINT
);

-- The canvases of each workspace as they are today, one row per canvas.
CREATE TABLE canvases (
  -- The workspace that the canvas belongs to.
  workspace_id VARCHAR(255) NOT NULL,
  -- Identifies the canvas.
  canvas_id VARCHAR(255) NOT NULL,
  -- What people call the canvas.
  canvas_name VARCHAR(512),
  PRIMARY KEY (workspace_id, canvas_id)
);

-- The grids of each workspace as they are today, one row per grid.
CREATE TABLE grids (
  -- The workspace that the grid belongs to.
  workspace_id VARCHAR(255) NOT NULL,
  -- Identifies the grid.
  grid_id VARCHAR(255) NOT NULL,
  -- What people call the grid.
  grid_name VARCHAR(512),
  PRIMARY KEY (workspace_id, grid_id)
);

-- Every act of user management in a workspace, delivered at least once.
CREATE TABLE audit_events (
  -- Identifies the event, so that one delivered twice counts once.
  event_id VARCHAR(512) NOT NULL,
  -- The workspace that it happened in.
  workspace_id VARCHAR(512) NOT NULL,
  -- The instant it happened.
  occurred_at TIMESTAMP(6) NOT NULL,
  -- What was done.
  -- Documented values: 'public_invite_link.created', 'public_invite_link.deleted', 'public_invite_link.accepted', 'email_invite.created', 'email_invite.deleted', 'email_invite.accepted', 'member.added', 'member.removed', 'member.role_updated'.
  action VARCHAR(512) NOT NULL,
  -- The user who did it.
  actor_user_id VARCHAR(512),
  -- The email address of whoever did it.
  actor_email VARCHAR(512),
  -- The user it was done to.
  target_user_id VARCHAR(512),
  -- The email address of whoever it was done to.
  target_email VARCHAR(512),
  -- The role before a change of role.
  -- Documented values: 'admin', 'manager', 'member', 'developer'.
  old_role VARCHAR(512),
  -- The role after a change of role.
  -- Documented values: 'admin', 'manager', 'member', 'developer'.
  new_role VARCHAR(512),
  -- Identifies the invitation or the invite link.
  invite_id VARCHAR(512),
  -- The network address that the act came from.
  ip_address VARCHAR(512)
);

-- The systems that integrations connect, as they are today, one row per system.
CREATE TABLE systems (
  -- Identifies the system.
  system_id VARCHAR(255) NOT NULL,
  -- What people call the system.
  system_name VARCHAR(512) NOT NULL,
  PRIMARY KEY (system_id)
);

-- The integrations as they are today, one row per integration of two systems.
CREATE TABLE integrations (
  -- Identifies the integration.
  integration_id VARCHAR(255) NOT NULL,
  -- What people call the integration.
  integration_name VARCHAR(512),
  -- The first of the two systems.
  system1_id VARCHAR(512) NOT NULL,
  -- The second of the two systems.
  system2_id VARCHAR(512) NOT NULL,
  -- Whether the integration is at work.
  -- Documented values: 'Active', 'Inactive'.
  status VARCHAR(512) NOT NULL,
  -- When the integration was last changed.
  updated_at TIMESTAMP(6) NOT NULL,
  PRIMARY KEY (integration_id)
);

-- The projects that each integration connects today, one row per pair of projects.
CREATE TABLE project_pairs (
  -- The integration that connects the two projects.
  integration_id VARCHAR(255) NOT NULL,
  -- The project in the integration's first system.
  system1_project VARCHAR(255) NOT NULL,
  -- The project in the integration's second system.
  system2_project VARCHAR(255) NOT NULL,
  -- Whether the pair is at work.
  -- Documented values: 'Active', 'Inactive'.
  status VARCHAR(512) NOT NULL,
  -- When the pair was last changed.
  updated_at TIMESTAMP(6) NOT NULL,
  PRIMARY KEY (integration_id, system1_project, system2_project)
);

-- Every attempt to synchronise an entity, delivered at least once.
CREATE TABLE sync_events (
  -- The integration at work.
  integration_id VARCHAR(512) NOT NULL,
  -- The system in which the entity lives or to which it was brought.
  end_system_id VARCHAR(512) NOT NULL,
  -- What kind of thing the entity is, in the words of its system.
  entity_type VARCHAR(512) NOT NULL,
  -- Identifies the entity within its system and type.
  entity_id VARCHAR(512) NOT NULL,
  -- The instant of the attempt.
  synced_at TIMESTAMP(6) NOT NULL,
  -- True when the entity was synchronised, false when the attempt failed.
  succeeded BOOLEAN NOT NULL,
  -- Identifies the event, so that one delivered twice counts once.
  event_id VARCHAR(512),
  -- The project in the integration's first system, where the source knows it.
  system1_project VARCHAR(512),
  -- The project in the integration's second system, where the source knows it.
  system2_project VARCHAR(512)
);

-- Every sight of a user in a system, with whatever identified the user there, delivered at least once.
CREATE TABLE user_observations (
  -- The system that the user was seen in.
  system_id VARCHAR(512) NOT NULL,
  -- Where in the system the user was seen, as author of a comment for example.
  interaction_type VARCHAR(512) NOT NULL,
  -- The instant the user was seen.
  observed_at TIMESTAMP(6) NOT NULL,
  -- The email address that the system showed.
  email VARCHAR(512),
  -- The username that the system showed.
  username VARCHAR(512),
  -- The display name that the system showed.
  display_name VARCHAR(512),
  -- True when the user is a service account, null is false.
  service_account BOOLEAN
);

-- Logs

-- Everyone who has or had access to a workspace, as of the snapshot, one row per user and workspace.
-- Grain: workspace_id, user_id.
-- Sorted by workspace_id, user_id.
CREATE TABLE user_log (
  -- Identifies the workspace.
  workspace_id VARCHAR(512) NOT NULL,
  -- Today's name of the workspace.
  workspace_name VARCHAR(512),
  -- Identifies the user.
  user_id VARCHAR(512) NOT NULL,
  -- What people call the user.
  user_name VARCHAR(512),
  -- The user's email address.
  user_email VARCHAR(512),
  -- What the user may do in the workspace.
  -- Documented values: 'admin', 'manager', 'member', 'developer'.
  user_role VARCHAR(512) NOT NULL,
  -- The department that the user works in, where it is known.
  user_department VARCHAR(512),
  -- True while the user has access, false once it is revoked.
  user_active BOOLEAN NOT NULL,
  -- The day the user was added to the workspace.
  user_created_date DATE NOT NULL,
  -- The day the user's access was revoked, null while the user is active.
  user_revoked_date DATE,
  -- The day of the user's first login ever seen, null before there is one.
  first_login_date DATE,
  -- The day of the user's latest login ever seen, the day before the run at the latest.
  last_login_date DATE,
  -- The day the user first generated content, null before there is one.
  first_content_generation_date DATE,
  -- The day the user last generated content, the day before the run at the latest.
  last_content_generation_date DATE,
  -- The email address of whoever invited the user, where there was an invitation.
  invite_sent_from_email VARCHAR(512),
  -- The day the invitation was sent, where there was one.
  invite_sent_date DATE
);

-- Who is in which group, as of the snapshot, with what is applied to the group, one row per group and member.
-- Grain: workspace_id, group_id, member_user_id.
-- Sorted by workspace_id, group_id, member_user_id.
CREATE TABLE group_members_log (
  -- Identifies the workspace.
  workspace_id VARCHAR(512) NOT NULL,
  -- Today's name of the workspace.
  workspace_name VARCHAR(512),
  -- Identifies the group.
  group_id VARCHAR(512) NOT NULL,
  -- Today's name of the group.
  group_name VARCHAR(512),
  -- Who can see the group, null when the source no longer holds the group.
  -- Documented values: 'Public', 'Private'.
  group_visibility VARCHAR(512),
  -- The user who made the group.
  creator_user_id VARCHAR(512),
  -- The email address of the user who made the group.
  creator_user_email VARCHAR(512),
  -- The name of the user who made the group.
  creator_user_name VARCHAR(512),
  -- The day the group was made, null when the source no longer holds the group.
  group_created_date DATE,
  -- The user who is in the group.
  member_user_id VARCHAR(512) NOT NULL,
  -- The email address of the member.
  member_user_email VARCHAR(512),
  -- The name of the member.
  member_user_name VARCHAR(512),
  -- The day the member was put into the group.
  member_added_date DATE NOT NULL,
  -- True when a knowledge asset is applied to the group.
  group_has_knowledge_applied BOOLEAN NOT NULL,
  -- True when a brand voice is applied to the group.
  group_has_voice_applied BOOLEAN NOT NULL,
  -- How many distinct assets of any kind are applied to the group, 0 where none are known.
  assets_in_group BIGINT NOT NULL,
  -- True when a knowledge asset or a brand voice is applied to the group.
  group_has_iq_applied BOOLEAN NOT NULL
);

-- The custom agents of the workspaces, as of the snapshot, one row per agent.
-- Grain: workspace_id, agent_id.
-- Sorted by workspace_id, agent_id.
CREATE TABLE agents_log (
  -- Identifies the workspace.
  workspace_id VARCHAR(512) NOT NULL,
  -- Identifies the agent.
  agent_id VARCHAR(512) NOT NULL,
  -- Today's name of the agent.
  agent_name VARCHAR(512),
  -- The day the agent was made.
  agent_created_date DATE NOT NULL,
  -- How the agent came about.
  -- Documented values: 'Custom – User Saved', 'Custom – Studio (Private)', 'Custom – Studio (Public)', 'Custom – Services Built'.
  agent_type VARCHAR(512) NOT NULL,
  -- True while the agent can be used.
  agent_active BOOLEAN NOT NULL,
  -- True for an agent that was built in the studio.
  studio_agent BOOLEAN NOT NULL,
  -- The user who made the agent.
  creator_user_id VARCHAR(512),
  -- The name of the user who made the agent.
  creator_user_name VARCHAR(512),
  -- The email address of the user who made the agent.
  creator_user_email VARCHAR(512),
  -- Who can use the agent.
  -- Documented values: 'Public', 'Private'.
  agent_visibility VARCHAR(512) NOT NULL
);

-- The days on which each user logged in, over the 365 days before the run date, one row per user, workspace and day.
-- Grain: workspace_id, user_id, user_login_date.
-- Sorted by workspace_id, user_login_date, user_id.
CREATE TABLE user_activity_log (
  -- Identifies the workspace.
  workspace_id VARCHAR(512) NOT NULL,
  -- Today's name of the workspace.
  workspace_name VARCHAR(512),
  -- The user who logged in.
  user_id VARCHAR(512) NOT NULL,
  -- Today's name of the user.
  user_name VARCHAR(512),
  -- Today's email address of the user.
  user_email VARCHAR(512),
  -- The day of one or more logins.
  user_login_date DATE NOT NULL
);

-- How much content was generated, over the 365 days before the run date, one row per day and combination of user, place, type, feature, endpoint, agent and use of IQ within a workspace.
-- Grain: workspace_id, user_id, content_created_date, canvas_id, grid_id, generation_type, generation_feature, api_endpoint, generation_agent_type, agent_id, generation_used_iq.
-- Sorted by workspace_id, content_created_date, user_id, canvas_id, grid_id, generation_type, generation_feature, api_endpoint, generation_agent_type, agent_id, generation_used_iq.
CREATE TABLE generation_log (
  -- When the run that made the snapshot began, in UTC as in 2026-11-21T02:30:00Z, the same in every row.
  run_time VARCHAR(512) NOT NULL,
  -- Identifies the workspace.
  workspace_id VARCHAR(512) NOT NULL,
  -- Today's name of the workspace.
  workspace_name VARCHAR(512),
  -- The user behind the generations, null for calls of the API without one.
  user_id VARCHAR(512),
  -- Today's name of the user.
  user_name VARCHAR(512),
  -- Today's email address of the user.
  user_email VARCHAR(512),
  -- The day the content was generated.
  content_created_date DATE NOT NULL,
  -- The canvas that the content went to, where it went to one.
  canvas_id VARCHAR(512),
  -- Today's name of the canvas.
  canvas_name VARCHAR(512),
  -- The grid that the content went to, where it went to one.
  grid_id VARCHAR(512),
  -- Today's name of the grid.
  grid_name VARCHAR(512),
  -- What kind of content was generated.
  -- Documented values: 'Text', 'Image'.
  generation_type VARCHAR(512) NOT NULL,
  -- The feature that generated the content.
  -- Documented values: 'Chat', 'Agent', 'Command', 'Ask Jasper', 'API', 'Extension', 'Other'.
  generation_feature VARCHAR(512) NOT NULL,
  -- The endpoint that was called, identifiers replaced by {id}, null unless the feature is API.
  api_endpoint VARCHAR(512),
  -- The kind of agent that was used, null without an agent.
  -- Documented values: 'Advanced Agent', 'Public', 'Custom – User Saved', 'Custom – Studio (Private)', 'Custom – Studio (Public)', 'Custom – Services Built', 'Single Use'.
  generation_agent_type VARCHAR(512),
  -- The agent that was used, where there was one.
  agent_id VARCHAR(512),
  -- Today's name of the agent that was used.
  generation_agent_name VARCHAR(512),
  -- True when knowledge or a brand voice was used.
  generation_used_iq BOOLEAN NOT NULL,
  -- How many generations the row counts, to be summed for totals.
  content_generations BIGINT NOT NULL
);

-- Who invited, added, removed or gave a role to whom in workspaces on the Business plan, over the 90 days before the run date, one row per event.
-- Grain: event_id.
-- Sorted by occurred_at (newest first), event_id.
CREATE TABLE audit_log (
  -- Identifies the event.
  event_id VARCHAR(512) NOT NULL,
  -- The instant it happened.
  occurred_at TIMESTAMP NOT NULL,
  -- The workspace that it happened in.
  workspace_id VARCHAR(512) NOT NULL,
  -- Today's name of the workspace.
  workspace_name VARCHAR(512) NOT NULL,
  -- What was done.
  -- Documented values: 'public_invite_link.created', 'public_invite_link.deleted', 'public_invite_link.accepted', 'email_invite.created', 'email_invite.deleted', 'email_invite.accepted', 'member.added', 'member.removed', 'member.role_updated'.
  action VARCHAR(512) NOT NULL,
  -- The user who did it.
  actor_user_id VARCHAR(512),
  -- Today's name of the user who did it.
  actor_user_name VARCHAR(512),
  -- The email address of whoever did it.
  actor_user_email VARCHAR(512),
  -- The user it was done to.
  target_user_id VARCHAR(512),
  -- Today's name of the user it was done to.
  target_user_name VARCHAR(512),
  -- The email address of whoever it was done to.
  target_user_email VARCHAR(512),
  -- Identifies the invitation or the invite link.
  invite_id VARCHAR(512),
  -- The role before a change of role.
  -- Documented values: 'admin', 'manager', 'member', 'developer'.
  old_role VARCHAR(512),
  -- The role after a change of role.
  -- Documented values: 'admin', 'manager', 'member', 'developer'.
  new_role VARCHAR(512),
  -- The network address that the act came from.
  ip_address VARCHAR(512)
);
