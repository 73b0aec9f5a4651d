"""What goes before what: the priority of a case, by its own facts, and the running clock that carries it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from gisops import agreeing, operations
from gisops import city as cities
from gisops.access import people, scopes
from gisops.cases import cases, desk
from gisops.cases.reports import NewReport
from gisops.city import City
from gisops.db.pool import Connection, connect

# Of normal severity, and nothing that is filed by itself needs more than a report.
NORMAL = "E01-13"


@pytest.fixture
def conn(sample_database: Any) -> Iterator[Connection]:
    """The doors' own connection: what counts needs no more rights than they have; rolled back."""
    with connect(sample_database.app_url) as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def city(conn: Connection) -> City:
    return cities.load(conn)


@pytest.mark.parametrize(
    ("severity", "reports", "urged", "again", "hotline", "priority"),
    [
        ("minor", 1, 0, False, False, "none"),
        ("normal", 2, 0, False, False, "none"),
        ("normal", 3, 0, False, False, "low"),
        ("minor", 1, 0, False, True, "low"),
        ("normal", 5, 0, False, False, "high"),
        ("minor", 1, 1, False, False, "high"),
        ("normal", 1, 0, True, False, "high"),
        ("urgent", 1, 0, False, False, "high"),
        ("urgent", 9, 4, True, True, "high"),
        ("minor", 10, 0, False, False, "critical"),
        ("danger", 1, 0, False, False, "critical"),
    ],
)
def test_the_highest_of_its_facts_counts(
    conn: Connection, severity: str, reports: int, urged: int, again: bool, hotline: bool, priority: str
) -> None:
    row = conn.execute(
        "SELECT case_priority(%s, %s, %s, %s, %s) AS level", [severity, reports, urged, again, hotline]
    ).fetchone()
    assert row is not None
    assert cases.PRIORITIES[row["level"]][0] == priority


def test_what_is_urged_goes_up_on_the_desk_at_once(conn: Connection, city: City) -> None:
    assert city.category(NORMAL).severity in ("normal", "minor")
    west, south, east, north = city.extent
    key, place = uuid4(), ((west + east) / 2, (south + north) / 2)
    report = NewReport(key, "hotline", NORMAL, *place, "WGS84", 5.0, "样例：路面破损")
    receipt = operations.receive_report(conn, city, report, None)
    case_no = json.loads(receipt.answer)["case"]["case_no"]
    assert carried(conn, case_no) == (1, [1], 0)
    # a reporter's word weighs nothing while the time hardly runs; that of staff does
    agreeing.reporter_urges(conn, city, key, "样例：请尽快处理")
    assert carried(conn, case_no) == (1, [1], 0)
    acceptor = people.account(conn, "desk")
    assert acceptor is not None
    agreeing.urge(conn, city, case_no, "样例：请尽快处理", acceptor.actor)
    assert carried(conn, case_no) == (2, [2], 1)

    leader = people.account(conn, "leader")
    assert leader is not None
    scopes.look_as(conn, leader.actor.account_id)
    inbox = desk.inbox(conn, city, leader.actor, states=list(desk.OPEN_STATES), limit=1_000)["cases"]
    ranks = [[code for code, _, _ in cases.PRIORITIES].index(row["priority"]) for row in inbox]
    assert ranks == sorted(ranks, reverse=True)
    (found,) = [row for row in inbox if row["case_no"] == case_no]
    assert (found["priority"], found["priority_zh"], found["urged_count"]) == ("high", "优先", 1)
    assert (found["is_rework"], found["duplicate_of"], found["recurrence_of"]) == (False, None, None)


def carried(conn: Connection, case_no: str) -> tuple[int, list[int], int]:
    """The priority of a case, that of the clock that runs in it, and how often it was urged."""
    row = conn.execute(
        "SELECT c.priority, c.urged_count, ARRAY(SELECT k.priority::int FROM case_clocks k"
        " WHERE k.district_code = c.district_code AND k.case_id = c.case_id AND k.stopped_at IS NULL) AS running"
        " FROM cases c WHERE c.case_no = %s",
        [case_no],
    ).fetchone()
    assert row is not None
    return row["priority"], row["running"], row["urged_count"]
