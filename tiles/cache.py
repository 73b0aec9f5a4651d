"""Tiles this process has cut and may hand out again: those of the public, of layers that change by loading.

A tile is kept under its layer, the version of the layer's public content and its address, so a load needs to throw
nothing away: nobody asks for the old name again, and what is not asked for is the first to go. What a viewer may see
beyond that is never kept here; see `tiles.live` for what may be kept of it, and for how long.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock

from cachetools import LRUCache

from gisops.db.pool import Connection
from layers.catalog import Layer
from layers.viewer import ANYBODY
from tiles.grid import Tile
from tiles.mvt import tile

# Some three thousand tiles of a city's middle; the whole of a town. Each web process has its own.
MOST_BYTES = 64 * 1024 * 1024

# Rows that come into force by date may do so at any hour, of which a version knows only the day: kept a minute.
IN_FORCE_S = 60

# Longer than any statement may run: whoever waits for another's tile is told when that one failed.
_LONGEST_S = 60

_Key = tuple[str, str, Tile, int]


class Flights:
    """One at a time makes a thing; whoever else wants the same one meanwhile, in whatever thread, gets that."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Future[bytes]] = {}
        self._lock = Lock()

    def once(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Make it, or wait for who is at it. Raises what ``make`` raises, to all of them."""
        with self._lock:
            made = self._made.get(key)
            if made is None:
                mine = self._made[key] = Future()
        if made is not None:
            return made.result(_LONGEST_S)
        try:
            thing = make()
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(thing)
            return thing
        finally:
            with self._lock:
                del self._made[key]


class TileCache:
    """At most so many bytes of tiles, of which the longest unasked go first. One for each database."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._kept: LRUCache[_Key, bytes] = LRUCache(most_bytes, getsizeof=sys.getsizeof)
        self._lock = Lock()
        self._flights = Flights()

    def __len__(self) -> int:
        return len(self._kept)

    def tile(self, conn: Connection, layer: Layer, version: str | None, at: Tile) -> bytes:
        """Cut a tile as anybody gets it, or take it from what was cut; ``version`` names the layer's content (None: it
        has no name to keep it by) and was asked for before: a load in between makes the tile newer than its name,
        never older. Raises as `tiles.mvt.draw` does.
        """
        if version is None:
            return tile(conn, layer, ANYBODY, at)
        key = (layer.id, version, at, int(time.monotonic() // IN_FORCE_S) if layer.in_force else 0)
        with self._lock:
            kept = self._kept.get(key)
        return kept if kept is not None else self._flights.once(key, lambda: self._cut(conn, layer, key))

    def _cut(self, conn: Connection, layer: Layer, key: _Key) -> bytes:
        cut = tile(conn, layer, ANYBODY, key[2])
        # One that is heavier than all of it together is not kept, and that is no error.
        if sys.getsizeof(cut) <= self._kept.maxsize:
            with self._lock:
                self._kept[key] = cut
        return cut
