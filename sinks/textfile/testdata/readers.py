"""Reads CSV and JSON files with Python's own modules, DuckDB and pandas and compares them with the rows beside them.

Argument: a folder with NAME.csv, NAME.json and NAME.want. The last is a list of rows, each a list of the values of
text, at, day, yes, n and more; instants as 2026-11-20T12:00:00.000000Z, days as 2026-11-20. Exits 1 and says what
differs.
"""
import csv
import glob
import io
import json
import re
import sys

import duckdb
import pandas as pd

NAMES = ["text", "at", "day", "yes", "n", "more"]
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


def check(what, got, want):
    if got != want:
        at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
        sys.exit(f"{what}: got {got[at:at + 1]!r}, expected {want[at:at + 1]!r} at row {at} of {len(got)} and {len(want)}")


def neutral(text):
    """Text as a CSV cell has it."""
    if text and text[0] in "=+-@\t\r" and not NUMBER.fullmatch(text):
        return "'" + text
    return text


def full(text):
    """An instant with all digits of a second."""
    whole, _, part = text[:-1].partition(".")
    return f"{whole}.{part:<06}Z"


def cell(value):
    """A value as Python's csv module reads it."""
    return "" if value is None else {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def builtin(path, want):
    with open(path + ".csv", newline="", encoding="utf-8") as f:
        header, *rows = csv.reader(f)
    check("csv header", header, NAMES)
    rows = [[r[0], r[1] and full(r[1]), *r[2:]] for r in rows]
    check(f"{path} as CSV", rows, [[neutral(cell(w[0])), *map(cell, w[1:5]), neutral(cell(w[5]))] for w in want])
    with open(path + ".json", encoding="utf-8") as f:
        objects = json.load(f)
    check("JSON fields", [list(o) for o in objects], [NAMES] * len(objects))
    check(f"{path} as JSON", [[o["text"], o["at"] and full(o["at"]), o["day"], o["yes"], o["n"], o["more"]] for o in objects], want)


def with_duckdb(path, want):
    """DuckDB takes quoted empty text for null unless it is told otherwise."""
    types = "{text: 'VARCHAR', 'at': 'TIMESTAMP', 'day': 'DATE', yes: 'BOOLEAN', n: 'BIGINT', more: 'VARCHAR'}"
    select = """SELECT text, strftime("at", '%Y-%m-%dT%H:%M:%S.%fZ'), strftime("day", '%Y-%m-%d'), yes, n, more FROM"""
    year = re.compile(r"^(\d+)-")

    def rows(query):
        return [[r[0], *(v and year.sub(lambda m: f"{int(m[1]):04}-", v) for v in r[1:3]), *r[3:]] for r in duckdb.sql(query).fetchall()]

    got = rows(f"{select} read_csv('{path}.csv', header=true, delim=',', quote='\"', escape='\"', columns={types}, allow_quoted_nulls=false)")
    check(f"{path} as CSV in DuckDB", got, [[neutral(w[0]), *w[1:5], neutral(w[5])] for w in want])
    if want:  # of an empty array it learns no columns
        got = rows(f"{select} read_json('{path}.json', format='array', columns={types})")
        check(f"{path} as JSON in DuckDB", got, want)
    else:
        check("an empty header", duckdb.sql(f"SELECT * FROM read_csv('{path}.csv', header=true)").columns, NAMES)


def with_pandas(path, want):
    frame = pd.read_csv(path + ".csv", dtype=str, keep_default_na=False, encoding="utf-8", lineterminator=None)
    check("pandas columns", list(frame.columns), NAMES)
    got = [[r[0], r[1] and full(r[1]), *r[2:]] for r in frame.values.tolist()]
    check(f"{path} as CSV in pandas", got, [[neutral(cell(w[0])), *map(cell, w[1:5]), neutral(cell(w[5]))] for w in want])
    with open(path + ".json", encoding="utf-8") as f:
        frame = pd.read_json(io.StringIO(f.read()), dtype=False, precise_float=True)
    if want:
        check("pandas columns", list(frame.columns), NAMES)
    got = [[r["text"], r["more"]] for r in frame.astype(object).where(frame.notna(), None).to_dict("records")]
    check(f"{path} as JSON in pandas", got, [[w[0], w[5]] for w in want])


files = sorted(glob.glob(sys.argv[1] + "/*.want"))
for file in files:
    with open(file, encoding="utf-8") as f:
        want = json.load(f)
    for reader in builtin, with_duckdb, with_pandas:
        reader(file[:-len(".want")], want)
print(f"{len(files)} files agree: Python {sys.version.split()[0]}, DuckDB {duckdb.__version__}, pandas {pd.__version__}")
