"""The audit log as text, and the digests of it: computed once more from what stands beside them, with Python's own csv, json
and hashlib."""

import csv
import hashlib
import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from contract import FIELDS

NAMES = [name for name, _ in FIELDS["audit_log"]]
INSTANT = ("regexp_replace(strftime(occurred_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%f'), '\\.?0+$', '') || 'Z' "
           "AS occurred_at")  # RFC 3339, to the microsecond, no zeros at the end
TODAYS = ["workspace_name", "actor_user_name", "target_user_name"]  # no facts of the event itself


def neutral(value):
    """A cell that no spreadsheet runs (contract §12)."""
    return "'" + value if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def canonical(row):
    """RFC 8785, for objects of text and null."""
    return json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def texts(check, con, lake, manifest):
    """CSV and JSON hold the rows of the Parquet, in its order, as the contract has them."""
    folder = lake / "audit" / manifest["snapshot_date"]
    columns = ", ".join(INSTANT if n == "occurred_at" else n for n in NAMES)
    rows = con.execute(f"SELECT {columns} FROM published_audit_log ORDER BY published_audit_log.occurred_at DESC, event_id").fetchall()
    rows = [list(row) for row in rows]
    found = json.loads((folder / "audit_log.json").read_text())
    check([list(r) for r in found] == [NAMES] * len(rows), "audit_log.json: fields", len(found))
    check([[r[n] for n in NAMES] for r in found] == rows, "audit_log.json: values, raw", len(found))
    data = (folder / "audit_log.csv").read_bytes()
    with open(folder / "audit_log.csv", newline="", encoding="utf-8") as file:
        cells = list(csv.reader(file))
    check.equal("audit_log.csv: header", cells[0], NAMES)
    want = [["" if v is None else neutral(v) for v in row] for row in rows]
    got = cells[1:]
    check(got == want, "audit_log.csv: cells", len(got), [(a, b) for a, b in zip(got, want) if a != b][:3])
    hostile = sum(c.startswith("'") for row in got for c in row)
    check(hostile > 0 and data.endswith(b"\r\n"), "audit_log.csv: cells made harmless, lines end in CR LF", hostile)


def digests(check, lake, manifest):
    """The digest says what the JSON holds, day by day, and the chain before it is whole."""
    listed = [o["key"] for o in manifest["objects"] if o["key"].startswith("audit/digests/")]
    check.equal("digests in the manifest", len(listed), 1)
    last = int(listed[0].rsplit("/", 1)[1].removesuffix(".json"))
    digest = json.loads((lake / listed[0]).read_text())
    zone, days = ZoneInfo(manifest["time_zone"]), {}
    for row in json.loads((lake / "audit" / manifest["snapshot_date"] / "audit_log.json").read_text()):
        day = str(datetime.fromisoformat(row["occurred_at"]).astimezone(zone).date())
        facts = {k: v for k, v in row.items() if k not in TODAYS}
        for who in ("actor", "target"):
            if row[f"{who}_user_id"] is not None:
                facts[f"{who}_user_email"] = None
        days.setdefault(day, []).append((canonical(facts), canonical(row)))
    wrong = []
    for day in digest["days"]:
        lines = days.pop(day["day"], [])
        want = (len(lines), *(hashlib.sha256(b"".join(line[i] for line in lines)).hexdigest() for i in (0, 1)))
        if (day["events"], day["facts_sha256"], day["rows_sha256"]) != want:
            wrong.append(f"{day['day']}: {day}, want {want}")
    check(not wrong and not days, "the digest of every day", len(digest["days"]), wrong + sorted(days))
    date = datetime.fromisoformat(manifest["snapshot_date"]).date()
    check.equal("the digest's days", (digest["days"][0]["day"], digest["days"][-1]["day"]), (str(date - timedelta(days=90)), str(date - timedelta(days=1))))
    broken, before = [], ""
    for n in range(1, last + 1):
        data = (lake / f"audit/digests/{n:08d}.json").read_bytes()
        if json.loads(data)["previous_sha256"] != before:
            broken.append(n)
        before = hashlib.sha256(data).hexdigest()
    check(not broken, "the chain of digests", last, broken)
