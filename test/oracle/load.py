"""Brings the demo's sources into DuckDB tables as they are: now_… of the night that is checked, before_… of the night
before. SQLite is read by Python, Parquet by pyarrow, CSV and JSON Lines by DuckDB."""

import gzip
import io
import json
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

TABLES = ["accounts", "people", "memberships", "teams", "team_people", "team_assets", "bots", "signins", "tools", "links",
          "link_projects", "trail"]
NUMBERS = {"is_active", "enabled", "shared"}
SIGHTING = ["tool", "seen_as", "at", "mail", "login", "name"]


def sqlite_table(db, table):
    cursor = db.execute(f"SELECT * FROM {table}")
    names = [d[0] for d in cursor.description]
    rows = cursor.fetchall()
    columns = {}
    for i, name in enumerate(names):
        kind = pa.int64() if name in NUMBERS else pa.string()
        columns[name] = pa.array([row[i] for row in rows], kind)
    return pa.table(columns)


def database(con, folder, prefix):
    db = sqlite3.connect(f"file:{Path(folder) / 'app.db'}?mode=ro", uri=True)
    for table in TABLES:
        register(con, f"{prefix}_{table}", sqlite_table(db, table))
    db.close()


def reference(con, folder, prefix):
    """The canvases and the grids. An empty CSV field is null."""
    where = Path(folder) / "events" / "reference"
    text = pa.input_stream(str(where / "canvases.jsonl.zst"), compression="zstd").read()
    rows = [json.loads(line) for line in io.BytesIO(text)]
    names = ["account", "doc", "title"]
    register(con, f"{prefix}_canvases", pa.table({n: pa.array([r.get(n) for r in rows], pa.string()) for n in names}))
    con.execute(
        f"CREATE TABLE {prefix}_grids AS SELECT nullif(account, '') AS account, nullif(sheet, '') AS sheet, "
        "nullif(title, '') AS title FROM read_csv(?, header = true, all_varchar = true, quote = '\"', escape = '\"')",
        [str(where / "grids.csv")],
    )


def not_utf8(column):
    """Which values are not UTF-8, as a list of booleans. pyarrow reads text without looking."""
    if column.null_count == len(column):
        return None
    coded = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = coded.cast(pa.binary()).dictionary_encode()
    bad = set()
    for i, value in enumerate(coded.dictionary.to_pylist()):
        try:
            value.decode("utf-8")
        except UnicodeDecodeError:
            bad.add(i)
    if not bad:
        return None
    return [code in bad for code in coded.indices.to_pylist()]


def parquet(con, folder, pattern, name):
    """All rows of all deliveries, with the file of each and whether all its text is UTF-8; returns how many files."""
    files = sorted((Path(folder) / "events").glob(pattern))
    parts = []
    for file in files:
        table = pq.read_table(file, partitioning=None)
        valid = [True] * len(table)
        for i, field in enumerate(table.schema):
            if not pa.types.is_string(field.type):
                continue
            bad = not_utf8(table.column(i))
            if bad is not None:
                valid = [ok and not wrong for ok, wrong in zip(valid, bad)]
                clean = pc.if_else(pa.array(bad), None, table.column(i).cast(pa.binary()).combine_chunks())
                table = table.set_column(i, field.with_nullable(True), clean.cast(pa.string()))
        table = table.append_column("utf8", pa.array(valid, pa.bool_()))
        table = table.append_column("file", pa.array([f"{file.parent.name}/{file.name}"] * len(table), pa.string()))
        parts.append(table)
    register(con, name, pa.concat_tables(parts, promote_options="default"))
    return len(files)


def sightings(con, folder, name):
    """All lines of all days; one that is no JSON is a row of nulls. Returns how many files."""
    files, rows = sorted((Path(folder) / "events" / "sightings").glob("dt=*.jsonl.gz")), []
    for file in files:
        for line in gzip.decompress(file.read_bytes()).splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                rows.append({})
    columns = {n: pa.array([r.get(n) for r in rows], pa.string()) for n in SIGHTING}
    columns["robot"] = pa.array([r.get("robot") for r in rows], pa.bool_())
    register(con, name, pa.table(columns))
    return len(files)


def register(con, name, table):
    con.register("arrow_" + name, table)
    con.execute(f"CREATE TABLE {name} AS SELECT * FROM arrow_{name}")
    con.unregister("arrow_" + name)


def sources(con, now, before):
    """Loads everything. `before` is None on the first night: then nothing was known before."""
    files = night(con, now, "now")
    if before is None:
        for table in [*TABLES, "canvases", "grids", *files]:
            con.execute(f"CREATE TABLE before_{table} AS SELECT * FROM now_{table} WHERE false")
    else:
        night(con, before, "before")
    return files


def night(con, folder, prefix):
    """All sources as a night found them; returns how many files the events are in."""
    database(con, folder, prefix)
    reference(con, folder, prefix)
    return {
        "generations": parquet(con, folder, "generations/dt=*/part-*.parquet", f"{prefix}_generations"),
        "syncs": parquet(con, folder, "sync/dt=*/*.parquet", f"{prefix}_syncs"),
        "sightings": sightings(con, folder, f"{prefix}_sightings"),
    }
