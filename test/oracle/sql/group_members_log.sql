-- Who is in which group. Assets count once each; a group that the source no longer holds is known by its id alone.
WITH assets AS (
  SELECT workspace_id, group_id, count(DISTINCT asset_id) AS n,
    bool_or(asset_kind = 'knowledge') AS knowledge, bool_or(asset_kind = 'voice') AS voice
  FROM group_assets GROUP BY ALL
)
SELECT gm.workspace_id, w.workspace_name, gm.group_id, g.group_name, g.group_visibility,
  g.creator_user_id, c.user_email AS creator_user_email, c.user_name AS creator_user_name,
  timezone('America/New_York', g.created_at)::DATE AS group_created_date,
  gm.user_id AS member_user_id, m.user_email AS member_user_email, m.user_name AS member_user_name,
  timezone('America/New_York', gm.added_at)::DATE AS member_added_date,
  coalesce(a.knowledge, false) AS group_has_knowledge_applied,
  coalesce(a.voice, false) AS group_has_voice_applied,
  coalesce(a.n, 0)::BIGINT AS assets_in_group,
  coalesce(a.knowledge OR a.voice, false) AS group_has_iq_applied
FROM group_members gm
LEFT JOIN known_workspaces w USING (workspace_id)
LEFT JOIN groups g ON g.workspace_id = gm.workspace_id AND g.group_id = gm.group_id
LEFT JOIN known_members c ON c.workspace_id = gm.workspace_id AND c.user_id = g.creator_user_id
LEFT JOIN known_members m ON m.workspace_id = gm.workspace_id AND m.user_id = gm.user_id
LEFT JOIN assets a ON a.workspace_id = gm.workspace_id AND a.group_id = gm.group_id
