-- Content generated in D-365 … D-1, counted by every column that is not summed. An event with an agent and no agent type
-- takes the agent's own; names are today's, also on old rows (§4).
WITH e AS (
  SELECT g.* REPLACE (coalesce(g.generation_agent_type, a.agent_type) AS generation_agent_type), a.agent_name
  FROM generations g
  LEFT JOIN known_agents a ON a.workspace_id = g.workspace_id AND a.agent_id = g.agent_id
  WHERE g.day BETWEEN (SELECT d - 365 FROM run) AND (SELECT d - 1 FROM run)
)
SELECT (SELECT run_time FROM run) AS run_time,
  e.workspace_id, w.workspace_name, e.user_id, m.user_name, m.user_email, e.day AS content_created_date,
  e.canvas_id, c.canvas_name, e.grid_id, r.grid_name,
  e.generation_type, e.generation_feature, e.api_endpoint, e.generation_agent_type, e.agent_id,
  e.agent_name AS generation_agent_name, e.generation_used_iq,
  sum(e.events)::BIGINT AS content_generations
FROM e
LEFT JOIN known_workspaces w ON w.workspace_id = e.workspace_id
LEFT JOIN known_members m ON m.workspace_id = e.workspace_id AND m.user_id = e.user_id
LEFT JOIN known_canvases c ON c.workspace_id = e.workspace_id AND c.canvas_id = e.canvas_id
LEFT JOIN known_grids r ON r.workspace_id = e.workspace_id AND r.grid_id = e.grid_id
GROUP BY ALL
