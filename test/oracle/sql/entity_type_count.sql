-- One row per pair of systems, end system and entity type with a successful sync in the window (§6). A pair is ordered,
-- and active if any integration of today's is.
SELECT p.name, e.name, s.entity_type, CASE WHEN p.active THEN 'Active' ELSE 'Inactive' END, wall(max(s.synced_at))
FROM syncs s
JOIN pairs p USING (system1_id, system2_id)
JOIN systems e ON e.system_id = s.end_system_id
GROUP BY p.name, p.active, s.system1_id, s.system2_id, s.end_system_id, e.name, s.entity_type
ORDER BY p.name, e.name, s.entity_type
