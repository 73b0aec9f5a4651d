"""Tiles this process has cut and may hand out again: those of the public, of layers that change by loading.

A tile is kept under its layer, the version of the layer's public content and its address, so a load needs to throw
nothing away: nobody asks for the old name again, and what is not asked for is the first to go. What a viewer may see
beyond that is never kept here; see `tiles.live` for what may be kept of it, and for how long.
"""

from __future__ import annotations

import sys
import time
from threading import Lock

from cachetools import LRUCache

from gisops.db.pool import Connection
from layers.catalog import Layer
from layers.viewer import ANYBODY
from tiles.counts import IN_FORCE_S, Counts, covers
from tiles.flights import Flights
from tiles.grid import Tile
from tiles.mvt import tile

# Some three thousand tiles of a city's middle; the whole of a town. Each web process has its own.
MOST_BYTES = 64 * 1024 * 1024

_Key = tuple[str, str, Tile, int]


class TileCache:
    """At most so many bytes of tiles, of which the longest unasked go first. One for each database."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._kept: LRUCache[_Key, bytes] = LRUCache(most_bytes, getsizeof=sys.getsizeof)
        self._lock = Lock()
        self._flights: Flights[bytes] = Flights()
        self.counts = Counts()

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
        _, version, at, _ = key
        cut = self.counts.tile(conn, layer, version, at) if covers(layer, at.z) else tile(conn, layer, ANYBODY, at)
        # One that is heavier than all of it together is not kept, and that is no error.
        if sys.getsizeof(cut) <= self._kept.maxsize:
            with self._lock:
                self._kept[key] = cut
        return cut
