"""Cases for each viewer: what he may see is there, whole and in order; the rest is as if it had never been."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from gisops.access import scopes
from gisops.access.scopes import Scope
from gisops.cases import moves
from gisops.cases.moves import Addressee, Move
from gisops.db.pool import Connection, connect
from tests.api.test_live import listening

LOGINS = ("admin", "desk", "officer", "handler", "supervisor", "planner", "department", "leader")
CASES = "SELECT case_id, case_no, unit_id, handler_id, superior_id, organisation_id, state, geom FROM cases"


@pytest.fixture
def owner(live_server) -> Iterator[Connection]:
    with connect(live_server.database.owner_url, autocommit=True) as conn:
        yield conn


def _id(conn: Connection, login: str) -> int:
    row = conn.execute("SELECT account_id FROM accounts WHERE login = %s", [login]).fetchone()
    assert row is not None
    return int(row["account_id"])


def _scope(conn: Connection, login: str) -> Scope:
    return scopes.scope_of(conn, _id(conn, login))


def _sees(scope: Scope, row: dict[str, Any]) -> bool:
    return scope.sees(row["unit_id"], (row["handler_id"], row["superior_id"]), row["organisation_id"])


def _expected(conn: Connection, login: str, condition: str = "true") -> list[str]:
    """The cases of a login, newest first, by the other way: all are read, and the scope is asked of each."""
    scope = _scope(conn, login)
    rows = conn.execute(f"{CASES} WHERE {condition} ORDER BY case_id DESC".encode()).fetchall()
    return [row["case_no"] for row in rows if _sees(scope, row)]


def _walk(client: httpx2.Client, limit: int = 1000, **query: Any) -> list[str]:
    """Every page of a list."""
    found: list[str] = []
    answer = client.get("/api/cases", params={**query, "limit": limit}).json()
    while True:
        found += [case["case_no"] for case in answer["cases"]]
        if answer["next"] is None:
            return found
        answer = client.get(answer["next"]).json()


@pytest.fixture(scope="module")
def reported(live_server, caller, city) -> dict[str, Any]:
    """A hundred cases all over, a few of them with each sort of holder; two of them by name: ``inside`` a cell of the
    officer's, ``outside`` all of them; and the points that those two are at.
    """
    database = live_server.database
    points: dict[str, tuple[float, float]] = {}
    with connect(database.owner_url) as conn:
        units = list(_scope(conn, "officer").units)
        rows = conn.execute(
            "SELECT u.unit_id, ST_X(p) AS lon, ST_Y(p) AS lat FROM grid_cells g"
            " JOIN scope_units u ON u.level = 5 AND u.code = g.code, ST_PointOnSurface(g.geom) AS p"
            " WHERE g.valid @> now() ORDER BY u.unit_id = ANY (%s) DESC, md5(g.code) LIMIT 98",
            [units],
        ).fetchall()
        for name, inside in (("inside", True), ("outside", False)):
            points[name] = next((r["lon"], r["lat"]) for r in rows if (r["unit_id"] in units) == inside)
        people = conn.execute(
            "SELECT (SELECT staff_id FROM accounts WHERE login = 'handler') AS handler,"
            " (SELECT staff_id FROM accounts WHERE login = 'officer') AS officer, organisation_id,"
            " o.code AS organisation"
            " FROM accounts JOIN organisations o USING (organisation_id) WHERE login = 'department'"
        ).fetchone()
        assert people is not None
    places = [*points.values(), *((r["lon"], r["lat"]) for r in rows)]
    reports = [
        {
            "client_uid": str(uuid4()),
            "channel": "citizen",
            "category": ("E04-05", "E02-01")[n % 3 == 2],
            "lon": lon,
            "lat": lat,
            "crs": "WGS84",
            "accuracy_m": 5,
            "text": f"样例：积水 {n} / Sample: water {n}",
        }
        for n, (lon, lat) in enumerate(places)
    ]
    answer = caller("admin").post("/api/reports/batch", json={"reports": reports}).json()
    assert answer["rejected"] == 0
    numbers = [one["body"]["case"]["case_no"] for one in answer["answers"]]
    with connect(database.app_url) as conn:
        for n, case_no in enumerate(numbers[2:42]):
            whom = (
                Addressee(people["organisation_id"], people["organisation"], people["handler"], "样例", None),
                Addressee(people["organisation_id"], people["organisation"], None, None, people["officer"]),
                Addressee(people["organisation_id"], people["organisation"], None, None, None),
            )[n % 3]
            _go(conn, case_no, "dispatch", whom)
        for case_no in numbers[2:42:5]:
            _go(conn, case_no, "force_close")
    return {"points": points, "inside": numbers[0], "outside": numbers[1]}


def _go(conn: Connection, case_no: str, action: str, whom: Addressee | None = None) -> None:
    """Move a case; one that has a holder is taken back first."""
    row = conn.execute("SELECT version, state FROM cases WHERE case_no = %s", [case_no]).fetchone()
    assert row is not None
    if action == "dispatch" and row["state"] == "dispatched":
        _go(conn, case_no, "return")
        row["version"] += 1
    moved = moves.move(conn, [Move(case_no, action, row["version"], "样例 / sample", whom)], "dispatcher", None)
    assert moved == {case_no}, (action, row)


# ---- the list ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", LOGINS)
def test_the_list_is_what_lies_in_the_scope_newest_first(caller, owner, reported, login) -> None:
    expected = _expected(owner, login)
    client = caller(login)
    assert _walk(client) == expected
    assert _walk(client, limit=7) == expected


def test_scopes_differ_and_each_has_something(owner, reported) -> None:
    seen = {login: set(_expected(owner, login)) for login in LOGINS}
    assert seen["admin"] == seen["desk"] == seen["planner"] == seen["leader"]
    assert reported["inside"] in seen["officer"]
    assert reported["outside"] not in seen["officer"] | seen["handler"] | seen["department"]
    for login in ("officer", "handler", "department", "supervisor"):
        assert 0 < len(seen[login]) < len(seen["admin"]), login


@pytest.mark.parametrize("login", ["admin", "officer", "handler", "department"])
def test_filters_narrow_the_scope_and_never_widen_it(caller, owner, reported, login) -> None:
    client = caller(login)
    lon, lat = reported["points"]["inside"]
    west, south, east, north = lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01
    box = f"ST_MakeEnvelope({west}, {south}, {east}, {north}, 4326)"
    bureau = owner.execute(
        "SELECT o.organisation_id, o.code FROM organisations o JOIN accounts a USING (organisation_id)"
        " WHERE a.login = 'department'"
    ).fetchone()
    assert bureau is not None
    for query, condition in (
        ({"state": "closed"}, "state = 'closed'"),
        ({"state": "dispatched"}, "state = 'dispatched'"),
        ({"category": "E04-05"}, "category_id IN (SELECT category_id FROM categories WHERE code = 'E04-05')"),
        ({"organisation": bureau["code"]}, f"organisation_id = {bureau['organisation_id']}"),
        ({"organisation": "nobody"}, "false"),
        ({"bbox": f"{west},{south},{east},{north}"}, f"geom && {box}"),
        ({"bbox": f"{west},{south},{east},{north}", "state": "dispatched"}, f"geom && {box} AND state = 'dispatched'"),
    ):
        assert _walk(client, limit=25, **query) == _expected(owner, login, condition), query
    every = _expected(owner, "admin")[:30]
    named = ", ".join(f"'{number}'" for number in every)
    asked = [*every, every[0], "none such"]
    assert _walk(client, limit=25, case_no=asked) == _expected(owner, login, f"case_no IN ({named})")


def test_tasks_are_ones_own(caller, owner, reported) -> None:
    for login in ("officer", "handler"):
        staff_id = _scope(owner, login).staff_id
        found = [case["case_no"] for case in caller(login).get("/api/me/tasks?limit=1000").json()["tasks"]]
        # by their deadlines (tests/api/test_desk.py); which they are is asked here
        assert sorted(found) == sorted(_expected(owner, login, f"handler_id = {staff_id} AND stage < 7"))
    assert caller("planner").get("/api/me/tasks").json() == {"tasks": [], "next": None}


@pytest.mark.parametrize("units", [1, 40, 400])
def test_a_scope_of_any_size_finds_the_same_by_each_way(live_server, reported, units) -> None:
    """Below some thirty units each is asked for its newest, above them the newest cases are looked through first."""
    with connect(live_server.database.owner_url) as conn:
        account = _id(conn, "supervisor")
        conn.execute("DELETE FROM account_units WHERE account_id = %s", [account])
        conn.execute(
            "INSERT INTO account_units (account_id, unit_id) SELECT %s, unit_id FROM scope_units"
            " WHERE level = 5 ORDER BY md5(code) LIMIT %s",
            [account, units],
        )
        expected = _expected(conn, "supervisor")
        scopes.look_as(conn, account)
        for most in (1, 5, 2000):
            keys = conn.execute(
                "SELECT case_no FROM seen_cases(most => %s) JOIN cases USING (district_code, case_id)"
                " ORDER BY case_id DESC",
                [most],
            )
            assert [row["case_no"] for row in keys] == expected[:most]
        conn.rollback()


# ---- one case ------------------------------------------------------------------------------------------------------

Ask = Callable[[httpx2.Client, str], httpx2.Response]
DISPATCH = {"organisation": "ROADS", "staff": None, "reason": "样例 / sample", "expected_version": 1}
ASKS: dict[str, Ask] = {
    "the case": lambda client, no: client.get(f"/api/cases/{no}"),
    "its decisions": lambda client, no: client.get(f"/api/cases/{no}/dispatch"),
    "a replay": lambda client, no: client.post("/api/dispatch/replay", json={"case_no": no, "mode": "as_recorded"}),
    "a replay as of then": lambda client, no: client.post(
        "/api/dispatch/replay", json={"case_no": no, "mode": "as_of", "at": "2026-01-01T00:00:00Z"}
    ),
}
ACTS: dict[str, Ask] = {
    "a dispatch": lambda client, no: client.post(f"/api/cases/{no}/dispatch", json=DISPATCH),
    "an old version": lambda client, no: client.post(
        f"/api/cases/{no}/dispatch", json=DISPATCH | {"expected_version": 99}
    ),
    "nobody's organisation": lambda client, no: client.post(
        f"/api/cases/{no}/dispatch", json=DISPATCH | {"organisation": "nobody"}
    ),
    "somebody else's staff": lambda client, no: client.post(
        f"/api/cases/{no}/dispatch", json=DISPATCH | {"staff": "nobody"}
    ),
}
_OF_THE_MOMENT = {"date", "x-request-id", "server-timing"}


def _as_asked(answer: httpx2.Response, no: str) -> tuple[int, str, dict[str, str]]:
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_THE_MOMENT}
    return answer.status_code, answer.text.replace(no, "NUMBER"), headers


@pytest.mark.parametrize("login", ["officer", "handler", "department"])
@pytest.mark.parametrize("ask", ASKS)
def test_a_hidden_case_is_answered_as_one_that_never_was(caller, owner, reported, login, ask) -> None:
    client, hidden = caller(login), reported["outside"]
    missing = re.sub(r"\d+$", lambda digits: "9" * len(digits[0]), hidden)
    answered, never = (_as_asked(ASKS[ask](client, no), no) for no in (hidden, missing))
    assert answered == never
    assert answered[0] == 404
    assert ASKS[ask](caller("admin"), hidden).status_code == 200


@pytest.fixture
def half_a_dispatcher(owner) -> Iterator[str]:
    """The dispatcher, for the time being of the officer's cells alone."""
    account, officer = _id(owner, "dispatcher"), _id(owner, "officer")
    scopes.set_everywhere(owner, "dispatcher", False)
    for row in owner.execute(
        "SELECT code FROM account_units JOIN scope_units USING (unit_id) WHERE account_id = %s AND level = 5", [officer]
    ).fetchall():
        scopes.grant(owner, "dispatcher", "cell", row["code"])
    yield "dispatcher"
    owner.execute("DELETE FROM account_scopes WHERE account_id = %s", [account])
    scopes.set_everywhere(owner, "dispatcher", True)
    scopes.expand(owner, account)


@pytest.mark.parametrize("ask", ACTS)
def test_nobody_acts_on_a_case_out_of_his_scope(caller, owner, reported, half_a_dispatcher, ask) -> None:
    client, hidden = caller(half_a_dispatcher), reported["outside"]
    missing = re.sub(r"\d+$", lambda digits: "9" * len(digits[0]), hidden)
    before = owner.execute(f"{CASES} WHERE case_no = %s".encode(), [hidden]).fetchone()
    answered, never = (_as_asked(ACTS[ask](client, no), no) for no in (hidden, missing))
    assert answered == never
    assert answered[0] == 404
    assert owner.execute(f"{CASES} WHERE case_no = %s".encode(), [hidden]).fetchone() == before
    # what he sees is answered by the guards themselves
    assert ACTS[ask](client, reported["inside"]).status_code in (409, 422)


def test_a_role_that_does_not_dispatch_learns_nothing_of_the_case(caller, reported) -> None:
    missing = re.sub(r"\d+$", "999999", reported["outside"])
    client = caller("department")
    assert [ACTS["a dispatch"](client, no).status_code for no in (reported["outside"], missing)] == [403, 403]


# ---- persons -------------------------------------------------------------------------------------------------------


def _persons(conn: Connection) -> set[str]:
    rows = conn.execute("SELECT name AS word FROM staff UNION SELECT phone FROM staff UNION SELECT code FROM staff")
    return {row["word"] for row in rows.fetchall() if row["word"]}


def _words(answer: httpx2.Response) -> set[str]:
    found: set[str] = set()

    def take(value: Any) -> None:
        if isinstance(value, dict):
            for one in value.values():
                take(one)
        elif isinstance(value, list):
            for one in value:
                take(one)
        elif isinstance(value, str):
            found.add(value)

    take(answer.json())
    return found


def test_a_planner_sees_every_case_and_nobody_on_it(caller, owner, reported) -> None:
    client, persons = caller("planner"), _persons(owner)
    dispatched = owner.execute("SELECT case_no FROM cases WHERE handler_id IS NOT NULL LIMIT 5").fetchall()
    assert dispatched
    for case_no in (reported["inside"], *(row["case_no"] for row in dispatched)):
        for ask in ASKS.values():
            answer = ask(client, case_no)
            assert answer.status_code == 200
            assert not _words(answer) & persons
            assert "STAFF_" not in answer.text
            assert "样例：积水" not in answer.text
            named = _words(ask(caller("admin"), case_no))
            assert ask is ASKS["the case"] or not named.isdisjoint(persons) or "STAFF_NONE" in named


def test_a_department_knows_the_people_on_its_own_cases(caller, owner, reported) -> None:
    mine = owner.execute(
        "SELECT case_no, h.name FROM cases c JOIN accounts a ON a.login = 'department'"
        " AND a.organisation_id = c.organisation_id JOIN staff h ON h.staff_id = c.handler_id LIMIT 1"
    ).fetchone()
    assert mine is not None
    assert mine["name"] in caller("department").get(f"/api/cases/{mine['case_no']}").text


def test_a_look_at_people_is_written_down_and_one_at_posts_is_not(caller, owner, reported) -> None:
    def looks(login: str) -> int:
        row = owner.execute(
            "SELECT count(*) AS n FROM audit WHERE act = 'look' AND subject IN ('cases', 'staff') AND account_id = %s",
            [_id(owner, login)],
        ).fetchone()
        assert row is not None
        return int(row["n"])

    lon, lat = reported["points"]["inside"]
    at = f"/api/locate?lon={lon}&lat={lat}&crs=WGS84&category=E04-05"
    for login, path, entries in (
        ("desk", f"/api/cases/{reported['inside']}", 1),
        ("desk", f"/api/cases/{reported['inside']}9", 0),
        ("officer", f"/api/cases/{reported['outside']}", 0),
        ("desk", "/api/cases", 1),
        ("planner", f"/api/cases/{reported['inside']}", 0),
        ("planner", "/api/cases", 0),
        ("handler", "/api/me/tasks", 0),
        ("desk", at, 1),
        ("planner", at, 0),
        ("handler", at, 0),
    ):
        before = looks(login)
        caller(login).get(path)
        assert looks(login) - before == entries, (login, path)


def test_an_answer_to_a_report_tells_posts_and_not_who_is_near(caller, a_report) -> None:
    for client in (caller(), caller("officer"), caller("admin")):
        dispatch = client.post("/api/reports", json=a_report()).json()["dispatch"]
        assert dispatch["reasons"]
        assert not [reason for reason in dispatch["reasons"] if reason["code"].startswith("STAFF_")]
        assert set(dispatch["handler"] or {"post_zh", "post_en"}) == {"post_zh", "post_en"}


def test_locate_names_people_only_to_those_who_may_know_and_only_in_their_scope(caller, owner, reported) -> None:
    def asked(login: str | None, where: str) -> dict[str, Any]:
        lon, lat = reported["points"][where]
        query = {"lon": lon, "lat": lat, "crs": "WGS84", "category": "E04-05"}
        answer = caller(login).get("/api/locate", params=query)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    for where in ("inside", "outside"):
        stranger = asked(None, where)
        assert not any(reason["code"].startswith("STAFF_") for reason in stranger["reasons"])
        assert "name" not in (stranger["handler"] or {})
        for login in ("planner", "department"):
            assert asked(login, where) == stranger
        named = asked("desk", where)
        assert any(reason["code"].startswith("STAFF_") for reason in named["reasons"])
    assert asked("officer", "outside") == asked(None, "outside")
    assert asked("officer", "inside")["reasons"] == asked("desk", "inside")["reasons"]


# ---- the stream ----------------------------------------------------------------------------------------------------


def _report(caller, a_report, point: tuple[float, float]) -> str:
    answer = caller("admin").post("/api/reports", json=a_report(lon=point[0], lat=point[1], accuracy_m=5))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["case"]["case_no"])


def test_a_stream_tells_what_lies_in_the_scope_and_resumes_to_the_same(caller, a_report, reported) -> None:
    inside, outside = reported["points"]["inside"], reported["points"]["outside"]
    with listening(caller("officer")) as officer, listening(caller("admin")) as admin:
        numbers = [_report(caller, a_report, point) for point in (outside, inside, outside, inside)]
        admin.wait_for("case", 4)
        officer.wait_for("case", 2)
        time.sleep(0.2)
        assert admin.numbers() == numbers
        assert officer.numbers() == [numbers[1], numbers[3]]
        last = officer.wait_for("case")[0]["id"]
    with listening(caller("officer"), last=last) as officer:
        officer.wait_for("case")
        time.sleep(0.2)
        assert officer.numbers() == [numbers[3]]
        assert not any(number in json.dumps(officer.events) for number in (numbers[0], numbers[2]))


def test_whose_case_it_no_longer_is_hears_that_it_is_gone_and_no_more(
    live_server, caller, owner, a_report, reported
) -> None:
    bureau = owner.execute("SELECT organisation_id FROM accounts WHERE login = 'department'").fetchone()
    assert bureau is not None
    to = owner.execute(
        "SELECT code FROM organisations WHERE organisation_id = %s", [bureau["organisation_id"]]
    ).fetchone()
    assert to is not None

    def go(case_no: str, action: str, whom: Addressee | None = None) -> None:
        with connect(live_server.database.app_url) as conn:
            _go(conn, case_no, action, whom)

    with listening(caller("department")) as department, listening(caller("admin")) as admin:
        case_no = _report(caller, a_report, reported["points"]["outside"])
        admin.wait_for("case")
        go(case_no, "dispatch", Addressee(bureau["organisation_id"], to["code"], None, None, None))
        department.wait_for("case")
        assert department.numbers()[-1] == case_no
        assert caller("department").get(f"/api/cases/{case_no}").status_code == 200
        go(case_no, "return")
        (gone,) = department.wait_for("gone")
        assert json.loads(gone["data"]) == {"case_no": case_no}
        assert caller("department").get(f"/api/cases/{case_no}").status_code == 404
        told = len(department.events)
        go(case_no, "force_close")
        admin.wait_for("case", 4)
        time.sleep(0.2)
        assert len(department.events) == told
        assert not [event for event in admin.events if event["event"] == "gone"]


def test_a_case_that_is_moved_out_of_the_scope_is_gone_and_one_that_is_moved_in_is_there(
    live_server, caller, a_report, reported
) -> None:
    inside, outside = reported["points"]["inside"], reported["points"]["outside"]

    def around(point: tuple[float, float]) -> str:
        lon, lat = point
        return f"?bbox={lon - 1e-4},{lat - 1e-4},{lon + 1e-4},{lat + 1e-4}"

    def move(case_no: str, point: tuple[float, float]) -> None:
        address = f"/api/cases/{case_no}"
        body = {
            "expected_version": caller("admin").get(address).json()["version"],
            "reason": "样例 / sample",
            "position": {"lon": point[0], "lat": point[1], "crs": "WGS84"},
        }
        answer = caller("desk").post(f"{address}/correct", json=body)
        assert answer.status_code == 200, answer.text

    with (
        listening(caller("officer"), around(inside)) as officer,
        listening(caller("officer"), around(outside)) as looks_there,
        listening(caller("admin"), around(outside)) as admin,
    ):
        leaves = _report(caller, a_report, inside)
        before = officer.wait_for("case")[0]["id"]
        comes = _report(caller, a_report, outside)
        with connect(live_server.database.app_url) as conn:
            for case_no in (leaves, comes):
                row = conn.execute("SELECT state FROM cases WHERE case_no = %s", [case_no]).fetchone()
                assert row is not None
                if row["state"] == "dispatched":
                    _go(conn, case_no, "return")
        assert caller("officer").get(f"/api/cases/{leaves}").status_code == 200
        move(leaves, outside)
        (gone,) = officer.wait_for("gone")
        assert json.loads(gone["data"]) == {"case_no": leaves}
        assert caller("officer").get(f"/api/cases/{leaves}").status_code == 404
        move(comes, inside)
        deadline = time.monotonic() + 10
        while comes not in officer.numbers():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.2)
        # who sees all is told of both where he looks; who looks where it has come to, and may not see it there, of none
        assert {leaves, comes} <= set(admin.numbers())
        assert not [event for event in looks_there.events if event["event"] == "gone"]
        assert leaves not in looks_there.numbers()
    # who was away meanwhile is told the same
    with listening(caller("officer"), around(inside), last=before) as officer:
        (gone,) = officer.wait_for("gone")
        assert json.loads(gone["data"]) == {"case_no": leaves}


def test_a_scope_that_changes_is_followed_within_five_seconds(caller, owner, a_report, reported) -> None:
    inside, outside = reported["points"]["inside"], reported["points"]["outside"]
    cell = owner.execute(
        "SELECT code FROM cell_at(ST_SetSRID(ST_MakePoint(%s, %s), 4326), now())", list(outside)
    ).fetchone()
    assert cell is not None
    with listening(caller("officer")) as officer:
        before = officer.wait_for("hello")[0]["id"]
        scopes.grant(owner, "officer", "cell", cell["code"])
        officer.wait_for("resync", within_s=5)
        widened = _report(caller, a_report, outside)
        officer.wait_for("case")
        scopes.revoke(owner, "officer", "cell", cell["code"])
        officer.wait_for("resync", 2, within_s=5)
        _report(caller, a_report, outside)
        after = _report(caller, a_report, inside)
        officer.wait_for("case", 2)
        assert officer.numbers() == [widened, after]
    # an id of a scope that he no longer has does not resume
    with listening(caller("officer"), last=before) as officer:
        officer.wait_for("resync")
