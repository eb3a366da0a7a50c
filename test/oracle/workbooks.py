"""Compares the two workbooks of Usage Reports.zip with the oracle's figures, cell by cell."""

import hashlib
import io
import zipfile
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import xlsx
from contract import SHEETS, T, W, WORKBOOKS
from identity import BUCKETS

SQL = Path(__file__).parent / "sql"


def figures(con, months):
    """The window's first and last day, and the rows of every sheet."""
    con.execute(f"CREATE OR REPLACE TABLE span AS SELECT (d - INTERVAL {months} MONTH)::DATE AS first_day, d - 1 AS last_day FROM run")
    con.execute((SQL / "window.sql").read_text())
    computed = {title: con.execute((SQL / f"{name}.sql").read_text()).fetchall() for title, (name, _) in SHEETS.items()}
    types = con.execute("SELECT count(DISTINCT entity_type) FROM syncs").fetchone()[0]
    return con.execute("SELECT first_day, last_day FROM span").fetchone(), computed, types


def archive(check, lake, manifest, name, contents):
    """The zip of the run, the same under latest, with nothing in it but what belongs there. Returns the files' bytes."""
    key = f"reports/{manifest['snapshot_date']}/{name}"
    listed = [o for o in manifest["objects"] if o["key"] == key]
    check(len(listed) == 1, f"{name}: listed in the manifest", key, [o["key"] for o in manifest["objects"]])
    if not (lake / key).exists():
        check(False, f"{name}: published", f"no {key}")
        return {}
    data = (lake / key).read_bytes()
    if (lake / "manifests" / f"{manifest['snapshot_date']}.json") == max((lake / "manifests").glob("*.json")):
        latest = lake / "reports" / "latest" / name
        check(latest.exists() and latest.read_bytes() == data, f"{name}: the same under latest",
              hashlib.sha256(data).hexdigest()[:16])
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        check.equal(f"{name}: contents", z.namelist(), contents)
        check(z.testzip() is None, f"{name}: checksums of its files", f"{len(data):,} bytes")
        return {n: z.read(n) for n in contents if n in z.namelist()}


def reports(check, con, lake, manifest):
    books, users = archive(check, lake, manifest, "Usage Reports.zip", list(WORKBOOKS)), {}
    for name, months in WORKBOOKS.items():
        if name not in books:
            continue
        short = name.removeprefix("Usage Report (").removesuffix(").xlsx")
        window, computed, types = figures(con, months)
        book = xlsx.load(io.BytesIO(books[name]))
        published = sheets(check, short, book, computed)
        summary(check, short, book, published, computed, types, window, manifest)
        drawn(check, short, books[name], book, published)
        users[months] = computed["Unique User Count"]
        plausible(check, short, computed["Unique User Count"])
        windows = {(w["from"], w["to"]) for w in manifest["windows"]}
        check((str(window[0]), str(window[1])) in windows, f"{short}: the manifest's windows have it", f"{window[0]} … {window[1]}", sorted(windows))
        said(check, short, name, published, computed, types, manifest)
    identities(check, con, manifest)
    if len(users) == 2:
        year = {row[0]: row[1] for row in users[12]}
        check(all(n <= year.get(system, 0) for system, n, *_ in users[6]), "users of six months ≤ users of a year, in every system", len(year))


def sheets(check, short, book, computed):
    """Every sheet's layout and rows; returns the rows as published."""
    published = {}
    base = [n for n in book.sheetnames if not n.endswith(")")]
    check.equal(f"{short}: sheets", base, ["Summary", *SHEETS])
    for title, (_, columns) in SHEETS.items():
        header, kinds = [c for c, _ in columns], [k for _, k in columns]
        parts = xlsx.parts(book, title)
        wrong = [f"{p.title}: {w}" for p in parts for w in xlsx.layout(book, p, header, kinds)]
        wrong += [f"{p.title}: column {i} has no width" for p in parts for i in xlsx.widths(p, len(header))]
        check(parts and not wrong, f"{short}: {title}: header, filter, frozen row, widths, types of cells", f"{len(parts)} sheet", wrong[:10])
        published[title] = [row for p in parts for row in xlsx.rows(p, len(header))]
        rows(check, f"{short}: {title}", header, published[title], computed[title])
    return published


def rows(check, what, header, published, computed):
    """The same rows, duplicates counted, in the same order; where a row is not found, its nearest is shown beside it."""
    published = [tuple(xlsx.cut(v) if isinstance(v, str) else v for v in row) for row in published]
    computed = [tuple(v[: len(xlsx.cut(v))] if isinstance(v, str) else v for v in row) for row in computed]
    extra, missing = list((Counter(published) - Counter(computed)).elements()), list((Counter(computed) - Counter(published)).elements())
    shown = []
    for row in missing[:10]:
        near = max(extra, key=lambda other: sum(a == b for a, b in zip(row, other)), default=None)
        shown.append(f"only in the oracle: {describe(header, row)}")
        if near is not None and any(a == b for a, b in zip(row, near)):
            shown += [f"    {h}: published {b!r}, computed {a!r}" for h, a, b in zip(header, row, near) if a != b]
    shown += [f"only published: {describe(header, row)}" for row in extra[:10]]
    check(not extra and not missing, f"{what}: rows", f"{len(published):,} published, {len(computed):,} computed"
          + (f", {len(missing)} missing, {len(extra)} too many" if extra or missing else ""), shown)
    if not extra and not missing:
        # Rows that agree in the columns that say the order may stand either way round.
        by = [tuple(row[:4]) if len(header) < 8 else tuple(row[:3]) for row in published]
        want = [tuple(row[:4]) if len(header) < 8 else tuple(row[:3]) for row in computed]
        differ = [f"row {i + 2}: {a}, want {b}" for i, (a, b) in enumerate(zip(by, want)) if a != b]
        check(not differ, f"{what}: order of rows", f"{len(by):,}", differ[:5])


def describe(header, row):
    return ", ".join(f"{h}={v}" for h, v in zip(header, row) if v is not None)


def totals(of, types):
    """The numbers of Summary, by their labels."""
    everybody = of["Unique User Count"][-1] if of["Unique User Count"] else (None,) * 6
    projects = {side for r in of["Integrated Project Count"] for side in ((r[0], r[1]), (r[2], r[3]))}
    return {"Total Unique Users": everybody[1], **dict(zip(BUCKETS, everybody[2:])), "Total Unique Entity Types": types,
            "Total Unique Projects": len(projects), "Total Entities Synced": sum(r[2] for r in of["Synced Data Count"] if isinstance(r[2], int))}


def said(check, short, name, published, computed, types, manifest):
    """What the manifest says of the workbook."""
    entries = [w for w in manifest["workbooks"] if w["name"] == name]
    rows = {s["name"]: s["rows"] for w in entries for s in w["sheets"]}
    check.equal(f"{short}: rows of sheets in the manifest", {t: rows.get(t) for t in SHEETS}, {t: len(published[t]) for t in SHEETS})
    want = totals(computed, types)
    check.equal(f"{short}: figures in the manifest", [{k: w["summary"].get(k) for k in want} for w in entries], [want])


def identities(check, con, manifest):
    """What the manifest says of how users were resolved, beside what equal addresses alone would give."""
    con.execute("CREATE OR REPLACE TABLE span AS SELECT (d - INTERVAL 1 YEAR)::DATE AS first_day, d - 1 AS last_day FROM run")
    users, emails, names, logins = con.execute("""
        SELECT count(DISTINCT (user_bucket, user_name)), count(DISTINCT email_key),
          count(DISTINCT display_name_key) FILTER (email_key IS NULL),
          count(DISTINCT username_key) FILTER (email_key IS NULL AND display_name_key IS NULL) FROM seen""").fetchone()
    everyone, identified = con.execute("""
        SELECT (SELECT count(*) FROM observations, span WHERE day BETWEEN first_day AND last_day), (SELECT count(*) FROM seen)""").fetchone()
    got = {k: (manifest.get("identity") or {}).get(k) for k in ("users", "full_email_users", "unidentified")}
    check.equal("the manifest's figures of identity", got,
                {"users": users, "full_email_users": emails + names + logins, "unidentified": everyone - identified})


def summary(check, short, book, published, computed, types, window, manifest):
    """Each label's number, to the right of it, is the oracle's and the sheets'; the run and its window are named."""
    sheet = book["Summary"]
    right, texts, instants = {}, [], []
    for row in sheet.iter_rows():
        for cell, beside in zip(row, row[1:]):
            if isinstance(cell.value, str) and beside.value is not None:
                right.setdefault(cell.value.strip(), []).append(beside.value)
        texts += [str(c.value) for c in row if c.value is not None]
        instants += [c.value for c in row if isinstance(c.value, datetime)]
    for source, of in (("the oracle", computed), ("its sheets", published)):
        want = totals(of, types if source == "the oracle" else len({r[2] for r in of["Entity Type Count"]}))
        got = {label: right.get(label) for label in want}
        check(all(got[label] == [n] for label, n in want.items()), f"{short}: Summary equals {source}", want,
              [f"{label}: {got[label]}, want {n}" for label, n in want.items() if got[label] != [n]])
    check.equal(f"{short}: users of the year's detail", len(published["Detailed User Report"]), published["Unique User Count"][-1][1])
    run = datetime.fromisoformat(manifest["run_time"])
    local = run.astimezone(ZoneInfo(manifest["time_zone"])).replace(tzinfo=None)
    days = [datetime(d.year, d.month, d.day) for d in window]
    everything = " ".join(texts)
    for what, ok in {
        "window": all(str(d.date()) in everything or d in instants for d in days),
        "zone": manifest["time_zone"] in everything,
        "run time": manifest["run_time"] in everything or local in instants or run.replace(tzinfo=None) in instants,
        "run id": manifest["run_id"] in everything,
    }.items():
        check(ok, f"{short}: Summary names the {what}", "", [everything[:2000]])


def drawn(check, short, data, book, published):
    """Two charts on Summary, of the numbers that the sheets have: users by system, entities by pair of systems."""
    charts = xlsx.charts(io.BytesIO(data), book)
    check.equal(f"{short}: charts on Summary", {n: len(c) for n, c in charts.items() if c}, {"Summary": 2})
    users = {(r[0], r[1]) for r in published["Unique User Count"] if r[0] != "All systems"}
    pairs = {(f"{r[0]} ↔ {r[1]}", r[2]) for r in published["Synced Data Count"]}
    for what, want in (("users by system", users), ("entities by pair", pairs)):
        found = [points for chart in charts["Summary"] for points in chart if set(points) == want]
        check(len(found) == 1, f"{short}: a chart of {what}", f"{len(want)} bars", charts["Summary"])


def plausible(check, short, users):
    """The contract's inequalities (section 7), of the oracle's own figures."""
    together = users[-1]
    check(together[0] == "All systems" and all(r[1] == sum(r[2:]) for r in users) and all(r[1] <= together[1] for r in users),
          f"{short}: buckets add up, no system has more users than all", together)
