-- The demo's sources in the words of the contract (§3): names, values, types, one row per event. The codes of the
-- source systems are spelled out here once more, independently of the config's mappings.

-- What cannot be used: a null where the contract has none, text that is no instant. (Text that is not UTF-8 was set
-- aside while loading, since a table cannot hold it.)

CREATE VIEW workspaces AS
SELECT DISTINCT id AS workspace_id, title AS workspace_name,
  CASE tier WHEN 'biz' THEN 'Business' WHEN 'pro' THEN 'Pro' ELSE tier END AS plan
FROM now_accounts;

CREATE VIEW members AS
SELECT DISTINCT account_id AS workspace_id, m.uid AS user_id, full_name AS user_name, mail AS user_email,
  CASE role_code WHEN 'A' THEN 'admin' WHEN 'M' THEN 'manager' WHEN 'U' THEN 'member' WHEN 'D' THEN 'developer'
    ELSE role_code END AS user_role,
  dept AS user_department, is_active = 1 AS user_active,
  joined_at::TIMESTAMPTZ AS created_at, left_at::TIMESTAMPTZ AS revoked_at,
  invited_by AS invite_sent_from_email, invited_at::TIMESTAMPTZ AS invite_sent_at,
  first_signin_at::TIMESTAMPTZ AS first_login_at, last_signin_at::TIMESTAMPTZ AS last_login_at,
  first_content_at::TIMESTAMPTZ AS first_generation_at, last_content_at::TIMESTAMPTZ AS last_generation_at
FROM now_memberships m JOIN now_people p ON p.uid = m.uid;

CREATE VIEW groups AS
SELECT DISTINCT account_id AS workspace_id, team_id AS group_id, label AS group_name,
  CASE access WHEN 'open' THEN 'Public' WHEN 'closed' THEN 'Private' ELSE access END AS group_visibility,
  made_by AS creator_user_id, made_at::TIMESTAMPTZ AS created_at
FROM now_teams;

CREATE VIEW group_members AS
SELECT DISTINCT account_id AS workspace_id, team_id AS group_id, uid AS user_id, added_at::TIMESTAMPTZ AS added_at
FROM now_team_people;

CREATE VIEW group_assets AS
SELECT DISTINCT account_id AS workspace_id, team_id AS group_id, asset_id,
  CASE kind WHEN 'kb' THEN 'knowledge' ELSE kind END AS asset_kind
FROM now_team_assets;

CREATE VIEW agents AS
SELECT DISTINCT account_id AS workspace_id, bot_id AS agent_id, label AS agent_name, made_at::TIMESTAMPTZ AS created_at,
  CASE kind WHEN 'saved' THEN 'Custom – User Saved' WHEN 'studio_private' THEN 'Custom – Studio (Private)'
    WHEN 'studio_public' THEN 'Custom – Studio (Public)' WHEN 'service' THEN 'Custom – Services Built'
    ELSE kind END AS agent_type,
  enabled = 1 AS agent_active, kind LIKE 'studio%' AS studio_agent, made_by AS creator_user_id,
  CASE shared WHEN 1 THEN 'Public' ELSE 'Private' END AS agent_visibility
FROM now_bots;

-- Things as they were last known: today's, else those of the night before, which the sources have dropped since (§3).

CREATE VIEW known_workspaces AS
SELECT workspace_id, workspace_name, plan FROM workspaces
UNION ALL
SELECT id, title, CASE tier WHEN 'biz' THEN 'Business' WHEN 'pro' THEN 'Pro' ELSE tier END FROM before_accounts WHERE id NOT IN (SELECT workspace_id FROM workspaces);

CREATE VIEW known_members AS
SELECT workspace_id, user_id, user_name, user_email FROM members
UNION ALL
SELECT b.account_id, b.uid, p.full_name, p.mail
FROM before_memberships b JOIN before_people p ON p.uid = b.uid
WHERE NOT EXISTS (FROM members m WHERE m.workspace_id = b.account_id AND m.user_id = b.uid);

CREATE VIEW known_agents AS
SELECT workspace_id, agent_id, agent_name, agent_type FROM agents
UNION ALL
SELECT account_id, bot_id, label,
  CASE kind WHEN 'saved' THEN 'Custom – User Saved' WHEN 'studio_private' THEN 'Custom – Studio (Private)'
    WHEN 'studio_public' THEN 'Custom – Studio (Public)' WHEN 'service' THEN 'Custom – Services Built' ELSE kind END
FROM before_bots b
WHERE NOT EXISTS (FROM agents a WHERE a.workspace_id = b.account_id AND a.agent_id = b.bot_id);

CREATE VIEW known_canvases AS
SELECT DISTINCT account AS workspace_id, doc AS canvas_id, title AS canvas_name FROM now_canvases
UNION ALL
SELECT DISTINCT account, doc, title FROM before_canvases b
WHERE NOT EXISTS (FROM now_canvases n WHERE n.account = b.account AND n.doc = b.doc);

CREATE VIEW known_grids AS
SELECT DISTINCT account AS workspace_id, sheet AS grid_id, title AS grid_name FROM now_grids
UNION ALL
SELECT DISTINCT account, sheet, title FROM before_grids b
WHERE NOT EXISTS (FROM now_grids n WHERE n.account = b.account AND n.sheet = b.sheet);

-- Events: usable rows, each event once wherever and whenever it was delivered, on its day in the reporting zone (§2, §3).

CREATE TABLE login_rows AS
SELECT id AS event_id, account_id AS workspace_id, uid AS user_id, try_cast(signed_in_at AS TIMESTAMPTZ) AS logged_in_at,
  account_id IS NOT NULL AND uid IS NOT NULL AND logged_in_at IS NOT NULL AS usable
FROM now_signins;

CREATE TABLE logins AS
SELECT workspace_id, user_id, timezone('America/New_York', logged_in_at)::DATE AS day
FROM login_rows WHERE usable
QUALIFY event_id IS NULL OR row_number() OVER (PARTITION BY event_id ORDER BY logged_in_at) = 1;

CREATE TABLE generation_rows AS
SELECT *, utf8 AND account IS NOT NULL AND ts IS NOT NULL AND kind IS NOT NULL AND surface IS NOT NULL AS usable
FROM now_generations;

CREATE TABLE generations AS
SELECT account AS workspace_id, timezone('America/New_York', ts)::DATE AS day,
  CASE kind WHEN 'text' THEN 'Text' WHEN 'image' THEN 'Image' ELSE kind END AS generation_type,
  -- Features that nobody has mapped, "hologram" for one, are Other: the documented catch-all (§4).
  CASE surface WHEN 'chat' THEN 'Chat' WHEN 'agent_run' THEN 'Agent' WHEN 'inline_command' THEN 'Command'
    WHEN 'ask_jasper' THEN 'Ask Jasper' WHEN 'api' THEN 'API' WHEN 'browser_extension' THEN 'Extension'
    ELSE 'Other' END AS generation_feature,
  uid AS user_id, doc AS canvas_id, sheet AS grid_id,
  CASE surface WHEN 'api' THEN api_endpoint(path) END AS api_endpoint,
  bot AS agent_id,
  CASE bot_kind WHEN 'advanced' THEN 'Advanced Agent' WHEN 'public' THEN 'Public' WHEN 'single_use' THEN 'Single Use'
    WHEN 'saved' THEN 'Custom – User Saved' WHEN 'studio_private' THEN 'Custom – Studio (Private)'
    WHEN 'studio_public' THEN 'Custom – Studio (Public)' WHEN 'service' THEN 'Custom – Services Built'
    ELSE bot_kind END AS generation_agent_type,
  coalesce(iq, false) AS generation_used_iq,
  coalesce(batch, 1)::BIGINT AS events
FROM generation_rows WHERE usable
QUALIFY id IS NULL OR row_number() OVER (PARTITION BY id ORDER BY ts) = 1;

CREATE TABLE audit_event_rows AS
SELECT id AS event_id, account_id AS workspace_id, try_cast(noted_at AS TIMESTAMPTZ) AS occurred_at,
  CASE verb WHEN 'link.make' THEN 'public_invite_link.created' WHEN 'link.drop' THEN 'public_invite_link.deleted'
    WHEN 'link.use' THEN 'public_invite_link.accepted' WHEN 'invite.send' THEN 'email_invite.created'
    WHEN 'invite.drop' THEN 'email_invite.deleted' WHEN 'invite.accept' THEN 'email_invite.accepted'
    WHEN 'user.add' THEN 'member.added' WHEN 'user.remove' THEN 'member.removed' WHEN 'role.change' THEN 'member.role_updated'
    ELSE verb END AS action,
  by_uid AS actor_user_id, by_mail AS actor_email, to_uid AS target_user_id, to_mail AS target_email,
  CASE role_before WHEN 'A' THEN 'admin' WHEN 'M' THEN 'manager' WHEN 'U' THEN 'member' WHEN 'D' THEN 'developer'
    ELSE role_before END AS old_role,
  CASE role_after WHEN 'A' THEN 'admin' WHEN 'M' THEN 'manager' WHEN 'U' THEN 'member' WHEN 'D' THEN 'developer'
    ELSE role_after END AS new_role,
  invite AS invite_id, address AS ip_address, occurred_at IS NOT NULL AS usable
FROM now_trail;

CREATE TABLE audit_events AS
SELECT *, timezone('America/New_York', occurred_at)::DATE AS day
FROM audit_event_rows WHERE usable
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY occurred_at) = 1;
