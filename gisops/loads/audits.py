"""Checks over the whole of what was read: does a tiling tile?

Polygons that should share their edges may leave gaps, overlap, or meet without a common vertex (a seam: after rounding
a point on it is in no polygon or in two). Areas and widths are in the local plane round the middle, metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from gisops.coordinates import local_metres
from gisops.loads.batches import Shapes

# What is narrower than this is a sliver: nobody drew it on purpose. Metres.
SLIVER_M = 1.0
# Smaller than this is rounding, not an overlap or a gap. Square metres.
LEAST_M2 = 0.01
# A vertex this near a neighbour's edge lies on it. Degrees, as where dispatch asks what covers a point.
ON_EDGE = 1e-9
LISTED = 50

Floats = npt.NDArray[np.float64]


def tiling(shapes: Shapes, names: Sequence[str], whole: Any = None) -> dict[str, Any]:
    """Audit polygons (WGS-84 degrees) that should tile; ``whole`` is what they should fill, if anything.

    The answer is JSON-ready: counts, whether the edges are noded, and up to `LISTED` of the largest gaps and overlaps
    and of the seams, each with a position.
    """
    if not len(shapes):
        return {"polygons": 0, "noded": True, "overlaps": [], "gaps": [], "seams": [], "counts": {}}
    box = shapely.total_bounds(shapes)
    kx, ky = local_metres((box[1] + box[3]) / 2)
    overlaps = _overlaps(shapes, names, kx, ky)
    gaps = _gaps(shapes, whole, kx, ky)
    seams = _seams(shapes, names)
    counts = {
        "overlaps": len(overlaps),
        "overlap_slivers": sum(one["sliver"] for one in overlaps),
        "gaps": len(gaps),
        "gap_slivers": sum(one["sliver"] for one in gaps),
        "seams": len(seams),
    }
    return {
        "polygons": len(shapes),
        "noded": not seams,
        "overlap_m2": round(sum(one["area_m2"] for one in overlaps), 1),
        "gap_m2": round(sum(one["area_m2"] for one in gaps), 1),
        "counts": counts,
        "overlaps": sorted(overlaps, key=lambda one: -one["area_m2"])[:LISTED],
        "gaps": sorted(gaps, key=lambda one: -one["area_m2"])[:LISTED],
        "seams": seams[:LISTED],
    }


def _patch(shape: Any, kx: float, ky: float) -> dict[str, Any]:
    """Area, whether it is a sliver, and a point in it. A strip's width is twice its area by its circumference."""
    plane = shapely.transform(shape, lambda at: at * (kx, ky))
    area, around = float(shapely.area(plane)), float(shapely.length(plane))
    point = shapely.point_on_surface(shape)
    return {
        "area_m2": round(area, 2),
        "sliver": bool(around and 2 * area / around < SLIVER_M),
        "lon": round(float(point.x), 7),
        "lat": round(float(point.y), 7),
    }


def _overlaps(shapes: Shapes, names: Sequence[str], kx: float, ky: float) -> list[dict[str, Any]]:
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = one < other
    one, other = one[pairs], other[pairs]
    shared = shapely.intersection(shapes[one], shapes[other])
    large = shapely.area(shared) * kx * ky > LEAST_M2
    found = zip(one[large].tolist(), other[large].tolist(), shared[large], strict=True)
    return [{"of": [names[a], names[b]], **_patch(_areal(shape), kx, ky)} for a, b, shape in found]


def _gaps(shapes: Shapes, whole: Any, kx: float, ky: float) -> list[dict[str, Any]]:
    union = shapely.union_all(shapes)
    if whole is not None:
        rest = shapely.difference(whole, union)
    else:
        holes = [ring for part in shapely.get_parts(union) for ring in part.interiors]
        rest = shapely.multipolygons(shapely.polygons(holes)) if holes else shapely.MultiPolygon()
    parts = shapely.get_parts(rest)
    large = shapely.area(parts) * kx * ky > LEAST_M2
    return [_patch(part, kx, ky) for part in parts[large]]


def _areal(shape: Any) -> Any:
    parts = shapely.get_parts(shape)
    return shapely.multipolygons(parts[shapely.get_type_id(parts) == 3])


def _seams(shapes: Shapes, names: Sequence[str]) -> list[dict[str, Any]]:
    """Vertices of one polygon that lie on an edge of another which has no vertex there."""
    at, owner = shapely.get_coordinates(shapely.boundary(shapes), return_index=True)
    if len(shapes) < 2:
        return []
    points, which = np.unique(at, axis=0, return_inverse=True)
    which = which.ravel()
    # Segments of all rings: a pair of neighbours in the list, unless a ring ends between them.
    rings, ring_owner = shapely.get_parts(shapely.boundary(shapes), return_index=True)
    ends, ring = shapely.get_coordinates(rings, return_index=True)
    inside = ring[:-1] == ring[1:]
    segments = shapely.linestrings(np.stack([ends[:-1][inside], ends[1:][inside]], axis=1))
    segment_owner = ring_owner[ring[:-1][inside]]
    point, segment = shapely.STRtree(segments).query(shapely.points(points), predicate="dwithin", distance=ON_EDGE)
    touches = segment_owner[segment].astype(np.int64) * len(points) + point
    has = owner.astype(np.int64) * len(points) + which
    # Another vertex within the tolerance counts as the same one.
    bare = np.unique(touches[~np.isin(touches, has)])
    holder_of = np.full(len(points), -1, dtype=np.int64)
    holder_of[which] = owner
    found = []
    for key in bare.tolist():
        polygon, n = divmod(key, len(points))
        lon, lat = points[n].tolist()
        found.append(
            {
                "edge_of": names[polygon],
                "vertex_of": names[int(holder_of[n])],
                "lon": round(lon, 7),
                "lat": round(lat, 7),
            }
        )
    return found
