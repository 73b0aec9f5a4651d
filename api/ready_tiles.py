"""Tiles that are ready to be sent: packed, with their headers, for whoever asks at the same address."""

from __future__ import annotations

import gzip
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import zstandard
from isal import igzip
from starlette.routing import Route

# Packed tiles: some ten thousand of a city's middle.
MOST_BYTES = 64 * 1024 * 1024
# Below this a tile is as small as what packing adds.
_WORTH_PACKING = 500
# Where in a request's scope an offer lies.
OFFER = "gisops.offer"
# What an answer's headers and its place in the cache take.
_OVERHEAD = 2_000
# What tiles are packed with, the best first; and the weight of an encoding that is not taken.
PACKED = ("zstd", "gzip")
_NONE = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*\Z")

Versions = Mapping[str, str]
# The path, the query, and how it is packed.
Key = tuple[str, bytes, str]
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """An answer as it goes out, for as long as these layers' content has these names, and until a moment (monotonic).

    ``route`` is the path of the route that made it, for who counts.
    """

    named: tuple[tuple[str, str], ...]
    until: float
    route: str
    status: int
    headers: Headers
    body: bytes
    tag: bytes

    def holds(self, versions: Versions) -> bool:
        """Tell whether it is still what would be answered."""
        for layer_id, version in self.named:
            if versions.get(layer_id) != version:
                return False
        return time.monotonic() < self.until


class Offer:
    """What the door lays into a request's scope for the route to say that its answer may be kept, as what."""

    __slots__ = ("named", "route", "until")

    def __init__(self) -> None:
        self.named: tuple[tuple[str, str], ...] | None = None
        self.until = 0.0
        self.route = ""

    def take(self, named: tuple[tuple[str, str], ...], kept_s: float, route: Route) -> None:
        """Say that the answer is that of these layers' contents, for so many seconds."""
        self.named, self.until, self.route = named, time.monotonic() + kept_s, route.path


class ReadyTiles:
    """At most so many bytes of answers, for the event loop alone.

    Two halves: what is asked for is in the young one, or comes back into it; when that is full it is the old one, and
    what nobody asked for meanwhile is gone. A list of who was asked last would cost every answer more than its look-up.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._half = most_bytes // 2
        self._young: dict[Key, Ready] = {}
        self._old: dict[Key, Ready] = {}
        self._weight = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: Key, versions: Versions) -> Ready | None:
        """Return an answer that still holds."""
        ready = self._young.get(key)
        if ready is None:
            ready = self._old.get(key)
            if ready is None:
                return None
            self.put(key, ready)
        return ready if ready.holds(versions) else None

    def put(self, key: Key, ready: Ready) -> None:
        """Keep an answer; one that is heavier than half of it is not, and that is no error."""
        weight = _size(ready)
        if weight > self._half:
            return
        before = self._young.pop(key, None)
        self._weight += weight - (_size(before) if before is not None else 0)
        if self._weight > self._half:
            self._young, self._old, self._weight = {}, self._young, weight
        self._old.pop(key, None)
        self._young[key] = ready


def _size(ready: Ready) -> int:
    return sys.getsizeof(ready.body) + _OVERHEAD


@lru_cache(maxsize=256)
def encoding_for(accept_encoding: bytes) -> str:
    """Return how a tile is packed for a client that takes these encodings (Accept-Encoding): one of ``PACKED``, or
    ``identity``.
    """
    taken = {}
    for each in accept_encoding.decode("latin-1").lower().split(","):
        name, _, weight = each.partition(";")
        taken[name.strip()] = not _NONE.match(weight)
    return next((name for name in PACKED if taken.get(name)), "identity")


def pack(drawn: bytes, encoding: str, *, kept: bool) -> tuple[bytes, str]:
    """Return a tile packed, and how; as it is where that would not make it smaller. One that is ``kept`` is packed once
    for many, and so with more care.
    """
    if len(drawn) <= _WORTH_PACKING:
        return drawn, "identity"
    if encoding == "zstd":
        # A third of gzip's time at once, and a tenth fewer bytes where more is spent.
        return zstandard.ZstdCompressor(level=9 if kept else 3).compress(drawn), encoding
    if encoding == "gzip":
        # ISA-L is as small as zlib at its level 1 in a quarter of the time; for many zlib finds the last tenth.
        return gzip.compress(drawn, 6, mtime=0) if kept else igzip.compress(drawn, 1, mtime=0), encoding
    return drawn, "identity"
