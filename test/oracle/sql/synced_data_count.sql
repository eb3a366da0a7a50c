-- Distinct entities with a successful sync in the window, by pair of systems (§6).
SELECT a.name, b.name, count(DISTINCT (s.end_system_id, s.entity_type, s.entity_id))::BIGINT, wall(max(s.synced_at))
FROM syncs s
JOIN systems a ON a.system_id = s.system1_id
JOIN systems b ON b.system_id = s.system2_id
GROUP BY s.system1_id, a.name, s.system2_id, b.name
ORDER BY 3 DESC, 1, 2
