"""The squares of a whole layer, counted once: what a city's crowds look like from afar.

A tile of zoom 10 counts every lamp of the city, and so does each of its neighbours and each zoom below. So they are
counted once, at the finest squares that any tile shows, for as long as the layer's content keeps its name; a tile then
adds up what lies in it, which takes no database. Held for layers of which anybody may see every feature, since only
there is a count the same for all.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from psycopg import sql

from gisops.crs import WORLD_M
from gisops.db.pool import Connection
from gisops.db.queries import load
from layers.catalog import Layer
from tiles.flights import Flights
from tiles.grid import Tile
from tiles.squares import Square, as_tile

_SQL = load("tiles", "counts.sql")
# As the server sends them: big-endian, without gaps.
_ROW = np.dtype([("x", ">i4"), ("y", ">i4"), ("count", ">i4"), ("area", ">f8")])

# Rows that come into force by date may do so at any hour, of which a version knows only the day: kept a minute.
IN_FORCE_S = 60
# The squares of some hundred layers, each of a city's size.
MOST_BYTES = 128 * 1024 * 1024


@dataclass
class Level:
    """The squares that the tiles of one zoom show, those of a tile side by side."""

    deeper: int
    tiles: NDArray[np.int64]
    squares: NDArray[np.int64]
    count: NDArray[np.int64]
    area: NDArray[np.float64]

    def of(self, at: Tile) -> list[Square]:
        """Return the squares of one tile."""
        first, end = np.searchsorted(self.tiles, [_key(at.x, at.y), _key(at.x, at.y) + 1])
        here = slice(first, end)
        squares = self.squares[here]
        columns, rows = (squares >> 32).tolist(), (squares & 0xFFFFFFFF).tolist()
        return list(zip(columns, rows, self.count[here].tolist(), self.area[here].tolist(), strict=True))


@dataclass
class Counted:
    """A layer's squares at its finest; ``levels`` holds those of each zoom that was asked for."""

    finest: int
    x: NDArray[np.int64]
    y: NDArray[np.int64]
    count: NDArray[np.int64]
    area: NDArray[np.float64]
    counted_at: float
    levels: dict[int, Level] = field(default_factory=dict)

    def level(self, z: int, deeper: int) -> Level:
        """Return the squares of a zoom's tiles, which are ``deeper`` zooms deeper."""
        if z not in self.levels:
            self.levels[z] = self._level(z, deeper)
        return self.levels[z]

    def _level(self, z: int, deeper: int) -> Level:
        up = self.finest - (z + deeper)
        squares, which = np.unique(_key(self.x >> up, self.y >> up), return_inverse=True)
        count = np.bincount(which, weights=self.count).astype(np.int64)
        area = np.bincount(which, weights=self.area).astype(np.float64)
        tiles = _key(squares >> 32 + deeper, (squares & 0xFFFFFFFF) >> deeper)
        order = np.argsort(tiles, kind="stable")
        return Level(deeper, tiles[order], squares[order], count[order], area[order])


class Counts:
    """What was counted of layers, each under the name of its content; one for each database."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        # What was counted, and as much for each of some levels.
        self._kept: LRUCache[tuple[str, str], Counted] = LRUCache(most_bytes, lambda c: 24 * c.x.nbytes + 1000)
        self._lock = Lock()
        self._flights: Flights[Counted] = Flights()

    def tile(self, conn: Connection, layer: Layer, version: str, at: Tile) -> bytes:
        """Return a tile of a layer's squares, for a zoom at which it is counted (`covers`)."""
        counted = self._counted(conn, layer, version)
        return as_tile(layer, at, counted.level(at.z, layer.tiling.squares).of(at))

    def _counted(self, conn: Connection, layer: Layer, version: str) -> Counted:
        key = (layer.id, version)
        with self._lock:
            kept = self._kept.get(key)
        if kept is None or (layer.in_force and time.monotonic() - kept.counted_at >= IN_FORCE_S):
            kept = self._flights.once(key, lambda: count(conn, layer))
            with self._lock:
                for stale in [each for each in self._kept if each[0] == layer.id]:
                    del self._kept[stale]
                self._kept[key] = kept
        return kept


T = TypeVar("T", int, NDArray[np.int64])


def _key(x: T, y: T) -> T:
    """Column and row as one number, in whose order they are sorted."""
    return x << 32 | y


def covers(layer: Layer, z: int) -> bool:
    """Tell whether a layer's tiles of a zoom are squares for everybody alike."""
    return layer.public and z < layer.tiling.counted_below and layer.tiling.by_zoom_field is None


def count(conn: Connection, layer: Layer) -> Counted:
    """Count a layer that anybody may see all features of, at the finest squares of its counted zooms."""
    finest = layer.tiling.counted_below - 1 + layer.tiling.squares
    area = sql.SQL("sum(ST_Area(geom_3857))" if layer.tiling.summed_area else "0::float8")
    statement = sql.SQL(_SQL["counts"]).format(source=sql.Identifier(layer.relation), area=area)
    began = time.monotonic()
    row = conn.execute(statement, {"side": WORLD_M / (1 << finest)}).fetchone()
    rows = np.frombuffer(bytes(row["squares"] or b"") if row else b"", _ROW)
    return Counted(
        finest,
        rows["x"].astype(np.int64),
        rows["y"].astype(np.int64),
        rows["count"].astype(np.int64),
        rows["area"].astype(np.float64) * _on_the_ground(rows["y"].astype(np.float64), finest),
        began,
    )


def _on_the_ground(row: NDArray[np.float64], zoom: int) -> NDArray[np.float64]:
    """How many square metres of the ellipsoid (WGS-84) one of Web Mercator is, in the middle of each row of squares."""
    northing = math.pi * (1 - 2 * (row + 0.5) / (1 << zoom))
    # sin and cos of the latitude whose spherical Mercator northing that is.
    sine, cosine = np.tanh(northing), 1 / np.cosh(northing)
    e2 = 0.0066943799901413165
    return np.asarray(cosine**2 * (1 - e2) / (1 - e2 * sine**2) ** 2)
