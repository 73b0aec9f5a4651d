"""The page of a case, its thread, and the ledger: what each may see of them, and nothing of what he may not."""

from __future__ import annotations

import copy
import csv
import io
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import openpyxl
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from gisops.access import people
from gisops.cases import handbook, ledger
from gisops.db.pool import Connection, connect
from tests import clock
from tests.api import desk_world
from tests.walk import scope_oracle as oracle
from tests.walk.scope_world import Account, ScopeWorld, Thing


@pytest.fixture(scope="module")
def world(database: Any) -> ScopeWorld:
    drawn = desk_world.drawn(database, 9, 110)
    # Time stands still, so that the same question can have the same answer.
    clock.moved(database, datetime.now(UTC).replace(microsecond=0))
    return drawn


@pytest.fixture
def owner(database: Any, world: ScopeWorld) -> Iterator[Connection]:
    with connect(database.owner_url, autocommit=True) as conn:
        yield conn


@pytest.fixture(scope="module")
def door(database: Any, world: ScopeWorld) -> Iterator[Callable[..., Any]]:
    """A function that asks as somebody: ``door("admin.everywhere", "GET", path)``."""
    tokens = {account.login: account.token for account in world.accounts}
    with TestClient(create_app(database.settings())) as served:

        def ask(login: str, method: str, path: str, **sent: Any) -> Any:
            headers = {"Authorization": f"Bearer {tokens[login]}"}
            return served.request(method, path, headers=headers, **sent)

        yield ask


def _account(world: ScopeWorld, login: str) -> Account:
    return next(account for account in world.accounts if account.login == login)


def _cases(world: ScopeWorld, login: str, seen: bool) -> list[Thing]:
    account = _account(world, login)
    return [thing for thing in world.things["cases"].values() if oracle.sees_case(world, account, thing) is seen]


# ---- the thread -----------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_in_order_and_once(door: Any, world: ScopeWorld) -> None:
    case = _cases(world, "admin.everywhere", seen=True)[0].key
    path = f"/api/cases/{case}/messages"
    key = str(uuid4())
    sent = {"text": "  样例：已到现场 <b>Sample</b>  ", "message_id": key}
    assert door("admin.everywhere", "POST", path, json=sent).status_code == 201
    again = door("admin.everywhere", "POST", path, json=sent)
    assert (again.status_code, again.json()["message_id"]) == (200, key)
    other = door("admin.everywhere", "POST", path, json={**sent, "text": "another"})
    assert (other.status_code, other.json()["code"]) == (409, "message_id_reused")
    for n in range(4):
        assert door("acceptor.everywhere", "POST", path, json={"text": f"样例 {n}"}).status_code == 201
    told = door("leader.everywhere", "GET", path).json()
    assert sorted(one["text"] for one in told["messages"]) == sorted(
        ["样例：已到现场 <b>Sample</b>", *(f"样例 {n}" for n in range(4))]
    )
    # page by page, from the newest back
    found: list[str] = []
    answer = door("leader.everywhere", "GET", f"{path}?limit=2").json()
    while True:
        found = [one["message_id"] for one in answer["messages"]] + found
        if answer["next"] is None:
            break
        answer = door("leader.everywhere", "GET", answer["next"]).json()
    assert found == [one["message_id"] for one in told["messages"]]


def test_a_text_can_be_erased_by_who_wrote_it_and_stays_a_message(door: Any, world: ScopeWorld) -> None:
    case = _cases(world, "admin.everywhere", seen=True)[1].key
    path = f"/api/cases/{case}/messages"
    key = door("acceptor.everywhere", "POST", path, json={"text": "样例：电话 1000000 0000"}).json()["message_id"]
    assert door("dispatcher.everywhere", "DELETE", f"{path}/{key}").status_code == 404
    assert door("acceptor.everywhere", "DELETE", f"{path}/{key}").status_code == 204
    assert door("acceptor.everywhere", "DELETE", f"{path}/{key}").status_code == 404
    [told] = door("admin.everywhere", "GET", path).json()["messages"]
    assert (told["message_id"], told["text"]) == (key, None)
    assert told["erased_at"] is not None


def test_who_is_mentioned_is_told_and_only_who_works_on_the_case_can_be(
    door: Any, world: ScopeWorld, owner: Connection
) -> None:
    thing = next(t for t in world.things["cases"].values() if t.columns["handler_id"] is not None)
    handler = world.people[thing.columns["handler_id"]]
    path = f"/api/cases/{thing.key}/messages"
    sent = {"text": "样例：请看照片", "mentions": [handler.code]}
    answer = door("admin.everywhere", "POST", path, json=sent)
    assert answer.status_code == 201, answer.text
    rows = owner.execute(
        "SELECT n.kind, n.facts FROM notices n JOIN cases c USING (district_code, case_id)"
        " WHERE c.case_no = %s AND n.staff_id = %s",
        [thing.key, handler.staff_id],
    ).fetchall()
    assert [row["kind"] for row in rows] == ["mention"]
    assert "照片" not in str(rows)
    works = {thing.columns["handler_id"], thing.columns["superior_id"]}
    stranger = next(
        person
        for person in world.people.values()
        if person.staff_id not in works and person.organisation_id not in (thing.columns["organisation_id"], 1)
    )
    refused = door("admin.everywhere", "POST", path, json={"text": "x", "mentions": [stranger.code]})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_staff")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": "   "}, "invalid_input"),
        ({"text": "长" * 2001}, "text_too_long"),
        ({"text": "a\0b"}, "invalid_body"),
        ({"text": "x", "mentions": [f"S-{n}" for n in range(21)]}, "invalid_input"),
        ({"text": "x", "message_id": "none"}, "invalid_body"),
        ({"words": "x"}, "invalid_body"),
    ],
)
def test_a_message_that_cannot_be_one_is_refused(door: Any, world: ScopeWorld, body: Any, code: str) -> None:
    case = _cases(world, "admin.everywhere", seen=True)[0].key
    answer = door("admin.everywhere", "POST", f"/api/cases/{case}/messages", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_words_are_for_whose_work_is_with_the_case(door: Any, world: ScopeWorld) -> None:
    case = _cases(world, "planner.everywhere", seen=True)[2].key
    path = f"/api/cases/{case}/messages"
    assert door("admin.everywhere", "POST", path, json={"text": "样例：内部意见"}).status_code == 201
    told = door("planner.everywhere", "GET", path)
    assert told.status_code == 200
    assert "内部意见" not in told.text
    assert door("planner.everywhere", "POST", path, json={"text": "x"}).status_code == 403
    page = door("planner.everywhere", "GET", f"/api/cases/{case}")
    assert page.status_code == 200
    assert "内部意见" not in page.text
    assert "内部意见" in door("leader.everywhere", "GET", f"/api/cases/{case}").text


def test_a_case_out_of_scope_has_no_thread(door: Any, world: ScopeWorld) -> None:
    hidden = _cases(world, "officer.area", seen=False)[0].key
    never = "460105-2020-999999"
    for method, sent in (("GET", {}), ("POST", {"json": {"text": "x"}})):
        one = door("officer.area", method, f"/api/cases/{hidden}/messages", **sent)
        other = door("officer.area", method, f"/api/cases/{never}/messages", **sent)
        assert one.status_code == other.status_code == 404
        assert one.text.replace(hidden, never) == other.text


# ---- the page -------------------------------------------------------------------------------------------------------


def test_the_page_of_a_case_is_whole(door: Any, world: ScopeWorld, owner: Connection) -> None:
    row = owner.execute(
        "INSERT INTO filing_conditions (category_id, seq, text_zh, closing_zh, certainty)"
        " SELECT category_id, 1, '样例条件', '样例结案', 'P' FROM cases WHERE state = 'to_close'"
        " ORDER BY case_no LIMIT 1"
        " RETURNING filing_condition_id, category_id"
    ).fetchone()
    assert row is not None
    assert handbook.follow(owner) == 1
    row = owner.execute(
        "UPDATE cases SET filing_condition_id = %s, filed_at = app_now() WHERE case_no = ("
        "SELECT case_no FROM cases WHERE state = 'to_close' AND category_id = %s ORDER BY case_no LIMIT 1)"
        " RETURNING case_no",
        [row["filing_condition_id"], row["category_id"]],
    ).fetchone()
    assert row is not None
    page = door("shift_leader.everywhere", "GET", f"/api/cases/{row['case_no']}").json()
    for part in (
        "reports", "history", "recipients", "clocks", "decisions", "photos", "approvals", "subtasks", "disputes",
        "supervision_orders", "urgings", "appeals", "follow_ups", "messages",
    ):  # fmt: skip
        assert isinstance(page[part], list), part
    assert "close" in page["allowed"]
    assert page["clocks"][-1]["step"] == "close"
    assert page["handbook"]["filed_under"]["text_zh"] == "样例条件"
    assert [one["closing_zh"] for one in page["handbook"]["conditions"]] == ["样例结案"]


# ---- the ledger -----------------------------------------------------------------------------------------------------


def _rows(answer: Any) -> list[dict[str, str]]:
    text = answer.content.decode("utf-8-sig")
    head = {name: f"{zh} {name}" for name, zh, _ in ledger.COLUMNS}
    return [{name: row[title] for name, title in head.items()} for row in csv.DictReader(io.StringIO(text, newline=""))]


@pytest.mark.parametrize("login", ["admin.everywhere", "officer.area", "department.area", "planner.everywhere"])
def test_the_ledger_holds_what_the_viewer_may_see_and_the_workbook_the_same(
    door: Any, world: ScopeWorld, login: str
) -> None:
    answer = door(login, "GET", "/api/cases.csv")
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = _rows(answer)
    things = sorted(_cases(world, login, seen=True), key=lambda thing: thing.ident, reverse=True)
    assert [row["case_no"] for row in rows] == [thing.key for thing in things]
    account = _account(world, login)
    for row, thing in zip(rows, things, strict=True):
        person = world.people.get(thing.columns["handler_id"] or 0)
        knows = oracle.knows_people(account, thing)
        assert row["handler_name"] == (person.name if person and knows else "")
    book = openpyxl.load_workbook(io.BytesIO(door(login, "GET", "/api/cases.xlsx").content), read_only=True)
    sheet = [[cell for cell in line] for line in book.worksheets[0].iter_rows(values_only=True)]
    assert [line[0] for line in sheet[1:]] == [row["case_no"] for row in rows]
    assert sheet[0] == ledger.head()


def test_the_ledger_can_be_narrowed_and_is_in_the_audit(door: Any, world: ScopeWorld, owner: Connection) -> None:
    everything = _rows(door("admin.everywhere", "GET", "/api/cases.csv"))
    for name in ("state", "category", "organisation"):
        value = everything[3][name]
        some = _rows(door("admin.everywhere", "GET", f"/api/cases.csv?{name}={value}"))
        assert [row["case_no"] for row in some] == [row["case_no"] for row in everything if row[name] == value]
    # A key begins with the milliseconds at which the case came in.
    came_in = {thing.key: thing.ident.int >> 80 for thing in world.things["cases"].values()}
    middle = sorted(came_in.values())[len(came_in) // 2]
    moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=middle)).isoformat().replace("+00:00", "Z")
    newer = [row["case_no"] for row in everything if came_in[row["case_no"]] >= middle]
    assert [r["case_no"] for r in _rows(door("admin.everywhere", "GET", f"/api/cases.csv?from={moment}"))] == newer
    older = [row["case_no"] for row in everything if came_in[row["case_no"]] < middle]
    assert [r["case_no"] for r in _rows(door("admin.everywhere", "GET", f"/api/cases.csv?to={moment}"))] == older
    assert older
    assert newer
    assert _rows(door("admin.everywhere", "GET", "/api/cases.csv?to=2020-01-01T00:00:00Z")) == []
    assert len(_rows(door("admin.everywhere", "GET", "/api/cases.csv?from=2020-01-01T00:00:00Z"))) == len(everything)
    row = owner.execute(
        "SELECT count(*) AS n, sum(rows) AS rows FROM audit WHERE act = 'export' AND subject = 'cases'"
    ).fetchone()
    assert row is not None
    assert row["n"] > 5
    assert row["rows"] > len(everything)
    assert door("admin.everywhere", "GET", "/api/cases.csv?from=2020-01-01T00:00:00").status_code == 422
    assert door("admin.everywhere", "GET", "/api/cases.csv?state=none").status_code == 422
    assert door("admin.everywhere", "GET", "/api/cases.pdf").status_code == 422


def test_pages_of_the_ledger_follow_one_another(world: ScopeWorld, database: Any, owner: Connection) -> None:
    from gisops import city as cities
    from gisops.access import scopes

    account = people.account(owner, "leader.area")
    assert account is not None
    with connect(database.app_url) as conn:
        city = cities.load(conn)
        scopes.look_as(conn, account.actor.account_id)
        found: list[Any] = []
        page = ledger.page(conn, city, ledger.Asked(), "csv", account.actor, most=7)
        while True:
            found += [row[0] for row in page.rows]
            if page.after is None:
                break
            page = ledger.page(conn, city, ledger.Asked(), "csv", account.actor, page.after, most=7)
    things = sorted(_cases(world, "leader.area", seen=True), key=lambda thing: thing.ident, reverse=True)
    assert found == [thing.key for thing in things]


def test_no_cell_is_a_formula() -> None:
    cells = ["=1+1", "+1", "-1", "@x", "\tx", "＝1", "1-1", 5, -1.5, None, True]
    row = next(csv.reader(io.StringIO(ledger.lines([cells]).decode(), newline="")))
    assert row == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "'＝1", "1-1", "5", "-1.5000000", "", "是"]
    from api.workbook import Workbook

    book = Workbook("x", ["a"])
    book.add([["=1+1"], ["http://example.invalid"]])
    with book.end() as made:
        sheet = openpyxl.load_workbook(made).worksheets[0]
    assert [(cell.value, cell.data_type, cell.hyperlink) for cell in sheet["A"][1:]] == [
        ("=1+1", "s", None),
        ("http://example.invalid", "s", None),
    ]


# ---- what is hidden changes nothing ---------------------------------------------------------------------------------

ASKED = (
    "/api/inbox?limit=20", "/api/me/tasks", "/api/overdue?by=organisation", "/api/overdue?by=street&limit=5",
    "/api/overdue?by=category", "/api/cases.csv", "/api/inbox?state=handling&state=disputed&state=suspended",
)  # fmt: skip
VIEWERS = ("officer.area", "officer.own_zones", "department.none", "department.cells", "handler.none", "leader.area",
           "inspector.cells", "planner.area")  # fmt: skip
HIDDEN_MOVES = (
    "UPDATE case_clocks SET deadline = app_now() - interval '9 days' WHERE (district_code, case_id) = (%s, %s)",
    "UPDATE case_clocks SET deadline = NULL, due_at = NULL, due_kind = NULL WHERE (district_code, case_id) = (%s, %s)",
    "UPDATE cases SET state = 'closed', stage = 7 WHERE (district_code, case_id) = (%s, %s)",
    "UPDATE cases SET severity = 'danger', report_count = 99 WHERE (district_code, case_id) = (%s, %s)",
    "UPDATE cases SET state = 'disputed', stage = 3 WHERE (district_code, case_id) = (%s, %s)",
    "DELETE FROM case_clocks WHERE (district_code, case_id) = (%s, %s)",
)


@pytest.mark.parametrize("login", VIEWERS)
def test_what_is_hidden_changes_no_byte(door: Any, world: ScopeWorld, owner: Connection, login: str) -> None:
    rng = random.Random(login)
    hidden = [copy.copy(thing) for thing in _cases(world, login, seen=False)]
    assert len(hidden) > 20
    before = {path: door(login, "GET", path).content for path in ASKED}
    for thing in rng.sample(hidden, 20):
        row = owner.execute("SELECT district_code, case_id FROM cases WHERE case_no = %s", [thing.key]).fetchone()
        assert row is not None
        owner.execute(rng.choice(HIDDEN_MOVES).encode(), [row["district_code"], row["case_id"]])
    for path in ASKED:
        assert door(login, "GET", path).content == before[path], path
    # and what he sees does
    mine = [thing for thing in _cases(world, login, seen=True)]
    for thing in mine:
        owner.execute("UPDATE cases SET report_count = report_count + 7 WHERE case_no = %s", [thing.key])
    if mine:
        assert door(login, "GET", "/api/cases.csv").content != before["/api/cases.csv"]
