"""Geometries from bytes, text or two columns of numbers, with a finding for each that cannot be read."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import shapely
from shapely.errors import ShapelyError

from gisops.loads.batches import Finding, Rows, Shapes
from gisops.loads.findings import found

# ISO types of curves: CircularString, CompoundCurve, CurvePolygon, MultiCurve, MultiSurface (13, 14 are abstract).
_CURVES = {8, 9, 10, 11, 12}
# Given the position of a row of a batch, its geometry anew with curves turned into straight lines.
Linearise = Callable[[int], bytes | None]


def from_wkb(
    wkb: Sequence[bytes | None], rows: Rows, linearise: Linearise | None = None
) -> tuple[Shapes, list[Finding]]:
    """Read well-known binary. A ring that is not closed is closed, a curve turned into lines, the rest refused."""
    given = np.empty(len(wkb), dtype=object)
    given[:] = wkb
    findings: list[Finding] = []
    try:
        shapes = np.asarray(shapely.from_wkb(given, on_invalid="ignore"))
    except (NotImplementedError, ShapelyError, TypeError):
        # One curve spoils the call for all of them.
        given, findings = _without_curves(given, rows, linearise)
        shapes = np.asarray(shapely.from_wkb(given, on_invalid="ignore"))
    refused = {one.row for one in findings if one.kind == "refused"}
    for at in np.flatnonzero(shapely.is_missing(shapes)):
        if given[at] is None or int(rows[at]) in refused:
            continue
        mended = shapely.from_wkb(given[at], on_invalid="fix")
        if mended is None:
            findings.append(_unreadable(int(rows[at]), "not a geometry"))
        else:
            shapes[at] = mended
            findings.append(found(int(rows[at]), "closed_ring"))
    return shapes, findings


def _without_curves(given: Shapes, rows: Rows, linearise: Linearise | None) -> tuple[Shapes, list[Finding]]:
    findings = []
    for at, wkb in enumerate(given):
        if wkb is None:
            continue
        kind = _kind(wkb)
        try:
            shapely.from_wkb(wkb, on_invalid="ignore")
            continue
        except (NotImplementedError, ShapelyError, TypeError):
            given[at] = None
        straight = linearise(at) if linearise is not None and kind is not None else None
        if straight is not None and _kind(straight) not in _CURVES and _reads(straight):
            given[at] = straight
            findings.append(found(int(rows[at]), "linearised_curve"))
        else:
            findings.append(_unreadable(int(rows[at]), f"type {kind}" if kind else "not a geometry"))
    return given, findings


def _reads(wkb: bytes) -> bool:
    try:
        return shapely.from_wkb(wkb, on_invalid="ignore") is not None
    except (NotImplementedError, ShapelyError, TypeError):
        return False


def _kind(wkb: bytes) -> int | None:
    if len(wkb) < 5:
        return None
    number: int = struct.unpack("<I" if wkb[0] == 1 else ">I", wkb[1:5])[0]
    return (number & 0x0FFFFFFF) % 1000


def from_wkt(texts: Sequence[Any], rows: Rows) -> tuple[Shapes, list[Finding]]:
    """Read well-known text; an empty text is no geometry."""
    given = np.empty(len(texts), dtype=object)
    # EWKT names its system first; which one it is has been declared.
    given[:] = [_plain(text) for text in texts]
    findings = []
    with np.errstate(invalid="ignore"):  # NaN among the coordinates is found later, by row
        try:
            shapes = np.asarray(shapely.from_wkt(given, on_invalid="ignore"))
        except NotImplementedError:
            shapes = np.array([_one_wkt(text) for text in given], dtype=object)
    for at in np.flatnonzero(shapely.is_missing(shapes)):
        if given[at] is not None:
            findings.append(_unreadable(int(rows[at]), "not well-known text", given[at]))
    return shapes, findings


def _plain(text: Any) -> str | None:
    words = "" if text is None else str(text).strip()
    return (words.partition(";")[2] if words[:5].upper() == "SRID=" else words) or None


def _one_wkt(text: str | None) -> Any:
    try:
        return shapely.from_wkt(text, on_invalid="ignore")
    except NotImplementedError:
        return None


def from_pairs(x: Sequence[Any], y: Sequence[Any], names: tuple[str, str], rows: Rows) -> tuple[Shapes, list[Finding]]:
    """Make points of two columns. Both empty is no geometry; one empty or no number is refused."""
    shapes = np.full(len(rows), None, dtype=object)
    try:
        # The usual case at once: every value a number, or the text of one.
        values = np.array([x, y], dtype=np.float64)
        if None not in x and None not in y:
            shapes[:] = shapely.points(values.T)
            return shapes, []
    except (TypeError, ValueError):
        pass
    findings = []
    for at, pair in enumerate(zip(x, y, strict=True)):
        numbers, wrong = [], None
        for value, name in zip(pair, names, strict=True):
            try:
                numbers.append(float(value))
            except (TypeError, ValueError):
                wrong = wrong or name
        blank = [value is None or not str(value).strip() for value in pair]
        if wrong is None:
            shapes[at] = shapely.points(numbers)
        elif not all(blank):
            findings.append(found(int(rows[at]), "not_a_coordinate", ", ".join(map(str, pair)), column=wrong))
    return shapes, findings


def _unreadable(row: int, reason: str, was: object = "") -> Finding:
    return found(row, "unreadable_geometry", was, reason=reason)
