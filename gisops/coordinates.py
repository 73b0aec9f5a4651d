"""Positions as they arrive, and the one system they are stored in: WGS-84 longitude and latitude (EPSG:4326).

Phones, map apps and survey offices in China speak different systems, and the difference is not small: a GCJ-02
pair read as WGS-84 lands about 500 m away, in another grid cell every time. So the system is always named by the
sender and never guessed.

==================  =====================================================  ======================================
``crs``             who sends it                                           how it is converted
==================  =====================================================  ======================================
``WGS84``           GPS chips, GeoJSON, Open311                            as it is
``GCJ02``           AMap, Tencent and WeChat maps                          published formula, inverse by iteration
``BD09``            Baidu maps                                             published formula, inverse by iteration
``CGCS2000``        survey data, Tianditu (geographic, EPSG:4490)          PROJ
``EPSG:<n>``        any geographic or projected system PROJ knows          PROJ, always x = east, y = north
==================  =====================================================  ======================================

The GCJ-02 and BD-09 formulas are public knowledge (constants as in eviltransform, PRCoords and gcoord). The
official transformation adds noise of its own, so they hold to about a metre, not to a millimetre; the inverse
undoes the formula itself to about a micrometre. They stand in `gisops.datum_shift`.
"""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj.exceptions import ProjError

from gisops.crs import ACCEPTED_CRS, Crs, Extent, gauss_kruger_srid, parse_crs, transformer
from gisops.datum_shift import MANY, ONE, FloatArray, bd_to_gcj, gcj_to_bd, gcj_to_wgs, wgs_to_gcj
from gisops.errors import InvalidCoordinate, SwappedCoordinate

__all__ = [
    "ACCEPTED_CRS",
    "Crs",
    "Extent",
    "check_lonlat",
    "distance_m",
    "from_wgs84",
    "from_wgs84_array",
    "gauss_kruger_srid",
    "local_metres",
    "parse_crs",
    "to_wgs84",
    "to_wgs84_array",
]

# The rough box inside which the map vendors shift coordinates. It covers parts of the neighbours too; what lies
# outside can only be a mistake of the sender, so it is refused rather than passed through unshifted.
SHIFTED_BOX = (72.004, 0.8293, 137.8347, 55.8271)

WGS84_A = 6378137.0
WGS84_F = 1 / 298.257223563
WGS84_E2 = WGS84_F * (2 - WGS84_F)

# How far outside a projected system's own area a result may lie (degrees) before it is taken for a mistake:
# cities do keep their own strip's meridian a little beyond the strip, a swapped or prefixed easting lands far off.
AREA_MARGIN = 4.0

_WORLD = Extent(-180.0, -90.0, 180.0, 90.0)
_SHIFTED = Extent(*SHIFTED_BOX)


# Validation -------------------------------------------------------------------------------------------------------


def check_lonlat(lon: Any, lat: Any, extent: tuple[float, float, float, float] | None = None) -> tuple[float, float]:
    """Return a longitude and latitude (degrees) as floats, or say what is wrong with them.

    ``extent`` (west, south, east, north) is the city's box. It only serves to recognise a swap: a point outside
    it is no error here. Raises InvalidCoordinate for what is no finite number or out of range, and
    SwappedCoordinate with ``facts["suggestion"] = {"lon", "lat"}`` where the pair would be right the other way.
    """
    lon, lat = _finite(lon, "lon"), _finite(lat, "lat")
    in_range = _WORLD.holds(lon, lat)
    if in_range and (extent is None or Extent(*extent).holds(lon, lat)):
        return lon, lat
    if _WORLD.holds(lat, lon) and (not in_range if extent is None else Extent(*extent).holds(lat, lon)):
        raise _swapped(lon, lat)
    if in_range:
        return lon, lat
    raise InvalidCoordinate(
        f"lon {lon}, lat {lat} is out of range; lon lies in -180 to 180 and lat in -90 to 90 degrees", lon=lon, lat=lat
    )


def _swapped(lon: float, lat: float) -> SwappedCoordinate:
    return SwappedCoordinate(
        f"lon {lon}, lat {lat} looks swapped; did you mean lon {lat}, lat {lon}?",
        lon=lon,
        lat=lat,
        suggestion={"lon": lat, "lat": lon},
    )


def _finite(value: Any, name: str) -> float:
    # bool is a number to Python, and "12.5" would pass float(): neither is a coordinate.
    if isinstance(value, float) or (isinstance(value, numbers.Real) and not isinstance(value, bool)):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise InvalidCoordinate(f"{name} is {_shown(value)}, not a finite number", field=name, given=_shown(value))


def _shown(value: Any) -> str:
    # Integers past a few thousand digits refuse to be printed at all.
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return "a very large integer"
    return repr(value)[:40]


def _check_shifted(lon: float, lat: float, name: str) -> None:
    if _SHIFTED.holds(lon, lat):
        return
    if _SHIFTED.holds(lat, lon):
        raise _swapped(lon, lat)
    raise InvalidCoordinate(
        f"{name} is only defined in and around China (lon 72.004 to 137.8347, lat 0.8293 to 55.8271); "
        f"lon {lon}, lat {lat} lies outside: name the system the point is really in",
        lon=lon,
        lat=lat,
        crs=name,
    )


# One point --------------------------------------------------------------------------------------------------------


def to_wgs84(
    x: Any, y: Any, crs: str | None, extent: tuple[float, float, float, float] | None = None
) -> tuple[float, float]:
    """Convert one position to WGS-84 ``(lon, lat)`` in degrees.

    ``x`` is longitude or easting, ``y`` latitude or northing, in the units of ``crs``. ``extent`` is the city's
    box in WGS-84, for the swap check of `check_lonlat`. Raises UnknownCrs, InvalidCoordinate, SwappedCoordinate.
    """
    system = parse_crs(crs)
    if system.epsg is None:
        if system.name == "WGS84":
            return check_lonlat(x, y, extent)
        x, y = _finite(x, "lon"), _finite(y, "lat")
        _check_shifted(x, y, system.name)
        lon, lat = bd_to_gcj(x, y, ONE) if system.name == "BD09" else (x, y)
        return check_lonlat(*gcj_to_wgs(lon, lat, ONE), extent)
    if system.area is None:
        x, y = check_lonlat(x, y, extent)
        return check_lonlat(*_project(x, y, system.epsg, 4326), extent)
    return check_lonlat(*_from_plane(_finite(x, "x"), _finite(y, "y"), system.epsg, system.area), extent)


def from_wgs84(lon: Any, lat: Any, crs: str | None) -> tuple[float, float]:
    """Convert one WGS-84 position (degrees) to ``(x, y)`` of another system; the errors are those of `to_wgs84`."""
    system = parse_crs(crs)
    lon, lat = check_lonlat(lon, lat)
    if system.epsg is not None:
        return _project(lon, lat, 4326, system.epsg)
    if system.name == "WGS84":
        return lon, lat
    _check_shifted(lon, lat, system.name)
    lon, lat = wgs_to_gcj(lon, lat, ONE)
    return gcj_to_bd(lon, lat, ONE) if system.name == "BD09" else (lon, lat)


def _project(x: float, y: float, source: int, target: int) -> tuple[float, float]:
    try:
        out_x, out_y = transformer(source, target).transform(x, y, errcheck=True)
    except ProjError:
        out_x = out_y = math.inf
    if not (math.isfinite(out_x) and math.isfinite(out_y)):
        raise InvalidCoordinate(
            f"x {x}, y {y} cannot be converted from EPSG:{source} to EPSG:{target}; is it in that system's area?",
            x=x,
            y=y,
            crs=f"EPSG:{source}",
        )
    return out_x, out_y


def _from_plane(x: float, y: float, epsg: int, area: Extent) -> tuple[float, float]:
    """Unproject, and refuse what the formula answers far outside the system's area: PROJ computes it all the same."""
    found = _inside_area(x, y, epsg, area)
    if found is not None:
        return found
    if _inside_area(y, x, epsg, area) is not None:
        # Survey lists of CGCS2000 often give northing first, as EPSG itself orders the axes.
        raise SwappedCoordinate(
            f"x {x}, y {y} looks swapped in EPSG:{epsg}; x is the easting: did you mean x {y}, y {x}?",
            x=x,
            y=y,
            crs=f"EPSG:{epsg}",
            suggestion={"x": y, "y": x},
        )
    raise InvalidCoordinate(
        f"x {x}, y {y} is far outside the area of EPSG:{epsg}; "
        "check the strip, and whether the easting carries the strip's number",
        x=x,
        y=y,
        crs=f"EPSG:{epsg}",
    )


def _inside_area(x: float, y: float, epsg: int, area: Extent) -> tuple[float, float] | None:
    try:
        lon, lat = _project(x, y, epsg, 4326)
        # PROJ wraps and clamps some nonsense into range; a true position leads back to where it came from.
        back_x, back_y = _project(lon, lat, 4326, epsg)
    except InvalidCoordinate:
        return None
    if abs(back_x - x) > 1.0 or abs(back_y - y) > 1.0:
        return None
    return (lon, lat) if _in_area(lon, lat, area) else None


def _in_area(lon: Any, lat: Any, area: Extent) -> Any:
    """Say whether a point (or, for arrays, each point) lies in a system's area of use or within its margin."""
    west, south, east, north = area
    # An area across the date line has its west greater than its east: widths are taken round the globe.
    width = min(((east - west) % 360.0 or 360.0) + 2 * AREA_MARGIN, 360.0)
    in_width = (lon - west + AREA_MARGIN) % 360.0 <= width
    return (south - AREA_MARGIN <= lat) & (lat <= north + AREA_MARGIN) & in_width


# Many points ------------------------------------------------------------------------------------------------------


def to_wgs84_array(x: npt.ArrayLike, y: npt.ArrayLike, crs: str | None) -> tuple[FloatArray, FloatArray]:
    """Convert arrays of positions to WGS-84; the same answers as `to_wgs84` point by point, to the last bits.

    ``x`` and ``y`` have one shape, which the answer has too. Raises UnknownCrs, and InvalidCoordinate with the
    first bad index in ``facts["index"]`` and how many are bad in ``facts["bad"]``: nothing is converted by half.
    """
    system = parse_crs(crs)
    xs, ys = _pair(x, y)
    if system.epsg is None:
        if system.name == "WGS84":
            return _checked(xs, ys, xs, ys, _WORLD)
        _checked(xs, ys, xs, ys, _SHIFTED)
        if system.name == "BD09":
            xs, ys = bd_to_gcj(xs, ys, MANY)
        return gcj_to_wgs(xs, ys, MANY)
    lon, lat = transformer(system.epsg, 4326).transform(xs, ys)
    if system.area is None:
        _checked(xs, ys, xs, ys, _WORLD)
    else:
        back_x, back_y = transformer(4326, system.epsg).transform(lon, lat)
        with np.errstate(invalid="ignore"):
            kept = (np.abs(back_x - xs) <= 1.0) & (np.abs(back_y - ys) <= 1.0) & _in_area(lon, lat, system.area)
        lon = np.where(kept, lon, np.nan)
    return _checked(lon, lat, xs, ys, _WORLD)


def from_wgs84_array(lon: npt.ArrayLike, lat: npt.ArrayLike, crs: str | None) -> tuple[FloatArray, FloatArray]:
    """Convert arrays of WGS-84 positions to another system; shapes and errors are those of `to_wgs84_array`."""
    system = parse_crs(crs)
    lons, lats = _pair(lon, lat)
    _checked(lons, lats, lons, lats, _WORLD)
    if system.epsg is not None:
        x, y = transformer(4326, system.epsg).transform(lons, lats)
        return _checked(x, y, lons, lats, None)
    if system.name == "WGS84":
        return lons, lats
    _checked(lons, lats, lons, lats, _SHIFTED)
    lons, lats = wgs_to_gcj(lons, lats, MANY)
    return gcj_to_bd(lons, lats, MANY) if system.name == "BD09" else (lons, lats)


def _pair(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    try:
        xs, ys = np.array(x, dtype=np.float64), np.array(y, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as reason:
        raise InvalidCoordinate(f"the coordinates are not arrays of numbers: {reason}") from reason
    if xs.shape != ys.shape:
        raise InvalidCoordinate(f"x has the shape {xs.shape} and y {ys.shape}; they must be one", index=None)
    return xs, ys


def _checked(
    x: FloatArray, y: FloatArray, given_x: FloatArray, given_y: FloatArray, box: Extent | None
) -> tuple[FloatArray, FloatArray]:
    """Return x and y if all are finite and in the box, else name the first that is not, as it was given."""
    good = np.isfinite(x) & np.isfinite(y)
    if box is not None:
        good &= (x >= box.west) & (x <= box.east) & (y >= box.south) & (y <= box.north)
    if not good.all():
        bad = np.flatnonzero(~good)
        first = int(bad[0])
        at_x, at_y = float(given_x.flat[first]), float(given_y.flat[first])
        raise InvalidCoordinate(
            f"{len(bad)} of {good.size} positions cannot be converted, the first at index {first}: ({at_x}, {at_y})",
            index=first,
            bad=len(bad),
            given=[repr(at_x), repr(at_y)],  # as text, because NaN is no JSON
        )
    return x, y


def local_metres(lat: float) -> tuple[float, float]:
    """Return the metres of one degree of longitude and of latitude, in the plane touching WGS-84 at a latitude.

    From the radii of curvature in the prime vertical and in the meridian. Good for the few hundred metres a
    dispatch looks around: up to 55 degrees of
    latitude it is within 3e-6 of the geodesic at 50 m and within 3e-5 at 500 m.
    """
    phi = math.radians(lat)
    sine = math.sin(phi)
    w = 1 - WGS84_E2 * sine * sine
    root = math.sqrt(w)
    per_degree = math.pi / 180 * WGS84_A
    return per_degree * math.cos(phi) / root, per_degree * (1 - WGS84_E2) / (w * root)


def distance_m(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Metres between two points (lon, lat in WGS-84 degrees) in the plane touching at the first: `local_distance_m` of
    the database. For a question of metres; what lies far off comes out as far off.
    """
    east, north = local_metres(here[1])
    return math.hypot((there[0] - here[0]) * east, (there[1] - here[1]) * north)
