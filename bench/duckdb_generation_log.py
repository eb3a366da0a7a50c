"""Makes the Generation Log of a folder that bench/gen made with DuckDB, on two threads: the measure that the nightly
run is held against. It leaves out what the run does beside it: four more logs, identical events, checks, publishing."""
import sqlite3
import sys

import duckdb
import pyarrow as pa

folder = sys.argv[1]
db = sqlite3.connect(f"{folder}/app.db")
con = duckdb.connect()
con.execute("SET threads = 2; SET preserve_insertion_order = false")
for table in "workspaces", "members", "canvases", "grids", "agents":
    cursor = db.execute(f"SELECT * FROM {table}")
    columns = list(zip(*cursor.fetchall()))
    con.register(table, pa.table({d[0]: pa.array(c) for d, c in zip(cursor.description, columns)}))
con.execute(f"""
COPY (
  WITH facts AS (
    SELECT workspace_id, user_id, created_at::DATE AS content_created_date, canvas_id, grid_id, generation_type, generation_feature,
           CASE WHEN generation_feature = 'API' THEN regexp_replace(split_part(api_path, '?', 1), '/agents/[^/]+', '/agents/{{id}}') END
             AS api_endpoint,
           generation_agent_type, agent_id, used_iq, count(*) AS n
    FROM read_parquet('{folder}/events/*.parquet') GROUP BY ALL)
  SELECT '2026-11-21T02:30:00Z' AS run_time, f.workspace_id, workspace_name, f.user_id, user_name, user_email, content_created_date,
         f.canvas_id, canvas_name, f.grid_id, grid_name, generation_type, generation_feature, api_endpoint,
         coalesce(generation_agent_type, agent_type) AS generation_agent_type, f.agent_id, agent_name, used_iq, n
  FROM facts f
  LEFT JOIN workspaces USING (workspace_id)
  LEFT JOIN members m ON m.workspace_id = f.workspace_id AND m.user_id = f.user_id
  LEFT JOIN canvases c ON c.workspace_id = f.workspace_id AND c.canvas_id = f.canvas_id
  LEFT JOIN grids g ON g.workspace_id = f.workspace_id AND g.grid_id = f.grid_id
  LEFT JOIN agents a ON a.workspace_id = f.workspace_id AND a.agent_id = f.agent_id
) TO '{folder}/duckdb.parquet' (FORMAT parquet, COMPRESSION zstd)""")
