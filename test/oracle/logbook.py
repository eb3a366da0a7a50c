"""Compares the workbook of Usage Logs.zip with the five logs' Parquet, cell by cell and in the same order."""

import io
import re
import zipfile
from datetime import datetime, time
from itertools import zip_longest

import pyarrow.parquet as pq

import xlsx
from contract import FIELDS, LOG_SHEETS
from workbooks import archive

WORKBOOK = "Usage Logs.xlsx"


def logs(check, lake, manifest):
    books = archive(check, lake, manifest, "Usage Logs.zip", [WORKBOOK])
    if WORKBOOK not in books:
        return
    book = xlsx.load(io.BytesIO(books[WORKBOOK]), read_only=True)
    check.equal(f"{WORKBOOK}: sheets", [n for n in book.sheetnames if not n.endswith(")")], list(LOG_SHEETS.values()))
    for table, title in LOG_SHEETS.items():
        parts = xlsx.parts(book, title)
        header = [name for name, _ in FIELDS[table]]
        wrong = [f"{p.title}: {first}" for p in parts for first in [[c.value for c in row] for row in p.iter_rows(max_row=1)] if first != header]
        check(parts and not wrong, f"{title}: header", f"{len(parts)} sheet", wrong)
        files = [lake / o["key"] for o in manifest["objects"] if o.get("table") == table]
        n, differ = 0, []
        cells = (row for p in parts for row in xlsx.rows(p, len(header)))
        for n, (got, want) in enumerate(zip_longest(cells, published(files, header)), start=1):
            if got == want and all(type(a) is type(b) for a, b in zip(got, want)):
                continue
            differ.append(f"row {n + 1}: " + ("only in the Parquet" if got is None else "only in the workbook" if want is None else
                          ", ".join(f"{h}={a!r}, the Parquet has {b!r}" for h, a, b in zip(header, got, want) if a != b or type(a) is not type(b))))
        check(not differ, f"{title}: rows as in the Parquet, in its order", f"{n:,} rows, {len(differ):,} differ", differ[:10])
    book.close()
    laid_out(check, books[WORKBOOK])


def laid_out(check, data):
    """Every sheet has a frozen header, a filter and columns with widths. (openpyxl tells only when it holds all the cells.)"""
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        names = sorted(n for n in z.namelist() if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", n))
        lacks = []
        for name in names:
            text = z.read(name)
            lacks += [f"{name}: no {what}" for what in (rb'<pane [^>]*topLeftCell="A2"[^>]*', rb'<autoFilter ref="\$?A\$?1:[^"]*"', rb"<col [^>]*width=")
                      if not re.search(what, text)]
        check(names and not lacks, f"{WORKBOOK}: frozen header, filter, widths", f"{len(names)} sheets", lacks)


def published(files, header):
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(columns=header):
            yield from zip(*([value(v) for v in batch.column(name).to_pylist()] for name in header))


def value(v):
    """As a cell holds it: a day is the midnight that begins it, an empty text an empty cell."""
    if isinstance(v, str):
        return v or None
    return v if v is None or isinstance(v, (bool, int)) else datetime.combine(v, time())
