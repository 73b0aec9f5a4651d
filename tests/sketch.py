"""Geography drawn in the test: letters and digits of a text are corners and points.

    sketch('''
        A . . B
        . 1 . .
        D . . C
    ''', at=(120.2, 30.3), step_m=10)

Two columns (a sign and a blank) are one step east, one line is one step south; ``at`` is the lower left sign. Dots,
dashes, bars, plus signs and blanks mean nothing and may be drawn freely. A sign may stand only once.
"""

from __future__ import annotations

import textwrap

from shapely.geometry import LineString, Point, Polygon

from gisops.coordinates import local_metres

DECORATION = set(" .-|+/\\")


class Sketch(dict[str, tuple[float, float]]):
    """Signs and where they are, as (lon, lat)."""

    def __init__(self, at: tuple[float, float]) -> None:
        super().__init__()
        self.at = at

    def moved(self, sign: str, east_m: float = 0, north_m: float = 0) -> tuple[float, float]:
        """So many metres from a sign."""
        lon, lat = self[sign]
        per_lon, per_lat = local_metres(self.at[1])
        return lon + east_m / per_lon, lat + north_m / per_lat

    def point(self, sign: str) -> Point:
        return Point(self[sign])

    def line(self, signs: str) -> LineString:
        return LineString([self[s] for s in signs])

    def polygon(self, signs: str, *holes: str) -> Polygon:
        """The ring through the signs in their order, less the rings of ``holes``."""
        return Polygon([self[s] for s in signs], [[self[s] for s in hole] for hole in holes])


def sketch(text: str, at: tuple[float, float], step_m: float) -> Sketch:
    """Read a drawing. Raises ``ValueError`` for a sign that stands twice or is neither letter, digit nor decoration."""
    lines = textwrap.dedent(text).strip("\n").rstrip().split("\n")
    per_lon, per_lat = local_metres(at[1])
    found = Sketch(at)
    for row, line in enumerate(lines):
        for column, sign in enumerate(line):
            if sign in DECORATION:
                continue
            if not sign.isalnum():
                raise ValueError(f"{sign!r} in line {row + 1} is neither a letter, a digit nor decoration")
            if sign in found:
                raise ValueError(f"{sign!r} stands twice in the drawing")
            found[sign] = (at[0] + column / 2 * step_m / per_lon, at[1] + (len(lines) - 1 - row) * step_m / per_lat)
    return found
