"""Reference systems by the names OGC API - Features gives them: in which system features are told and boxes are asked.

What is stored is WGS-84 (EPSG:4326), longitude before latitude. A system named by its EPSG number is told in the order
of its own axes: latitude first in EPSG:4326 and 4490, the northing first in China's survey strips. Systems are the
same for every layer: the five that every city has, and the CGCS2000 3-degree Gauss-Krueger strips its extent touches.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import shapely
from pyproj import CRS

from gisops.crs import gauss_kruger_srid, transformer
from gisops.errors import InvalidInput

_OGC = "http://www.opengis.net/def/crs/"
CRS84_URI = f"{_OGC}OGC/1.3/CRS84"
# China's 3-degree strips reach from here to here; each has a number with the strip's prefix and one without.
_STRIPS = (73.5, 136.5)
# A line between two corners of a box is straight in the box's own system and bent in degrees: so many pieces a side
# keep it within centimetres of the truth over a city.
_PIECES = 32


@dataclass(frozen=True, slots=True)
class ReferenceSystem:
    """One reference system: its URI, its EPSG number, whether its own order is north before east, and how many
    decimals tell a centimetre (degrees) or a millimetre (metres).
    """

    uri: str
    srid: int
    north_first: bool
    geographic: bool

    @property
    def decimals(self) -> int:
        """How many decimals coordinates are told with."""
        return 7 if self.geographic else 3

    @property
    def stored(self) -> bool:
        """Whether features are stored like this, so that nothing is converted."""
        return self.srid == 4326 and not self.north_first


CRS84 = ReferenceSystem(CRS84_URI, 4326, False, True)


@lru_cache(maxsize=128)
def system_of(srid: int) -> ReferenceSystem:
    """Return the system with an EPSG number, with the order of its axes as PROJ's register has it."""
    found = CRS.from_epsg(srid)
    return ReferenceSystem(
        f"{_OGC}EPSG/0/{srid}", srid, found.axis_info[0].direction == "north", bool(found.is_geographic)
    )


@lru_cache(maxsize=16)
def systems_of(extent: tuple[float, float, float, float] | None) -> tuple[ReferenceSystem, ...]:
    """Return the systems of a city with this extent (west, south, east, north in degrees), CRS84 first."""
    found = [CRS84, *map(system_of, (4326, 3857, 4490))]
    if extent is not None:
        west, east = max(extent[0], _STRIPS[0]), min(extent[2], math.nextafter(_STRIPS[1], 0))
        if west <= east:
            first, last = gauss_kruger_srid(west), gauss_kruger_srid(east)
            # Without the strip's number in front of the easting, and with it.
            strips = range(first, last + 1)
            found += [system_of(srid) for strip in strips for srid in (strip, strip - 21)]
    return tuple(found)


def parse_system(text: str, extent: tuple[float, float, float, float] | None, parameter: str) -> ReferenceSystem:
    """Read a system's URI (or its CURIE, ``EPSG:4490`` or ``OGC:CRS84``). Raises ``InvalidInput`` with those there
    are.
    """
    systems = systems_of(extent)
    asked = text.strip().strip("[]")
    if asked.upper().startswith("EPSG:"):
        asked = f"{_OGC}EPSG/0/{asked[5:]}"
    elif asked.upper() in ("OGC:CRS84", "CRS84"):
        asked = CRS84_URI
    for system in systems:
        if asked == system.uri or asked == system.uri.replace("http:", "https:"):
            return system
    raise InvalidInput(
        f"{parameter} must be one of the collection's systems.",
        parameter=parameter,
        crs=[system.uri for system in systems],
    )


def to_stored(geometry: shapely.Geometry, system: ReferenceSystem) -> shapely.Geometry:
    """Return a geometry of a system, in the order of its axes, as longitude and latitude in WGS-84."""
    if system.stored:
        return geometry
    turned = _turned(geometry) if system.north_first else geometry
    if system.srid == 4326:
        return turned
    converted: shapely.Geometry = shapely.transform(turned, transformer(system.srid, 4326).transform, interleaved=False)
    return converted


def box_in_degrees(
    box: tuple[float, float, float, float], system: ReferenceSystem
) -> tuple[float, float, float, float] | None:
    """Return the box in degrees around a box of a system (least and greatest east and north), or None where that
    system's formula has no answer for it.
    """
    west, south, east, north = box
    if system.srid != 4326:
        try:
            west, south, east, north = transformer(system.srid, 4326).transform_bounds(*box, densify_pts=_PIECES)
        except Exception:  # PROJ's own errors, of many classes
            return None
    if not all(math.isfinite(number) for number in (west, south, east, north)) or west > east:
        return None
    if system.srid not in (4326, 3857):
        # Between two of the points that were looked at a side may bulge a little further.
        margin_x, margin_y = (east - west) * 1e-3 + 1e-7, (north - south) * 1e-3 + 1e-7
        west, south, east, north = west - margin_x, south - margin_y, east + margin_x, north + margin_y
    return max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0)


def uris(systems: Iterable[ReferenceSystem]) -> list[str]:
    """Return the systems' URIs."""
    return [system.uri for system in systems]


def _turned(geometry: shapely.Geometry) -> shapely.Geometry:
    return shapely.transform(geometry, lambda pairs: pairs[:, ::-1])
