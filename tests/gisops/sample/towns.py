"""A town small enough for a test: five square kilometres, a river, an avenue and lanes, a park with a pond, houses."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyproj
import shapely
from shapely.geometry import LineString, Point, Polygon, box

from gisops.sample.town import Buildings, Fixtures, Greens, Profile, Roads, Shapes, Spots, Texts, Town, Waters

GRID_M = 0.01
WIDTH, HEIGHT = 2600.0, 2000.0
_WIDTHS = {"primary": 36.0, "secondary": 26.0, "tertiary": 18.0, "residential": 9.0}

PROFILE = Profile(
    city_code="469900",
    city_zh="样例小城市",
    city_en="Sample Little City",
    district_code="469901",
    district_zh="样例小城区",
    district_en="Sample Little District",
    metric_srid=4546,
    timezone="Asia/Shanghai",
    made_up=True,
    note_zh="测试用小城，并不存在。",
    note_en="A little town for tests; it does not exist.",
)


def _array(items: list[object]) -> Shapes:
    return np.array([*items, None], dtype=object)[:-1]


def _texts(items: list[str]) -> Texts:
    return np.array(items, dtype=object)


@cache
def little_town() -> Town:
    """The town, always the same. It lies near 110.35 E, 20.03 N, in metres of EPSG:4546."""
    east, north = pyproj.Transformer.from_crs(4326, 4546, always_xy=True).transform(110.35, 20.03)
    corner = np.round([east, north])

    def moved(shapes: Shapes) -> Shapes:
        return np.asarray(shapely.set_precision(shapely.transform(shapes, lambda xy: xy + corner), GRID_M))

    rim = [(0, 0), (1300, 30), (WIDTH, 0), (WIDTH - 40, 1000), (WIDTH, HEIGHT), (1700, HEIGHT + 60), (800, HEIGHT - 40)]
    outline = Polygon([*rim, (0, HEIGHT), (35, 900)])
    middle = LineString([(1200, -90), (1260, 400), (1150, 800), (1300, 1250), (1240, 1700), (1320, 2150)])
    river = shapely.simplify(middle.buffer(34, quad_segs=4), 0.3).intersection(outline)
    pond = Point(1870, 1080).buffer(55, quad_segs=4)
    sea = box(-3000, 0, WIDTH + 3000, HEIGHT + 2500).difference(outline).intersection(box(-3000, 1900, 6000, 5000))

    streets = _streets()
    dry = outline.difference(river)
    lines = [line if cls != "residential" else line.intersection(dry) for _, _, cls, line in streets]
    lines = [line.intersection(outline) for line in lines]
    pieces = shapely.get_parts(shapely.union_all(lines, grid_size=GRID_M))
    owner = [
        int(np.argmin(shapely.distance(_array(lines), shapely.line_interpolate_point(p, 0.5, normalized=True))))
        for p in pieces
    ]

    cuts = [*pieces, river.boundary, pond.boundary, outline.boundary]
    noded = shapely.union_all(shapely.set_precision(_array(cuts), GRID_M), grid_size=GRID_M)
    blocks = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    inside = shapely.point_on_surface(blocks)
    wet = shapely.contains(shapely.union(river, pond), inside)
    away = np.hypot(shapely.get_x(inside) - 1000, (shapely.get_y(inside) - 1000) * 1.2)
    urban = np.where(wet, 0.0, np.clip(1.15 - away / 1700, 0.05, 1.0))

    park = next(b for b in blocks if shapely.contains_xy(b, 1960, 1080))
    houses = _houses(blocks[(urban > 0.2) & ~shapely.intersects(blocks, park.buffer(-1))])
    count = len(houses)
    names = [streets[i] for i in owner]
    roads = Roads(
        moved(pieces),
        _texts([cls for _, _, cls, _ in names]),
        _texts([zh for zh, *_ in names]),
        _texts([en for _, en, *_ in names]),
        np.zeros(len(pieces), dtype=bool),
        np.array([_WIDTHS[cls] for _, _, cls, _ in names]),
    )
    empty = np.array([], dtype=object)
    return Town(
        PROFILE,
        *moved(_array([shapely.coverage_union_all(blocks), shapely.coverage_union_all(blocks[~wet])])),
        roads,
        Waters(
            moved(_array([sea, river, pond])),
            _texts(["sea", "river", "pond"]),
            _texts(["样例小海湾", "样例小河", "样例小塘"]),
            _texts(["Sample Little Bay", "Sample Little River", "Sample Little Pond"]),
        ),
        Greens(moved(_array([park])), _texts(["park"]), _texts(["样例小公园"])),
        Buildings(
            moved(houses),
            _texts(["residential" if i % 5 else "commercial" for i in range(count)]),
            _texts([""] * count),
            np.arange(count) % 6 + 1,
            (np.arange(count) % 6 + 1) * 3.0,
            np.where(np.arange(count) % 5, 8, 0),
        ),
        Spots(empty, empty, empty, empty),
        Fixtures(empty, empty),
        moved(blocks),
        urban,
    )


def _streets() -> list[tuple[str, str, str, LineString]]:
    """Names, class and line of every street: an avenue, three roads beside it, and lanes between them."""
    across = {200: "residential", 480: "tertiary", 760: "residential", 1000: "primary", 1240: "residential"}
    across |= {1480: "secondary", 1740: "residential"}
    upright = {230: "residential", 450: "secondary", 700: "residential", 930: "tertiary", 1420: "residential"}
    upright |= {1680: "secondary", 2000: "residential", 2280: "tertiary"}
    found = []
    for n, (y, cls) in enumerate(across.items(), 1):
        line = LineString([(-50, y - 20), (900, y + 15), (1700, y - 10), (WIDTH + 50, y + 25)])
        found.append((f"样例横{n}路", f"Sample Cross Street {n}", cls, line))
    for n, (x, cls) in enumerate(upright.items(), 1):
        line = LineString([(x + 15, -80), (x - 12, 700), (x + 10, 1500), (x, HEIGHT + 120)])
        found.append((f"样例纵{n}路", f"Sample Long Street {n}", cls, line))
    return found


def _houses(blocks: Shapes) -> Shapes:
    """Houses of 24 by 12 metres on a raster, where they stand clear of the streets."""
    x, y = np.meshgrid(np.arange(20, WIDTH, 42.0), np.arange(20, HEIGHT, 30.0))
    boxes = shapely.box(x.ravel(), y.ravel(), x.ravel() + 24, y.ravel() + 12)
    return np.asarray(boxes[shapely.contains(shapely.union_all(shapely.buffer(blocks, -24)), boxes)])
