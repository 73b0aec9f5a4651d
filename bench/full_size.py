"""A city in full size, made quickly: 780,000 parts, 300,000 buildings, 60,000 cells on 340 km².

`gisops sample --size full` draws one as rich as life and tells a million cases in it, in twenty minutes. This one has
no streets and no past: what is measured on it is how fast features are found and sent. Its shapes are of the drawn
city's statistics (footprints of 6.3 positions, median 150 m², 5 to 95 % from 55 to 670; parts in rows along blocks of
120 m; cells of 75 m with nine positions, noded), and like it it is dense in the middle: half of all lies in a sixth of
the area. Rows lie on disk in the order of their geometry, as loading leaves them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray
from psycopg import sql

from bench.town import Town
from gisops import reference
from gisops.access import scopes
from gisops.access.people import token_hash
from gisops.cluster import ADMIN, OWNER
from gisops.coordinates import local_metres
from gisops.db import queries
from gisops.db.pool import connect

PARTS, BUILDINGS, SIDE_CELLS = 780_000, 300_000, 245
CELL_M, BLOCK_M = 75.0, 120.0
WEST, SOUTH = 113.91, 34.62
SCHEME = "GB/T 30428.2-2013"
TOKEN = "bench-officer-token"  # of an account in a cluster that ends with the run
LAYERS = ("fixtures", "buildings", "grid_cells")
TABLES = ("parts", "buildings", "grid_cells")
_SQL = queries.load("bench", "full_size.sql")
Metres = NDArray[np.float64]


@dataclass(frozen=True)
class City:
    """What was made: the officer's account, the city's box in degrees, and its side in metres."""

    account: int
    bbox: tuple[float, float, float, float]
    side_m: float

    @property
    def what(self) -> str:
        """What of it is in the database."""
        return f"{self.side_m / 1000:.0f} km square, made by numbers (bench/full_size.py)"


def load(
    place: Town, parts: int = PARTS, buildings: int = BUILDINGS, side_cells: int = SIDE_CELLS, *, peer: bool = True
) -> City:
    """Write the city into a database that has the schema alone; ``peer`` also writes the peer's tables of it."""
    rng = np.random.default_rng(5)
    side = side_cells * CELL_M
    kx, ky = local_metres(SOUTH + 0.08)
    east, north = WEST + side / kx, SOUTH + side / ky
    box = {"west": WEST, "south": SOUTH, "east": east, "north": north}
    thirds = {"third_x": (east - WEST) / 3, "third_y": (north - SOUTH) / 3}
    with psycopg.connect(place.url(ADMIN), options="-c jit=off -c maintenance_work_mem=512MB") as admin:
        with connect(place.url(OWNER), unhurried=True) as conn:
            reference.load(conn)
            conn.execute(_SQL["ground"], {**box, **thirds, "scheme": SCHEME})
        # Foreign keys of rows that are made right cost more than the rows.
        admin.execute("SET LOCAL session_replication_role = replica")
        lightened = admin.execute(_SQL["lighten"], {"tables": list(TABLES)}).fetchall()
        for off, _ in lightened:
            admin.execute(off)
        _cells(admin, rng, side_cells, kx, ky)
        admin.commit()
        with connect(place.url(OWNER), unhurried=True) as conn:
            scopes.settle(conn)
        admin.execute("SET LOCAL session_replication_role = replica")
        units = dict(admin.execute(_SQL["units"]).fetchall())
        _buildings(admin, rng, buildings, side_cells, kx, ky, units)
        _parts(admin, rng, parts, side_cells, kx, ky)
        for _, again in lightened:
            admin.execute(again)
    with connect(place.url(OWNER), unhurried=True) as conn:
        row = conn.execute(_SQL["officer"], {"token_hash": token_hash(TOKEN)}).fetchone()
        assert row is not None
        scopes.expand(conn)
        for layer in LAYERS:
            conn.execute(_SQL["changed"], {"layer": layer})
    with psycopg.connect(place.url(ADMIN), autocommit=True, options="-c jit=off") as admin:
        if peer:
            admin.execute(_SQL["for_the_peer"])
        admin.execute("VACUUM ANALYZE")
        admin.execute("CHECKPOINT")
    return City(row["account_id"], (WEST, SOUTH, east, north), side)


_loaded: dict[str, tuple[Town, City]] = {}


def of(town: Town) -> tuple[Town, City]:
    """The city in a database of its own, made once for all benchmarks of a run. What PostgreSQL does by itself is kept
    out of the figures: a load ends with VACUUM and statistics.
    """
    if town.name not in _loaded:
        place = town.fresh(city=False)
        city = load(place)
        with psycopg.connect(place.url(ADMIN), autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET autovacuum = off")
            admin.execute("SELECT pg_reload_conf()")
        _loaded[town.name] = place, city
    return _loaded[town.name]


def places(rng: np.random.Generator, count: int, side_m: float) -> Metres:
    """Places as dense as the city is there, (count, 2) metres: half about the middle, half anywhere."""
    heap = rng.normal(side_m / 2, side_m / 7, (count, 2))
    anywhere = rng.uniform(0, side_m, (count, 2))
    found = np.where((rng.random(count) < 0.5)[:, None], heap, anywhere)
    return np.clip(found, 1.0, side_m - 1.0)


def _degrees(xy: Metres, kx: float, ky: float) -> Metres:
    degrees: Metres = xy / (kx, ky) + (WEST, SOUTH)
    return degrees


def _code(column: NDArray[np.int64], row: NDArray[np.int64], side_cells: int) -> list[str]:
    """Cells' codes, whose first nine digits are their street's."""
    third = side_cells / 3
    street = np.minimum(column // third, 2).astype(int) * 3 + np.minimum(row // third, 2).astype(int) + 1
    return [f"41020200{s}001{n:06d}" for s, n in zip(street, column * side_cells + row, strict=True)]


def _cells(admin: psycopg.Connection[Any], rng: np.random.Generator, side_cells: int, kx: float, ky: float) -> None:
    """Squares whose corners and edges' middles are moved a little: every edge is one edge to both its neighbours."""
    n = 2 * side_cells + 1
    grid = np.stack(np.meshgrid(np.arange(n), np.arange(n), indexing="ij"), axis=-1) * (CELL_M / 2)
    moved = rng.uniform(-9, 9, grid.shape)
    # The city's rim stays straight.
    moved[[0, -1], :, 0] = 0
    moved[:, [0, -1], 1] = 0
    at = _degrees(grid + moved, kx, ky)
    columns, rows = (each.ravel() for each in np.meshgrid(np.arange(side_cells), np.arange(side_cells), indexing="ij"))
    around = ((0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2), (0, 1), (0, 0))
    rings = np.stack([at[2 * columns + dx, 2 * rows + dy] for dx, dy in around], axis=1)
    shapes = _wkb(shapely.polygons(rings))
    codes = _code(columns, rows, side_cells)
    told = (
        (code, "bench", "410202", code[:9], code[:12], shape) for code, shape in _in_order(rings[:, 0], codes, shapes)
    )
    _copy(admin, "grid_cells", "code, code_scheme, district, street_code, community_code, geom", told)


def _buildings(
    admin: psycopg.Connection[Any],
    rng: np.random.Generator,
    count: int,
    side_cells: int,
    kx: float,
    ky: float,
    units: dict[str, int],
) -> None:
    """Rectangles and, of five, one in the shape of an L; turned as their block is."""
    middle = places(rng, count, side_cells * CELL_M)
    area = np.exp(rng.normal(np.log(150), 0.76, count))
    wide = np.sqrt(area * rng.uniform(1, 2.5, count))
    high = area / wide
    angle = (np.floor(middle / BLOCK_M) @ (12.9898, 78.233)) % (np.pi / 2) / 6
    inset = rng.uniform(0.3, 0.7, (count, 2))
    is_l = rng.random(count) < 0.2
    ones, nil = np.ones(count), np.zeros(count)
    rectangle = np.stack([nil, nil, ones, nil, ones, ones, nil, ones, nil, nil], axis=1).reshape(count, 5, 2)
    x, y = inset[:, 0], inset[:, 1]
    ell = np.stack([nil, nil, ones, nil, ones, y, x, y, x, ones, nil, ones, nil, nil], axis=1).reshape(count, 7, 2)
    turn = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], axis=1).reshape(count, 2, 2)

    def drawn(unit: Metres, chosen: NDArray[np.bool_]) -> Any:
        at = (unit[chosen] - 0.5) * np.stack([wide, high], axis=1)[chosen][:, None, :] @ turn[chosen]
        return shapely.multipolygons(
            shapely.polygons(_degrees(at + middle[chosen][:, None, :], kx, ky)), indices=np.arange(chosen.sum())
        )

    shapes = np.empty(count, dtype=object)
    shapes[is_l], shapes[~is_l] = drawn(ell, is_l), drawn(rectangle, ~is_l)
    cells = _code(*np.floor(middle / CELL_M).astype(np.int64).T, side_cells)
    floors = rng.integers(1, 34, count).tolist()
    uses = np.array(["residential", "office", "industrial", "retail", "public"])[rng.integers(0, 5, count)].tolist()
    told = (
        (
            f"B{n:07d}",
            f"量测楼{n}" if n % 3 == 0 else "",
            use,
            floor,
            floor * 3.0,
            floor * 2,
            floor * 5,
            units[cell],
            shape,
        )
        for n, use, floor, cell, shape in _in_order(middle, range(count), uses, floors, cells, _wkb(shapes))
    )
    columns = "code, name_zh, use, floors, height_m, households, residents, unit_id, geom"
    _copy(admin, "buildings", columns, told)


def _parts(
    admin: psycopg.Connection[Any], rng: np.random.Generator, count: int, side_cells: int, kx: float, ky: float
) -> None:
    """Points in rows along the edges of blocks, and one in seven within."""
    kinds = admin.execute(_SQL["categories"], {"scheme": SCHEME}).fetchall()
    side_m = side_cells * CELL_M
    at = places(rng, count, side_m)
    along = rng.random(count)
    for axis, chosen in ((0, along < 0.43), (1, (along >= 0.43) & (along < 0.86))):
        kerb = np.round(at[chosen, axis] / BLOCK_M) * BLOCK_M + rng.choice((-7.0, 7.0), chosen.sum())
        at[chosen, axis] = np.clip(kerb, 1.0, side_m - 1.0)
    shapes = _wkb(shapely.points(_degrees(at, kx, ky)))
    cells = _code(*np.floor(at / CELL_M).astype(np.int64).T, side_cells)
    kind = rng.choice(len(kinds), count, p=_falling(len(kinds))).tolist()
    owner, state = rng.integers(1, 13, (count, 3)).tolist(), rng.random(count).tolist()
    told = (
        (
            "410202", UUID(int=n + 1), f"410202{kinds[k][2]}{n:08d}", SCHEME, kinds[k][0], kinds[k][1], *owners, cell,
            "intact" if chance < 0.97 else "damaged", "ABC"[n % 3], "bench", shape,
        )
        for n, k, owners, cell, chance, shape in _in_order(at, range(count), kind, owner, cells, state, shapes)
    )  # fmt: skip
    columns = "district_code, part_id, code, code_scheme, category_id, name_zh, supervising_organisation_id,"
    columns += " owner_organisation_id, maintainer_organisation_id, grid_cell_code, state, position_class, source, geom"
    _copy(admin, "parts", columns, told)


def _falling(count: int) -> Metres:
    """Some kinds are many and most are few."""
    share = 1 / np.arange(1, count + 1)
    falling: Metres = share / share.sum()
    return falling


def _in_order(at: Metres, *columns: Sequence[Any] | NDArray[Any]) -> Iterable[tuple[Any, ...]]:
    """Rows by where they lie, along a Morton curve: what is near on the ground is near on disk."""
    low = at.min(axis=0)
    scaled = ((at - low) / np.maximum(at.max(axis=0) - low, 1e-9) * 65535).astype(np.uint64)
    order = np.argsort(_spread(scaled[:, 0]) | (_spread(scaled[:, 1]) << np.uint64(1)), kind="stable")
    return (tuple(column[n] for column in columns) for n in order.tolist())


def _spread(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        numbers = (numbers | (numbers << np.uint64(shift))) & np.uint64(mask)
    return numbers


def _wkb(shapes: Any) -> list[str]:
    found: list[str] = shapely.to_wkb(shapely.set_srid(shapes, 4326), hex=True, include_srid=True).tolist()
    return found


def _copy(admin: psycopg.Connection[Any], table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), sql.SQL(columns))
    with admin.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
