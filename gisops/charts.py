"""Charts of a printed page, as SVG: columns by day, lines by month, a bar with its interval, a map of areas. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import floor, log10
from typing import Any

# Told apart in print and by whoever sees colours differently.
INK, MUTED, RULE = "#1d2733", "#66727f", "#d9dfe5"
BLUE, AMBER, GREEN = "#1f5f99", "#c77700", "#2f7d4f"
GRADES: Mapping[str, str] = {"A": "#2f7d4f", "B": "#1f5f99", "C": "#c9a100", "D": "#c0392b", "E": "#333333"}


def columns(days: Sequence[tuple[str, float, float]], names: tuple[str, str], weekend: Sequence[bool]) -> str:
    """Two columns for each day: ``(name, first, second)``; days off stand on a shade."""
    width, height, left, foot, head = 680.0, 205.0, 34.0, 18.0, 18.0
    top = _ceiling(max((max(a, b) for _, a, b in days), default=1))
    step, tall = (width - left) / max(1, len(days)), height - foot - head
    out = [_open(width, height)]
    for n, off in enumerate(weekend):
        if off:
            out.append(
                f'<rect x="{left + n * step:.1f}" y="{head}" width="{step:.1f}" height="{tall}" fill="#f2f4f6"/>'
            )
    out += _grid(left, width, head, tall, top, str)
    for n, (name, first, second) in enumerate(days):
        for k, (value, colour) in enumerate(((first, BLUE), (second, GREEN))):
            high = tall * value / top
            x = left + n * step + step * (0.14 + 0.38 * k)
            out.append(
                f'<rect x="{x:.1f}" y="{head + tall - high:.1f}" width="{step * 0.34:.1f}" height="{high:.1f}" '
                f'fill="{colour}"/>'
            )
        if n % 5 == 0 or n == len(days) - 1:
            out.append(_text(left + (n + 0.5) * step, height - 5, name, "middle"))
    out += _legend(left, ((names[0], BLUE), (names[1], GREEN)))
    return "".join([*out, "</svg>"])


def lines(
    months: Sequence[str], columns_of: tuple[str, Sequence[float]], rates: Sequence[tuple[str, Sequence[float | None]]]
) -> str:
    """A column for each month, and lines of rates (0 to 1) over them on a scale of their own."""
    width, height, left, right, foot, head = 680.0, 225.0, 40.0, 36.0, 18.0, 18.0
    name, values = columns_of
    top, step, tall = (
        _ceiling(max(values, default=1)),
        (width - left - right) / max(1, len(months)),
        height - foot - head,
    )
    told = [rate for _, line in rates for rate in line if rate is not None]
    low = min(0.9, floor(min(told, default=0.9) * 10) / 10)
    out = [_open(width, height), *_grid(left, width - right, head, tall, top, str)]
    for n, (month, value) in enumerate(zip(months, values, strict=True)):
        high = tall * value / top
        out.append(
            f'<rect x="{left + (n + 0.2) * step:.1f}" y="{head + tall - high:.1f}" width="{step * 0.6:.1f}" '
            f'height="{high:.1f}" fill="#c9d6e2"/>'
        )
        out.append(_text(left + (n + 0.5) * step, height - 5, month, "middle"))
    for label, share in (("100%", 1.0), (f"{low:.0%}", low)):
        out.append(_text(width - right + 4, head + tall * (1 - (share - low) / (1 - low)) + 4, label, "start"))
    for (_, line), colour in zip(rates, (BLUE, AMBER), strict=False):
        at = [
            (left + (n + 0.5) * step, head + tall * (1 - (rate - low) / (1 - low)))
            for n, rate in enumerate(line)
            if rate is not None
        ]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colour}"/>' for x, y in at]
    shown = zip((rate for rate, _ in rates), (BLUE, AMBER), strict=False)
    out += _legend(left, ((name, "#c9d6e2"), *shown))
    return "".join([*out, "</svg>"])


def share_bar(value: float, low: float, high: float) -> str:
    """A rate on a line from 0 to 1, with the interval it lies in."""
    width, height = 92.0, 9.0
    return (
        f'{_open(width, height)}<rect y="3" width="{width}" height="3" fill="{RULE}"/>'
        f'<rect x="{low * width:.1f}" y="1.5" width="{max(1.0, (high - low) * width):.1f}" height="6" fill="#a9c3da"/>'
        f'<rect x="{min(width - 2, value * width - 1):.1f}" width="2.2" height="9" fill="{BLUE}"/></svg>'
    )


def bar(value: float, most: float, before: float | None = None) -> str:
    """A bar out of the longest; a tick where it was before."""
    width, height = 190.0, 10.0
    tick = ""
    if before is not None:
        x = min(width - 1, width * before / most)
        tick = f'<rect x="{x:.1f}" width="1.6" height="10" fill="{AMBER}"/>'
    return (
        f'{_open(width, height)}<rect y="1" width="{width * value / most:.1f}" height="8" fill="{BLUE}"/>{tick}</svg>'
    )


def areas(outlines: Sequence[Mapping[str, Any]], grades: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """A map of areas in the colours of their grades; what has none is left grey."""
    if not outlines:
        return ""
    one = outlines[0]
    wide, tall = one["east"] - one["west"], one["north"] - one["south"]
    unit = max(wide, tall) / 100
    box = f"{one['west']:.3f} {-one['north']:.3f} {wide:.3f} {tall:.3f}"
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img">']
    for area in outlines:
        colour = GRADES.get(grades.get(area["code"], ""), "#dfe4e9")
        out.append(
            f'<path d="{area["path"]}" fill="{colour}" fill-opacity="0.82" stroke="#ffffff" '
            f'stroke-width="{unit * 0.5:.3f}" fill-rule="evenodd"/>'
        )
    for area in outlines:
        label = labels.get(area["code"])
        if label:
            out.append(
                f'<text x="{area["x"]:.3f}" y="{area["y"]:.3f}" font-size="{unit * 3:.3f}" text-anchor="middle" '
                f'fill="#ffffff" font-weight="600">{escape(label)}</text>'
            )
    return "".join([*out, "</svg>"])


def _open(width: float, height: float) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="9" fill="{MUTED}" text-anchor="{anchor}">{escape(text)}</text>'


def _grid(left: float, right: float, head: float, tall: float, top: float, name: Any) -> list[str]:
    out = []
    for n in range(5):
        y = head + tall * (1 - n / 4)
        out.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{RULE}" stroke-width="0.6"/>')
        out.append(_text(left - 5, y + 3, name(f"{top * n / 4:g}"), "end"))
    return out


def _legend(left: float, entries: Sequence[tuple[str, str]]) -> list[str]:
    out, x = [], left
    for label, colour in entries:
        out.append(f'<rect x="{x:.1f}" y="3" width="9" height="7" fill="{colour}"/>')
        out.append(_text(x + 13, 10, label, "start"))
        # Chinese letters are as wide as they are high, others about half.
        x += 13 + sum(9.2 if ord(letter) > 0x2E80 else 5.2 for letter in label) + 16
    return out


def _ceiling(value: float) -> float:
    """A round number that is not less, of which a quarter is round, too."""
    step = max(1.0, value / 4)
    scale = 10.0 ** floor(log10(step))
    return 4 * next(scale * n for n in (1, 2, 5, 10) if scale * n >= step)
