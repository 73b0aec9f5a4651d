"""A tree of CQL2 as a condition in SQL: each node from those below it, every value bound, what does not fit refused.

See `layers.filters`, which is what the others call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import shapely
import shapely.geometry
from pygeofilter import ast, values
from pygeofilter.backends.evaluator import Evaluator, handle
from shapely.errors import ShapelyError
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    Function,
    LargeBinary,
    String,
    Text,
    and_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    not_,
    or_,
)
from sqlalchemy import DateTime as Timestamp
from sqlalchemy.types import UserDefinedType

from layers import cql2
from layers.catalog import Layer
from layers.cql2 import wrong
from layers.reference_systems import ReferenceSystem, to_stored
from layers.viewer import Viewer

BBox = tuple[float, float, float, float]
# The names by which the geometry goes: ours, and the one of GeoJSON.
GEOMETRY = ("geom", "geometry")
WORDS: Mapping[str, str] = MappingProxyType({
    "text": "a text", "number": "a number", "integer": "a whole number", "boolean": "true or false",
    "timestamp": "a moment", "interval": "an interval", "geometry": "a geometry", "condition": "a condition",
})  # fmt: skip
NUMBERS = frozenset({"integer", "number"})
# Each % may be tried at every place of a text, so many of them are work without end.
_MOST_WILDCARDS = 12
# A centimetre: around what is looked for in an index that rounds outwards anyway.
_SLACK = 1e-7
F = TypeVar("F", bound=Callable[..., Any])


def _of(*kinds: type, subclasses: bool = False) -> Callable[[F], F]:
    """Marks what handles some kinds of nodes."""
    marked: Callable[[F], F] = handle(*kinds, subclasses=subclasses)
    return marked


def condition_of(
    tree: Any, layer: Layer, viewer: Viewer, system: ReferenceSystem, prefix: str
) -> tuple[ColumnElement[bool], dict[str, Any], list[BBox]]:
    """Return a tree as a condition on a layer's columns as one viewer has them, its parameters (named ``prefix`` and a
    number) and the boxes (degrees) each of which a feature must touch to pass. Raises ``InvalidInput``.
    """
    walk = _Conditions(layer, viewer, system, prefix)
    condition = walk.condition(walk.evaluate(tree))
    return condition, walk.values, walk.boxes_of(tree)


class AsItsColumn(UserDefinedType[Any]):
    """A value without a type of its own, which PostgreSQL takes for one of what it is compared with: 3.3 equals the
    3.3 of a column of four bytes a number, as no number of eight bytes does.
    """

    cache_ok = True


@dataclass(frozen=True, slots=True)
class _Term:
    """Part of a filter: what kind of thing it is, and the SQL of it; ``value`` where it stands in the filter itself."""

    kind: str
    sql: Any
    value: Any = None
    literal: bool = False


class _Conditions(Evaluator):  # type: ignore[misc]
    """Walks a tree, from its leaves up."""

    def __init__(self, layer: Layer, viewer: Viewer, system: ReferenceSystem, prefix: str) -> None:
        self._fields = {each.name: each for each in viewer.fields_of(layer)}
        self._system, self._prefix = system, prefix
        self.values: dict[str, Any] = {}
        self._shapes: dict[int, BBox] = {}

    def condition(self, term: _Term) -> ColumnElement[bool]:
        if term.kind == "condition" or (term.kind == "boolean" and not term.literal):
            found: ColumnElement[bool] = term.sql
            return found
        if term.kind == "boolean":
            return literal_column("true" if term.value else "false", Boolean)
        raise wrong(f"a condition is needed, not {WORDS[term.kind]}.")

    def boxes_of(self, tree: Any) -> list[BBox]:
        """The boxes around what the geometry must touch, of everything that must hold."""
        if isinstance(tree, ast.And):
            return self.boxes_of(tree.lhs) + self.boxes_of(tree.rhs)
        if isinstance(tree, ast.SpatialComparisonPredicate) and not isinstance(tree, ast.GeometryDisjoint):
            sides = (tree.lhs, tree.rhs)
            if any(isinstance(side, ast.Attribute) for side in sides):
                return [self._shapes[id(side)] for side in sides if id(side) in self._shapes]
        return []

    # ---- values ----

    def _bound(self, value: Any, kind: Any) -> ColumnElement[Any]:
        name = f"{self._prefix}{len(self.values)}"
        self.values[name] = value
        return bindparam(name, type_=kind)

    @_of(ast.Attribute)
    def attribute(self, node: ast.Attribute) -> _Term:
        found = self._fields.get(node.name)
        if found is None:
            if node.name in GEOMETRY:
                return _Term("geometry", column("geom"))
            raise wrong(
                f"there is no property {node.name[:64]!r}.", property=node.name[:64], properties=[*self._fields, "geom"]
            )
        named: ColumnElement[Any] = column(found.name)
        # What is told as text may be kept as something else (a uuid); of a text this changes nothing.
        return _Term(found.type, cast(named, Text) if found.type == "text" else named)

    @_of(str)
    def text(self, node: str) -> _Term:
        try:
            node.encode()
        except UnicodeEncodeError:
            raise wrong("must not contain half a surrogate pair.") from None
        return _Term("text", None, node, literal=True)

    @_of(int, float)
    def number(self, node: float) -> _Term:
        if not math.isfinite(node):
            raise wrong("a number must be finite.")
        return _Term("number", None, node, literal=True)

    @_of(bool)
    def boolean(self, node: bool) -> _Term:
        return _Term("boolean", None, node, literal=True)

    @_of(datetime)
    def moment(self, node: datetime) -> _Term:
        return _Term("timestamp", None, node, literal=True)

    @_of(type(None))
    def open_end(self, node: None) -> _Term:
        return _Term("timestamp", None, None, literal=True)

    @_of(values.Interval)
    def interval(self, node: values.Interval, start: _Term, end: _Term) -> _Term:
        for each in (start, end):
            if each.kind != "timestamp":
                raise wrong(f"an interval is of moments, not of {WORDS[each.kind]}.")
        if start.literal and end.literal and start.value and end.value and start.value > end.value:
            raise wrong("an interval must have its start before its end.")
        return _Term("interval", (self._end(start, "-infinity"), self._end(end, "infinity")))

    @_of(values.Geometry)
    def geometry(self, node: values.Geometry) -> _Term:
        return self._shape(node, _drawn(node.geometry))

    @_of(values.Envelope)
    def box(self, node: values.Envelope) -> _Term:
        first, second = (node.x1, node.x2), (node.y1, node.y2)
        (west, east), (south, north) = (second, first) if self._system.north_first else (first, second)
        if south > north or (west > east and not self._system.geographic):
            raise wrong("BBOX is the lower corner, then the upper one, in the order of the system's axes.")
        pieces = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        drawn = [shapely.box(w, south, e, north) for w, e in pieces]
        if self._system.north_first:
            drawn = [shapely.transform(each, lambda pairs: pairs[:, ::-1]) for each in drawn]
        flat = west == east or south == north
        return self._shape(node, drawn[0] if len(drawn) == 1 else shapely.multipolygons(drawn), checked=flat)

    def _shape(self, node: Any, drawn: shapely.Geometry, checked: bool = False) -> _Term:
        if not checked and not shapely.is_valid(drawn):
            raise wrong(f"a geometry is not valid: {shapely.is_valid_reason(drawn)}.")
        # A straight line of another system is bent in degrees: it is followed piece by piece.
        if not self._system.geographic and shapely.length(drawn) > 0:
            drawn = shapely.segmentize(drawn, max(shapely.length(drawn) / 256, 1.0))
        try:
            placed = to_stored(drawn, self._system)
        except ShapelyError as error:
            raise wrong(f"a geometry cannot be converted: {error}.") from None
        bounds = shapely.bounds(placed)
        west, south, east, north = (float(each) for each in bounds)
        if not all(map(math.isfinite, (west, south, east, north))) or not (
            -180 <= west <= east <= 180 and -90 <= south <= north <= 90
        ):
            raise wrong("a geometry lies outside what filter-crs can tell.", crs=self._system.uri)
        west, south, east, north = west - _SLACK, south - _SLACK, east + _SLACK, north + _SLACK
        self._shapes[id(node)] = (max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0))
        # By its plain name, as below: what GeoAlchemy makes of such functions wants columns of its own.
        wkb = self._bound(shapely.to_wkb(placed), LargeBinary)
        return _Term("geometry", Function("ST_GeomFromWKB", wkb, literal_column("4326")))

    @_of(ast.Function)
    def function(self, node: ast.Function, *given: _Term) -> _Term:
        (term,) = given
        if term.kind != "text":
            raise wrong(f"{node.name} takes a text, not {WORDS[term.kind]}.")
        return _Term("text", func.lower(self._sql(term)))

    # ---- comparisons ----

    def _sql(self, term: _Term, other: _Term | None = None) -> Any:
        """The SQL of a value; of a number in the filter, of the type of what it is compared with."""
        if not term.literal:
            return term.sql
        if term.kind == "text":
            return self._bound(term.value, String)
        if term.kind == "boolean":
            return self._bound(term.value, Boolean)
        if term.kind == "timestamp":
            return self._bound(term.value, Timestamp(timezone=True))
        number = int(term.value) if float(term.value).is_integer() and abs(term.value) < 2**63 else term.value
        if other is None or other.literal:
            return self._bound(float(number), Double)
        if other.kind == "integer":
            small = isinstance(number, int) and abs(number) < 2**31
            if small:
                return self._bound(str(number), AsItsColumn())
            return self._bound(number, BigInteger if isinstance(number, int) else Double)
        # What fits into four bytes, and no more, may be meant as a number of four bytes.
        if number == 0 or 1e-37 < abs(number) < 1e37:
            return self._bound(repr(number), AsItsColumn())
        return self._bound(float(number), Double)

    def _fitting(self, left: _Term, right: _Term, orders: bool) -> None:
        same = left.kind == right.kind or {left.kind, right.kind} <= NUMBERS
        if not same or left.kind in ("geometry", "interval", "condition") or (orders and left.kind == "boolean"):
            raise wrong(f"{WORDS[left.kind]} cannot be compared with {WORDS[right.kind]} like this.")

    @_of(ast.Comparison, subclasses=True)
    def comparison(self, node: ast.Comparison, left: _Term, right: _Term) -> _Term:
        op = node.op.value
        self._fitting(left, right, op not in ("=", "<>"))
        return _Term("condition", self._sql(left, right).op(op, is_comparison=True)(self._sql(right, left)))

    @_of(ast.Between)
    def between(self, node: ast.Between, value: _Term, low: _Term, high: _Term) -> _Term:
        self._fitting(value, low, True)
        self._fitting(value, high, True)
        found = and_(self._sql(value, low) >= self._sql(low, value), self._sql(value, high) <= self._sql(high, value))
        return _Term("condition", not_(found) if node.not_ else found)

    @_of(ast.Like)
    def like(self, node: ast.Like, value: _Term) -> _Term:
        if value.kind != "text":
            raise wrong(f"LIKE looks into a text, not into {WORDS[value.kind]}.")
        pattern = str(node.pattern)
        if pattern.count("%") > _MOST_WILDCARDS:
            raise wrong(f"a pattern has at most {_MOST_WILDCARDS} wildcards %.", most=_MOST_WILDCARDS)
        if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
            raise wrong("a pattern must not end with a single \\, which takes away the meaning of what follows.")
        shape: Any = self._sql(self.text(pattern))
        found = self._sql(value).op("LIKE", is_comparison=True)(func.lower(shape) if node.nocase else shape)
        return _Term("condition", not_(found) if node.not_ else found)

    @_of(ast.In)
    def among(self, node: ast.In, value: _Term, *options: _Term) -> _Term:
        for option in options:
            self._fitting(value, option, False)
        if value.kind == "text" and all(option.literal for option in options):
            # One statement for lists of any length.
            wanted = self._bound([option.value for option in options], AsItsColumn())
            found: Any = self._sql(value).op("=", is_comparison=True)(
                func.any(wanted.op("::")(literal_column("text[]")))
            )
        else:
            found = or_(*(self._sql(value, option) == self._sql(option, value) for option in options))
        return _Term("condition", not_(found) if node.not_ else found)

    @_of(ast.IsNull)
    def null(self, node: ast.IsNull, value: _Term) -> _Term:
        if value.literal or value.kind in ("condition", "interval"):
            raise wrong("IS NULL is asked of a property.")
        return _Term("condition", value.sql.is_not(None) if node.not_ else value.sql.is_(None))

    # ---- conditions ----

    @_of(ast.And)
    def all_of(self, node: ast.And, left: _Term, right: _Term) -> _Term:
        return _Term("condition", and_(self.condition(left), self.condition(right)))

    @_of(ast.Or)
    def any_of(self, node: ast.Or, left: _Term, right: _Term) -> _Term:
        return _Term("condition", or_(self.condition(left), self.condition(right)))

    @_of(ast.Not)
    def none_of(self, node: ast.Not, part: _Term) -> _Term:
        return _Term("condition", not_(self.condition(part)))

    # ---- space and time ----

    @_of(*cql2.SPATIAL.values())
    def spatial(self, node: ast.SpatialComparisonPredicate, left: _Term, right: _Term) -> _Term:
        for each in (left, right):
            if each.kind != "geometry":
                raise wrong(f"S_{node.op.name} takes geometries, not {WORDS[each.kind]}.")
        return _Term("condition", Function(f"ST_{node.op.name.capitalize()}", left.sql, right.sql, type_=Boolean))

    def _end(self, term: _Term, otherwise: str) -> Any:
        if term.literal and term.value is None:
            return literal_column(f"'{otherwise}'::timestamptz", Timestamp(timezone=True))
        return self._sql(term)

    def _span(self, term: _Term, name: str) -> tuple[Any, Any]:
        if term.kind == "interval":
            start, end = term.sql
            return start, end
        if term.kind != "timestamp":
            raise wrong(f"{name} takes moments and intervals, not {WORDS[term.kind]}.")
        moment = self._sql(term)
        return moment, moment

    @_of(*cql2.TEMPORAL.values())
    def temporal(self, node: ast.TemporalPredicate, left: _Term, right: _Term) -> _Term:
        name = _TEMPORAL_NAMES[type(node)]
        (a, b), (c, d) = self._span(left, name), self._span(right, name)
        return _Term("condition", _WHEN[name](a, b, c, d))


_TEMPORAL_NAMES = {kind: name for name, kind in cql2.TEMPORAL.items()}
# Of the spans a to b and c to d; a moment is a span that ends as it starts.
_WHEN: Mapping[str, Any] = MappingProxyType({
    "t_after": lambda a, b, c, d: a > d,
    "t_before": lambda a, b, c, d: b < c,
    "t_disjoint": lambda a, b, c, d: or_(b < c, a > d),
    "t_equals": lambda a, b, c, d: and_(a == c, b == d),
    "t_contains": lambda a, b, c, d: and_(a < c, b > d),
    "t_during": lambda a, b, c, d: and_(a > c, b < d),
    "t_starts": lambda a, b, c, d: and_(a == c, b < d),
    "t_startedby": lambda a, b, c, d: and_(a == c, b > d),
    "t_finishes": lambda a, b, c, d: and_(a > c, b == d),
    "t_finishedby": lambda a, b, c, d: and_(a < c, b == d),
    "t_meets": lambda a, b, c, d: b == c,
    "t_metby": lambda a, b, c, d: a == d,
    "t_overlaps": lambda a, b, c, d: and_(a < c, b > c, b < d),
    "t_overlappedby": lambda a, b, c, d: and_(a > c, a < d, b > d),
})  # fmt: skip


def _drawn(told: Any) -> shapely.Geometry:
    try:
        drawn = shapely.force_2d(shapely.geometry.shape(told))
    except (ShapelyError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise wrong(f"a geometry cannot be read: {str(error)[:120]}") from None
    if shapely.is_empty(drawn) or not np.isfinite(shapely.get_coordinates(drawn)).all():
        raise wrong("a geometry is empty, or not finite.")
    return drawn
