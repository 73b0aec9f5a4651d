"""From what a reader gives to a clean batch: WGS-84 degrees, two dimensions, one kind of geometry, valid, not empty.

What can be mended is, what cannot is refused row by row, and either is said; the rest of the batch goes its way.
Set-wise throughout: shapely and PROJ see whole arrays, single geometries only where something is wrong with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from gisops.coordinates import local_metres
from gisops.crs import Extent
from gisops.datum_shift import FloatArray
from gisops.errors import InvalidCoordinate, SwappedCoordinate
from gisops.loads.batches import Batch, Finding, Options, Rows, Shapes
from gisops.loads.findings import WANTED_ZH, found
from gisops.loads.systems import System

_POINT, _LINE, _RING, _POLYGON, _MULTIPOINT, _MULTILINE, _MULTIPOLYGON, _COLLECTION = range(8)
_DIMENSION = {"point": 0, "line": 1, "polygon": 2}
_Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Raw:
    """Rows as a reader gives them, in the file's own coordinates, with what it found and which rows it refused."""

    rows: Rows
    fields: dict[str, Sequence[Any]]
    shapes: Shapes | None
    findings: list[Finding] = field(default_factory=list)

    def refused(self) -> set[int]:
        """The row numbers refused so far."""
        return {one.row for one in self.findings if one.kind == "refused" and one.row is not None}


class _Work:
    """A batch under repair: which rows are still kept, and what was found."""

    def __init__(self, raw: Raw) -> None:
        self.rows = raw.rows
        self.findings = list(raw.findings)
        self.keep: _Mask = np.ones(len(raw.rows), bool)
        if refused := raw.refused():
            self.keep &= ~np.isin(raw.rows, list(refused))

    def refuse(self, mask: _Mask, code: str, **facts: Any) -> None:
        """Refuse the rows of a mask that are still kept."""
        for at in np.flatnonzero(mask & self.keep):
            self.say(int(at), code, **facts)
        self.keep &= ~mask

    def say(self, at: int, code: str, was: object = "", now: object = "", **facts: Any) -> None:
        """Add a finding for a position of the batch, and let the row go if it says so."""
        one = found(int(self.rows[at]), code, was, now, **facts)
        self.findings.append(one)
        if one.kind == "refused":
            self.keep[at] = False


def clean(raw: Raw, system: System | None, options: Options, tally: Counter[str]) -> Batch:
    """Clean one batch. ``tally`` counts over the whole file what is told once. Raises UndeclaredCrs."""
    work = _Work(raw)
    shapes = raw.shapes
    if shapes is not None and system is not None and options.expected != "none":
        shapes = _clean_shapes(shapes.copy(), work, system, options, tally)
    else:
        shapes = None
    if work.keep.all():
        return Batch(raw.rows, dict(raw.fields), shapes, work.findings)
    kept = np.flatnonzero(work.keep).tolist()
    fields: dict[str, Sequence[Any]] = {name: [values[at] for at in kept] for name, values in raw.fields.items()}
    return Batch(raw.rows[kept], fields, None if shapes is None else shapes[kept], work.findings)


def _clean_shapes(shapes: Shapes, work: _Work, system: System, options: Options, tally: Counter[str]) -> Shapes:
    missing = shapely.is_missing(shapes)
    if options.required:
        work.refuse(missing, "no_geometry")
    else:
        tally["without_geometry"] += int((missing & work.keep).sum())
    work.refuse(shapely.is_empty(shapes), "empty_geometry")
    _count_vertices(shapes, work, options)
    shapes[~work.keep] = None  # what is refused is not worked on
    for dimension, has in (("heights", shapely.has_z), ("measures", shapely.has_m)):
        tally[f"{dimension}_dropped"] += int(has(shapes).sum())
    _to_degrees(shapes, work, system)
    if options.extent is not None:
        _find_swapped(shapes, work, Extent(*options.extent))
    shapes[~work.keep] = None
    if not bool(np.all(shapely.get_type_id(shapes) <= _POINT)):  # -1 is none: points need no more than this
        _fit(shapes, work, options)
        shapes[~work.keep] = None
        _repair(shapes, work, options)
        shapes[~work.keep] = None
        _tidy(shapes, tally)
        _promote(shapes, options)
    elif options.expected in ("line", "polygon"):
        _fit(shapes, work, options)
    return np.asarray(shapely.set_srid(shapes, 4326))


def _count_vertices(shapes: Shapes, work: _Work, options: Options) -> None:
    counts = shapely.get_num_coordinates(shapes)
    for at in np.flatnonzero((counts > options.large_vertices) & work.keep):
        count = int(counts[at])
        if count > options.max_vertices:
            work.say(int(at), "too_many_vertices", count, f"<= {options.max_vertices}",
                     vertices=count, limit=options.max_vertices)  # fmt: skip
        else:
            work.say(int(at), "large_geometry", count, vertices=count)


# Coordinates ----------------------------------------------------------------------------------------------------------


def _to_degrees(shapes: Shapes, work: _Work, system: System) -> None:
    """Convert in place, to two dimensions; rows with a coordinate that cannot be right are refused."""
    coordinates, owner = shapely.get_coordinates(shapes, return_index=True)
    infinite = ~np.isfinite(coordinates).all(axis=1)
    if infinite.any():
        bad = np.zeros(len(shapes), bool)
        bad[owner[infinite]] = True
        work.refuse(bad, "not_finite")
        shapes[bad] = None
        coordinates, owner = shapely.get_coordinates(shapes, return_index=True)
    if not len(coordinates):
        return
    try:
        lonlat = np.column_stack(system.to_degrees(coordinates[:, 0], coordinates[:, 1]))
    except InvalidCoordinate:
        lonlat = _row_by_row(shapes, coordinates, owner, work, system)
    if len(lonlat) == len(shapes) and bool(np.all(shapely.get_type_id(shapes) == _POINT)):
        shapes[:] = shapely.points(lonlat)  # anew is quicker than changed
        return
    flat = shapely.has_z(shapes) | shapely.has_m(shapes)
    shapes[flat] = shapely.force_2d(shapes[flat])
    shapes[:] = shapely.set_coordinates(shapes, lonlat)


def _row_by_row(
    shapes: Shapes, coordinates: FloatArray, owner: npt.NDArray[np.intp], work: _Work, system: System
) -> FloatArray:
    """The slow way, for a batch with something wrong in it: row by row; refused rows become None in ``shapes``."""
    pieces = []
    ends = np.append(np.flatnonzero(np.diff(owner)) + 1, len(owner))
    start = 0
    for end in ends:
        at, part = int(owner[start]), coordinates[start:end]
        try:
            pieces.append(np.column_stack(system.to_degrees(part[:, 0], part[:, 1])))
        except InvalidCoordinate as error:
            shapes[at] = None
            x, y = part[int(error.facts.get("index") or 0)]
            if isinstance(error, SwappedCoordinate):
                right = ", ".join(f"{value:.12g}" for value in error.facts["suggestion"].values())
                work.say(at, "swapped_coordinate", f"{x:.12g}, {y:.12g}", right)
            else:
                work.say(at, "invalid_coordinate", f"{x:.12g}, {y:.12g}", reason=error.message)
        start = int(end)
    return np.concatenate(pieces) if pieces else np.empty((0, 2))


def _find_swapped(shapes: Shapes, work: _Work, extent: Extent) -> None:
    """Refuse what lies outside the city's box and would lie inside the other way round."""
    west, south, east, north = shapely.bounds(shapes).T
    lon, lat = (west + east) / 2, (south + north) / 2
    with np.errstate(invalid="ignore"):
        inside = (lon >= extent.west) & (lon <= extent.east) & (lat >= extent.south) & (lat <= extent.north)
        turned = (lat >= extent.west) & (lat <= extent.east) & (lon >= extent.south) & (lon <= extent.north)
    for at in np.flatnonzero(~inside & turned & work.keep):
        work.say(int(at), "swapped_coordinate", f"{lon[at]:.12g}, {lat[at]:.12g}", f"{lat[at]:.12g}, {lon[at]:.12g}")


# Kinds and validity ---------------------------------------------------------------------------------------------------


def _fit(shapes: Shapes, work: _Work, options: Options) -> None:
    """Refuse geometries of another kind than is wanted; take the wanted parts out of collections."""
    wanted = options.expected
    if wanted not in _DIMENSION:
        return
    types, dimensions = shapely.get_type_id(shapes), shapely.get_dimensions(shapes)
    for at in np.flatnonzero((types == _COLLECTION) & work.keep):
        parts = _of_dimension(shapes[at], _DIMENSION[wanted])
        if parts is None:
            work.say(int(at), "wrong_geometry_type", "GeometryCollection", given="GeometryCollection", wanted=wanted,
                     wanted_zh=WANTED_ZH[wanted])  # fmt: skip
            continue
        was, shapes[at] = _summary(shapes[at]), parts
        types[at], dimensions[at] = shapely.get_type_id(parts), _DIMENSION[wanted]
        work.say(int(at), "extracted_geometry", was, _summary(parts), wanted=wanted, wanted_zh=WANTED_ZH[wanted])
    for at in np.flatnonzero((dimensions != _DIMENSION[wanted]) & work.keep):
        given = shapes[at].geom_type
        work.say(int(at), "wrong_geometry_type", given, given=given, wanted=wanted, wanted_zh=WANTED_ZH[wanted])
    if wanted == "point":
        for at in np.flatnonzero((types == _MULTIPOINT) & work.keep):
            points = np.unique(shapely.get_coordinates(shapes[at]), axis=0)
            if len(points) == 1:
                shapes[at] = shapely.points(points[0])
                work.say(int(at), "single_point")
            else:
                work.say(int(at), "several_points", len(points), 1, count=len(points))


def _of_dimension(shape: Any, dimension: int) -> Any:
    """The parts of a collection, however nested, that have a dimension: one multi-geometry, or None."""
    parts = np.array([shape], dtype=object)
    while bool((shapely.get_type_id(parts) >= _MULTIPOINT).any()):
        parts = shapely.get_parts(parts)
    parts = parts[(shapely.get_dimensions(parts) == dimension) & ~shapely.is_empty(parts)]
    if not len(parts):
        return None
    return (shapely.multipoints, shapely.multilinestrings, shapely.multipolygons)[dimension](parts)


def _repair(shapes: Shapes, work: _Work, options: Options) -> None:
    """Make invalid geometries valid, keeping their dimension; what has no area or length left is refused."""
    invalid = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes) & work.keep
    for at in np.flatnonzero(invalid):
        was = shapes[at]
        reason, dimension = str(shapely.is_valid_reason(was)), int(shapely.get_dimensions(was))
        made = shapely.make_valid(was, method="structure", keep_collapsed=False)
        kept = None if made.is_empty else _of_dimension(made, dimension)
        if kept is None:
            work.say(int(at), "collapsed_geometry", _summary(was), reason=reason)
            continue
        shapes[at] = kept
        work.say(int(at), "repaired_geometry", _summary(was), _summary(kept), reason=reason)


def _summary(shape: Any) -> str:
    """A geometry in a few words: kind, vertices, and its area or length in metres."""
    words = f"{shape.geom_type}, {shapely.get_num_coordinates(shape)} vertices"
    if shapely.get_dimensions(shape) == 0 or shape.is_empty:
        return words
    per_lon, per_lat = local_metres(float(np.clip(shapely.bounds(shape)[[1, 3]].mean(), -89, 89)))
    plane = shapely.transform(shape, lambda lonlat: lonlat * (per_lon, per_lat))
    return f"{words}, {plane.area:.1f} m²" if shapely.get_dimensions(shape) == 2 else f"{words}, {plane.length:.1f} m"


def _tidy(shapes: Shapes, tally: Counter[str]) -> None:
    """Drop repeated vertices and turn rings the right way; neither changes what is covered."""
    several = (shapely.get_dimensions(shapes) > 0) & (shapely.get_type_id(shapes) != _COLLECTION)
    if not several.any():
        return
    before = shapely.get_num_coordinates(shapes[several])
    tidied = shapely.remove_repeated_points(shapes[several])
    # Removing points can only touch validity where a ring would collapse, and such a ring was not valid.
    fewer = before - shapely.get_num_coordinates(tidied)
    tally["repeated_points"] += int(fewer.sum())
    tally["rows_with_repeated_points"] += int((fewer > 0).sum())
    shapes[several] = shapely.orient_polygons(tidied)


def _promote(shapes: Shapes, options: Options) -> None:
    """Lines become multi-lines, polygons multi-polygons: a column has one type."""
    types = shapely.get_type_id(shapes)
    if options.expected == "polygon":
        one = np.flatnonzero(types == _POLYGON)
        shapes[one] = shapely.multipolygons(shapes[one], indices=np.arange(len(one)))
    elif options.expected == "line":
        one = np.flatnonzero((types == _LINE) | (types == _RING))
        shapes[one] = shapely.multilinestrings(shapes[one], indices=np.arange(len(one)))
