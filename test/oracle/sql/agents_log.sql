-- The catalogue of agents as of the run date.
SELECT a.workspace_id, a.agent_id, a.agent_name,
  timezone('America/New_York', a.created_at)::DATE AS agent_created_date,
  a.agent_type, a.agent_active, a.studio_agent,
  a.creator_user_id, m.user_name AS creator_user_name, m.user_email AS creator_user_email,
  a.agent_visibility
FROM agents a
LEFT JOIN known_members m ON m.workspace_id = a.workspace_id AND m.user_id = a.creator_user_id
