"""Time limits over working hours, holidays and weekends that are worked."""

from __future__ import annotations

import csv
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisops.clocks import UNITS, InvalidTimeLimit, InvalidWorkCalendar, WorkCalendar, add

SHANGHAI = ZoneInfo("Asia/Shanghai")
REFERENCE = Path(__file__).parents[2] / "data" / "reference"


def shipped_days() -> dict[date, str]:
    with (REFERENCE / "work_calendar.csv").open(encoding="utf-8", newline="") as file:
        return {date.fromisoformat(row["date"]): row["kind"] for row in csv.DictReader(file)}


CALENDAR = WorkCalendar(SHANGHAI, days=shipped_days())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("start", "unit", "value", "deadline"),
    [
        # 2026-03-06 is a Friday.
        ("2026-03-06 17:30", "work_hour", 2, "2026-03-09 09:30"),
        ("2026-03-06 17:30", "urgent_hour", 2, "2026-03-06 19:30"),
        ("2026-03-06 17:30", "minute", 15, "2026-03-06 17:45"),
        ("2026-03-06 17:30", "natural_day", 3, "2026-03-09 17:30"),
        ("2026-03-06 17:30", "work_day", 1, "2026-03-09 17:30"),
        ("2026-03-06 16:00", "work_hour", 2, "2026-03-06 18:00"),  # at closing time, not at the next opening
        ("2026-03-06 06:00", "work_hour", 1, "2026-03-06 09:00"),  # before opening: from the opening on
        ("2026-03-06 12:30", "work_hour", 1, "2026-03-06 15:00"),  # at noon
        ("2026-03-06 11:30", "work_hour", 1, "2026-03-06 14:30"),  # across noon
        ("2026-03-07 10:00", "work_hour", Decimal("0.5"), "2026-03-09 08:30"),  # on a Saturday
        ("2026-03-06 17:30", "work_hour", 0, "2026-03-06 17:30"),
    ],
)
def test_a_limit_ends_when_the_city_has_worked_that_long(start: str, unit: str, value: Any, deadline: str) -> None:
    assert add(at(start), unit, value, CALENDAR) == at(deadline)


def test_a_saturday_worked_in_lieu_counts() -> None:
    # Saturday 2026-10-10 is worked for the National Day holiday; the Saturday after is not.
    assert add(at("2026-10-09 17:30"), "work_hour", 2, CALENDAR) == at("2026-10-10 09:30")
    assert add(at("2026-10-16 17:30"), "work_hour", 2, CALENDAR) == at("2026-10-19 09:30")


def test_national_day_is_skipped() -> None:
    # Wednesday before the holiday; the first working day after it is Thursday the 8th.
    assert add(at("2026-09-30 17:30"), "work_hour", 2, CALENDAR) == at("2026-10-08 09:30")
    assert add(at("2026-09-30 17:30"), "urgent_hour", 2, CALENDAR) == at("2026-09-30 19:30")
    assert add(at("2026-09-30 17:30"), "work_day", 2, CALENDAR) == at("2026-10-09 17:30")


def test_a_work_day_may_last_to_the_end_of_the_nth_day_after() -> None:
    for start in ("2026-03-06 09:00", "2026-03-06 17:59", "2026-03-06 23:00"):
        assert add(at(start), "work_day", 1, CALENDAR, "end_of_day") == at("2026-03-09 18:00")
    assert add(at("2026-03-07 09:00"), "work_day", 2, CALENDAR, "end_of_day") == at("2026-03-10 18:00")
    assert add(at("2026-10-09 09:00"), "work_day", 1, CALENDAR, "end_of_day") == at("2026-10-10 18:00")


def test_a_date_the_table_does_not_know_goes_by_its_weekday() -> None:
    # 2031 is decided by nobody yet: New Year's Day 2031 is a Wednesday.
    assert add(at("2030-12-31 17:30"), "work_hour", 1, CALENDAR) == at("2031-01-01 08:30")


def test_the_answer_is_in_the_time_zone_it_was_asked_in() -> None:
    deadline = add(datetime(2026, 3, 6, 9, 30, tzinfo=UTC), "work_hour", 2, CALENDAR)
    assert deadline == at("2026-03-09 09:30")
    assert deadline.tzinfo is UTC


def test_an_hour_is_an_hour_across_a_change_of_summer_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    night = WorkCalendar(berlin, ((time(0), time(6)),), {date(2026, 3, 29): "in_lieu"})
    start = datetime(2026, 3, 29, 1, 0, tzinfo=berlin)
    for unit in ("urgent_hour", "work_hour"):
        deadline = add(start, unit, 2, night)
        assert deadline.astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=2)
        assert deadline.hour == 4


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, Decimal("-0.1"), 100_001])
def test_a_limit_that_is_no_length_of_time_is_refused(value: Any) -> None:
    for unit in UNITS:
        with pytest.raises(InvalidTimeLimit):
            add(at("2026-03-06 17:30"), unit, value, CALENDAR)


def test_an_unknown_unit_or_mode_or_a_start_without_zone_is_refused() -> None:
    with pytest.raises(InvalidTimeLimit) as refused:
        add(at("2026-03-06 17:30"), "fortnight", 1, CALENDAR)
    assert refused.value.facts["accepted"] == list(UNITS)
    with pytest.raises(InvalidTimeLimit):
        add(at("2026-03-06 17:30"), "work_day", 1, CALENDAR, "sometime")  # type: ignore[arg-type]
    for mode in ("end_of_day", "same_time"):
        with pytest.raises(InvalidTimeLimit):
            add(at("2026-03-06 17:30"), "work_day", 1.5, CALENDAR, mode)  # type: ignore[arg-type]
    with pytest.raises(InvalidTimeLimit):
        add(datetime(2026, 3, 6, 17, 30), "work_hour", 1, CALENDAR)
    with pytest.raises(InvalidTimeLimit):
        add(datetime(9999, 12, 30, tzinfo=UTC), "work_day", 30, CALENDAR)


@pytest.mark.parametrize(
    "wrong",
    [
        {"windows": ()},
        {"windows": ((time(12), time(8)),)},
        {"windows": ((time(8), time(12)), (time(11), time(18)))},
        {"weekdays": frozenset()},
        {"weekdays": frozenset({7})},
        {"days": {date(2026, 1, 1): "half"}},
    ],
)
def test_a_calendar_on_which_no_clock_could_run_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidWorkCalendar):
        WorkCalendar(SHANGHAI, **wrong)


def test_a_calendar_does_not_change_under_the_clock() -> None:
    days = {date(2026, 3, 9): "holiday"}
    calendar = WorkCalendar(SHANGHAI, days=days)
    days.clear()
    assert add(at("2026-03-06 17:30"), "work_hour", 2, calendar) == at("2026-03-10 09:30")
    assert calendar == WorkCalendar(SHANGHAI, days={date(2026, 3, 9): "holiday"})
    assert hash(calendar) == hash(WorkCalendar(SHANGHAI, days={date(2026, 3, 9): "holiday"}))


starts = st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31)).map(lambda t: t.replace(tzinfo=SHANGHAI))
minutes = st.integers(0, 60 * 24 * 20).map(lambda m: Decimal(m) / 60)
running = st.sampled_from([unit for unit in UNITS if unit != "work_day"])


@given(start=starts, unit=running, first=minutes, second=minutes)
def test_two_limits_one_after_the_other_are_their_sum(
    start: datetime, unit: str, first: Decimal, second: Decimal
) -> None:
    first, second = first.quantize(Decimal("0.01")), second.quantize(Decimal("0.01"))
    assert add(add(start, unit, first, CALENDAR), unit, second, CALENDAR) == add(start, unit, first + second, CALENDAR)


@given(start=starts, days=st.integers(0, 30), more=st.integers(0, 30))
def test_work_days_that_run_add_up(start: datetime, days: int, more: int) -> None:
    halfway = add(start, "work_day", days, CALENDAR)
    assert add(halfway, "work_day", more, CALENDAR) == add(start, "work_day", days + more, CALENDAR)
    assert add(start, "work_day", days, CALENDAR) == add(start, "work_hour", 8 * days, CALENDAR)


def test_a_work_day_may_end_at_the_same_time_by_the_wall() -> None:
    for start, days, deadline in (
        ("2026-03-06 10:05", 1, "2026-03-09 10:05"),  # Friday to Monday
        ("2026-03-06 06:30", 2, "2026-03-10 06:30"),  # before opening: as it is
        ("2026-03-06 12:30", 1, "2026-03-09 12:30"),  # at noon: as it is
        ("2026-03-06 17:59", 1, "2026-03-09 17:59"),
        ("2026-03-06 18:00", 1, "2026-03-10 08:00"),  # at closing: from Monday's opening
        ("2026-03-07 11:17", 2, "2026-03-11 11:17"),  # Saturday: from Monday at that time
        ("2026-03-07 21:21", 1, "2026-03-11 08:00"),  # Saturday evening: from Monday evening, so from Tuesday
        ("2026-09-30 10:00", 1, "2026-10-08 10:00"),  # over National Day
        ("2026-03-07 21:21", 0, "2026-03-07 21:21"),
    ):
        assert add(at(start), "work_day", days, CALENDAR, "same_time") == at(deadline)


@given(start=starts, later=st.timedeltas(timedelta(0), timedelta(days=30)), value=st.integers(0, 30))
@pytest.mark.parametrize("mode", ["running", "end_of_day"])
@pytest.mark.parametrize("unit", UNITS)
def test_who_starts_later_or_has_longer_ends_no_earlier(
    unit: str, mode: Any, start: datetime, later: timedelta, value: int
) -> None:
    deadline = add(start, unit, value, CALENDAR, mode)
    assert deadline >= start
    assert add(start + later, unit, value, CALENDAR, mode) >= deadline
    assert add(start, unit, value + 1, CALENDAR, mode) > deadline


@given(start=starts, value=st.integers(1, 200))
def test_a_working_limit_counts_just_the_working_minutes(start: datetime, value: int) -> None:
    # Counted the slow way: minute by minute on the wall.
    start = start.replace(second=0, microsecond=0)
    deadline = add(start, "work_hour", Decimal(value) / 60, CALENDAR)
    worked, now = 0, start
    while now < deadline:
        local = now.time()
        open_now = time(8) <= local < time(12) or time(14) <= local < time(18)
        worked += open_now and CALENDAR.works_on(now.date())
        now += timedelta(minutes=1)
    assert worked in (value, value + (deadline.microsecond > 0))
