"""A year of past cases: the same for a seed, in a city's rhythm, with places where problems come back; and told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gisops import city as cities
from gisops.cases import moves, past
from gisops.cases.past import PastCase
from gisops.db.pool import connect
from gisops.sample.year import Plan, cases, tell_year
from gisops.sample.year.kinds import HOTSPOTS, HOURS, KINDS, PLACES

UNTIL = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)
COUNT = 8_000
LOCAL = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def plan(sample_database: Any) -> Plan:
    with connect(sample_database.owner_url) as conn:
        return Plan(conn, cities.load(conn), seed=1, until=UNTIL, count=COUNT)


@pytest.fixture(scope="module")
def year(plan: Plan) -> list[PastCase]:
    return [case for n in range(plan.batches) for case in plan.batch(n)]


def local(case: PastCase) -> datetime:
    return case.received_at.astimezone(LOCAL)


def ends_in(case: PastCase) -> str:
    return moves.rule_of(case.moves[-1].action).to_state if case.moves else "new"


def test_the_same_seed_the_same_year_and_another_another(sample_database: Any, year: list[PastCase]) -> None:
    with connect(sample_database.owner_url) as conn:
        city = cities.load(conn)
        again = list(cases(conn, city, seed=1, until=UNTIL, count=COUNT))
        other = Plan(conn, city, seed=2, until=UNTIL, count=COUNT).batch(0)
    assert again == year
    assert other != year[: len(other)]


def test_the_kinds_are_ones_there_are() -> None:
    assert len(KINDS) == len({kind.code for kind in KINDS}) > 100
    known = {kind.code for kind in KINDS}
    for kind in KINDS:
        assert kind.place in PLACES
        assert kind.when in HOURS
    for hotspot in HOTSPOTS:
        assert {code for code, _ in hotspot.codes} <= known, hotspot.name
        assert (hotspot.place, hotspot.when) in {(p, w) for p in PLACES for w in HOURS}
    assert all(len(hours) == 24 for hours in HOURS.values())


def test_cases_lie_in_the_year_and_in_order(year: list[PastCase]) -> None:
    assert len(year) == COUNT
    assert len({case.report.client_uid for case in year}) == COUNT
    received = [case.received_at for case in year]
    assert received == sorted(received)
    assert UNTIL - timedelta(days=366) < received[0] < UNTIL - timedelta(days=360)
    assert UNTIL - timedelta(hours=6) < received[-1] <= UNTIL
    for case in year:
        at = [case.received_at, *(move.at for move in case.moves)]
        assert all(a <= b for a, b in pairwise(at))
        assert at[-1] <= UNTIL


def test_days_and_weeks_have_a_rhythm(year: list[PastCase]) -> None:
    hours = Counter(local(case).hour for case in year)
    awake = sum(hours[h] for h in range(7, 21)) / COUNT
    assert 0.70 < awake < 0.90
    assert max(hours, key=lambda h: hours[h]) in (8, 9, 10, 16, 17)
    assert hours[3] < hours[9] / 10
    weekdays = Counter(local(case).weekday() for case in year)
    assert weekdays[6] < 0.85 * np.mean([weekdays[d] for d in range(5)])
    bars = [case for case in year if case.report.category in ("E01-28", "E01-29")]
    assert sum(local(case).hour in (18, 19, 20, 21, 22, 23, 0, 1, 2) for case in bars) > 0.75 * len(bars)
    assert sum(local(case).weekday() >= 4 for case in bars) > 3 / 7 * len(bars)


def test_rain_brings_water_in_bursts(year: list[PastCase]) -> None:
    floods = Counter(local(case).date() for case in year if case.report.category == "E05-06")
    assert sum(floods.values()) > 0.01 * COUNT
    heaviest = sum(count for _, count in floods.most_common(20))
    assert heaviest > 0.5 * sum(floods.values()), "most of a year's floods come on twenty days of it"


def test_problems_come_back_to_where_they_were(plan: Plan, year: list[PastCase]) -> None:
    drawn = plan.drawn
    metres = np.column_stack([drawn.lon * 104_600, drawn.lat * 110_700])
    _, counts = np.unique(np.floor(metres / 50), axis=0, return_counts=True)
    counts = np.sort(counts)[::-1]
    # a twentieth of the squares that have any cases have far more than their share
    assert counts[: len(counts) // 20].sum() > 0.30 * COUNT
    in_hotspots = (drawn.hotspot >= 0).mean()
    assert 0.2 < in_hotspots < 0.55
    assert {name for name, _, _ in drawn.hotspots} == {hotspot.name for hotspot in HOTSPOTS}
    scanned = Counter(case.report.part_code for case in year if case.report.part_code)
    assert scanned.most_common(1)[0][1] >= 3, "some part is reported again and again"


def test_a_building_site_moves_on_during_the_year(plan: Plan) -> None:
    drawn = plan.drawn
    site = np.flatnonzero([drawn.hotspots[h][0] == "building_site" if h >= 0 else False for h in drawn.hotspot])
    assert len(site) > 100
    quarters = np.array_split(site, 4)
    middles = np.array([[np.median(drawn.lon[q]) * 104_600, np.median(drawn.lat[q]) * 110_700] for q in quarters])
    steps = np.hypot(*np.diff(middles, axis=0).T)
    assert steps.max() > 60


def test_shares_are_what_such_systems_report(year: list[PastCase]) -> None:
    ends = Counter(ends_in(case) for case in year)
    still_open = sum(count for state, count in ends.items() if moves.STAGES.get(state, 1) < moves.OVER)
    assert 0.005 < still_open / COUNT < 0.03
    assert ends["closed"] > 0.9 * COUNT
    assert min(ends["duplicate"], ends["not_filed"], ends["not_accepted"], ends["voided"]) > 0
    hours = np.array(
        [
            (move.at - case.received_at).total_seconds() / 3600
            for case in year
            for move in case.moves[:6]
            if move.action == "finish"
        ]
    )
    assert 1.5 < np.median(hours) < 5
    assert (hours < 24).mean() > 0.85
    actions = Counter(move.action for case in year for move in case.moves)
    assert 0.015 < actions["return"] / COUNT < 0.06
    assert 0.02 < actions["fail"] / COUNT < 0.08
    assert actions["suspend"] > actions["resume"] > 0
    assert 0.001 < actions["extend"] / COUNT < 0.03
    assert 0.002 < actions["reopen"] / COUNT < 0.01
    assert 0.04 < sum(bool(case.parts) for case in year) / COUNT < 0.08
    scores = [visit.score for case in year for visit in case.visits if visit.score is not None]
    assert len(scores) > 0.12 * COUNT
    assert 0.85 < np.mean([score >= 4 for score in scores]) < 0.97
    assert any(visit.score is None for case in year for visit in case.visits)
    channels = Counter(case.report.channel for case in year)
    assert channels.most_common(1)[0][0] == "officer"
    assert set(channels) >= {"citizen", "hotline", "video", "sensor", "feed"}
    assert 0.03 < sum(case.report.crs == "GCJ02" for case in year) / COUNT < 0.2
    assert len({case.report.category for case in year}) > 80
    assert all(case.report.text.endswith("。") and len(case.report.text) > 5 for case in year)


def test_the_last_hours_are_alive(year: list[PastCase]) -> None:
    last = [case for case in year if case.received_at > UNTIL - timedelta(hours=12)]
    states = {ends_in(case) for case in last}
    assert len(states - {"closed"}) >= 2
    assert any(not past.is_over(case) for case in last)


def test_a_year_is_told_by_several_processes_and_only_once(fresh_database: Callable[..., Any]) -> None:
    made = fresh_database("sample_template")
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    # What a server waits for: all that is still open, and of what is over only the batches asked for.
    at_first = tell_year(made.owner_url, seed=3, until=now, count=900, lately=0, processes=1)
    seen: list[int] = []
    done = tell_year(made.owner_url, seed=3, until=now, count=900, progress=seen.append)
    assert at_first.told == at_first.still_open == done.still_open
    assert done.told == sum(seen) == 900
    assert done.refused == {}
    assert 0 < done.still_open < 100
    counted = "SELECT count(*) AS n, count(*) FILTER (WHERE stage < 7) AS open, max(version) AS longest FROM cases"
    with connect(made.owner_url) as conn:
        first = conn.execute(counted).fetchone()
        assert first is not None
        assert (first["n"], first["open"]) == (done.told, done.still_open)
        assert first["longest"] >= 8
        assert conn.execute("SELECT * FROM broken_history()").fetchall() == []
        assert conn.execute("SELECT count(*) AS n FROM outbox").fetchone() == {"n": 0}
        beside = conn.execute(
            "SELECT (SELECT count(*) FROM follow_ups) AS visits, (SELECT count(*) FROM case_subtasks) AS parts,"
            " (SELECT count(*) FROM cases WHERE satisfaction IS NOT NULL) AS said"
        ).fetchone()
        assert beside is not None
        assert min(beside.values()) > 10
        organisations = conn.execute("SELECT count(DISTINCT organisation_id) AS n FROM cases").fetchone()
        assert organisations is not None
        assert organisations["n"] >= 6
        conn.commit()
    again = tell_year(made.owner_url, seed=3, until=now, count=900, processes=1)
    assert again.told == done.told
    with connect(made.owner_url) as conn:
        assert conn.execute(counted).fetchone() == first
