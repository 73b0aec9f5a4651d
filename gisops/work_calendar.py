"""The days and hours in which a city's time limits run, as people ask for them; `gisops.clocks` reckons by them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput

_SQL = queries.load("gisops", "work_calendar.sql")

MOST_DAYS = 400
_MONTH = timedelta(days=30)


def days(conn: Connection, city: City, first: date | None, last: date | None) -> dict[str, Any]:
    """The working windows, and each day from ``first`` to ``last`` (today, and 30 days on).

    A day has its ``date``, ``works``, ``kind`` (work, holiday, in_lieu where the calendar says so, else weekday or
    weekend) and ``note``. ``known_until`` is the last day the calendar says anything about: later ones go by their
    weekday alone. Raises ``InvalidInput`` for a span that ends before it begins or is longer than `MOST_DAYS`.
    """
    row = conn.execute(_SQL["days"], {"timezone": city.timezone.key}).fetchone()
    assert row is not None  # noqa: S101  (SELECT without FROM)
    first = first or row["today"]
    last = last or first + min(_MONTH, date.max - first)
    if not timedelta(0) <= last - first < timedelta(days=MOST_DAYS):
        raise InvalidInput(
            f"From {first} to {last} is no span of 1 to {MOST_DAYS} days.", first=str(first), last=str(last)
        )
    told = {date.fromisoformat(one["day"]): one for one in row["told"]}
    calendar = city.calendar
    return {
        "timezone": city.timezone.key,
        "windows": [{"opens": f"{a:%H:%M}", "closes": f"{b:%H:%M}"} for a, b in calendar.windows],
        "known_until": max(told, default=None),
        "days": [_day(day, told.get(day), calendar.weekdays) for day in _from_to(first, last)],
    }


def _from_to(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _day(day: date, told: dict[str, Any] | None, weekdays: frozenset[int]) -> dict[str, Any]:
    by_weekday = day.weekday() in weekdays
    kind = told["kind"] if told else "weekday" if by_weekday else "weekend"
    works = kind != "holiday" if told else by_weekday
    return {"date": day, "works": works, "kind": kind, "note": told["note"] if told else ""}
