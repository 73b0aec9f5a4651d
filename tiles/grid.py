"""The tile grid (WebMercatorQuad): which addresses exist and what they cover."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from gisops.errors import NotFound

MAX_ZOOM = 22
# Digits of our own, not of every script there is, and one way to write each number.
_WHOLE = re.compile(r"(0|-?[1-9][0-9]{0,30})\Z")


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile of the grid; x counts eastward, y southward, both from 0."""

    z: int
    x: int
    y: int

    def bounds(self) -> tuple[float, float, float, float]:
        """Return west, south, east, north in degrees (WGS-84)."""
        return _lon(self.x, self.z), _lat(self.y + 1, self.z), _lon(self.x + 1, self.z), _lat(self.y, self.z)


def tile_named(z: str, x: str, y: str) -> Tile:
    """Return the tile of an address as it was written. Raises ``NotFound``, which names the part that is wrong."""
    numbers: dict[str, int] = {}
    for name, written in (("z", z), ("x", x), ("y", y)):
        if not _WHOLE.match(written):
            raise NotFound(
                f"{name} is no whole number; a tile's address is z/x/y, each written in digits.", parameter=name
            )
        numbers[name] = int(written)
    return tile_at(**numbers)


def tile_at(z: int, x: int, y: int) -> Tile:
    """Return the tile of an address. Raises ``NotFound`` for one that does not exist, with the addresses that do."""
    if not 0 <= z <= MAX_ZOOM:
        raise NotFound(
            f"There is no zoom {z}; tiles are cut for 0 to {MAX_ZOOM}.", parameter="z", z=z, maxzoom=MAX_ZOOM
        )
    last = (1 << z) - 1
    for name, number in (("x", x), ("y", y)):
        if not 0 <= number <= last:
            raise NotFound(
                f"There is no tile {z}/{x}/{y}; at zoom {z} x and y are 0 to {last}.",
                parameter=name,
                z=z,
                x=x,
                y=y,
                last=last,
            )
    return Tile(z, x, y)


def tile_of(lon: float, lat: float, z: int) -> Tile:
    """Return the tile that holds a point (degrees, WGS-84; latitudes beyond the projection count as its edge)."""
    side = 1 << z
    lat = max(-85.05112878, min(85.05112878, lat))
    x = math.floor((lon + 180) / 360 * side)
    y = math.floor((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * side)
    return Tile(z, max(0, min(side - 1, x)), max(0, min(side - 1, y)))


def _lon(x: int, z: int) -> float:
    return x / (1 << z) * 360 - 180


def _lat(y: int, z: int) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / (1 << z)))))
