"""What agreements mean to those whom they concern: who is asked hears of it and finds it in a list, who asked hears
how it ended, who loses a case is told; who is sent to look is the nearest on duty; a pause stands for all; what is
nobody's is listed, and the fact that was written decides the next case.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest

import gisops
from gisops import agreeing, operations, timers
from gisops import city as cities
from gisops import dispatch as dispatching
from gisops.access import scopes
from gisops.access.people import Actor
from gisops.cases import acts, approvals, case_clocks, cases, desk, disputes, joint, supervision
from gisops.cases.reports import NewReport
from gisops.cases.transitions import NOT_ACKNOWLEDGED
from gisops.db.pool import connect
from gisops.errors import InvalidInput, NotFound
from tests.walk.test_agreements import WORDS, World, closed, disputed, limited, made, next_case, refused, world

__all__ = ["made", "world"]


def as_owner(world: World) -> psycopg.Connection[Any]:
    """What is committed for everybody, beside the test's own transaction."""
    return psycopg.connect(world.clock.owner_url)


def nobody_looks(world: World) -> None:
    """An answer over HTTP ends its transaction's look; here the test goes on in it."""
    world.conn.execute("SET LOCAL ROLE NONE")
    world.conn.execute("SET LOCAL gisops.account = ''")


def seen(world: World, who: str | Actor, state: str = "open", **told: Any) -> list[dict[str, Any]]:
    """What is asked of somebody, as the list says."""
    actor = world.desk[who] if isinstance(who, str) else who
    with world.conn.transaction(force_rollback=True):
        scopes.look_as(world.conn, actor.account_id)
        return list(approvals.waiting(world.conn, actor, state, told.get("limit", 50), told.get("after"))["approvals"])


# ---- approvals: told, listed, answered


@pytest.mark.parametrize(
    ("kind", "asker", "granter", "others"),
    [
        ("extend", 0, "dispatcher", ("leader", "shift_leader")),
        ("suspend", 0, "dispatcher", ("leader",)),
        ("void", "acceptor", "shift_leader", ("dispatcher",)),
        ("force_close", "inspector", "leader", ("dispatcher",)),
    ],
)
def test_whoever_may_grant_hears_that_he_is_asked_and_the_asker_how_it_ended(
    world: World, kind: str, asker: int | str, granter: str, others: tuple[str, ...]
) -> None:
    case_no = world.told(filed=False)
    limited(world, case_no, "work_hour", 2)
    world.handled_by(case_no, 0)
    by = world.squads[asker] if isinstance(asker, int) else world.desk[asker]
    number = world.ask(case_no, kind, by, world.at(3, 9) if kind == "suspend" else None)
    assert world.heard(granter, "approval") == 1
    assert [world.heard(one, "approval") for one in others] == [0] * len(others)
    mine = [one for one in seen(world, granter) if one["case_no"] == case_no]
    assert [(one["number"], one["kind"], one["own"]) for one in mine] == [(number, kind, False)]
    assert not [one for other in others for one in seen(world, other) if one["case_no"] == case_no]
    version = world.facts(case_no).version
    agreeing.answer(world.conn, world.city, case_no, number, False, WORDS, version, world.desk[granter])
    nobody_looks(world)
    assert (world.heard(by, "refused"), world.heard(by, "granted")) == (1, 0)
    assert not [one for one in seen(world, granter) if one["case_no"] == case_no]
    assert [one["number"] for one in seen(world, granter, "refused") if one["case_no"] == case_no] == [number]
    again = world.ask(case_no, kind, by, world.at(3, 9) if kind == "suspend" else None)
    world.do(case_no, kind, granter, {"approval": again}, reason=WORDS)
    assert world.heard(by, "granted") == 1


def test_whoever_does_not_see_the_case_neither_hears_of_a_request_nor_lists_it(world: World) -> None:
    case_no = world.told()
    world.handled_by(case_no, 0)
    blind = world.desk["dispatcher"]
    with as_owner(world) as owner:
        owner.execute("UPDATE accounts SET everywhere = false WHERE account_id = %s", [blind.account_id])
    try:
        world.ask(case_no, "extend", world.squads[0])
        assert world.heard(blind, "approval") == 0
        assert not [one for one in seen(world, blind) if one["case_no"] == case_no]
    finally:
        world.conn.rollback()
        with as_owner(world) as owner:
            owner.execute("UPDATE accounts SET everywhere = true WHERE account_id = %s", [blind.account_id])


def test_what_a_case_left_behind_lapses_and_the_asker_hears(world: World) -> None:
    case_no = world.told()
    world.handled_by(case_no, 0)
    world.ask(case_no, "suspend", world.squads[0], world.at(3, 9))
    late = world.ask(case_no, "return", world.squads[0], code="not_ours")
    assert world.heard("dispatcher", "approval") == 2
    world.do(case_no, "return", "dispatcher", {"approval": late}, code="not_ours")
    assert (world.heard(world.squads[0], "granted"), world.heard(world.squads[0], "lapsed")) == (1, 1)


def test_the_list_goes_page_by_page_and_says_what_a_page_is_asked_for_by(world: World) -> None:
    numbers = [world.told() for _ in range(3)]
    for case_no in numbers:
        world.handled_by(case_no, 0)
        world.ask(case_no, "extend", world.squads[0])
    by = world.desk["dispatcher"]
    found: list[str] = []
    after = None
    scopes.look_as(world.conn, by.account_id)
    while True:
        page = approvals.waiting(world.conn, by, "open", 1, after)
        found += [one["case_no"] for one in page["approvals"]]
        after = page["next"]
        if after is None:
            break
    assert [one for one in found if one in numbers] == numbers
    for wrong in ("x", "2026-01-01~y~1", "2026-01-01T00:00:00~01890000-0000-7000-8000-000000000000~1"):
        with pytest.raises(InvalidInput, match="next"):
            approvals.waiting(world.conn, by, "open", 1, wrong)
    with pytest.raises(InvalidInput, match="state is one of"):
        approvals.waiting(world.conn, by, "lost", 1, None)


def test_each_review_of_an_appeal_is_asked_for_has_its_time_and_begins_anew_with_a_new_closing(world: World) -> None:
    case_no = closed(world, late=True)
    by = world.squads[0]
    world.do(case_no, "appeal", by, reason=WORDS)
    assert [one["step"] for one in seen(world, "dispatcher") if one["case_no"] == case_no] == ["lodged"]
    assert (world.heard("dispatcher", "approval"), world.heard("acceptor", "approval")) == (1, 0)
    first = world.clocks(case_no)[-1]
    assert (first["step"], first["stopped_at"], first["unit"], float(first["value"])) == (
        "subtask",
        None,
        "work_day",
        2,
    )
    # nobody reviews it in time: the desk's head hears, by the timers that everything has
    world.clock.set(first["deadline"] + timedelta(seconds=1))
    timers._attend(world.conn, world.city, first["district_code"], 500)
    assert world.clocks(case_no)[-1]["level"] == 1
    world.do(case_no, "appeal", "dispatcher", {"granted": True})
    assert [one["step"] for one in seen(world, "acceptor") if one["case_no"] == case_no] == ["seconded"]
    assert world.clocks(case_no)[-2]["outcome"] == "late"
    # opened again before the second review: what waited lapses, its clock stops, and the asker hears
    world.do(case_no, "reopen", "inspector", reason=WORDS)
    assert world.heard(by, "lapsed") == 1
    assert [k["outcome"] for k in world.clocks(case_no) if k["step"] == "subtask"] == ["late", "cancelled"]
    assert not [one for one in seen(world, "acceptor") if one["case_no"] == case_no]
    world.handled_by(case_no, 0)
    world.clock.ahead(timedelta(days=20))
    world.do(case_no, "finish", by)
    world.do(case_no, "order_check", "acceptor")
    world.do(case_no, "pass", "supervisor")
    world.do(case_no, "close", "shift_leader", {"closing_condition": 1})
    world.do(case_no, "appeal", by, reason=WORDS)
    assert refused(lambda: world.do(case_no, "appeal", by, reason=WORDS)) == "appealed_already"
    world.do(case_no, "appeal", "dispatcher", {"granted": True})
    assert world.do(case_no, "appeal", "acceptor", {"granted": True}).timeout_exempt
    assert world.heard(by, "granted") == 1
    rows = world.conn.execute(
        "SELECT state, appeal_no FROM appeals WHERE case_id = %s ORDER BY appeal_no", [first["case_id"]]
    ).fetchall()
    assert [(row["appeal_no"], row["state"]) for row in rows] == [(1, "lapsed"), (2, "granted")]


# ---- who is asked to look


@pytest.fixture(scope="module")
def lookers(made: dict[str, Any], sample_database: Any) -> dict[str, Actor]:
    """Two supervisors who are on duty and look everywhere, one who is on duty and looks nowhere, and who looks after a
    zone here and is on no duty.
    """
    with connect(sample_database.owner_url) as owner:
        district = owner.execute("SELECT district_code FROM rosters LIMIT 1").fetchone()
        assert district is not None
        staff = owner.execute(
            "SELECT s.staff_id, s.organisation_id FROM staff s WHERE s.active AND s.role IN ('supervisor', 'officer')"
            " AND NOT EXISTS (SELECT FROM accounts a WHERE a.staff_id = s.staff_id)"
            " AND NOT EXISTS (SELECT FROM zone_staff x JOIN zones z USING (zone_id) WHERE x.staff_id = s.staff_id"
            "                 AND ST_Covers(z.geom, ST_SetSRID(ST_MakePoint(%s, %s), 4326)))"
            " ORDER BY s.code LIMIT 3",
            [made["part"]["lon"], made["part"]["lat"]],
        ).fetchall()
        zone = owner.execute(
            "SELECT s.staff_id, s.organisation_id FROM zone_staff x JOIN zones z USING (zone_id)"
            " JOIN staff s ON s.staff_id = x.staff_id"
            " WHERE x.role = 'primary' AND upper_inf(x.valid) AND upper_inf(z.valid) AND s.active"
            " AND ST_Covers(z.geom, ST_SetSRID(ST_MakePoint(%s, %s), 4326))"
            " AND NOT s.staff_id = ANY (%s) AND NOT EXISTS (SELECT FROM accounts a WHERE a.staff_id = s.staff_id)"
            " ORDER BY s.code LIMIT 1",
            [made["part"]["lon"], made["part"]["lat"], [one["staff_id"] for one in staff]],
        ).fetchone()
        assert zone is not None
        found = {}
        for name, one in zip(("near", "far", "blind", "zone"), [*staff, zone], strict=True):
            role = "officer" if name == "zone" else "supervisor"
            row = owner.execute(
                "INSERT INTO accounts (login, password_hash, role, staff_id) VALUES (%s, 'x', %s, %s)"
                " RETURNING account_id",
                [f"look.{name}", role, one["staff_id"]],
            ).fetchone()
            assert row is not None
            if name != "blind":
                owner.execute(
                    "INSERT INTO account_units (account_id, unit_id) SELECT %s, unit_id FROM scope_units",
                    [row["account_id"]],
                )
            owner.execute("DELETE FROM rosters WHERE staff_id = %s", [one["staff_id"]])
            found[name] = Actor(row["account_id"], f"look.{name}", role, one["staff_id"], one["organisation_id"])
        # nobody else is on duty then
        owner.execute("UPDATE accounts SET active = false WHERE login IN ('supervisor', 'officer', 'case.supervisor')")
    return found


def on_duty(world: World, lookers: dict[str, Actor], *names: str) -> None:
    with as_owner(world) as owner:
        ids = [one.staff_id for one in lookers.values()]
        owner.execute("DELETE FROM rosters WHERE staff_id = ANY (%s)", [ids])
        for name in names:
            owner.execute(
                "INSERT INTO rosters (district_code, staff_id, on_duty, shift_code)"
                " SELECT %s, %s, tstzrange(%s, %s), min(code) FROM shifts",
                [world.part["district_code"], lookers[name].staff_id, world.at(0, 6), world.at(0, 20)],
            )


def stands(world: World, who: Actor, metres_east: float) -> None:
    """Somebody's device said a minute ago that he stands so far east of the part."""
    world.conn.execute(
        "INSERT INTO last_positions (district_code, staff_id, captured_at, accuracy_m, geom)"
        " VALUES (%s, %s, app_now() - interval '1 minute', 5, ST_SetSRID(ST_MakePoint(%s, %s), 4326))"
        " ON CONFLICT (district_code, staff_id) DO UPDATE SET captured_at = excluded.captured_at, geom = excluded.geom",
        [world.part["district_code"], who.staff_id, world.part["lon"] + metres_east / 104_000, world.part["lat"]],
    )


def asked(world: World, case_no: str, role: str) -> list[int]:
    rows = world.conn.execute(
        "SELECT r.staff_id FROM case_recipients r JOIN cases USING (district_code, case_id)"
        " WHERE case_no = %s AND r.role = %s ORDER BY r.seq",
        [case_no, role],
    ).fetchall()
    return [row["staff_id"] for row in rows]


def test_the_nearest_supervisor_on_duty_who_sees_the_place_is_asked_to_look(
    world: World, lookers: dict[str, Actor]
) -> None:
    on_duty(world, lookers, "near", "far", "blind")
    stands(world, lookers["blind"], 10)
    stands(world, lookers["near"], 300)
    stands(world, lookers["far"], 2_000)
    case_no = world.told(filed=False)
    version = world.facts(case_no).version
    answer = operations.act_on_case(
        world.conn, world.city, case_no, "order_verify", acts.Sent(version), world.desk["acceptor"]
    )
    nobody_looks(world)
    assert asked(world, case_no, "verify") == [lookers["near"].staff_id]
    code = world.one("SELECT code FROM staff WHERE staff_id = %s", lookers["near"].staff_id)["code"]
    assert [(one["role"], one["code"]) for one in answer["recipients"] if one["role"] == "verify"] == [("verify", code)]
    # who was near at that moment: for who commands, and himself; the history, which many read, says that somebody was
    assert answer["history"][-1]["payload"] == {"asked": "on_duty"}
    for reader, named in (
        (world.desk["acceptor"], True), (world.desk["coordinator"], False), (lookers["near"], True),
        (lookers["far"], False),
    ):  # fmt: skip
        with world.conn.transaction(force_rollback=True):
            scopes.look_as(world.conn, reader.account_id)
            seen = cases.read(world.conn, world.city, case_no, reader)
        (one,) = [one for one in seen["recipients"] if one["role"] == "verify"]
        assert (("code" in one), ("name" in one), ("staff_id" in one)) == (named, named, False), reader.login
        assert (code in str(seen)) is named
    assert [world.heard(lookers[name], "task") for name in ("near", "far", "blind")] == [1, 0, 0]
    # he stood nearer a while ago; who is nearer now is asked the next time
    stands(world, lookers["far"], 5)
    other = world.told(filed=False)
    world.do(other, "order_verify", "acceptor")
    assert asked(world, other, "verify") == [lookers["far"].staff_id]
    # to be asked is no lock: whoever else may see the place does it as well
    here = {"position": {"lon": world.part["lon"], "lat": world.part["lat"], "crs": "WGS84"}, "result": "true"}
    assert world.do(case_no, "verify", lookers["far"], here).state == "reported"


def test_who_handled_it_is_not_asked_to_check_it(world: World, lookers: dict[str, Actor]) -> None:
    on_duty(world, lookers, "near", "far")
    stands(world, lookers["near"], 5)
    stands(world, lookers["far"], 2_000)
    case_no = world.told()
    world.handled_by(case_no, 0)
    world.conn.execute("UPDATE cases SET handler_id = %s WHERE case_no = %s", [lookers["near"].staff_id, case_no])
    world.do(case_no, "finish", world.squads[0])
    world.do(case_no, "order_check", "acceptor")
    assert asked(world, case_no, "check") == [lookers["far"].staff_id]
    assert world.heard(lookers["far"], "task") == 1


def test_where_nobody_is_on_duty_the_zone_s_own_is_asked_and_else_the_desk_hears(
    world: World, lookers: dict[str, Actor]
) -> None:
    on_duty(world, lookers)
    case_no = world.told(filed=False)
    world.do(case_no, "order_verify", "acceptor")
    assert asked(world, case_no, "verify") == [lookers["zone"].staff_id]
    with as_owner(world) as owner:
        owner.execute("UPDATE accounts SET active = false WHERE account_id = %s", [lookers["zone"].account_id])
    try:
        other = world.told(filed=False)
        world.do(other, "order_verify", "acceptor")
        assert asked(world, other, "verify") == []
        desk = world.one("SELECT account_id FROM accounts WHERE login = 'desk'")["account_id"]
        assert world.heard(Actor(desk, "desk", "acceptor", None, None), "task") == 1
    finally:
        world.conn.rollback()
        with as_owner(world) as owner:
            owner.execute("UPDATE accounts SET active = true WHERE account_id = %s", [lookers["zone"].account_id])


# ---- orders are answered by whom they went to


def test_a_simple_case_that_was_not_done_is_ordered_and_its_organisation_answers(world: World) -> None:
    case_no = world.told(filed=False)
    mine = world.squads[0]
    world.conn.execute(
        "UPDATE cases SET state = 'simple_open', stage = 4, flow = 'simple', assessed = false, organisation_id = %s,"
        " handler_id = NULL, superior_id = NULL WHERE case_no = %s",
        [mine.organisation_id, case_no],
    )
    acts.act(world.conn, world.city, case_no, "promote", acts.Sent(None), None)
    facts = world.facts(case_no)
    assert (facts.state, facts.organisation_id) == ("filed", facts.desk_id)
    with pytest.raises(NotFound):  # the case lies with the desk now
        acts.read(world.conn, world.city, case_no, mine)
    with world.conn.transaction(force_rollback=True):
        scopes.look_as(world.conn, mine.account_id)
        listed = [one for one in supervision.mine(world.conn) if one["case_no"] == case_no]
        assert [(one["order_no"], one["level"]) for one in listed] == [(1, 1)]
        scopes.look_as(world.conn, world.squads[1].account_id)
        assert not [one for one in supervision.mine(world.conn) if one["case_no"] == case_no]
    told = (world.conn, world.city, case_no, 1)
    for wrong in (world.squads[1], world.squads[2]):
        with pytest.raises(NotFound) as hidden:
            agreeing.act_on_order(*told, "answer", WORDS, wrong)
        with pytest.raises(NotFound) as absent:
            agreeing.act_on_order(world.conn, world.city, "460106-209901-000001", 1, "answer", WORDS, wrong)
        assert str(hidden.value).replace(case_no, "") == str(absent.value).replace("460106-209901-000001", "")
    with pytest.raises(NotFound):
        agreeing.act_on_order(*told, "close", "", mine)
    # an officer of that organisation, to whom the case is not, speaks for nobody
    with pytest.raises(NotFound, match=f"no case {case_no}"):
        agreeing.act_on_order(*told, "answer", WORDS, replace(mine, role="officer"))
    key = world.one("SELECT account_id FROM accounts WHERE login = 'desk'")["account_id"]
    at_desk = Actor(key, "desk", "acceptor", None, None)
    before = world.heard(at_desk, "order_answered")
    assert agreeing.act_on_order(*told, "answer", WORDS, mine)["state"] == "answered"
    assert world.heard(at_desk, "order_answered") == before + 1, "nobody gave it, so the desk hears"
    assert agreeing.act_on_order(*told, "close", "", world.desk["inspector"])["state"] == "closed"


def test_an_order_is_answered_for_the_organisation_by_its_department_and_by_no_later_holder(world: World) -> None:
    case_no = world.told()
    facts = world.handled_by(case_no, 0)
    supervision.order(world.conn, facts, 1, None, WORDS, world.desk["inspector"])
    told = (world.conn, world.city, case_no, 1, "answer", WORDS)
    # an officer of that organisation, who sees the case and never had it
    officer = replace(world.squads[0], role="officer")
    assert refused(lambda: agreeing.act_on_order(*told, officer)) == "own_organisation"
    # who has the case by now answers nothing that another organisation was told
    later = world.one("SELECT staff_id FROM staff WHERE active ORDER BY code DESC LIMIT 1")["staff_id"]
    world.conn.execute(
        "UPDATE cases SET organisation_id = %s, handler_id = %s WHERE case_no = %s",
        [world.squads[1].organisation_id, later, case_no],
    )
    holder = replace(world.squads[1], role="handler", staff_id=later)
    assert refused(lambda: agreeing.act_on_order(*told, holder)) == "own_organisation"
    assert agreeing.act_on_order(*told, world.squads[0])["state"] == "answered"


def given(world: World, who: str, state: str, *, own: bool = False) -> list[dict[str, Any]]:
    actor = world.desk[who]
    with world.conn.transaction(force_rollback=True):
        scopes.look_as(world.conn, actor.account_id)
        return list(supervision.given(world.conn, actor, state, 200, None, own=own)["orders"])


def test_whoever_gave_an_order_lists_it_hears_that_it_is_due_and_it_ends_with_the_case(world: World) -> None:
    case_no = world.told()
    facts = world.handled_by(case_no, 0)
    inspector = world.desk["inspector"]
    due = world.at(0, 12)
    number = supervision.order(world.conn, facts, 1, due, WORDS, inspector)
    asked = [one for one in given(world, "inspector", "open", own=True) if one["case_no"] == case_no]
    assert [(one["order_no"], one["own"], one["overdue"]) for one in asked] == [(number, True, False)]
    assert not [one for one in given(world, "leader", "open", own=True) if one["case_no"] == case_no]
    assert [one["own"] for one in given(world, "leader", "open") if one["case_no"] == case_no] == [False]
    assert not [one for one in given(world, "inspector", "overdue") if one["case_no"] == case_no]
    world.clock.set(due + timedelta(minutes=1))
    timers._attend(world.conn, world.city, facts.district_code, 10_000)
    timers._attend(world.conn, world.city, facts.district_code, 10_000)
    assert world.heard(inspector, "order_due") == 1
    assert world.heard(world.squads[0], "order_due") == 1
    assert [one["overdue"] for one in given(world, "inspector", "overdue") if one["case_no"] == case_no] == [True]
    # the case is over, and with it the order, answered or not
    other = supervision.order(world.conn, world.facts(case_no), 1, world.at(1, 9), WORDS, inspector)
    approval = world.ask(case_no, "force_close", inspector)
    world.do(case_no, "force_close", "leader", {"approval": approval}, reason=WORDS)
    ended = [one for one in given(world, "inspector", "closed") if one["case_no"] == case_no]
    assert {one["order_no"] for one in ended} == {number, other}
    assert not [k for k in world.clocks(case_no) if k["beside"] == "order" and k["stopped_at"] is None]
    with world.conn.transaction(force_rollback=True):
        scopes.look_as(world.conn, world.squads[0].account_id)
        assert not [one for one in supervision.mine(world.conn) if one["case_no"] == case_no]
    with pytest.raises(InvalidInput, match="next"):
        supervision.given(world.conn, inspector, "open", 5, "x")


def test_who_was_asked_to_look_sees_that_in_his_tasks_and_is_reminded(world: World, lookers: dict[str, Actor]) -> None:
    on_duty(world, lookers, "near", "far")
    stands(world, lookers["near"], 5)
    stands(world, lookers["far"], 2_000)
    case_no = world.told(filed=False)
    world.do(case_no, "order_verify", "acceptor")
    for name, his in (("near", True), ("far", False)):
        with world.conn.transaction(force_rollback=True):
            scopes.look_as(world.conn, lookers[name].account_id)
            found = desk.tasks(world.conn, world.city, lookers[name], limit=200)["cases"]
            assert [one["asked"] for one in found if one["case_no"] == case_no] == [his]
    clock = world.facts(case_no).clock
    assert clock is not None
    assert clock.deadline is not None
    world.clock.set(clock.started_at + (clock.deadline - clock.started_at) * 0.9)
    district = world.facts(case_no).district_code
    timers.remind(world.conn, world.city, district, 10_000)
    timers._attend(world.conn, world.city, district, 10_000)
    assert [world.heard(lookers[name], "remind") for name in ("near", "far")] == [1, 0]


def test_who_leads_and_the_desk_hear_of_a_part_that_was_returned(world: World) -> None:
    case_no = world.told()
    facts = world.handled_by(case_no, 0)
    part = joint.open_part(world.conn, world.city, facts, world.codes[1], WORDS, world.squads[0])
    assert world.heard(world.squads[1], "part") == 1
    joint.act_on_part(world.conn, case_no, part, "ack", world.squads[1])
    key = world.one("SELECT account_id FROM accounts WHERE login = 'desk'")["account_id"]
    at_desk = Actor(key, "desk", "acceptor", None, None)
    before = world.heard(at_desk, "part_moved")
    joint.act_on_part(world.conn, case_no, part, "return", world.squads[1], reason_code="not_ours")
    assert (world.heard(world.squads[0], "part_moved"), world.heard(at_desk, "part_moved") - before) == (2, 1)
    assert world.heard(world.squads[0], "progress") == 0


def test_what_is_asked_for_reaches_the_desk_where_nobody_may_grant_it(world: World) -> None:
    case_no = world.told()
    world.handled_by(case_no, 0)
    with as_owner(world) as owner:
        gone = owner.execute(
            "UPDATE accounts SET active = false WHERE role = 'dispatcher' AND active RETURNING account_id"
        ).fetchall()
    try:
        key = world.one("SELECT account_id FROM accounts WHERE login = 'desk'")["account_id"]
        at_desk = Actor(key, "desk", "acceptor", None, None)
        before = world.heard(at_desk, "approval")
        world.ask(case_no, "extend", world.squads[0])
        assert world.heard(at_desk, "approval") == before + 1
    finally:
        world.conn.rollback()
        with as_owner(world) as owner:
            owner.execute("UPDATE accounts SET active = true WHERE account_id = ANY (%s)", [[one[0] for one in gone]])


def test_a_reporter_s_urging_weighs_once_the_time_is_running_out(world: World) -> None:
    case_no = world.told()
    facts = world.handled_by(case_no, 0)
    assert facts.clock is not None
    assert facts.clock.deadline is not None
    row = "SELECT priority, urged_count, (SELECT count(*) FROM urgings u WHERE u.case_id = c.case_id) AS urgings"
    row += " FROM cases c WHERE case_no = %s"
    before = world.one(row, case_no)["priority"]
    supervision.urge(world.conn, facts, "", None)
    assert world.one(row, case_no) == {"priority": before, "urged_count": 0, "urgings": 1}
    assert world.heard(world.squads[0], "urge") == 1
    world.clock.set(facts.clock.deadline + timedelta(hours=supervision.URGE_EVERY_HOURS))
    supervision.urge(world.conn, world.facts(case_no), "", None)
    assert world.one(row, case_no)["urged_count"] == 1


# ---- joint cases stand still as a whole


def test_a_pause_stands_for_every_organisation_and_each_goes_on_with_what_it_had_left(world: World) -> None:
    case_no = world.told(filed=False)
    limited(world, case_no, "work_hour", 4)
    held = world.handled_by(case_no, 0)
    number = joint.open_part(
        world.conn, world.city, held, world.codes[1], WORDS, world.desk["dispatcher"], unit="work_day", value=2
    )
    optional = joint.open_part(
        world.conn, world.city, world.facts(case_no), world.codes[2], WORDS, world.desk["dispatcher"],
        required=False, unit="natural_day", value=1,
    )  # fmt: skip
    world.clock.set(world.at(0, 11))
    world.granted(case_no, "suspend", 0, until=world.at(7, 10))
    parts = [k for k in world.clocks(case_no) if k["step"] == "subtask"]
    assert [(k["paused_at"], k["due_at"]) for k in parts] == [(world.at(0, 11), None)] * 2
    world.clock.set(world.at(2, 9))
    # who does his part meanwhile did it in time, and its pause is kept
    told = {"text": WORDS}
    assert joint.act_on_part(world.conn, case_no, optional, "finish", world.squads[2], **told) == "done"
    world.clock.set(world.at(7, 11))
    resumed = world.do(case_no, "resume", "dispatcher")
    first, second = (k for k in world.clocks(case_no) if k["step"] == "subtask")
    # two work days from Monday 10:00, one hour of which had run: a week later as much is left
    assert (first["paused_at"], first["deadline"]) == (None, world.at(9, 10))
    assert first["due_at"] is not None
    assert first["paused_ranges"][0].lower == world.at(0, 11)
    assert first["paused_ranges"][0].upper == world.at(7, 11)
    assert (second["outcome"], second["paused_ranges"][0].upper) == ("done", world.at(2, 9))
    row = world.one(
        "SELECT s.deadline FROM case_subtasks s JOIN cases USING (district_code, case_id)"
        " WHERE case_no = %s AND subtask_no = %s",
        case_no, number,
    )  # fmt: skip
    assert row["deadline"] == first["deadline"]
    assert resumed.clock is not None
    # three work hours were left of the lead's four, and the case waits for the last part
    assert (resumed.clock.deadline, resumed.deadline) == (world.at(7, 16), world.at(9, 10))


# ---- who loses a case is told


def test_whoever_loses_a_case_is_told_and_whoever_gives_it_away_knows(world: World) -> None:
    case_no = world.told()
    world.handled_by(case_no, 0, taken=False)
    world.do(case_no, "return", "dispatcher", code=NOT_ACKNOWLEDGED)
    assert world.heard(world.squads[0], "lost") == 1
    world.handled_by(case_no, 1, taken=False)
    assert world.heard("acceptor", "lost") == 0
    world.do(case_no, "return", world.squads[1], code="wrong_place")
    assert world.heard(world.squads[1], "lost") == 0


def test_who_was_to_handle_it_hears_that_somebody_else_does_and_that_it_was_joined(world: World) -> None:
    squad, people = next(
        (n, found)
        for n, code in enumerate(world.codes)
        if len(
            found := world.conn.execute(
                "SELECT s.staff_id, s.code, o.organisation_id FROM staff s JOIN organisations o USING (organisation_id)"
                " WHERE s.active AND o.code = %s AND s.staff_id IS DISTINCT FROM o.lead_staff_id ORDER BY s.code",
                [code],
            ).fetchall()
        )
        > 1
    )
    one, other = people[0], people[1]
    with as_owner(world) as owner:
        row = owner.execute(
            "INSERT INTO accounts (login, password_hash, role, staff_id) VALUES ('lost.one', 'x', 'handler', %s)"
            " RETURNING account_id",
            [one["staff_id"]],
        ).fetchone()
    assert row is not None
    who = Actor(row[0], "lost.one", "handler", one["staff_id"], one["organisation_id"])
    told = {"organisation": world.codes[squad], "staff": one["code"]}
    case_no = world.told()
    world.do(case_no, "dispatch", "dispatcher", told, reason=WORDS)
    world.do(case_no, "ack", who)
    assert world.heard(who, "lost") == 0
    world.do(case_no, "assign", world.squads[squad], {"staff": other["code"]})
    assert world.heard(who, "lost") == 1
    # one that was joined with another is nobody's work any more
    joined, master = world.told(), world.told()
    world.do(joined, "dispatch", "dispatcher", told, reason=WORDS)
    world.do(joined, "link", "acceptor", {"to": master})
    assert world.heard(who, "lost") == 2


# ---- what is nobody's


def listed(world: World, who: str = "leader") -> list[dict[str, Any]]:
    actor = world.desk[who]
    with world.conn.transaction(force_rollback=True):
        scopes.look_as(world.conn, actor.account_id)
        return list(disputes.ownerless(world.conn, actor, None, 50)["ownerless"])


def test_a_part_that_is_nobody_s_is_listed_until_somebody_has_it_and_the_next_case_goes_by_the_fact(
    world: World,
) -> None:
    case_no = disputed(world, part=world.part["code"])
    told = {"decision": "ownerless", "organisation": world.codes[3]}
    world.do(case_no, "determine", "coordinator", told, reason=WORDS)
    row = next(one for one in listed(world) if one["case_no"] == case_no)
    assert (row["part"], row["organisation"], row["fact"]) == (world.part["code"], world.codes[3], "part")
    assert (row["decided_at"], round(row["lon"], 5)) == (world.at(0, 10), round(world.part["lon"], 5))
    # the next report of it goes there at once
    city = cities.load(world.conn)
    report = NewReport(
        uuid4(), "citizen", world.part["category"], world.part["lon"], world.part["lat"], "WGS84", 5.0,
        f"样例 {uuid4()}", part_code=world.part["code"],
    )  # fmt: skip
    world.conn.execute(
        "UPDATE cases SET state = 'closed', stage = 7, closed_at = app_now() WHERE case_no = %s", [case_no]
    )
    answer = orjson.loads(operations.receive_report(world.conn, city, report, None).answer)
    decided = world.one(
        "SELECT d.answer ->> 'organisation' AS organisation FROM dispatch_decisions d"
        " JOIN cases USING (district_code, case_id) WHERE case_no = %s",
        answer["case"]["case_no"],
    )
    assert decided["organisation"] == world.codes[3]
    # an owner is found: it is nobody's no longer
    world.conn.execute("UPDATE cases SET state = 'closed', stage = 7, closed_at = app_now() WHERE stage < 7")
    found = disputed(world, part=world.part["code"])
    owner = {"decision": "part_owner", "organisation": world.codes[2]}
    world.conn.execute("UPDATE cases SET excluded = '{}' WHERE case_no = %s", [found])
    world.clock.ahead(timedelta(hours=1))
    world.do(found, "determine", "coordinator", owner, reason=WORDS)
    assert not [one for one in listed(world) if one["case_no"] == case_no]


@pytest.mark.parametrize("decision", ["zone", "ownerless"])
def test_a_piece_of_ground_is_determined_as_a_zone(world: World, decision: str) -> None:
    case_no = world.told("E04-05")
    world.conn.execute("UPDATE cases SET state = 'returned' WHERE case_no = %s", [case_no])
    world.do(case_no, "dispute", "dispatcher", {"parties": [world.codes[0]]})
    lon, lat = world.part["lon"], world.part["lat"]
    far = {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]]}
    told: dict[str, Any] = {"decision": decision, "organisation": world.codes[3]}
    with pytest.raises(InvalidInput, match="in which the case lies"):
        world.do(case_no, "determine", "coordinator", {**told, "area": far})
    e = 0.001
    area = {"type": "Polygon", "coordinates": [[[lon - e, lat - e], [lon + e, lat - e], [lon + e, lat + e],
                                                [lon - e, lat + e], [lon - e, lat - e]]]}  # fmt: skip
    now = world.do(case_no, "determine", "coordinator", {**told, "area": area}, reason=WORDS)
    assert (now.state, now.organisation_id) == ("dispatched", world.squads[3].organisation_id)
    fact = world.one(
        "SELECT d.created_kind, d.created_key, z.priority, z.scope, lower(z.valid) AS since, s.code AS set"
        " FROM disputes d JOIN cases USING (district_code, case_id) JOIN zones z ON z.code = d.created_key"
        " JOIN zone_sets s USING (zone_set_id) WHERE case_no = %s",
        case_no,
    )
    assert (fact["created_kind"], fact["since"], fact["set"]) == ("zone", world.at(0, 10), "DET")
    assert fact["created_key"].startswith("DET-")
    # ninety metres from there, the same kind goes there too; another kind goes where it went
    key = world.city.category("E04-05").category_id
    near = sent_to(world, lon + 0.0008, lat, key)
    assert near == world.squads[3].organisation_id
    assert next_case(world, world.at(0, 10)) != world.squads[3].organisation_id
    assert bool([one for one in listed(world) if one["case_no"] == case_no]) == (decision == "ownerless")


def test_what_was_determined_tells_nobody_of_the_case(world: World) -> None:
    case_no = world.told("E04-05")
    world.conn.execute("UPDATE cases SET state = 'returned' WHERE case_no = %s", [case_no])
    world.do(case_no, "dispute", "dispatcher", {"parties": [world.codes[0]]})
    told = {"decision": "zone", "organisation": world.codes[3]}
    world.do(case_no, "determine", "coordinator", told, reason=WORDS)
    for table in ("zones", "dispatch_rules", "co_ownership_areas", "zone_sets"):
        found = world.one(f"SELECT count(*) AS n FROM {table} x WHERE strpos(x::text, %s) > 0", case_no)
        assert found["n"] == 0, table
    with world.conn.transaction(force_rollback=True):
        scopes.look_as(world.conn, None)
        assert world.one("SELECT count(*) AS n FROM layer_zones WHERE zone_set = 'DET'")["n"] == 0
    # the outline is the cell's, whose middle says nothing of the case
    row = world.one(
        "SELECT ST_Equals(z.geom, g.geom) AS cell FROM disputes d JOIN cases c USING (district_code, case_id)"
        " JOIN zones z ON z.code = d.created_key JOIN grid_cells g ON g.code = c.grid_cell_code"
        " WHERE g.valid @> app_now() AND c.case_no = %s",
        case_no,
    )
    assert row["cell"]


def test_a_determined_area_is_of_the_place_and_ends_only_what_was_decided_of_it(world: World) -> None:
    lon, lat = world.part["lon"], world.part["lat"]

    def square(west: float, e: float) -> dict[str, Any]:
        ring = [[west - e, lat - e], [west + e, lat - e], [west + e, lat + e], [west - e, lat + e], [west - e, lat - e]]
        return {"type": "Polygon", "coordinates": [ring]}

    def in_doubt(east: float = 0) -> str:
        case_no = world.told("E04-05")
        world.conn.execute(
            "UPDATE cases SET state = 'returned', geom = ST_Translate(geom, %s, 0) WHERE case_no = %s", [east, case_no]
        )
        world.do(case_no, "dispute", "dispatcher", {"parties": [world.codes[0]]})
        return case_no

    told: dict[str, Any] = {"decision": "zone", "organisation": world.codes[3]}
    case_no = in_doubt()
    with pytest.raises(InvalidInput, match="square metres at most") as large:
        world.do(case_no, "determine", "coordinator", {**told, "area": square(lon, 0.02)})
    assert large.value.facts["most_m2"] == disputes.MOST_M2
    # of what he may not see he decides nothing
    with pytest.raises(InvalidInput, match="what you may see") as blind:
        disputes._area(world.conn, world.facts(case_no), square(lon, 0.0005), False, world.squads[0])
    assert (blind.value.facts["in_district"], blind.value.facts["seen"]) == (True, False)
    assert disputes._area(world.conn, world.facts(case_no), square(lon, 0.0005), False, world.desk["supervisor"])
    zones = []
    for number, east in ((case_no, 0.0), (in_doubt(0.0006), 0.0006)):
        world.do(number, "determine", "coordinator", {**told, "area": square(lon + east, 0.0002)}, reason=WORDS)
        zones.append(world.one("SELECT max(zone_id) AS id FROM zones")["id"])
    # what was decided of another place, within the next area, holds on
    world.conn.execute("UPDATE cases SET state = 'closed', stage = 7, closed_at = app_now() WHERE stage < 7")
    world.clock.ahead(timedelta(hours=1))
    again = {"decision": "zone", "organisation": world.codes[2], "area": square(lon, 0.001)}
    world.do(in_doubt(), "determine", "coordinator", again, reason=WORDS)
    rows = world.conn.execute(
        "SELECT zone_id FROM zones WHERE zone_id = ANY (%s) AND in_force(valid, app_now())", [zones]
    )
    assert [row["zone_id"] for row in rows] == zones[1:]


def sent_to(world: World, lon: float, lat: float, category_id: int) -> int:
    asked = dispatching.Input(lon, lat, 5.0, category_id, world.at(0, 10), None)
    found: int = dispatching.decide(world.conn, [asked])[0].row["organisation_id"]
    return found


# ---- limits of the steps, by category


def test_a_kind_of_case_has_its_own_time_for_a_step(world: World) -> None:
    with as_owner(world) as owner:
        for step, severity, *code, value in (
            ("accept", "", "GB/T 30428.2-2013", "E", "", "", 11),
            ("accept", "", "GB/T 30428.2-2013", "E", "04", "05", 5),
            ("accept", "danger", "GB/T 30428.2-2013", "E", "", "", 3),
        ):
            owner.execute(
                "INSERT INTO stage_limits (step, severity, scheme, kind, major, minor, unit, value, certainty)"
                " VALUES (%s, %s, %s, %s, %s, %s, 'minute', %s, 'P')",
                [step, severity, *code, value],
            )
    try:
        read = cities.load(world.conn)
        world.city = replace(
            world.city, stage_limits=read.stage_limits, category_stage_limits=read.category_stage_limits
        )
        took = {}
        for category in ("E04-05", "E01-10", "P01-01"):
            key = world.city.category(category).category_id
            took[category] = [
                limit.value if (limit := case_clocks.stage_limit(world.city, "accept", severity, key)) else None
                for severity in ("normal", "danger")
            ]
        # the closest row before the severity: a danger of E04-05 has what E04-05 has, of other events what those have
        assert took == {"E04-05": [5, 5], "E01-10": [11, 3], "P01-01": [15, 7.5]}
        case_no = world.told("E04-05", filed=False)
        clock = world.facts(case_no).clock
        assert clock is not None
        assert (clock.step, clock.deadline) == ("accept", world.at(0, 10) + timedelta(minutes=5))
    finally:
        world.conn.rollback()
        with as_owner(world) as owner:
            owner.execute("DELETE FROM stage_limits WHERE scheme <> ''")


# ---- who walks and who orders


def test_the_sample_s_two_roles_change_names_and_nobody_else_s(sample_database: Any) -> None:
    step = (Path(gisops.__file__).parent / "db/migrations/0023_agreeing.sql").read_text("utf-8")
    swap = step[step.index("-- The sample had the two") : step.index("-- Of whom a look")]
    with connect(sample_database.owner_url) as owner:
        # as it was before: the two the wrong way round, and an account of a city's own beside them
        owner.execute(
            "UPDATE staff SET role = CASE role WHEN 'inspector' THEN 'supervisor' ELSE 'inspector' END"
            " WHERE role IN ('inspector', 'supervisor')"
        )
        owner.execute("DELETE FROM accounts WHERE login LIKE 'case.%' OR login LIKE 'look.%' OR login LIKE 'lost.%'")
        owner.execute("UPDATE accounts SET login = 'was' WHERE login = 'supervisor'")
        owner.execute("UPDATE accounts SET login = 'supervisor', role = 'supervisor' WHERE login = 'inspector'")
        owner.execute("UPDATE accounts SET login = 'inspector', role = 'inspector' WHERE login = 'was'")
        owner.execute(
            "INSERT INTO accounts (login, password_hash, role, everywhere)"
            " VALUES ('of-the-city', 'x', 'supervisor', true)"
        )
        owner.execute(swap.encode())
        found = {
            row["login"]: (row["role"], row["everywhere"], row["post_zh"])
            for row in owner.execute(
                "SELECT a.login, a.role, a.everywhere, s.post_zh FROM accounts a LEFT JOIN staff s USING (staff_id)"
                " WHERE a.role IN ('supervisor', 'inspector')"
            )
        }
        assert found == {
            "supervisor": ("supervisor", False, "监督员"),
            "inspector": ("inspector", True, "督办员"),
            "of-the-city": ("supervisor", True, None),
        }
        posts = owner.execute(
            "SELECT DISTINCT role, post_zh FROM staff WHERE role IN ('inspector', 'supervisor') ORDER BY 1"
        ).fetchall()
        assert [(row["role"], row["post_zh"]) for row in posts] == [("inspector", "督办员"), ("supervisor", "监督员")]
        owner.rollback()
