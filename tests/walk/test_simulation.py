"""Months of a city on paper, by a seed: every move against the oracle, what must hold after every step, and what breaks
played again.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from gisops import city as cities
from gisops.cases import moves
from gisops.db.pool import connect
from gisops.simulation import books, days, ground
from gisops.simulation.cast import cast
from gisops.simulation.days import Broken, Days, Tally
from gisops.simulation.paper import OnPaper, Paper
from gisops.simulation.town import Town
from tests.conftest import Database
from tests.walk import life_model

START = datetime(2026, 1, 4, 16, tzinfo=UTC)


class Oracle:
    """Follows every move on paper with a model that knows nothing of the project."""

    def __init__(self, world: Paper) -> None:
        self.cases: dict[int, life_model.Case] = {}
        self.world = world
        world.moved = self.follow

    def follow(self, case: OnPaper, action: str) -> None:
        if case.n not in self.cases:
            assert action == "report"
            self.cases[case.n] = life_model.Case("reported", case.at)
        else:
            self.cases[case.n].make(action, case.at)
        told = self.cases[case.n]
        assert (case.state, case.version) == (told.state, told.version), action
        clock = case.clock
        assert (clock and clock.step) == told.clock, action
        counters = {name: getattr(case, name) for name in told.counters}
        assert counters == told.counters, action
        assert case.lasted == told.lasted, action
        assert moves.STAGES[case.state] == moves.OVER or told.is_open


def lived(seed: int, length: float, a_day: float, most: int | None = None) -> tuple[Paper, Tally]:
    world = Paper(ground.city_on_paper())
    Oracle(world)
    weather = days.weather(seed, START, length, a_day)
    return world, Days(world, seed, START, length, ground.ZONE, weather).run(most)


def test_a_year_of_a_small_town_holds_to_the_paper_at_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.perf_counter()
    world, tally = lived(seed=6, length=365, a_day=12)
    took = time.perf_counter() - began
    with capsys.disabled():
        print(f"\non paper: {tally.steps:,} steps, {tally.steps / took:,.0f} a second, the oracle beside them")
    assert tally.steps > 40_000
    persons = {rule.action for rule in moves.TRANSITIONS if rule.who != (moves.SYSTEM,)} - {"report"}
    done = set(tally.made)
    # stages of handling are for few categories; they come in a longer run
    assert persons - done <= {"step_done"}, persons - done
    assert {"stale", "twice", "lost", "unanswered", "foreign", "senseless", "leap", "again"} <= set(tally.faults)
    assert {"stale_version", "illegal_move", "not_allowed", "guard_failed"} == set(tally.refused)
    # nothing rests for ever: what is still open was touched within the last fortnight, or stands still by consent
    for case in world.cases:
        if case.state in life_model.OPEN - {"suspended", "disputed"}:
            assert tally.ended_at is not None
            assert tally.ended_at - case.at < timedelta(days=14), case


def test_the_same_seed_is_the_same_life_and_another_is_another() -> None:
    def facts(seed: int) -> list[tuple[str, int, datetime]]:
        world, _ = lived(seed, 10, 20)
        return [(case.state, case.version, case.at) for case in world.cases]

    assert facts(3) == facts(3)
    assert facts(3) != facts(4)


def test_what_breaks_is_told_with_the_command_that_plays_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a fault in it (checking lets the clock run on) is found out, twice in the same step."""

    def broken(seed: int) -> Broken:
        world = Paper(ground.city_on_paper())
        apply = world._apply
        monkeypatch.setattr(
            world, "_apply", lambda case, what: apply(case, {k: v for k, v in what.items() if case.state != "checking"})
        )
        weather = days.weather(seed, START, 5, 20)
        with pytest.raises(Broken) as caught:
            Days(world, seed, START, 5, ground.ZONE, weather).run()
        return caught.value

    first, again = broken(9), broken(9)
    assert "gisops simulate --seed 9" in str(first)
    assert (first.step, first.problem, first.at) == (again.step, again.problem, again.at)


@pytest.mark.soak
def test_a_million_steps(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.perf_counter()
    _, tally = lived(seed=1, length=365, a_day=220, most=1_000_000)
    took = time.perf_counter() - began
    with capsys.disabled():
        print(f"\non paper: {tally.steps:,} steps in {took:.0f} s, the oracle beside them")
    assert tally.steps >= 1_000_000


def test_the_city_on_paper_has_the_limits_of_one_in_a_database(sample_database: Database) -> None:
    with connect(sample_database.app_url) as conn:
        real = cities.load(conn)
    paper = ground.city_on_paper()
    assert paper.stage_limits == real.stage_limits
    assert paper.escalations == real.escalations
    assert paper.calendar.windows == real.calendar.windows
    assert {key: (one.severity, one.auto_file, one.limit) for key, one in paper.categories.items()} == {
        key: (one.severity, one.auto_file, one.limit) for key, one in real.categories.items()
    }


def lived_in(database: Database, seed: int, length: float, most: int) -> tuple[Tally, float]:
    """Days in a database, through the real acts and timers; how many steps a second that made."""
    with connect(database.owner_url) as owner:
        city = cities.load(owner)
        who = cast(owner, city)
        row = owner.execute("SELECT app_now() AS now").fetchone()
    assert row is not None
    start = row["now"] + timedelta(minutes=1)
    with connect(database.app_url) as conn:
        world = Town(conn, city, who, seed)
        run = Days(world, seed, start, length, ground.ZONE, days.weather(seed, start, length, 40, trouble=3.0))
        began = time.perf_counter()
        tally = run.run(most)
        took = time.perf_counter() - began
        world.end()
        assert books.broken(conn) == []
        conn.rollback()
    with connect(database.owner_url) as owner:
        assert owner.execute("SELECT count(*) AS n FROM broken_history()").fetchone() == {"n": 0}
    return tally, tally.steps / took


def test_days_in_postgresql_through_the_acts_that_requests_run(
    sample_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    tally, rate = lived_in(sample_database, seed=2, length=3, most=300)
    with capsys.disabled():
        print(f"\nin PostgreSQL: {tally.steps:,} steps, {rate:,.0f} a second, the books checked after each")
    assert {"accept", "file", "dispatch", "ack", "finish", "close"} <= set(tally.made)
    assert tally.timers > 0
    assert {"stale_version", "not_allowed", "illegal_move"} & set(tally.refused)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_weeks_in_postgresql(sample_database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    tally, rate = lived_in(sample_database, seed=5, length=45, most=15_000)
    with capsys.disabled():
        print(f"\nin PostgreSQL: {tally.steps:,} steps, {rate:,.0f} a second: {dict(tally.made)}")
    persons = {rule.action for rule in moves.TRANSITIONS if rule.who != (moves.SYSTEM,)} - {"report"}
    assert persons - set(tally.made) <= {"step_done"}
