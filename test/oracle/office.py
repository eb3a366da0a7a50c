#!/usr/bin/env python3
"""Opens the published workbooks in LibreOffice, as a person would, and looks for complaints and for what a person reads.

    python test/oracle/office.py --lake DIR/lake --work DIR

The workbooks of Usage Reports.zip become PDFs. Those of Usage Logs.zip become a CSV a sheet, since the demo's would be some
ten thousand pages. Needs soffice (Debian: libreoffice-calc) and pdftotext (poppler-utils), writes to --work only.
"""

import argparse
import calendar
import csv
import json
import re
import subprocess
import sys
import zipfile
from datetime import date, timedelta
from pathlib import Path

from check import Checks
from contract import FIELDS, LOG_SHEETS, SHEETS, WORKBOOKS

CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"  # comma, quotes, UTF-8, every sheet

# What LibreOffice says while all is well: what it does, and that there is no Java, which it does not need for this.
FINE = re.compile(r"convert .* using filter : .*|Writing sheet .* -> .*|Warning: failed to launch javaldx - java may not function correctly")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--lake", required=True, type=Path, help="the folder that everything is published to")
    arguments.add_argument("--work", required=True, type=Path, help="a folder for what is made of the workbooks")
    args = arguments.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    manifest = json.loads((args.lake / json.loads((args.lake / "latest.json").read_text())["manifest"]).read_text())
    for name in ("Usage Reports.zip", "Usage Logs.zip"):
        with zipfile.ZipFile(args.lake / "reports" / "latest" / name) as z:
            z.extractall(args.work)

    check = Checks()
    pdfs = convert(check, args.work, "pdf", list(WORKBOOKS))
    for name in WORKBOOKS:
        read(check, pdfs / name.replace(".xlsx", ".pdf"), manifest, WORKBOOKS[name])
    tables = convert(check, args.work, CSV, ["Usage Logs.xlsx"])
    for table, title in LOG_SHEETS.items():
        lines(check, tables, table, title, sum(o["rows"] for o in manifest["objects"] if o.get("table") == table))
    return check.close()


def convert(check, work, to, names):
    """One headless run with a profile of its own. All that it may say is what it converts."""
    out = work / to.split(":")[0]
    ran = subprocess.run(
        ["soffice", f"-env:UserInstallation={(work / 'profile').absolute().as_uri()}", "--headless", "--convert-to", to,
         "--outdir", str(out), *(str(work / n) for n in names)], capture_output=True, text=True, timeout=300)
    said = [line for line in (ran.stdout + ran.stderr).splitlines() if line.strip() and not FINE.fullmatch(line.strip())]
    check(ran.returncode == 0 and not said, f"LibreOffice opens {', '.join(names)} without a word", "", [f"exit code {ran.returncode}", *said])
    return out


def squeezed(text):
    """Without white space, which pages break differently than cells do."""
    return re.sub(r"\s", "", text)


def first_day(day, months):
    """The day some months before, or the last one that its month has."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def read(check, pdf, manifest, months):
    """Every page has the header of its sheet, and Summary says what it is about."""
    if not pdf.exists():
        check(False, f"{pdf.name}: made")
        return
    said = subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
    pages, lacks = said.split("\f"), []
    for title, (_, columns) in SHEETS.items():  # its pages say so at their foot, and have the header at their top
        of = [squeezed(p) for p in pages if re.search(rf"^ *{re.escape(title)} +Page \d+ of \d+ *$", p, re.MULTILINE)]
        lacks += [f"{title}: {column}" for column, _ in columns if not of or not all(squeezed(column) in p for p in of)]
    check(not lacks, f"{pdf.name}: the header on every page of every sheet", f"{len(pages) - 1} pages", lacks)
    first = squeezed(pages[0])
    day = date.fromisoformat(manifest["snapshot_date"])
    window = str(first_day(day, months)), str(day - timedelta(days=1))
    lacks = [v for v in (*window, manifest["time_zone"], manifest["run_id"]) if squeezed(v) not in first]
    check(not lacks, f"{pdf.name}: window, zone and run on the first page", " … ".join(window), [*lacks, pages[0]])
    check("###" not in said, f"{pdf.name}: no number or date too wide for its column")


def lines(check, folder, table, title, want):
    """A log's sheet as LibreOffice sees it has its header and its rows."""
    found = sorted(folder.glob(f"Usage Logs-{title}.csv")) + sorted(folder.glob(f"Usage Logs-{title} (*).csv"))
    n = 0
    for file in found:
        with file.open(newline="", encoding="utf-8") as f:
            rows = csv.reader(f)
            header = next(rows)
            check.equal(f"{file.name}: header", header, [name for name, _ in FIELDS[table]])
            n += sum(1 for _ in rows)
    check.equal(f"{title}: rows in LibreOffice", n, want)


if __name__ == "__main__":
    sys.exit(main())
