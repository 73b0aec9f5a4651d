"""Hot spots of 1,000,000 cases in a city of 20 by 20 km, against the libraries of the field, in one process each.

Three in five cases lie in heaps, 300 of them, of very different size; the rest anywhere. Rates by the CPU time of
this process, and for PostGIS of the one server process; the best of several rounds, taken in turns.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import psycopg

from bench.result import Result
from bench.town import Town, cpu_s
from gisops.cluster import OWNER
from gisops.db import queries
from gisops.hotspots import clusters, density, getis_ord, hexagons

CASES, SIDE_M, EDGE_M, BANDWIDTH_M, CELL_M, ROUNDS = 1_000_000, 20_000.0, 100.0, 200.0, 25.0, 5
# H3's resolution whose hexagons are nearest to ours in size (mean edge 201 m at 9, 76 m at 10).
RESOLUTION = 10
WEST, SOUTH, KX, KY = 113.90, 34.70, 91_400.0, 110_900.0

_SQL = queries.load("bench", "hotspots.sql")
Act = Callable[[], Any]


def run(town: Town) -> Iterator[Result]:
    """Measure and compare."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, at import
        x, y = _draw()
        yield from _counting(town, x, y)
        yield from _gi_star(x, y)
        yield from _density(x, y)
        yield from _clusters(x, y)


def _counting(town: Town, x: np.ndarray, y: np.ndarray) -> Iterator[Result]:
    import h3

    lats, lons = (SOUTH + y / KY).tolist(), (WEST + x / KX).tolist()

    def loop() -> dict[str, int]:
        counts: dict[str, int] = {}
        for lat, lon in zip(lats, lons, strict=True):
            cell = h3.latlng_to_cell(lat, lon, RESOLUTION)
            counts[cell] = counts.get(cell, 0) + 1
        return counts

    ours, theirs = _least(lambda: hexagons.count(x, y, EDGE_M), loop)
    found, other = hexagons.count(x, y, EDGE_M), loop()
    assert found.counts.sum() == sum(other.values()) == CASES
    yield Result(
        "hotspots.hexagons.h3",
        CASES / ours,
        CASES / theirs,
        "points/CPU s",
        f"both: {CASES:,} points counted; ours on {len(found):,} hexagons of {EDGE_M:g} m, h3's loop on {len(other):,} "
        f"of resolution {RESOLUTION} (about 76 m; its cost goes with the points, not the size)",
        at_least=5,
    )
    place = town.fresh(city=False)
    with psycopg.connect(
        place.url(OWNER), autocommit=True, options="-c jit=off -c max_parallel_workers_per_gather=0 -c work_mem=256MB"
    ) as conn:
        conn.execute(_SQL["table"])
        with conn.cursor().copy("COPY hotspot_points FROM STDIN") as copy:
            for east, north in zip(x.tolist(), y.tolist(), strict=True):
                copy.write_row((f"SRID=3857;POINT({east!r} {north!r})",))
        conn.execute(_SQL["index"])
        conn.execute("VACUUM ANALYZE hotspot_points")
        taken = []
        for _ in range(2):
            began = cpu_s(conn.info.backend_pid)
            row = conn.execute(_SQL["grid"], {"edge_m": EDGE_M}).fetchone()
            taken.append(cpu_s(conn.info.backend_pid) - began)
    assert row is not None
    yield Result(
        "hotspots.hexagons.postgis",
        CASES / ours,
        CASES / min(taken),
        "points/CPU s",
        f"ours: {CASES:,} points in arrays on {len(found):,} hexagons; ST_HexagonGrid of the same edge joined to the "
        f"same points in an indexed table: {row[0]:,} hexagons, {row[1]:,} points",
        at_least=50,
    )


def _gi_star(x: np.ndarray, y: np.ndarray) -> Iterator[Result]:
    import esda
    from libpysal.graph import Graph

    found = hexagons.count(x, y, EDGE_M).grown()
    links = getis_ord.neighbours(found)
    polygons = found.polygons()
    counts = found.counts.astype(float)

    def statistic(graph: Any) -> Any:
        return esda.G_Local(counts, graph, transform="B", star=True, permutations=0)

    graph = Graph.from_sparse(links)
    ours = getis_ord.gi_star(found).z
    theirs = statistic(graph).Zs
    apart = float(np.abs(ours - theirs).max())
    assert apart < 1e-9, apart
    assert np.abs(statistic(_contiguity(polygons)).Zs - ours).max() < 1e-9
    same = f"the same {len(found):,} hexagons and counts of {CASES:,} cases; z equal to {apart:.0e}"
    whole, other = _least(
        lambda: getis_ord.gi_star(hexagons.count(x, y, EDGE_M).grown()),
        lambda: statistic(_contiguity(hexagons.count(x, y, EDGE_M).grown().polygons())),
    )
    yield Result(
        "hotspots.gi_star",
        CASES / whole,
        CASES / other,
        "points/CPU s",
        f"{same}; both from the points on, hexagons by our count; esda's neighbours by libpysal from the polygons, "
        "no permutations",
        at_least=8,
    )
    alone, bare = _least(lambda: getis_ord.local_g(counts, links), lambda: statistic(graph))
    yield Result(
        "hotspots.gi_star.alone",
        len(found) / alone,
        len(found) / bare,
        "hexagons/CPU s",
        f"{same}; both from counts and ready-made neighbours",
    )


def _contiguity(polygons: Any) -> Any:
    import geopandas as gpd
    from libpysal.graph import Graph

    return Graph.build_contiguity(gpd.GeoSeries(polygons), rook=True)


def _density(x: np.ndarray, y: np.ndarray) -> Iterator[Result]:
    from KDEpy import FFTKDE

    found = density.density(x, y, bandwidth_m=BANDWIDTH_M, cell_m=CELL_M)
    columns, rows = found.centres()
    grid = np.stack([each.ravel() for each in np.meshgrid(columns, rows[::-1], indexing="ij")], axis=1)
    data = np.stack([x, y], axis=1)

    def fft() -> np.ndarray:
        return np.asarray(FFTKDE(kernel="gaussian", bw=BANDWIDTH_M).fit(data).evaluate(grid))

    other = fft().reshape(len(columns), len(rows)).T[::-1] * CASES * 1e6
    # Its kernel ends before three bandwidths, which loses some three hundredths of the mass: so both are also held to
    # the plain sum over all points, at some places and at the peak.
    peak = float(found.values.max())
    apart = float(np.abs(found.values - other).max() / peak)
    at = np.random.default_rng(1).integers(0, found.values.shape, (40, 2))
    at = np.concatenate([at, [np.unravel_index(int(found.values.argmax()), found.values.shape)]])
    exact = np.array([_exact(x, y, float(columns[i]), float(rows[j])) for j, i in at])
    off, other_off = (float(np.abs(each[at[:, 0], at[:, 1]] - exact).max() / peak) for each in (found.values, other))
    assert off < 4e-3, off
    assert apart < 0.03, apart
    ours, theirs = _least(lambda: density.density(x, y, bandwidth_m=BANDWIDTH_M, cell_m=CELL_M), fft)
    yield Result(
        "hotspots.density",
        CASES / ours,
        CASES / theirs,
        "points/CPU s",
        f"both: {CASES:,} points, bandwidth {BANDWIDTH_M:g} m, the same raster of {len(rows)} × {len(columns)} cells "
        f"of {CELL_M:g} m; off the plain sum at 41 places by at most {off:.1e} of the peak, KDEpy {other_off:.1e}; one "
        f"from the other anywhere {apart:.1e}",
        at_least=3,
    )


def _exact(x: np.ndarray, y: np.ndarray, east: float, north: float) -> float:
    squares = (x - east) ** 2 + (y - north) ** 2
    return float(1e6 * np.exp(-squares / (2 * BANDWIDTH_M**2)).sum() / (2 * np.pi * BANDWIDTH_M**2))


def _clusters(x: np.ndarray, y: np.ndarray) -> Iterator[Result]:
    from sklearn.cluster import DBSCAN

    some, reach, least = 100_000, 60.0, 15
    few = np.stack([x[:some], y[:some]], axis=1)
    theirs = DBSCAN(eps=reach, min_samples=least).fit(few)
    labels, core = clusters.dbscan(*few.T, reach, least)
    pairs = set(zip(labels[core].tolist(), theirs.labels_[core].tolist(), strict=True))
    assert np.flatnonzero(core).tolist() == theirs.core_sample_indices_.tolist()
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
    ours, other = _least(
        lambda: clusters.dbscan(*few.T, reach, least), lambda: DBSCAN(eps=reach, min_samples=least).fit(few), rounds=2
    )
    yield Result(
        "hotspots.clusters",
        some / ours,
        some / other,
        "points/CPU s",
        f"both: {some:,} points, reach {reach:g} m, {least} points; the same {len(pairs):,} clusters of core points",
    )


def _least(ours: Act, theirs: Act, rounds: int = ROUNDS) -> tuple[float, float]:
    """The least CPU seconds of each, in turns."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for act, kept in ((ours, taken[0]), (theirs, taken[1])):
            began = time.process_time()
            act()
            kept.append(time.process_time() - began)
    return min(taken[0]), min(taken[1])


def _draw() -> tuple[np.ndarray, np.ndarray]:
    """Points as x and y in metres from the city's south-western corner."""
    rng = np.random.default_rng(20_261_101)
    heaps, heaped = 300, CASES * 3 // 5
    centre, spread = rng.uniform(0, SIDE_M, (heaps, 2)), rng.lognormal(5, 0.6, heaps)
    which = rng.choice(heaps, heaped, p=rng.dirichlet(np.full(heaps, 0.5)))
    near = centre[which] + rng.normal(size=(heaped, 2)) * spread[which, None]
    every = np.concatenate([near, rng.uniform(0, SIDE_M, (CASES - heaped, 2))]).clip(0, SIDE_M)
    rng.shuffle(every)
    return np.ascontiguousarray(every[:, 0]), np.ascontiguousarray(every[:, 1])
