"""Who is on duty when: recurring patterns of shifts, nights too, written out as a roster.

A pattern is read along the days by each of its people, everybody one day behind the next; so a pattern with as many
people as days fills each of its shifts every day, and nobody is on duty twice at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gisops.sample.city.laid import Person
from gisops.sample.sheet import Row, Sheet

# Code, names, from, to (before the start: on the next day).
SHIFTS = (
    ("day", "白班", "Day", time(7), time(15)),
    ("evening", "中班", "Evening", time(15), time(23)),
    ("night", "夜班", "Night", time(23), time(7)),
    ("long_day", "长白班", "Long day", time(7), time(19)),
    ("long_night", "长夜班", "Long night", time(19), time(7)),
    ("office", "机关班", "Office hours", time(8), time(18)),
)
_HOURS = {code: (starts, ends) for code, _, _, starts, ends in SHIFTS}
_WEEK = ("", "office", "office", "office", "office", "office", "")
ROTAS: dict[str, tuple[str, ...]] = {
    # Round the clock by three.
    "watch": ("long_day", "long_night", ""),
    # A day, an evening and a night patrol by five; without the night by four; without the evening by two.
    "full": ("long_day", "evening", "night", "", ""),
    "late": ("long_day", "evening", "", ""),
    "light": ("long_day", ""),
    # Five days a week, the free ones in turn.
    "days": ("day", "day", "day", "day", "day", "", ""),
    "evenings": ("evening", "evening", "evening", "evening", "evening", "", ""),
    # Monday to Friday: a day's ordinal leaves 1 on Mondays when divided by seven.
    "office": _WEEK,
}
YEAR, RECENT, AHEAD = 366, 30, 14


def crew_size(rota: str) -> int:
    """How many people keep a pattern up."""
    return len(ROTAS[rota])


def shift_on(person: Person, day: date) -> str:
    """The shift somebody works on a day (``""``: none); it depends on the day alone."""
    pattern = ROTAS[person.rota]
    return pattern[(day.toordinal() + person.turn) % len(pattern)]


def on_duty(shift: str, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When a shift of a day begins and ends, UTC."""
    starts, ends = _HOURS[shift]
    begin = datetime.combine(day, starts, zone)
    end = datetime.combine(day + timedelta(days=1) if ends <= starts else day, ends, zone)
    return begin.astimezone(UTC), end.astimezone(UTC)


def works_at(person: Person, at: datetime, zone: ZoneInfo) -> bool:
    """Whether somebody's pattern has them on duty at a moment."""
    today = at.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        if shift := shift_on(person, day):
            begin, end = on_duty(shift, day, zone)
            if begin <= at < end:
                return True
    return False


def roster(staff: Sequence[Person], until: datetime, zone: ZoneInfo, rows: int) -> dict[bool, tuple[date, date]]:
    """First and last day on the roster, of ``standing`` people and of the others.

    Standing people are on it from a year before ``until`` to two weeks after; the others as far back as ``rows``
    rows in all allow, 30 days at most and one at least.
    """
    today = until.astimezone(zone).date()
    last = today + timedelta(days=AHEAD)
    working = {code: sum(map(bool, pattern)) / len(pattern) for code, pattern in ROTAS.items()}
    kept = sum(working[p.rota] for p in staff if p.standing) * (YEAR + AHEAD + 1)
    each_day = sum(working[p.rota] for p in staff if not p.standing)
    back = RECENT if not each_day else max(1, min(RECENT, int((rows - kept) / each_day) - AHEAD - 1))
    return {True: (today - timedelta(days=YEAR), last), False: (today - timedelta(days=back), last)}


def sheet(staff: Sequence[Person], district_code: str, until: datetime, zone: ZoneInfo, rows: int) -> Sheet:
    """The roster as rows, person by person and day by day."""
    spans = roster(staff, until, zone, rows)
    columns = ("district_code", "staff_id", "on_duty", "shift_code")
    return Sheet("rosters", columns, _Rows(staff, district_code, spans, zone))


class _Rows:
    """Rows made while they are read, as often as somebody reads them."""

    def __init__(
        self, staff: Sequence[Person], district_code: str, spans: dict[bool, tuple[date, date]], zone: ZoneInfo
    ) -> None:
        self._given = staff, district_code, spans, zone

    def __iter__(self) -> Iterator[Row]:
        staff, district_code, spans, zone = self._given
        # The same few shifts of the same days for everybody: written out once.
        texts: dict[tuple[str, int], str] = {}
        for person in staff:
            first, last = (day.toordinal() for day in spans[person.standing])
            pattern = ROTAS[person.rota]
            for day in range(first, last + 1):
                shift = pattern[(day + person.turn) % len(pattern)]
                if shift:
                    text = texts.get((shift, day)) or texts.setdefault((shift, day), _text(shift, day, zone))
                    yield district_code, person.staff_id, text, shift


def _text(shift: str, day: int, zone: ZoneInfo) -> str:
    begin, end = on_duty(shift, date.fromordinal(day), zone)
    return f"[{begin:%Y-%m-%d %H:%M}+00,{end:%Y-%m-%d %H:%M}+00)"


def shifts_sheet() -> Sheet:
    """The recurring working times."""
    rows: list[tuple[Any, ...]] = list(SHIFTS)
    return Sheet("shifts", ("code", "name_zh", "name_en", "starts", "ends"), rows, len(rows))
