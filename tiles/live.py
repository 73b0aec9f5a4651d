"""Tiles of what changes by the minute, kept until something happens in them.

Of some layers every change of a row comes as an event with its place (``told_by_events``). A tile of one is kept, for
those who see the same in it, until an event falls into it; whoever reads the events says so (`changed`), and how far he
has read (`caught_up`). A tile that was being cut when something happened in it is not kept: it may show what was.
While nobody has read for a while, nothing is kept and nothing handed out, so the oldest that anybody is shown is
``MOST_S`` old.

What a viewer sees changes besides with his scope, which the key names (`scopes.word_of_viewer`), and with what
is not told by events: a unit that got another outline, a category that was renamed. So nothing is kept for long.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock

from cachetools import LRUCache

from layers.catalog import Layer
from layers.classes import PERSONAL
from tiles.grid import MAX_ZOOM, Tile

MOST_BYTES = 32 * 1024 * 1024
# The longest that nobody may have read, for what is kept to be handed out.
MOST_S = 0.8
# How long a tile is kept for who sees all, and for who sees what lies in his units.
KEPT_S, KEPT_OF_SCOPE_S = 30.0, 5.0
# Longer than any statement may run.
_LONGEST_S = 60
_OVERHEAD = 300

_Place = tuple[str, Tile]


@dataclass(frozen=True, slots=True)
class _Kept:
    drawn: bytes
    until: float


@dataclass(eq=False, slots=True)
class _Cut:
    """One that is being made; ``spoilt`` once something has happened in it."""

    made: Future[bytes] = field(default_factory=Future)
    spoilt: bool = False


class LiveTiles:
    """At most so many bytes of tiles, of which the longest unasked go first. Asked by threads, told by the loop."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        # For each place and viewer; all of a place goes at once.
        self._kept: LRUCache[_Place, dict[str, _Kept]] = LRUCache(most_bytes, getsizeof=_size)
        self._cuts: dict[_Place, dict[str, _Cut]] = {}
        self._read_at = -math.inf
        self._lock = Lock()
        self.asked = 0
        self.cut = 0

    # ---- asking ---------------------------------------------------------------------------------------------------

    def tile(self, layer: Layer, scope: str, whole: bool, at: Tile, cut: Callable[[], bytes]) -> bytes:
        """Return a tile as it was kept for a scope, or cut it; ``whole`` says that the scope is the whole city.

        ``scope`` must name all that decides what ``cut`` returns, but for what happens in the tile.
        """
        place = (layer.id, at)
        with self._lock:
            self.asked += 1
            now = time.monotonic()
            fresh = now - self._read_at < MOST_S
            kept = self._kept.get(place, {}).get(scope) if fresh else None
            if kept is not None and now < kept.until:
                return kept.drawn
            other = self._cuts.get(place, {}).get(scope) if fresh else None
            if other is None or other.spoilt:
                other = None
                mine = _Cut()
                self._cuts.setdefault(place, {})[scope] = mine
                self.cut += 1
        if other is not None:
            return other.made.result(_LONGEST_S)
        try:
            drawn = cut()
        except BaseException as error:
            mine.made.set_exception(error)
            self._end(place, scope, mine)
            raise
        until = now + (KEPT_S if whole else KEPT_OF_SCOPE_S)
        self._end(place, scope, mine, _Kept(drawn, until))
        mine.made.set_result(drawn)
        return drawn

    def _end(self, place: _Place, scope: str, mine: _Cut, made: _Kept | None = None) -> None:
        with self._lock:
            cuts = self._cuts.get(place, {})
            if cuts.get(scope) is mine:
                del cuts[scope]
                if not cuts:
                    del self._cuts[place]
            if made is None or mine.spoilt or time.monotonic() - self._read_at >= MOST_S:
                return
            all_there = {**self._kept.get(place, {}), scope: made}
            if _size(all_there) <= self._kept.maxsize:
                self._kept[place] = all_there

    # ---- being told -----------------------------------------------------------------------------------------------

    def changed(self, layer: Layer, lon: float | None, lat: float | None) -> None:
        """Something happened at a point (degrees, WGS-84) of a layer; without one, anywhere in it."""
        with self._lock:
            if not self._kept and not self._cuts:
                return
            if lon is None or lat is None:
                self._spoil([place for place in {*self._kept, *self._cuts} if place[0] == layer.id])
            else:
                self._spoil((layer.id, at) for at in touched(layer, lon, lat))

    def caught_up(self, read_at: float) -> None:
        """All that was committed before a moment (monotonic) has been told."""
        self._read_at = read_at

    def lost(self) -> None:
        """Nobody reads any more: what is kept, and what is being cut, may be wrong by the time somebody does."""
        with self._lock:
            self._read_at = -math.inf
            self._spoil([*self._kept, *self._cuts])

    def _spoil(self, places: Iterator[_Place] | list[_Place]) -> None:
        for place in places:
            self._kept.pop(place, None)
            for cut in self._cuts.get(place, {}).values():
                cut.spoilt = True


def may_be_kept(layer: Layer, classes: set[str]) -> bool:
    """Tell whether tiles of a layer with fields of these classes may be kept here: each look at what is personal is
    written down.
    """
    return layer.tiling.told_by_events and PERSONAL not in classes


def touched(layer: Layer, lon: float, lat: float) -> Iterator[Tile]:
    """Every tile of a layer that shows a point: the one it lies in at each zoom, and those whose buffer holds it."""
    side = 1 << MAX_ZOOM
    lat = max(-85.05112878, min(85.05112878, lat))
    far_x = (lon + 180) / 360 * side
    far_y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * side
    # A hair more than the buffer: the database rounds in its own way.
    reach = layer.tiling.buffer / 4096 + 0.001
    for z in range(layer.minzoom, layer.maxzoom + 1):
        scale, last = side >> z, (1 << z) - 1
        x, y = far_x / scale, far_y / scale
        for column in range(max(0, math.floor(x - reach)), min(last, math.floor(x + reach)) + 1):
            for row in range(max(0, math.floor(y - reach)), min(last, math.floor(y + reach)) + 1):
                yield Tile(z, column, row)


def _size(there: dict[str, _Kept]) -> int:
    return sum(len(kept.drawn) + _OVERHEAD for kept in there.values())
