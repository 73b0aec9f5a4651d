"""Reading CQL2 (OGC 21-065), as text or as JSON, into pygeofilter's tree.

pygeofilter's own readers of CQL2 are those of a draft (docs/decisions/0027): AND binds no closer than OR, a quote in a
text ends it, temporal functions stand between their arguments, ``between`` has other arguments, any word is a date. So
the text has a grammar of its own beside this file (``cql2.lark``), the JSON a walk of a few lines, and both make the
same nodes by the same names. What comes out is small: it is bounded in length, depth, parts and vertices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

import orjson
from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError
from pygeofilter import ast, values

from gisops.errors import InvalidInput

Language = Literal["cql2-text", "cql2-json"]
LANGUAGES: tuple[Language, ...] = ("cql2-text", "cql2-json")
MAX_LENGTH, MAX_DEPTH, MAX_PARTS, MAX_VERTICES = 20_000, 32, 500, 5_000
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6}\d*)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)

COMPARISONS: Mapping[str, type[ast.Comparison]] = MappingProxyType({
    "=": ast.Equal, "<>": ast.NotEqual, "<": ast.LessThan, "<=": ast.LessEqual, ">": ast.GreaterThan,
    ">=": ast.GreaterEqual,
})  # fmt: skip
SPATIAL: Mapping[str, type[ast.SpatialComparisonPredicate]] = MappingProxyType({
    "s_intersects": ast.GeometryIntersects, "s_disjoint": ast.GeometryDisjoint, "s_contains": ast.GeometryContains,
    "s_within": ast.GeometryWithin, "s_touches": ast.GeometryTouches, "s_crosses": ast.GeometryCrosses,
    "s_overlaps": ast.GeometryOverlaps, "s_equals": ast.GeometryEquals,
})  # fmt: skip
# There is no node for T_INTERSECTS: it is what T_DISJOINT is not.
TEMPORAL: Mapping[str, type[ast.TemporalPredicate]] = MappingProxyType({
    "t_after": ast.TimeAfter, "t_before": ast.TimeBefore, "t_disjoint": ast.TimeDisjoint, "t_equals": ast.TimeEquals,
    "t_contains": ast.TimeContains, "t_during": ast.TimeDuring, "t_starts": ast.TimeBegins,
    "t_startedby": ast.TimeBegunBy, "t_finishes": ast.TimeEnds, "t_finishedby": ast.TimeEndedBy,
    "t_meets": ast.TimeMeets, "t_metby": ast.TimeMetBy, "t_overlaps": ast.TimeOverlaps,
    "t_overlappedby": ast.TimeOverlappedBy,
})  # fmt: skip
FUNCTIONS = (*SPATIAL, *TEMPORAL, "t_intersects", "casei", "date", "timestamp", "interval", "bbox")


def wrong(says: str, **facts: Any) -> InvalidInput:
    """A filter that cannot be right, and what would be."""
    return InvalidInput(f"filter: {says}", parameter="filter", **facts)


def parse(text: str, language: Language) -> Any:
    """Read a filter. Raises ``InvalidInput`` that says where the text goes wrong and what may stand there."""
    if len(text) > MAX_LENGTH:
        raise wrong(f"at most {MAX_LENGTH} characters, not {len(text)}.", longest=MAX_LENGTH)
    if "\x00" in text:
        raise wrong("must not contain the character U+0000.")
    tree = _of_text(text) if language == "cql2-text" else _of_json(text)
    _check_size(tree)
    return tree


# ---- nodes by their names ------------------------------------------------------------------------------------------


def _combined(kind: Callable[[Any, Any], Any], parts: Sequence[Any]) -> Any:
    """A chain as a tree that is as shallow as it can be."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return kind(_combined(kind, parts[:middle]), _combined(kind, parts[middle:]))


def _called(name: str, given: Sequence[Any]) -> Any:
    """The node that a function stands for."""
    op = name.lower()
    if op in ("bbox", "interval"):
        return _box(given) if op == "bbox" else _interval(given)
    wanted = 1 if op in ("casei", "date", "timestamp") else 2
    if op not in FUNCTIONS:
        raise wrong(f"there is no function {name!r} here.", function=name, functions=list(FUNCTIONS))
    if len(given) != wanted:
        raise wrong(f"{op} takes {wanted} argument{'s'[: wanted - 1]}, not {len(given)}.", function=name)
    if op in SPATIAL:
        return SPATIAL[op](*given)
    if op in TEMPORAL:
        return TEMPORAL[op](*given)
    if op == "t_intersects":
        return ast.Not(ast.TimeDisjoint(*given))
    if op == "casei":
        return ast.Function("casei", list(given))
    return _moment(given[0], _DATE if op == "date" else _MOMENT)


def _moment(text: Any, *shapes: re.Pattern[str]) -> datetime:
    """A moment. A date is its midnight in UTC, as it is for the parameter ``datetime``."""
    if isinstance(text, str) and any(shape.fullmatch(text) for shape in shapes):
        # Finer than a microsecond nothing is kept.
        cut = re.sub(r"(\.\d{6})\d+", r"\1", text.upper())
        try:
            found = datetime.fromisoformat(cut)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise wrong(
        f"{text!r} is no moment; a DATE is like 2026-03-01, a TIMESTAMP like 2026-03-01T08:00:00Z.",
        given=str(text)[:64],
    )


def _interval(given: Sequence[Any]) -> values.Interval:
    if len(given) != 2:
        raise wrong(f"an interval has a start and an end, not {len(given)} of them.")
    ends = [
        each
        if isinstance(each, ast.Attribute | datetime)
        else (None if each == ".." else _moment(each, _DATE, _MOMENT))
        for each in given
    ]
    return values.Interval(*ends)


def _box(given: Sequence[Any]) -> values.Envelope:
    if any(isinstance(each, bool) or not isinstance(each, int | float) for each in given) or len(given) not in (4, 6):
        raise wrong("BBOX takes four numbers (or six, with heights): the lower corner, then the upper one.")
    first, second = given[:2]
    third, fourth = given[len(given) // 2 :][:2]
    return values.Envelope(x1=first, y1=second, x2=third, y2=fourth)


def _compared(op: str, left: Any, right: Any) -> Any:
    return COMPARISONS[op](left, right)


def _like(value: Any, pattern: Any, negated: bool) -> Any:
    nocase = isinstance(pattern, ast.Function) and pattern.name == "casei"
    shape = pattern.arguments[0] if nocase else pattern
    if not isinstance(shape, str):
        raise wrong("LIKE takes a pattern in quotes: % is any text, _ any one character, \\ takes their meaning away.")
    return ast.Like(value, shape, nocase, "%", "_", "\\", negated)


def _check_size(tree: Any) -> None:
    """Not by recursion: how deep it is, is what is asked."""
    waiting, parts, vertices = [(tree, 1)], 0, 0
    while waiting:
        node, depth = waiting.pop()
        parts += 1
        if isinstance(node, values.Geometry):
            vertices += _vertices(node.geometry)
        if parts > MAX_PARTS or depth > MAX_DEPTH or vertices > MAX_VERTICES:
            raise wrong(
                f"at most {MAX_PARTS} parts, {MAX_DEPTH} of them within each other, with {MAX_VERTICES} vertices.",
                parts=MAX_PARTS,
                depth=MAX_DEPTH,
                vertices=MAX_VERTICES,
            )
        if isinstance(node, ast.Node | values.Interval):
            below = node.get_sub_nodes() or []
            waiting += [(each, depth + 1) for each in (below if isinstance(below, list) else [below])]


def _vertices(geometry: Any) -> int:
    waiting, found = [geometry.get("coordinates", geometry.get("geometries", ()))], 0
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            waiting.append(each.get("coordinates", each.get("geometries", ())))
        elif isinstance(each, list | tuple):
            if each and isinstance(each[0], int | float):
                found += 1
            else:
                waiting += each
    return found


# ---- text ----------------------------------------------------------------------------------------------------------


@v_args(inline=True)
class _Nodes(Transformer[Token, Any]):
    """What each rule of the grammar becomes."""

    def disjunction(self, *parts: Any) -> Any:
        return _combined(ast.Or, parts)

    def conjunction(self, *parts: Any) -> Any:
        return _combined(ast.And, parts)

    def negated(self, part: Any) -> Any:
        return ast.Not(part)

    def comparison(self, left: Any, op: Token, right: Any) -> Any:
        return _compared(str(op), left, right)

    def between(self, value: Any, low: Any, high: Any) -> Any:
        return ast.Between(value, low, high, False)

    def not_between(self, value: Any, low: Any, high: Any) -> Any:
        return ast.Between(value, low, high, True)

    def like(self, value: Any, pattern: Any) -> Any:
        return _like(value, pattern, False)

    def not_like(self, value: Any, pattern: Any) -> Any:
        return _like(value, pattern, True)

    def in_list(self, value: Any, *options: Any) -> Any:
        return ast.In(value, list(options), False)

    def not_in_list(self, value: Any, *options: Any) -> Any:
        return ast.In(value, list(options), True)

    def is_null(self, value: Any) -> Any:
        return ast.IsNull(value, False)

    def is_not_null(self, value: Any) -> Any:
        return ast.IsNull(value, True)

    def property(self, name: Token) -> Any:
        return ast.Attribute(name[1:-1] if name.type == "QUOTED" else str(name))

    def text(self, token: Token) -> str:
        return re.sub(r"''|\\'", "'", token[1:-1])

    def number(self, token: Token) -> int | float:
        return _number(token)

    def true(self, _token: Token) -> bool:
        return True

    def false(self, _token: Token) -> bool:
        return False

    def call(self, name: Token, *given: Any) -> Any:
        return _called(str(name), given)

    def position(self, *numbers: Token) -> list[float]:
        # Layers are flat: a height is left out.
        return [float(number) for number in numbers[:2]]

    def positions(self, *found: Any) -> list[Any]:
        return list(found)

    rings = positions

    def point(self, position: Any) -> Any:
        return _geometry("Point", position)

    def linestring(self, positions: Any) -> Any:
        return _geometry("LineString", positions)

    def polygon(self, rings: Any) -> Any:
        return _geometry("Polygon", rings)

    def multipoint(self, *positions: Any) -> Any:
        return _geometry("MultiPoint", list(positions))

    def bare_multipoint(self, positions: Any) -> Any:
        return _geometry("MultiPoint", positions)

    def multilinestring(self, lines: Any) -> Any:
        return _geometry("MultiLineString", lines)

    def multipolygon(self, *polygons: Any) -> Any:
        return _geometry("MultiPolygon", list(polygons))

    def geometrycollection(self, *parts: Any) -> Any:
        return values.Geometry({"type": "GeometryCollection", "geometries": [part.geometry for part in parts]})


def _number(text: str) -> int | float:
    # Integers of thousands of digits refuse to be read at all.
    return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII) else float(text)


def _geometry(kind: str, coordinates: Any) -> values.Geometry:
    return values.Geometry({"type": kind, "coordinates": coordinates})


@cache
def _parser() -> Lark:
    grammar = (files("layers") / "cql2.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", transformer=_Nodes(), maybe_placeholders=False)


def _of_text(text: str) -> Any:
    try:
        return _parser().parse(text)
    except VisitError as error:
        if isinstance(error.orig_exc, InvalidInput):
            raise error.orig_exc from None
        raise wrong("cannot be read.") from error
    except UnexpectedInput as error:
        raise _unexpected(text, error) from None


def _unexpected(text: str, error: UnexpectedInput) -> InvalidInput:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return wrong("ends too early: something is missing behind it, or a parenthesis.", position=len(text))
    at = int(getattr(error, "pos_in_stream", None) or 0)
    found = text[at : at + 20]
    says = f"character {at + 1} is not understood, at {found!r}."
    if isinstance(error, UnexpectedCharacters) and found[:1] in "+-*/%^":
        says += " Arithmetic is not offered."
    elif found[:1] in "'\"":
        says += (
            " A text stands in single quotes, a quote within it is written twice; a property may stand in double ones."
        )
    return wrong(says, position=at)


# ---- JSON ----------------------------------------------------------------------------------------------------------


def _of_json(text: str) -> Any:
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise wrong(f"is no JSON: {error}.") from None
    return _node(told, 1)


def _node(told: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise wrong(f"at most {MAX_DEPTH} parts within each other.", depth=MAX_DEPTH)
    if isinstance(told, str | bool | int | float):
        return told
    if not isinstance(told, dict):
        raise wrong(f"{_shown(told)} is neither a value nor an object.")
    if "op" in told:
        return _operation(told, depth)
    if "property" in told and isinstance(told["property"], str):
        return ast.Attribute(told["property"])
    for name in ("date", "timestamp"):
        if name in told:
            return _called(name, [told[name]])
    for name in ("interval", "bbox"):
        if isinstance(told.get(name), list):
            return _called(name, [_node(each, depth + 1) for each in told[name]])
    if isinstance(told.get("type"), str) and ("coordinates" in told or "geometries" in told):
        return values.Geometry(told)
    raise wrong(f"{_shown(told)} is none of the objects of CQL2.")


def _operation(told: Mapping[str, Any], depth: int) -> Any:
    op, given = told["op"], told.get("args")
    if not isinstance(op, str) or not isinstance(given, list):
        raise wrong('an operation is {"op": a text, "args": a list}.')
    if op == "in" and len(given) == 2 and isinstance(given[1], list) and given[1]:
        return ast.In(_node(given[0], depth + 1), [_node(each, depth + 1) for each in given[1]], False)
    args = [_node(each, depth + 1) for each in given]
    if op in ("and", "or") and len(args) >= 2:
        return _combined(ast.And if op == "and" else ast.Or, args)
    if op in COMPARISONS and len(args) == 2:
        return _compared(op, *args)
    if op == "like" and len(args) == 2:
        return _like(args[0], args[1], False)
    if op == "between" and len(args) == 3:
        return ast.Between(*args, False)
    if op == "not" and len(args) == 1:
        return ast.Not(args[0])
    if op == "isNull" and len(args) == 1:
        return ast.IsNull(args[0], False)
    if op in ("and", "or", "not", "in", "like", "between", "isNull", *COMPARISONS):
        raise wrong(f"the operation {op!r} does not take these arguments.", op=op)
    if op in ("+", "-", "*", "/", "%", "^", "div"):
        raise wrong("arithmetic is not offered.", op=op)
    return _called(op, args)


def _shown(told: Any) -> str:
    return repr(told)[:40]
