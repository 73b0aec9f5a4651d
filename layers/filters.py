"""What a viewer asks of a layer's features beyond a box and a time: CQL2 as conditions in SQL, every value bound.

A property is one of the viewer's own fields or the geometry (``geom``); any other is unknown, in the same words whether
it is hidden or was never there. Conditions are put to what the viewer is shown: behind a layer's window, where masked
values are masked and what is hidden is null, so that nobody finds anything by a value he is not shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from pygeofilter import ast
from sqlalchemy import ColumnElement, Double, bindparam, column, func, literal_column, or_
from sqlalchemy.dialects.postgresql import psycopg as psycopg_dialect

from gisops.errors import InvalidInput
from layers import cql2
from layers.catalog import Layer
from layers.conditions import NUMBERS, WORDS, BBox, condition_of
from layers.cql2 import Language
from layers.reference_systems import CRS84, ReferenceSystem, box_in_degrees
from layers.viewer import Viewer

_DIALECT = psycopg_dialect.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on a layer's columns: two are equal if their SQL is, whatever their values are.

    ``box`` (degrees) is one outside of which nothing can pass, or None.
    """

    text: str
    condition: ColumnElement[bool] = field(compare=False, repr=False)
    values: Mapping[str, Any] = field(compare=False, repr=False)
    box: BBox | None = field(compare=False, default=None)


@lru_cache(maxsize=256)
def parse(text: str, language: Language, layer: Layer, viewer: Viewer, system: ReferenceSystem = CRS84) -> Filter:
    """Read a filter as one viewer may ask it of a layer; its geometries are in ``system``.

    Raises ``InvalidInput`` that names what is wrong: the text, a property, a type, a geometry. ``NotSignedIn`` or
    ``NotAllowed`` where the layer is not open to the viewer.
    """
    return _filter(cql2.parse(text, language), layer, viewer, system, "f")


def equal(pairs: Iterable[tuple[str, str]], layer: Layer, viewer: Viewer) -> Filter:
    """Read properties with the values they must have, as an address tells them (``?category=E04-05``).

    Raises ``InvalidInput`` for a property that is not among the viewer's or a value that is not of its type.
    """
    types = {each.name: each.type for each in viewer.fields_of(layer)}
    nodes = [ast.Equal(ast.Attribute(name), _read(name, value, types.get(name, "text"))) for name, value in pairs]
    tree = nodes[0]
    for node in nodes[1:]:
        tree = ast.And(tree, node)
    return _filter(tree, layer, viewer, CRS84, "q")


def inside(boxes: Iterable[BBox], system: ReferenceSystem) -> Filter:
    """Return the condition that a feature touches one of some boxes (least and greatest east and north) of a system."""
    conditions: list[ColumnElement[bool]] = []
    named: dict[str, float] = {}
    around: list[BBox | None] = []
    geom: ColumnElement[Any] = column("geom")
    if system.srid == 3857:
        shown: ColumnElement[Any] = column("geom_3857")
    else:
        shown = geom if system.srid == 4326 else func.ST_Transform(geom, literal_column(str(system.srid)))
    for n, box in enumerate(boxes):
        named |= {f"b{n}{side}": value for side, value in zip("wsen", box, strict=True)}
        drawn = func.ST_MakeEnvelope(
            *(bindparam(f"b{n}{side}", type_=Double) for side in "wsen"), literal_column(str(system.srid))
        )
        conditions.append(func.ST_Intersects(shown, drawn))
        around.append(box_in_degrees(box, system))
    known = [box for box in around if box is not None]
    return _made(or_(*conditions), named, _around(known) if len(known) == len(around) else None)


def _read(name: str, value: str, kind: str) -> Any:
    try:
        if kind in NUMBERS:
            number = float(value)
            if not math.isfinite(number):
                raise ValueError
            return int(value) if value.lstrip("+-").isdecimal() and len(value) <= 18 else number
        if kind == "boolean":
            return {"true": True, "false": False}[value.lower()]
        if kind == "timestamp":
            return cql2.parse(f"TIMESTAMP('{value.replace(chr(39), '')}')", "cql2-text")
    except (ValueError, KeyError, InvalidInput):
        raise InvalidInput(f"{name} must be {WORDS[kind]}.", parameter=name, type=kind) from None
    return value


def _filter(tree: Any, layer: Layer, viewer: Viewer, system: ReferenceSystem, prefix: str) -> Filter:
    condition, named, boxes = condition_of(tree, layer, viewer, system, prefix)
    return _made(condition, named, min(boxes, key=_area, default=None))


def _made(condition: ColumnElement[bool], named: Mapping[str, Any], box: BBox | None) -> Filter:
    text = str(condition.compile(dialect=_DIALECT))
    return Filter(text, condition, MappingProxyType(dict(named)), box)


def _area(box: BBox) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _around(boxes: list[BBox]) -> BBox:
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)
