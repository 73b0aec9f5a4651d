"""Where a year's cases may lie: streets, parts, shops, homes, shores, low roads, of whatever city the database has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gisops.coordinates import local_metres
from gisops.db import queries
from gisops.db.pool import Connection

_SQL = queries.load("gisops.sample.year", "ground.sql")

Numbers = NDArray[np.float64]

# Streets are looked at every so many metres, further apart in a large city.
STEP_M, MOST_SPOTS = 20.0, 120_000
# A city's parts are known by a sample of them where they are more than this.
MOST_PARTS = 80_000
# The grid on which places are counted, to know where a city is busy.
BUSY_M = 150.0
KERB_M = 6.0
_ROAD_WEIGHT = {"trunk": 0.5, "primary": 1.4, "secondary": 1.3, "tertiary": 1.2, "residential": 1.0, "footway": 0.4}
UNNAMED_ZH = "小路"
_HOMES = ("compound", "residential", "unit")


@dataclass(frozen=True)
class Spots:
    """Places where a case of some kind may lie: metres around the city's middle, what is said of where it is, how much
    goes on there, and the part's code or the place's key if it is one.
    """

    xy: Numbers
    name_zh: NDArray[np.object_]
    weight: Numbers
    key: NDArray[np.object_]

    def __len__(self) -> int:
        """How many."""
        return len(self.xy)

    def nearest(self, n: int, within_m: float) -> NDArray[np.int64]:
        """Those within so many metres of one of them, at least itself."""
        return np.flatnonzero(np.hypot(*(self.xy - self.xy[n]).T) <= within_m)


@dataclass(frozen=True)
class Ground:
    """Spots by kind of place (`gisops.sample.year.kinds.PLACES`), and parts by the short code of their class."""

    lon: float
    lat: float
    timezone: str
    scheme: str
    spots: dict[str, Spots]
    parts: dict[str, Spots]
    # organisations that may have a part in another's case
    partners: tuple[str, ...] = ()

    def degrees(self, xy: Numbers) -> tuple[Numbers, Numbers]:
        """Metres around the middle -> WGS-84 longitude and latitude, nine decimals."""
        kx, ky = local_metres(self.lat)
        return np.round(self.lon + xy[:, 0] / kx, 9), np.round(self.lat + xy[:, 1] / ky, 9)


def read(conn: Connection, since: datetime) -> Ground:
    """Read the ground. ``since`` is when the year begins: a part that changed hands later is not named in a report."""
    city = conn.execute(_SQL["outline"]).fetchone()
    assert city is not None  # noqa: S101  (who tells a year has loaded a city)
    kx, ky = local_metres(city["lat"])
    outline = shapely.from_wkb(city["geom"])
    shapely.prepare(outline)

    def metres(lonlat: Any) -> Numbers:
        return (np.asarray(lonlat, dtype=float).reshape(-1, 2) - (city["lon"], city["lat"])) * (kx, ky)

    def inside(xy: Numbers) -> NDArray[np.bool_]:
        return np.asarray(shapely.contains_xy(outline, city["lon"] + xy[:, 0] / kx, city["lat"] + xy[:, 1] / ky))

    places = conn.execute(_SQL["places"]).fetchall()
    place_xy = metres([(r["lon"], r["lat"]) for r in places])
    road, kerb = _along(conn.execute(_SQL["roads"]).fetchall(), metres, inside, place_xy)
    names = _Names(road)

    def spots(xy: Numbers, key: Any = None, name: Any = None) -> Spots:
        kept = inside(xy)
        keys = np.full(len(xy), None) if key is None else np.array([*key, None], dtype=object)[:-1]
        said = names.of(xy) if name is None else np.array([*name, None], dtype=object)[:-1]
        return Spots(xy[kept], said[kept], np.ones(int(kept.sum())), keys[kept])

    found = {"road": road, "kerb": kerb}
    for kind, wanted in (("shop", False), ("home", True)):
        chosen = [n for n, r in enumerate(places) if any(word in r["kind"] for word in _HOMES) is wanted]
        streets = names.of(place_xy[chosen])
        said = [f"{'' if s == UNNAMED_ZH else s}{places[n]['name_zh']}" for n, s in zip(chosen, streets, strict=True)]
        found[kind] = spots(place_xy[chosen], [places[n]["place_id"] for n in chosen], said)
    points = {kind: conn.execute(_SQL[kind]).fetchall() for kind in ("greens", "low")}
    found["green"] = spots(metres([(r["lon"], r["lat"]) for r in points["greens"]]))
    found["low"] = spots(metres([(r["lon"], r["lat"]) for r in points["low"]]))
    waters = shapely.from_wkb([r["geom"] for r in conn.execute(_SQL["waters"])])
    found["water"] = spots(_shores(waters, metres))
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in conn.execute(_SQL["parts"], {"since": since, "most": MOST_PARTS}):
        parts.setdefault(row["kind"], []).append(row)
    by_class = {
        kind: spots(metres([(r["lon"], r["lat"]) for r in rows]), [r["code"] for r in rows])
        for kind, rows in parts.items()
    }
    # What a city has none of is met at its kerbs.
    full = {kind: one if len(one) else kerb for kind, one in found.items()}
    return Ground(
        city["lon"],
        city["lat"],
        city["timezone"],
        city["category_scheme"],
        full,
        {kind: one for kind, one in by_class.items() if len(one)},
        tuple(row["code"] for row in conn.execute(_SQL["partners"]).fetchall()),
    )


def _along(rows: list[dict[str, Any]], metres: Any, inside: Any, busy_xy: Numbers) -> tuple[Spots, Spots]:
    """Spots along the streets: on the carriageway, and at the kerb on either side in turn."""
    multi = shapely.transform(shapely.from_wkb([r["geom"] for r in rows]), metres)
    lines, of_row = shapely.get_parts(multi, return_index=True)
    length = shapely.length(lines)
    step = max(STEP_M, float(length.sum()) / MOST_SPOTS)
    count = np.maximum(1, (length / step).astype(int))
    which = np.repeat(np.arange(len(lines)), count)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    along = (nth + 0.5) * (length / count)[which]
    xy = shapely.get_coordinates(shapely.line_interpolate_point(lines[which], along))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines[which], along + 0.5))
    behind = shapely.get_coordinates(shapely.line_interpolate_point(lines[which], np.maximum(along - 0.5, 0)))
    way = ahead - behind
    way /= np.maximum(np.hypot(*way.T), 1e-9)[:, None]
    side = np.where(nth % 2 == 0, 1.0, -1.0)[:, None]
    at_kerb = xy + side * KERB_M * np.column_stack([-way[:, 1], way[:, 0]])
    name = np.array([r["name_zh"] or UNNAMED_ZH for r in rows] or [""], dtype=object)[of_row[which]]
    grade = np.array([_ROAD_WEIGHT.get(r["class"], 0.6) for r in rows] or [1.0])[of_row[which]]
    weight = grade * (0.15 + _busy(xy, busy_xy))
    on = inside(xy) & inside(at_kerb)
    none = np.full(int(on.sum()), None)
    return Spots(xy[on], name[on], weight[on], none), Spots(at_kerb[on], name[on], weight[on], none)


def _busy(xy: Numbers, places: Numbers) -> Numbers:
    """How much goes on around each point: places within a cell of the grid and its neighbours, up to a handful."""
    if not len(places):
        return np.ones(len(xy))
    corner = np.minimum(xy.min(0), places.min(0)) - BUSY_M
    size = ((np.maximum(xy.max(0), places.max(0)) - corner) // BUSY_M).astype(int) + 3
    grid = np.zeros(size)
    cells = ((places - corner) // BUSY_M).astype(int)
    np.add.at(grid, (cells[:, 0], cells[:, 1]), 1.0)
    around = np.mean([np.roll(grid, shift, (0, 1)) for shift in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))], axis=0)
    at = ((xy - corner) // BUSY_M).astype(int)
    busy: Numbers = np.minimum(around[at[:, 0], at[:, 1]], 6.0)
    return busy


def _shores(waters: Any, metres: Any) -> Numbers:
    lines = shapely.boundary(shapely.transform(np.atleast_1d(waters), metres)) if len(waters) else []
    found = [
        shapely.get_coordinates(shapely.line_interpolate_point(line, np.arange(20.0, shapely.length(line), 45.0)))
        for line in shapely.get_parts(lines)
    ]
    return np.concatenate(found) if found else np.empty((0, 2))


class _Names:
    """The name of the street that is nearest."""

    def __init__(self, road: Spots) -> None:
        self.tree, self.name = cKDTree(road.xy), road.name_zh

    def of(self, xy: Numbers) -> NDArray[np.object_]:
        """Its name, for each point."""
        if not len(xy):
            return np.empty(0, dtype=object)
        named: NDArray[np.object_] = self.name[self.tree.query(xy)[1]]
        return named
