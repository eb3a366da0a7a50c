"""Draws nights.svg, the picture in the README: the end of what `usagereport demo` prints, and a chart of what it published.

    go run ./cmd/usagereport demo --dir /tmp/readme-demo --date 2026-11-21 >/tmp/readme-demo.txt
    python docs/img/nights.py /tmp/readme-demo.txt /tmp/readme-demo/lake docs/img/nights.svg
"""

import sys
from html import escape

import duckdb

WIDTH, LEFT = 900, 28
LINE = 17.5  # height of a line of text
COLORS = {  # told apart with any kind of colour vision, on dark
    "Chat": "#56b4e9", "Agent": "#e69f00", "API": "#009e73", "Command": "#f0e442",
    "Ask Jasper": "#cc79a7", "Extension": "#d55e00", "Other": "#9aa4b2",
}

WEEKS = """
    SELECT date_trunc('week', content_created_date)::DATE AS week, generation_feature AS feature,
           sum(content_generations)::BIGINT AS generations
    FROM read_parquet(?, hive_partitioning = true)
    WHERE snapshot_date = ? AND content_created_date >= date_trunc('week', snapshot_date) - INTERVAL 51 WEEK
    GROUP BY ALL ORDER BY ALL
"""


def text(x, y, line, color="#c9d1d9", size=13, anchor="start", weight="normal"):
    return (f'<text x="{x}" y="{y:.1f}" fill="{color}" font-size="{size}" text-anchor="{anchor}" '
            f'font-weight="{weight}" xml:space="preserve">{escape(line)}</text>')


def terminal(lines, top):
    """One text element a line; what matters most is brighter."""
    out = []
    for i, line in enumerate(lines):
        color = "#c9d1d9"
        if line.startswith("$"):
            color = "#7ee787"
        elif line.startswith(("Published", "Second", "First")):
            color = "#ffffff"
        elif line.startswith("…"):
            color = "#8b949e"
        out.append(text(LEFT, top + i * LINE, line, color))
    return out


def chart(weeks, top, height):
    """Stacked bars, a week each, the oldest on the left."""
    days = sorted({w for w, _, _ in weeks})
    total = {d: sum(n for w, _, n in weeks if w == d) for d in days}
    highest = max(total.values())
    x0, x1, base = LEFT + 44, WIDTH - 150, top + height
    step = (x1 - x0) / len(days)
    out = []
    for mark in range(0, highest, 1000):
        y = base - height * mark / highest
        out.append(f'<path d="M{x0} {y:.1f}H{x1}" stroke="#30363d"/>')
        out.append(text(x0 - 8, y + 4, f"{mark:,}", "#8b949e", 11, "end"))
    for i, day in enumerate(days):
        y = base
        for feature, color in COLORS.items():
            n = sum(n for w, f, n in weeks if w == day and f == feature)
            h = height * n / highest
            y -= h
            if h:
                out.append(f'<rect x="{x0 + i * step + 1:.1f}" y="{y:.1f}" width="{step - 2:.1f}" height="{h:.1f}" fill="{color}"/>')
        if i > 0 and days[i - 1].month != day.month and x1 - (x0 + i * step) > 20:
            out.append(text(x0 + i * step, base + 16, f"{day:%b}", "#8b949e", 11))
    for i, (feature, color) in enumerate(reversed(COLORS.items())):
        y = top + 14 + i * 20
        out.append(f'<rect x="{x1 + 20}" y="{y - 10}" width="12" height="12" fill="{color}"/>')
        out.append(text(x1 + 40, y, feature, size=12))
    return out


def main(printed, lake, target):
    lines = open(printed, encoding="utf-8").read().rstrip("\n").split("\n")
    first = next(i for i, line in enumerate(lines) if line.startswith("Second night"))
    last = next(i for i, line in enumerate(lines) if i > first and line.startswith("Warnings"))
    shown = ["$ go run ./cmd/usagereport demo --dir /tmp/readme-demo", lines[0].split(";")[0], "…"] + [l.rstrip() for l in lines[first:last - 1]]
    snapshot = lines[first + 1].split()[2]
    weeks = duckdb.execute(WEEKS, [f"{lake}/logs/generation_log/*/*.parquet", snapshot]).fetchall()

    top = 46
    under = top + len(shown) * LINE + 12
    body = terminal(shown, top)
    body.append(f'<path d="M0 {under:.0f}H{WIDTH}" stroke="#30363d"/>')
    body.append(text(LEFT, under + 28, "The Generation Log: content generations a week, by feature", "#ffffff", 14, weight="bold"))
    body += chart(weeks, under + 46, 180)
    total = under + 46 + 180 + 34
    with open(target, "w", encoding="utf-8") as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total:.0f}" '
                'font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace" style="white-space:pre">\n'
                f'<rect width="{WIDTH}" height="{total:.0f}" rx="10" fill="#0d1117"/>\n')
        f.writelines(f'<circle cx="{28 + 20 * i}" cy="20" r="6" fill="{c}"/>\n' for i, c in enumerate(("#ff5f57", "#febc2e", "#28c840")))
        f.write("\n".join(body) + "\n</svg>\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
