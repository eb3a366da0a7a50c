-- Pairs of projects with a successful sync of the two in the window, or an update in it, united over the integrations (§6).
WITH synced AS (
  SELECT system1_id, system1_project, system2_id, system2_project, max(synced_at) AS last
  FROM syncs WHERE system1_project IS NOT NULL AND system2_project IS NOT NULL GROUP BY ALL
), known AS (
  SELECT i.system1_id, p.system1_project, i.system2_id, p.system2_project, bool_or(p.active) AS active, max(p.updated_at) AS updated,
    bool_or(local_day(p.updated_at) BETWEEN span.first_day AND span.last_day) AS in_window
  FROM known_project_pairs p JOIN known_integrations i USING (integration_id), span GROUP BY ALL
)
SELECT a.name, system1_project, b.name, system2_project, CASE WHEN active THEN 'Active' ELSE 'Inactive' END, wall(updated), wall(last)
FROM known FULL JOIN synced USING (system1_id, system1_project, system2_id, system2_project)
JOIN systems a ON a.system_id = system1_id
JOIN systems b ON b.system_id = system2_id
WHERE in_window OR last IS NOT NULL
ORDER BY 1, 2, 3, 4
