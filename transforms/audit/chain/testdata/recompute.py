"""Recomputes the checksums of a digest from the rows of an audit log in JSON. The days are those of UTC.

Argument: a folder with audit_log.json and digest.json. Exits 1 and names the first day that differs.
"""
import hashlib
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
rows = json.loads((folder / "audit_log.json").read_text("utf-8"))
digest = json.loads((folder / "digest.json").read_text("utf-8"))


def line(row):
    return (json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def facts(row):
    own = {k: v for k, v in row.items() if k not in ("workspace_name", "actor_user_name", "target_user_name")}
    for who in "actor", "target":
        if own[f"{who}_user_id"] is not None:
            own[f"{who}_user_email"] = None
    return own


for day in digest["days"]:
    of = [row for row in rows if row["occurred_at"].startswith(day["day"])]
    found = {
        "events": len(of),
        "facts_sha256": hashlib.sha256(b"".join(line(facts(row)) for row in of)).hexdigest(),
        "rows_sha256": hashlib.sha256(b"".join(map(line, of))).hexdigest(),
    }
    for key, value in found.items():
        if day[key] != value:
            sys.exit(f"{day['day']}: {key} is {day[key]}, recomputed {value}")
