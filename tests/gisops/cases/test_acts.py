"""The one way in which a case moves: every transition from every state by every role, generated from the table."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest

from gisops import city as cities
from gisops import clocks as reckoning
from gisops import operations
from gisops.access import scopes
from gisops.access.people import Actor
from gisops.access.roles import ROLES
from gisops.cases import acts, case_clocks, moves, working
from gisops.cases.acts import Sent
from gisops.cases.facts import GuardFailed
from gisops.cases.moves import PUBLIC, SYSTEM, TRANSITIONS, Move, Rule
from gisops.cases.reports import NewReport
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.errors import GisopsError, IllegalMove, InvalidInput, NotAllowed, NotFound, StaleVersion

VENDOR = "E04-05"
OPEN = [state for state, stage in moves.STAGES.items() if stage < moves.OVER]
# How a case gets into each state, by the statement of moves alone: from a report that nobody has looked at.
WAYS: dict[str, tuple[str, ...]] = {
    "reported": (),
    "verifying": ("order_verify",),
    "accepted": ("accept",),
    "simple_open": ("push",),
    "filed": ("accept", "file"),
    "dispatched": ("accept", "file", "dispatch"),
    "handling": ("accept", "file", "dispatch", "ack"),
    "suspended": ("accept", "file", "dispatch", "ack", "suspend"),
    "returned": ("accept", "file", "dispatch", "return"),
    "disputed": ("accept", "file", "dispatch", "return", "dispute"),
    "handled": ("accept", "file", "dispatch", "ack", "finish"),
    "checking": ("accept", "file", "dispatch", "ack", "finish", "order_check"),
    "to_close": ("accept", "file", "dispatch", "ack", "finish", "skip_check"),
    "closed": ("accept", "file", "dispatch", "ack", "finish", "skip_check", "close"),
    "force_closed": ("accept", "file", "force_close"),
    "not_accepted": ("refuse",),
    "not_filed": ("accept", "reject"),
    "duplicate": ("link",),
    "voided": ("accept", "void"),
}
# The preparers of the main line; what is agreed on beside it has tests of its own.
MAIN = {
    "order_verify", "verify", "accept", "refuse", "file", "reject", "dispatch", "ack", "escalate", "return",
    "to_acceptor", "assign", "finish", "send_back", "order_check", "skip_check", "pass", "fail", "close", "to_rework",
    "promote", "not_mine",
}  # fmt: skip


@pytest.fixture(scope="module")
def city(sample_database: Any) -> City:
    """The sample city, in which nothing is filed by itself and nobody asks for photographs."""
    with connect(sample_database.app_url) as conn:
        read = cities.load(conn)
    return replace(read, auto_file=False, settings={**read.settings, "evidence": False})


@pytest.fixture
def conn(sample_database: Any) -> Iterator[Connection]:
    with connect(sample_database.app_url) as opened:
        yield opened
        opened.rollback()


@pytest.fixture(scope="module")
def world(sample_database: Any) -> dict[str, Any]:
    """An account of each role that may see every case, and an organisation that cases are sent to, with a member."""
    with connect(sample_database.owner_url) as owner:
        squad = owner.execute(
            "SELECT o.organisation_id, o.code, s.staff_id, s.code AS staff FROM organisations o"
            " JOIN staff s USING (organisation_id) WHERE s.active AND NOT o.is_duty_desk AND s.role = 'handler'"
            " ORDER BY s.staff_id LIMIT 1"
        ).fetchone()
        assert squad is not None
        # what a role may see is told elsewhere: here everybody sees everything, so that the table alone decides
        owner.execute("ALTER TABLE accounts DROP CONSTRAINT accounts_everywhere")
        actors = {}
        for role in ROLES:
            row = owner.execute(
                "INSERT INTO accounts (login, password_hash, role, staff_id, organisation_id, everywhere)"
                " VALUES (%s, 'x', %s, NULL, %s, true) RETURNING account_id",
                [f"sample.{role}", role, squad["organisation_id"]],
            ).fetchone()
            assert row is not None
            # who works on a case belongs to the organisation that it is sent to
            actors[role] = Actor(row["account_id"], f"sample.{role}", role, None, squad["organisation_id"])
    return {"actors": actors, "squad": squad}


@pytest.fixture
def place(city: City) -> tuple[float, float]:
    west, south, east, north = city.extent
    return (west + east) / 2, (south + north) / 2


def told(conn: Connection, city: City, place: tuple[float, float], channel: str = "citizen") -> str:
    """A case of its own, as a report opens it: its number."""
    report = NewReport(uuid4(), channel, VENDOR, *place, "WGS84", 5.0, f"样例 / sample {uuid4()}")
    receipt = operations.receive_report(conn, city, report, None)
    number: str = orjson.loads(receipt.answer)["case"]["case_no"]
    return number


def bring(conn: Connection, city: City, case_no: str, state: str, squad: dict[str, Any]) -> None:
    """Take a case into a state, each move with the clock that belongs to it."""
    to = moves.Addressee(squad["organisation_id"], squad["code"], squad["staff_id"], squad["staff"], None)
    for action in WAYS[state]:
        facts = acts.read(conn, city, case_no, None)
        rule = moves.rule_of(action, facts.state)
        sent = to if action in ("dispatch", "push") else None
        holder = sent.organisation_id if sent else facts.desk_id if rule.to_desk else facts.organisation_id
        wanted: Any = "pause" if action == "suspend" else "auto"
        condition = facts.category.filing_condition_id
        clock = case_clocks.change(city, facts, rule.to_state, holder, wanted, "done", condition)
        sets = {"filing_condition_id": condition} if action == "file" else {}
        one = Move(case_no, action, facts.version, to=sent, from_state=facts.state, clock=clock, sets=sets)
        assert moves.move(conn, [one], rule.role, None) == {case_no}
    assert acts.read(conn, city, case_no, None).state == state


def right(rule: Rule, city: City, squad: dict[str, Any], place: tuple[float, float]) -> dict[str, Any]:
    """What a right act of a row sends beside the version."""
    position = {"lon": place[0], "lat": place[1], "crs": "WGS84", "accuracy_m": 5.0}
    values: dict[str, Any] = {
        "verify": {"result": "true", "position": position},
        "dispatch": {"organisation": squad["code"], "staff": squad["staff"]},
        "assign": {"staff": squad["staff"]},
        "finish": {"position": position},
        "close": {"closing_condition": 1},
    }.get(rule.action, {})
    code = rule.reasons[0] if rule.reasons else None
    return {"reason": "样例 / sample", "reason_code": code, "values": values}


def snapshot(conn: Connection, case_no: str) -> Any:
    """Everything that is written of a case."""
    return conn.execute(
        "SELECT c::text, ARRAY(SELECT h::text FROM case_history h WHERE h.case_id = c.case_id ORDER BY seq) AS history,"
        " ARRAY(SELECT k::text FROM case_clocks k WHERE k.case_id = c.case_id ORDER BY clock_no) AS clocks,"
        " (SELECT count(*) FROM outbox o WHERE o.case_no = c.case_no) AS events"
        " FROM cases c WHERE case_no = %s",
        [case_no],
    ).fetchone()


def clocks(conn: Connection, case_no: str) -> list[dict[str, Any]]:
    return conn.execute(
        "SELECT k.* FROM case_clocks k JOIN cases c USING (district_code, case_id) WHERE c.case_no = %s"
        " ORDER BY k.clock_no",
        [case_no],
    ).fetchall()


def whole(conn: Connection, case_no: str) -> None:
    """What must hold of a case after every move."""
    row = conn.execute(
        "SELECT c.*, (SELECT count(*) FROM case_history h WHERE h.case_id = c.case_id) AS entries,"
        " (SELECT count(*) FROM case_clocks k WHERE k.case_id = c.case_id AND k.stopped_at IS NULL"
        "    AND k.paused_at IS NULL AND k.step <> 'subtask') AS running,"
        " (SELECT count(*) FROM case_clocks k WHERE k.case_id = c.case_id AND k.stopped_at IS NULL"
        "    AND k.paused_at IS NOT NULL) AS paused,"
        " (SELECT k.step FROM case_clocks k WHERE k.case_id = c.case_id AND k.stopped_at IS NULL"
        "    AND k.step <> 'subtask') AS step"
        " FROM cases c WHERE case_no = %s",
        [case_no],
    ).fetchone()
    assert row is not None
    assert row["version"] == row["entries"]
    assert row["stage"] == moves.STAGES[row["state"]]
    step = case_clocks.STEPS.get(row["state"])
    expected = (0, 0) if step is None else (0, 1) if row["state"] == "suspended" else (1, 0)
    assert (row["running"], row["paused"]) == expected, row["state"]
    assert row["step"] == step
    broken = conn.execute("SELECT * FROM broken_history() WHERE case_id = %s", [row["case_id"]]).fetchall()
    assert broken == []


ROWS = [rule for rule in TRANSITIONS if rule.action in MAIN]


@pytest.mark.parametrize("rule", ROWS, ids=lambda rule: f"{rule.number}-{rule.action}")
def test_a_row_of_the_table_works_from_each_of_its_states_for_each_of_its_roles(
    rule: Rule, conn: Connection, city: City, world: dict[str, Any], place: tuple[float, float]
) -> None:
    for state, role in product(rule.from_states, rule.who):
        if (rule.action, state, role) == ("return", "handling", "dispatcher"):
            continue  # only where it was asked for: tests/walk/test_agreements.py
        with conn.transaction(force_rollback=True):
            case_no = told(conn, city, place)
            bring(conn, city, case_no, state, world["squad"])
            whole(conn, case_no)
            before = acts.read(conn, city, case_no, None)
            sent = Sent(before.version, **right(rule, city, world["squad"], place))
            if rule.action == "skip_check":
                # for what is minor
                minor = Move(case_no, rule.action, before.version, sets={"severity": "minor"})
                assert minor.sets
                before = replace(before, severity="minor")
                conn.execute("UPDATE cases SET severity = 'minor' WHERE case_no = %s", [case_no])
            by = None if role == SYSTEM else world["actors"][role]
            if role == SYSTEM:
                sent = replace(sent, expected_version=None)
            done = acts.act(conn, city, case_no, rule.action, sent, by)
            assert done.state in (rule.to_state, *rule.or_to)
            after = acts.read(conn, city, case_no, None)
            assert (after.state, after.version) == (done.state, before.version + 1)
            entry = conn.execute(
                "SELECT * FROM case_history WHERE case_id = %s AND seq = %s", [after.case_id, done.seq]
            ).fetchone()
            assert entry is not None
            assert (entry["action"], entry["from_state"], entry["to_state"]) == (rule.action, state, done.state)
            assert (entry["role"], entry["account_id"]) == (role, by.account_id if by else None)
            assert "样例" not in str(entry["payload"])
            for moment in rule.stamps:
                if moment != "closed_at" or done.state == "closed" or moves.STAGES[done.state] == moves.OVER:
                    assert getattr(after, moment) == after.now
            for moment in rule.clears:
                assert getattr(after, moment) is None
            if rule.to_desk:
                assert (after.organisation_id, after.handler_id) == (city.desk_id, None)
            whole(conn, case_no)


def _error(state: str, action: str, role: str) -> type[GisopsError] | None:
    """What the table says of an act: None where it is allowed."""
    rows = [rule for rule in TRANSITIONS if rule.action == action]
    if not any(role in rule.who for rule in rows):
        return NotAllowed
    here = [rule for rule in rows if state in rule.from_states]
    if not here:
        return IllegalMove
    return None if role in here[0].who else NotAllowed


def test_what_the_table_does_not_say_is_refused_and_changes_nothing(
    conn: Connection, city: City, world: dict[str, Any], place: tuple[float, float]
) -> None:
    """Every action, in every state, by every role: some thousands, each against the real database."""
    asked = 0
    for state in moves.STAGES:
        case_no = told(conn, city, place)
        bring(conn, city, case_no, state, world["squad"])
        before = snapshot(conn, case_no)
        facts = acts.read(conn, city, case_no, None)
        for action, role in product(moves.ACTIONS, (*ROLES, SYSTEM, PUBLIC)):
            error = _error(state, action, role)
            if error is None:
                continue
            asked += 1
            by = world["actors"].get(role)
            # the same question that `act` asks; through it for a share of them, as each reads the case anew
            sent = Sent(facts.version)
            with pytest.raises(error) as raised:
                _ = (
                    acts._rule(facts, action, sent, role)
                    if asked % 7
                    else acts.act(conn, city, case_no, action, sent, by, role=role)
                )
            if error is IllegalMove:
                assert raised.value.facts["state"] == state
                assert raised.value.facts["allowed"] == moves.allowed(state, role)
                assert action not in raised.value.facts["allowed"]
        assert snapshot(conn, case_no) == before
    assert asked > 4_000


def test_the_machine_has_no_way_out_of_the_end_but_by_name() -> None:
    over = {state for state, stage in moves.STAGES.items() if stage == moves.OVER}
    leaving = {rule.action for rule in TRANSITIONS if over & set(rule.from_states)}
    assert leaving == {"reopen", "appeal", "unlink"}
    assert [rule.number for rule in TRANSITIONS] == list(range(1, 40))
    reached = {rule.to_state for rule in TRANSITIONS}
    assert reached == set(moves.STAGES)


def test_whoever_may_not_see_a_case_is_told_what_one_is_told_of_none(
    conn: Connection, city: City, world: dict[str, Any], place: tuple[float, float], sample_database: Any
) -> None:
    case_no = told(conn, city, place)
    stranger = replace(world["actors"]["department"], account_id=0)
    with pytest.raises(NotFound) as hidden:
        acts.act(conn, city, case_no, "ack", Sent(1), stranger)
    missing = case_no[:-6] + "999999"
    with pytest.raises(NotFound) as absent:
        acts.act(conn, city, missing, "ack", Sent(1), stranger)
    assert str(hidden.value).replace(case_no, missing) == str(absent.value)


def test_an_act_says_which_version_it_was_decided_on(
    conn: Connection, city: City, world: dict[str, Any], place: tuple[float, float]
) -> None:
    case_no = told(conn, city, place)
    acceptor = world["actors"]["acceptor"]
    with pytest.raises(InvalidInput, match="version"):
        acts.act(conn, city, case_no, "accept", Sent(None), acceptor)
    with pytest.raises(StaleVersion) as stale:
        acts.act(conn, city, case_no, "accept", Sent(7), acceptor)
    assert stale.value.facts == {"version": 1, "state": "reported", "allowed": moves.allowed("reported", "acceptor")}
    with pytest.raises(InvalidInput) as unreasoned:
        acts.act(conn, city, case_no, "refuse", Sent(1, reason_code="because"), acceptor)
    assert "out_of_scope" in unreasoned.value.facts["reasons"]
    with pytest.raises(InvalidInput, match="no move"):
        acts.act(conn, city, case_no, "wish", Sent(1), acceptor)


def test_two_at_once_one_wins_and_the_other_is_told_the_new_state(
    sample_database: Any, city: City, world: dict[str, Any], place: tuple[float, float]
) -> None:
    with connect(sample_database.app_url) as conn:
        case_no = told(conn, city, place)
        conn.commit()
    together, outcomes = threading.Barrier(2), []

    def accept(action: str, code: str | None) -> None:
        with connect(sample_database.app_url) as own:
            together.wait()
            try:
                sent = Sent(1, reason_code=code)
                outcomes.append(acts.act(own, city, case_no, action, sent, world["actors"]["acceptor"]).state)
                own.commit()
            except StaleVersion as error:
                outcomes.append(error.facts["state"])
                own.rollback()

    both = [threading.Thread(target=accept, args=one) for one in (("accept", None), ("refuse", "not_found"))]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(outcomes) == 2
    assert outcomes[0] == outcomes[1]  # the loser is told where the winner has taken it
    with connect(sample_database.app_url) as conn:
        facts = acts.read(conn, city, case_no, None)
        assert (facts.state, facts.version) == (outcomes[0], 2)
        whole(conn, case_no)


def test_what_people_write_lies_beside_the_history(
    sample_database: Any, city: City, world: dict[str, Any], place: tuple[float, float]
) -> None:
    with connect(sample_database.app_url) as conn:
        case_no = told(conn, city, place)
        sent = Sent(1, "样例理由 / sample reason", "other")
        done = acts.act(conn, city, case_no, "refuse", sent, world["actors"]["acceptor"])
        conn.commit()
    with connect(sample_database.owner_url) as owner:
        kept = owner.execute("SELECT * FROM case_texts WHERE case_id = %s", [done.case_id]).fetchone()
        entry = owner.execute(
            "SELECT payload FROM case_history WHERE case_id = %s AND seq = %s", [done.case_id, done.seq]
        ).fetchone()
    assert kept is not None
    assert entry is not None
    assert kept["text"] == sent.reason
    assert entry["payload"] == {
        "reason_code": "other",
        "text": hashlib.sha256(kept["salt"] + sent.reason.encode()).hexdigest(),
    }


def at_work(conn: Connection, city: City, place: tuple[float, float], world: dict[str, Any], state: str) -> str:
    case_no = told(conn, city, place)
    bring(conn, city, case_no, state, world["squad"])
    return case_no


def test_a_return_is_for_before_the_work_and_soon(
    conn: Connection, city: City, world: dict[str, Any], place: tuple[float, float]
) -> None:
    department = world["actors"]["department"]
    case_no = at_work(conn, city, place, world, "handling")
    version = acts.read(conn, city, case_no, None).version
    late = conn.execute("SELECT set_config('gisops.clock_offset', '30 days', true)")
    assert late
    with pytest.raises(GuardFailed) as error:
        acts.act(conn, city, case_no, "return", Sent(version, reason_code="not_ours"), department)
    assert error.value.facts["guard"] == "too_late_to_return"


def test_who_returned_it_as_not_theirs_is_not_asked_again(
    conn: Connection, city: City, world: dict[str, Any], place: tuple[float, float]
) -> None:
    squad, department, desk = world["squad"], world["actors"]["department"], world["actors"]["acceptor"]
    case_no = at_work(conn, city, place, world, "dispatched")
    version = acts.read(conn, city, case_no, None).version
    acts.act(conn, city, case_no, "return", Sent(version, reason_code="not_ours"), department)
    facts = acts.read(conn, city, case_no, None)
    assert (facts.return_count, facts.excluded) == (1, (squad["organisation_id"],))
    assert clocks(conn, case_no)[-2]["outcome"] == "returned"
    again = Sent(facts.version, "样例 / sample", values={"organisation": squad["code"]})
    with pytest.raises(GuardFailed) as error:
        acts.act(conn, city, case_no, "dispatch", again, desk)
    assert error.value.facts["guard"] == "excluded"


def test_nobody_works_on_what_another_organisation_has(
    conn: Connection, city: City, world: dict[str, Any], place: tuple[float, float]
) -> None:
    case_no = at_work(conn, city, place, world, "dispatched")
    version = acts.read(conn, city, case_no, None).version
    other = replace(world["actors"]["handler"], organisation_id=city.desk_id)
    with pytest.raises(GuardFailed) as error:
        acts.act(conn, city, case_no, "ack", Sent(version), other)
    assert error.value.facts["guard"] == "own_organisation"


def test_who_handled_a_case_does_not_check_it(
    conn: Connection, city: City, world: dict[str, Any], place: tuple[float, float]
) -> None:
    case_no = at_work(conn, city, place, world, "checking")
    version = acts.read(conn, city, case_no, None).version
    himself = replace(world["actors"]["officer"], staff_id=world["squad"]["staff_id"])
    with pytest.raises(GuardFailed) as error:
        acts.act(conn, city, case_no, "pass", Sent(version), himself)
    assert error.value.facts["guard"] == "own_work"


def test_verifying_from_afar_is_refused_and_a_moved_case_lies_elsewhere(
    conn: Connection, city: City, world: dict[str, Any], place: tuple[float, float]
) -> None:
    case_no = at_work(conn, city, place, world, "verifying")
    officer = world["actors"]["officer"]
    there = {"lon": place[0] + 0.003, "lat": place[1], "crs": "WGS84", "accuracy_m": 5.0}
    version = acts.read(conn, city, case_no, None).version
    with pytest.raises(GuardFailed) as error:
        acts.act(conn, city, case_no, "verify", Sent(version, values={"result": "true", "position": there}), officer)
    assert error.value.facts["guard"] == "position"
    assert error.value.facts["distance_m"] > error.value.facts["within_m"]
    acts.act(conn, city, case_no, "verify", Sent(version, values={"result": "moved", "position": there}), officer)
    facts = acts.read(conn, city, case_no, None)
    assert (facts.lon, facts.lat) == pytest.approx((there["lon"], there["lat"]))
    unit = conn.execute("SELECT unit_id = unit_at(geom) AS same FROM cases WHERE case_no = %s", [case_no]).fetchone()
    assert unit == {"same": True}


def test_done_again_within_the_old_limit_or_with_a_new_one(
    conn: Connection, city: City, world: dict[str, Any], place: tuple[float, float]
) -> None:
    case_no = at_work(conn, city, place, world, "handled")
    before = acts.read(conn, city, case_no, None)
    assert before.handle_deadline is not None
    conn.execute("SET LOCAL gisops.clock_offset = '1 hour'")
    acts.act(conn, city, case_no, "send_back", Sent(before.version, "样例 / sample"), world["actors"]["dispatcher"])
    back = acts.read(conn, city, case_no, None)
    assert back.clock is not None
    assert back.clock.deadline == before.handle_deadline
    # The dispatcher's word against that of the organisation, which had said that it was done.
    assert back.rework_count == 1
    acts.act(conn, city, case_no, "finish", Sent(back.version), world["actors"]["department"])
    acts.act(conn, city, case_no, "order_check", Sent(back.version + 1), world["actors"]["acceptor"])
    acts.act(conn, city, case_no, "fail", Sent(back.version + 2, "样例 / sample"), world["actors"]["supervisor"])
    failed = acts.read(conn, city, case_no, None)
    assert failed.clock is not None
    assert failed.clock.deadline is not None
    assert failed.clock.deadline > before.handle_deadline
    assert failed.rework_count == 2
    assert failed.deadline is not None
    assert failed.deadline >= failed.clock.deadline


def test_the_simple_flow(conn: Connection, city: City, world: dict[str, Any], place: tuple[float, float]) -> None:
    handler = world["actors"]["handler"]
    ends = {}
    for _ in range(30):
        case_no = at_work(conn, city, place, world, "simple_open")
        facts = acts.read(conn, city, case_no, None)
        assert facts.clock is not None
        assert facts.clock.step == "simple"
        expected = "handled" if working.drawn(facts, 40.0) else "closed"
        often = replace(city, settings={**city.settings, "sample_check_percent": 40})
        done = acts.act(conn, often, case_no, "finish", Sent(facts.version), handler)
        assert done.state == expected
        ends[done.state] = ends.get(done.state, 0) + 1
        whole(conn, case_no)
    assert set(ends) == {"closed", "handled"}
    case_no = at_work(conn, city, place, world, "simple_open")
    conn.execute("SET LOCAL gisops.clock_offset = '20 days'")
    acts.act(conn, city, case_no, "promote", Sent(None), None)
    facts = acts.read(conn, city, case_no, None)
    assert (facts.state, facts.flow, facts.assessed, facts.organisation_id) == (
        "filed", "standard", True, city.desk_id,
    )  # fmt: skip
    assert facts.deadline is not None
    assert facts.deadline > facts.now
    simple, following = clocks(conn, case_no)[-2:]
    assert (simple["step"], simple["outcome"], following["step"]) == ("simple", "late", "dispatch")


def test_a_trifle_that_an_officer_tells_goes_straight_to_who_is_responsible(
    conn: Connection, city: City, place: tuple[float, float]
) -> None:
    """With the sample's own zones: some kind that may go so, told by an officer, by a citizen, and once more."""
    simple = [c for c in city.categories.values() if c.simple_allowed and c.severity == "minor"]
    assert simple
    west, south, east, north = city.extent
    found = None
    for category, n in product(simple[:6], range(12)):
        point = (west + (east - west) * (0.25 + n * 0.04), south + (north - south) * (0.25 + n * 0.618 % 0.5))
        with conn.transaction(force_rollback=True):
            report = NewReport(uuid4(), "officer", f"{category.scheme}:{category.code}", *point, "WGS84", 3.0)
            try:
                receipt = operations.receive_report(conn, city, report, None)
            except GisopsError:
                continue
            answer = orjson.loads(receipt.answer)
            if answer["case"]["state"] != "simple_open":
                continue
            found = category, point
            assert answer["case"]["flow"] == "simple"
            facts = acts.read(conn, city, answer["case"]["case_no"], None)
            assert (facts.assessed, facts.flow) == (False, "simple")
            assert facts.handler_id is not None
            whole(conn, answer["case"]["case_no"])
            again = replace(report, client_uid=uuid4())
            second = orjson.loads(operations.receive_report(conn, city, again, None).answer)
            assert second["case"]["flow"] == "standard" or second["case"]["case_no"] == answer["case"]["case_no"]
        break
    assert found is not None, "nobody in the sample could take a trifle"
    category, point = found
    by_citizen = NewReport(uuid4(), "citizen", f"{category.scheme}:{category.code}", *point, "WGS84", 3.0)
    receipt = operations.receive_report(conn, city, by_citizen, None)
    assert b'"flow":"standard"' in receipt.answer


def test_a_pause_moves_a_deadline_by_what_was_left(city: City) -> None:
    start = datetime(2026, 3, 6, 9, 30, tzinfo=UTC)  # Friday 17:30 in Shanghai
    ends = reckoning.add(start, "work_hour", 2, city.calendar)
    paused = start + timedelta(minutes=15)
    # a quarter of an hour has run; an hour and three quarters are left when it goes on on Tuesday at ten
    resumed = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
    assert case_clocks.moved_by_pause(city, "work_hour", paused, resumed, ends) == resumed + timedelta(hours=1.75)
    natural = start + timedelta(hours=2)
    moved = case_clocks.moved_by_pause(city, "urgent_hour", paused, resumed, natural)
    assert moved == resumed + timedelta(hours=1.75)


def test_what_no_move_may_set_is_not_set(conn: Connection) -> None:
    with pytest.raises(ValueError, match="case_no"):
        moves.move(conn, [Move("x-1-1", "accept", 1, sets={"case_no": "y"})], SYSTEM, None)


def test_sets_and_counters_are_columns_that_the_doors_may_write(sample_database: Any) -> None:
    with connect(sample_database.app_url) as conn:
        rows = conn.execute(
            "SELECT column_name FROM information_schema.column_privileges WHERE table_name = 'cases'"
            " AND privilege_type = 'UPDATE' AND grantee = 'gisops_app'"
        ).fetchall()
    may = {row["column_name"] for row in rows}
    assert may >= moves.SETTABLE | moves.COUNTED


def test_errors_leave_the_connection_usable(
    conn: Connection, city: City, place: tuple[float, float], world: dict[str, Any]
) -> None:
    case_no = told(conn, city, place)
    with pytest.raises(GisopsError):
        acts.act(conn, city, case_no, "close", Sent(1), world["actors"]["shift_leader"])
    assert conn.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS
    scopes.look_as(conn, None)
