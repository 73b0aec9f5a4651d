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
    told = list(squares)
    if not told:
        return b""
    deeper, sums = layer.tiling.squares, layer.tiling.summed_area
    shapes, mask, prefix = _shapes(deeper), (1 << deeper) - 1, b"%d/" % (at.z + deeper)
    # First the values that are addresses, one for each square in its order; then the numbers, each once.
    numbers = dict.fromkeys(square[2] for square in told)
    if sums:
        numbers |= dict.fromkeys(round(square[3]) for square in told)
    places = {number: _varint(len(told) + n) for n, number in enumerate(numbers)}
    features: list[bytes] = []
    addresses: list[bytes] = []
    short = _SHORT
    # A thousand times, so as little as can be: the lengths here are all below 128, but for the places of values.
    for n, (x, y, count, area) in enumerate(told):
        address = b"%b%d/%d" % (prefix, x, y)
        addresses.append(b"\x22%c\x0a%c%b" % (len(address) + 2, len(address), address))
        tags = b"\0%b\1%b" % (short[n], places[count])
        if sums:
            tags += b"\2" + places[round(area)]
        shape = shapes[(y & mask) << deeper | x & mask]
        features.append(b"\x12%c\x12%c%b%b" % (len(tags) + 2 + len(shape), len(tags), tags, shape))
    # Values: texts as they are, numbers as uint_value.
    values = [_part(0x22, b"\x28" + _varint(number)) for number in numbers]
    keys = [_part(0x1A, name.encode()) for name in (layer.key, "count", *(("area_m2",) if sums else ()))]
    ends = b"\x28" + _varint(EXTENT) + b"\x78\x02"
    return _part(0x1A, b"".join((_part(0x0A, layer.id.encode()), *features, *keys, *addresses, *values, ends)))


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


# Of as many values as there are squares in a tile, at most.
_SHORT = tuple(_varint(n) for n in range(1 << 12))
