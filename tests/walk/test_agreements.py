"""What is agreed on beside the main line of a case, on a real database whose clock moves: more time and pauses, limits
in stages and seasons, returns and disputes that end in a fact, joint cases, appeals, orders, reopening.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from psycopg.pq import TransactionStatus

from gisops import city as cities
from gisops import clocks, notices, operations, timers
from gisops import dispatch as dispatching
from gisops.access import scopes
from gisops.access.people import Actor
from gisops.cases import acts, approvals, follow_ups, joint, supervision
from gisops.cases.acts import Facts, GuardFailed, Sent
from gisops.cases.reports import NewReport
from gisops.cases.transitions import NOT_ACKNOWLEDGED
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.errors import IllegalMove, InvalidInput, NotAllowed, NotFound
from tests.clock import Clock, moved

ROLES = ("acceptor", "dispatcher", "shift_leader", "coordinator", "inspector", "leader", "supervisor")
EVERYWHERE = set(ROLES) - {"supervisor"}
WORDS = "样例理由 / sample reason"


@dataclass
class World:
    """The sample city with a clock of its own, an account of every role, and four organisations with one each."""

    conn: Connection
    city: City
    clock: Clock
    desk: dict[str, Actor]
    squads: list[Actor]
    codes: list[str]
    part: dict[str, Any]

    def at(self, day: int, hour: int, minute: int = 0) -> datetime:
        """So many days after the Monday on which it begins, local time."""
        return datetime.combine(self.monday + timedelta(days=day), time(hour, minute), self.city.timezone)

    monday: date
    uid: UUID = field(default_factory=uuid4)

    def told(self, category: str | None = None, part: str | None = None, filed: bool = True) -> str:
        """A case of its own, as a report opens it, accepted and filed; its number."""
        self.uid = uuid4()
        place = (self.part["lon"], self.part["lat"])
        code = category or self.part["category"]
        report = NewReport(self.uid, "citizen", code, *place, "WGS84", 5.0, f"样例 {self.uid}", part_code=part)
        number: str = orjson.loads(operations.receive_report(self.conn, self.city, report, None).answer)["case"][
            "case_no"
        ]
        if filed:
            self.do(number, "accept", "acceptor")
            self.do(number, "file", "shift_leader")
        return number

    def facts(self, case_no: str) -> Facts:
        return acts.read(self.conn, self.city, case_no, None)

    def do(
        self,
        case_no: str,
        action: str,
        by: str | Actor | None,
        values: Mapping[str, Any] | None = None,
        *,
        reason: str = "",
        code: str | None = None,
        role: str | None = None,
    ) -> Facts:
        """Act on a case as it is now."""
        actor = self.desk[by] if isinstance(by, str) else by
        sent = Sent(self.facts(case_no).version, reason, code, values or {})
        acts.act(self.conn, self.city, case_no, action, sent, actor, role=role)
        return self.facts(case_no)

    def handled_by(self, case_no: str, squad: int, *, taken: bool = True) -> Facts:
        """Send a case to one of the organisations, which takes it on."""
        facts = self.do(case_no, "dispatch", "dispatcher", {"organisation": self.codes[squad]}, reason=WORDS)
        return self.do(case_no, "ack", self.squads[squad]) if taken else facts

    def ask(
        self,
        case_no: str,
        kind: str,
        by: Actor,
        until: datetime | None = None,
        *,
        reason: str = WORDS,
        code: str | None = None,
    ) -> int:
        facts = self.facts(case_no)
        return approvals.request(self.conn, self.city, facts, kind, Sent(None, reason, code), until, by)

    def granted(
        self, case_no: str, kind: str, squad: int, by: str = "dispatcher", until: datetime | None = None
    ) -> Facts:
        """Ask for something and grant it."""
        number = self.ask(case_no, kind, self.squads[squad], until)
        return self.do(case_no, kind, by, {"approval": number}, reason=WORDS)

    def clocks(self, case_no: str) -> list[dict[str, Any]]:
        return self.conn.execute(
            "SELECT k.* FROM case_clocks k JOIN cases c USING (district_code, case_id) WHERE c.case_no = %s"
            " ORDER BY k.clock_no",
            [case_no],
        ).fetchall()

    def heard(self, who: str | Actor, kind: str) -> int:
        """How many notices of a kind somebody has."""
        account_id = (self.desk[who] if isinstance(who, str) else who).account_id
        with self.conn.transaction(force_rollback=True):
            scopes.look_as(self.conn, account_id)
            return sum(
                one["kind"] == kind for one in notices.mine(self.conn, self.city.timezone, None, 1000)["notices"]
            )

    def one(self, statement: str, *told: Any) -> dict[str, Any]:
        row = self.conn.execute(statement.encode(), told).fetchone()
        assert row is not None
        return row


@pytest.fixture(scope="module")
def made(sample_database: Any) -> dict[str, Any]:
    """Accounts, organisations and a part, written once and committed."""
    with connect(sample_database.owner_url) as owner:
        squads = owner.execute(
            "SELECT o.organisation_id, o.code FROM organisations o WHERE NOT o.is_duty_desk AND o.kind <> 'street'"
            " ORDER BY o.code LIMIT 4"
        ).fetchall()
        # a part that no agreement covers, so that its own owner decides
        part = owner.execute(
            "SELECT p.code, p.part_id, p.district_code, p.maintainer_organisation_id,"
            " ST_X(g.p) AS lon, ST_Y(g.p) AS lat, c.code AS category FROM parts p JOIN categories c USING (category_id)"
            " CROSS JOIN LATERAL (SELECT ST_PointOnSurface(p.geom) AS p) g"
            " WHERE p.valid @> now() AND upper_inf(p.valid) AND c.enabled AND c.dispatch_mode = 'part_owner'"
            " AND p.state = 'intact' AND c.public AND NOT c.simple_allowed"
            " AND NOT EXISTS (SELECT FROM co_ownership_areas a WHERE ST_DWithin(a.geom, p.geom, 0.001))"
            " AND EXISTS (SELECT FROM filing_conditions f JOIN time_limits USING (filing_condition_id)"
            "             WHERE f.category_id = c.category_id AND f.is_default)"
            " ORDER BY p.code LIMIT 1"
        ).fetchone()
        assert part is not None
        accounts = {}
        for role in ROLES:
            row = owner.execute(
                "INSERT INTO accounts (login, password_hash, role, everywhere) VALUES (%s, 'x', %s, %s)"
                " RETURNING account_id",
                [f"case.{role}", role, role in EVERYWHERE],
            ).fetchone()
            assert row is not None
            accounts[role] = row["account_id"]
        # a supervisor looks into the whole of the sample's district
        owner.execute(
            "INSERT INTO account_units (account_id, unit_id) SELECT %s, unit_id FROM scope_units",
            [accounts["supervisor"]],
        )
        for squad in squads:
            row = owner.execute(
                "INSERT INTO accounts (login, password_hash, role, organisation_id) VALUES (%s, 'x', 'department', %s)"
                " RETURNING account_id",
                [f"dept.{squad['organisation_id']}", squad["organisation_id"]],
            ).fetchone()
            assert row is not None
            squad["account_id"] = row["account_id"]
    return {"accounts": accounts, "squads": squads, "part": part, "clock": moved(sample_database)}


@pytest.fixture
def world(sample_database: Any, made: dict[str, Any]) -> Iterator[World]:
    """A Monday at ten in a week without holidays; what the test does is rolled back."""
    with connect(sample_database.app_url) as conn:
        city = replace(read := cities.load(conn), auto_file=False, settings={**read.settings, "evidence": False})
        monday = city_monday(city)
        made["clock"].set(datetime.combine(monday, time(10), city.timezone))
        squads = [
            Actor(one["account_id"], f"dept.{one['organisation_id']}", "department", None, one["organisation_id"])
            for one in made["squads"]
        ]
        desk = {role: Actor(key, f"case.{role}", role, None, None) for role, key in made["accounts"].items()}
        yield World(
            conn, city, made["clock"], desk, squads, [one["code"] for one in made["squads"]], made["part"], monday
        )
        said_whole(conn, city, monday)
        conn.rollback()


def said_whole(conn: Connection, city: City, since: date) -> None:
    """Whatever was told of any act has words of its own and every word that they ask for."""
    if conn.info.transaction_status != TransactionStatus.INTRANS:
        return
    conn.execute("SET LOCAL ROLE NONE")
    rows = conn.execute(
        "SELECT DISTINCT n.kind, n.facts, x.title_zh, x.title_en, x.text_zh, x.text_en"
        " FROM notices n LEFT JOIN notice_texts x ON x.kind = n.kind WHERE n.created_at >= %s AND n.webhook_id IS NULL",
        [since],
    ).fetchall()
    for row in rows:
        for text in notices.sentences(row, city.timezone).values():
            assert "—" not in text, (row["kind"], text, row["facts"])
            assert row["text_zh"] is not None, (row["kind"], "has no words")


def city_monday(city: City) -> date:
    """The first Monday ahead of the next full working week that is followed by two more."""
    day = datetime.now(city.timezone).date()
    while True:
        day += timedelta(days=1)
        if day.weekday() == 0 and all(
            city.calendar.works_on(day + timedelta(days=n)) == (n % 7 < 5) for n in range(21)
        ):
            return day


def limited(world: World, case_no: str, unit: str, value: float) -> Facts:
    """Give the case's category another limit, before it is filed."""
    facts = world.facts(case_no)
    step = replace(
        world.city.limits[facts.category.filing_condition_id or 0][0], step="handle", area_grade="", season=""
    )
    rows = (replace(step, limit=cities.TimeLimit(unit, value)),)  # type: ignore[arg-type]
    world.city = replace(world.city, limits={**world.city.limits, facts.category.filing_condition_id or 0: rows})
    world.do(case_no, "accept", "acceptor")
    return world.do(case_no, "file", "shift_leader")


def refused(act: Callable[[], Any]) -> str:
    """Why a guard does not hold."""
    with pytest.raises(GuardFailed) as raised:
        act()
    guard: str = raised.value.facts["guard"]
    return guard


# ---- scenario 9: extension and suspension


def test_a_limit_is_extended_twice_and_not_a_third_time(world: World) -> None:
    case_no = world.told(filed=False)
    filed = limited(world, case_no, "work_hour", 2)
    assert filed.deadline == world.at(0, 12)
    held = world.handled_by(case_no, 0)
    assert held.clock is not None
    assert held.clock.deadline == world.at(0, 12)
    once = world.granted(case_no, "extend", 0)
    assert once.clock is not None
    # the original limit again, from where it ended: 14:00 to 16:00
    assert (once.clock.deadline, once.deadline, once.extended_count) == (world.at(0, 16), world.at(0, 16), 1)
    assert once.clock.value == 2
    twice = world.granted(case_no, "extend", 0)
    assert (twice.deadline, twice.extended_count, twice.state) == (world.at(0, 18), 2, "handling")
    assert refused(lambda: world.ask(case_no, "extend", world.squads[0])) == "extended_out"
    row = world.clocks(case_no)[-1]
    # 80 % of two hours are gone a fifth of the limit before it ends
    assert (row["due_kind"], row["due_at"]) == ("remind", world.at(0, 17, 36))


def test_no_more_time_once_the_limit_is_over(world: World) -> None:
    case_no = world.told(filed=False)
    limited(world, case_no, "work_hour", 2)
    world.handled_by(case_no, 0)
    asked = world.ask(case_no, "extend", world.squads[0])
    world.clock.set(world.at(0, 15))
    # what was asked for in time is granted later; what is asked for now is not
    assert world.do(case_no, "extend", "dispatcher", {"approval": asked}, reason=WORDS).deadline == world.at(0, 16)
    world.clock.set(world.at(0, 17))
    assert refused(lambda: world.ask(case_no, "extend", world.squads[0])) == "overdue"


def test_a_pause_of_three_days_gives_back_what_was_left_and_ends_by_itself(world: World) -> None:
    case_no = world.told(filed=False)
    limited(world, case_no, "work_day", 2)
    held = world.handled_by(case_no, 0)
    assert held.clock is not None
    assert held.clock.deadline == world.at(2, 10)
    world.clock.set(world.at(1, 9))
    until = world.at(4, 9)
    paused = world.granted(case_no, "suspend", 0, until=until)
    assert (paused.state, paused.suspended_count) == ("suspended", 1)
    row = world.clocks(case_no)[-1]
    assert (row["paused_at"], row["due_at"], row["due_kind"]) == (world.at(1, 9), until, "resume")
    world.clock.set(until)
    while timers.fire(world.conn, world.city):
        pass
    gone_on = world.facts(case_no)
    assert gone_on.clock is not None
    # nine work hours of sixteen were left: Friday 09:00 to Monday 10:00
    assert (gone_on.state, gone_on.clock.deadline, gone_on.deadline) == ("handling", world.at(7, 10), world.at(7, 10))
    assert refused(lambda: world.ask(case_no, "suspend", world.squads[0], world.at(9, 9))) == "suspended_already"


def test_a_pause_ends_within_a_year_and_the_dispatcher_may_end_it_sooner(world: World) -> None:
    case_no = world.told()
    world.handled_by(case_no, 0)
    late = world.at(0, 10) + timedelta(days=367)
    assert refused(lambda: world.ask(case_no, "suspend", world.squads[0], late)) == "until"
    with pytest.raises(InvalidInput, match="until"):
        world.ask(case_no, "suspend", world.squads[0])
    before = world.facts(case_no).deadline
    world.granted(case_no, "suspend", 0, until=world.at(9, 9))
    assert world.do(case_no, "resume", "dispatcher").deadline == before


def test_nobody_grants_what_he_asked_for_nor_what_nobody_asked_for(world: World) -> None:
    case_no = world.told()
    world.handled_by(case_no, 0)
    assert refused(lambda: world.do(case_no, "extend", "dispatcher")) == "not_asked_for"
    with pytest.raises(NotFound):
        world.do(case_no, "extend", "dispatcher", {"approval": 7})
    with pytest.raises(NotAllowed):
        world.ask(case_no, "extend", world.desk["acceptor"])
    assert refused(lambda: world.ask(case_no, "extend", world.squads[1])) == "own_organisation"
    number = world.ask(case_no, "extend", world.squads[0])
    assert refused(lambda: world.ask(case_no, "extend", world.squads[0])) == "asked_already"
    assert refused(lambda: world.do(case_no, "suspend", "dispatcher", {"approval": number})) == "another_request"
    with pytest.raises(NotAllowed):
        approvals.refuse(world.conn, world.facts(case_no), number, WORDS, world.desk["acceptor"])
    approvals.refuse(world.conn, world.facts(case_no), number, WORDS, world.desk["dispatcher"])
    assert refused(lambda: world.do(case_no, "extend", "dispatcher", {"approval": number})) == "answered_already"
    # a void is asked for by one shift leader and granted by another
    asked = world.ask(case_no, "void", world.desk["shift_leader"])
    assert (
        refused(lambda: world.do(case_no, "void", "shift_leader", {"approval": asked}, reason=WORDS)) == "own_request"
    )
    other = replace(world.desk["shift_leader"], account_id=world.desk["acceptor"].account_id)
    gone = world.do(case_no, "void", other, {"approval": asked}, reason=WORDS)
    assert (gone.state, gone.clock) == ("voided", None)
    row = world.one(
        "SELECT a.* FROM approvals a JOIN cases USING (case_id) WHERE case_no = %s AND kind = 'void'", case_no
    )
    assert (row["state"], row["seq"]) == ("granted", gone.version)


def test_a_case_is_ended_by_order_of_the_leader_when_it_was_asked_for(world: World) -> None:
    case_no = world.told()
    world.handled_by(case_no, 0)
    joint.open_part(world.conn, world.city, world.facts(case_no), world.codes[1], WORDS, world.desk["dispatcher"])
    waiting = world.ask(case_no, "extend", world.squads[0])
    asked = world.ask(case_no, "force_close", world.desk["coordinator"])
    gone = world.do(case_no, "force_close", "leader", {"approval": asked}, reason=WORDS)
    assert (gone.state, gone.open_subtasks, gone.closed_at) == ("force_closed", 0, gone.now)
    assert {row["outcome"] for row in world.clocks(case_no) if row["step"] in ("handle", "subtask")} == {"cancelled"}
    row = world.one(
        "SELECT a.state FROM approvals a JOIN cases USING (case_id) WHERE case_no = %s AND approval_no = %s",
        case_no,
        waiting,
    )
    assert row["state"] == "withdrawn"


# ---- scenario 10: stages and seasons


def staged(world: World, *rows: cities.StepLimit) -> str:
    """A filed case whose condition has these limits."""
    case_no = world.told(filed=False)
    condition = world.facts(case_no).category.filing_condition_id or 0
    world.city = replace(world.city, limits={**world.city.limits, condition: rows})
    world.do(case_no, "accept", "acceptor")
    world.do(case_no, "file", "shift_leader")
    return case_no


def test_a_limit_in_stages_is_three_clocks_one_after_the_other(world: World) -> None:
    steps = (("stop", "work_hour", 4.0), ("penalise", "work_day", 7.0), ("restore", "work_day", 20.0))
    rows = [cities.StepLimit(step, "", "", cities.TimeLimit(unit, value)) for step, unit, value in steps]  # type: ignore[arg-type]
    case_no = staged(world, *rows)
    whole = world.at(0, 10)
    for _, unit, value in steps:
        whole = clocks.add(whole, unit, value, world.city.calendar)
    assert world.facts(case_no).deadline == whole
    world.handled_by(case_no, 0)
    assert refused(lambda: world.do(case_no, "finish", world.squads[0])) == "stages_left"
    for hours, following in ((3, "penalise"), (30, "restore")):
        world.clock.ahead(timedelta(hours=hours))
        now = world.do(case_no, "step_done", world.squads[0])
        assert now.clock is not None
        assert now.clock.step == following
        assert now.clock.started_at == now.now
        assert now.clock.deadline == clocks.add(now.now, "work_day", 7 if hours == 3 else 20, world.city.calendar)
    assert refused(lambda: world.do(case_no, "step_done", world.squads[0])) == "no_stage_left"
    world.do(case_no, "finish", world.squads[0])
    told = [
        (row["step"], row["outcome"])
        for row in world.clocks(case_no)
        if row["step"] in dict.fromkeys(s for s, *_ in steps)
    ]
    assert told == [("stop", "done"), ("penalise", "done"), ("restore", "done")]


def test_a_tree_reported_in_december_is_due_in_the_planting_season(world: World) -> None:
    year = world.monday.year + 1
    world.clock.set(datetime(year, 12, 8, 10, tzinfo=world.city.timezone))
    case_no = staged(world, cities.StepLimit("handle", "", "planting", cities.TimeLimit("work_day", 15, "planting")))
    opening = datetime(year + 1, 3, 1, tzinfo=world.city.timezone)
    due = clocks.add(opening, "work_day", 15, world.city.calendar)
    assert world.facts(case_no).deadline == due
    clock = world.handled_by(case_no, 0).clock
    assert clock is not None
    assert (clock.started_at, clock.deadline) == (opening, due)


def test_an_area_s_grade_has_its_own_limit_and_an_organisation_its_own_hours(world: World) -> None:
    case_no = world.told(filed=False)
    facts = world.facts(case_no)
    condition = facts.category.filing_condition_id or 0
    rows = tuple(
        cities.StepLimit("handle", grade, "", cities.TimeLimit("work_hour", value))
        for grade, value in (("", 4.0), ("1", 1.0))
    )
    night = clocks.WorkCalendar(world.city.timezone, ((time(0), time(23, 59)),), days=world.city.calendar.days)
    squad = world.squads[0].organisation_id or 0
    world.city = replace(world.city, limits={**world.city.limits, condition: rows}, calendars={squad: night})
    world.do(case_no, "accept", "acceptor")
    assert world.do(case_no, "file", "shift_leader").deadline == world.at(0, 16)
    clock = world.handled_by(case_no, 0).clock
    assert clock is not None
    assert clock.deadline == world.at(0, 14)  # it works through noon
    world.city = replace(world.city, calendars={})
    world.conn.execute("UPDATE cases SET area_grade = '1' WHERE case_no = %s", [case_no])
    world.do(case_no, "return", world.squads[0], code="wrong_place")
    clock = world.handled_by(case_no, 1).clock
    assert clock is not None
    assert clock.deadline == world.at(0, 11)


# ---- scenario 11: returns, disputes, determination


def disputed(world: World, *, part: str | None, danger: bool = False) -> str:
    """A case that three organisations returned as not theirs."""
    case_no = world.told(part=part)
    if danger:
        world.conn.execute("UPDATE cases SET severity = 'danger' WHERE case_no = %s", [case_no])
    for squad in range(3):
        world.handled_by(case_no, squad, taken=False)
        world.do(case_no, "return", world.squads[squad], code="not_ours")
    return case_no


def test_who_says_it_is_not_his_is_not_asked_again_and_the_third_return_is_a_dispute(world: World) -> None:
    case_no = world.told(part=world.part["code"])
    whole = world.facts(case_no).deadline
    world.handled_by(case_no, 0, taken=False)
    once = world.do(case_no, "return", world.squads[0], {"suggests": world.codes[1]}, code="not_ours")
    assert (once.state, once.return_count, once.excluded) == ("returned", 1, (world.squads[0].organisation_id,))
    assert refused(lambda: world.handled_by(case_no, 0)) == "excluded"
    assert not world.heard("coordinator", "moved")
    world.handled_by(case_no, 1, taken=False)
    assert world.do(case_no, "return", world.squads[1], code="not_ours").state == "returned"
    assert world.heard("coordinator", "moved") == 1
    world.handled_by(case_no, 2, taken=False)
    third = world.do(case_no, "return", world.squads[2], code="not_ours")
    assert (third.state, third.return_count, third.clock, third.deadline) == ("disputed", 3, None, whole)
    story = world.conn.execute(
        "SELECT h.action, h.role FROM case_history h JOIN cases USING (district_code, case_id) WHERE case_no = %s"
        " ORDER BY h.seq DESC LIMIT 2",
        [case_no],
    ).fetchall()
    assert [(one["action"], one["role"]) for one in story] == [("dispute", "system"), ("return", "department")]
    row = world.one("SELECT d.* FROM disputes d JOIN cases USING (district_code, case_id) WHERE case_no = %s", case_no)
    assert row["parties"] == [squad.organisation_id for squad in world.squads[:3]]
    assert (row["interim_organisation_id"], row["decision"]) == (None, None)
    returned = [k["organisation_id"] for k in world.clocks(case_no) if k["outcome"] == "returned"]
    assert returned == row["parties"]


def test_a_dangerous_place_is_secured_by_its_street_while_they_argue(world: World) -> None:
    case_no = disputed(world, part=world.part["code"], danger=True)
    held = world.facts(case_no)
    row = world.one(
        "SELECT o.kind, o.organisation_id FROM cases c JOIN disputes USING (district_code, case_id)"
        " JOIN organisations o ON o.organisation_id = interim_organisation_id WHERE case_no = %s",
        case_no,
    )
    assert row["kind"] == "street"
    assert (held.state, held.organisation_id) == ("disputed", row["organisation_id"])


def next_case(world: World, at: datetime, part: str | None = None) -> int:
    """Whom dispatch would send the same to, at a moment."""
    key = world.city.category(world.part["category"]).category_id
    asked = dispatching.Input(world.part["lon"], world.part["lat"], 5.0, key, at, part)
    found: int = dispatching.decide(world.conn, [asked])[0].row["organisation_id"]
    return found


def test_a_determination_changes_the_part_s_owner_and_the_next_case_goes_there(world: World) -> None:
    case_no = disputed(world, part=world.part["code"])
    before, winner = world.at(0, 9), world.squads[3]
    was = next_case(world, before, world.part["code"])
    assert was != winner.organisation_id
    now = world.do(
        case_no, "determine", "coordinator", {"decision": "part_owner", "organisation": world.codes[3]}, reason=WORDS
    )
    assert (now.state, now.organisation_id) == ("dispatched", winner.organisation_id)
    rows = world.conn.execute(
        "SELECT owner_organisation_id AS owner, maintainer_organisation_id AS maintainer, lower(valid) AS since,"
        " upper(valid) AS until FROM parts WHERE code = %s ORDER BY valid",
        [world.part["code"]],
    ).fetchall()
    # the past is as it was: one record ends where the next begins
    assert (rows[-2]["maintainer"], rows[-2]["until"]) == (world.part["maintainer_organisation_id"], world.at(0, 10))
    assert (rows[-1]["owner"], rows[-1]["maintainer"]) == (winner.organisation_id, winner.organisation_id)
    assert (rows[-1]["since"], rows[-1]["until"]) == (world.at(0, 10), None)
    fact = world.one("SELECT d.* FROM disputes d JOIN cases USING (district_code, case_id) WHERE case_no = %s", case_no)
    assert (fact["created_kind"], fact["created_key"], fact["decided_seq"]) == ("part", world.part["code"], now.version)
    # a case of before is answered as before, the next one by the fact
    assert next_case(world, before, world.part["code"]) == was
    assert next_case(world, world.at(0, 10), world.part["code"]) == winner.organisation_id
    assert world.do(case_no, "ack", winner).state == "handling"


def test_a_determination_may_hold_from_a_day_to_come_and_never_from_one_that_is_past(world: World) -> None:
    case_no = disputed(world, part=world.part["code"])
    told = {"decision": "part_owner", "organisation": world.codes[3]}
    with pytest.raises(InvalidInput, match="past"):
        world.do(case_no, "determine", "coordinator", {**told, "effective_from": world.at(-1, 9).isoformat()})
    starts = world.at(7, 0)
    world.do(case_no, "determine", "coordinator", {**told, "effective_from": starts.isoformat()}, reason=WORDS)
    assert next_case(world, starts - timedelta(seconds=1), world.part["code"]) != world.squads[3].organisation_id
    assert next_case(world, starts, world.part["code"]) == world.squads[3].organisation_id


def test_a_rule_an_agreement_and_an_owner_for_what_has_none(world: World) -> None:
    winner = world.squads[3].organisation_id
    for decision, part, kind in (
        ("co_ownership_area", world.part["code"], "co_ownership_area"),
        ("ownerless", world.part["code"], "part"),
        ("dispatch_rule", None, "dispatch_rule"),
    ):
        with world.conn.transaction(force_rollback=True):
            case_no = disputed(world, part=part)
            told = {"decision": decision, "organisation": world.codes[3]}
            now = world.do(case_no, "determine", "coordinator", told, reason=WORDS)
            fact = world.one(
                "SELECT d.* FROM disputes d JOIN cases USING (district_code, case_id) WHERE case_no = %s", case_no
            )
            assert (fact["decision"], fact["created_kind"], fact["organisation_id"]) == (decision, kind, winner)
            if decision != "ownerless":
                assert fact["created_key"].startswith("DET-")
                assert case_no not in fact["created_key"]
            assert next_case(world, now.now, part) == winner


def test_what_is_about_no_part_is_determined_by_a_rule(world: World) -> None:
    case_no = world.told("E04-05")
    world.conn.execute("UPDATE cases SET state = 'returned', version = version WHERE case_no = %s", [case_no])
    world.do(case_no, "dispute", "dispatcher", {"parties": [world.codes[0]]})
    told = {"decision": "part_owner", "organisation": world.codes[3]}
    assert refused(lambda: world.do(case_no, "determine", "coordinator", told)) == "no_part"
    with pytest.raises(InvalidInput, match="decision"):
        world.do(case_no, "determine", "coordinator", {**told, "decision": "lot"})
    now = world.do(case_no, "determine", "coordinator", {**told, "decision": "dispatch_rule"}, reason=WORDS)
    assert now.organisation_id == world.squads[3].organisation_id


def test_a_fact_that_would_not_decide_is_not_written(world: World) -> None:
    case_no = disputed(world, part=world.part["code"])
    # whoever names the part goes by the part: a rule for its category would not be asked
    rule = {"decision": "dispatch_rule", "organisation": world.codes[3]}
    assert refused(lambda: world.do(case_no, "determine", "coordinator", rule)) == "would_not_decide"
    agreement = {"decision": "co_ownership_area", "organisation": world.codes[3]}
    square = {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]]}
    with pytest.raises(InvalidInput, match="in which the part lies"):
        world.do(case_no, "determine", "coordinator", {**agreement, "area": square})
    with pytest.raises(InvalidInput, match="GeoJSON"):
        world.do(case_no, "determine", "coordinator", {**agreement, "area": {"type": "Polygon", "coordinates": [[1]]}})
    world.do(case_no, "determine", "coordinator", agreement, reason=WORDS)
    assert next_case(world, world.at(0, 10), world.part["code"]) == world.squads[3].organisation_id


def test_a_late_return_is_asked_for_and_what_nobody_took_on_is_taken_back(world: World) -> None:
    case_no = world.told(filed=False)
    limited(world, case_no, "work_day", 5)
    world.handled_by(case_no, 0)
    world.granted(case_no, "extend", 0)
    assert refused(lambda: world.do(case_no, "return", world.squads[0], code="not_ours")) == "work_began"
    assert refused(lambda: world.do(case_no, "return", "dispatcher", code="not_ours")) == "taken_on"
    with pytest.raises(InvalidInput, match="reasons"):
        world.ask(case_no, "return", world.squads[0])
    asked = world.ask(case_no, "return", world.squads[0], code="not_ours")
    # not by the organisation that asked, and not as something else than was asked for
    with pytest.raises(NotAllowed):
        world.do(case_no, "return", world.squads[0], {"approval": asked}, code="not_ours")
    with pytest.raises(InvalidInput, match="not_ours"):
        world.do(case_no, "return", "dispatcher", {"approval": asked}, code="wrong_place")
    back = world.do(case_no, "return", "dispatcher", {"approval": asked}, code="not_ours")
    assert (back.state, back.return_count, back.excluded) == ("returned", 1, (world.squads[0].organisation_id,))
    world.handled_by(case_no, 1, taken=False)
    with pytest.raises(InvalidInput, match="dispatcher's"):
        world.do(case_no, "return", world.squads[1], code=NOT_ACKNOWLEDGED)
    # another lead: no return of anybody's
    taken = world.do(case_no, "return", "dispatcher", code=NOT_ACKNOWLEDGED)
    assert (taken.state, taken.return_count, len(taken.excluded)) == ("returned", 1, 1)
    assert world.handled_by(case_no, 2).organisation_id == world.squads[2].organisation_id


# ---- scenario 14: joint cases


def test_a_joint_case_of_three_is_done_when_every_required_part_is(world: World) -> None:
    case_no = world.told(filed=False)
    limited(world, case_no, "work_hour", 4)
    held = world.handled_by(case_no, 0)
    assert held.deadline == world.at(0, 16)
    opened = {}
    for squad, days, required in ((1, 1, True), (2, 2, True), (3, 1, False)):
        opened[squad] = joint.open_part(
            world.conn, world.city, world.facts(case_no), world.codes[squad], WORDS, world.desk["dispatcher"],
            required=required, unit="work_day", value=days,
        )  # fmt: skip
    # due when the last required part is; each part has its own clock beside the case's
    assert world.facts(case_no).deadline == world.at(2, 10)
    assert [k["deadline"] for k in world.clocks(case_no) if k["step"] == "subtask"] == [
        world.at(1, 10), world.at(2, 10), world.at(1, 10)
    ]  # fmt: skip
    assert world.facts(case_no).open_subtasks == 2
    assert refused(lambda: world.do(case_no, "finish", world.squads[0])) == "open_subtasks"

    def act(squad: int, action: str, **told: Any) -> str:
        return joint.act_on_part(world.conn, case_no, opened[squad], action, world.squads[squad], **told)

    assert act(1, "ack") == "acknowledged"
    assert act(1, "finish", text=WORDS) == "done"
    assert refused(lambda: act(1, "finish", text=WORDS)) == "part_state"
    assert refused(lambda: world.do(case_no, "finish", world.squads[0])) == "open_subtasks"
    # a part is returned by itself, and the case waits for who gets it instead
    assert act(2, "return", reason_code="not_ours") == "returned"
    assert world.facts(case_no).state == "handling"
    assert refused(lambda: world.do(case_no, "finish", world.squads[0])) == "open_subtasks"
    joint.cancel(world.conn, world.facts(case_no), opened[3], WORDS, world.desk["dispatcher"])
    opened[3] = joint.open_part(
        world.conn, world.city, world.facts(case_no), world.codes[3], WORDS, world.squads[0], unit="work_hour", value=1
    )
    assert world.facts(case_no).open_subtasks == 1
    assert act(3, "finish", text=WORDS) == "done"
    assert world.do(case_no, "finish", world.squads[0]).state == "handled"
    rows = world.conn.execute(
        "SELECT s.state FROM case_subtasks s JOIN cases USING (district_code, case_id) WHERE case_no = %s"
        " ORDER BY subtask_no",
        [case_no],
    ).fetchall()
    assert [row["state"] for row in rows] == ["done", "cancelled", "cancelled", "done"]
    assert [k["outcome"] for k in world.clocks(case_no) if k["step"] == "subtask"] == [
        "done", "returned", "cancelled", "done"
    ]  # fmt: skip


def test_a_part_is_its_organisation_s_alone_and_is_seen_without_the_case(world: World) -> None:
    case_no = world.told()
    facts = world.handled_by(case_no, 0)
    open_part = joint.open_part
    part = open_part(world.conn, world.city, facts, world.codes[1], WORDS, world.squads[0])
    assert (
        refused(lambda: open_part(world.conn, world.city, facts, world.codes[1], WORDS, world.squads[0]))
        == "has_a_part"
    )
    assert (
        refused(lambda: open_part(world.conn, world.city, facts, world.codes[2], WORDS, world.squads[3]))
        == "own_organisation"
    )
    # who leads gives himself no more time by it
    beyond = facts.deadline + timedelta(hours=1) if facts.deadline else None
    late = lambda: open_part(  # noqa: E731
        world.conn, world.city, facts, world.codes[2], WORDS, world.squads[0], deadline=beyond
    )
    assert refused(late) == "beyond_the_case"
    assert world.facts(case_no).deadline == facts.deadline
    with pytest.raises(InvalidInput):
        open_part(world.conn, world.city, facts, world.codes[0], WORDS, world.desk["dispatcher"])
    with pytest.raises(NotAllowed):
        open_part(world.conn, world.city, facts, world.codes[2], WORDS, world.desk["leader"])
    with pytest.raises(NotFound) as hidden:
        joint.act_on_part(world.conn, case_no, part, "ack", world.squads[2])
    with pytest.raises(NotFound) as absent:
        joint.act_on_part(world.conn, case_no, part + 1, "ack", world.squads[1])
    assert str(hidden.value) == str(absent.value).replace(f"subtask {part + 1}", f"subtask {part}")
    # the assisting organisation does not see the case, and sees its part of it
    with pytest.raises(NotFound):
        acts.read(world.conn, world.city, case_no, world.squads[1])
    for squad, shown in ((1, 1), (2, 0)):
        with world.conn.transaction(force_rollback=True):
            scopes.look_as(world.conn, world.squads[squad].account_id)
            mine = [one for one in joint.mine(world.conn) if one["case_no"] == case_no]
            assert len(mine) == shown
            assert [(one["subtask_no"], one["task"], one["lead"]) for one in mine] == [
                (part, WORDS, world.codes[0])
            ] * shown


# ---- supervision, urging, appeals, reopening, follow-up


def test_an_order_is_answered_and_closed(world: World) -> None:
    case_no = world.told()
    facts = world.handled_by(case_no, 0)
    inspector = world.desk["inspector"]
    with pytest.raises(InvalidInput, match="level"):
        supervision.order(world.conn, facts, 4, None, WORDS, inspector)
    number = supervision.order(world.conn, facts, 2, world.at(1, 9), WORDS, inspector)
    assert world.heard(world.squads[0], "order") == 1
    assert refused(lambda: supervision.answer(world.conn, facts, number, WORDS, world.squads[1])) == "own_organisation"
    supervision.answer(world.conn, facts, number, WORDS, world.squads[0])
    with pytest.raises(NotAllowed):
        supervision.close(world.conn, facts, number, world.squads[0])
    supervision.close(world.conn, facts, number, inspector)
    row = world.one("SELECT o.state FROM supervision_orders o JOIN cases USING (case_id) WHERE case_no = %s", case_no)
    assert row["state"] == "closed"


def closed(world: World, *, late: bool) -> str:
    """A case that was handled and closed, in time or not."""
    case_no = world.told(filed=False)
    limited(world, case_no, "work_hour", 2)
    world.handled_by(case_no, 0)
    world.clock.set(world.at(0, 15 if late else 11))
    world.do(case_no, "finish", world.squads[0])
    world.do(case_no, "order_check", "acceptor")
    world.do(case_no, "pass", "supervisor")
    world.do(case_no, "close", "shift_leader", {"closing_condition": 1})
    return case_no


def test_an_appeal_is_lodged_once_and_reviewed_twice(world: World) -> None:
    in_time = closed(world, late=False)
    assert refused(lambda: world.do(in_time, "appeal", world.squads[0], reason=WORDS)) == "was_in_time"
    world.clock.set(world.at(0, 10))
    case_no = closed(world, late=True)
    before = world.facts(case_no)
    assert refused(lambda: world.do(case_no, "appeal", "dispatcher", {"granted": True})) == "no_appeal"
    world.do(case_no, "appeal", world.squads[0], reason=WORDS)
    assert refused(lambda: world.do(case_no, "appeal", world.squads[0], reason=WORDS)) == "appealed_already"
    assert refused(lambda: world.do(case_no, "appeal", "acceptor", {"granted": True})) == "not_your_review"
    seconded = world.do(case_no, "appeal", "dispatcher", {"granted": True})
    assert not seconded.timeout_exempt
    done = world.do(case_no, "appeal", "acceptor", {"granted": True})
    assert done.timeout_exempt
    # what happened stays as it was
    assert (done.state, done.closed_at, done.handled_at, done.deadline) == (
        "closed", before.closed_at, before.handled_at, before.deadline
    )  # fmt: skip
    assert [k["outcome"] for k in world.clocks(case_no) if k["step"] == "handle"] == ["late"]
    assert refused(lambda: world.do(case_no, "appeal", "acceptor", {"granted": True})) == "no_appeal"


def test_a_refused_appeal_is_the_end_of_it(world: World) -> None:
    case_no = closed(world, late=True)
    world.do(case_no, "appeal", world.squads[0], reason=WORDS)
    assert not world.do(case_no, "appeal", "dispatcher", {"granted": False}, reason=WORDS).timeout_exempt
    assert refused(lambda: world.do(case_no, "appeal", "acceptor", {"granted": True})) == "no_appeal"
    assert refused(lambda: world.do(case_no, "appeal", world.squads[0], reason=WORDS)) == "appealed_already"


def test_a_reporter_opens_a_case_again_within_seven_days(world: World) -> None:
    case_no = closed(world, late=False)
    uid = world.uid
    found = follow_ups.of_report(world.conn, uid)
    assert (found["case_no"], found["state"]) == (case_no, "closed")
    shut = world.facts(case_no)
    world.clock.set(world.at(5, 9))
    again = world.do(case_no, "reopen", None, reason=WORDS, role="public")
    assert (again.state, again.rework_count, again.organisation_id) == ("filed", 1, world.city.desk_id)
    assert (again.closed_at, again.handled_at) == (None, None)
    assert shut.deadline is not None
    assert again.deadline == clocks.add(world.at(5, 9), "work_hour", 2, world.city.calendar)
    assert again.clock is not None
    assert again.clock.step == "dispatch"
    with pytest.raises(NotFound):
        follow_ups.of_report(world.conn, uuid4())


def test_after_seven_days_only_an_inspector_opens_it_again(world: World) -> None:
    case_no = closed(world, late=False)
    world.clock.set(world.at(7, 12))
    assert refused(lambda: world.do(case_no, "reopen", None, reason=WORDS, role="public")) == "too_late_to_reopen"
    with pytest.raises(InvalidInput, match="words"):
        world.do(case_no, "reopen", "inspector")
    assert world.do(case_no, "reopen", "inspector", reason=WORDS).state == "filed"


def test_satisfaction_is_asked_for_or_said_once(world: World) -> None:
    case_no = world.told()
    found = follow_ups.of_report(world.conn, world.uid)
    assert refused(lambda: follow_ups.say(world.conn, found, 5, "")) == "not_closed"
    world.conn.rollback()
    case_no = closed(world, late=False)
    found = follow_ups.of_report(world.conn, world.uid)
    with pytest.raises(InvalidInput):
        follow_ups.say(world.conn, found, 6, "")
    assert follow_ups.say(world.conn, found, 2, WORDS)
    said = "SELECT text FROM case_texts WHERE case_id = %s AND kind = 'follow_up'"
    assert not follow_ups.say(world.conn, found, 5, f"{WORDS}; 又说一遍 / said again")
    assert world.facts(case_no).satisfaction == 2
    with world.conn.transaction(force_rollback=True):
        scopes.look_as(world.conn, world.desk["acceptor"].account_id)
        kept = [row["text"] for row in world.conn.execute(said, [found["case_id"]])]
    assert kept == [WORDS], "what changes nothing keeps no text"
    facts = world.facts(case_no)
    follow_ups.visit(world.conn, facts, "phone", False, None, "", world.desk["acceptor"])
    assert world.facts(case_no).satisfaction == 2
    follow_ups.visit(world.conn, facts, "phone", True, 4, WORDS, world.desk["acceptor"])
    assert world.facts(case_no).satisfaction == 4
    with pytest.raises(InvalidInput):
        follow_ups.visit(world.conn, facts, "phone", True, None, "", world.desk["acceptor"])


def test_each_side_urges_once_in_some_hours(world: World) -> None:
    case_no = world.told()
    facts = world.handled_by(case_no, 0)
    assert follow_ups.of_report(world.conn, world.uid)["case_no"] == case_no
    assert supervision.urge(world.conn, facts, "", None) == 1
    assert supervision.urge(world.conn, facts, WORDS, world.desk["acceptor"]) == 2
    with pytest.raises(supervision.UrgedAlready):
        supervision.urge(world.conn, facts, "", None)
    world.clock.set(world.at(0, 15))
    assert supervision.urge(world.conn, facts, "", None) == 3
    with pytest.raises(IllegalMove):
        world.do(case_no, "reopen", "inspector", reason=WORDS)
