"""What the desk reads of 40,000 cases, of which 4,000 are open: few rows, by indexes, and nothing of what is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gisops import city as cities
from gisops.access import scopes
from gisops.access.people import Actor
from gisops.cases import desk
from gisops.db import queries
from gisops.db.pool import connect
from tests.plans import nodes, written_down

_SQL = queries.load("tests.gisops.cases", "desk_plans.sql")
CASES, OPEN = 40_000, 4_000


@pytest.fixture(scope="module")
def many(fresh_database: Callable[..., Any]) -> Any:
    """The sample city with many cases in 2,500 made-up cells."""
    made = fresh_database("sample_template")
    with connect(made.owner_url, autocommit=True, unhurried=True) as conn:
        conn.execute(_SQL["cells"])
        conn.execute(_SQL["cases"], {"count": CASES, "open": OPEN})
        conn.execute(_SQL["clocks"])
        conn.execute("VACUUM (ANALYZE) cases, case_clocks")
    return made


@pytest.fixture
def asked(many: Any) -> Iterator[Callable[..., tuple[int, set[str], int]]]:
    """A function that asks as an account of so many units: rows read, by which ways, how many cases it got."""
    with connect(many.admin_url) as conn:
        city = cities.load(conn)
        plans = written_down(conn)

        def ask(login: str, units: int, act: Callable[..., dict[str, Any]]) -> tuple[int, set[str], int]:
            row = conn.execute(_SQL["account"], {"login": login}).fetchone()
            assert row is not None
            conn.execute(_SQL["forget_units"], row)
            conn.execute(_SQL["units"], {**row, "most": units})
            conn.execute("ANALYZE account_units")
            who = Actor(row["account_id"], login, row["role"], row["staff_id"], row["organisation_id"])
            scopes.look_as(conn, who.account_id)
            conn.execute("SET LOCAL client_min_messages = log")
            plans.clear()
            got = act(conn, city, who)["cases"]
            conn.execute("RESET client_min_messages")
            conn.execute("RESET ROLE")
            steps = [n for n in nodes(plans) if n.get("Relation Name") in ("cases", "case_clocks")]
            read = sum(n["Actual Loops"] * (n["Actual Rows"] + n.get("Rows Removed by Filter", 0)) for n in steps)
            return round(read), {f"{n['Node Type']} on {n['Relation Name']}" for n in steps}, len(got)

        yield ask
        conn.rollback()


def _inbox(conn: Any, city: Any, who: Actor) -> dict[str, Any]:
    return desk.inbox(conn, city, who, limit=20)


def _tasks(conn: Any, city: Any, who: Actor) -> dict[str, Any]:
    return desk.tasks(conn, city, who, limit=20)


@pytest.mark.parametrize(
    ("login", "units", "act", "most_read"),
    [
        # so many as there are in the states, counted; and a page of each step
        ("desk", 0, _inbox, 3_500),
        ("department", 0, _tasks, 300),
        ("handler", 0, _tasks, 300),
        ("officer", 5, _inbox, 400),
        ("officer", 25, _inbox, 1_200),
        ("officer", 600, _inbox, 5_000),
        ("officer", 25, _tasks, 1_200),
    ],
)
def test_the_desk_walks_through_little(asked: Any, login: str, units: int, act: Any, most_read: int) -> None:
    read, ways, got = asked(login, units, act)
    print(login, units, act.__name__, read, ways, got)
    assert got
    assert read <= most_read, (read, ways)
    assert not {way for way in ways if way.startswith("Seq Scan")}, ways
