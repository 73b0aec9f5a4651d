"""A case of another class or elsewhere: what is corrected in place, what is a return, and the dry runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest

from gisops import city as cities
from gisops import operations
from gisops.access import scopes
from gisops.access.people import Actor
from gisops.cases import acts, approvals, case_clocks, joint, proposals, rerouting
from gisops.cases.acts import Sent
from gisops.cases.facts import GuardFailed
from gisops.cases.reports import NewReport
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.errors import IllegalMove, InvalidInput, NotFound, UnknownCategory, UnknownPart

SHOP = "E04-05"
WHY = "样例：更正 / Sample: corrected"


@pytest.fixture
def conn(sample_database: Any) -> Iterator[Connection]:
    with connect(sample_database.app_url) as opened:
        yield opened
        opened.rollback()


@pytest.fixture(scope="module")
def city(sample_database: Any) -> City:
    """The sample city, in which nothing is filed by itself and nobody asks for photographs."""
    with connect(sample_database.app_url) as conn:
        read = cities.load(conn)
    return replace(read, auto_file=False, settings={**read.settings, "evidence": False, "simple_flow": False})


@pytest.fixture(scope="module")
def actors(sample_database: Any) -> dict[str, Actor]:
    with connect(sample_database.owner_url) as owner:
        owner.execute("ALTER TABLE accounts DROP CONSTRAINT accounts_everywhere")
        made = {}
        for role in ("acceptor", "dispatcher", "shift_leader", "department"):
            row = owner.execute(
                "INSERT INTO accounts (login, password_hash, role, organisation_id, everywhere) VALUES (%s, 'x', %s,"
                " (SELECT organisation_id FROM organisations WHERE code = 'ROADS'), true) RETURNING account_id,"
                " organisation_id",
                [f"reroute.{role}", role],
            ).fetchone()
            assert row is not None
            made[role] = Actor(row["account_id"], f"reroute.{role}", role, None, row["organisation_id"])
    return made


def told(conn: Connection, city: City, at: tuple[float, float], category: str = SHOP) -> str:
    report = NewReport(uuid4(), "officer", category, *at, "WGS84", 3.0, f"样例 / sample {uuid4()}")
    number: str = orjson.loads(operations.receive_report(conn, city, report, None).answer)["case"]["case_no"]
    return number


@pytest.fixture
def place(city: City) -> tuple[float, float]:
    west, south, east, north = city.extent
    return (west + east) / 2, (south + north) / 2


def do(conn: Connection, city: City, case_no: str, action: str, by: Actor | None, **values: Any) -> Any:
    facts = acts.read(conn, city, case_no, None)
    code = values.pop("reason_code", None)
    return acts.act(conn, city, case_no, action, Sent(facts.version, WHY, code, values), by)


def entry(conn: Connection, case_no: str, seq: int) -> dict[str, Any]:
    row = conn.execute(
        "SELECT h.* FROM case_history h JOIN cases c USING (district_code, case_id)"
        " WHERE c.case_no = %s AND h.seq = %s",
        [case_no, seq],
    ).fetchone()
    assert row is not None
    return row


def dry(conn: Connection, city: City, case_no: str, category: str, by: Actor) -> dict[str, Any]:
    """What a dry run says to somebody."""
    with conn.transaction(force_rollback=True):
        scopes.look_as(conn, by.account_id)
        return rerouting.preview(conn, city, case_no, category, None, None)


def sound(conn: Connection, case_no: str) -> None:
    row = conn.execute("SELECT case_id FROM cases WHERE case_no = %s", [case_no]).fetchone()
    assert row is not None
    assert conn.execute("SELECT * FROM broken_history() WHERE case_id = %s", [row["case_id"]]).fetchall() == []


def decided(conn: Connection, case_no: str) -> list[dict[str, Any]]:
    return conn.execute(
        "SELECT d.seq, d.input, d.answer FROM dispatch_decisions d JOIN cases c USING (district_code, case_id)"
        " WHERE c.case_no = %s ORDER BY d.seq",
        [case_no],
    ).fetchall()


def other_class(city: City, unlike: str = SHOP) -> str:
    """A class whose condition has another limit."""
    was = city.category(unlike)
    for one in city.categories.values():
        if one.filing_condition_id is not None and one.limit != was.limit and one.limit is not None:
            return f"{one.scheme}:{one.code}"
    raise AssertionError("no other class has another limit")


def test_before_filing_it_is_set_right_in_place(
    conn: Connection, city: City, actors: dict[str, Actor], place: tuple[float, float]
) -> None:
    case_no = told(conn, city, place)
    before = acts.read(conn, city, case_no, None)
    there = {"lon": place[0] + 0.0008, "lat": place[1] + 0.0003, "crs": "WGS84", "accuracy_m": 4.0}
    done = do(conn, city, case_no, "correct", actors["acceptor"], category=other_class(city), position=there)
    after = acts.read(conn, city, case_no, None)
    assert (after.state, after.version, after.organisation_id) == ("reported", before.version + 1, city.desk_id)
    wanted = city.category(other_class(city))
    assert (after.category.category_id, after.severity) == (wanted.category_id, wanted.severity)
    assert (round(after.lon, 6), round(after.lat, 6)) == (round(there["lon"], 6), round(there["lat"], 6))
    assert (before.clock, after.clock) == (after.clock, before.clock)
    payload = entry(conn, case_no, done.seq)["payload"]
    assert (payload["was"], payload["category"]) == (SHOP, wanted.code)
    assert (round(payload["was_lon"], 6), round(payload["lon"], 6)) == (round(place[0], 6), round(there["lon"], 6))
    assert WHY not in str(payload)
    first, again = decided(conn, case_no)
    assert (first["seq"], again["seq"]) == (1, done.seq)
    assert again["input"]["category"].endswith(wanted.code)
    assert payload["organisation"] == again["answer"]["organisation"]
    sound(conn, case_no)
    # the cell is that of the new place, and what lies near it is proposed anew
    row = conn.execute("SELECT grid_cell_code FROM cases WHERE case_no = %s", [case_no]).fetchone()
    cell = conn.execute(
        "SELECT code FROM cell_at(ST_SetSRID(ST_MakePoint(%s, %s), 4326), app_now())", [there["lon"], there["lat"]]
    ).fetchone()
    assert row is not None
    assert cell is not None
    assert row["grid_cell_code"] == cell["code"]
    twin = told(conn, city, (there["lon"], there["lat"]), other_class(city))
    scopes.look_as(conn, actors["acceptor"].account_id)
    found = proposals.of_case(conn, city, case_no, actors["acceptor"])["duplicates"]
    assert twin in [one["case_no"] for one in found]


def test_accepted_under_another_class_the_rules_are_asked_again(
    conn: Connection, city: City, actors: dict[str, Actor], place: tuple[float, float]
) -> None:
    case_no = told(conn, city, place)
    done = do(conn, city, case_no, "accept", actors["acceptor"], category=other_class(city))
    assert done.state == "accepted"
    assert [one["seq"] for one in decided(conn, case_no)] == [1, done.seq]
    clock = acts.read(conn, city, case_no, None).clock
    assert clock is not None
    assert clock.step == "file"
    sound(conn, case_no)


def test_what_cannot_be_corrected(
    conn: Connection, city: City, actors: dict[str, Actor], place: tuple[float, float]
) -> None:
    case_no = told(conn, city, place)
    acceptor = actors["acceptor"]
    here = {"lon": place[0], "lat": place[1], "crs": "WGS84"}
    for values, error in (
        ({}, InvalidInput),
        ({"category": SHOP}, InvalidInput),
        ({"position": here}, InvalidInput),
        ({"category": "E77-77"}, UnknownCategory),
        ({"part": "no-such-part"}, UnknownPart),
        ({"position": here | {"lon": city.extent[0] - 0.2}}, InvalidInput),
        ({"position": here | {"crs": ""}}, InvalidInput),
    ):
        with pytest.raises(error):
            do(conn, city, case_no, "correct", acceptor, **values)
    facts = acts.read(conn, city, case_no, None)
    with pytest.raises(InvalidInput, match="reason"):
        acts.act(conn, city, case_no, "correct", Sent(facts.version, values={"category": "E01-10"}), acceptor)
    assert acts.read(conn, city, case_no, None) == facts
    do(conn, city, case_no, "refuse", acceptor, reason_code="other")
    with pytest.raises(IllegalMove):
        do(conn, city, case_no, "correct", acceptor, category="E01-10")


def test_a_place_in_another_district_is_reported_there(
    conn: Connection, city: City, place: tuple[float, float]
) -> None:
    """The sample has one district; a case of another that is said to lie here is refused."""
    facts = replace(acts.read(conn, city, told(conn, city, place), None), district_code="469909")
    there = rerouting.Correction(point=(place[0] + 0.0005, place[1], 5.0))
    with pytest.raises(GuardFailed) as refused:
        rerouting.corrected(conn, city, facts, there)
    assert refused.value.facts["guard"] == "same_district"


def filed(conn: Connection, city: City, actors: dict[str, Actor], place: tuple[float, float]) -> str:
    case_no = told(conn, city, place)
    do(conn, city, case_no, "accept", actors["acceptor"])
    do(conn, city, case_no, "file", actors["shift_leader"])
    return case_no


def test_a_new_class_has_the_limit_of_its_condition_from_the_filing(
    conn: Connection, city: City, actors: dict[str, Actor], place: tuple[float, float]
) -> None:
    case_no = filed(conn, city, actors, place)
    before = acts.read(conn, city, case_no, None)
    conn.execute("SET LOCAL gisops.clock_offset = '40 minutes'")
    done = do(conn, city, case_no, "correct", actors["dispatcher"], category=other_class(city))
    after = acts.read(conn, city, case_no, None)
    wanted = city.category(other_class(city))
    assert (after.state, after.filed_at) == ("filed", before.filed_at)
    assert after.filing_condition_id == wanted.filing_condition_id
    assert before.filed_at is not None
    expected = case_clocks.deadline_of(city, before.filed_at, wanted.filing_condition_id, after.area_grade)
    assert after.deadline == expected != before.deadline
    assert {"deadline", "was_deadline"} <= set(entry(conn, case_no, done.seq)["payload"])
    sound(conn, case_no)


def test_who_has_a_case_keeps_it_and_another_s_is_a_return(
    conn: Connection, city: City, actors: dict[str, Actor], place: tuple[float, float]
) -> None:
    case_no = filed(conn, city, actors, place)
    answer = decided(conn, case_no)[0]["answer"]
    do(conn, city, case_no, "dispatch", actors["dispatcher"], organisation=answer["organisation"])
    same = elsewhere = None
    for one in city.categories.values():
        if one.filing_condition_id is None or one.code == SHOP:
            continue
        said = dry(conn, city, case_no, f"{one.scheme}:{one.code}", actors["dispatcher"])
        assert said["needs_return"] == said["organisation_changes"]
        if said["organisation_changes"]:
            elsewhere = elsewhere or said
        else:
            same = same or said
        if same and elsewhere:
            break
    assert elsewhere is not None, "the sample has one organisation for everything"
    assert elsewhere["now"]["organisation"]["code"] == answer["organisation"]
    assert elsewhere["then"]["dispatch"]["reasons"]
    wrong = f"{elsewhere['then']['category']['scheme']}:{elsewhere['then']['category']['code']}"
    with pytest.raises(GuardFailed) as refused:
        do(conn, city, case_no, "correct", actors["dispatcher"], category=wrong)
    assert refused.value.facts["guard"] == "organisation_changes"
    assert refused.value.facts["organisation"] == elsewhere["then"]["dispatch"]["organisation"]["code"]
    if same is not None:
        facts = acts.read(conn, city, case_no, None)
        code = f"{same['then']['category']['scheme']}:{same['then']['category']['code']}"
        do(conn, city, case_no, "correct", actors["dispatcher"], category=code)
        after = acts.read(conn, city, case_no, None)
        assert (after.state, after.organisation_id) == ("dispatched", facts.organisation_id)
        # what the dry run said of the deadline is what came
        assert after.deadline == same["then"]["deadline"]
    # taken back, set right, sent on: three moves, each of them somebody's
    do(conn, city, case_no, "return", actors["dispatcher"], reason_code="not_acknowledged")
    do(conn, city, case_no, "correct", actors["dispatcher"], category=wrong)
    to = elsewhere["then"]["dispatch"]["organisation"]["code"]
    if elsewhere["then"]["dispatch"]["mode"] != "desk":
        do(conn, city, case_no, "dispatch", actors["dispatcher"], organisation=to)
    sound(conn, case_no)


def test_while_it_is_handled_the_new_limit_runs_from_when_it_was_taken_on(
    conn: Connection, city: City, actors: dict[str, Actor], place: tuple[float, float]
) -> None:
    case_no = filed(conn, city, actors, place)
    was = city.category(SHOP)
    for one in city.categories.values():
        if one.filing_condition_id is not None and one.limit not in (None, was.limit):
            said = dry(conn, city, case_no, f"{one.scheme}:{one.code}", actors["dispatcher"])["then"]["dispatch"]
            if said["mode"] != "desk":
                break
    # it is with those whose it will be, under the class that it is not
    whose = said["organisation"]["code"]
    do(conn, city, case_no, "dispatch", actors["dispatcher"], organisation=whose)
    holder = acts.read(conn, city, case_no, None).organisation_id
    do(conn, city, case_no, "ack", replace(actors["department"], organisation_id=holder))
    before = acts.read(conn, city, case_no, None)
    conn.execute("SET LOCAL gisops.clock_offset = '30 minutes'")
    do(conn, city, case_no, "correct", actors["dispatcher"], category=f"{one.scheme}:{one.code}")
    after = acts.read(conn, city, case_no, None)
    assert before.clock is not None
    assert after.clock is not None
    step, limit = case_clocks.handling(city, one.filing_condition_id, after.area_grade)
    assert limit is not None
    assert (after.clock.step, after.clock.unit, float(after.clock.value or 0)) == (step, limit.unit, limit.value)
    begins = case_clocks.begins(city, before.clock.started_at, limit.season)
    ends = case_clocks.deadline(city, begins, limit.unit, limit.value, before.clock.organisation_id)
    assert after.clock.deadline == ends
    assert (after.clock.clock_no, after.clock.started_at) == (before.clock.clock_no, before.clock.started_at)
    assert after.state == "handling"
    sound(conn, case_no)


@pytest.fixture
def handled(
    conn: Connection, city: City, actors: dict[str, Actor], place: tuple[float, float]
) -> tuple[str, Actor, list[str]]:
    """A case that its organisation has taken on, somebody who acts for that, and three classes with limits of their own
    that would be its as well, the case's own first.
    """
    case_no = filed(conn, city, actors, place)
    found: dict[str, dict[Any, str]] = {}
    for one in city.categories.values():
        if one.filing_condition_id is None or case_clocks.handling(city, one.filing_condition_id)[1] is None:
            continue
        said = dry(conn, city, case_no, f"{one.scheme}:{one.code}", actors["dispatcher"])["then"]["dispatch"]
        alike = found.setdefault(said["organisation"]["code"], {})
        alike.setdefault(str(case_clocks.handling(city, one.filing_condition_id)), f"{one.scheme}:{one.code}")
        if len(alike) == 3:
            break
    whose, classes = said["organisation"]["code"], list(alike.values())
    assert len(classes) == 3, "no organisation of the sample has three limits"
    do(conn, city, case_no, "correct", actors["dispatcher"], category=classes[0])
    do(conn, city, case_no, "dispatch", actors["dispatcher"], organisation=whose)
    holder = replace(actors["department"], organisation_id=acts.read(conn, city, case_no, None).organisation_id)
    do(conn, city, case_no, "ack", holder)
    return case_no, holder, classes


def of_class(city: City, code: str, start: datetime, organisation_id: int | None = None) -> datetime:
    """When what begins at a moment must be done by the limit of a class alone."""
    _, limit = case_clocks.handling(city, city.category(code).filing_condition_id)
    assert limit is not None
    if organisation_id is None:
        ends = case_clocks.deadline_of(city, start, city.category(code).filing_condition_id)
        assert ends is not None
        return ends
    begins = case_clocks.begins(city, start, limit.season)
    return case_clocks.deadline(city, begins, limit.unit, limit.value, organisation_id)


def later(conn: Connection, by: str) -> None:
    conn.execute("SELECT set_config('gisops.clock_offset', %s, true)", [by])


def test_correcting_again_and_again_gives_no_more_time(
    conn: Connection, city: City, actors: dict[str, Actor], handled: tuple[str, Actor, list[str]]
) -> None:
    case_no, _, classes = handled
    first = acts.read(conn, city, case_no, None)
    assert first.clock is not None
    assert first.filed_at is not None
    for hours, code in ((1, classes[1]), (7, classes[2]), (30, classes[1]), (40, classes[0])):
        later(conn, f"{hours} hours")
        do(conn, city, case_no, "correct", actors["dispatcher"], category=code)
        now = acts.read(conn, city, case_no, None)
        assert now.clock is not None
        assert (now.clock.clock_no, now.clock.started_at) == (first.clock.clock_no, first.clock.started_at)
        assert now.clock.deadline == of_class(city, code, first.clock.started_at, now.organisation_id), code
        assert now.deadline == of_class(city, code, first.filed_at), code
    assert (now.clock, now.deadline) == (replace(first.clock, level=now.clock.level), first.deadline)
    sound(conn, case_no)
    due = conn.execute(
        "SELECT k.due_at, k.due_kind, k.outcome FROM case_clocks k JOIN cases c USING (district_code, case_id)"
        " WHERE c.case_no = %s AND k.clock_no = %s",
        [case_no, first.clock.clock_no],
    ).fetchone()
    assert due is not None
    assert due["outcome"] is None


def test_to_be_done_again_was_not_granted_and_begins_anew_under_the_new_limit(
    conn: Connection, city: City, actors: dict[str, Actor], handled: tuple[str, Actor, list[str]]
) -> None:
    case_no, holder, classes = handled
    here = acts.read(conn, city, case_no, None)
    later(conn, "10 days")
    at = {"lon": here.lon, "lat": here.lat, "crs": "WGS84", "accuracy_m": 4.0}
    do(conn, city, case_no, "finish", holder, position=at)
    acts.act(conn, city, case_no, "skip_check", Sent(None), None)
    do(conn, city, case_no, "to_rework", actors["shift_leader"])
    again = acts.read(conn, city, case_no, None)
    assert again.clock is not None
    later(conn, "10 days 1 hour")
    do(conn, city, case_no, "correct", actors["dispatcher"], category=classes[1])
    now = acts.read(conn, city, case_no, None)
    assert now.clock is not None
    assert now.clock.deadline == of_class(city, classes[1], again.clock.started_at, now.organisation_id)
    assert now.deadline == of_class(city, classes[1], again.now)
    sound(conn, case_no)


def test_a_joint_part_was_not_granted_and_the_case_still_waits_for_it(
    conn: Connection, city: City, actors: dict[str, Actor], handled: tuple[str, Actor, list[str]]
) -> None:
    case_no, _, classes = handled
    first = acts.read(conn, city, case_no, None)
    other = conn.execute(
        "SELECT code FROM organisations WHERE organisation_id <> %s AND NOT is_duty_desk ORDER BY code LIMIT 1",
        [first.organisation_id],
    ).fetchone()
    assert other is not None
    ends = first.now + timedelta(days=90)
    joint.open_part(conn, city, first, other["code"], WHY, actors["dispatcher"], deadline=ends)
    assert acts.read(conn, city, case_no, None).deadline == ends
    do(conn, city, case_no, "correct", actors["dispatcher"], category=classes[1])
    now = acts.read(conn, city, case_no, None)
    assert now.clock is not None
    assert first.clock is not None
    assert now.clock.deadline == of_class(city, classes[1], first.clock.started_at, now.organisation_id)
    assert now.deadline == ends


def test_what_was_granted_stays_granted_and_the_dry_run_says_what_the_act_does(
    conn: Connection, city: City, actors: dict[str, Actor], handled: tuple[str, Actor, list[str]]
) -> None:
    case_no, holder, classes = handled
    first = acts.read(conn, city, case_no, None)
    number = approvals.request(conn, city, first, "extend", Sent(first.version, WHY), None, holder)
    do(conn, city, case_no, "extend", actors["dispatcher"], approval=number)
    extended = acts.read(conn, city, case_no, None)
    later(conn, "1 hour")
    ends = first.now + timedelta(days=3)
    number = approvals.request(conn, city, extended, "suspend", Sent(extended.version, WHY), ends, holder)
    do(conn, city, case_no, "suspend", actors["dispatcher"], approval=number)
    later(conn, "2 days")
    acts.act(conn, city, case_no, "resume", Sent(None), None)
    before = acts.read(conn, city, case_no, None)
    assert before.clock is not None
    assert first.clock is not None
    assert before.clock.deadline is not None
    assert before.deadline is not None
    assert first.filed_at is not None
    said = dry(conn, city, case_no, classes[1], actors["dispatcher"])
    do(conn, city, case_no, "correct", actors["dispatcher"], category=classes[1])
    now = acts.read(conn, city, case_no, None)
    assert now.clock is not None
    start, whose = first.clock.started_at, now.organisation_id
    of_the_clock = before.clock.deadline - of_class(city, classes[0], start, whose)
    of_the_case = before.deadline - of_class(city, classes[0], first.filed_at)
    assert of_the_case > timedelta(days=1)
    assert now.clock.deadline == of_class(city, classes[1], start, whose) + of_the_clock
    assert now.deadline == of_class(city, classes[1], first.filed_at) + of_the_case
    assert said["then"]["deadline"] == now.deadline
    assert said["now"]["deadline"] == before.deadline
    sound(conn, case_no)


def test_what_one_organisation_was_granted_is_not_the_next_one_s(
    conn: Connection, city: City, actors: dict[str, Actor], handled: tuple[str, Actor, list[str]]
) -> None:
    case_no, holder, classes = handled
    whose = decided(conn, case_no)[-1]["answer"]["organisation"]
    for kind in ("extend", "return"):
        facts = acts.read(conn, city, case_no, None)
        why = {"reason_code": "wrong_place"} if kind == "return" else {}
        number = approvals.request(conn, city, facts, kind, Sent(facts.version, WHY, **why), None, holder)
        do(conn, city, case_no, kind, actors["dispatcher"], approval=number, **why)
    later(conn, "1 hour")
    do(conn, city, case_no, "dispatch", actors["dispatcher"], organisation=whose)
    do(conn, city, case_no, "ack", holder)
    taken = acts.read(conn, city, case_no, None)
    assert taken.clock is not None
    assert taken.filed_at is not None
    do(conn, city, case_no, "correct", actors["dispatcher"], category=classes[1])
    now = acts.read(conn, city, case_no, None)
    assert now.clock is not None
    assert now.clock.deadline == of_class(city, classes[1], taken.clock.started_at, now.organisation_id)
    # of the case it stays
    assert now.deadline is not None
    assert now.deadline > of_class(city, classes[1], taken.filed_at)


def test_in_an_area_of_another_grade_the_dry_run_goes_by_that_one(
    conn: Connection, city: City, actors: dict[str, Actor], handled: tuple[str, Actor, list[str]]
) -> None:
    case_no, *_ = handled
    first = acts.read(conn, city, case_no, None)
    there = (first.lon + 0.0006, first.lat)
    cell = conn.execute("SELECT code FROM cell_at(ST_SetSRID(ST_MakePoint(%s, %s), 4326), app_now())", [*there])
    row = cell.fetchone()
    assert row is not None
    condition = first.filing_condition_id
    assert condition is not None
    graded = [replace(one, area_grade="A", limit=replace(one.limit, value=99)) for one in city.limits[condition]]
    limits = {**city.limits, condition: (*city.limits[condition], *graded)}
    town = replace(city, grades={**city.grades, row["code"]: "A"}, limits=limits)
    with conn.transaction(force_rollback=True):
        scopes.look_as(conn, actors["dispatcher"].account_id)
        said = rerouting.preview(conn, town, case_no, None, (*there, "WGS84"), None)
    if said["organisation_changes"]:
        pytest.skip("the sample's zones part these two places")
    at = {"lon": there[0], "lat": there[1], "crs": "WGS84"}
    do(conn, town, case_no, "correct", actors["dispatcher"], position=at)
    now = acts.read(conn, town, case_no, None)
    assert now.area_grade == "A"
    assert said["then"]["deadline"] == now.deadline != first.deadline


def test_who_holds_it_hears_of_it_whether_somebody_of_his_has_it_or_nobody(
    conn: Connection, city: City, actors: dict[str, Actor], handled: tuple[str, Actor, list[str]]
) -> None:
    case_no, _, classes = handled
    facts = acts.read(conn, city, case_no, None)
    to = rerouting.Correction(city.category(classes[1]))
    nobody = rerouting.corrected(conn, city, replace(facts, handler_id=None), to, is_filed=True).told
    assert [(one.kind, one.staff_id, one.organisation_id) for one in nobody] == [("moved", None, facts.organisation_id)]
    one_of_his = rerouting.corrected(conn, city, replace(facts, handler_id=1), to, is_filed=True).told
    assert [(one.kind, one.staff_id, one.organisation_id) for one in one_of_his] == [("moved", 1, None)]


def test_a_correction_asks_nobody_where_he_is(
    conn: Connection, city: City, actors: dict[str, Actor], place: tuple[float, float]
) -> None:
    """Whoever chooses the points would learn from the answers who is where, and how busy."""
    case_no = told(conn, city, place)
    there = {"lon": place[0] + 0.0008, "lat": place[1] + 0.0003, "crs": "WGS84", "accuracy_m": 4.0}
    with conn.transaction(force_rollback=True):
        done = do(conn, city, case_no, "correct", actors["acceptor"], position=there)
        alone = kept(conn, case_no, done.seq)
    assert {(one["load"], one["distance_m"]) for one in alone["staff_facts"]} <= {(0, None)}
    # now everybody stands there
    with conn.transaction(force_rollback=True):
        conn.execute(
            "INSERT INTO last_positions (district_code, staff_id, captured_at, accuracy_m, geom)"
            " SELECT '469901', staff_id, app_now(), 5, ST_SetSRID(ST_MakePoint(%s, %s), 4326) FROM staff"
            " ON CONFLICT (district_code, staff_id)"
            " DO UPDATE SET captured_at = EXCLUDED.captured_at, geom = EXCLUDED.geom",
            [there["lon"], there["lat"]],
        )
        done = do(conn, city, case_no, "correct", actors["acceptor"], position=there)
        assert kept(conn, case_no, done.seq) == alone


def kept(conn: Connection, case_no: str, seq: int) -> dict[str, Any]:
    row = conn.execute(
        "SELECT d.answer, d.staff_facts FROM dispatch_decisions d JOIN cases c USING (district_code, case_id)"
        " WHERE c.case_no = %s AND d.seq = %s",
        [case_no, seq],
    ).fetchone()
    assert row is not None
    return row


def test_to_the_acceptor_with_what_it_is(
    conn: Connection, city: City, actors: dict[str, Actor], place: tuple[float, float]
) -> None:
    case_no = filed(conn, city, actors, place)
    do(conn, city, case_no, "dispatch", actors["dispatcher"], organisation="ROADS")
    do(conn, city, case_no, "return", actors["dispatcher"], reason_code="not_acknowledged")
    done = do(conn, city, case_no, "to_acceptor", actors["dispatcher"], category=other_class(city))
    after = acts.read(conn, city, case_no, None)
    assert (done.state, after.filed_at, after.filing_condition_id) == ("accepted", None, None)
    assert after.category.code == city.category(other_class(city)).code
    do(conn, city, case_no, "file", actors["shift_leader"])
    sound(conn, case_no)


def test_a_dry_run_changes_nothing_and_is_for_who_sees_the_case(
    conn: Connection, city: City, actors: dict[str, Actor], place: tuple[float, float]
) -> None:
    case_no = filed(conn, city, actors, place)
    count = "SELECT (SELECT count(*) FROM case_history) AS h, (SELECT count(*) FROM dispatch_decisions) AS d"
    before = conn.execute(count.encode()).fetchone()
    conn.execute("SAVEPOINT as_the_system")
    scopes.look_as(conn, actors["dispatcher"].account_id)
    moved = rerouting.preview(conn, city, case_no, None, (place[0] + 0.003, place[1], "WGS84"), None)
    assert (moved["then"]["lon"], moved["then"]["category"]["code"]) == (place[0] + 0.003, SHOP)
    with pytest.raises(InvalidInput):
        rerouting.preview(conn, city, case_no, None, (place[0], place[1], "moon"), None)
    scopes.look_as(conn, None)
    with pytest.raises(NotFound) as hidden:
        rerouting.preview(conn, city, case_no, SHOP, None, None)
    with pytest.raises(NotFound) as absent:
        rerouting.preview(conn, city, "469901-1999-000001", SHOP, None, None)
    assert str(hidden.value).replace(case_no, "X") == str(absent.value).replace("469901-1999-000001", "X")
    conn.execute("ROLLBACK TO SAVEPOINT as_the_system")
    assert conn.execute(count.encode()).fetchone() == before


def test_zones_that_change_move_no_case_and_the_list_says_which_would(
    sample_database: Any, city: City, actors: dict[str, Actor]
) -> None:
    """In a transaction of its owner's, which is taken back: a zone is another organisation's from now on."""
    with connect(sample_database.owner_url) as owner:
        west, south, east, north = city.extent
        zone, n = None, 0
        while zone is None:
            at = west + (east - west) * (0.2 + 0.05 * (n % 13)), south + (north - south) * (0.2 + 0.05 * (n // 13))
            assert at[1] < north, "no zone of the sample decides anything"
            n += 1
            case_no = told(owner, city, at)
            zone = owner.execute(
                "SELECT z.zone_id, z.organisation_id FROM cases c JOIN zones z USING (zone_id) WHERE c.case_no = %s"
                " AND z.organisation_id IS NOT NULL",
                [case_no],
            ).fetchone()
        do(owner, city, case_no, "accept", actors["acceptor"])
        do(owner, city, case_no, "file", actors["shift_leader"])
        holder = owner.execute("SELECT organisation_id FROM cases WHERE case_no = %s", [case_no]).fetchone()
        other = owner.execute(
            "SELECT organisation_id, code FROM organisations WHERE organisation_id <> %s AND NOT is_duty_desk"
            " ORDER BY organisation_id LIMIT 1",
            [zone["organisation_id"]],
        ).fetchone()
        assert other is not None

        def differing() -> dict[str, Any]:
            with owner.transaction(force_rollback=True):
                scopes.look_as(owner, actors["dispatcher"].account_id)
                return {c["case_no"]: c for c in rerouting.differing(owner, city, limit=50)["cases"]}

        assert case_no not in differing()
        owner.execute(
            "UPDATE zones SET organisation_id = %s WHERE zone_id = %s", [other["organisation_id"], zone["zone_id"]]
        )
        mine = differing()[case_no]
        assert mine["organisation_changes"]
        assert mine["now"]["organisation"]["code"] == other["code"]
        assert mine["answered"]["organisation"]["code"] != other["code"]
        assert owner.execute("SELECT organisation_id FROM cases WHERE case_no = %s", [case_no]).fetchone() == holder
        # page by page the same, and each looked at once
        pages, after, checked = [], None, 0
        while True:
            with owner.transaction(force_rollback=True):
                scopes.look_as(owner, actors["dispatcher"].account_id)
                page = rerouting.differing(owner, city, after, 20)
            pages += [c["case_no"] for c in page["cases"]]
            checked += page["checked"]
            after = page["after"]
            if after is None:
                break
        assert len(pages) == len(set(pages))
        assert case_no in pages
        on_their_way = owner.execute(
            "SELECT count(*) AS n FROM cases"
            " WHERE state IN ('filed', 'dispatched', 'handling', 'suspended', 'returned')"
        ).fetchone()
        assert on_their_way is not None
        assert checked <= on_their_way["n"]
        with pytest.raises(InvalidInput):
            rerouting.differing(owner, city, None, 0)
        owner.rollback()
