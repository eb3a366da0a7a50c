"""Reads workbooks the way their readers do: openpyxl for the cells, the package's own XML for the charts."""

import posixpath
import re
import zipfile
from datetime import datetime
from xml.etree import ElementTree

import openpyxl
from openpyxl.utils import range_boundaries

CELL_LIMIT = 32767
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # how XLSX writes the characters that XML cannot hold
RELATED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def text(value):
    """A cell's value as it was before it was written: an empty text is an empty cell."""
    if isinstance(value, str):
        return ESCAPED.sub(lambda m: chr(int(m[1], 16)), value) or None
    return value


def rows(sheet, width):
    """All rows under the header, each of the given width."""
    for row in sheet.iter_rows(min_row=2, max_col=width, values_only=True):
        row = tuple(text(v) for v in row)
        yield row + (None,) * (width - len(row))


def parts(book, title):
    """The sheets that a table stands on: its own, and those that it goes on in when it is too long."""
    names = [title]
    while f"{title} ({len(names) + 1})" in book.sheetnames:
        names.append(f"{title} ({len(names) + 1})")
    return [book[n] for n in names if n in book.sheetnames]


def cut(value):
    """What a cell of a long text holds cannot be compared as a whole: what stands before the count of what is missing."""
    return re.fullmatch(r"(.*?)(?:; ?)?… \(\+\d+ more\)", value, re.DOTALL)[1] if len(value) > CELL_LIMIT - 40 else value


def layout(book, sheet, header, kinds):
    """What a person would miss on a sheet of rows, as sentences; nothing when all is well."""
    first = [text(c.value) for c in sheet[1]]
    if first != header:
        yield f"row 1 is {first}, not {header}"
    if not all(c.font.bold for c in sheet[1]):
        yield "the header is not bold"
    if sheet.freeze_panes != "A2":
        yield f"frozen at {sheet.freeze_panes}, not A2"
    if sheet.auto_filter.ref is None:
        yield "no filter"
    else:
        bounds = range_boundaries(sheet.auto_filter.ref)
        if bounds[:3] != (1, 1, len(header)) or bounds[3] != max(sheet.max_row, 1):
            yield f"the filter is over {sheet.auto_filter.ref}, the rows go to {sheet.max_row}"
    for row in sheet.iter_rows(min_row=2):
        if len(row) > len(header):
            yield f"row {row[0].row} has {len(row)} cells"
        for cell, kind in zip(row, kinds):
            ok = cell.value is None or {
                "text": isinstance(cell.value, str) and cell.data_type in ("s", "inlineStr"),
                "number": type(cell.value) is int and cell.number_format in ("0", "#,##0", "General"),
                "time": isinstance(cell.value, datetime) and cell.value.microsecond == 0 and "h" in cell.number_format.lower(),
            }[kind]
            if not ok:
                yield f"{cell.coordinate} is no {kind}: {cell.value!r} ({cell.data_type}, {cell.number_format})"


def widths(sheet, columns):
    """Columns without a width of their own."""
    set_ = {}
    for dimension in sheet.column_dimensions.values():
        for i in range(dimension.min or 0, (dimension.max or 0) + 1):
            set_[i] = dimension.width
    return [i for i in range(1, columns + 1) if not set_.get(i)]


def related(package, part):
    """The targets of a part's relations, by their ids."""
    name = posixpath.join(posixpath.dirname(part), "_rels", posixpath.basename(part) + ".rels")
    if name not in package.namelist():
        return {}
    found = {}
    for r in ElementTree.fromstring(package.read(name)):
        found[r.get("Id")] = posixpath.normpath(posixpath.join(posixpath.dirname(part), r.get("Target"))).lstrip("/") \
            if not r.get("Target").startswith("/") else r.get("Target").lstrip("/")
    return found


def charts(path_or_file, book):
    """The charts of every sheet by its title: a list of charts, each a list of series, each a list of (category, value)
    as the cells hold them that the series points at."""
    found = {}
    with zipfile.ZipFile(path_or_file) as package:
        main = "xl/workbook.xml"
        targets = related(package, main)
        for sheet in ElementTree.fromstring(package.read(main)).iter():
            if not sheet.tag.endswith("}sheet"):
                continue
            drawings = [t for t in related(package, targets[sheet.get(RELATED)]).values() if "/drawings/drawing" in t]
            found[sheet.get("name")] = [series(package, chart, book) for drawing in drawings
                                        for chart in sorted(related(package, drawing).values()) if "/charts/chart" in chart]
    return found


def series(package, chart, book):
    out = []
    for element in ElementTree.fromstring(package.read(chart)).iter():
        if element.tag.endswith("}ser"):
            refs = {c.tag.split("}")[1]: next((f.text for f in c.iter() if f.tag.endswith("}f")), None) for c in element}
            out.append(list(zip(pointed(book, refs.get("cat")), pointed(book, refs.get("val")))))
    return out


def pointed(book, reference):
    """The values of a range such as 'Unique User Count'!$A$2:$A$6."""
    title, cells = reference.rsplit("!", 1)
    block = book[title.strip("'").replace("''", "'")][cells.replace("$", "")]
    if not isinstance(block, tuple):
        return [text(block.value)]
    return [text(c.value) for row in block for c in row]


def load(data, read_only=False):
    return openpyxl.load_workbook(data, read_only=read_only)
