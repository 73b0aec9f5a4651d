"""The inbox, the tasks and the overdue board: each viewer's open cases, all of them, in their order.

What should be there is found by the other way: every case is read, the scope is asked of each, and they are sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from gisops.access import scopes
from gisops.cases import desk, moves
from gisops.db import queries
from gisops.db.pool import Connection, connect
from tests.api import desk_world
from tests.walk.scope_world import ScopeWorld

LOGINS = (
    "admin.everywhere", "acceptor.everywhere", "supervisor.area", "officer.area", "officer.own_zones", "handler.none",
    "inspector.cells", "planner.everywhere", "department.none", "department.area", "leader.area", "coordinator.area",
)  # fmt: skip
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
_SQL = queries.load("tests.api", "desk_world.sql")


@pytest.fixture(scope="module")
def world(database: Any) -> ScopeWorld:
    return desk_world.drawn(database, 5, 420)


@pytest.fixture(scope="module")
def owner(database: Any, world: ScopeWorld) -> Iterator[Connection]:
    with connect(database.owner_url, autocommit=True) as conn:
        yield conn


@pytest.fixture(scope="module")
def client(database: Any, world: ScopeWorld) -> Iterator[Callable[[str], TestClient]]:
    """A function that gives a signed-in caller."""
    tokens = {account.login: account.token for account in world.accounts}
    with TestClient(create_app(database.settings())) as served:

        def signed_in(login: str) -> TestClient:
            served.headers["Authorization"] = f"Bearer {tokens[login]}"
            return served

        yield signed_in


def _account(owner: Connection, login: str) -> dict[str, Any]:
    row = owner.execute(
        "SELECT a.account_id, a.role, a.staff_id, coalesce(a.organisation_id, s.organisation_id) AS organisation_id"
        " FROM accounts a LEFT JOIN staff s USING (staff_id) WHERE a.login = %s",
        [login],
    ).fetchone()
    assert row is not None
    return row


def _urgent(row: dict[str, Any]) -> tuple[datetime, str]:
    deadline = row["deadline"] if row["runs"] else row["case_deadline"]
    return deadline or FOREVER, str(row["case_id"])


def _light(row: dict[str, Any]) -> str:
    deadline = row["deadline"] if row["runs"] else row["case_deadline"]
    if deadline is None or row["paused_at"] is not None:
        return "grey"
    if deadline <= row["now"]:
        return "red"
    early = row["due_kind"] is None or (row["due_kind"] == "remind" and row["due_at"] > row["now"])
    return "green" if early else "yellow"


def _seen(owner: Connection, login: str) -> list[dict[str, Any]]:
    """All open cases in scope, the gravest first, and of those what runs out first."""
    scope = scopes.scope_of(owner, _account(owner, login)["account_id"])
    rows = [
        row
        for row in owner.execute(_SQL["open"]).fetchall()
        if scope.sees(row["unit_id"], (row["handler_id"], row["superior_id"]), row["organisation_id"])
    ]
    return sorted(rows, key=lambda row: (-row["priority"], *_urgent(row)))


def _walk(client: TestClient, path: str, limit: int, member: str = "cases", **query: Any) -> list[dict[str, Any]]:
    """Every page of a list."""
    found: list[dict[str, Any]] = []
    answer = client.get(path, params={**query, "limit": limit})
    while True:
        assert answer.status_code == 200, answer.text
        found += answer.json()[member]
        if answer.json()["next"] is None:
            return found
        answer = client.get(answer.json()["next"])


def _numbers(rows: list[dict[str, Any]]) -> list[str]:
    return [row["case_no"] for row in rows]


@pytest.mark.parametrize("login", LOGINS)
def test_the_inbox_is_what_comes_first_of_what_the_role_has_to_do(client: Any, owner: Connection, login: str) -> None:
    role = _account(owner, login)["role"]
    states = desk.states_of(role)
    expected = [row for row in _seen(owner, login) if row["state"] in states]
    found = _walk(client(login), "/api/inbox", 7)
    assert _numbers(found) == _numbers(expected)
    for row, told in zip(expected, found, strict=True):
        assert told["clock"]["light"] == _light(row), told
        assert told["allowed"] == moves.allowed(row["state"], role)
        assert told["priority"] == ("none", "low", "high", "critical")[row["priority"]]
    counts = client(login).get("/api/inbox").json()["counts"]
    assert {one["state"]: one["count"] for one in counts} == {
        state: sum(row["state"] == state for row in expected) for state in states
    }


def test_everybody_together_has_something_to_do(client: Any, owner: Connection) -> None:
    sizes = {login: len(_walk(client(login), "/api/inbox", 200)) for login in LOGINS}
    working = ("admin.everywhere", "leader.area", "department.none", "handler.none", "officer.area")
    assert not {login: sizes[login] for login in working if sizes[login] <= 5}


@pytest.mark.parametrize(
    "asked",
    [
        {"state": ["handling", "disputed"]},
        {"state": ["suspended"]},
        {"severity": "danger"},
        {"severity": "minor", "state": list(desk.OPEN_STATES)},
    ],
    ids=str,
)
@pytest.mark.parametrize("login", ["admin.everywhere", "officer.area", "department.area"])
def test_filters_narrow_it(client: Any, owner: Connection, login: str, asked: dict[str, Any]) -> None:
    states = asked.get("state") or desk.states_of(_account(owner, login)["role"])
    expected = [
        row
        for row in _seen(owner, login)
        if row["state"] in states and row["severity"] == asked.get("severity", row["severity"])
    ]
    assert _numbers(_walk(client(login), "/api/inbox", 5, **asked)) == _numbers(expected)


def test_a_category_an_organisation_and_a_street_narrow_it(client: Any, owner: Connection) -> None:
    rows = _seen(owner, "admin.everywhere")
    for name, column in (("category", "category"), ("organisation", "organisation"), ("street", "street_code")):
        for value in {row[column] for row in rows if row[column]}:
            expected = [row for row in rows if row[column] == value]
            found = _walk(client("admin.everywhere"), "/api/inbox", 50, state=list(desk.OPEN_STATES), **{name: value})
            assert _numbers(found) == _numbers(expected), (name, value)


@pytest.mark.parametrize("login", LOGINS)
def test_tasks_are_ones_own_and_what_waits_where_one_looks(client: Any, owner: Connection, login: str) -> None:
    account = _account(owner, login)
    walks = {"verifying", "checking"} if account["role"] in ("supervisor", "officer") else set()
    expected = [
        row
        for row in _seen(owner, login)
        if (account["staff_id"] is not None and row["handler_id"] == account["staff_id"])
        or row["state"] in walks
        or (
            account["role"] == "department"
            and row["organisation_id"] == account["organisation_id"]
            and row["state"] in ("dispatched", "simple_open", "handling", "suspended")
        )
    ]
    assert _numbers(_walk(client(login), "/api/me/tasks", 6, "tasks")) == _numbers(expected)


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("by", ["organisation", "street", "category"])
def test_the_overdue_board_counts_and_lists_what_is_late(client: Any, owner: Connection, login: str, by: str) -> None:
    rows = _seen(owner, login)
    late = sorted((row for row in rows if _light(row) in ("red", "yellow")), key=_urgent)
    found = _walk(client(login), "/api/overdue", 9, by=by)
    assert _numbers(found) == _numbers(late)
    lights = [row["clock"]["light"] for row in found]
    assert lights == sorted(lights), "red before yellow"
    groups = client(login).get("/api/overdue", params={"by": by}).json()["groups"]
    clocked = [row for row in late if row["runs"]]
    assert sum(group["red"] for group in groups) == sum(_light(row) == "red" for row in clocked)
    assert sum(group["yellow"] for group in groups) == sum(_light(row) == "yellow" for row in clocked)
    assert [group["red"] for group in groups] == sorted((group["red"] for group in groups), reverse=True)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/inbox?state=closed", "invalid_input"),
        ("/api/inbox?state=none", "invalid_input"),
        ("/api/inbox?severity=none", "invalid_input"),
        ("/api/inbox?organisation=none", "unknown_organisation"),
        ("/api/inbox?category=none", "unknown_category"),
        ("/api/inbox?limit=0", "invalid_body"),
        ("/api/inbox?after=none", "invalid_input"),
        ("/api/inbox?after=-4~infinity~0199aaaa-0000-7000-8000-000000000000", "invalid_input"),
        ("/api/inbox?after=0~2026-11-22 10:00:00~0199aaaa-0000-7000-8000-000000000000", "invalid_input"),
        ("/api/inbox?after=0~2026-13-22 10:00:00%2B00~0199aaaa-0000-7000-8000-000000000000", "invalid_input"),
        ("/api/overdue?by=staff", "invalid_body"),
        ("/api/me/tasks?after=%00", "invalid_body"),
    ],
)
def test_what_is_asked_wrongly_is_told(client: Any, path: str, code: str) -> None:
    answer = client("admin.everywhere").get(path)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_nobody_without_a_sign_in_has_an_inbox(client: Any) -> None:
    served = client("admin.everywhere")
    del served.headers["Authorization"]
    for path in ("/api/inbox", "/api/me/tasks", "/api/overdue", "/api/cases.csv"):
        assert served.get(path).status_code == 401
