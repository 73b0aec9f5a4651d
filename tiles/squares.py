"""Counted squares as a vector tile (MVT 2.1), written without the database: each is the same square, moved.

The general encoders there are take ten times as long, as they look at geometry that is known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from layers.catalog import Layer
from tiles.grid import Tile

EXTENT = 4096

# Column and row at the squares' own zoom, how many it counts, their area (square metres).
Square = tuple[int, int, int, float]


def as_tile(layer: Layer, at: Tile, squares: Iterable[Square]) -> bytes:
    """Return a tile of squares with the attributes ``count`` and the layer's key, which is the square's address, and
    ``area_m2`` where the layer's features have an area to sum; empty bytes for none.
    """
    deeper = layer.tiling.squares
    shapes = _shapes(deeper)
    names = [layer.key, "count", *(["area_m2"] if layer.tiling.summed_area else [])]
    features: list[bytes] = []
    values: list[bytes] = []
    places: dict[int, int] = {}

    def number(value: int) -> int:
        place = places.get(value)
        if place is None:
            place = places[value] = len(values)
            # uint_value
            values.append(_part(0x22, b"\x28" + _varint(value)))
        return place

    for x, y, count, area in sorted(squares):
        tags = [0, len(values), 1]
        values.append(_part(0x22, _part(0x0A, f"{at.z + deeper}/{x}/{y}".encode())))
        tags.append(number(count))
        if layer.tiling.summed_area:
            tags += (2, number(round(area)))
        shape = shapes[(y & (1 << deeper) - 1) << deeper | x & (1 << deeper) - 1]
        features.append(_part(0x12, _part(0x12, b"".join(map(_varint, tags))) + shape))
    if not features:
        return b""
    keys = [_part(0x1A, name.encode()) for name in names]
    told = [_part(0x0A, layer.id.encode()), *features, *keys, *values, b"\x28", _varint(EXTENT), b"\x78\x02"]
    return _part(0x1A, b"".join(told))


@lru_cache(maxsize=8)
def _shapes(deeper: int) -> tuple[bytes, ...]:
    """Type and geometry of each square of a tile: polygon; to its north-west corner, around by the right, closed."""
    side, among = EXTENT >> deeper, 1 << deeper
    found = []
    for y in range(among):
        for x in range(among):
            path = (9, 2 * side * x, 2 * side * y, 26, 2 * side, 0, 0, 2 * side, 2 * side - 1, 0, 15)
            found.append(b"\x18\x03" + _part(0x22, b"".join(map(_varint, path))))
    return tuple(found)


def _part(head: int, content: bytes) -> bytes:
    return bytes((head,)) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    if value < 128:
        return bytes((value,))
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)
