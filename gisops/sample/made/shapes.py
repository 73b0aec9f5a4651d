"""Drawing aids of the made-up city: noise, smooth lines, rivers with banks, blobs, cuts through a face; metres."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

Points = NDArray[np.float64]

# Everything ends on a centimetre raster: lines that meet share their vertices exactly, also after conversion.
GRID_M = 0.01


def noise(rng: np.random.Generator, wavelength_m: float, waves: int = 14) -> Any:
    """A smooth random field: a function of points (n, 2) to about -1..1, which changes over ``wavelength_m``."""
    angle = rng.uniform(0, 2 * np.pi, waves)
    number = 2 * np.pi / (wavelength_m * rng.uniform(0.6, 1.8, waves))
    vectors = np.column_stack([np.cos(angle), np.sin(angle)]) * number[:, None]
    phase = rng.uniform(0, 2 * np.pi, waves)

    def field(points: Points) -> NDArray[np.float64]:
        waved = np.sin(np.asarray(points) @ vectors.T + phase).sum(axis=1)
        return np.asarray(waved / np.sqrt(waves) * 0.9, dtype=np.float64)

    return field


def curve(points: Points, step_m: float = 25.0) -> Points:
    """A round line through a few points (centripetal enough: Catmull-Rom), with a vertex about every ``step_m``."""
    points = np.asarray(points, dtype=float)
    ends = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    found = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        t = np.linspace(0, 1, max(int(np.hypot(*(c - b)) / step_m), 2), endpoint=False)[:, None]
        found.append(
            0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3),
        )
    return np.vstack([*found, points[-1:]])


def wiggled(points: Points, rng: np.random.Generator, parts: tuple[tuple[float, float], ...]) -> Points:
    """Shift a line's vertices sideways by noise; ``parts`` are (amplitude, wavelength) in metres."""
    shift = np.zeros_like(points)
    for amplitude, wavelength in parts:
        shift += amplitude * np.column_stack([noise(rng, wavelength)(points), noise(rng, wavelength)(points)])
    return points + shift


def banked(points: Points, half_m: NDArray[np.float64]) -> Any:
    """Give a river its banks: the line widened by a half width of its own at every vertex."""
    discs = shapely.buffer(shapely.points(points), half_m, quad_segs=6)
    hulls = shapely.convex_hull(shapely.union(discs[:-1], discs[1:]))
    return rounded(shapely.union_all(hulls), 4.0)


def rounded(area: Any, radius_m: float) -> Any:
    """The area with its corners rounded off, inner and outer ones, and no more vertices than that needs."""
    soft = area.buffer(radius_m, quad_segs=5).buffer(-2 * radius_m, quad_segs=5).buffer(radius_m, quad_segs=5)
    return shapely.simplify(soft, 0.6)


def blob(centre: Points, radius_m: float, rng: np.random.Generator, rough: float = 0.25, corners: int = 40) -> Any:
    """An area such as nature leaves: a circle with a few random waves."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    radius = np.ones(corners)
    for k in (2, 3, 4, 5, 7):
        radius += rough / k * 1.6 * rng.uniform(0.3, 1) * np.sin(k * angle + rng.uniform(0, 2 * np.pi))
    points = centre + radius_m * np.maximum(radius, 0.2)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return shapely.make_valid(shapely.Polygon(points))


def snapped(geometry: Any) -> Any:
    """The geometry (or an array of them) on the centimetre raster, valid."""
    return shapely.set_precision(geometry, GRID_M)


def polygons(geometry: Any, least_m2: float = 1.0) -> Any:
    """The polygons of a geometry or of many, specks left out, as an array."""
    parts = shapely.get_parts(geometry)
    if (shapely.get_type_id(parts) > 3).any():
        parts = shapely.get_parts(parts)
    parts = parts[shapely.get_type_id(parts) == 3]
    return parts[shapely.area(parts) >= least_m2]


def merged(geometry: Any) -> Any:
    """The polygons of a geometry as one Polygon or MultiPolygon, specks left out."""
    parts = polygons(geometry)
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)


def without(areas: Any, covers: Any) -> Any:
    """Each area without all covers that touch it."""
    one, other = shapely.STRtree(covers).query(areas, predicate="intersects")
    start = np.searchsorted(one, np.arange(len(areas) + 1))
    taken = [shapely.union_all(covers[other[a:b]]) for a, b in pairwise(start)]
    return shapely.difference(areas, np.array(taken, dtype=object))
