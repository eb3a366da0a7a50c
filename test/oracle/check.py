#!/usr/bin/env python3
"""The oracle: computes the five logs of the demo, its audit log and the sheets of its usage reports once more, from its sources, with
DuckDB's SQL, and compares them row for row and cell for cell with what was published.

    python test/oracle/check.py --demo DIR [--previous DIR] [--night N]

DIR is what `usagereport demo --dir DIR` made. The newest night is checked, or the Nth. From the second night on, what
the sources have dropped since, names and old events, comes from the night before: --previous is a folder with all the
sources as they were then. `go run ./test/oracle/firstnight --dir P --date D` makes those of the demo's first night; the
oracle tells D when they are missing. To check the first night after the second was run, give that folder as --sources.

Nothing here is shared with the program: the rules are written a second time, from the contract. Needs duckdb and
pyarrow; polars and pandas open the Parquet, too, and openpyxl the workbooks.
"""

import argparse
import hashlib
import json
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow as pa
import pyarrow.parquet as pq

import auditlog
import load
import logbook
import workbooks
from api_endpoint import api_endpoint
from contract import ARROW, FIELDS, INSTANT, SORT
from users import RULES, users

HERE = Path(__file__).parent
ZONE = "America/New_York"


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, ok, what, figures="", shown=()):
        print(("ok    " if ok else "FAIL  ") + what + (f": {figures}" if figures else ""))
        if ok:
            self.passed += 1
            return
        self.failed += 1
        for line in shown:
            print("        " + str(line))

    def equal(self, what, got, want):
        self(got == want, what, f"{got}" if got == want else f"got {got}, want {want}")

    def close(self):
        print(f"oracle: {self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--demo", required=True, type=Path, help="the demo's folder")
    arguments.add_argument("--lake", type=Path, help="the lake, where it is not DIR/lake")
    arguments.add_argument("--sources", type=Path, help="the sources as the night found them, where they are not DIR's")
    arguments.add_argument("--previous", type=Path, help="the sources as the night before found them")
    arguments.add_argument("--night", type=int, help="which night, from 1; the newest unless given")
    args = arguments.parse_args()
    lake = args.lake or args.demo / "lake"

    check = Checks()
    manifest, night = find(check, lake, args.night)
    day = date.fromisoformat(manifest["snapshot_date"])
    if night > 1 and args.previous is None:
        arguments.error(f"this is night {night}: --previous is needed; make it with "
                        f"go run ./test/oracle/firstnight --dir P --date {day - timedelta(days=night - 1)}")

    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.create_function("api_endpoint", api_endpoint, ["VARCHAR"], "VARCHAR", null_handling="special")
    files = load.sources(con, args.sources or args.demo, args.previous if night > 1 else None)
    con.execute("CREATE TABLE run AS SELECT ?::DATE AS d, ?::VARCHAR AS run_time", [day, manifest["run_time"]])
    con.execute((HERE / "sql" / "sources.sql").read_text())
    con.execute((HERE / "sql" / "integration.sql").read_text())
    users(con, RULES)

    objects(check, lake, manifest)
    for table in FIELDS:
        con.execute(f"CREATE TABLE oracle_{table} AS " + (HERE / "sql" / f"{table}.sql").read_text())
        by_manifest = [str(lake / o["key"]) for o in manifest["objects"] if o.get("table") == table]
        by_glob = sorted(str(p) for p in lake.glob(f"logs/{table}/snapshot_date={day}/*.parquet"))
        check.equal(f"{table}: files by glob and by manifest", [Path(p).name for p in by_glob], [Path(p).name for p in by_manifest])
        if not by_manifest:
            check(False, f"{table}: published", "no object in the manifest")
            continue
        types(check, con, table, by_manifest, lake, day)
        metadata(check, table, by_manifest, manifest)
        for way, paths in (("manifest", by_manifest), ("glob", by_glob)):
            con.execute(f"CREATE OR REPLACE TABLE published_{table} AS SELECT * FROM read_parquet(?, hive_partitioning = false)", [paths])
            compare(check, con, table, way, shows=way == "manifest")
        order(check, table, by_manifest)
        others(check, con, table, by_manifest)
        logged = [entry["rows"] for entry in manifest["logs"] if entry["table"] == table]
        check.equal(f"{table}: rows the manifest gives", logged, [count(con, f"oracle_{table}")])
    totals(check, con, manifest)
    auditlog.texts(check, con, lake, manifest)
    auditlog.digests(check, lake, manifest)
    workbooks.reports(check, con, lake, manifest)
    logbook.logs(check, lake, manifest)
    if night == 1:
        counts(check, con, lake, manifest, files)
    return check.close()


def find(check, lake, night):
    """The manifest of the night that is wanted, and which night it is."""
    dates = sorted(p.stem for p in (lake / "manifests").glob("*.json"))
    if not dates:
        sys.exit(f"no manifest in {lake}/manifests")
    n = night or len(dates)
    if not 1 <= n <= len(dates):
        sys.exit(f"night {n}: {len(dates)} are published")
    data = (lake / "manifests" / f"{dates[n - 1]}.json").read_bytes()
    manifest = json.loads(data)
    check.equal(f"night {n}: date of the manifest", manifest["snapshot_date"], dates[n - 1])
    check.equal("reporting zone", manifest["time_zone"], ZONE)
    if n == len(dates):
        latest = json.loads((lake / "latest.json").read_text())
        check.equal("latest.json names the newest manifest", latest["manifest"], f"manifests/{dates[-1]}.json")
        check.equal("checksum of the manifest", latest["manifest_sha256"], hashlib.sha256(data).hexdigest())
    return manifest, n


def objects(check, lake, manifest):
    """Every object is what the manifest says, and nothing else stands in the snapshot's folders."""
    wrong, bytes_ = [], 0
    for o in manifest["objects"]:
        data = (lake / o["key"]).read_bytes()
        bytes_ += len(data)
        if len(data) != o["bytes"] or hashlib.sha256(data).hexdigest() != o["sha256"]:
            wrong.append(f"{o['key']}: {len(data)} bytes, {hashlib.sha256(data).hexdigest()}")
        if o["key"].endswith(".parquet") and pq.ParquetFile(lake / o["key"]).metadata.num_rows != o["rows"]:
            wrong.append(f"{o['key']}: {pq.ParquetFile(lake / o['key']).metadata.num_rows} rows, the manifest says {o['rows']}")
    check(not wrong, "objects match their bytes, rows and SHA-256", f"{len(manifest['objects'])} objects, {bytes_:,} bytes", wrong)
    listed = {o["key"] for o in manifest["objects"]}
    day = manifest["snapshot_date"]
    found = {str(p.relative_to(lake)) for p in lake.glob(f"logs/*/snapshot_date={day}/*")}
    check(found <= listed, "nothing beside them in the folders", f"{len(found)} files", sorted(found - listed))
    check(not [c for c in manifest["checks"] if not c["ok"]], "the run's own checks passed", len(manifest["checks"]))


def types(check, con, table, paths, lake, day):
    """Fields, order and types, as DuckDB and pyarrow see them."""
    seen = con.execute("DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning = false)", [paths]).fetchall()
    differ = [f"{a} — want {b}" for a, b in zip([(r[0], r[1]) for r in seen], FIELDS[table]) if a != b]
    check(not differ and len(seen) == len(FIELDS[table]), f"{table}: fields and types in DuckDB", f"{len(seen)} fields", differ)
    want = [(name, ARROW[kind]) for name, kind in FIELDS[table]]
    differ = []
    for path in paths:
        schema = pq.read_schema(path)
        got = [(f.name, str(f.type)) for f in schema]
        differ += [f"{Path(path).name}: {a} — want {b}" for a, b in zip(got, want) if a != b]
        differ += [] if len(got) == len(want) else [f"{Path(path).name}: {len(got)} fields"]
    check(not differ, f"{table}: fields and types in pyarrow", f"{len(want)} fields", differ[:10])
    hive = con.execute(
        "SELECT DISTINCT snapshot_date::VARCHAR FROM read_parquet(?, hive_partitioning = true)",
        [f"{lake}/logs/{table}/snapshot_date={day}/*.parquet"],
    ).fetchall()
    check.equal(f"{table}: snapshot_date from the folder's name", hive, [(str(day),)])


def metadata(check, table, paths, manifest):
    """The run, its date and the zone stand in the file itself."""
    lacks = []
    for path in paths:
        stored = pq.ParquetFile(path).metadata.metadata or {}
        text = " ".join(v.decode("utf-8", "replace") for v in stored.values())
        lacks += [f"{Path(path).name}: {v} is not in {sorted(stored)}"
                  for v in (manifest["run_id"], manifest["snapshot_date"], ZONE) if v not in text]
    check(not lacks, f"{table}: run, date and zone in the file's metadata", "", lacks)


def count(con, table):
    return con.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def compare(check, con, table, way, shows):
    """Both ways, duplicates counted."""
    names = ", ".join(f"epoch_us({name}) AS {name}" if kind == INSTANT else name for name, kind in FIELDS[table])
    published, oracle = f"SELECT {names} FROM published_{table}", f"SELECT {names} FROM oracle_{table}"
    shown, missing, extra = [], 0, 0
    for title, left, right in (("only published", published, oracle), ("only in the oracle", oracle, published)):
        rows = con.execute(f"{left} EXCEPT ALL {right} ORDER BY {', '.join(n.lstrip('-') for n in SORT[table])} LIMIT 100001").fetchall()
        missing, extra = (missing, len(rows)) if title == "only published" else (len(rows), extra)
        for row in rows[: 10 if shows else 0]:
            shown.append(f"{title}: " + ", ".join(f"{n}={v}" for (n, _), v in zip(FIELDS[table], row) if v is not None))
    figures = f"{count(con, 'published_' + table):,} published, {count(con, 'oracle_' + table):,} computed"
    if missing or extra:
        figures += f", {missing} missing, {extra} too many"
    check(not missing and not extra, f"{table}: rows by {way}", figures, shown)


def sort_key(value, newest_first):
    if value is None:
        return (0, b"")
    if newest_first:
        return (1, -value.timestamp())
    return (1, value.encode() if isinstance(value, str) else value)


def order(check, table, paths):
    """Rows are sorted by the grain across all parts, and no two have the same."""
    names = [name.lstrip("-") for name in SORT[table]]
    read = pa.concat_tables([pq.read_table(p, columns=names, partitioning=None) for p in paths])
    rows = list(zip(*([sort_key(v, of.startswith("-")) for v in read.column(name).to_pylist()] for name, of in zip(names, SORT[table]))))
    wrong = [f"row {i + 1}: {a} before {b}" for i, (a, b) in enumerate(zip(rows, rows[1:])) if a > b]
    check(not wrong, f"{table}: sorted by its grain", f"{len(rows):,} rows", wrong[:10])
    same = [f"row {i + 1}: {a} twice" for i, (a, b) in enumerate(zip(rows, rows[1:])) if a == b]
    check(not same, f"{table}: grain unique", f"{len(rows) - len(same):,} of {len(rows):,}", same[:10])


def others(check, con, table, paths):
    """Polars and pandas open the files and see the same number of rows, and the same values in a column."""
    want = count(con, f"published_{table}")
    column = FIELDS[table][-1][0]
    nulls = con.execute(f"SELECT count(*) FROM published_{table} WHERE {column} IS NULL").fetchone()[0]
    frame = polars.concat([polars.read_parquet(p, hive_partitioning=False) for p in paths])
    check.equal(f"{table}: rows and nulls of {column} in Polars", (frame.height, frame[column].null_count()), (want, nulls))
    frame = pandas.concat([pandas.read_parquet(p, partitioning=None) for p in paths])
    check.equal(f"{table}: rows and nulls of {column} in pandas", (len(frame), int(frame[column].isna().sum())), (want, nulls))


def totals(check, con, manifest):
    """sum(content_generations) = distinct source events in the window = the manifest's figure."""
    published = con.execute("SELECT sum(content_generations)::BIGINT FROM published_generation_log").fetchone()[0]
    events = con.execute(
        "SELECT sum(events)::BIGINT FROM generations, run WHERE day BETWEEN d - 365 AND d - 1").fetchone()[0]
    check.equal("sum(content_generations) = distinct source events", published, events)
    figures = [c["figures"] for c in manifest["checks"] if c["name"] == "generation_total"]
    check(bool(figures) and all(v == events for f in figures for v in f.values()), "the manifest's generation total", figures)
    times = con.execute("SELECT DISTINCT run_time FROM published_generation_log").fetchall()
    check.equal("one run_time, that of the manifest", times, [(manifest["run_time"],)])
    windows = {(w["from"], w["to"]) for w in manifest["windows"]}
    day = date.fromisoformat(manifest["snapshot_date"])
    year = (str(day - timedelta(days=365)), str(day - timedelta(days=1)))
    check(year in windows, "the manifest's window of 365 days", year, [sorted(windows)])


def counts(check, con, lake, manifest, files):
    """What the first night read, rejected and met twice: it reads everything."""
    said = {d["name"]: d for d in manifest["datasets"]}
    for name, rows, events in (("logins", "login_rows", "logins"), ("generations", "generation_rows", "generations"),
                               ("sync_events", "sync_event_rows", "sync_events"),
                               ("user_observations", "user_observation_rows", "observations"),
                               ("audit_events", "audit_event_rows", "audit_events")):
        total, usable = con.execute(f"SELECT count(*), count(*) FILTER (usable) FROM {rows}").fetchone()
        distinct = count(con, events)
        got = (said[name]["rows_read"], said[name]["rows_rejected"], said[name]["rows_duplicate"])
        check.equal(f"{name}: rows read, rejected, duplicate", got, (total, total - usable, usable - distinct))
        quarantine = lake / "quarantine" / manifest["snapshot_date"] / f"{name}.jsonl"
        lines = [json.loads(line) for line in quarantine.read_text().splitlines()] if quarantine.exists() else []
        check.equal(f"{name}: rows in quarantine, each with a reason",
                    len([r for r in lines if r["reason"] and (r["column"] or "JSON" in r["reason"]) and r["row"] > 0]), total - usable)
    for name, of in (("generations", "generations"), ("sync_events", "syncs"), ("user_observations", "sightings")):
        check.equal(f"{name}: files read", said[name]["objects_read"], files[of])


if __name__ == "__main__":
    sys.exit(main())
