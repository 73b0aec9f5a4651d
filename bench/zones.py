"""The zone step and the full rules of dispatch, against geopandas.sjoin of the same points and zones.

100,000 points over 1,100 overlapping zones: 400 that tile the city, 500 patrol areas, 150 sites, 50 road corridors,
about 45 vertices each. CPU seconds, of this process for geopandas and of the one server process for SQL; the least of
several rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, LiteralString

import geopandas as gpd
import numpy as np
import psycopg
import shapely

from bench.result import Result
from bench.town import Town, cpu_s
from gisops import reference
from gisops.cluster import OWNER
from gisops.coordinates import local_metres
from gisops.db import queries
from gisops.db.pool import Connection, connect

POINTS, ROUNDS = 100_000, 4
WEST, SOUTH, SIDE_M = 113.90, 34.70, 13_500.0
KX, KY = local_metres(SOUTH + 0.06)
SCHEME = "GB/T 30428.2-2013"

_SQL = queries.load("bench", "zones.sql")
Act = tuple[Callable[[], float], Callable[[], object]]


def run(town: Town) -> Iterator[Result]:
    """Measure and compare."""
    place = town.fresh(city=False)
    zones, points = _draw()
    _load(place.url(OWNER), zones, points)
    zone_frame = gpd.GeoDataFrame({"zone": range(len(zones))}, geometry=[z for z, _, _ in zones], crs=4326)
    point_frame = gpd.GeoDataFrame({"n": range(POINTS)}, geometry=shapely.points(points), crs=4326)
    alone = "-c jit=off -c max_parallel_workers_per_gather=0"
    with psycopg.connect(place.url(OWNER), autocommit=True, options=alone) as conn:
        joined = len(gpd.sjoin(point_frame, zone_frame, predicate="intersects"))
        some = POINTS // 5
        acts = {
            "sjoin": (time.process_time, lambda: gpd.sjoin(point_frame, zone_frame, predicate="intersects")),
            "covering": _sql(conn, "covering"),
            "winners": _sql(conn, "winners"),
            "dispatch": _sql(conn, "dispatch", points=some),
        }
        least = _least(acts)
    other, covering, winners = least["sjoin"], least["covering"], least["winners"]
    full = least["dispatch"] * (POINTS / some)
    pairs = f"{joined:,} pairs of {POINTS:,} points and {len(zones):,} zones"
    yield Result(
        "zones.covering", covering, other, "CPU s", f"both: {pairs}, counted (sjoin builds its frame)", at_most=4
    )
    yield Result(
        "zones.key",
        winners,
        other,
        "CPU s",
        f"ours: one zone a point by scope, validity, reach and key; sjoin: {pairs}",
    )
    yield Result(
        "zones.dispatch",
        full,
        other,
        "CPU s",
        f"ours: the full rules (cell, rules, zones, ambiguity, staff, reasons), measured on {some:,}; sjoin: {pairs}",
        at_most=30,
    )


def _sql(conn: psycopg.Connection[Any], name: str, **params: Any) -> Act:
    pid = conn.info.backend_pid
    return lambda: cpu_s(pid), lambda: conn.execute(_SQL[name], {"scheme": SCHEME, **params}).fetchone()


def _least(acts: dict[str, Act]) -> dict[str, float]:
    """The least of several rounds of each, in turns, so that a machine that slows down slows them all."""
    taken: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(1 + ROUNDS):
        for name, (clock, act) in acts.items():
            began = clock()
            act()
            taken[name].append(clock() - began)
    return {name: min(rounds[1:]) for name, rounds in taken.items()}


def _draw() -> tuple[list[tuple[Any, str, int]], np.ndarray[Any, np.dtype[np.float64]]]:
    """Zones as (geometry, kind, priority), and points as an array of lon, lat."""
    rng = np.random.default_rng(7)
    steps = 20
    jitter = rng.uniform(-150, 150, (steps + 1, steps + 1, 2))
    jitter[[0, -1], :, 0] = jitter[:, [0, -1], 1] = 0
    mesh = np.linspace(0, SIDE_M, steps + 1)
    node = _degrees(np.stack(np.meshgrid(mesh, mesh, indexing="ij"), -1) + jitter)
    zones: list[tuple[Any, str, int]] = []
    for i in range(steps):
        for j in range(steps):
            ring = shapely.Polygon([node[i, j], node[i + 1, j], node[i + 1, j + 1], node[i, j + 1]])
            zones.append((shapely.segmentize(ring, 0.0008), "territory", 10))
    for count, kind, priority, low, high, corners in ((500, "duty", 20, 200, 600, 40), (150, "site", 40, 50, 200, 30)):
        for _ in range(count):
            turn = np.sort(rng.uniform(0, 2 * np.pi, corners))
            radius = rng.uniform(low, high) * rng.uniform(0.8, 1.2, corners)
            ring = rng.uniform(0, SIDE_M, 2) + np.c_[radius * np.cos(turn), radius * np.sin(turn)]
            zones.append((shapely.make_valid(shapely.Polygon(_degrees(ring))), kind, priority))
    for _ in range(50):
        turn, along = rng.uniform(0, 2 * np.pi), np.linspace(-1500, 1500, 20)
        line = (
            rng.uniform(0, SIDE_M, 2)
            + np.c_[along * np.cos(turn), along * np.sin(turn)]
            + rng.uniform(-60, 60, (20, 2))
        )
        zones.append((shapely.LineString(_degrees(line)).buffer(0.0002), "corridor", 30))
    return zones, _degrees(rng.uniform(0, SIDE_M, (POINTS, 2)))


def _degrees(metres: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return metres / [KX, KY] + [WEST, SOUTH]


def _load(url: str, zones: list[tuple[Any, str, int]], points: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    """A city round the zones: 60 organisations of 6 staff each, two in three on duty, 18,225 cells."""
    scopes = {
        "territory": [],
        "duty": [f"{SCHEME}:E"],
        "site": [f"{SCHEME}:E01"],
        "corridor": [f"{SCHEME}:E04-05", f"{SCHEME}:E01-10"],
    }
    box = dict(zip(("west", "south", "east", "north"), (113.89, 34.69, 114.07, 34.84), strict=True))
    with connect(url, unhurried=True) as conn:
        reference.load(conn)
        conn.execute(_SQL["city"], {"scheme": SCHEME, **box})
        _copy(
            conn,
            "zones (zone_set_id, code, name_zh, name_en, kind, organisation_id, scope, priority, geom)",
            (
                (
                    1,
                    f"Z{n:04d}",
                    "z",
                    "z",
                    kind,
                    2 + n % 60,
                    scopes[kind],
                    priority,
                    _wkb(shapely.MultiPolygon(_polygons(shape))),
                )
                for n, (shape, kind, priority) in enumerate(zones)
            ),
        )
        _copy(
            conn,
            "grid_cells (code, code_scheme, district, street_code, community_code, geom)",
            (
                (f"{410202000000000 + n}", "bench", "410202", "410202001", "410202001001", _wkb(cell))
                for n, cell in enumerate(_cells())
            ),
        )
        conn.execute("CREATE TABLE bench_points (n int, p geometry(Point, 4326))")
        _copy(conn, "bench_points", ((n, _wkb(point)) for n, point in enumerate(shapely.points(points))))
        conn.execute(_SQL["staff"], {})
        conn.commit()
        conn.autocommit = True
        # as after any bulk load: rows in the order of their geometry, the index built in one go
        conn.execute("CLUSTER zones USING zones_geom")
        conn.execute("VACUUM ANALYZE")


def _copy(conn: Connection, into: LiteralString, rows: Iterable[tuple[Any, ...]]) -> None:
    with conn.cursor().copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _cells() -> Iterator[Any]:
    side = SIDE_M / 135
    for n in range(135 * 135):
        low = np.array(divmod(n, 135)) * side
        yield shapely.box(*_degrees(low), *_degrees(low + side))


def _polygons(shape: Any) -> list[Any]:
    return [part for part in getattr(shape, "geoms", [shape]) if part.geom_type == "Polygon"]


def _wkb(shape: Any) -> str:
    return str(shapely.to_wkb(shapely.set_srid(shape, 4326), hex=True, include_srid=True))
