"""Who is told of what: once, in the transaction of the act, and by nothing that he may not know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from gisops import city, deliveries, events, notices, operations
from gisops.access import scopes
from gisops.access.people import Actor
from gisops.cases import acts
from gisops.cases.facts import Sent
from gisops.cases.reports import NewReport
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.notices import HANDLER, REPORTERS, SUPERIOR, Recipient
from tests.clock import moved


@pytest.fixture
def desk(sample_database: Any) -> Iterator[Connection]:
    """A connection as the doors' role to the sample city; rolled back."""
    with connect(sample_database.app_url) as conn:
        yield conn
        conn.rollback()


@pytest.fixture
def known(desk: Connection) -> City:
    return city.load(desk)


def account(conn: Connection, login: str) -> Actor:
    row = conn.execute(
        "SELECT a.account_id, a.login, a.role, a.staff_id, coalesce(a.organisation_id, s.organisation_id) AS o"
        " FROM accounts a LEFT JOIN staff s USING (staff_id) WHERE login = %s",
        [login],
    ).fetchone()
    assert row is not None
    return Actor(*row.values())


def reported(conn: Connection, known: City, by: Actor | None = None) -> dict[str, Any]:
    """A case that was reported just now, as its row."""
    west, south, east, north = known.extent
    sent = NewReport(uuid4(), "citizen", "E04-05", (west + east) / 2, (south + north) / 2, "WGS84", 5.0)
    operations.receive_report(conn, known, sent, by)
    row = conn.execute("SELECT * FROM cases ORDER BY case_id DESC LIMIT 1").fetchone()
    assert row is not None
    return row


def told(conn: Connection, case: dict[str, Any], kind: str | None = None) -> list[dict[str, Any]]:
    return conn.execute(
        "SELECT kind, seq, facts FROM notices WHERE district_code = %s AND case_id = %s"
        " AND (kind = %s OR %s::text IS NULL) ORDER BY notice_id",
        [case["district_code"], case["case_id"], kind, kind],
    ).fetchall()


def test_the_same_act_tells_nobody_twice(desk: Connection, known: City) -> None:
    case = reported(desk, known)
    about = (case["district_code"], case["case_id"], case["version"])
    to = [Recipient(organisation_id=known.desk_id), Recipient(account_id=account(desk, "desk").account_id)]
    assert notices.tell(desk, *about, "message", to, {}) == 2
    assert notices.tell(desk, *about, "message", to, {}) == 0
    assert notices.tell(desk, *about, "message", to, {}, cause="another") == 2
    assert notices.tell(desk, case["district_code"], case["case_id"], case["version"] + 1, "message", to, {}) == 2


def test_a_recipient_is_exactly_one() -> None:
    for bad in ({}, {"staff_id": 1, "account_id": 1}, {"organisation_id": 1, "part": "handler"}):
        with pytest.raises(ValueError, match="is not one recipient"):
            Recipient(**bad)


def test_the_parts_of_a_case_are_read_off_it(desk: Connection, known: City) -> None:
    case = reported(desk, known, account(desk, "leader"))
    about = (case["district_code"], case["case_id"], case["version"])
    notices.tell(desk, *about, "urge", [HANDLER, SUPERIOR, REPORTERS], {"action": "urge", "secret": "nothing for him"})
    rows = told(desk, case, "urge")
    expected = 2 + (case["superior_id"] is not None and case["superior_id"] != case["handler_id"])
    assert len(rows) == expected
    for row in rows:
        assert row["facts"]["case_no"] == case["case_no"]
        assert row["facts"]["category"] == "E04-05"
    assert ["secret" in row["facts"] for row in rows].count(False) == 1, "reporters hear what happened and no more"


def test_who_reported_without_an_account_has_no_row_that_nobody_reads(desk: Connection, known: City) -> None:
    """He follows his report by its key; ten thousand of them cost a move nothing."""
    case = reported(desk, known)
    about = (case["district_code"], case["case_id"], case["version"])
    assert notices.tell(desk, *about, "progress", [REPORTERS], {"action": "ack", "state": "handling"}) == 0
    assert told(desk, case, "progress") == []


def test_every_move_tells_the_reporter_and_a_dispatch_its_handler(desk: Connection, known: City) -> None:
    by = account(desk, "officer")
    case = reported(desk, known, by)
    if case["state"] != "dispatched":
        pytest.skip("nobody could be sent this case by the rules")
    acts.act(desk, known, case["case_no"], "escalate", Sent(None), None)
    progress = [row for row in told(desk, case, "progress")]
    assert [(row["seq"], row["facts"]["action"]) for row in progress] == [(case["version"] + 1, "escalate")]
    assigned = told(desk, case, "assigned")
    assert [row["seq"] for row in assigned] == [case["version"]]

    scopes.look_as(desk, by.account_id)
    page = notices.mine(desk, known.timezone, None, 100)
    assert [one["told_as"] for one in page["notices"] if one["kind"] == "progress"] == ["reporter"]
    assert page["unread"] >= 1


def test_everybody_reads_his_own_and_marks_his_own(desk: Connection, known: City) -> None:
    one, other = account(desk, "desk"), account(desk, "supervisor")
    case = reported(desk, known)
    about = (case["district_code"], case["case_id"], case["version"])
    for n in range(5):
        notices.tell(desk, *about, "message", [Recipient(account_id=one.account_id)], {}, cause=f"m{n}")
    desk.commit()
    scopes.look_as(desk, other.account_id)
    assert notices.mine(desk, known.timezone, None, 100)["notices"] == []
    desk.rollback()
    scopes.look_as(desk, one.account_id)
    first = notices.mine(desk, known.timezone, None, 2)
    rest = notices.mine(desk, known.timezone, first["next"], 100)
    keys = [n["notice_id"] for n in first["notices"] + rest["notices"] if n["kind"] == "message"]
    assert len(keys) == len(set(keys)) == 5
    assert keys == sorted(keys, reverse=True)
    assert first["notices"][0]["title_zh"] == "案件留言"
    assert case["case_no"] in first["notices"][0]["text_en"]
    desk.rollback()
    assert notices.mark_read(desk, other.account_id, keys, None) == 0, "not his"
    assert notices.mark_read(desk, one.account_id, keys[:1], None) == 1
    assert notices.mark_read(desk, one.account_id, keys[:1], None) == 0
    assert notices.mark_read(desk, one.account_id, [], keys[0]) >= 4


def test_what_an_organisation_is_told_goes_to_who_acts_for_it(desk: Connection, known: City) -> None:
    """Who walks an area for the duty desk reads, and marks as read, nothing that the desk is told of the whole city."""
    acceptor, walks = account(desk, "desk"), account(desk, "supervisor")
    assert (acceptor.organisation_id, walks.organisation_id) == (known.desk_id, known.desk_id)
    case = reported(desk, known)
    about = (case["district_code"], case["case_id"], case["version"])
    notices.tell(desk, *about, "message", [Recipient(organisation_id=known.desk_id)], {}, cause="desk")
    row = desk.execute("SELECT max(notice_id::text)::uuid AS key FROM notices WHERE kind = 'message'").fetchone()
    assert row is not None
    assert notices.mark_read(desk, walks.account_id, [], row["key"]) == 0
    for one in (acceptor, walks):
        with desk.transaction(force_rollback=True):
            scopes.look_as(desk, one.account_id)
            shown = {notice["notice_id"] for notice in notices.mine(desk, known.timezone, None, 100)["notices"]}
            assert (row["key"] in shown) == (one == acceptor)
    words = events.posts(desk, [acceptor.account_id, walks.account_id])
    assert words[acceptor.account_id] - words[walks.account_id] >= {f"organisation:{known.desk_id}"}
    assert notices.mark_read(desk, acceptor.account_id, [row["key"]], None) == 1


def test_what_was_read_is_forgotten_in_its_time_and_what_nobody_read_later(sample_database: Any) -> None:
    """On a clock that moves: three months for what was read, four times that for the rest; with a delivery, longer."""
    clock = moved(sample_database)
    with connect(sample_database.app_url, autocommit=True) as conn:
        city_now = city.load(conn)
        with conn.transaction():
            case = reported(conn, city_now)
        about = (case["district_code"], case["case_id"], case["version"])
        reader = account(conn, "desk")
        deliveries.set_lanes(conn, {"mail": True})
        for cause in ("read", "unread"):
            notices.tell(conn, *about, "message", [Recipient(account_id=reader.account_id)], {}, cause)
        with connect(sample_database.owner_url) as owner:
            owner.execute("UPDATE staff SET mail = 'officer@city.example' WHERE staff_id = 1")
        notices.tell(conn, *about, "overdue", [Recipient(staff_id=1)], {}, "waits")
        deliveries.set_lanes(conn, {"mail": False})

        def left() -> list[str]:
            with connect(sample_database.owner_url) as owner:
                rows = owner.execute(
                    "SELECT cause FROM notices WHERE case_id = %s AND cause <> '' ORDER BY cause", [case["case_id"]]
                )
                return [row["cause"] for row in rows]

        read = conn.execute(
            "SELECT notice_id FROM notices WHERE case_id = %s AND kind = 'message' ORDER BY notice_id",
            [case["case_id"]],
        ).fetchall()
        assert notices.mark_read(conn, reader.account_id, [read[0]["notice_id"]], None) == 1
        clock.ahead(timedelta(days=89))
        notices.prune(conn, 90)
        assert left() == ["read", "unread", "waits"]
        clock.ahead(timedelta(days=2))
        assert notices.prune(conn, 90) >= 1
        assert left() == ["unread", "waits"]
        clock.ahead(timedelta(days=268))
        notices.prune(conn, 90)
        assert left() == ["unread", "waits"]
        clock.ahead(timedelta(days=2))
        assert notices.prune(conn, 90) >= 1
        assert left() == ["waits"], "it has still to leave the house"
        assert notices.prune(conn, 0) == 0, "a month at least, whoever asks"


def test_words_are_filled_in_and_nothing_else_is_understood() -> None:
    text = "{case_no} {nothing} {0.__class__} {case_no.__class__}"
    assert notices.worded(text, {"case_no": "X-1"}) == "X-1 — {0.__class__} {case_no.__class__}"


def test_every_kind_that_is_told_has_words(desk: Connection) -> None:
    worded = {row["kind"] for row in desk.execute("SELECT kind FROM notice_texts")}
    from gisops.cases import moves

    told = {one.kind for rule in moves.TRANSITIONS for one in notices.of_move(rule.action, rule.to_state, 1, 1)}
    told |= {"remind", "overdue", "escalate", "promote", "timer_failed", "message", "mention", "task"}
    assert told <= worded
