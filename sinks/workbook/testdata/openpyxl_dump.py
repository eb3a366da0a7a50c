"""Prints what openpyxl reads of a workbook, as JSON: every cell by sheet with its type, and what a person meets."""
import datetime
import json
import sys

import openpyxl


def cell(c):
    if c.value is None:
        return None
    kind = {"s": "text", "inlineStr": "text", "n": "number", "b": "truth", "d": "time"}.get(c.data_type, c.data_type)
    value = c.value
    if isinstance(value, (datetime.datetime, datetime.date)):
        value = value.isoformat(sep=" ") if isinstance(value, datetime.datetime) else value.isoformat()
    return [kind, value, c.number_format]


book = openpyxl.load_workbook(sys.argv[1])
out = {"title": book.properties.title, "subject": book.properties.subject, "created": book.properties.created.isoformat(),
       "creator": book.properties.creator, "sheets": []}
for s in book.worksheets:
    widths = {k: d.width for k, d in s.column_dimensions.items()}
    out["sheets"].append({
        "name": s.title,
        "freeze": s.freeze_panes,
        "filter": s.auto_filter.ref,
        "dimension": s.calculate_dimension(),
        "widths": widths,
        "bold": bool(s["A1"].font.bold),
        "filled": s["A1"].fill.fill_type == "solid",
        "charts": len(s._charts),
        "merged": sorted(str(m) for m in s.merged_cells.ranges),
        "landscape": s.page_setup.orientation == "landscape" and bool(s.sheet_properties.pageSetUpPr.fitToPage),
        "titles": s.print_title_rows,
        "rows": [[cell(c) for c in row] for row in s.iter_rows()],
    })
json.dump(out, sys.stdout)
