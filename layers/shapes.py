"""A shape that somebody asks by: GeoJSON in any system we convert from, checked and in WGS-84."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gisops.coordinates import to_wgs84, to_wgs84_array
from gisops.errors import InvalidInput, OutsideCity
from layers.features import BBox

MAX_VERTICES = 10_000
# How deep the positions lie in each type's coordinates.
_DEPTHS = {"Point": 0, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
_DIMENSIONS = {"Point": 0, "LineString": 1, "MultiLineString": 1, "Polygon": 2, "MultiPolygon": 2}


class InvalidGeometry(InvalidInput):
    """The geometry is not one that can be asked by."""

    code = "invalid_geometry"


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape in WGS-84: ``wkb`` as PostGIS takes it, ``bbox`` in degrees, ``dimension`` 0 (point), 1 or 2."""

    wkb: bytes
    bbox: BBox
    dimension: int

    @property
    def middle(self) -> tuple[float, float]:
        """The middle of its box, (lon, lat)."""
        west, south, east, north = self.bbox
        return (west + east) / 2, (south + north) / 2


def shape_of(geometry: Any, crs: str | None, extent: BBox | None) -> Shape:
    """Read a GeoJSON geometry (Point, LineString, MultiLineString, Polygon or MultiPolygon) whose positions are x, y of
    ``crs``; heights are left out. Positions are converted, and edges are straight between them.

    ``extent`` is the city's box, which the shape must touch and cannot be larger than. Raises ``InvalidGeometry``,
    ``OutsideCity``, or what `gisops.coordinates` raises.
    """
    import shapely  # late: a start need not wait for what the first report does not need

    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in _DEPTHS:
        raise InvalidGeometry(
            f"The geometry is {_shown(kind)}; it must be one of {', '.join(_DEPTHS)}.",
            parameter="geometry",
            types=list(_DEPTHS),
        )
    lines = list(_lines(geometry.get("coordinates"), _DEPTHS[kind], kind))
    count = sum(len(line) for line in lines)
    if count > MAX_VERTICES:
        raise InvalidGeometry(
            f"The geometry has {count:,} vertices; at most {MAX_VERTICES:,} are taken.",
            parameter="geometry",
            vertices=count,
            most=MAX_VERTICES,
            do="Simplify it, or ask in parts.",
        )
    positions = [position for line in lines for position in line]
    # One by one for the first, which recognises a swapped pair; then all.
    to_wgs84(*positions[0], crs, extent)
    xs, ys = zip(*positions, strict=True)
    lons, lats = to_wgs84_array(xs, ys, crs)
    converted = iter(list(zip(lons.tolist(), lats.tolist(), strict=True)))
    told = _rebuilt(geometry["coordinates"], _DEPTHS[kind], converted)
    made = shapely.geometry.shape({"type": kind, "coordinates": told})
    _check(made, kind)
    west, south, east, north = (float(each) for each in made.bounds)
    bbox = (west, south, east, north)
    if extent is not None:
        _check_extent(made.area, bbox, extent)
    return Shape(shapely.to_wkb(made), bbox, _DIMENSIONS[kind])


def point(x: float, y: float, crs: str | None, extent: BBox | None) -> Shape:
    """The shape that is one point."""
    return shape_of({"type": "Point", "coordinates": [x, y]}, crs, extent)


def _lines(coordinates: Any, depth: int, kind: str) -> Iterator[list[tuple[Any, Any]]]:
    """The positions, one list for each line or ring, as they were sent."""
    if depth == 0:
        yield [_position(coordinates, kind)]
        return
    if not isinstance(coordinates, list) or not coordinates:
        raise _misshapen(kind)
    if depth > 1:
        for each in coordinates:
            yield from _lines(each, depth - 1, kind)
        return
    line = [_position(each, kind) for each in coordinates]
    least = 4 if "Polygon" in kind else 2
    if len(line) < least:
        what = "A ring has at least 4 positions" if least == 4 else "A line has at least 2 positions"
        raise InvalidGeometry(f"{what}; this one has {len(line)}.", parameter="geometry", positions=len(line))
    if least == 4 and line[0] != line[-1]:
        raise InvalidGeometry("A ring ends where it begins; this one does not.", parameter="geometry")
    yield line


def _position(sent: Any, kind: str) -> tuple[Any, Any]:
    if not isinstance(sent, list) or not 2 <= len(sent) <= 3:
        raise _misshapen(kind)
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in sent):
        raise _misshapen(kind)
    try:
        x, y = float(sent[0]), float(sent[1])
    except OverflowError:
        x = y = math.inf
    return x, y


def _misshapen(kind: str) -> InvalidGeometry:
    return InvalidGeometry(
        f"The coordinates are not those of a {kind}: positions are [x, y] of numbers, nested as GeoJSON nests them,"
        " and none of the lists is empty.",
        parameter="geometry",
    )


def _rebuilt(coordinates: Any, depth: int, converted: Iterator[tuple[float, float]]) -> Any:
    if depth == 0:
        return next(converted)
    return [_rebuilt(each, depth - 1, converted) for each in coordinates]


def _check(made: Any, kind: str) -> None:
    import shapely

    if _DIMENSIONS[kind] == 1 and made.length == 0:
        reason = "all of its positions are the same"
    elif not shapely.is_valid(made):
        # Says what and where: "Self-intersection[110.34 20.02]", in WGS-84.
        reason = shapely.is_valid_reason(made)
    else:
        return
    raise InvalidGeometry(f"The geometry is not a valid {kind}: {reason}.", parameter="geometry", reason=str(reason))


def _check_extent(area: float, bbox: BBox, extent: BBox) -> None:
    west, south, east, north = extent
    if bbox[0] > east or bbox[2] < west or bbox[1] > north or bbox[3] < south:
        raise OutsideCity("The geometry lies outside the city.", parameter="geometry", bbox=bbox, extent=extent)
    if area > (east - west) * (north - south):
        raise InvalidGeometry(
            "The geometry is larger than the city's box.", parameter="geometry", bbox=bbox, extent=extent
        )


def _shown(kind: Any) -> str:
    return f"a {kind[:40]}" if isinstance(kind, str) else "none"
