-- The demo's connected systems in the words of the contract (§3), with what the sources have dropped since the night before.

CREATE MACRO local_day(t) AS timezone('America/New_York', t)::DATE;
CREATE MACRO wall(t) AS date_trunc('second', timezone('America/New_York', t)); -- what a cell shows

-- A system without a name goes by its id; systems of one name are told apart by theirs.
CREATE VIEW systems AS
WITH known AS (
  SELECT DISTINCT tool_key, coalesce(nullif(label, ''), tool_key) AS label FROM now_tools
  UNION ALL
  SELECT DISTINCT tool_key, coalesce(nullif(label, ''), tool_key) FROM before_tools WHERE tool_key NOT IN (SELECT tool_key FROM now_tools)
)
SELECT tool_key AS system_id,
  CASE WHEN count(*) OVER (PARTITION BY label) > 1 THEN label || ' (' || tool_key || ')' ELSE label END AS name
FROM known;

-- An integration, or a pair of projects, that is gone is not at work any more.
CREATE VIEW known_integrations AS
SELECT DISTINCT link_id AS integration_id, tool_a AS system1_id, tool_b AS system2_id, state = 'on' AS active FROM now_links
UNION ALL
SELECT DISTINCT link_id, tool_a, tool_b, false FROM before_links WHERE link_id NOT IN (SELECT link_id FROM now_links);

CREATE VIEW known_project_pairs AS
SELECT DISTINCT link_id AS integration_id, project_a AS system1_project, project_b AS system2_project, enabled = 1 AS active,
  changed_at::TIMESTAMPTZ AS updated_at
FROM now_link_projects
UNION ALL
SELECT DISTINCT link_id, project_a, project_b, false, changed_at::TIMESTAMPTZ
FROM before_link_projects b
WHERE NOT EXISTS (FROM now_link_projects n WHERE n.link_id = b.link_id AND n.project_a = b.project_a AND n.project_b = b.project_b);

-- A pair of systems is ordered, and active if any integration of today's is.
CREATE VIEW pairs AS
SELECT i.system1_id, i.system2_id, a.name || ' ↔ ' || b.name AS name, bool_or(i.active) AS active
FROM known_integrations i JOIN systems a ON a.system_id = i.system1_id JOIN systems b ON b.system_id = i.system2_id
GROUP BY ALL;

-- Events: usable rows, each event once wherever and whenever it was delivered (§3). A user seen twice is a user seen.

CREATE TABLE sync_event_rows AS
SELECT *, utf8 AND link IS NOT NULL AND side IS NOT NULL AND kind IS NOT NULL AND key IS NOT NULL AND ts IS NOT NULL
  AND ok IS NOT NULL AS usable
FROM now_syncs;

CREATE TABLE sync_events AS
WITH usable AS (
  SELECT * EXCLUDE (usable) FROM sync_event_rows WHERE usable
  UNION ALL
  SELECT * FROM before_syncs WHERE utf8 AND link IS NOT NULL AND side IS NOT NULL AND kind IS NOT NULL AND key IS NOT NULL
    AND ts IS NOT NULL AND ok IS NOT NULL
)
SELECT link AS integration_id, side AS end_system_id, kind AS entity_type, key AS entity_id, ts AS synced_at, ok AS succeeded,
  project_a AS system1_project, project_b AS system2_project, local_day(ts) AS day
FROM usable
QUALIFY id IS NULL OR row_number() OVER (PARTITION BY id ORDER BY ts) = 1;

CREATE TABLE user_observation_rows AS
SELECT *, try_cast("at" AS TIMESTAMPTZ) AS observed_at,
  tool IS NOT NULL AND seen_as IS NOT NULL AND observed_at IS NOT NULL AS usable
FROM now_sightings;

CREATE TABLE observations AS
WITH sightings AS (
  SELECT tool, seen_as, "at", mail, login, name, robot FROM now_sightings
  UNION ALL
  (SELECT tool, seen_as, "at", mail, login, name, robot FROM before_sightings
   EXCEPT ALL SELECT tool, seen_as, "at", mail, login, name, robot FROM now_sightings)
)
SELECT tool AS system_id, seen_as AS interaction_type, try_cast("at" AS TIMESTAMPTZ) AS observed_at, mail AS email,
  login AS username, name AS display_name, robot AS service_account, local_day(observed_at) AS day
FROM sightings WHERE tool IS NOT NULL AND seen_as IS NOT NULL AND observed_at IS NOT NULL;
