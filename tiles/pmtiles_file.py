"""Reading a PMTiles file (version 3): what it holds, and one tile of it.

The file is somebody's own and may be anything: what is wrong with it is told as `BrokenArchive`, and takes nothing else
down. It is read by position, never mapped: where a mapped file is cut short, the process that reads on is killed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import weakref
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any

from cachetools import LRUCache
from pmtiles.tile import (
    Compression,
    HeaderDict,
    MagicNumberNotFound,
    SpecVersionUnsupported,
    TileType,
    deserialize_directory,
    deserialize_header,
    zxy_to_tileid,
)

from gisops.errors import NotReady

_HEADER_BYTES = 127
# No directory, metadata or tile of a sound file is as large.
_MOST_BYTES = 32 * 2**20
# Directories that are kept read: each some 100 kB.
_KEPT = 64
MEDIA_TYPES: Mapping[TileType, str] = MappingProxyType({
    TileType.MVT: "application/vnd.mapbox-vector-tile",
    TileType.PNG: "image/png",
    TileType.JPEG: "image/jpeg",
    TileType.WEBP: "image/webp",
    TileType.AVIF: "image/avif",
})  # fmt: skip


class BrokenArchive(NotReady):
    """This is no PMTiles file that can be read."""

    code = "broken_archive"


@dataclass(frozen=True, slots=True)
class _Directory:
    """The entries of a directory in the order of their numbers; where ``runs`` is 0 the entry is a directory."""

    ids: array[int]
    runs: array[int]
    offsets: array[int]
    lengths: array[int]


@dataclass(frozen=True, slots=True)
class Held:
    """What a file holds. ``version`` names its content; ``bounds`` and ``center`` are degrees (and a zoom)."""

    version: str
    media_type: str
    gzipped: bool
    minzoom: int
    maxzoom: int
    bounds: tuple[float, float, float, float]
    center: tuple[float, float, int]
    metadata: Mapping[str, Any]

    @property
    def is_vector(self) -> bool:
        """Whether its tiles are vector tiles, and not pictures."""
        return self.media_type == MEDIA_TYPES[TileType.MVT]

    @property
    def vector_layers(self) -> tuple[Mapping[str, Any], ...]:
        """The layers within its tiles, as TileJSON describes them."""
        told = self.metadata.get("vector_layers")
        if not isinstance(told, list):
            return ()
        return tuple(one for one in told if isinstance(one, dict) and isinstance(one.get("id"), str))


class PmtilesFile:
    """An open file, to be asked by several threads at once. Raises ``BrokenArchive`` where it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        try:
            self._fd = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise BrokenArchive(f"{path.name} cannot be opened: {error.strerror}.", file=path.name) from error
        # Closed with the last who holds it: a thread may still read when another file has taken its place.
        weakref.finalize(self, os.close, self._fd)
        self._directories: LRUCache[tuple[int, int], _Directory] = LRUCache(_KEPT)
        self._lock = Lock()
        self._header = self._read_header()
        self.held = self._read_held()

    def tile(self, z: int, x: int, y: int) -> bytes | None:
        """Return a tile as it is in the file (compressed, where ``held.gzipped``), or None where it has none. Raises
        ``BrokenArchive`` where the file is damaged.
        """
        if not (self.held.minzoom <= z <= self.held.maxzoom and 0 <= x < 1 << z and 0 <= y < 1 << z):
            return None
        number = zxy_to_tileid(z, x, y)
        offset, length = self._header["root_offset"], self._header["root_length"]
        # A root and its leaves; the format's own readers go no deeper than this.
        for _ in range(4):
            directory = self._directory(offset, length)
            at = bisect_right(directory.ids, number) - 1
            if at < 0:
                return None
            if run := directory.runs[at]:
                if number >= directory.ids[at] + run:
                    return None
                return self._bytes(self._header["tile_data_offset"] + directory.offsets[at], directory.lengths[at])
            offset, length = self._header["leaf_directory_offset"] + directory.offsets[at], directory.lengths[at]
        raise self._broken("its directories lead nowhere")

    def _read_header(self) -> HeaderDict:
        try:
            header = deserialize_header(self._bytes(0, _HEADER_BYTES))
        except MagicNumberNotFound:
            raise self._broken("it does not begin as one") from None
        except SpecVersionUnsupported:
            raise self._broken("it is of another version than 3") from None
        except (ValueError, IndexError) as error:
            raise self._broken(str(error)) from error
        if header["tile_type"] not in MEDIA_TYPES:
            raise self._broken(f"its tiles are of a kind that maps do not read ({header['tile_type'].name})")
        if header["internal_compression"] not in (Compression.GZIP, Compression.NONE):
            raise self._broken(f"its directories are compressed by {header['internal_compression'].name}; gzip is read")
        if header["tile_compression"] not in (Compression.GZIP, Compression.NONE, Compression.UNKNOWN):
            raise self._broken(f"its tiles are compressed by {header['tile_compression'].name}; gzip is read")
        return header

    def _read_held(self) -> Held:
        header, seen = self._header, os.fstat(self._fd)
        told = self._bytes(header["metadata_offset"], header["metadata_length"])
        try:
            metadata = json.loads(gzip.decompress(told) if self._packed() else told) if told else {}
        except (ValueError, OSError, EOFError, zlib.error) as error:
            raise self._broken("its metadata cannot be read") from error
        self._directory(header["root_offset"], header["root_length"])
        name = hashlib.blake2b(self._bytes(0, _HEADER_BYTES) + told, digest_size=6)
        name.update(f"{seen.st_size} {seen.st_mtime_ns}".encode())
        west, south, east, north = (header[f"{side}_e7"] / 1e7 for side in ("min_lon", "min_lat", "max_lon", "max_lat"))  # type: ignore[literal-required]
        return Held(
            version=name.hexdigest(),
            media_type=MEDIA_TYPES[header["tile_type"]],
            gzipped=header["tile_compression"] is Compression.GZIP,
            minzoom=header["min_zoom"],
            maxzoom=header["max_zoom"],
            bounds=(west, south, east, north),
            center=(header["center_lon_e7"] / 1e7, header["center_lat_e7"] / 1e7, header["center_zoom"]),
            metadata=metadata if isinstance(metadata, dict) else {},
        )

    def _packed(self) -> bool:
        return self._header["internal_compression"] is Compression.GZIP

    def _directory(self, offset: int, length: int) -> _Directory:
        with self._lock:
            kept = self._directories.get((offset, length))
        if kept is None:
            packed = self._bytes(offset, length)
            try:
                # The library reads what is packed, and nothing else.
                entries = deserialize_directory(packed if self._packed() else gzip.compress(packed, 0))
                kept = _Directory(
                    array("Q", [entry.tile_id for entry in entries]),
                    array("Q", [entry.run_length for entry in entries]),
                    array("Q", [entry.offset for entry in entries]),
                    array("Q", [entry.length for entry in entries]),
                )
            except (OSError, EOFError, ValueError, OverflowError, IndexError, zlib.error) as error:
                raise self._broken("a directory of it cannot be read") from error
            with self._lock:
                self._directories[offset, length] = kept
        return kept

    def _bytes(self, offset: int, length: int) -> bytes:
        if length > _MOST_BYTES:
            raise self._broken("a part of it is larger than any should be")
        try:
            read = os.pread(self._fd, length, offset)
        except (OSError, OverflowError) as error:
            raise self._broken(str(error)) from error
        if len(read) != length:
            raise self._broken("it ends too early")
        return read

    def _broken(self, why: str) -> BrokenArchive:
        return BrokenArchive(f"{self._name} is no PMTiles file that can be read: {why}.", file=self._name)
