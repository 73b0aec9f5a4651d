"""Tiles this process has cut and may hand out again: those of the public, of layers that change by loading.

A tile is kept under its layer, the version of the layer's public content and its address, so a load needs to throw
nothing away: nobody asks for the old name again, and what is not asked for is the first to go. Content above the public
class is never kept here. It differs by viewer, whose scope may change at any moment; its tiles are near, thin and made
in 1 to 5 ms; and what was never kept can never be handed to another.
"""

from __future__ import annotations

import sys
import time
from threading import Lock

from cachetools import LRUCache

from gisops.db.pool import Connection
from layers.catalog import Layer
from layers.versions import version_of
from layers.viewer import Viewer
from tiles.grid import Tile
from tiles.mvt import is_public, tile

# Some three thousand tiles of a city's middle; the whole of a town. Each web process has its own.
MOST_BYTES = 64 * 1024 * 1024

# Rows that come into force by date may do so at any hour, of which a version knows only the day: kept a minute.
IN_FORCE_S = 60

_Key = tuple[str, str, Tile, int]


class TileCache:
    """At most so many bytes of tiles, of which the longest unasked go first. One for each database."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._kept: LRUCache[_Key, bytes] = LRUCache(most_bytes, getsizeof=sys.getsizeof)
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def tile(self, conn: Connection, layer: Layer, viewer: Viewer, at: Tile) -> tuple[bytes, str | None]:
        """Cut a tile for a viewer, or take it from what was cut; with the name of the content it was cut from, where it
        has one. Raises as `tiles.mvt.tile` does.
        """
        viewer.require(layer)
        # The version is asked before the tile: a load in between makes the tile newer than its name, never older.
        version = version_of(conn, layer) if is_public(layer, viewer) else None
        if version is None:
            return tile(conn, layer, viewer, at), None
        key = (layer.id, version, at, int(time.monotonic() // IN_FORCE_S) if layer.in_force else 0)
        with self._lock:
            kept = self._kept.get(key)
        if kept is None:
            kept = tile(conn, layer, viewer, at)
            with self._lock:
                # One that is heavier than all of it together is not kept, and that is no error.
                if sys.getsizeof(kept) <= self._kept.maxsize:
                    self._kept[key] = kept
        return kept, version
