"""Charts of a notebook, as SVG in the colours of the screens: they need no other package, and print as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

# The accents of api/screens/shared/design.css, told apart with any common colour blindness.
INK, MUTED, RULE = "#17212b", "#4a5764", "#d5dbe1"
ACCENT, CASE, WARN, GOOD, GREY = "#0b5c8a", "#c23a22", "#c77700", "#00704f", "#aab4be"
FONT = "Noto Sans SC,Noto Sans CJK SC,PingFang SC,Microsoft YaHei,sans-serif"


@dataclass(frozen=True)
class Chart:
    """What a notebook shows as a picture."""

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg


def bars(
    rows: Sequence[tuple[str, float]],
    *,
    title: str,
    before: Sequence[float] | None = None,
    line: float | None = None,
    line_name: str = "",
    unit: str = "",
    colours: Sequence[str] | None = None,
) -> Chart:
    """A bar for each row, with its number; a tick where it was ``before``, a line through all (the mean)."""
    width, left, right, step, head = 760.0, 250.0, 70.0, 22.0, 46.0
    height = head + step * len(rows) + 14
    most = max([value for _, value in rows] + list(before or []) + [line or 0.0, 1e-9])
    scale = (width - left - right) / most
    out = [_open(width, height), _text(0, 14, title, size=14, colour=INK, weight=600)]
    for n, (name, value) in enumerate(rows):
        y = head + n * step
        colour = colours[n] if colours else ACCENT
        out.append(_text(left - 8, y + 12, name, "end"))
        out.append(
            f'<rect x="{left}" y="{y + 2:.1f}" width="{max(value * scale, 0.8):.1f}" height="14" rx="2"'
            f' fill="{colour}"/>'
        )
        ends = max(value, before[n]) if before else value
        if before:
            x = left + before[n] * scale
            out.append(f'<rect x="{x - 1.25:.1f}" y="{y - 1:.1f}" width="2.5" height="20" fill="{INK}"/>')
        out.append(_text(left + ends * scale + 6, y + 13, f"{value:,.4g}{unit}", colour=INK))
    if line is not None:
        x = left + line * scale
        out.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{head - 6}" y2="{height - 10}" stroke="{MUTED}"'
            f' stroke-dasharray="4 3"/>'
        )
        out.append(_text(x, head - 10, line_name, "middle", size=11))
    return Chart("".join([*out, "</svg>"]))


def curves(
    lines: Sequence[tuple[str, Sequence[float], Sequence[float]]], *, title: str, x_name: str, y_name: str
) -> Chart:
    """Lines of shares (0 to 1) over shares, with the diagonal: Lorenz curves."""
    width, height, left, head, foot = 610.0, 380.0, 52.0, 46.0, 46.0
    wide, tall = width - left - 180, height - head - foot
    out = [_open(width, height), _text(0, 14, title, size=14, colour=INK, weight=600)]
    for n in range(5):
        x, y = left + wide * n / 4, head + tall * (1 - n / 4)
        out.append(f'<line x1="{left}" x2="{left + wide}" y1="{y:.1f}" y2="{y:.1f}" stroke="{RULE}"/>')
        out.append(_text(left - 6, y + 4, f"{n / 4:.0%}", "end", size=11))
        out.append(_text(x, head + tall + 16, f"{n / 4:.0%}", "middle", size=11))
    out.append(
        f'<line x1="{left}" y1="{head + tall}" x2="{left + wide}" y2="{head}" stroke="{MUTED}" stroke-dasharray="4 3"/>'
    )
    out.append(_text(left + wide / 2, height - 8, x_name, "middle"))
    out.append(_text(left - 44, head - 12, y_name))
    # Told by the stroke as well as by the colour.
    looks = ((GREY, "6 4"), (CASE, ""), (ACCENT, "2 2"))
    for n, ((name, xs, ys), (colour, dash)) in enumerate(zip(lines, looks, strict=False)):
        at = " ".join(f"{left + x * wide:.1f},{head + tall * (1 - y):.1f}" for x, y in zip(xs, ys, strict=True))
        drawn = f' stroke-dasharray="{dash}"' if dash else ""
        out.append(f'<polyline points="{at}" fill="none" stroke="{colour}" stroke-width="2.5"{drawn}/>')
        y = head + 16 + 22 * n
        out.append(
            f'<line x1="{left + wide + 12}" x2="{left + wide + 34}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}"'
            f' stroke-width="2.5"{drawn}/>'
        )
        out.append(_text(left + wide + 40, y, name))
    return Chart("".join([*out, "</svg>"]))


def stacks(
    rows: Sequence[tuple[str, Sequence[float]]], parts: Sequence[tuple[str, str]], *, title: str, unit: str = ""
) -> Chart:
    """A bar for each row, of several parts one behind the other, each with its name and colour; the sum at its end."""
    width, left, right, step, head = 760.0, 250.0, 90.0, 30.0, 60.0
    height = head + step * len(rows) + 10
    most = max([sum(values) for _, values in rows] + [1e-9])
    scale = (width - left - right) / most
    out = [_open(width, height), _text(0, 14, title, size=14, colour=INK, weight=600)]
    x = 0.0
    for name, colour in parts:
        out.append(f'<rect x="{x:.1f}" y="28" width="12" height="12" rx="2" fill="{colour}"/>')
        out.append(_text(x + 17, 38, name))
        x += 34 + sum(12 if ord(letter) > 0x2E80 else 6.4 for letter in name)
    for n, (name, values) in enumerate(rows):
        y, at = head + n * step, left
        out.append(_text(left - 8, y + 15, name, "end"))
        for value, (_, colour) in zip(values, parts, strict=True):
            out.append(
                f'<rect x="{at:.1f}" y="{y + 2:.1f}" width="{value * scale:.1f}" height="18" fill="{colour}"'
                f' stroke="#ffffff"/>'
            )
            at += value * scale
        out.append(_text(at + 6, y + 16, f"{sum(values):,.0f}{unit}", colour=INK))
    return Chart("".join([*out, "</svg>"]))


def _open(width: float, height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img"'
        f' font-family="{FONT}"><rect width="100%" height="100%" fill="#ffffff"/>'
    )


def _text(
    x: float, y: float, text: str, anchor: str = "start", *, size: float = 12, colour: str = MUTED, weight: int = 400
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" font-weight="{weight}" fill="{colour}"'
        f' text-anchor="{anchor}">{escape(text)}</text>'
    )
