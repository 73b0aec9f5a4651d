"""The ground of the sample district: shore, river, roads, communities and the grid cells between them; local metres."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from shapely.geometry import LineString, Point, Polygon, box

from gisops.sample.district import plan
from gisops.sample.district.shapes import faces, halve, joined, multi, smooth, snapped, tapered

CELLS = 200


@dataclass(frozen=True)
class Road:
    """A road: hand-drawn ones have names, the lanes that came with cutting the blocks have none."""

    code: str
    name_zh: str
    name_en: str
    road_class: str
    width_m: float
    line: Any

    @cached_property
    def surface(self) -> Any:
        """What lies between its kerbs."""
        return self.line.buffer(self.width_m / 2, cap_style="flat")


@dataclass(frozen=True)
class Cell:
    """A grid cell and the community (index into ``plan.COMMUNITIES``) it lies in."""

    code: str
    community: int
    polygon: Polygon


@dataclass(frozen=True)
class Ground:
    """Everything that was there before the city administration came."""

    city: Polygon
    land: Polygon
    reclaimed: Polygon
    sea: Any
    river: Any
    branch: Any
    pond: Polygon
    roads: tuple[Road, ...]
    railway: LineString
    cells: tuple[Cell, ...]
    communities: tuple[Any, ...]
    streets: tuple[Any, ...]
    sites: dict[str, Any]
    neighbours: tuple[Any, ...]

    @cached_property
    def water(self) -> Any:
        """River, branch and pond."""
        return shapely.union_all([self.river, self.branch, self.pond])

    @cached_property
    def road_surface(self) -> Any:
        """All that is paved for traffic."""
        return shapely.union_all([road.surface for road in self.roads])

    def road(self, code: str) -> Road:
        """One hand-drawn road."""
        return next(road for road in self.roads if road.code == code)


def draw_ground(rng: np.random.Generator) -> Ground:
    """Draw the ground. Only the cuts through the blocks are left to chance; the rest is the hand-drawn plan."""
    coast = smooth(plan.COAST)
    rim = [*smooth(plan.WEST).coords[:-1], *coast.coords[:-1], *smooth(plan.EAST).coords[:-1], *plan.SOUTH[:-1]]
    land = snapped(Polygon(rim))
    reclaimed = snapped(
        max(shapely.get_parts(Polygon(plan.RECLAIMED).buffer(12).difference(land)), key=lambda p: p.area)
    )
    city = snapped(shapely.union_all([land, reclaimed], grid_size=0.01))

    river_line = smooth(plan.RIVER)
    branch_line = joined(smooth(plan.BRANCH), [river_line])
    river = multi(snapped(tapered(river_line, plan.RIVER_HALF_WIDTH).intersection(land)))
    branch = multi(snapped(tapered(branch_line, plan.BRANCH_HALF_WIDTH).intersection(land).difference(river)))
    pond = snapped(smooth((*plan.POND, plan.POND[0])).convex_hull)

    mains = {s.code: smooth(s.line) for s in plan.STREETS}
    railway = joined(smooth(plan.RAILWAY), [mains["R001"]])
    lanes: dict[str, LineString] = {}
    for street in plan.LANES:
        lanes[street.code] = joined(smooth(street.line), [*mains.values(), *lanes.values(), railway, river_line])

    boundary = [river_line, mains["R001"], mains["R004"], mains["R006"], railway]
    inside = [line.intersection(land) for line in (*boundary, *mains.values(), *lanes.values(), branch_line)]
    districts = faces([land.exterior, *(line.intersection(land) for line in boundary)])
    blocks = faces([land.exterior, *inside])
    parks = {name: [b for b in blocks if _holds(b, markers)] for name, markers in plan.PARK_MARKERS.items()}
    green = shapely.union_all([b for found in parks.values() for b in found])
    sites = {name: snapped(Polygon(line)) for name, line in plan.SITES.items()}

    cuts, paths = _cut(blocks, rng, green, shapely.union_all(list(sites.values())).buffer(6))
    polygons = faces([*(block.exterior for block in blocks), *cuts])
    if len(polygons) != CELLS:
        raise ValueError(f"the plan gives {len(polygons)} cells instead of {CELLS}")
    cells = _number(polygons, districts)
    by_community = [[c.polygon for c in cells if c.community == i] for i in range(len(plan.COMMUNITIES))]
    communities = tuple(multi(shapely.coverage_union_all(found)) for found in by_community)
    streets = tuple(
        multi(
            shapely.coverage_union_all(
                [g for g, c in zip(communities, plan.COMMUNITIES, strict=True) if c.street == code]
            )
        )
        for code, *_ in plan.STREET_AREAS
    )

    roads = _roads(mains, lanes, paths, railway, land, shapely.union_all([river, branch, pond]))
    surface = shapely.union_all([road.surface for road in roads if road.road_class != "footway"])
    waters = shapely.union_all([river, branch])
    for name, found in parks.items():
        sites[name] = multi(snapped(shapely.union_all(found).difference(surface.union(waters).buffer(3))))
    return Ground(
        city,
        land,
        reclaimed,
        _sea(city),
        river,
        branch,
        pond,
        roads,
        railway.intersection(land),
        cells,
        communities,
        streets,
        sites,
        _neighbours(city),
    )


def _holds(block: Polygon, markers: plan.Line) -> bool:
    return any(block.contains(Point(marker)) for marker in markers)


def _cut(
    blocks: list[Polygon], rng: np.random.Generator, green: Any, avoid: Any
) -> tuple[list[Any], list[tuple[str, Any]]]:
    """Cut blocks, the largest first, until there are as many cells as there shall be; wide cuts become lanes."""
    # The second number settles ties, so that polygons are never compared.
    heap = [(-b.area, i, b) for i, b in enumerate(blocks)]
    heapq.heapify(heap)
    cuts, paths, made = [], [], len(heap)
    while len(heap) < CELLS:
        area, _, block = heapq.heappop(heap)
        halves = halve(block, rng, avoid)
        if halves is None:
            raise ValueError(f"a block of {-area:.0f} m² cannot be cut")
        in_green = green.contains(block.representative_point())
        wide = -area > (24_000 if in_green else 44_000)
        if wide and not halves[2].intersects(avoid):
            paths.append(("footway" if in_green else "residential" if -area > 90_000 else "service", halves[2]))
        cuts.append(halves[2])
        for half in halves[:2]:
            made += 1
            heapq.heappush(heap, (-half.area, made, half))
    return cuts, paths


def _number(polygons: list[Polygon], districts: list[Polygon]) -> tuple[Cell, ...]:
    """Give every cell its community and its code: from north to south in bands, within a band from west to east."""
    homes = {}
    for face in districts:
        owners = [i for i, c in enumerate(plan.COMMUNITIES) if _holds(face, c.markers)]
        if len(owners) != 1:
            raise ValueError(f"the face at {face.representative_point()} belongs to {len(owners)} communities")
        homes[face] = owners[0]
    found: list[list[Polygon]] = [[] for _ in plan.COMMUNITIES]
    for polygon in polygons:
        point = polygon.representative_point()
        found[next(home for face, home in homes.items() if face.contains(point))].append(polygon)
    cells = []
    for i, (community, inside) in enumerate(zip(plan.COMMUNITIES, found, strict=True)):
        inside.sort(key=lambda p: (-int(p.centroid.y // 110), round(p.centroid.x, 2), round(p.centroid.y, 2)))
        for n, polygon in enumerate(inside, 1):
            cells.append(Cell(f"{plan.DISTRICT_CODE}{community.street}{community.code}{n:03d}", i, polygon))
    return tuple(cells)


def _roads(
    mains: dict[str, LineString],
    lanes: dict[str, LineString],
    paths: list[tuple[str, Any]],
    railway: LineString,
    land: Any,
    water: Any,
) -> tuple[Road, ...]:
    """All roads. The hand-drawn streets cross the river on bridges; a lane ends at its bank."""
    kerb = water.buffer(4)
    roads = [Road(*s[:5], mains[s.code].intersection(land)) for s in plan.STREETS]
    roads += [Road(*s[:5], lanes[s.code].intersection(land).difference(kerb)) for s in plan.LANES]
    roads.append(Road("R030", "样例旧铁路步道", "Sample Old Railway Path", "footway", 3, railway.intersection(land)))
    widths = {"residential": 8.0, "service": 6.0, "footway": 3.0}
    for n, (road_class, line) in enumerate(paths, 101):
        on_land = line.difference(kerb)
        if on_land.length > 20:
            roads.append(Road(f"R{n}", "", "", road_class, widths[road_class], on_land))
    return tuple(roads)


def _sea(city: Polygon) -> Any:
    """The open water north of the shore."""
    return multi(
        snapped(
            box(-700, 1380, 2700, 2400)
            .difference(city)
            .difference(box(-700, 0, 40, 1448))
            .difference(box(1988, 0, 2700, 1392))
        )
    )


def _neighbours(city: Polygon) -> tuple[Any, ...]:
    """The areas around, as far as 3 km: the ring round the city cut along lines from its corners outwards."""
    west, south, east, north = city.bounds
    far = 3000.0
    corners = {"nw": (40, 1448), "ne": (1988, 1392), "se": (1980, 15), "sw": (32, 30)}
    outer = {
        "nw": (west - far, north + far),
        "ne": (east + far, north + far),
        "se": (east + far, south - far),
        "sw": (west - far, south - far),
    }
    sides = {"north": ("nw", "ne"), "east": ("ne", "se"), "south": ("se", "sw"), "west": ("sw", "nw")}
    middle = (1000, 760)
    found = []
    for *_, side in plan.NEIGHBOURS:
        a, b = sides[side]
        wedge = Polygon([middle, corners[a], outer[a], outer[b], corners[b]])
        found.append(multi(snapped(wedge.difference(city))))
    return tuple(found)
