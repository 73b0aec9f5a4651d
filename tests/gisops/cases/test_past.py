"""The past told through the functions that tell real cases: whole lives, in their own time, once, and quietly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from gisops import city as cities
from gisops import dispatch, operations, replays, wording
from gisops.access import scopes
from gisops.cases import moves, past
from gisops.cases.past import PastCase, PastMove, PastPart, PastVisit, Told
from gisops.cases.reports import NewReport
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.errors import GisopsError
from gisops.keys import derived_key

VENDOR = "E04-05"
# The duty zone D07 was handed over on this day, from the squad to the street.
HANDED_OVER = datetime(2026, 2, 28, 16, tzinfo=UTC)
SUMMER = datetime(2026, 7, 14, 2, 30, tzinfo=UTC)


@pytest.fixture
def told(sample_database: Any) -> Iterator[Connection]:
    """The doors' own connection: telling needs no more rights than a report; rolled back."""
    with connect(sample_database.app_url) as conn:
        yield conn
        conn.rollback()


@pytest.fixture(scope="module")
def city(sample_database: Any) -> City:
    with connect(sample_database.app_url) as conn:
        return cities.load(conn)


@pytest.fixture(scope="module")
def in_d07(sample_database: Any) -> tuple[float, float]:
    with connect(sample_database.app_url) as conn:
        row = conn.execute(
            "SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM (SELECT ST_PointOnSurface(geom) AS p FROM zones"
            " WHERE code = 'D07' LIMIT 1) z"
        ).fetchone()
    assert row is not None
    return row["lon"], row["lat"]


@pytest.fixture(scope="module")
def between(sample_database: Any) -> tuple[float, float]:
    """A point on the line between two duty zones of different organisations: the rules cannot be certain."""
    with connect(sample_database.app_url) as conn:
        city = cities.load(conn)
        west, south, east, north = city.extent
        for n in range(400):
            x = west + (east - west) * (0.2 + 0.6 * (n * 0.618 % 1))
            y = south + (north - south) * (0.2 + 0.6 * (n * 0.755 % 1))
            row = dispatch.decide(
                conn, [dispatch.Input(x, y, 30.0, city.category(VENDOR).category_id, SUMMER, staff_facts=[])]
            )[0].row
            if row["ambiguous"] and row["mode"] == "zone":
                return x, y
    raise AssertionError("no point was ambiguous")


def uid(n: int) -> UUID:
    return derived_key(SUMMER, f"a test's {n}")


def case(
    n: int, at: datetime, point: tuple[float, float], *actions: str | PastMove, channel: str = "officer", **facts: Any
) -> PastCase:
    """A case whose moves come a quarter of an hour after each other."""
    report = NewReport(uid(n), channel, facts.pop("category", VENDOR), *point, "WGS84", 5.0, "样例：店外经营", **facts)
    steps = [
        step if isinstance(step, PastMove) else PastMove(step, at + timedelta(minutes=15 * k))
        for k, step in enumerate(actions, 1)
    ]
    return PastCase(report, at, tuple(steps))


PLAIN = ("file", "dispatch", "ack", "finish", "order_check", "pass", "close")
REWORKED = ("file", "dispatch", "ack", "finish", "order_check", "fail", "finish", "order_check", "pass", "close")
REOPENED = (*PLAIN, "reopen", "dispatch", "ack", "finish", "skip_check", "close")
EXTENDED = ("file", "dispatch", "ack", "extend", "finish", "skip_check", "close")
RETURNED = ("file", "dispatch", "return", "dispatch", "ack", "suspend", "resume", "finish", "skip_check", "close")


def one(answers: list[Told | GisopsError]) -> Told:
    (answer,) = answers
    assert isinstance(answer, Told), answer
    return answer


def story(conn: Connection, case_id: UUID) -> list[dict[str, Any]]:
    return conn.execute("SELECT * FROM case_history WHERE case_id = %s ORDER BY seq", [case_id]).fetchall()


def row_of(conn: Connection, case_id: UUID) -> dict[str, Any]:
    row = conn.execute("SELECT * FROM cases WHERE case_id = %s", [case_id]).fetchone()
    assert row is not None
    return row


def test_a_whole_life_is_written_with_its_own_times(told: Connection, city: City, in_d07: tuple[float, float]) -> None:
    answer = one(past.tell(told, city, [case(1, SUMMER, in_d07, *PLAIN)]))
    assert answer.fresh
    assert (answer.state, answer.organisation, answer.zone, answer.mode) == ("closed", "STREET-2", "D07", "zone")
    row = row_of(told, answer.case_id)
    quarter = timedelta(minutes=15)
    assert (row["reported_at"], row["filed_at"], row["dispatched_at"]) == (SUMMER, SUMMER, SUMMER)
    assert (row["handled_at"], row["closed_at"]) == (SUMMER + 4 * quarter, SUMMER + 7 * quarter)
    assert (row["state"], row["stage"], row["version"]) == ("closed", 7, 8)
    assert row["deadline"] == city.deadline(city.category(VENDOR), SUMMER)
    history = story(told, answer.case_id)
    # the rules filed and sent it in the moment it came; what persons would have done about it is passed over
    assert [h["action"] for h in history] == ["report", *PLAIN]
    assert [h["at"] for h in history[:3]] == [SUMMER] * 3
    assert [h["role"] for h in history[3:]] == [moves.rule_of(a).role for a in PLAIN[2:]]
    assert {h["action"] for h in history} <= set(wording.ACTIONS)
    assert all(a["to_state"] == b["from_state"] for a, b in pairwise(history))


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        (PLAIN, "closed"),
        (REWORKED, "closed"),
        (RETURNED, "closed"),
        (REOPENED, "closed"),
        (EXTENDED, "closed"),
        ((*PLAIN, "reopen"), "filed"),
        (("link",), "duplicate"),
        (("file", "dispatch", "ack", "void"), "voided"),
        (("ack", "force_close"), "force_closed"),
        (("ack", "suspend"), "suspended"),
        (("ack", "finish"), "handled"),
        ((), "dispatched"),
    ],
)
def test_lives_end_where_their_moves_lead(
    told: Connection, city: City, in_d07: tuple[float, float], steps: tuple[str, ...], state: str
) -> None:
    answer = one(past.tell(told, city, [case(2, SUMMER, in_d07, *steps)]))
    row, history = row_of(told, answer.case_id), story(told, answer.case_id)
    assert (answer.state, row["state"], history[-1]["to_state"]) == (state, state, state)
    assert row["version"] == len(history)
    assert (row["closed_at"] is None) is (row["stage"] < 7)
    assert told.execute("SELECT * FROM broken_history()").fetchall() == []


def test_a_failed_check_takes_the_handling_back(told: Connection, city: City, in_d07: tuple[float, float]) -> None:
    answer = one(past.tell(told, city, [case(3, SUMMER, in_d07, *REWORKED[:6])]))
    assert answer.state == "handling"
    assert row_of(told, answer.case_id)["handled_at"] is None
    finished = one(past.tell(told, city, [case(4, SUMMER, in_d07, *REWORKED)]))
    assert row_of(told, finished.case_id)["handled_at"] == SUMMER + timedelta(minutes=15 * 7)


def test_a_suspension_moves_the_deadline(told: Connection, city: City, in_d07: tuple[float, float]) -> None:
    waited = [PastMove("suspend", SUMMER + timedelta(hours=1)), PastMove("resume", SUMMER + timedelta(days=3))]
    answer = one(past.tell(told, city, [case(5, SUMMER, in_d07, "ack", *waited)]))
    plain = city.deadline(city.category(VENDOR), SUMMER)
    assert plain is not None
    assert row_of(told, answer.case_id)["deadline"] == plain + timedelta(days=3) - timedelta(hours=1)


def test_a_return_lies_on_the_desk_and_goes_out_again(
    told: Connection, city: City, in_d07: tuple[float, float]
) -> None:
    lying = one(past.tell(told, city, [case(6, SUMMER, in_d07, "return")]))
    row = row_of(told, lying.case_id)
    assert (lying.state, lying.organisation, row["handler_id"]) == ("returned", city.desk.code, None)
    to = PastMove("dispatch", SUMMER + timedelta(hours=1), organisation="SQUAD-1", reason="属该队")
    sent = one(past.tell(told, city, [case(7, SUMMER, in_d07, "return", to)]))
    assert (sent.state, sent.organisation, sent.decided) == ("dispatched", "SQUAD-1", "STREET-2")
    kept = told.execute(
        "SELECT seq, by_hand, answer FROM dispatch_decisions WHERE case_id = %s ORDER BY seq", [sent.case_id]
    ).fetchall()
    assert [(d["seq"], d["by_hand"], d["answer"]["organisation"]) for d in kept] == [
        (3, False, "STREET-2"),
        (5, True, "SQUAD-1"),
    ]


def test_the_zone_that_changed_hands_sends_to_whom_it_belonged(
    told: Connection, city: City, in_d07: tuple[float, float]
) -> None:
    before, after = HANDED_OVER - timedelta(minutes=1), HANDED_OVER
    first, second = past.tell(told, city, [case(8, before, in_d07, *PLAIN), case(9, after, in_d07, *PLAIN)])
    assert isinstance(first, Told)
    assert isinstance(second, Told)
    assert (first.organisation, second.organisation) == ("SQUAD-1", "STREET-2")


def test_persons_send_what_the_rules_could_not(told: Connection, city: City, between: tuple[float, float]) -> None:
    unsure = replace(
        case(10, SUMMER, between, *PLAIN), report=NewReport(uid(10), "citizen", VENDOR, *between, "WGS84", 30.0)
    )
    answer = one(past.tell(told, city, [unsure]))
    history = story(told, answer.case_id)
    assert answer.state == "closed"
    sent = next(h for h in history if h["action"] == "dispatch")
    assert (sent["at"], sent["role"]) == (SUMMER + timedelta(minutes=30), "dispatcher")
    assert "reason" not in sent["payload"]
    assert len(sent["payload"]["text"]) == 64  # the words lie beside the history, which keeps a commitment to them
    decisions = told.execute("SELECT by_hand FROM dispatch_decisions WHERE case_id = %s ORDER BY seq", [answer.case_id])
    assert [d["by_hand"] for d in decisions] == [False, True]
    waiting = one(past.tell(told, city, [replace(unsure, report=replace(unsure.report, client_uid=uid(11)), moves=())]))
    assert (waiting.state, waiting.organisation) == ("filed", city.desk.code)


def test_without_the_rules_persons_do_it_all(told: Connection, city: City, in_d07: tuple[float, float]) -> None:
    to = PastMove("dispatch", SUMMER + timedelta(hours=1), organisation="SQUAD-1")
    answer = one(past.tell(told, city, [replace(case(12, SUMMER, in_d07, "accept", "file", to), by_rules=False)]))
    assert (answer.decided, answer.organisation, answer.state) == ("STREET-2", to.organisation, "dispatched")
    refused = one(past.tell(told, city, [replace(case(13, SUMMER, in_d07, "accept", "reject"), by_rules=False)]))
    row = row_of(told, refused.case_id)
    assert (refused.state, row["filed_at"], row["deadline"]) == ("not_filed", None, None)
    assert row["closed_at"] == SUMMER + timedelta(minutes=30)


def test_keys_and_numbers_carry_the_time_of_the_report(
    told: Connection, city: City, in_d07: tuple[float, float]
) -> None:
    # an hour before midnight UTC it is the next year in the city
    eve = datetime(2025, 12, 31, 15, 59, tzinfo=UTC)
    answers = past.tell(told, city, [case(14, eve, in_d07), case(15, eve + timedelta(minutes=1), in_d07)])
    assert [a.case_no.split("-")[1] for a in answers if isinstance(a, Told)] == ["2025", "2026"]
    for answer, at in zip(answers, (eve, eve + timedelta(minutes=1)), strict=True):
        assert isinstance(answer, Told)
        assert answer.case_id.version == 7
        assert answer.case_id.int >> 80 == int(at.timestamp() * 1000)


def test_the_same_again_is_the_same_case(told: Connection, city: City, in_d07: tuple[float, float]) -> None:
    cases = [case(16, SUMMER, in_d07, *PLAIN), case(17, SUMMER, in_d07, *PLAIN)]
    first = past.tell(told, city, [*cases, cases[0]])
    again = past.tell(told, city, cases)
    assert [a.case_no for a in again if isinstance(a, Told)] == [a.case_no for a in first[:2] if isinstance(a, Told)]
    assert [a.fresh for a in [*first, *again] if isinstance(a, Told)] == [True, True, False, False, False]
    counted = told.execute("SELECT count(*) AS n FROM cases").fetchone()
    assert counted == {"n": 2}
    other = replace(cases[0], report=replace(cases[0].report, text="另一句话"))
    (refused,) = past.tell(told, city, [other])
    assert isinstance(refused, GisopsError)
    assert refused.code == "client_uid_reused"


def test_a_sender_who_asks_again_gets_what_became_of_it(
    told: Connection, city: City, in_d07: tuple[float, float]
) -> None:
    one(past.tell(told, city, [case(18, SUMMER, in_d07, *PLAIN)]))
    followed = operations.follow_report(told, city, uid(18))
    assert followed["case"]["state"] == "closed"
    assert [entry["action"] for entry in followed["history"]] == ["report", *PLAIN]
    receipt = operations.receive_report(told, city, case(18, SUMMER, in_d07).report, None)
    assert not receipt.fresh


def test_more_time_and_a_second_round_move_the_deadline(
    told: Connection, city: City, in_d07: tuple[float, float]
) -> None:
    plain = row_of(told, one(past.tell(told, city, [case(40, SUMMER, in_d07, *PLAIN)])).case_id)
    longer = row_of(told, one(past.tell(told, city, [case(41, SUMMER, in_d07, *EXTENDED)])).case_id)
    assert (plain["extended_count"], longer["extended_count"]) == (0, 1)
    limit = city.category(VENDOR).limit
    assert limit is not None
    assert limit.unit == "urgent_hour"
    assert longer["deadline"] == plain["deadline"] + timedelta(hours=limit.value)
    again = one(past.tell(told, city, [case(42, SUMMER, in_d07, *REOPENED)]))
    row = row_of(told, again.case_id)
    reopened_at = SUMMER + timedelta(minutes=15 * 8)
    assert row["deadline"] == reopened_at + timedelta(hours=limit.value)
    assert (row["rework_count"], row["closed_at"]) == (1, SUMMER + timedelta(minutes=15 * len(REOPENED)))
    assert told.execute("SELECT * FROM broken_history()").fetchall() == []


def test_more_time_is_not_given_when_it_is_over(told: Connection, city: City, in_d07: tuple[float, float]) -> None:
    late = PastMove("extend", SUMMER + timedelta(days=3))
    (answer,) = past.tell(told, city, [case(43, SUMMER, in_d07, "file", "dispatch", "ack", late)])
    assert isinstance(answer, GisopsError)
    assert answer.code == "invalid_input"


def test_who_helped_and_what_was_said_is_kept_with_it(
    told: Connection, city: City, in_d07: tuple[float, float]
) -> None:
    hour = timedelta(hours=1)
    parts = (PastPart("STREET-2", SUMMER, SUMMER + hour), PastPart("STREET-1", SUMMER, SUMMER + hour))
    visits = (PastVisit("phone", SUMMER + 30 * hour, None), PastVisit("reporter", SUMMER + 40 * hour, 4))
    whole = replace(case(44, SUMMER, in_d07, *PLAIN), parts=parts, visits=visits)
    answer = one(past.tell(told, city, [whole]))
    assert answer.organisation == "STREET-2", "which has no part beside itself"
    kept = told.execute(
        "SELECT o.code, s.state, s.ended_at FROM case_subtasks s JOIN organisations o USING (organisation_id)"
        " WHERE s.case_id = %s",
        [answer.case_id],
    ).fetchall()
    assert kept == [{"code": "STREET-1", "state": "done", "ended_at": SUMMER + hour}]
    said = told.execute(
        "SELECT method, reached, score, at, report_id IS NOT NULL AS own FROM follow_ups WHERE case_id = %s"
        " ORDER BY at",
        [answer.case_id],
    ).fetchall()
    assert [tuple(row.values()) for row in said] == [
        ("phone", False, None, SUMMER + 30 * hour, False),
        ("reporter", True, 4, SUMMER + 40 * hour, True),
    ]
    assert row_of(told, answer.case_id)["satisfaction"] == 4
    assert not one(past.tell(told, city, [whole])).fresh
    assert told.execute("SELECT count(*) AS n FROM follow_ups").fetchone() == {"n": 2}
    (unfinished,) = past.tell(told, city, [replace(case(45, SUMMER, in_d07, "ack"), visits=visits)])
    assert isinstance(unfinished, GisopsError)


def test_nobody_is_told(told: Connection, city: City, in_d07: tuple[float, float]) -> None:
    one(past.tell(told, city, [case(19, SUMMER, in_d07, *PLAIN)]))
    assert told.execute("SELECT count(*) AS n FROM outbox").fetchone() == {"n": 0}
    operations.receive_report(told, city, case(20, SUMMER, in_d07).report, None)
    heard = told.execute("SELECT kind, count(*) AS n FROM outbox GROUP BY kind").fetchall()
    assert {row["kind"]: row["n"] for row in heard}["case"] == 1


def test_the_handler_took_note_when_it_was_acknowledged(
    told: Connection, city: City, in_d07: tuple[float, float]
) -> None:
    answer = one(past.tell(told, city, [case(21, SUMMER, in_d07, *PLAIN)]))
    found = told.execute(
        "SELECT role, notified_at, acknowledged_at FROM case_recipients WHERE case_id = %s ORDER BY role",
        [answer.case_id],
    ).fetchall()
    assert found
    for recipient in found:
        assert recipient["notified_at"] == SUMMER
        expected = SUMMER + timedelta(minutes=45) if recipient["role"] == "handler" else None
        assert recipient["acknowledged_at"] == expected


def test_every_decision_is_taken_again_as_it_was_recorded(
    told: Connection, city: City, in_d07: tuple[float, float], between: tuple[float, float]
) -> None:
    cases = [case(30 + n, SUMMER + timedelta(hours=n), (in_d07, between)[n % 2], *PLAIN[: n % 8]) for n in range(16)]
    answers = past.tell(told, city, cases)
    row = told.execute("SELECT account_id FROM accounts WHERE login = 'desk'").fetchone()
    assert row is not None
    scopes.look_as(told, row["account_id"])
    for answer in answers:
        assert isinstance(answer, Told)
        recorded = replays.recorded(told, city, answer.case_no)
        again = dispatch.decide(told, [recorded.input])[0]
        compared = replays.compare(recorded, again, city, "as_recorded", "recorded", names=True)
        assert compared["same"], compared["differences"]


def test_what_is_open_counts_as_load_and_what_is_over_does_not(
    told: Connection, city: City, in_d07: tuple[float, float]
) -> None:
    # An hour into the last turn of one of those who look after the zone: at night there may be nobody but their lead.
    turn = told.execute(
        """SELECT max(lower(r.on_duty)) + interval '1 hour' AS at
        FROM rosters r
        JOIN zone_staff a ON a.staff_id = r.staff_id AND a.role IN ('primary', 'backup') AND upper_inf(a.valid)
        JOIN zones z ON z.zone_id = a.zone_id AND z.code = 'D07'
        JOIN staff s ON s.staff_id = r.staff_id AND s.organisation_id = z.organisation_id
        WHERE lower(r.on_duty) < now() - interval '2 hours'"""
    ).fetchone()
    assert turn is not None
    now = turn["at"]

    def loads(case_id: UUID) -> list[int]:
        row = told.execute("SELECT staff_facts FROM dispatch_decisions WHERE case_id = %s", [case_id]).fetchone()
        assert row is not None
        return [fact["load"] for fact in row["staff_facts"]]

    first = one(past.tell(told, city, [case(50, now, in_d07)]))
    second = one(past.tell(told, city, [case(51, now, in_d07)]))
    over = one(past.tell(told, city, [case(52, now - timedelta(days=1), in_d07, *PLAIN)]))
    assert sum(loads(second.case_id)) == sum(loads(first.case_id)) + 1
    assert set(loads(over.case_id)) <= {0}


def bad_cases(in_d07: tuple[float, float]) -> dict[str, tuple[PastCase, str]]:
    later = datetime.now(UTC) + timedelta(days=1)
    early = PastMove("ack", SUMMER - timedelta(minutes=1))
    nobody = PastMove("dispatch", SUMMER + timedelta(hours=1), organisation="NOBODY")
    stranger = PastMove("dispatch", SUMMER + timedelta(hours=1), organisation="SQUAD-1", staff="S-NOBODY")
    return {
        "not yet": (case(60, later, in_d07), "invalid_input"),
        "no time zone": (case(61, SUMMER.replace(tzinfo=None), in_d07), "invalid_input"),
        "a move before the report": (case(62, SUMMER, in_d07, early), "invalid_input"),
        "a move its state forbids": (case(63, SUMMER, in_d07, "close"), "illegal_move"),
        "after the end": (case(64, SUMMER, in_d07, *PLAIN, "ack"), "illegal_move"),
        "no such move": (case(65, SUMMER, in_d07, "forget"), "invalid_input"),
        "no such organisation": (case(66, SUMMER, in_d07, "return", nobody), "unknown_organisation"),
        "nobody of theirs": (case(67, SUMMER, in_d07, "return", stranger), "unknown_staff"),
        "no such category": (case(68, SUMMER, in_d07, category="E99-99"), "unknown_category"),
        "elsewhere": (case(69, SUMMER, (111.5, 21.0)), "outside_city"),
        "no such part": (case(70, SUMMER, in_d07, part_code="4699010101000000"), "unknown_part"),
    }


def test_what_is_wrong_is_refused_alone(told: Connection, city: City, in_d07: tuple[float, float]) -> None:
    bad = bad_cases(in_d07)
    good = case(80, SUMMER, in_d07, *PLAIN)
    answers = past.tell(told, city, [good, *(wrong for wrong, _ in bad.values())])
    assert isinstance(answers[0], Told)
    for name, answer in zip(bad, answers[1:], strict=True):
        assert isinstance(answer, GisopsError), name
        assert answer.code == bad[name][1], name
        assert len(answer.message) > 20, name
    assert told.execute("SELECT count(*) AS n FROM cases").fetchone() == {"n": 1}


def test_a_record_that_knows_only_the_end(told: Connection, city: City, in_d07: tuple[float, float]) -> None:
    ended = SUMMER + timedelta(days=2)
    report = case(90, SUMMER, in_d07).report
    answer = one(past.tell(told, city, [PastCase(report, SUMMER, past.closed(SUMMER, ended))]))
    assert answer.state == "closed"
    assert row_of(told, answer.case_id)["closed_at"] == ended


def test_a_case_of_the_past_goes_on_by_the_same_moves(
    told: Connection, city: City, in_d07: tuple[float, float]
) -> None:
    """What the desk does to a returned case today: the one statement of moves, chained to the told life."""
    answer = one(past.tell(told, city, [case(91, SUMMER, in_d07, "return")]))
    row = row_of(told, answer.case_id)
    to = moves.Addressee(row["organisation_id"], city.desk.code, None, None, None)
    move = moves.Move(answer.case_no, "dispatch", row["version"], "再派", to)
    assert moves.move(told, [move, replace(move, expected_version=1)], "dispatcher", None) == {answer.case_no}
    assert row_of(told, answer.case_id)["state"] == "dispatched"
    acknowledged = moves.Move(answer.case_no, "ack", row["version"] + 1, "")
    wrong = moves.Move(answer.case_no, "close", row["version"] + 2, "")
    assert moves.move(told, [acknowledged], "handler", None) == {answer.case_no}
    assert moves.move(told, [wrong], "handler", None) == set()
    finish = moves.Move(answer.case_no, "finish", row["version"] + 2, "")
    assert moves.move(told, [finish], "handler", None) == {answer.case_no}
    handled = row_of(told, answer.case_id)
    assert (handled["state"], handled["handled_at"] is not None) == ("handled", True)
    assert told.execute("SELECT * FROM broken_history()").fetchall() == []
