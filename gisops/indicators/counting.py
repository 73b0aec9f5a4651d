"""Counting: indicators over a period, by one of the things a case can be counted by.

One statement for each family of facts that is asked for, whatever the number of indicators and of rows. It reads as
whoever looks: as a viewer (`gisops.access.scopes.look_as`) what he may see, as the system everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import sql

from gisops.access.people import Actor, knows_people
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput
from gisops.indicators import periods, scores
from gisops.indicators.definitions import Indicator
from gisops.indicators.periods import Period
from gisops.indicators.scores import Value
from gisops.wording import CHANNELS

_SQL = queries.load("gisops.indicators", "counting.sql")
_NAMES = queries.load("gisops.indicators", "names.sql")

_PARTS = ("countable", "dimensions", "ended_by", "gathered", "patroller")

# What cases can be counted by, with the query that knows the names of its keys; spans of time beside it.
DIMENSIONS: Mapping[str, str | None] = {
    "kind": "kind", "major": "major", "category": "category", "zone": "zone", "grid_cell": None, "community": "area",
    "street": "area", "district": "area", "road": "road", "organisation": "organisation", "staff": "staff",
    "channel": None, "hour": None,
}  # fmt: skip
BY = (*DIMENSIONS, *periods.SPANS)
# Nobody's: cases without a zone, acts of the system itself.
_NOBODY_ZH, _NOBODY_EN = "（无）", "(none)"
_SYSTEM_ZH, _SYSTEM_EN = "系统自动", "the system itself"
MOST_LISTED = 500


@dataclass(frozen=True, slots=True)
class Subject:
    """One of the things counted by: its key (None of what has none) and its names."""

    key: str | None
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Row:
    """What was counted of one thing, by code of the indicator."""

    subject: Subject
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted: of everything, and of each thing by its key. ``period`` is what of the asked one has passed."""

    period: Period
    total: Mapping[str, Value]
    rows: Sequence[Row]


def now(conn: Connection) -> datetime:
    """The database's clock."""
    row = conn.execute(_NAMES["now"]).fetchone()
    assert row is not None  # noqa: S101  (a bare SELECT)
    at: datetime = row["now"]
    return at


def count(
    conn: Connection,
    city: City,
    period: Period,
    indicators: Iterable[Indicator],
    by: str | None = None,
    where: Mapping[str, str] | None = None,
    to: Actor | None = None,
) -> Counted:
    """Count indicators over a period, of everything and by one of `BY`; ``where`` keeps to certain keys of others.

    By staff, ``to`` (a person; None is the system) is told of those only whom he may know. Raises ``InvalidInput`` for
    a thing that nothing is counted by.
    """
    _check(by, where)
    period = period.up_to(now(conn))
    groups: dict[tuple[str, str], list[Indicator]] = defaultdict(list)
    indicators = list(indicators)
    for one in indicators:
        groups[one.family.name, one.staff].append(one)
    if "staff" not in (by, *(where or {})):
        groups = _joined(groups)
    total: dict[str, Value] = {}
    found: dict[str | None, dict[str, Value]] = defaultdict(dict)
    for (family, staff), asked in groups.items():
        for row in conn.execute(*_statement(conn, city, period, family, staff, asked, by, where or {})):
            values = total if row["is_total"] else found[row["key"]]
            values |= {one.code: _value(one, row) for one in asked}
    if by in periods.SPANS:
        # a span in which nothing happened is told of, too
        for name, *_ in periods.slices(period, by, city.timezone):
            found[name] |= {}
    for values in (total, *found.values()):
        values |= {one.code: _nothing(one) for one in indicators if one.code not in values}
    return Counted(period, total, _named(conn, by, found, to))


def behind(
    conn: Connection,
    city: City,
    period: Period,
    indicator: Indicator,
    part: str = "counted",
    where: Mapping[str, str] | None = None,
    before: UUID | None = None,
    most: int = 100,
) -> list[dict[str, Any]]:
    """The cases behind a number, newest first: ``[{case_no, case_id}]``, at most ``most`` from behind ``before``.

    ``part`` is counted (what the number counts), base (what a rate or a duration is of) or rest (base without counted).
    Several reports or clocks of one case are one case here. A key of ``where`` may be '' for what has none.
    """
    _check(None, where)
    of, per = indicator.of, indicator.per
    conditions: dict[str, sql.Composable] = {
        "counted": _all((*of, *per)),
        "base": _all(per or of),
        "rest": sql.SQL("{} AND NOT {}").format(_all(per or of), _all(of or per)),
    }
    if part not in conditions:
        raise InvalidInput(f"{part!r} is none of {', '.join(conditions)}.", parameter="part")
    period = period.up_to(now(conn))
    params = _params(city, period, None, where or {})
    subject = _kept(conn, where or {}, indicator.family.name, indicator.staff, params)
    tail = sql.SQL(_SQL["listed"]).format(condition=conditions[part], subject=subject)
    return conn.execute(
        _facts(indicator.family.name) + tail, {**params, "before": before, "most": min(most, MOST_LISTED)}
    ).fetchall()


def may_count_staff(to: Actor | None, organisation_id: int | None, staff_id: int | None) -> bool:
    """Whether somebody may be told the numbers of a member of staff: of all who he may know, of his own organisation's,
    and his own. The system (None) may.
    """
    if to is None or knows_people(to, organisation_id):
        return True
    return staff_id is not None and to.staff_id == staff_id


def _check(by: str | None, where: Mapping[str, str] | None) -> None:
    for name in (by, *(where or ())):
        if name is not None and name not in BY:
            raise InvalidInput(f"Nothing is counted by {name!r}.", parameter="by", by=list(BY))
    if spans := [name for name in where or () if name in periods.SPANS]:
        raise InvalidInput(f"A {spans[0]} is asked for by from and to.", parameter="where")


def _joined(groups: Mapping[tuple[str, str], list[Indicator]]) -> dict[tuple[str, str], list[Indicator]]:
    """Whose they are by staff makes no difference where nobody asks for staff."""
    found: dict[tuple[str, str], list[Indicator]] = defaultdict(list)
    for (family, _), asked in groups.items():
        found[family, asked[0].family.staff] += asked
    return found


def _statement(
    conn: Connection,
    city: City,
    period: Period,
    family: str,
    staff: str,
    asked: Sequence[Indicator],
    by: str | None,
    where: Mapping[str, str],
) -> tuple[sql.Composed, dict[str, Any]]:
    params = _params(city, period, by, where)
    kept = _kept(conn, where, family, staff, params)
    columns = sql.SQL(", ").join([column for one in asked for column in _columns(one)])
    if by in periods.SPANS:
        return _facts(family) + sql.SQL(_SQL["counted_by_span"]).format(columns=columns, kept=kept), params
    if by is None:
        return _facts(family) + sql.SQL(_SQL["counted_together"]).format(columns=columns, kept=kept), params
    key = sql.Identifier(_column(by, family, staff))
    return _facts(family) + sql.SQL(_SQL["counted"]).format(key=key, columns=columns, kept=kept), params


def _facts(family: str) -> sql.Composed:
    told = sql.SQL(_SQL[family]).format(**{name: sql.SQL(_SQL[name]) for name in _PARTS})
    return sql.SQL("\n").join([sql.SQL(_SQL["spans"]), told, sql.SQL("")])


def _column(by: str, family: str, staff: str) -> str:
    if by == "staff":
        return staff
    # how a report came is its own; how a case came, that of its first one
    return "by_channel" if by == "channel" and family == "reports" else by


def _params(city: City, period: Period, by: str | None, where: Mapping[str, str]) -> dict[str, Any]:
    spans = [("", period.since, period.until)]
    if by in periods.SPANS:
        spans += periods.slices(period, by, city.timezone)
    calendar = city.calendar
    return {
        "labels": [name for name, *_ in spans],
        "sinces": [since for _, since, _ in spans],
        "untils": [until for *_, until in spans],
        # the first span is the whole
        "since": period.since,
        "until": period.until,
        "timezone": city.timezone.key,
        "own_clock": bool({by, *where} & {"organisation", "staff"}),
        "opens": [opens for opens, _ in calendar.windows],
        "closes": [closes for _, closes in calendar.windows],
        "days": list(calendar.days),
        "kinds": list(calendar.days.values()),
        "weekdays": [day + 1 for day in calendar.weekdays],
        "day_s": int(calendar.day_length.total_seconds()),
    }


def _kept(
    conn: Connection, where: Mapping[str, str], family: str, staff: str, params: dict[str, Any]
) -> sql.Composable:
    """The condition that keeps to certain keys; what it needs goes into ``params``."""
    conditions: list[sql.Composable] = [sql.SQL("true")]
    for n, (by, key) in enumerate(where.items()):
        column = sql.Identifier(_column(by, family, staff))
        wanted: Any = key or None
        if by == "staff" and key:
            row = conn.execute(_NAMES["staff_by_code"], {"code": key}).fetchone()
            wanted = row["staff_id"] if row else -1
        params[f"key_{n}"] = wanted
        conditions.append(sql.SQL("{} IS NOT DISTINCT FROM {}").format(column, sql.Placeholder(f"key_{n}")))
    return sql.SQL(" AND ").join(conditions)


def _all(names: Sequence[str]) -> sql.Composable:
    """That all of these columns hold; one that is not known holds not."""
    return sql.SQL("({})").format(sql.SQL(" AND ").join(sql.SQL("{} IS TRUE").format(sql.Identifier(n)) for n in names))


def _columns(one: Indicator) -> list[sql.Composable]:
    def named(what: sql.Composable, name: str) -> sql.Composable:
        return sql.SQL("{} AS {}").format(what, sql.Identifier(f"{one.code}.{name}"))

    counted = sql.SQL("count(*) FILTER (WHERE {})")
    if one.form == "count":
        return [named(counted.format(_all(one.of)), "n")]
    if one.form == "rate":
        return [named(counted.format(_all((*one.of, *one.per))), "k"), named(counted.format(_all(one.per)), "n")]
    value, over = sql.Identifier(one.value or ""), _all(one.per)
    shapes = {
        "n": "count({0}) FILTER (WHERE {1})",
        "mean": "avg({0}) FILTER (WHERE {1})",
        "parts": "percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY {0}::float8) FILTER (WHERE {1})",
    }
    return [named(sql.SQL(shape).format(value, over), name) for name, shape in shapes.items()]


def _nothing(one: Indicator) -> Value:
    return Value(one.form, 0, 0 if one.form == "rate" else None)


def _value(one: Indicator, row: Mapping[str, Any]) -> Value:
    n = row[f"{one.code}.n"]
    if one.form == "count":
        return Value("count", n)
    if one.form == "rate":
        return scores.rate(row[f"{one.code}.k"], n)
    mean, parts = row[f"{one.code}.mean"], row[f"{one.code}.parts"]
    if not n:
        return Value("duration", 0)
    return Value("duration", n, mean=float(mean), median=float(parts[0]), p90=float(parts[1]))


def _named(
    conn: Connection, by: str | None, found: Mapping[str | None, Mapping[str, Value]], to: Actor | None
) -> list[Row]:
    if by is None:
        return []
    query = DIMENSIONS.get(by)
    keys = sorted(key for key in found if key is not None)
    names: dict[str, dict[str, Any]] = {}
    if query is not None and keys:
        names = {row["key"]: row for row in conn.execute(_NAMES[query], {"keys": keys})}
    rows = []
    for key in keys:
        row = names.get(key, {"zh": key, "en": key})
        if by == "staff" and not may_count_staff(to, row.get("organisation_id"), int(key)):
            continue
        zh, en = CHANNELS.get(key, (key, key)) if by == "channel" else (row["zh"], row["en"])
        rows.append(Row(Subject(row.get("code", key), zh, en), found[key]))
    if None in found:
        nobody = (_SYSTEM_ZH, _SYSTEM_EN) if by == "staff" else (_NOBODY_ZH, _NOBODY_EN)
        rows.append(Row(Subject(None, *nobody), found[None]))
    return rows
