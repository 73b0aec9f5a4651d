"""A case drawn in letters, so that a difference can be understood without a map."""

from __future__ import annotations

import string

import shapely

from tests.walk.oracle import Input, Plane, World, zone_candidates

WIDE, HIGH = 61, 25


def draw_case(world: World, report: Input) -> str:
    """The candidates in their order, and which of them wins at each spot round the point; ``*`` is the report."""
    plane = Plane(report.lon, report.lat)
    candidates = sorted(zone_candidates(world, plane, report), key=lambda c: c.rank)
    letters = string.ascii_uppercase + string.ascii_lowercase
    shapes = [plane.local(c.zone.geom) for c in candidates]
    half = max(report.reach * 1.2, 15)
    lines = [f"r={report.r} snap={report.snap}; the drawing is {2 * half:.0f} m wide, north is up"]
    for letter, c in zip(letters, candidates, strict=False):
        lines.append(
            f"  {letter} {c.zone.zone_set}/{c.zone.code} {c.zone.organisation} specificity={c.specificity} "
            f"priority={c.zone.priority} covers={c.covers} edge={c.edge} d={c.distance_m} area={c.zone.area_m2:.0f}"
        )
    for row in range(HIGH):
        y = half - 2 * half * row / (HIGH - 1)
        text = ""
        for column in range(WIDE):
            x = -half + 2 * half * column / (WIDE - 1)
            here = next((ch for ch, s in zip(letters, shapes, strict=False) if shapely.intersects_xy(s, x, y)), ".")
            text += "*" if row == HIGH // 2 and column == WIDE // 2 else here
        lines.append("  " + text)
    for part in world.parts_near(plane.lon, plane.lat, plane.degrees(30)):
        if (d := plane.distance_m(part.geom)) <= 30:
            lines.append(
                f"  part {part.code} {part.category} {part.state} d={d} {part.valid} "
                f"{part.maintainer, part.owner, part.supervisor}"
            )
    return "\n".join(lines)
