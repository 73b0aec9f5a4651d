"""Scope at the speed of the index: what an officer's tile and box cost beside the same asked straight of the view.

2,000,000 open cases in a city of 10,000 cells, half of them in heaps; officers who see 1, 25, 625 cells in the middle
of it, one who sees all 10,000, and a dispatcher of the whole city. Each reads the tile of zoom 16 and the box of 500 m
at the same places in a heap, through the windows as the doors do; the other is the same, straight from the layer's view
as its owner. Wall time in turns, a place after the other; the ratio is that of the medians.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg

from api.auth import Identities
from api.database import Database
from bench.result import Result
from bench.town import Town, cpu_s
from gisops import reference
from gisops.access import people, scopes
from gisops.cluster import ADMIN, OWNER
from gisops.coordinates import local_metres
from gisops.db import queries
from gisops.db.pool import Connection, connect
from layers import features
from layers.catalog import Layer, load_catalog
from layers.classes import PUBLIC
from layers.viewer import ANYBODY, Viewer, viewer_of
from tiles import mvt
from tiles.grid import tile_of

CASES, ROUNDS = 2_000_000, 15
WEST, SOUTH = 113.90, 34.60
KX, KY = local_metres(SOUTH + 0.2)
SCHEME = "GB/T 30428.2-2013"
_SQL = queries.load("bench", "scope.sql")


def load(place: Town, count: int = CASES, around: int = 50) -> dict[str, int]:
    """Write the city, so many cells to each side of its middle, and its cases; returns the accounts by login."""
    cells = {"first": 50 - around, "last": 49 + around}
    given = {"west": WEST, "south": SOUTH, "scheme": SCHEME, "count": count, **cells}
    with connect(place.url(OWNER), unhurried=True) as conn:
        reference.load(conn)
        conn.execute(_SQL["ground"], given)
        scopes.settle(conn)
        conn.execute(_SQL["accounts"])
        scopes.expand(conn)
    with psycopg.connect(place.url(ADMIN), options="-c jit=off -c maintenance_work_mem=256MB") as admin:
        # Foreign keys of rows that are made right cost more than the rows.
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute("SELECT setseed(0.7)")
        admin.execute(_SQL["cases"], given)
    with connect(place.url(OWNER), unhurried=True, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")
        return {
            row["login"]: row["account_id"]
            for row in conn.execute("SELECT login, account_id FROM accounts ORDER BY account_id")
        }


Spot = tuple[float, float]
Ask = Callable[[Connection, Layer, Viewer, Spot], int]
# In the densest part; the officer of one cell looks into his own and those beside it.
SPOTS = [(WEST + 0.2 + x * 0.001, SOUTH + 0.2 + y * 0.001) for x in (0.6, 2.0, 3.4) for y in (0.5, 1.5, 2.5, 3.5)]


def run(town: Town) -> Iterator[Result]:
    """Measure and compare."""
    place = town.fresh(city=False)
    yield from measure(place, load(place), f"{CASES:,} cases")


def measure(
    place: Town, accounts: dict[str, int], of: str, rounds: int = ROUNDS, times: int = 4_000
) -> Iterator[Result]:
    """Each viewer's tile and box beside the same without a scope, and what it costs to know who he is."""
    layer = load_catalog()["cases"]
    # The same layer if it were open to anybody: the doors' own functions then read its view and no window.
    as_if_open = replace(
        layer,
        field_class=PUBLIC,
        scope="none",
        own=(),
        fields=tuple(replace(f, field_class=PUBLIC) for f in layer.fields),
    )
    with connect(place.url()) as app, connect(place.url(OWNER)) as owner:
        for login, account in accounts.items():
            viewer = viewer_of("dispatcher" if login == "everywhere" else "officer")
            for what, ask in (("tile", read_tile), ("box", read_box)):

                def seen(spot: Spot, ask: Ask = ask, account: int = account, viewer: Viewer = viewer) -> int:
                    with app.transaction():
                        scopes.look_as(app, account)
                        return ask(app, layer, viewer, spot)

                def plain(spot: Spot, ask: Ask = ask) -> int:
                    with owner.transaction():
                        return ask(owner, as_if_open, ANYBODY, spot)

                (ours, in_sight), (other, there) = _in_turns(seen, plain, rounds)
                yield Result(
                    f"scope.{what}.{login.removeprefix('sees-')}",
                    ours * 1000,
                    other * 1000,
                    "ms",
                    f"{len(SPOTS)} places, {rounds} rounds in turns, {of}; ours: {in_sight:,.0f} {_UNITS[what]} a "
                    f"place, as the viewer, look_as and transaction included; other: {there:,.0f}, the view as owner",
                    at_most=4,
                )
        yield _identity(place, app, accounts["sees-1"], layer, of, times)


_UNITS = {"tile": "bytes", "box": "cases"}


def read_tile(conn: Connection, layer: Layer, viewer: Viewer, spot: Spot) -> int:
    """The tile of zoom 16 there, in bytes."""
    return len(mvt.tile(conn, layer, viewer, tile_of(*spot, 16)))


def read_box(conn: Connection, layer: Layer, viewer: Viewer, spot: Spot) -> int:
    """The cases in 500 m by 500 m there."""
    return features.read(conn, layer, viewer, bbox=box_around(spot), limit=features.MAX_LIMIT).returned


def box_around(spot: Spot) -> features.BBox:
    """500 m by 500 m."""
    (lon, lat), (dx, dy) = spot, (250 / KX, 250 / KY)
    return lon - dx, lat - dy, lon + dx, lat + dy


def _in_turns(
    ours: Callable[[Spot], int], other: Callable[[Spot], int], rounds: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Median seconds of each, and the mean of what they gave back; the first round warms up."""
    took: tuple[list[float], list[float]] = ([], [])
    gave: tuple[list[int], list[int]] = ([], [])
    for n in range(rounds + 1):
        for spot in SPOTS:
            for act, times, found in ((ours, took[0], gave[0]), (other, took[1], gave[1])):
                began = time.perf_counter()
                given = act(spot)
                if n:
                    times.append(time.perf_counter() - began)
                    found.append(given)
    first, second = ((statistics.median(t), statistics.mean(g)) for t, g in zip(took, gave, strict=True))
    return first, second


def _identity(place: Town, app: Connection, account: int, layer: Layer, of: str, times: int) -> Result:
    """CPU of knowing a remembered caller and telling the database, beside that of the cheapest read there is: one case
    by its number. Of this process and of the server's, as the doors' threads and the database share the work.
    """
    pid = app.info.backend_pid
    with connect(place.url(OWNER), autocommit=True) as owner:
        row = owner.execute("SELECT login FROM accounts WHERE account_id = %s", [account]).fetchone()
        assert row is not None
        found = people.account(owner, row["login"])
        assert found is not None
        hashed = people.token_hash(people.open_session(owner, found.actor, 1)[0])
    database = Database(place.url(), 2)
    identities = Identities(database)
    viewer = viewer_of("officer")
    with app.transaction():
        scopes.look_as(app, account)
        keys = features.read(app, layer, viewer, limit=50).features
    numbers = [each["id"] for each in json.loads(f"[{keys}]")]

    async def known() -> None:
        for _ in range(times):
            assert await identities.find(hashed) is not None

    def told() -> None:
        for _ in range(times):
            with app.transaction():
                scopes.look_as(app, account)

    def empty() -> None:
        for _ in range(times):
            with app.transaction():
                pass

    def read() -> None:
        for n in range(times):
            with app.transaction():
                scopes.look_as(app, account)
                features.one(app, layer, viewer, numbers[n % len(numbers)])

    try:
        # In a thread: whoever calls may have a loop that runs already.
        with ThreadPoolExecutor(1) as aside:
            remembering = _cpu(lambda: aside.submit(lambda: asyncio.run(known())).result(), pid)
    finally:
        database.close()
    # The transaction is there with or without a scope; the statement in it that tells of the viewer is not.
    scope = remembering + _cpu(told, pid) - _cpu(empty, pid)
    return Result(
        "scope.identity",
        scope / times * 1000,
        (_cpu(read, pid) + remembering) / times * 1000,
        "CPU ms",
        f"ours: a remembered sign-in and look_as; other: with one case by its number, as the officer of one cell, {of}",
        at_most=0.25,
    )


def _cpu(act: Callable[[], object], pid: int) -> float:
    began = time.process_time() + cpu_s(pid)
    act()
    return time.process_time() + cpu_s(pid) - began
