"""The buildings of the sample district: each community has its own fabric, from fishermen's houses to sheds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry import Polygon, box

from gisops.sample.district import plan
from gisops.sample.district.ground import Ground
from gisops.sample.district.shapes import snapped


class Fabric(NamedTuple):
    """How a quarter is built: footprint length and depth, spacing between rows and within them, floors, use."""

    length_m: tuple[float, float]
    depth_m: tuple[float, float]
    row_gap_m: float
    side_gap_m: float
    floors: tuple[int, int]
    floor_m: float
    use: str


FABRICS = {
    "old": Fabric((22, 34), (15, 21), 15, 12, (2, 4), 3.2, "residential"),
    "slab": Fabric((46, 66), (12, 14), 24, 14, (6, 8), 2.9, "residential"),
    "tower": Fabric((26, 34), (22, 27), 32, 26, (16, 30), 2.9, "residential"),
    "shed": Fabric((48, 76), (28, 38), 20, 16, (1, 2), 6.0, "industrial"),
}
# Along the two widest roads houses are shops and offices, whatever stands behind them.
FRONTS = ("R001", "R005")


@dataclass(frozen=True)
class Building:
    """A footprint with its use, floors, height in metres, and the households and residents registered."""

    code: str
    use: str
    floors: int
    height_m: float
    households: int | None
    residents: int | None
    polygon: Polygon


def draw_buildings(ground: Ground, rng: np.random.Generator) -> tuple[Building, ...]:
    """Fill each cell with rows of houses along its longer side, a few metres behind the kerb."""
    open_space = shapely.union_all([g.buffer(4) for g in ground.sites.values()])
    railway = ground.railway.buffer(plan.RAILWAY_GAP_M / 2 + 3)
    taken = shapely.union_all([ground.road_surface.buffer(5), ground.water.buffer(14), open_space, railway])
    shapely.prepare(taken)
    front = shapely.union_all([ground.road(code).surface for code in FRONTS]).buffer(30)
    found: list[Building] = []
    for cell in ground.cells:
        fabric = FABRICS[plan.COMMUNITIES[cell.community].fabric]
        # Some cells stay empty or half empty: yards, car parks, allotments.
        density = rng.uniform(0.35, 1.0)
        room = cell.polygon.buffer(-5).difference(taken)
        for plot in shapely.get_parts(room):
            if plot.area > 900:
                found.extend(_rows(plot, fabric, density, front, len(found), rng))
    found.extend(_school(ground.sites["school"], len(found)))
    found.append(_building(len(found), "market", 1, 7.0, ground.sites["market"].buffer(-9)))
    found.append(_building(len(found), "depot", 1, 8.0, affinity.scale(ground.sites["depot"].buffer(-12), 1, 0.45)))
    return tuple(found)


def _rows(plot: Any, fabric: Fabric, density: float, front: Any, done: int, rng: np.random.Generator) -> list[Building]:
    """Rows of footprints inside one plot, parallel to its longer side."""
    envelope = shapely.oriented_envelope(plot)
    corners = np.array(envelope.exterior.coords)[:4]
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    long = first if np.hypot(*first) >= np.hypot(*second) else second
    angle = float(np.degrees(np.arctan2(long[1], long[0])))
    centre = envelope.centroid
    level = affinity.rotate(plot, -angle, origin=centre)
    west, south, east, north = level.bounds
    # Half a metre of grace: a footprint may touch the line behind the kerb.
    room = level.buffer(0.5)
    found: list[Building] = []
    y = south + 0.5
    while y < north:
        depth = rng.uniform(*fabric.depth_m)
        x = west + 0.5 + rng.uniform(0, 6)
        while x < east:
            length = rng.uniform(*fabric.length_m)
            house = box(x, y, x + length, y + depth)
            x += length + fabric.side_gap_m
            inside = house.intersection(level)
            # A house that fits only in part becomes a shorter one, if that is still a house.
            if inside.area < house.area * 0.97:
                inside = _shorter(inside, room, depth)
            if inside is None or rng.random() > density:
                continue
            polygon = affinity.rotate(inside, angle, origin=centre)
            found.append(_house(done + len(found), polygon, fabric, front, rng))
        y += depth + fabric.row_gap_m
    return found


def _shorter(piece: Any, room: Any, depth: float) -> Any:
    """The part of a house's footprint that lies wholly on the plot, cut back from both ends."""
    if piece.is_empty or piece.geom_type != "Polygon":
        return None
    west, south, east, north = piece.bounds
    for step in (0.0, 0.12, 0.24):
        for start, end in ((step, 0.0), (0.0, step), (step, step)):
            house = box(west + (east - west) * start, south, east - (east - west) * end, north)
            if house.bounds[2] - house.bounds[0] > 12 and north - south > depth * 0.8 and room.contains(house):
                return house
    return None


def _house(n: int, polygon: Any, fabric: Fabric, front: Any, rng: np.random.Generator) -> Building:
    floors = int(rng.integers(fabric.floors[0], fabric.floors[1] + 1))
    use = fabric.use
    if polygon.intersects(front):
        use = "commercial" if rng.random() < 0.6 else "office"
    building = _building(n, use, floors, round(floors * fabric.floor_m, 1), polygon)
    if use != "residential":
        return building
    households = max(1, int(polygon.area * floors / 125))
    residents = int(households * rng.uniform(2.2, 3.1))
    return Building(building.code, use, floors, building.height_m, households, residents, building.polygon)


def _building(n: int, use: str, floors: int, height_m: float, polygon: Any) -> Building:
    return Building(f"B{n + 1:04d}", use, floors, height_m, None, None, snapped(polygon))


def _school(site: Any, done: int) -> list[Building]:
    """Three teaching blocks and a hall; the rest of the site is the playing field."""
    west, south, east, north = site.bounds
    blocks = [box(west + 14, south + 16 + i * 30, west + 68, south + 29 + i * 30) for i in range(3)]
    blocks.append(box(east - 44, north - 40, east - 16, north - 18))
    return [_building(done + i, "school", 4, 14.4, b) for i, b in enumerate(blocks)]
