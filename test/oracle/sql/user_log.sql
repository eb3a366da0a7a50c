-- The roster as of the run date. First and last days are over all history seen, never after the day before the run (§2):
-- today's events, those that the sources have dropped since the night before, and what the source itself remembers.
-- A member who has access was not revoked, whatever the table says.
WITH login_days AS (
  SELECT workspace_id, user_id, day FROM logins
  UNION ALL
  SELECT account_id, uid, timezone('America/New_York', try_cast(signed_in_at AS TIMESTAMPTZ))::DATE
  FROM before_signins WHERE uid IS NOT NULL AND try_cast(signed_in_at AS TIMESTAMPTZ) IS NOT NULL
  UNION ALL
  SELECT workspace_id, user_id, timezone('America/New_York', unnest([first_login_at, last_login_at]))::DATE FROM members
), generation_days AS (
  SELECT workspace_id, user_id, day FROM generations WHERE user_id IS NOT NULL
  UNION ALL
  SELECT account, uid, timezone('America/New_York', ts)::DATE
  FROM before_generations WHERE uid IS NOT NULL AND account IS NOT NULL AND utf8
  UNION ALL
  SELECT workspace_id, user_id, timezone('America/New_York', unnest([first_generation_at, last_generation_at]))::DATE FROM members
), login_span AS (
  SELECT workspace_id, user_id, min(day) AS first, max(day) AS last
  FROM login_days WHERE day < (SELECT d FROM run) GROUP BY ALL
), generation_span AS (
  SELECT workspace_id, user_id, min(day) AS first, max(day) AS last
  FROM generation_days WHERE day < (SELECT d FROM run) GROUP BY ALL
)
SELECT m.workspace_id, w.workspace_name, m.user_id, m.user_name, m.user_email, m.user_role, m.user_department, m.user_active,
  timezone('America/New_York', m.created_at)::DATE AS user_created_date,
  CASE WHEN NOT m.user_active THEN timezone('America/New_York', m.revoked_at)::DATE END AS user_revoked_date,
  l.first AS first_login_date, l.last AS last_login_date,
  g.first AS first_content_generation_date, g.last AS last_content_generation_date,
  m.invite_sent_from_email,
  timezone('America/New_York', m.invite_sent_at)::DATE AS invite_sent_date
FROM members m
LEFT JOIN known_workspaces w USING (workspace_id)
LEFT JOIN login_span l USING (workspace_id, user_id)
LEFT JOIN generation_span g USING (workspace_id, user_id)
