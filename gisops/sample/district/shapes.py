"""Drawing aids of the sample district: smooth lines, tapering rivers, cuts through blocks; metres in, degrees out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, MultiPolygon, Point, Polygon
from shapely.ops import split

from gisops.sample.district.plan import ORIGIN

Line = Sequence[tuple[float, float]]

# Everything is drawn on a centimetre raster: lines that meet share their vertices exactly, also after conversion.
GRID_M = 0.01

_A, _F = 6378137.0, 1 / 298.257223563
_E2 = _F * (2 - _F)
_W = 1 - _E2 * math.sin(math.radians(ORIGIN[1])) ** 2
METRES_PER_DEGREE = np.array(
    [
        math.pi / 180 * _A * math.cos(math.radians(ORIGIN[1])) / math.sqrt(_W),
        math.pi / 180 * _A * (1 - _E2) / _W**1.5,
    ]
)


def to_degrees(geometry: Any) -> Any:
    """Turn a geometry (or an array of them) from local metres into WGS-84 longitude and latitude, SRID 4326.

    The plane is so small that a scale per axis is enough, and as each vertex is converted by itself, neighbours that
    share vertices in metres share them in degrees.
    """

    def place(xy: NDArray[np.float64]) -> Any:
        return np.round(np.array(ORIGIN) + xy / METRES_PER_DEGREE, 9)

    return shapely.set_srid(shapely.transform(geometry, place), 4326)


def smooth(line: Line, times: int = 3) -> LineString:
    """Round a hand-drawn line by cutting its corners (Chaikin); its ends stay."""
    points = np.array(line, dtype=float)
    for _ in range(times):
        near = points[:-1] * 0.75 + points[1:] * 0.25
        far = points[:-1] * 0.25 + points[1:] * 0.75
        points = np.vstack([points[:1], np.stack([near, far], axis=1).reshape(-1, 2)[1:-1], points[-1:]])
    return LineString(points)


def tapered(line: LineString, half_widths: tuple[float, float]) -> Polygon:
    """Give a river its banks: the line widened by a half width that grows evenly from one end to the other."""
    count = max(int(line.length / 12), 2)
    discs = []
    for i in range(count + 1):
        half = half_widths[0] + (half_widths[1] - half_widths[0]) * i / count
        discs.append(line.interpolate(i / count, normalized=True).buffer(half, quad_segs=6))
    hulls = [shapely.convex_hull(shapely.union(a, b)) for a, b in pairwise(discs)]
    return shapely.simplify(shapely.union_all(hulls), 0.3)


def joined(line: LineString, others: Iterable[LineString], reach_m: float = 40.0) -> LineString:
    """Move a line's ends onto the nearest of the other lines, where one is near; a lane then ends in its street."""
    points = [Point(c) for c in line.coords]
    others = list(others)
    for end in (0, -1):
        near = min(others, key=lambda other: other.distance(points[end]), default=None)
        if near is not None and near.distance(points[end]) <= reach_m:
            points[end] = near.interpolate(near.project(points[end]))
    return longer(LineString(points))


def faces(lines: Sequence[Any]) -> list[Polygon]:
    """Cut the plane along lines: the areas they enclose. Every area has a vertex wherever lines meet on its rim."""
    noded = shapely.union_all(np.array(lines, dtype=object), grid_size=GRID_M)
    return list(shapely.get_parts(shapely.polygonize(shapely.get_parts(noded))))


def halve(block: Polygon, rng: np.random.Generator, avoid: Any = None) -> tuple[Polygon, Polygon, LineString] | None:
    """Cut a block across its long side, not quite in the middle and not quite straight.

    Cuts through ``avoid`` are passed over while there is another. ``None`` where no fair cut is found.
    """
    box = shapely.oriented_envelope(block)
    corners = np.array(box.exterior.coords)[:4]
    sides = corners[1] - corners[0], corners[2] - corners[1]
    long, short = sorted(sides, key=lambda v: -float(np.hypot(*v)))
    length, width = float(np.hypot(*long)), float(np.hypot(*short))
    along, across = long / length, short / width
    middle = np.array([block.centroid.x, block.centroid.y])
    second_choice = None
    for _ in range(12):
        centre = middle + along * length * rng.uniform(-0.07, 0.07)
        lean = along * rng.uniform(-0.07, 0.07)
        bend = centre + along * width * rng.uniform(-0.03, 0.03)
        ends = centre - (across + lean) * width * 1.2, centre + (across + lean) * width * 1.2
        line = LineString([ends[0], bend, ends[1]])
        parts = list(split(block, line).geoms)
        if len(parts) != 2 or min(p.area for p in parts) < 0.3 * block.area:
            continue
        cut = line.intersection(block)
        if cut.geom_type != "LineString":
            continue
        second_choice = parts[0], parts[1], longer(cut)
        if avoid is None or not cut.intersects(avoid):
            return second_choice
    return second_choice


def longer(cut: LineString, by_m: float = 0.05) -> LineString:
    """A cut a little beyond both ends: on the raster the line it ends in may have moved away by half a centimetre."""
    points = np.array(cut.coords)
    for end, before in ((0, 1), (-1, -2)):
        outward = points[end] - points[before]
        points[end] += outward / np.hypot(*outward) * by_m
    return LineString(points)


def multi(geometry: Any) -> MultiPolygon:
    """The polygons of a geometry, specks below half a square metre left out, as one multi-polygon."""
    parts = [p for p in shapely.get_parts(geometry) if p.geom_type == "Polygon" and p.area > 0.5]
    return MultiPolygon(parts)


def snapped(geometry: Any) -> Any:
    """The geometry on the centimetre raster, valid."""
    return shapely.set_precision(geometry, GRID_M)
