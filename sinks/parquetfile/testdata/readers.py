"""Reads Parquet files with pyarrow and DuckDB and compares them with the rows beside them.

Arguments: a folder with NAME.parquet and NAME.json pairs. The JSON holds "columns": a list of objects with name,
kind, required, doc and values, "metadata", and maybe "prune": that a filter on a column for a value must read only
that many of the row groups. Exits 1 and says what differs.
"""
import datetime as dt
import glob
import json
import re
import sys

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

EPOCH = dt.date(1970, 1, 1)
INSTANT = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
ARROW = {"STRING": pa.string(), "DATE": pa.date32(), "BOOLEAN": pa.bool_(), "INTEGER": pa.int64(),
         "TIMESTAMP": pa.timestamp("us", tz="UTC")}
DUCKDB = {"STRING": "VARCHAR", "DATE": "DATE", "BOOLEAN": "BOOLEAN", "INTEGER": "BIGINT",
          "TIMESTAMP": "TIMESTAMP WITH TIME ZONE"}
NUMBER = {"STRING": lambda v: v, "BOOLEAN": lambda v: v, "INTEGER": lambda v: v,
          "DATE": lambda v: (v - EPOCH).days,
          "TIMESTAMP": lambda v: (v - INSTANT) // dt.timedelta(microseconds=1)}


def check(what, got, want):
    if got != want:
        if isinstance(got, list) and isinstance(want, list):
            at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
            got, want = f"{len(got)} values, at {at}: {got[at:at + 3]}", f"{len(want)} values, at {at}: {want[at:at + 3]}"
        sys.exit(f"{what}: got {got!r}, expected {want!r}")


def numbers(column, kind):
    convert = NUMBER[kind]
    if kind in ("DATE", "TIMESTAMP"):  # cast first: instants may lie outside of what Python's datetime holds
        return column.cast(pa.int32() if kind == "DATE" else pa.int64()).to_pylist()
    return [None if v is None else convert(v) for v in column.to_pylist()]


def arrow(path, want):
    file = pq.ParquetFile(path, page_checksum_verification=True)
    table = file.read()
    check("columns", table.schema.names, [c["name"] for c in want["columns"]])
    for c in want["columns"]:
        field = table.schema.field(c["name"])
        check(f"{c['name']} type", field.type, ARROW[c["kind"]])
        check(f"{c['name']} nullable", field.nullable, not c["required"])
        check(f"{c['name']} description", field.metadata[b"description"].decode(), c["doc"])
        check(f"{c['name']} values", numbers(table.column(c["name"]), c["kind"]), c["values"])
    for key, value in want["metadata"].items():
        check(f"metadata {key}", file.schema_arrow.metadata[key.encode()].decode(), value)
    statistics(file.metadata, want)


def statistics(meta, want):
    first = 0
    for g in range(meta.num_row_groups):
        group = meta.row_group(g)
        for i, c in enumerate(want["columns"]):
            values = c["values"][first:first + group.num_rows]
            present = [v for v in values if v is not None]
            stats = group.column(i).statistics
            check(f"{c['name']} group {g} nulls", stats.null_count, len(values) - len(present))
            check(f"{c['name']} group {g} has bounds", stats.has_min_max, bool(present))
            if stats.has_distinct_count and present:
                check(f"{c['name']} group {g} distinct", stats.distinct_count, len(set(present)))
            if present and c["kind"] not in ("DATE", "TIMESTAMP"):
                order = (lambda v: v.encode()) if c["kind"] == "STRING" else (lambda v: v)
                check(f"{c['name']} group {g} bounds", (stats.min, stats.max), (min(present, key=order), max(present, key=order)))
        first += group.num_rows
    check("rows of all groups", first, len(want["columns"][0]["values"]))


def duck(path, want):
    db = duckdb.connect()
    db.execute("set timezone = 'UTC'")
    shape = {"TIMESTAMP": "epoch_us({})", "DATE": "{} - date '1970-01-01'"}
    names = ", ".join(shape.get(c["kind"], "{}").format('"' + c["name"] + '"') for c in want["columns"])
    types = db.execute(f"describe select * from read_parquet('{path}')").fetchall()
    check("DuckDB types", [(t[0], t[1]) for t in types], [(c["name"], DUCKDB[c["kind"]]) for c in want["columns"]])
    rows = db.execute(f"select {names} from read_parquet('{path}', file_row_number = true) order by file_row_number").fetchall()
    for i, c in enumerate(want["columns"]):
        check(f"DuckDB {c['name']} values", [r[i] for r in rows], c["values"])
    for c in want["columns"]:  # a filter that statistics and dictionaries may prune must not lose rows
        present = [v for v in c["values"] if v is not None]
        if c["kind"] in ("STRING", "INTEGER") and present:
            value = sorted(present)[len(present) // 2]
            got = db.execute(f"select count(*) from read_parquet('{path}') where \"{c['name']}\" = ?", [value]).fetchone()[0]
            check(f"DuckDB rows where {c['name']} = {value!r}", got, present.count(value))


def exact(path):
    rows = duckdb.sql(f"select distinct min_is_exact, max_is_exact from parquet_metadata('{path}') where stats_min_value is not null")
    check("bounds are exact", [r for r in rows.fetchall() if r != (True, True)], [])


def prune(path, column, value, groups):
    fragment, = ds.dataset(path).get_fragments()
    check("row groups that pyarrow reads", len(fragment.split_by_row_group(ds.field(column) == value)), groups)
    plan = duckdb.sql(f"explain analyze select count(*), min({column}) from '{path}' where {column} = '{value}'").fetchall()[0][1]
    told = re.search(r"Row Groups Scanned: (\d+) / ", plan)  # since DuckDB 2
    if told:
        check("row groups that DuckDB reads", int(told[1]), groups)


files = sorted(glob.glob(sys.argv[1] + "/*.parquet"))
if not files:
    sys.exit("no files in " + sys.argv[1])
for path in files:
    with open(path.removesuffix(".parquet") + ".json", encoding="utf-8") as f:
        expected = json.load(f)
    try:
        arrow(path, expected)
        duck(path, expected)
        exact(path)
        if expected["prune"]:
            prune(path, **expected["prune"])
    except SystemExit as err:
        sys.exit(f"{path}: {err}")
    except Exception as err:
        sys.exit(f"{path}: {type(err).__name__}: {err}")
print(f"{len(files)} files read alike")
