"""What is due is done once: at its share of the limit, after any jump of the clock, by however many workers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from gisops import city, operations, timers
from gisops.cases.reports import NewReport
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.keys import new_key
from tests.clock import Clock, moved

MINUTE = timedelta(minutes=1)


class World:
    """A sample city with a clock of its own, and the doors' connection to it."""

    def __init__(self, database: Any) -> None:
        self.database = database
        self.clock: Clock = moved(database)
        self.conn: Connection = connect(database.app_url, autocommit=True)
        self.city: City = city.load(self.conn)
        self.began = self.clock.now()

    def anew(self) -> None:
        """At the first moment again, with nothing due and nobody told: what was left by others is not looked at."""
        self.clock.set(self.began)
        self.as_owner("UPDATE case_clocks SET due_at = NULL, due_kind = NULL WHERE due_at IS NOT NULL")
        self.as_owner("DELETE FROM notices")

    def as_owner(self, statement: str, *values: Any) -> None:
        with connect(self.database.owner_url, autocommit=True) as conn:
            conn.execute(statement.encode(), values)

    def report(self) -> dict[str, Any]:
        west, south, east, north = self.city.extent
        sent = NewReport(uuid4(), "citizen", "E04-05", (west + east) / 2, (south + north) / 2, "WGS84", 5.0)
        with self.conn.transaction():
            operations.receive_report(self.conn, self.city, sent, None)
        return self.one("SELECT * FROM cases ORDER BY case_id DESC LIMIT 1")

    def case_at(self, step: str, minutes: float, **columns: Any) -> dict[str, Any]:
        """A fresh case whose running clock is of this step and has so many minutes, from now on."""
        case = self.report()
        now = self.clock.now()
        due = {"due_at": now + minutes * 0.8 * MINUTE, "due_kind": "remind"} | columns
        self.as_owner(
            "UPDATE case_clocks SET step = %s, unit = 'minute', value = %s, started_at = %s, deadline = %s, level = 0,"
            " due_at = %s, due_kind = %s WHERE case_id = %s AND stopped_at IS NULL",
            step, minutes, now, now + minutes * MINUTE, due["due_at"], due["due_kind"], case["case_id"],
        )  # fmt: skip
        return case

    def one(self, statement: str, *values: Any) -> dict[str, Any]:
        row = self.conn.execute(statement.encode(), values).fetchone()
        assert row is not None
        return row

    def told(self, case: dict[str, Any]) -> list[tuple[str, Any]]:
        """What timers told of a case: kind and share of the limit, once for each who was told."""
        kinds = ["remind", "overdue", "escalate", "promote", "timer_failed"]
        rows = self.conn.execute(
            "SELECT kind, facts FROM notices WHERE case_id = %s AND kind = ANY (%s) ORDER BY notice_id",
            [case["case_id"], kinds],
        )
        return [(row["kind"], row["facts"].get("percent")) for row in rows]

    def running(self, case: dict[str, Any]) -> dict[str, Any]:
        return self.one("SELECT * FROM case_clocks WHERE case_id = %s AND stopped_at IS NULL", case["case_id"])


@pytest.fixture(scope="module")
def _world(sample_database: Any) -> Iterator[World]:
    made = World(sample_database)
    yield made
    made.conn.close()


@pytest.fixture
def world(_world: World) -> World:
    _world.anew()
    return _world


def test_each_share_of_a_limit_is_told_once(world: World) -> None:
    case = world.case_at("handle", 100)
    began = world.clock.now()
    seen: dict[int, set[tuple[str, Any]]] = {}
    for minute in (79, 80, 81, 99, 100, 149, 150, 199, 200, 300):
        world.clock.set(began + minute * MINUTE)
        timers.fire(world.conn, world.city)
        assert timers.fire(world.conn, world.city) == 0, "fired again"
        seen[minute] = set(world.told(case))
    assert seen[79] == set()
    assert seen[80] == seen[99] == {("remind", 80)}
    assert seen[100] == seen[149] == {("remind", 80), ("overdue", 100)}
    assert seen[150] == seen[199] == {("remind", 80), ("overdue", 100), ("escalate", 150)}
    assert seen[300] == {("remind", 80), ("overdue", 100), ("escalate", 150), ("escalate", 200)}
    clock = world.running(case)
    assert (clock["level"], clock["due_at"], clock["due_kind"]) == (3, None, None)


@pytest.mark.parametrize(
    ("jump", "kind", "percent"),
    [(85, "remind", 80), (140, "overdue", 100), (170, "escalate", 150), (24 * 60, "escalate", 200)],
)
def test_what_a_jump_of_the_clock_passed_is_told_as_one(world: World, jump: int, kind: str, percent: int) -> None:
    case = world.case_at("handle", 100)
    world.clock.ahead(jump * MINUTE)
    while timers.fire(world.conn, world.city):
        pass
    told = world.told(case)
    assert set(told) == {(kind, percent)}
    assert max(Counter(told).values()) <= 4, "one for each who is told, and no more"


def test_a_clock_that_goes_back_fires_nothing_again(world: World) -> None:
    case = world.case_at("handle", 100)
    began = world.clock.now()
    world.clock.set(began + 101 * MINUTE)
    timers.fire(world.conn, world.city)
    before = world.told(case)
    for minute in (-1440, 0, 85, 101, 102):
        world.clock.set(began + minute * MINUTE)
        assert timers.fire(world.conn, world.city) == 0
    assert world.told(case) == before


def test_nobody_acknowledged_it_is_a_move_of_the_case(world: World) -> None:
    case = world.case_at("ack", 20)
    assert case["state"] == "dispatched"
    world.clock.ahead(21 * MINUTE)
    timers.fire(world.conn, world.city)
    now = world.one("SELECT * FROM cases WHERE case_id = %s", case["case_id"])
    assert (now["state"], now["version"], now["escalation"]) == ("dispatched", case["version"] + 1, 1)
    entry = world.one("SELECT * FROM case_history WHERE case_id = %s ORDER BY seq DESC LIMIT 1", case["case_id"])
    assert (entry["action"], entry["role"], entry["account_id"]) == ("escalate", "system", None)
    world.clock.ahead(timedelta(days=1))
    while timers.fire(world.conn, world.city):
        pass
    acts = world.one(
        "SELECT count(*) AS n, max((payload ->> 'level')::int) AS level FROM case_history"
        " WHERE case_id = %s AND action = 'escalate'",
        case["case_id"],
    )
    assert acts == {"n": 2, "level": 3}, "the day's two levels are one entry"
    assert world.running(case)["due_at"] is None


def test_a_simple_case_that_is_overdue_is_promoted_once(world: World) -> None:
    case = world.case_at("simple", 60)
    world.as_owner(
        "UPDATE cases SET state = 'simple_open', stage = 4, flow = 'simple', assessed = false WHERE case_id = %s",
        case["case_id"],
    )
    world.clock.ahead(5 * timedelta(hours=1))
    while timers.fire(world.conn, world.city):
        pass
    now = world.one("SELECT * FROM cases WHERE case_id = %s", case["case_id"])
    assert (now["flow"], now["assessed"]) == ("standard", True)
    promoted = world.conn.execute(
        "SELECT 1 FROM case_history WHERE case_id = %s AND action = 'promote'", [case["case_id"]]
    ).fetchall()
    assert len(promoted) == 1
    assert {kind for kind, _ in world.told(case)} >= {"promote"}


def test_one_that_cannot_be_done_is_set_aside_and_holds_up_no_other(world: World) -> None:
    # a suspension that is over, of a case that is not suspended: no move allows it
    bad = world.case_at("handle", 100, due_at=world.clock.now(), due_kind="resume")
    good = [world.case_at("handle", 100) for _ in range(3)]
    world.clock.ahead(101 * MINUTE)
    timers.fire(world.conn, world.city)
    for case in good:
        assert set(world.told(case)) == {("overdue", 100)}
    clock = world.running(bad)
    assert (clock["due_kind"], clock["due_attempts"], clock["due_error"]) == ("resume", 1, "illegal_move")
    assert clock["due_at"] == world.clock.now() + MINUTE
    assert world.told(bad) == [("timer_failed", None)]
    for _ in range(3):
        world.clock.ahead(timedelta(hours=1))
        timers.fire(world.conn, world.city)
    assert world.running(bad)["due_attempts"] == 4, "tried again, at longer intervals, and never lost"
    assert world.told(bad) == [("timer_failed", None)], "the desk is told once"
    assert timers.standing(world.conn)["set_aside"] == 1


def _copies(world: World, count: int, step: str = "handle") -> None:
    """So many cases beside the one that was reported, all with a clock of a hundred minutes that began now."""
    case = world.case_at(step, 100)
    keys = [new_key() for _ in range(count)]
    district = case["district_code"]
    with connect(world.database.owner_url) as conn:
        conn.execute(
            "INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom,"
            " organisation_id, handler_id, superior_id, reported_at, version, unit_id)"
            " SELECT c.district_code, k.key, c.case_no || k.n, c.category_id, c.state, c.stage, c.severity,"
            " c.geom, c.organisation_id, c.handler_id, c.superior_id, c.reported_at, 1, c.unit_id"
            " FROM cases c, unnest(%s::uuid[]) WITH ORDINALITY AS k (key, n) WHERE c.case_id = %s",
            [keys, case["case_id"]],
        )
        conn.execute(
            "INSERT INTO case_clocks (district_code, case_id, clock_no, step, organisation_id, started_at, unit, value,"
            " deadline, due_at, due_kind)"
            " SELECT o.district_code, k.key, 1, o.step, o.organisation_id, o.started_at, o.unit, o.value, o.deadline,"
            " o.due_at + make_interval(secs => random()), o.due_kind"
            " FROM case_clocks o, unnest(%s::uuid[]) AS k (key) WHERE o.case_id = %s AND o.stopped_at IS NULL",
            [keys, case["case_id"]],
        )
    assert district


def _books(world: World) -> dict[str, Any]:
    """Per kind, how many cases were told, and the most that anybody was told of one."""
    return {
        row["kind"]: (row["cases"], row["most"])
        for row in world.conn.execute(
            "SELECT kind, count(DISTINCT case_id) AS cases, max(n) AS most FROM ("
            " SELECT kind, case_id, facts ->> 'deadline', count(*) OVER (PARTITION BY case_id, kind,"
            " facts ->> 'percent', facts ->> 'step') AS n FROM notices"
            " WHERE kind IN ('remind', 'overdue', 'escalate')) q GROUP BY kind"
        )
    }


def _work(world: World, workers: int) -> int:
    """Several workers at once, until nothing is due; returns how many fired."""
    fired = [0] * workers

    def one(n: int) -> None:
        with connect(world.database.app_url, autocommit=True) as conn:
            idle = 0
            while idle < 2:
                done = timers.fire(conn, world.city, 200)
                fired[n] += done
                idle = 0 if done else idle + 1

    threads = [threading.Thread(target=one, args=(n,)) for n in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(fired)


@pytest.mark.parametrize(
    ("jump", "kind"),
    [(timedelta(minutes=82), "remind"), (timedelta(hours=2), "overdue"), (timedelta(days=1), "escalate")],
)
def test_several_workers_fire_each_of_many_once(world: World, jump: timedelta, kind: str) -> None:
    many = 1000
    _copies(world, many - 1)
    world.clock.ahead(jump)
    assert _work(world, 3) == many
    told = _books(world)
    assert set(told) == {kind}
    assert told[kind][0] == many
    people = world.one("SELECT count(*) AS n FROM notices WHERE kind = %s", kind)["n"]
    assert people % many == 0, "each case told the same number of people"
    assert world.one("SELECT count(*) AS n FROM case_clocks WHERE due_at <= app_now()")["n"] == 0


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_sixty_thousand_due_within_seconds_fire_once_each(world: World) -> None:
    many = 60_000
    _copies(world, many - 1)
    world.clock.ahead(timedelta(minutes=82))
    began = datetime.now()
    assert _work(world, 3) == many
    took = (datetime.now() - began).total_seconds()
    print(f"{many} reminders in {took:.1f} s, {many / took:.0f} a second")
    assert _books(world) == {"remind": (many, 1)}
    world.clock.ahead(timedelta(days=1))
    assert _work(world, 3) == many
    told = _books(world)
    assert {kind: cases for kind, (cases, _) in told.items()} == {"remind": many, "escalate": many}
