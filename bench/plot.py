"""Pictures, as SVG: bars with their range beside an aim, and lines over time."""

from html import escape

WIDTH = 860
STYLE = (
    "<style>text{font:12px system-ui,sans-serif;fill:#222}.t{font-size:15px;font-weight:600}.q{fill:#666}"
    "@media (prefers-color-scheme:dark){.p{fill:#1b1d21}text{fill:#ddd}.q{fill:#999}}</style>"
)


def picture(height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
    return "\n".join([head, STYLE, f'<rect class="p" width="{WIDTH}" height="{height}" fill="#fff"/>', *parts, "</svg>\n"])


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x1, y1, x2, y2, colour, more=""):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" {more}/>'


def bars(title, rows):
    """Rows of (label, median, least, most, aim or None, what to say)."""
    left, right, top, step = 330, 130, 50, 26
    most = max(max(row[3], row[4] or 0) for row in rows) * 1.05
    x = lambda value: left + value / most * (WIDTH - left - right)
    parts = [text(16, 26, title, "t")]
    for number, (label, median, least, highest, aim, words) in enumerate(rows):
        y = top + number * step
        parts.append(text(left - 10, y + 13, label, anchor="end"))
        colour = "#4a7fb5" if aim is None or median >= aim else "#c27c3a"
        parts.append(f'<rect x="{left}" y="{y}" width="{x(median) - left:.1f}" height="16" fill="{colour}"/>')
        parts.append(line(x(least), y + 8, x(highest), y + 8, "#222", 'stroke-width="2"'))
        if aim is not None:
            parts.append(line(x(aim), y - 3, x(aim), y + 19, "#b3261e", 'stroke-width="2"'))
        parts.append(text(x(max(highest, aim or 0)) + 8, y + 13, words, "q"))
    bottom = top + len(rows) * step + 16
    parts.append(text(left, bottom, "bar: median; black: range over the rounds; red: the least that is aimed at", "q"))
    return picture(bottom + 14, parts)


def lines(title, panels):
    """Panels of (name, unit, x values, {series: y values}), one below the other, each from zero."""
    height, left, top = 130, 80, 50
    colours = ["#4a7fb5", "#c27c3a", "#5f9e6e", "#8a6bb1"]
    parts = [text(16, 26, title, "t")]
    for number, (name, unit, xs, series) in enumerate(panels):
        y0 = top + number * (height + 50)
        most = max(max(max(ys) for ys in series.values()), 1e-9) * 1.1
        end = max(max(xs), 1)
        x = lambda value: left + value / end * (WIDTH - left - 30)
        y = lambda value: y0 + height - value / most * height
        parts.append(text(left, y0 - 8, f"{name}, {unit}"))
        for share in (0, 0.5, 1):
            value = most / 1.1 * share
            parts.append(line(left, y(value), WIDTH - 30, y(value), "#8885"))
            parts.append(text(left - 8, y(value) + 4, f"{value:,.0f}" if most > 10 else f"{value:.2f}", "q", "end"))
        for at, (label, ys) in enumerate(series.items()):
            points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in zip(xs, ys))
            colour = colours[at % len(colours)]
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
            swatch = left + 200 + at * 110
            parts.append(line(swatch, y0 - 12, swatch + 18, y0 - 12, colour, 'stroke-width="3"'))
            parts.append(text(swatch + 24, y0 - 8, label, "q"))
        parts.append(text(WIDTH - 30, y0 + height + 16, f"{end:,.0f} s", "q", "end"))
    return picture(top + len(panels) * (height + 50), parts)
