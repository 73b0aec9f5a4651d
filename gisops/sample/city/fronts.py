"""Where buildings meet the street: a door at the front, and the address that goes with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from gisops.sample.city.streets import Floats, Ints, Streets
from gisops.sample.town import Shapes, Texts, Town

# So far before the wall a door's point lies.
BEFORE_WALL_M = 0.5


@dataclass(frozen=True)
class Fronts:
    """For each building: the point before its door (``xy``), the nearest road that is no footway, its address.

    ``far_m`` is how far from the middle of the road the door is. The address is street name and number; odd numbers
    lie left of the street's direction, as everywhere in a street that is numbered at once.
    """

    xy: Floats
    road: Ints
    far_m: Floats
    address_zh: Texts


def read_fronts(town: Town, streets: Streets) -> Fronts:
    """Find every building's front."""
    houses = town.buildings.geom
    named = np.flatnonzero((town.roads.name_zh != "") & ~streets.is_a("motorway", "footway"))
    drive = np.flatnonzero(~streets.is_a("motorway", "footway"))
    if not len(houses) or not len(drive):
        return Fronts(np.empty((0, 2)), np.empty(0, np.int64), np.empty(0), np.empty(0, object))
    road = drive[shapely.STRtree(streets.lines[drive]).nearest(houses)]
    ends = np.stack([_walls(houses, streets.lines[road]), np.empty((len(houses), 2))], axis=1)
    ways = shapely.shortest_line(shapely.points(ends[:, 0]), streets.lines[road])
    ends[:, 1] = shapely.get_coordinates(shapely.get_point(ways, -1))
    way = ends[:, 1] - ends[:, 0]
    far = np.hypot(way[:, 0], way[:, 1])
    step = np.minimum(BEFORE_WALL_M, far / 2) / np.where(far == 0, 1.0, far)
    doors = ends[:, 0] + way * step[:, None]
    address = np.full(len(houses), "", dtype=object)
    if len(named):
        of_name = named[shapely.STRtree(streets.lines[named]).nearest(shapely.points(doors))]
        address = _addresses(doors, streets.lines[of_name], town.roads.name_zh[of_name])
    return Fronts(doors, road, far, address)


def _walls(houses: Shapes, lines: Shapes) -> Floats:
    """The point of each house's wall that looks at the street from its middle; not a corner that happens to be near."""
    middles = shapely.centroid(houses)
    sight = shapely.intersection(shapely.shortest_line(middles, lines), houses)
    # A house round a yard may have its middle outside.
    seen = np.where(shapely.is_empty(sight), houses, sight)
    found: Floats = shapely.get_coordinates(shapely.get_point(shapely.shortest_line(seen, lines), 0))
    return found


def _addresses(doors: Floats, lines: Shapes, names: Texts) -> Texts:
    """Number the doors of each street along the direction in which it stretches, odd on one side, even on the other."""
    at = shapely.line_locate_point(lines, shapely.points(doors))
    foot = shapely.get_coordinates(shapely.line_interpolate_point(lines, at))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines, at + 1.0)) - foot
    out = doors - foot
    left = ahead[:, 0] * out[:, 1] - ahead[:, 1] * out[:, 0] >= 0
    _, street = np.unique(names.astype(str), return_inverse=True)
    # A street stretches from west to east or from south to north, whichever is longer.
    size = street.max() + 1
    low, high = np.full((size, 2), np.inf), np.full((size, 2), -np.inf)
    np.minimum.at(low, street, foot)
    np.maximum.at(high, street, foot)
    eastward = (high - low)[:, 0] >= (high - low)[:, 1]
    along = np.where(eastward[street], foot[:, 0], foot[:, 1])
    order = np.lexsort((along, left, street))
    group = street[order] * 2 + left[order]
    begins = np.flatnonzero(np.append(True, np.diff(group) != 0))
    rank = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
    number = np.empty(len(order), dtype=np.int64)
    number[order] = rank * 2 + np.where(left[order], 1, 2)
    return np.array([f"{name}{n}号" for name, n in zip(names, number, strict=True)], dtype=object)
