"""Small scatter plots as SVG text: no library, no script, names escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import isfinite

COLOURS = ("#1f6feb", "#d9822b", "#c0392b", "#2e8b57", "#8e44ad", "#555555")
WIDTH, HEIGHT, EDGE = 720, 420, 60
Point = tuple[float, float, str]
"""x, y, and what is said of it under the mouse."""


def scatter(
    series: Mapping[str, Sequence[Point]], x: str, y: str, *, lines: Sequence[str] = ()
) -> str:
    """Return an SVG picture of the points by series name; those of `lines` are joined.

    Points with an infinite figure are left out.
    """
    points = [p for some in series.values() for p in some if isfinite(p[0]) and isfinite(p[1])]
    left, right = span([p[0] for p in points])
    low, high = span([p[1] for p in points])

    def place(point: Point) -> tuple[float, float]:
        across = EDGE + (point[0] - left) / (right - left) * (WIDTH - 2 * EDGE)
        up = HEIGHT - EDGE - (point[1] - low) / (high - low) * (HEIGHT - 2 * EDGE)
        return round(across, 1), round(up, 1)

    parts = [*frame(x, y, (left, right), (low, high))]
    for number, (name, some) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        seen = [p for p in some if isfinite(p[0]) and isfinite(p[1])]
        if name in lines:
            way = " ".join(f"{a},{b}" for a, b in map(place, seen))
            parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}"/>')
        for point in seen:
            a, b = place(point)
            said = f"<title>{escape(point[2])}</title>"
            parts.append(f'<circle cx="{a}" cy="{b}" r="4" fill="{colour}">{said}</circle>')
        parts.append(label(WIDTH - EDGE - 90, EDGE + 16 * number, name, colour))
    return svg(parts)


def span(values: Sequence[float]) -> tuple[float, float]:
    """Return least and most, apart."""
    least, most = min(values, default=0.0), max(values, default=1.0)
    return (least, most) if most > least else (least - 0.5, most + 0.5)


def frame(x: str, y: str, across: tuple[float, float], up: tuple[float, float]) -> list[str]:
    """Return the axes with their names and their ends."""
    bottom, right = HEIGHT - EDGE, WIDTH - EDGE
    axes = f"M{EDGE},{EDGE} V{bottom} H{right}"
    return [
        f'<path d="{axes}" fill="none" stroke="#888"/>',
        label(WIDTH / 2, HEIGHT - 15, x, anchor="middle"),
        label(EDGE - 45, EDGE - 15, y),
        label(EDGE, bottom + 18, f"{across[0]:.3g}"),
        label(right, bottom + 18, f"{across[1]:.3g}", anchor="end"),
        label(EDGE - 6, bottom, f"{up[0]:.3g}", anchor="end"),
        label(EDGE - 6, EDGE + 4, f"{up[1]:.3g}", anchor="end"),
    ]


def label(x: float, y: float, text: str, colour: str = "#888", anchor: str = "start") -> str:
    """Return a text."""
    place = f'x="{x:.0f}" y="{y:.0f}" fill="{colour}" text-anchor="{anchor}"'
    return f'<text {place} font-family="sans-serif" font-size="12">{escape(text)}</text>'


def svg(parts: Sequence[str]) -> str:
    """Return the picture."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
    return "\n".join([head, *parts, "</svg>"]) + "\n"
