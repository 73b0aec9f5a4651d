"""Reference systems by name: reading ``crs`` as it was sent, China's survey strips, and PROJ's transformers."""

from __future__ import annotations

import math
import re
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from gisops.errors import InvalidCoordinate, UnknownCrs

# How wide, and how high, the world is in Web Mercator (EPSG:3857), in its metres.
WORLD_M = 2 * 20037508.342789244

ACCEPTED_CRS = ("WGS84", "GCJ02", "BD09", "CGCS2000", "EPSG:<n>")


class Extent(NamedTuple):
    """A box in degrees: west, south, east, north."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, lon: float, lat: float) -> bool:
        """Say whether the point lies in the box, its edges included."""
        return self.west <= lon <= self.east and self.south <= lat <= self.north


@dataclass(frozen=True, slots=True)
class Crs:
    """A reference system we convert from: its canonical ``name``, and its EPSG number where PROJ does the work.

    ``area`` is the system's own area of use where it is projected, None otherwise.
    """

    name: str
    epsg: int | None = None
    area: Extent | None = None


def parse_crs(text: str | None) -> Crs:
    """Read a ``crs`` as sent: case, hyphens, underscores and spaces do not matter (``wgs-84`` is ``WGS84``).

    Raises UnknownCrs, with the accepted ones in ``facts["accepted"]``, when it is missing or not one of them.
    """
    if not isinstance(text, str) or not text.strip():
        raise UnknownCrs(
            f"crs is missing; send one of {', '.join(ACCEPTED_CRS)}", given=None, accepted=list(ACCEPTED_CRS)
        )
    if len(text) > 32:  # nothing we know is longer, and what is remembered below must stay small
        raise _unknown_crs(text[:32] + "…")
    crs = _parse_crs(text)
    if crs is None:
        raise _unknown_crs(text)
    return crs


@lru_cache(maxsize=1024)
def _parse_crs(text: str) -> Crs | None:
    word = re.sub(r"[\s_-]", "", text).upper()
    if word in ("WGS84", "GCJ02", "BD09"):
        return Crs(word)
    if word == "CGCS2000":
        return Crs("CGCS2000", 4490)
    match = re.fullmatch(r"EPSG:([1-9][0-9]{3,5})", word, re.ASCII)
    return _epsg(int(match[1])) if match else None


def _epsg(number: int) -> Crs | None:
    if number == 4326:
        return Crs("WGS84")
    try:
        definition = CRS.from_epsg(number)
    except CRSError:
        return None
    # Heights, geocentric axes and local engineering systems have no longitude and latitude to give.
    if len(definition.axis_info) != 2 or not (definition.is_geographic or definition.is_projected):
        return None
    area = None
    if definition.is_projected:
        use = definition.area_of_use
        area = Extent(use.west, use.south, use.east, use.north) if use else Extent(-180.0, -90.0, 180.0, 90.0)
    return Crs("CGCS2000" if number == 4490 else f"EPSG:{number}", number, area)


def _unknown_crs(text: str) -> UnknownCrs:
    return UnknownCrs(
        f"crs {text!r} is not known here; send one of {', '.join(ACCEPTED_CRS)}",
        given=text,
        accepted=list(ACCEPTED_CRS),
    )


def gauss_kruger_srid(lon: float, *, zone_prefix: bool = False) -> int:
    """Return the EPSG number of the CGCS2000 3-degree Gauss-Krüger strip that holds a longitude (degrees).

    A central meridian names its own strip. With ``zone_prefix`` eastings start with the strip's number
    (38 500 000 m), without it they do not (500 000 m). Raises InvalidCoordinate outside 73.5 to 136.5 degrees.
    """
    if not 73.5 <= lon < 136.5:
        raise InvalidCoordinate(
            f"longitude {lon} is in no CGCS2000 3-degree strip; they reach from 73.5 to 136.5 degrees east", lon=lon
        )
    strip = math.floor((lon + 1.5) / 3) - 25
    return (4513 if zone_prefix else 4534) + strip


_local = threading.local()
# One is a fifth of a megabyte, PROJ knows thousands of systems, and whoever sends a position names one: without a limit
# a caller who goes through them all would fill the memory of every thread.
_MOST_TRANSFORMERS = 32


def transformer(source: int, target: int) -> Transformer:
    """Return this thread's transformer: PROJ objects must not be shared, and making one costs milliseconds."""
    known: dict[tuple[int, int], Transformer] | None = getattr(_local, "transformers", None)
    if known is None:
        known = _local.transformers = {}
    found = known.get((source, target))
    if found is None:
        if len(known) >= _MOST_TRANSFORMERS:
            del known[next(iter(known))]
        found = known[source, target] = Transformer.from_crs(source, target, always_xy=True)
    return found
