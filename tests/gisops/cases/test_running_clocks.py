"""How much of a limit was used, when a share of it is gone, and where it ends after pauses and extensions."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisops.clocks import (
    UNITS,
    WORK_DAY_MODES,
    InvalidTimeLimit,
    WorkCalendar,
    add,
    after,
    extended,
    in_time,
    paused,
    spent,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
REFERENCE = Path(__file__).parents[3] / "data" / "reference"
WORKING = ("work_hour", "work_day")


def shipped_days() -> dict[date, str]:
    with (REFERENCE / "work_calendar.csv").open(encoding="utf-8", newline="") as file:
        return {date.fromisoformat(row["date"]): row["kind"] for row in csv.DictReader(file)}


CALENDAR = WorkCalendar(SHANGHAI, days=shipped_days())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def worked_minutes(start: datetime, end: datetime) -> int:
    """Counted the slow way: minute by minute on the wall."""
    minutes, now = 0, start
    while now < end:
        wall = now.time()
        minutes += (time(8) <= wall < time(12) or time(14) <= wall < time(18)) and CALENDAR.works_on(now.date())
        now += timedelta(minutes=1)
    return minutes


moments = st.integers(0, 60 * 24 * 700).map(lambda m: at("2025-01-01 00:00") + timedelta(minutes=m))
short = st.integers(0, 60 * 24 * 12).map(lambda m: timedelta(minutes=m))
units = st.sampled_from(UNITS)
modes = st.sampled_from(WORK_DAY_MODES)
values = st.integers(1, 30)


@pytest.mark.parametrize(
    ("start", "end", "unit", "used"),
    [
        ("2026-03-06 17:30", "2026-03-09 09:30", "work_hour", 2),
        ("2026-03-06 17:30", "2026-03-09 09:30", "urgent_hour", 64),
        ("2026-03-06 17:30", "2026-03-09 17:30", "work_day", 1),
        ("2026-03-06 17:30", "2026-03-07 05:30", "natural_day", Fraction(1, 2)),
        ("2026-03-06 18:00", "2026-03-09 08:00", "work_hour", 0),
        ("2026-09-30 17:00", "2026-10-08 09:00", "work_hour", 2),
        ("2026-10-09 17:00", "2026-10-10 09:00", "work_hour", 2),  # a Saturday worked in lieu
        ("2026-03-09 09:30", "2026-03-06 17:30", "work_hour", -2),
    ],
)
def test_what_was_used_of_a_limit(start: str, end: str, unit: str, used: Any) -> None:
    assert spent(at(start), at(end), unit, CALENDAR) == used


@given(start=moments, length=short, unit=units)
def test_used_time_is_what_one_counts_by_the_minute(start: datetime, length: timedelta, unit: str) -> None:
    end = start + length
    minutes = worked_minutes(start, end) if unit in WORKING else length // timedelta(minutes=1)
    one = {"minute": 1, "urgent_hour": 60, "work_hour": 60, "work_day": 480, "natural_day": 1440}[unit]
    assert spent(start, end, unit, CALENDAR) == Fraction(minutes, one)


@given(start=moments, unit=units, value=st.integers(0, 24 * 60).map(lambda m: Fraction(m, 60)))
def test_a_limit_that_ended_was_used_up(start: datetime, unit: str, value: Fraction) -> None:
    # microseconds: a third of a minute has no end of its own
    value = Fraction(round(value * 3_600_000_000), 3_600_000_000)
    assert spent(start, add(start, unit, value, CALENDAR), unit, CALENDAR) == value


@given(start=moments, length=short, unit=units)
def test_what_was_used_leads_back_to_where_it_was_used(start: datetime, length: timedelta, unit: str) -> None:
    end = start + length
    used = spent(start, end, unit, CALENDAR)
    back = add(start, unit, used, CALENDAR)
    assert back <= end
    assert spent(back, end, unit, CALENDAR) == 0  # only time that does not run lies between


@given(a=moments, b=moments, c=moments, unit=units)
def test_parts_sum_up_to_the_whole(a: datetime, b: datetime, c: datetime, unit: str) -> None:
    assert spent(a, b, unit, CALENDAR) + spent(b, c, unit, CALENDAR) == spent(a, c, unit, CALENDAR)
    assert (spent(a, b, unit, CALENDAR) >= 0) == (a <= b or spent(a, b, unit, CALENDAR) == 0)


@pytest.mark.parametrize(
    ("start", "unit", "value", "percent", "moment"),
    [
        ("2026-03-06 17:00", "work_hour", 5, 80, "2026-03-09 11:00"),
        ("2026-03-06 17:00", "work_hour", 5, 100, "2026-03-09 12:00"),
        ("2026-03-06 17:00", "work_hour", 5, 150, "2026-03-09 16:30"),
        ("2026-03-06 17:00", "work_hour", 5, 200, "2026-03-10 09:00"),
        ("2026-03-06 17:00", "urgent_hour", 2, 150, "2026-03-06 20:00"),
        ("2026-03-06 17:00", "minute", 20, 80, "2026-03-06 17:16"),
    ],
)
def test_shares_of_a_limit_are_shares_of_its_running_time(
    start: str, unit: str, value: int, percent: int, moment: str
) -> None:
    assert after(at(start), percent, unit, value, CALENDAR) == at(moment)


def test_shares_of_a_limit_that_ends_by_the_day() -> None:
    # Friday 10:00 to Monday's closing: 6 + 8 working hours, of which 80 % are 11 h 12 min.
    assert after(at("2026-03-06 10:00"), 80, "work_day", 1, CALENDAR, "end_of_day") == at("2026-03-09 15:12")
    assert after(at("2026-03-06 10:00"), 100, "work_day", 1, CALENDAR, "end_of_day") == at("2026-03-09 18:00")


def test_a_share_of_a_limit_that_was_prolonged_lies_as_long_before_its_end() -> None:
    start, later = at("2026-03-06 08:00"), at("2026-03-11 12:00")
    for percent, moment in ((80, "2026-03-11 11:00"), (100, "2026-03-11 12:00"), (200, "2026-03-12 09:00")):
        assert after(start, percent, "work_hour", 5, CALENDAR, deadline=later) == at(moment)


@given(start=moments, unit=units, value=values, mode=modes, shares=st.tuples(st.integers(1, 400), st.integers(1, 400)))
def test_shares_follow_one_another(start: datetime, unit: str, value: int, mode: Any, shares: tuple[int, int]) -> None:
    fewer, more = sorted(shares)
    assert start <= after(start, fewer, unit, value, CALENDAR, mode) <= after(start, more, unit, value, CALENDAR, mode)
    assert after(start, 100, unit, value, CALENDAR, mode) == add(start, unit, value, CALENDAR, mode)


@given(start=moments, unit=units, value=st.integers(1, 20).map(lambda v: v * 100), percent=st.integers(1, 300))
def test_a_share_is_that_share_of_what_was_used(start: datetime, unit: str, value: int, percent: int) -> None:
    value = value if unit == "minute" else value // 100
    moment = after(start, percent, unit, value, CALENDAR)
    assert spent(start, moment, unit, CALENDAR) == Fraction(value * percent, 100)


def test_a_suspension_of_three_days_gives_back_what_was_left() -> None:
    # Scenario: 2 work days from Monday 10:00 end Wednesday 10:00; suspended Tuesday 09:00 to Friday 09:00.
    deadline = add(at("2026-03-02 10:00"), "work_day", 2, CALENDAR)
    assert deadline == at("2026-03-04 10:00")
    since, until = at("2026-03-03 09:00"), at("2026-03-06 09:00")
    assert paused(deadline, since, until, "work_day", CALENDAR) == at("2026-03-09 10:00")
    assert paused(deadline, since, until, "urgent_hour", CALENDAR) == at("2026-03-07 10:00")
    # what had run out before stays run out
    assert paused(deadline, at("2026-03-04 10:00"), until, "work_day", CALENDAR) == deadline
    by_the_day = add(at("2026-03-02 10:00"), "work_day", 2, CALENDAR, "end_of_day")
    assert paused(by_the_day, since, until, "work_day", CALENDAR, "end_of_day") == at("2026-03-09 18:00")


@given(start=moments, unit=units, value=values, mode=modes, first=short, length=short)
def test_a_pause_makes_no_limit_shorter(
    start: datetime, unit: str, value: int, mode: Any, first: timedelta, length: timedelta
) -> None:
    deadline = add(start, unit, value, CALENDAR, mode)
    since = start + first
    ends = paused(deadline, since, since + length, unit, CALENDAR, mode)
    assert ends >= deadline
    assert paused(deadline, since, since + length + timedelta(hours=1), unit, CALENDAR, mode) >= ends
    if since < deadline:
        left = spent(since, deadline, unit, CALENDAR)
        assert spent(since + length, ends, unit, CALENDAR) >= left


@given(start=moments, unit=units, value=values, gaps=st.lists(st.tuples(short, short), min_size=1, max_size=4))
def test_pauses_are_ranges_taken_out_of_the_running_clock(
    start: datetime, unit: str, value: int, gaps: list[tuple[timedelta, timedelta]]
) -> None:
    ends, now, used = add(start, unit, value, CALENDAR), start, Fraction(0)
    for run, pause in gaps:
        if now + run >= ends:
            break
        used += spent(now, now + run, unit, CALENDAR)
        ends = paused(ends, now + run, now + run + pause, unit, CALENDAR)
        now += run + pause
    # what ran outside of the pauses is just the limit
    assert used + spent(now, ends, unit, CALENDAR) == value


def test_an_extension_is_the_limit_once_more() -> None:
    deadline = add(at("2026-03-06 17:30"), "work_hour", 2, CALENDAR)
    once = extended(deadline, "work_hour", 2, CALENDAR)
    assert (deadline, once) == (at("2026-03-09 09:30"), at("2026-03-09 11:30"))
    assert extended(once, "work_hour", 2, CALENDAR) == add(at("2026-03-06 17:30"), "work_hour", 6, CALENDAR)
    by_the_day = add(at("2026-03-06 10:00"), "work_day", 1, CALENDAR, "end_of_day")
    assert extended(by_the_day, "work_day", 1, CALENDAR, "end_of_day") == at("2026-03-10 18:00")


def test_a_deadline_is_met_at_its_very_moment() -> None:
    deadline = at("2026-03-06 17:30")
    assert in_time(deadline, deadline)
    assert in_time(deadline, None)
    assert not in_time(deadline + timedelta(microseconds=1), deadline)


def test_what_cannot_be_counted_is_refused() -> None:
    moment = at("2026-03-06 17:30")
    with pytest.raises(InvalidTimeLimit):
        spent(moment.replace(tzinfo=None), moment, "work_hour", CALENDAR)
    with pytest.raises(InvalidTimeLimit):
        spent(moment, moment, "fortnight", CALENDAR)
    with pytest.raises(InvalidTimeLimit):
        paused(moment, moment, moment - timedelta(hours=1), "work_hour", CALENDAR)
    for percent in (0, -1, 1001):
        with pytest.raises(InvalidTimeLimit):
            after(moment, percent, "work_hour", 1, CALENDAR)
    with pytest.raises(InvalidTimeLimit):
        after(datetime(9998, 1, 1, tzinfo=UTC), 1000, "natural_day", 300, CALENDAR)
