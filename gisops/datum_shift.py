"""The GCJ-02 and BD-09 formulas, for one point and for arrays alike. Degrees in, degrees out; nothing is checked.

They are public knowledge; the constants are those of eviltransform, PRCoords and gcoord. Each formula is written
once, over whichever functions it is given: `math` for one point (a few microseconds), numpy for arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
T = TypeVar("T", float, FloatArray)

# The Krasovsky ellipsoid, on which the formula is defined: with WGS-84's axis it is a centimetre off.
KRASOVSKY_A = 6378245.0
KRASOVSKY_EE = 0.00669342162296594323
BD_PI = math.pi * 3000.0 / 180.0

# Each step shrinks the error about a hundredfold: 4.8 m, 3.1 cm, 0.2 mm, 1.3 um.
GCJ_STEPS = 3
# From 0.22 m in the same way, to 14 um after two.
BD_STEPS = 3


@dataclass(frozen=True, slots=True)
class Functions(Generic[T]):
    """The functions a formula is computed with."""

    sin: Callable[[T], T]
    cos: Callable[[T], T]
    sqrt: Callable[[T], T]
    atan2: Callable[[T, T], T]
    abs: Callable[[T], T]


_abs: Any = abs
ONE: Functions[float] = Functions(math.sin, math.cos, math.sqrt, math.atan2, _abs)
MANY: Functions[FloatArray] = Functions(np.sin, np.cos, np.sqrt, np.arctan2, np.abs)


def gcj_shift(lon: T, lat: T, f: Functions[T]) -> tuple[T, T]:
    """Return the shift at a WGS-84 position, in degrees of longitude and latitude."""
    sin, sqrt, pi = f.sin, f.sqrt, math.pi
    x, y = lon - 105.0, lat - 35.0
    xy, root = x * y, sqrt(f.abs(x))
    px, py = x * pi, y * pi
    common = (20.0 * sin(6.0 * px) + 20.0 * sin(2.0 * px)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * xy + 0.2 * root + common
    north = north + (20.0 * sin(py) + 40.0 * sin(py / 3.0)) * 2.0 / 3.0
    north = north + (160.0 * sin(py / 12.0) + 320.0 * sin(py / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * xy + 0.1 * root + common
    east = east + (20.0 * sin(px) + 40.0 * sin(px / 3.0)) * 2.0 / 3.0
    east = east + (150.0 * sin(px / 12.0) + 300.0 * sin(px / 30.0)) * 2.0 / 3.0
    phi = lat / 180.0 * pi
    sine = sin(phi)
    magic = 1.0 - KRASOVSKY_EE * sine * sine
    root_magic = sqrt(magic)
    return (
        (east * 180.0) / (KRASOVSKY_A / root_magic * f.cos(phi) * pi),
        (north * 180.0) / ((KRASOVSKY_A * (1 - KRASOVSKY_EE)) / (magic * root_magic) * pi),
    )


def wgs_to_gcj(lon: T, lat: T, f: Functions[T]) -> tuple[T, T]:
    """Shift a WGS-84 position to GCJ-02."""
    east, north = gcj_shift(lon, lat, f)
    return lon + east, lat + north


def gcj_to_wgs(lon: T, lat: T, f: Functions[T]) -> tuple[T, T]:
    """Find the WGS-84 position that the formula shifts here, to about a micrometre."""
    east, north = gcj_shift(lon, lat, f)
    for _ in range(GCJ_STEPS):
        # The same as w <- w - (F(w) - g), with one subtraction less.
        east, north = gcj_shift(lon - east, lat - north, f)
    return lon - east, lat - north


def gcj_to_bd(lon: T, lat: T, f: Functions[T]) -> tuple[T, T]:
    """Shift a GCJ-02 position to BD-09."""
    z = f.sqrt(lon * lon + lat * lat) + 0.00002 * f.sin(lat * BD_PI)
    theta = f.atan2(lat, lon) + 0.000003 * f.cos(lon * BD_PI)
    return z * f.cos(theta) + 0.0065, z * f.sin(theta) + 0.006


def bd_to_gcj(lon: T, lat: T, f: Functions[T]) -> tuple[T, T]:
    """Find the GCJ-02 position that the formula shifts here, to about a micrometre."""
    at_lon, at_lat = lon - 0.0065, lat - 0.006
    for _ in range(1 + BD_STEPS):
        to_lon, to_lat = gcj_to_bd(at_lon, at_lat, f)
        at_lon, at_lat = at_lon - (to_lon - lon), at_lat - (to_lat - lat)
    return at_lon, at_lat
