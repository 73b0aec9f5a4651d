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
``work_day``    工作日            one working day, read in one of three modes; see `add`
==============  ================  ===============================================================================

Working days come from the calendar's own table, because weekends that are worked and holidays are decided anew
each year; a date the table does not know goes by its weekday.

`add` says when a limit ends; `spent` how much of it was used between two moments; `after` when a share of it is gone
(reminders at 80 %, the red light at 100 %); `paused` and `extended` where it ends after a suspension or an extension.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

from gisops.errors import InvalidInput

Unit = Literal["minute", "urgent_hour", "natural_day", "work_hour", "work_day"]
WorkDayMode = Literal["running", "end_of_day", "same_time"]

UNITS: tuple[Unit, ...] = ("minute", "urgent_hour", "natural_day", "work_hour", "work_day")
WORK_DAY_MODES: tuple[WorkDayMode, ...] = ("running", "end_of_day", "same_time")
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
    value: int | float | Decimal | Fraction,
    calendar: WorkCalendar,
    work_day_mode: WorkDayMode = "running",
) -> datetime:
    """Return when a limit of ``value`` ``unit`` that starts at ``start`` ends, in the time zone of ``start``.

    A limit that runs out at closing time ends then, not at the next opening; one that starts outside the windows
    starts to run when they open. A ``work_day`` is read in one of three modes, which is the city's to choose:

    * ``running``: it runs like hours; a day is the sum of its windows.
    * ``end_of_day``: to the last closing of the Nth working day after the day it starts on.
    * ``same_time``: to the same time by the wall on the Nth working day after the day it starts on. What starts on a
      day off starts at that time of the next working day; what then lies at or after the last closing, at the first
      opening of the working day after. (The evening of a day off so ends later than the small hours that follow it:
      cities that count so do.)

    The latter two take whole numbers only. Pure: the same arguments, the same answer. Raises InvalidTimeLimit.
    """
    _zoned(start)
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
        if unit == "work_day" and work_day_mode in WORK_DAY_MODES:
            if value != int(value):
                raise InvalidTimeLimit(f"{value} work days cannot end by the day; send a whole number")
            by_day = _end_of_day if work_day_mode == "end_of_day" else _same_time
            return by_day(start, int(value), calendar)
    except OverflowError as reason:
        raise InvalidTimeLimit(f"{value} {unit} from {start.isoformat()} is past the last date there is") from reason
    raise _unknown(unit, work_day_mode)


def spent(start: datetime, end: datetime, unit: str, calendar: WorkCalendar) -> Fraction:
    """How many ``unit`` of running time lie between two moments: natural time, or what the city worked.

    Exact, so that ``add(start, unit, spent(start, end, ...)) == end`` wherever ``end`` lies inside running time, and
    parts sum up to the whole. A day of work is the sum of its windows, whatever the mode its limits are read in.
    Negative where ``end`` lies before ``start``. Raises InvalidTimeLimit.
    """
    _zoned(start)
    _zoned(end)
    if unit not in UNITS:
        raise _unknown(unit, "running")
    return Fraction(_ran(_since_epoch(start), _since_epoch(end), unit, calendar), _size(unit, calendar))


def after(
    start: datetime,
    percent: int,
    unit: str,
    value: int | float | Decimal | Fraction,
    calendar: WorkCalendar,
    work_day_mode: WorkDayMode = "running",
    *,
    deadline: datetime | None = None,
) -> datetime:
    """Return when ``percent`` of a limit has run: at 100 its deadline, at 80 before it, at 200 twice as far.

    Shares are shares of running time: 80 % of a limit of ten working hours is its eighth working hour, not four fifths
    of the nights between. ``deadline`` is where the limit ends after pauses and extensions; without it, by `add`.
    Raises InvalidTimeLimit.
    """
    ends = add(start, unit, value, calendar, work_day_mode)
    if percent == 100:
        return ends if deadline is None else deadline
    if not 0 < percent <= 1000:
        raise InvalidTimeLimit(f"{percent} % of a limit is not between 1 and 1000 %", percent=percent)
    whole = _ran(_since_epoch(start), _since_epoch(ends), unit, calendar)
    share = whole * percent // 100
    try:
        if deadline is None:
            return _forth(start, share, unit, calendar)
        if percent > 100:
            return _forth(deadline, share - whole, unit, calendar)
    except OverflowError as reason:
        raise InvalidTimeLimit(f"{percent} % of {value} {unit} is past the last date there is") from reason
    # A share of what was prolonged: as long before its end as without.
    return max(start, _back(deadline, whole - share, unit, calendar))


def paused(
    deadline: datetime,
    since: datetime,
    until: datetime,
    unit: str,
    calendar: WorkCalendar,
    work_day_mode: WorkDayMode = "running",
) -> datetime:
    """Return where a limit ends that stood still from ``since`` to ``until``: as much running time after the pause as
    was left before it.

    What had run out before the pause stays run out; no pause makes a limit shorter. A limit in days by ``end_of_day``
    ends at a closing again. Raises InvalidTimeLimit where the pause ends before it begins.
    """
    _zoned(since)
    _zoned(until)
    if until < since:
        raise InvalidTimeLimit("a pause ends before it begins", since=since.isoformat(), until=until.isoformat())
    if since >= deadline or since == until:
        return deadline
    left = _ran(_since_epoch(since), _since_epoch(deadline), unit, calendar)
    ends = _forth(until, left, unit, calendar).astimezone(deadline.tzinfo)
    if left and unit == "work_day" and work_day_mode == "end_of_day":
        ends = _closing_of(ends, calendar)
    return max(deadline, ends)


def extended(
    deadline: datetime,
    unit: str,
    value: int | float | Decimal | Fraction,
    calendar: WorkCalendar,
    work_day_mode: WorkDayMode = "running",
) -> datetime:
    """Return where a limit ends that was given once more: the same again, from where it ended. Raises
    InvalidTimeLimit.
    """
    return add(deadline, unit, value, calendar, work_day_mode)


def in_time(done_at: datetime, deadline: datetime | None) -> bool:
    """Whether something was done by its deadline: at that very moment still is; without one, always."""
    return deadline is None or done_at <= deadline


def _zoned(at: datetime) -> None:
    if at.tzinfo is None:
        raise InvalidTimeLimit("the start of a limit needs a time zone", start=at.isoformat())


def _unknown(unit: str, work_day_mode: str) -> InvalidTimeLimit:
    return InvalidTimeLimit(
        f"unknown unit {unit!r} or mode {work_day_mode!r}; "
        f"units are {', '.join(UNITS)}, modes {', '.join(WORK_DAY_MODES)}",
        unit=str(unit),
        accepted=list(UNITS),
    )


def _size(unit: str, calendar: WorkCalendar) -> int:
    """One of a unit in microseconds of running time."""
    if unit == "work_day":
        return calendar.day_length // _MICROSECOND
    return _NATURAL.get(unit, _HOUR)


def _ran(start: int, end: int, unit: str, calendar: WorkCalendar) -> int:
    """Microseconds of running time between two moments; negative backwards."""
    if end < start:
        return -_ran(end, start, unit, calendar)
    if unit in _NATURAL:
        return end - start
    day, last = (_at(moment, _EPOCH).astimezone(calendar.tz).date() for moment in (start, end))
    ran = 0
    while day <= last:
        for opens, closes in calendar.spans(day):
            ran += max(0, min(closes, end) - max(opens, start))
        day += _ONE_DAY
    return ran


def _forth(start: datetime, running: int, unit: str, calendar: WorkCalendar) -> datetime:
    return _at(_since_epoch(start) + running, start) if unit in _NATURAL else _run(start, running, calendar)


def _back(end: datetime, running: int, unit: str, calendar: WorkCalendar) -> datetime:
    """The moment from which on this much running time lies before ``end``."""
    if unit in _NATURAL or running == 0:
        return _at(_since_epoch(end) - running, end)
    day, now = end.astimezone(calendar.tz).date(), _since_epoch(end)
    while True:
        for opens, closes in reversed(calendar.spans(day)):
            ends = min(now, closes)
            if opens < ends:
                if running <= ends - opens:
                    return _at(ends - running, end)
                running -= ends - opens
        day -= _ONE_DAY


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


def _same_time(start: datetime, left: int, calendar: WorkCalendar) -> datetime:
    if left == 0:
        return start
    local = start.astimezone(calendar.tz)
    day, wall = local.date(), local.time()
    while not calendar.works_on(day):
        day += _ONE_DAY
    left += wall >= calendar.windows[-1][1]
    if wall >= calendar.windows[-1][1]:
        wall = calendar.windows[0][0]
    while left:
        day += _ONE_DAY
        left -= calendar.works_on(day)
    return datetime.combine(day, wall, calendar.tz).astimezone(start.tzinfo)


def _closing_of(at: datetime, calendar: WorkCalendar) -> datetime:
    """The last closing of the working day that a moment lies on."""
    return _at(calendar.spans(at.astimezone(calendar.tz).date())[-1][1], at)


def _since_epoch(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _at(micros: int, like: datetime) -> datetime:
    return (_EPOCH + timedelta(microseconds=micros)).astimezone(like.tzinfo)


def _micros(at: time) -> int:
    return ((at.hour * 60 + at.minute) * 60 + at.second) * 1_000_000 + at.microsecond
