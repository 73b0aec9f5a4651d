"""Parts that are lines or areas: rails, railings, bridges, car parks, places for bicycles."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from shapely.ops import substring

from gisops.sample.city.streets import Floats, Streets
from gisops.sample.town import Shapes, Town

# Rails stand beside the middle, not on it: the middle is where the grid cells of both sides meet.
BESIDE_MIDDLE_M = 0.7
Extended = list[tuple[str, Any]]


def draw_extended(town: Town, streets: Streets, rng: np.random.Generator, most: int) -> Extended:
    """Draw about ``most`` parts that are no points, as (category, shape): each kind has its share."""
    found: Extended = [*_bridges(town, streets, max(3, most // 8)), *_rails(streets, rng, most // 4)]
    found += _railings(town, streets, rng, most // 4)
    found += _bays(town, streets, rng, "P02-25", (14.0, 2.0, 1.9), most // 4)
    found += _bays(town, streets, rng, "P02-01", (34.0, 11.0, 4.5), most // 8)
    return found


def _bridges(town: Town, streets: Streets, most: int) -> Extended:
    """Where a street crosses a river or canal: the whole width over the water."""
    wet = town.waters.geom[np.isin(town.waters.water_class, ["river", "canal"])]
    drive = np.flatnonzero(~streets.is_a("footway", "service"))
    if not len(wet) or not len(drive):
        return []
    which, water = shapely.STRtree(wet).query(streets.lines[drive], predicate="intersects")
    spans = shapely.intersection(streets.lines[drive][which], wet[water])
    found: Extended = []
    for road, span in zip(drive[which], spans, strict=True):
        for piece in shapely.get_parts(span):
            if piece.geom_type == "LineString" and 4 < piece.length < 900:
                deck = piece.buffer(streets.width[road] / 2, cap_style="flat", join_style="mitre", quad_segs=2)
                found.append(("P02-09", deck))
    return sorted(found, key=lambda one: -one[1].area)[:most]


def _rails(streets: Streets, rng: np.random.Generator, most: int) -> Extended:
    """Guard rails along the middle of great streets."""
    free = streets.length - streets.room.sum(axis=1)
    fit = np.flatnonzero(streets.is_a("trunk", "primary", "secondary") & (streets.urban > 0.3) & (free > 50))
    chosen = rng.permutation(fit)[:most]
    lines = shapely.offset_curve(streets.lines[chosen], BESIDE_MIDDLE_M, join_style="mitre")
    found: Extended = []
    for road, line in zip(chosen, lines, strict=True):
        if line.geom_type == "LineString" and not line.is_empty:
            start = float(streets.room[road, 0]) + 8
            rail = substring(line, start, min(start + 160, line.length - float(streets.room[road, 1]) - 8))
            if rail.geom_type == "LineString" and rail.length > 15:
                found.append(("P02-17", rail))
    return found


def _railings(town: Town, streets: Streets, rng: np.random.Generator, most: int) -> Extended:
    """Railings at the water's edge and round parks, in stretches, where streets are near."""
    near = shapely.STRtree(streets.lines[streets.urban > 0.25])
    rivers = town.waters.geom[np.isin(town.waters.water_class, ["river", "canal", "lake"])]
    parks = town.greens.geom[town.greens.green_class == "park"]
    edges = [("P05-07", ring) for ring in shapely.boundary(shapely.buffer(rivers, 1.5, quad_segs=2))]
    edges += [("P04-08", ring) for ring in shapely.boundary(shapely.buffer(parks, -1.5, quad_segs=2))]
    candidates: Extended = []
    for category, edge in edges:
        for ring in shapely.get_parts(edge):
            starts = np.arange(5.0, max(5.0, ring.length - 80.0), 140.0)
            if not len(starts):
                continue
            points = shapely.line_interpolate_point(ring, starts)
            beside = np.unique(near.query(points, predicate="dwithin", distance=60.0)[0])
            candidates += [(category, substring(ring, starts[i], starts[i] + 75.0)) for i in beside]
    shapes = np.array([*(shape for _, shape in candidates), None], dtype=object)[:-1]
    clear = (shapely.get_type_id(shapes) == shapely.GeometryType.LINESTRING) & shapely.covers(town.land, shapes)
    # Where a street crosses there is no railing.
    clear[shapely.STRtree(streets.carriageways).query(shapes, predicate="intersects")[0]] = False
    return [candidates[i] for i in np.sort(rng.permutation(np.flatnonzero(clear))[:most])]


def _bays(
    town: Town, streets: Streets, rng: np.random.Generator, category: str, size: tuple[float, float, float], most: int
) -> Extended:
    """Marked rectangles beside the kerb, clear of houses, traffic and water: length, depth, distance from the kerb."""
    length, depth, from_kerb = size
    spacing = np.where(streets.is_a("secondary", "tertiary", "residential") & (streets.urban > 0.3), 150.0, np.inf)
    spots = streets.row(spacing, 0.4)
    spots = spots.only(np.sort(rng.permutation(len(spots.road))[: most * 3]))
    near_edge = streets.width[spots.road] / 2 + from_kerb
    corners = []
    for along, out in ((-0.5, 0.0), (0.5, 0.0), (0.5, 1.0), (-0.5, 1.0)):
        corners.append(spots.beside(near_edge + out * depth) + spots.ahead * (along * length))
    boxes = shapely.polygons(np.stack(corners, axis=1)) if len(spots.road) else np.array([], dtype=object)
    clear = np.ones(len(boxes), dtype=bool)
    for obstacles in (town.buildings.geom, streets.carriageways):
        clear[shapely.STRtree(obstacles).query(boxes, predicate="intersects")[0]] = False
    clear &= shapely.covers(town.land, boxes)
    return [(category, box) for box in boxes[clear][:most]]


def middle_of(shapes: Shapes) -> Floats:
    """Where an extended part is counted: halfway along a line, on the ground of an area."""
    points = np.asarray(shapely.point_on_surface(shapes))
    lines = shapely.get_type_id(shapes) == shapely.GeometryType.LINESTRING
    points[lines] = shapely.line_interpolate_point(shapes[lines], 0.5, normalized=True)
    found: Floats = shapely.get_coordinates(points)
    return found
