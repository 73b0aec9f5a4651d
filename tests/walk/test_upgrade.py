"""A city that an earlier release left behind goes on under this one: every row as it was, and work goes on.

`previous_release/after_NNNN.sql.xz` is a dump of a database which a release wrote whose last step had that number;
docs/howto/make-a-release.md says how to make the next one.
"""

from __future__ import annotations

import lzma
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from psycopg import sql

from api.doctor import examine_database
from gisops import city as cities
from gisops import cluster_files, operations
from gisops.access import scopes
from gisops.access.people import Actor
from gisops.access.roles import EVERYWHERE_ROLES
from gisops.cases import case_clocks, moves
from gisops.db.migrate import migrate, status
from gisops.db.pool import Connection, connect
from gisops.simulation import books
from layers.catalog import view_sql
from tests.conftest import SAMPLE_PASSWORD, Database, serve

DUMPS = sorted((Path(__file__).parent / "previous_release").glob("after_*.sql.xz"))
MIGRATIONS = Path(__file__).parents[2] / "gisops" / "db" / "migrations"
# What a migration is there to change, and the words of notices, which come with each release.
OWN = {"migrations", "reapplied", "spatial_ref_sys", "notice_texts"}
# The step by which cases got their clocks; what a later release leaves behind has run by them.
CLOCKS = 15
# What a step changed on purpose in rows of before: the columns that are left aside, and the rows that are compared.
ON_PURPOSE: dict[str, tuple[set[str], str]] = {
    # 0023: supervisors walk the ground and inspectors give orders; the sample had the two words the wrong way round.
    "staff": ({"role", "post_en"}, "true"),
    "accounts": ({"login", "role", "scope_version"}, "true"),
    # 0025: the order in which the desk goes.
    "cases": ({"priority"}, "true"),
    # 0023: a review of an appeal has its limit.
    "stage_limits": (set(), "step <> 'appeal'"),
    # 0024: rows for reporters without an account, which nobody could read.
    "notices": (set(), "report_id IS NULL OR reporter_id IS NOT NULL"),
}


@dataclass(frozen=True)
class Upgraded:
    """The database, its rows as the earlier release left them, that one's last step, and those applied since."""

    database: Database
    before: dict[str, tuple[list[str], str]]
    last: int
    steps: tuple[str, ...]


def tables(conn: Connection) -> dict[str, list[str]]:
    """Tables with their columns; parts of a table belong to it."""
    found: dict[str, list[str]] = {}
    for row in conn.execute(
        """SELECT c.relname AS name, a.attname AS column FROM pg_class c
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           ORDER BY c.relname, a.attnum"""
    ):
        if row["name"] not in OWN and row["column"] not in ON_PURPOSE.get(row["name"], (set(),))[0]:
            found.setdefault(row["name"], []).append(row["column"])
    return found


def rows(conn: Connection, table: str, columns: list[str]) -> str:
    """Count and hash of all rows over these columns."""
    asked = sql.SQL(
        "SELECT count(*) || ' ' || coalesce(md5(string_agg(r, '|' ORDER BY r)), '') AS hash"
        " FROM (SELECT md5(row({})::text) AS r FROM {} WHERE {}) t"
    ).format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.Identifier(table),
        sql.SQL(ON_PURPOSE.get(table, (set(), "true"))[1]),
    )
    row = conn.execute(asked).fetchone()
    assert row is not None
    return str(row["hash"])


@pytest.fixture(scope="module", params=DUMPS, ids=lambda path: path.name[:10])
def upgraded(fresh_database: Callable[..., Database], request: pytest.FixtureRequest) -> Upgraded:
    made = fresh_database("empty_template")
    # psql, as a dump is made for: COPY with its rows.
    subprocess.run(
        [cluster_files.binaries() / "psql", "-q", "-X", "-w", "-v", "ON_ERROR_STOP=1", "-d", made.admin_url],
        input=lzma.decompress(request.param.read_bytes()), stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    with connect(made.owner_url, unhurried=True) as conn:
        before = {table: (columns, rows(conn, table, columns)) for table, columns in tables(conn).items()}
    report = migrate(made.owner_url, view_sql())
    return Upgraded(made, before, int(request.param.name[6:10]), report.steps)


def test_the_dump_holds_what_a_release_can_hold(upgraded: Upgraded) -> None:
    counted = {table: int(hashed.split()[0]) for table, (_, hashed) in upgraded.before.items()}
    # The small district has no pipes, greens, cameras, sensors, vehicles.
    empty = {"rate_buckets", "cameras", "green_areas", "pipes", "sensors", "vehicles"}
    assert {table for table, n in counted.items() if n == 0} <= empty
    assert counted["cases"] > 150
    assert counted["case_history"] > 2 * counted["cases"]
    with connect(upgraded.database.owner_url) as conn:
        held = conn.execute(
            """SELECT (SELECT count(*) FROM dispatch_decisions WHERE by_hand) AS by_hand,
                      (SELECT count(*) FROM sessions WHERE revoked_at IS NULL) AS signed_in,
                      (SELECT count(*) FROM outbox WHERE pos IS NULL) AS unstamped"""
        ).fetchone()
    assert held is not None
    assert all(n > 0 for n in held.values()), held


def test_the_steps_since_then_were_applied_and_all_is_up_to_date(upgraded: Upgraded) -> None:
    numbers = sorted(int(path.name[:4]) for path in MIGRATIONS.glob("[0-9]*.sql"))
    assert [int(step[:4]) for step in upgraded.steps] == [number for number in numbers if number > upgraded.last]
    with connect(upgraded.database.app_url) as conn:
        assert status(conn, view_sql()).up_to_date
        assert [found for found in examine_database(conn) if not found.ok] == []


def test_every_row_of_every_table_is_what_it_was(upgraded: Upgraded) -> None:
    changed = []
    with connect(upgraded.database.owner_url, unhurried=True) as conn:
        there = tables(conn)
        for table, (columns, was) in upgraded.before.items():
            assert set(columns) <= set(there.get(table, ())), table
            if rows(conn, table, columns) != was:
                changed.append(table)
    assert changed == []


def test_every_open_case_of_before_has_its_clock(upgraded: Upgraded) -> None:
    """One that runs in each, that of its state, begun when it came into it; and nobody is told of the past again."""
    if upgraded.last >= CLOCKS:
        # it ran by its clocks before; that they go on is the next test's
        held = int(upgraded.before["case_clocks"][1].split()[0])
        with connect(upgraded.database.owner_url) as conn:
            assert conn.execute("SELECT count(*) AS n FROM case_clocks").fetchone() == {"n": held}
        return
    with connect(upgraded.database.owner_url) as conn:
        found = conn.execute(
            """SELECT c.state, k.step, k.started_at = last.at AS since_then, k.paused_at IS NOT NULL AS paused, k.level,
                      k.due_at >= m.applied_at - interval '1 minute' AS ahead,
                      k.organisation_id = c.organisation_id AS own, k.due_at IS NULL AS never,
                      k.deadline = c.deadline AS its_own, c.deadline IS NULL AS endless
               FROM cases c
               LEFT JOIN case_clocks k
                 ON k.district_code = c.district_code AND k.case_id = c.case_id AND k.stopped_at IS NULL
               LEFT JOIN LATERAL (SELECT max(h.at) AS at FROM case_history h
                                  WHERE h.district_code = c.district_code AND h.case_id = c.case_id) last ON true
               CROSS JOIN (SELECT applied_at FROM migrations WHERE number = 15) m
               WHERE c.stage < 7"""
        ).fetchall()
        closed = conn.execute(
            "SELECT count(*) AS n FROM case_clocks k JOIN cases c USING (district_code, case_id) WHERE c.stage = 7"
        ).fetchone()
    assert len(found) > 10
    assert closed == {"n": 0}
    for row in found:
        assert row["step"] == case_clocks.STEPS[row["state"]], row
        assert row["since_then"], row
        assert row["level"] == 0
        assert row["paused"] == (row["state"] == "suspended")
        assert row["never"] or row["ahead"], row
        if row["step"] == "handle":
            assert row["own"]
            assert row["endless"] or row["its_own"], row


def test_the_books_balance_of_cases_in_every_state(upgraded: Upgraded) -> None:
    """Clocks, counters, versions and histories of all that has lived by them, as after each step of a simulation."""
    if upgraded.last < CLOCKS:
        with connect(upgraded.database.owner_url) as conn:
            assert conn.execute("SELECT * FROM broken_history()").fetchall() == []
        return
    with connect(upgraded.database.owner_url, unhurried=True) as conn:
        assert books.broken(conn) == []
        states = {row["state"] for row in conn.execute("SELECT DISTINCT state FROM cases")}
        running = conn.execute(
            """SELECT c.state, k.step, c.organisation_id, k.organisation_id AS runs_for,
                      k.paused_at IS NOT NULL AS paused
               FROM cases c JOIN case_clocks k USING (district_code, case_id)
               WHERE k.stopped_at IS NULL AND k.step <> 'subtask'"""
        ).fetchall()
        beside = conn.execute(
            """SELECT (SELECT array_agg(DISTINCT state ORDER BY state) FROM approvals) AS approvals,
                      (SELECT array_agg(DISTINCT state ORDER BY state) FROM case_subtasks) AS parts,
                      (SELECT array_agg(DISTINCT state ORDER BY state) FROM supervision_orders) AS orders,
                      (SELECT count(DISTINCT decided_at IS NULL) FROM disputes) AS disputes,
                      (SELECT array_agg(DISTINCT state ORDER BY state) FROM deliveries) AS deliveries"""
        ).fetchone()
    assert states >= moves.STAGES.keys() - {"accepted", "simple_open"}
    assert {row["state"] for row in running if row["paused"]} == {"suspended"}
    assert all(row["organisation_id"] == row["runs_for"] for row in running if row["step"] in ("ack", "handle"))
    assert beside is not None
    assert beside["approvals"] == ["granted", "refused", "requested", "withdrawn"]
    assert beside["parts"] == ["acknowledged", "cancelled", "done", "returned"]
    assert beside["orders"] == ["answered", "closed", "open"]
    assert beside["disputes"] == 2
    assert "waiting" in beside["deliveries"]
    assert "delivered" in beside["deliveries"]


def test_rows_lie_in_units_and_accounts_look_where_they_did(upgraded: Upgraded) -> None:
    """Nobody who worked with the whole city loses it; officers get the zones they are sent to."""
    with connect(upgraded.database.owner_url, unhurried=True) as conn:
        assert scopes.unsettled(conn) == {}
        levels = conn.execute("SELECT level, count(*) AS n FROM cases JOIN scope_units USING (unit_id) GROUP BY 1")
        found = {row["level"]: row["n"] for row in levels}
        # A few were reported a step beyond the city's edge, where no cell is, or outside of all.
        assert found.pop(5) > 0.95 * int(upgraded.before["cases"][1].split()[0])
        assert set(found) <= {1, 2, 3, 4}
        accounts = conn.execute(
            "SELECT account_id, role, everywhere FROM accounts WHERE login NOT LIKE 'sim-%%'", []
        ).fetchall()
        units = {row["role"]: scopes.scope_of(conn, row["account_id"]).units for row in accounts}
        assert {row["role"] for row in accounts if row["everywhere"]} == EVERYWHERE_ROLES & units.keys()
        assert units["officer"]
        assert units["handler"] == frozenset()
        # The step filled all of it in: what would be done now is nothing.
        assert (scopes.expand(conn), scopes.settle(conn)) == (0, 0)


def test_history_lies_in_months_and_is_whole(upgraded: Upgraded) -> None:
    with connect(upgraded.database.owner_url) as conn:
        assert conn.execute("SELECT * FROM broken_history()").fetchall() == []
        lies = conn.execute("SELECT tableoid::regclass::text AS part, count(*) AS n FROM case_history GROUP BY 1")
        parts = {row["part"]: row["n"] for row in lies}
    assert "case_history_2026_11" in parts
    assert "case_history_rest" not in parts
    assert sum(parts.values()) == int(upgraded.before["case_history"][1].split()[0])


def test_a_decision_of_then_is_made_again_to_the_letter(upgraded: Upgraded) -> None:
    with connect(upgraded.database.app_url) as conn:
        city, by = cities.load(conn), Actor(1, "admin", "admin", None, None)
        cases = conn.execute("SELECT case_no FROM cases ORDER BY case_no").fetchall()
        scopes.look_as(conn, by.account_id)
        for case in cases[::7]:
            again = operations.replay(conn, city, case["case_no"], "as_recorded", None, "recorded", by)
            assert again["same"], again["differences"]


def test_it_is_served_and_work_goes_on(upgraded: Upgraded) -> None:
    """Last in this file: a worker that runs drops what is a week old, events and sign-ins."""
    with connect(upgraded.database.owner_url) as conn:
        west, south, east, north = cities.load(conn).extent
        old = conn.execute("SELECT client_uid FROM intake_keys ORDER BY 1 LIMIT 1").fetchone()
        desk = conn.execute("SELECT login FROM accounts WHERE role = 'acceptor' LIMIT 1").fetchone()
    assert old is not None
    assert desk is not None
    with serve(upgraded.database) as server, httpx2.Client(base_url=server.base_url, timeout=10) as web:
        body: dict[str, Any] = {
            "client_uid": str(uuid4()), "category": "E04-05", "channel": "citizen", "crs": "WGS84", "accuracy_m": 5,
            "lon": (west + east) / 2, "lat": (south + north) / 2,
        }  # fmt: skip
        assert web.post("/api/reports", json=body).status_code == 201
        assert web.get(f"/api/reports/{old['client_uid']}").status_code == 200
        said = web.post("/api/session", json={"login": desk["login"], "password": SAMPLE_PASSWORD})
        assert said.status_code == 200, said.text
        signed_in = {"Authorization": f"Bearer {said.json()['token']}"}
        shown = web.get("/api/cases", params={"limit": 1000}, headers=signed_in).json()["cases"]
        assert len(shown) == int(upgraded.before["cases"][1].split()[0]) + 1
        waiting = next(case for case in shown if case["state"] == "filed")
        sent = web.post(
            f"/api/cases/{waiting['case_no']}/dispatch",
            json={"organisation": bureau(upgraded), "reason": "样例 / sample", "expected_version": waiting["version"]},
            headers=signed_in,
        )
        assert sent.status_code == 200, sent.text
    with connect(upgraded.database.owner_url) as conn:
        assert conn.execute("SELECT * FROM broken_history()").fetchall() == []


def bureau(upgraded: Upgraded) -> str:
    with connect(upgraded.database.owner_url) as conn:
        row = conn.execute("SELECT code FROM organisations WHERE kind = 'bureau' ORDER BY 1 LIMIT 1").fetchone()
    assert row is not None
    return str(row["code"])
