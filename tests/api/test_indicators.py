"""Indicators by HTTP: for those who are signed in, of the cases they may see, with the cases behind each number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from gisops.access import people
from gisops.access.people import Actor
from gisops.db.pool import connect
from tests.conftest import Server
from tests.described import hold
from tests.gisops import paper_lives
from tests.gisops.paper_lives import Ground
from tests.walk.test_indicators_on_paper import CASES, PAPER

MONTH = "month=2025-03"


@pytest.fixture(scope="module")
def asked(live_server: Server) -> Iterator[Any]:
    """A function that asks as somebody: ``asked(role, address)``; the forty lives on paper are there."""
    with connect(live_server.database.owner_url) as conn:
        rows = conn.execute(
            "SELECT organisation_id, code FROM organisations WHERE NOT is_duty_desk ORDER BY organisation_id LIMIT 3"
        ).fetchall()
        row = conn.execute(
            "SELECT (SELECT min(category_id) FROM categories WHERE enabled) AS category,"
            " (SELECT organisation_id FROM organisations WHERE is_duty_desk) AS desk, c.geom,"
            " ST_X(ST_PointOnSurface(c.geom)) AS x, ST_Y(ST_PointOnSurface(c.geom)) AS y FROM city c"
        ).fetchone()
        assert row is not None
        keys = {k: r["organisation_id"] for k, r in zip("ABC", rows, strict=True)}
        ground = Ground("460107", row["category"], keys, row["desk"], {})
        paper_lives.write(conn, ground, paper_lives.read(CASES), ((row["x"], row["y"]),) * 2)
        tokens = {}
        staff = conn.execute("SELECT min(staff_id) AS id FROM staff").fetchone()
        assert staff is not None
        for role, everywhere, organisation in (
            ("leader", True, None), ("planner", True, None), ("department", False, keys["B"]), ("officer", False, None)
        ):  # fmt: skip
            account = conn.execute(
                "INSERT INTO accounts (login, password_hash, role, everywhere, organisation_id)"
                " VALUES (%s, 'x', %s, %s, %s) RETURNING account_id, login, role, staff_id, organisation_id",
                (f"counts_{role}", role, everywhere, organisation),
            ).fetchone()
            assert account is not None
            tokens[role], _ = people.open_session(conn, Actor(**account), 1)
        conn.commit()
    with httpx2.Client(base_url=live_server.base_url, timeout=60) as client:
        yield lambda role, address: client.get(
            address, headers={"Authorization": f"Bearer {tokens[role]}"} if role else {}
        )


def test_nobody_counts_without_a_sign_in(asked: Any) -> None:
    for address in ("/api/indicators", f"/api/indicators/all?{MONTH}", "/api/bulletins", "/api/bulletins/2025-03.pdf"):
        assert asked(None, address).status_code == 401


def test_what_there_is_says_what_it_means(asked: Any) -> None:
    told = asked("planner", "/api/indicators").json()
    assert {one["code"] for one in told["indicators"]} >= set(PAPER)
    assert told["grades"][0] == {"grade": "A", "least": 90, "colour": "green"}
    assert {one["code"] for one in told["scores"]} >= {"department_score", "region_score"}


def test_many_at_once_and_one_alone(asked: Any) -> None:
    every = asked("leader", f"/api/indicators/all?{MONTH}").json()
    assert every["from"] == "2025-02-28T16:00:00Z"
    closing = every["total"]["closing_rate"]
    assert (closing["numerator"], closing["denominator"], closing["few"]) == (27, 29, True)
    assert closing["low"] < closing["value"] < closing["high"]
    alone = asked("leader", "/api/indicators/closing_rate?from=2025-03-01&to=2025-04-01").json()
    assert alone["total"]["closing_rate"] == closing
    other = asked("leader", f"/api/indicators/filing_rate?{MONTH}&choice=reported").json()
    assert other["total"]["filing_rate"]["denominator"] == 37


def test_a_number_leads_to_its_cases(asked: Any) -> None:
    told = asked("leader", f"/api/indicators/on_time_handling_rate?{MONTH}&by=organisation").json()
    # The desk holds what nobody got, none of which is due.
    assert len(told["rows"]) == 4
    for row in told["rows"]:
        value = row["values"]["on_time_handling_rate"]
        behind = asked("leader", value["cases"]).json()
        assert len(behind["cases"]) == value["numerator"]
        rest = asked("leader", value["cases"] + "&part=rest").json()
        assert len(rest["cases"]) == value["denominator"] - value["numerator"]
    week = asked("leader", f"/api/indicators/case_count?{MONTH}&by=week").json()["rows"][2]
    assert week["subject"]["key"] == "2025-W11"
    cases = asked("leader", week["values"]["case_count"]["cases"]).json()["cases"]
    assert len(cases) == week["values"]["case_count"]["value"]
    page = asked("leader", f"/api/indicators/case_count/cases?{MONTH}&limit=20").json()
    then = asked("leader", f"/api/indicators/case_count/cases?{MONTH}&limit=20&after={page['next']}").json()
    assert (len(page["cases"]), len(then["cases"]), then["next"]) == (20, 17, None)
    assert not {*page["cases"]} & {*then["cases"]}


def test_an_organisation_counts_its_own_cases_only(asked: Any) -> None:
    everybody = asked("leader", f"/api/indicators/should_be_handled_count?{MONTH}&by=organisation").json()
    mine = asked("department", f"/api/indicators/should_be_handled_count?{MONTH}&by=organisation").json()
    assert everybody["total"]["should_be_handled_count"]["value"] == 29
    assert mine["total"]["should_be_handled_count"]["value"] == 10
    assert [row["values"]["should_be_handled_count"]["value"] for row in mine["rows"]] == [10]
    assert len(asked("department", f"/api/indicators/case_count/cases?{MONTH}").json()["cases"]) < 37
    # Whoever walks an area that was not given to him sees nothing, and is told so in the same words.
    none = asked("officer", f"/api/indicators/all?{MONTH}&by=street").json()
    assert none["total"]["report_count"]["value"] == 0
    assert none["rows"] == []


def test_scores_are_told_best_first_with_their_terms(asked: Any) -> None:
    told = asked("leader", f"/api/scores/department_score?{MONTH}").json()
    assert [row["grade"] for row in told["rows"]] == ["A", "B", "B"]
    assert told["rows"][0]["score"] == pytest.approx(10 + 30 + 600 / 11)
    assert told["rows"][0]["points"]["filed_count"] == 100
    assert sum(term["weight"] for term in told["score"]["terms"]) == 100


def test_members_of_staff_are_for_those_who_may_know_them(asked: Any, live_server: Server) -> None:
    with connect(live_server.database.owner_url) as conn:
        somebody = conn.execute("SELECT code FROM staff ORDER BY staff_id LIMIT 1").fetchone()
        assert somebody is not None
        conn.execute(
            "UPDATE cases SET handler_id = (SELECT staff_id FROM staff WHERE code = %(code)s)"
            " WHERE case_no LIKE '460107-2025-%%'",
            somebody,
        )
        conn.commit()
    one = f"/api/indicators/should_be_handled_count?{MONTH}&by=staff"
    assert [row["subject"]["key"] for row in asked("leader", one).json()["rows"]] == [somebody["code"]]
    assert asked("planner", one).json()["rows"] == []
    where = f"/api/indicators/case_count?{MONTH}&where=staff:"
    assert asked("leader", where + somebody["code"]).status_code == 200
    for code in (somebody["code"], "NOBODY-1"):
        assert asked("planner", where + code).status_code == 403
    with connect(live_server.database.owner_url) as conn:
        looks = conn.execute("SELECT count(*) AS n FROM audit WHERE act = 'look' AND subject = 'staff'").fetchone()
        assert looks is not None
        assert looks["n"] >= 2


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        (f"/api/indicators/nothing?{MONTH}", 404, "unknown_indicator"),
        ("/api/indicators/all", 422, "invalid_input"),
        ("/api/indicators/all?month=2025-3", 422, "invalid_input"),
        ("/api/indicators/all?from=2025-03-01&to=2025-03-01", 422, "invalid_input"),
        ("/api/indicators/all?from=2025-03-01&to=soon", 422, "invalid_input"),
        (f"/api/indicators/all?{MONTH}&by=mood", 422, "invalid_input"),
        ("/api/indicators/all?from=2020-01-01&to=2025-01-01&by=day", 422, "invalid_input"),
        (f"/api/indicators/all?{MONTH}&where=street", 422, "invalid_input"),
        (f"/api/indicators/all?{MONTH}&choice=reported", 422, "invalid_input"),
        (f"/api/indicators/closing_rate?{MONTH}&choice=mine", 422, "invalid_input"),
        (f"/api/indicators/closing_rate/cases?{MONTH}&part=some", 422, "invalid_input"),
        (f"/api/scores/nothing?{MONTH}", 404, "unknown_indicator"),
        ("/api/bulletins/2025-03.html", 404, "not_found"),
    ],
)
def test_what_is_wrong_is_said(asked: Any, address: str, status: int, code: str) -> None:
    answer = asked("leader", address)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_bulletin_is_read_printed_and_taken_apart(asked: Any, live_server: Server) -> None:
    from gisops import bulletin
    from gisops import city as cities

    with connect(live_server.database.app_url) as conn:
        made = bulletin.publish(conn, cities.load(conn), "2025-03")
        conn.commit()
    listed = asked("officer", "/api/bulletins").json()["bulletins"]
    assert [(one["period"], one["sha256"]) for one in listed] == [("2025-03", made.sha256)]
    page = asked("officer", "/api/bulletins/2025-03.html")
    assert page.text == made.html
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    numbers = asked("officer", "/api/bulletins/2025-03.json")
    hold(numbers)
    assert numbers.json()["total"]["closing_rate"]["numerator"] == 27
    paper = asked("officer", "/api/bulletins/2025-03.pdf")
    assert paper.headers["content-type"] == "application/pdf"
    assert paper.content.startswith(b"%PDF-")
    assert asked("officer", "/api/bulletins/2025-03.html?version=2").status_code == 404
