"""The rows of a file that becomes a layer, while they come: kept as text, until what each column is is known."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import orjson
import shapely
from psycopg import sql

from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import GisopsError
from gisops.loads import dates
from gisops.loads.batches import Batch, Shapes
from gisops.loads.lookups import Known
from gisops.loads.mapping import text

_SQL = load("layers", "city_loading.sql")
_LISTED = 5
_MOST_PLACES = 20_000

# What texts of a file without types may turn out to be, the narrowest first. A number with a leading zero is a code.
_GUESSES: dict[str, re.Pattern[str]] = {
    "integer": re.compile(r"-?(?:0|[1-9]\d{0,17})"),
    "number": re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?"),
    "boolean": re.compile(r"true|false", re.IGNORECASE),
    "timestamp": re.compile(
        r"(?:19|20|21)\d{2}(?P<sep>[-/])(?:0?[1-9]|1[0-2])(?P=sep)(?:0?[1-9]|[12]\d|3[01])"
        r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?"
    ),
}
_POINT, _MULTI_POINT = 0, 4
_KINDS = {"point": {0}, "line": {1, 2, 5}, "polygon": {3, 6}}


@dataclass(slots=True)
class Column:
    """A column of the file on its way: its place (from 1), its name there, its field, the type that was declared."""

    place: int
    source: str
    field: str
    declared: str | None = None
    kinds: set[type] = dataclasses.field(default_factory=set)
    guesses: set[str] = dataclasses.field(default_factory=lambda: set(_GUESSES))

    @property
    def name(self) -> sql.Identifier:
        """The name under which it is kept meanwhile."""
        return sql.Identifier(f"c{self.place}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Rows that were refused for one reason: how many, why, and the first of them."""

    code: str
    rows: int
    zh: str
    en: str
    first: str


class Incoming:
    """The table of one transaction in which a file's rows wait."""

    def __init__(self, conn: Connection, columns: Sequence[Column], known: Known, *, guess: bool) -> None:
        self.conn, self.columns, self._known, self._guess = conn, columns, known, guess
        self.read = self.taken = self.mended = self.outside = 0
        self._types: Counter[int] = Counter()
        self._refused: dict[str, list[Any]] = {}
        self._places: list[npt.NDArray[np.float64]] = []

    def make(self) -> None:
        """Make the table."""
        columns = sql.SQL("").join(sql.SQL("{} text, ").format(column.name) for column in self.columns)
        self.conn.execute(sql.SQL(_SQL["incoming"]).format(columns=columns))

    def take(self, batch: Batch) -> None:
        """Take the rows of a batch; count those that were refused, by reason."""
        self.mended += len({one.row for one in batch.findings if one.kind == "mended"})
        lost = {one.row: one for one in batch.findings if one.kind == "refused"}
        for one in lost.values():
            self._refuse(one.code, [one.row], one.zh, one.en)
        self.read += len(batch.rows) + len(set(lost) - set(batch.rows.tolist()))
        if not len(batch.rows):
            return
        numbers, wrong = batch.rows.tolist(), set[int]()
        values = [self._values(column, batch.fields[column.source], numbers, wrong) for column in self.columns]
        assert batch.geometry is not None  # noqa: S101  (a file without any was sent away)
        shapes = self._shapes(batch.geometry)
        rows = zip(numbers, *values, shapely.to_wkb(shapes, hex=True, include_srid=True).tolist(), strict=True)
        kept = [row for row in rows if row[0] not in wrong] if wrong else list(rows)
        with self.conn.cursor() as cursor, cursor.copy(_SQL["copy"].encode()) as copy:
            for row in kept:
                copy.write_row(row)
        self.taken += len(kept)

    def geometry(self) -> str:
        """The kind of geometry that all of them are, or ``mixed``."""
        return next((kind for kind, types in _KINDS.items() if set(self._types) <= types), "mixed")

    def places(self) -> npt.NDArray[np.float64]:
        """Some of the places, if it is a file of points: an array of shape (n, 2), degrees."""
        return np.concatenate(self._places) if self._places and self.geometry() == "point" else np.empty((0, 2))

    def type_of(self, column: Column) -> str:
        """What a column is, once all was read: what was declared, else what all its values are."""
        if column.declared is not None:
            return column.declared
        kinds = column.kinds - {type(None)}
        for kind, types in (
            ("integer", {int}),
            ("number", {int, float, Decimal}),
            ("boolean", {bool}),
            ("timestamp", {date, datetime}),
        ):
            if kinds and kinds <= types:
                return kind
        if kinds == {str} and self._guess:
            return next((kind for kind in _GUESSES if kind in column.guesses), "text")
        return "text"

    def value_of(self, column: Column, sql_type: str) -> sql.Composable:
        """A column as an expression of its type."""
        if sql_type != "text":
            return sql.SQL("{}::{}").format(column.name, sql.SQL(sql_type))
        if float in column.kinds:
            # A whole number that a format without integers kept as 12.0.
            return sql.SQL("regexp_replace({}, '^(-?[0-9]+)[.]0$', '\\1')").format(column.name)
        return column.name

    def tells_apart(self, column: Column) -> bool:
        """Whether every row has another value there."""
        asked = sql.SQL(_SQL["tells_apart"]).format(column=self.value_of(column, "text"))
        row = self.conn.execute(asked).fetchone()
        return bool(row and row["apart"])

    def refuse_keys(self, column: Column) -> None:
        """Refuse rows without a key, and those whose key stood in the file before."""
        key = self.value_of(column, "text")
        for name, zh, en in (
            ("without_key", f"“{column.source}”为空或过长", f"{column.source}, the key, is empty or too long"),
            ("repeated_key", f"“{column.source}”重复", f"{column.source}, the key, stood in the file before"),
        ):
            rows = [row["row_no"] for row in self.conn.execute(sql.SQL(_SQL[name]).format(key=key))]
            if rows:
                self._refuse(name, sorted(rows), zh, en)
                self.taken -= len(rows)

    def refusals(self) -> list[Refusal]:
        """What was refused, by reason."""
        return [
            Refusal(code, count, zh, en, ", ".join(map(str, first)) + (" …" if count > len(first) else ""))
            for code, (count, zh, en, first) in self._refused.items()
        ]

    def _refuse(self, code: str, rows: Sequence[int | None], zh: str, en: str) -> None:
        told = self._refused.setdefault(code, [0, zh, en, []])
        told[0] += len(rows)
        told[3] += [row for row in rows[: _LISTED - len(told[3])]]

    def _shapes(self, shapes: Shapes) -> Shapes:
        types = shapely.get_type_id(shapes)
        single = (types == _MULTI_POINT) & (shapely.get_num_geometries(shapes) == 1)
        if single.any():
            shapes = shapes.copy()
            shapes[single] = shapely.get_geometry(shapes[single], 0)
            types = shapely.get_type_id(shapes)
        self._types.update(types.tolist())
        west, south, east, north = self._known.box
        bounds = shapely.bounds(shapes)
        apart = (bounds[:, 2] < west) | (bounds[:, 3] < south) | (bounds[:, 0] > east) | (bounds[:, 1] > north)
        self.outside += int(apart.sum())
        if sum(map(len, self._places)) < _MOST_PLACES:
            self._places.append(shapely.get_coordinates(shapes[types == _POINT]))
        made: Shapes = shapely.set_srid(shapes, 4326)
        return made

    def _values(self, column: Column, given: Sequence[Any], numbers: Sequence[int], wrong: set[int]) -> list[Any]:
        if column.declared not in (None, "text"):
            return self._converted(column, given, numbers, wrong)
        kinds = set(map(type, given))
        column.kinds |= kinds
        values = list(given)
        if str in kinds:
            values = [(value.strip() or None) if type(value) is str else value for value in values]
            if self._guess and column.guesses:
                seen = {value for value in values if type(value) is str}
                column.guesses = {
                    guess for guess in column.guesses if all(_GUESSES[guess].fullmatch(value) for value in seen)
                }
        if kinds & {list, dict}:
            values = [orjson.dumps(value).decode() if type(value) in (list, dict) else value for value in values]
        return values

    def _converted(self, column: Column, given: Sequence[Any], numbers: Sequence[int], wrong: set[int]) -> list[Any]:
        convert = _converter(str(column.declared), self._known.timezone)
        found: list[Any] = []
        for number, value in zip(numbers, given, strict=True):
            try:
                found.append(convert(value))
            except (ValueError, GisopsError):
                found.append(None)
                wrong.add(number)
                zh, en = f"“{column.source}”不是 {column.declared}", f"{column.source} is no {column.declared}"
                self._refuse(f"not_{column.declared}", [number], zh, en)
        return found


def _converter(kind: str, zone: ZoneInfo) -> Callable[[Any], Any]:
    if kind == "timestamp":
        return lambda value: _moment(value, zone)
    return {"integer": _integer, "number": _number, "boolean": _boolean}[kind]


def _integer(value: Any) -> int | None:
    found = text(value)
    return None if found is None else int(found)


def _number(value: Any) -> float | None:
    found = text(value)
    number = None if found is None else float(found)
    if number is not None and not np.isfinite(number):
        _wrong(value)
    return number


def _boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    found = text(value)
    if found is None:
        return None
    known = {"true": True, "yes": True, "1": True, "是": True, "有": True}
    known |= {"false": False, "no": False, "0": False, "否": False, "无": False}
    return known[found.lower()] if found.lower() in known else _wrong(value)


def _moment(value: Any, zone: ZoneInfo) -> datetime | date | None:
    if isinstance(value, date):
        return value  # one without an offset is in the city's own time, which the transaction keeps
    found = text(value)
    return None if found is None else dates.parse(found, zone)


def _wrong(value: Any) -> NoReturn:
    raise ValueError(value)
