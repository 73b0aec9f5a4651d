"""Limits that wait for their season."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisops.clocks import InvalidTimeLimit, WorkCalendar, add
from gisops.seasons import Season, begins

SHANGHAI = ZoneInfo("Asia/Shanghai")
REFERENCE = Path(__file__).parents[2] / "data" / "reference"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def planting() -> list[Season]:
    with (REFERENCE / "seasons.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["season"] == "planting"]
    return [Season.parse(row["opens"], row["closes"]) for row in rows]


def test_a_tree_that_is_reported_in_december_is_due_in_spring() -> None:
    reported = at("2026-12-08 10:00")
    starts = begins(reported, planting(), SHANGHAI)
    assert starts == at("2027-03-01 00:00")
    # fifteen work days from the first opening, Monday 1 March 2027
    assert add(starts, "work_day", 15, WorkCalendar(SHANGHAI)) == at("2027-03-19 18:00")


def test_in_the_season_it_begins_at_once() -> None:
    for moment in ("2026-03-01 00:00", "2026-04-30 23:59", "2026-11-02 09:00"):
        assert begins(at(moment), planting(), SHANGHAI) == at(moment)
    assert begins(at("2026-05-01 00:00"), planting(), SHANGHAI) == at("2026-10-15 00:00")
    assert begins(at("2026-05-01 00:00"), [], SHANGHAI) == at("2026-05-01 00:00")


def test_a_season_may_pass_the_turn_of_the_year_and_begin_on_a_leap_day() -> None:
    winter, leap = Season.parse("11-15", "03-15"), Season.parse("02-29", "03-31")
    assert [winter.holds(date(2026, *day)) for day in ((12, 31), (3, 15), (3, 16), (11, 14))] == [
        True,
        True,
        False,
        False,
    ]
    assert begins(at("2026-06-01 08:00"), [winter], SHANGHAI) == at("2026-11-15 00:00")
    assert leap.next_opening(date(2026, 1, 1)) == date(2026, 2, 28)
    assert leap.next_opening(date(2027, 3, 1)) == date(2028, 2, 29)


def test_the_local_day_decides_and_the_answer_is_in_the_zone_asked_in() -> None:
    # still February in London, already March in Shanghai
    starts = begins(datetime(2026, 2, 28, 17, 0, tzinfo=UTC), [Season.parse("03-01", "03-31")], SHANGHAI)
    assert starts == datetime(2026, 2, 28, 17, 0, tzinfo=UTC)
    starts = begins(datetime(2026, 2, 28, 15, 0, tzinfo=UTC), [Season.parse("03-01", "03-31")], SHANGHAI)
    assert (starts, starts.tzinfo) == (at("2026-03-01 00:00"), UTC)


@pytest.mark.parametrize("wrong", ["", "3-1", "13-01", "02-30", "March"])
def test_what_is_no_day_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidTimeLimit):
        Season.parse(wrong, "12-31")


# without the leap day, which other years do not have
days = st.integers(1, 365).map(lambda n: (date(2001, 1, 1) + timedelta(days=n)).strftime("%m-%d"))


@given(
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(lambda t: t.replace(tzinfo=SHANGHAI)),
    seasons=st.lists(st.tuples(days, days).map(lambda pair: Season.parse(*pair)), min_size=1, max_size=3),
)
def test_what_waits_begins_in_a_season_and_never_before_it_was_set(moment: datetime, seasons: list[Season]) -> None:
    starts = begins(moment, seasons, SHANGHAI)
    assert starts >= moment
    assert starts - moment <= timedelta(days=367)
    assert any(season.holds(starts.date()) for season in seasons)
    assert begins(starts, seasons, SHANGHAI) == starts
