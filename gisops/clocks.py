"""When a time limit ends: pure arithmetic over a city's working days and hours. No database, no clock, no library.

A limit is a value and a unit. Natural units run through nights and holidays; working units run only while the
city works:

==============  ================  ===============================================================================
unit            Chinese           one of it is
==============  ================  ===============================================================================
``minute``      分钟              60 s, natural time (limits of the stages)
``urgent_hour`` 紧急工作时        3,600 s, natural time
``natural_day`` 自然日            86,400 s, natural time
``work_hour``   工作时            3,600 s inside the working windows
``work_day``    工作日            ``running``: one working day's length of windows; ``end_of_day``: see `add`
==============  ================  ===============================================================================

Working days come from the calendar's own table, because weekends that are worked and holidays are decided anew
each year; a date the table does not know goes by its weekday.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from gisops.errors import InvalidInput

Unit = Literal["minute", "urgent_hour", "natural_day", "work_hour", "work_day"]
WorkDayMode = Literal["running", "end_of_day"]

UNITS: tuple[Unit, ...] = ("minute", "urgent_hour", "natural_day", "work_hour", "work_day")
DAY_KINDS = ("work", "holiday", "in_lieu")

# Time is counted in whole microseconds, as PostgreSQL keeps it: floats would make sums depend on their order.
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = 3_600_000_000
_NATURAL = {"minute": 60_000_000, "urgent_hour": _HOUR, "natural_day": 24 * _HOUR}
_LONGEST_VALUE = 100_000
_ONE_DAY = timedelta(days=1)


class InvalidTimeLimit(InvalidInput):
    """A time limit cannot be computed from what was given."""

    code = "invalid_time_limit"


class InvalidWorkCalendar(InvalidInput):
    """A work calendar is not one that ever works, or its windows overlap."""

    code = "invalid_work_calendar"


@dataclass(frozen=True)
class WorkCalendar:
    """The days and hours a city works.

    ``windows`` are local opening and closing times, in order and apart; ``days`` maps a date to ``work``,
    ``holiday`` or ``in_lieu`` (a weekend day that is worked); other dates go by ``weekdays`` (0 is Monday).
    """

    tz: tzinfo
    windows: tuple[tuple[time, time], ...] = ((time(8), time(12)), (time(14), time(18)))
    days: Mapping[date, str] = field(default_factory=dict)
    weekdays: frozenset[int] = frozenset({0, 1, 2, 3, 4})
    _spans: dict[date, tuple[tuple[int, int], ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False, hash=False
    )

    def __post_init__(self) -> None:
        """Refuse a calendar on which a clock would never end."""
        if not self.windows:
            raise InvalidWorkCalendar("a work calendar needs at least one working window")
        edges = [edge for window in self.windows for edge in window]
        if any(edge.tzinfo is not None for edge in edges) or any(a >= b for a, b in pairwise(edges)):
            raise InvalidWorkCalendar(
                "working windows must be local times, each opening before it closes and after the one before it closed",
                windows=[[str(a), str(b)] for a, b in self.windows],
            )
        if not self.weekdays or not self.weekdays <= set(range(7)):
            raise InvalidWorkCalendar("a work calendar needs at least one working weekday, 0 (Monday) to 6 (Sunday)")
        unknown = sorted(set(self.days.values()) - set(DAY_KINDS))
        if unknown:
            raise InvalidWorkCalendar(f"unknown kinds of day {unknown}; known are {', '.join(DAY_KINDS)}")
        # A copy behind a proxy: what was computed from it below must stay true.
        object.__setattr__(self, "days", MappingProxyType(dict(self.days)))

    def __hash__(self) -> int:
        """Hash by what is cheap and hashable; the days are compared, not hashed."""
        return hash((self.windows, self.weekdays, len(self.days)))

    def works_on(self, day: date) -> bool:
        """Say whether a date is a working day."""
        kind = self.days.get(day)
        return day.weekday() in self.weekdays if kind is None else kind != "holiday"

    @property
    def day_length(self) -> timedelta:
        """The length of an ordinary working day: the sum of its windows."""
        return timedelta(microseconds=sum(_micros(closes) - _micros(opens) for opens, closes in self.windows))

    def spans(self, day: date) -> tuple[tuple[int, int], ...]:
        """Return a day's working spans as microseconds since 1970 (UTC); none on a day off."""
        found = self._spans.get(day)
        if found is None:
            found = ()
            if self.works_on(day):
                found = tuple((self._instant(day, opens), self._instant(day, closes)) for opens, closes in self.windows)
            self._spans[day] = found
        return found

    def _instant(self, day: date, at: time) -> int:
        return _since_epoch(datetime.combine(day, at, self.tz))


def add(
    start: datetime,
    unit: str,
    value: int | float | Decimal,
    calendar: WorkCalendar,
    work_day_mode: WorkDayMode = "running",
) -> datetime:
    """Return when a limit of ``value`` ``unit`` that starts at ``start`` ends, in the time zone of ``start``.

    A limit that runs out at closing time ends then, not at the next opening; one that starts outside the windows
    starts to run when they open. ``work_day`` either runs like hours (``running``: a day is the sum of its
    windows) or lasts to the end of the Nth working day after the day it starts on (``end_of_day``, whole numbers
    only). Pure: the same arguments, the same answer. Raises InvalidTimeLimit.
    """
    if start.tzinfo is None:
        raise InvalidTimeLimit("the start of a limit needs a time zone", start=start.isoformat())
    if not 0 <= value <= _LONGEST_VALUE:  # NaN fails this too
        raise InvalidTimeLimit(f"a limit of {value} is not between 0 and {_LONGEST_VALUE}", value=str(value))
    try:
        if unit in _NATURAL:
            # By way of UTC: Python adds to local wall time, which is an hour off across a change of summer time.
            return _at(_since_epoch(start) + round(value * _NATURAL[unit]), start)
        if unit == "work_hour":
            return _run(start, round(value * _HOUR), calendar)
        if unit == "work_day" and work_day_mode == "running":
            return _run(start, round(value * (calendar.day_length // _MICROSECOND)), calendar)
        if unit == "work_day" and work_day_mode == "end_of_day":
            if value != int(value):
                raise InvalidTimeLimit(f"{value} work days cannot end at the end of a day; send a whole number")
            return _end_of_day(start, int(value), calendar)
    except OverflowError as reason:
        raise InvalidTimeLimit(f"{value} {unit} from {start.isoformat()} is past the last date there is") from reason
    raise InvalidTimeLimit(
        f"unknown unit {unit!r} or mode {work_day_mode!r}; units are {', '.join(UNITS)}, modes running, end_of_day",
        unit=str(unit),
        accepted=list(UNITS),
    )


def _run(start: datetime, left: int, calendar: WorkCalendar) -> datetime:
    now = _since_epoch(start)
    if left == 0:
        return start
    day = start.astimezone(calendar.tz).date()
    while True:
        for opens, closes in calendar.spans(day):
            begins = now if now > opens else opens
            if begins < closes:
                if left <= closes - begins:
                    return _at(begins + left, start)
                left -= closes - begins
        day += _ONE_DAY


def _end_of_day(start: datetime, left: int, calendar: WorkCalendar) -> datetime:
    if left == 0:
        return start
    day = start.astimezone(calendar.tz).date()
    while left:
        day += _ONE_DAY
        left -= calendar.works_on(day)
    return _at(calendar.spans(day)[-1][1], start)


def _since_epoch(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _at(micros: int, like: datetime) -> datetime:
    return (_EPOCH + timedelta(microseconds=micros)).astimezone(like.tzinfo)


def _micros(at: time) -> int:
    return ((at.hour * 60 + at.minute) * 60 + at.second) * 1_000_000 + at.microsecond
