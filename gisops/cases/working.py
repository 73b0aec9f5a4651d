"""Working on a case: sent to who is responsible, taken on or returned, handed on within the organisation, done.

Preparers of the table of moves (`gisops.cases.facts` says what they get and give).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from gisops import clocks, coordinates
from gisops.access.people import Actor
from gisops.cases import approvals, case_clocks, cases, disputes, rerouting, supervision, triage
from gisops.cases.facts import After, Facts, GuardFailed, Prepared, Sent, StartClock
from gisops.cases.transitions import NOT_ACKNOWLEDGED, RETURN_REASONS
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, UnknownStaff

_SQL = queries.load("gisops.cases", "working.sql")

# A case may be returned for so many hours of work after it was taken on; the third return is a dispute.
RETURN_WITHIN_WORK_HOURS = 2
# How far from the case somebody may stand who says that it is done, metres, beside what the positions do not know.
FINISH_WITHIN_M = 50.0
# Of the cases of the simple flow so many in a hundred are looked at by a person, where a city says nothing else.
SAMPLE_CHECK_PERCENT = 5.0


def dispatch(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Send it to an organisation, and to one of its staff if he is named: ``values`` organisation, staff (codes).

    Raises ``InvalidInput`` without a reason, ``UnknownOrganisation``, ``UnknownStaff``, ``GuardFailed`` for an
    organisation that returned it as not its own.
    """
    if by is not None and not sent.reason.strip():
        raise InvalidInput("A dispatch by hand needs a reason.", field="reason")
    to = cases.addressee(conn, sent.values["organisation"], sent.values.get("staff"))
    if to.organisation_id in facts.excluded:
        raise GuardFailed(
            "excluded",
            f"{to.organisation} 已因“非本单位职责”退回此案，不能再派给它。",
            f"{to.organisation} returned this case as not its own; it cannot be sent there again.",
            organisation=to.organisation,
        )
    return Prepared(sets={"escalation": 0}, to=to)


def ack(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Take it on: from here the organisation's own time runs."""
    _within(facts, by)
    return Prepared(sets=_taken_by(facts, by))


def escalate(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Nobody took it on in time: one level up is called in, or more where several were passed meanwhile (``level``)."""
    level = max(int(sent.values.get("level", 0)), facts.escalation + 1)
    payload: dict[str, Any] = {"level": level}
    row = conn.execute(_SQL["above"], {"organisation_id": facts.organisation_id}).fetchone()
    above = None if row is None else row["lead_staff_id"] if level == 1 else row["above_staff_id"]
    sets = {} if above is None or above == facts.handler_id else {"superior_id": above}
    return Prepared(payload, sets, {"escalation": level - facts.escalation}, clock="keep")


def send_return(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Give it back, by one of the reasons: before work began, and soon after it was taken on; later where that was
    asked for and the dispatcher grants it (``values`` approval). What nobody took on yet, he takes back himself.
    """
    granted = approvals.late_return(conn, facts, sent, by)
    if granted is None:
        if by is not None and by.role == "dispatcher":
            return _taken_back(facts)
        _may_return(city, facts, sent, by)
    left = facts.organisation_id
    payload: dict[str, Any] = {"by_organisation_id": left, "count": facts.return_count + 1}
    suggests = sent.values.get("suggests")
    if suggests is not None:
        payload["suggests"] = cases.addressee(conn, suggests, None).organisation
    sets: dict[str, Any] = {}
    if sent.reason_code == "not_ours" and left not in facts.excluded:
        sets["excluded"] = [*facts.excluded, left]
    after: tuple[After, ...] = ()
    if granted is not None:
        payload["approval"] = granted["approval_no"]
        after = (approvals.marked(granted, by),)
    told = disputes.hear_of_return(conn, facts)
    follows = disputes.following(facts)
    return Prepared(payload, sets, {"return_count": 1}, outcome="returned", after=after, told=told, follows=follows)


def _taken_back(facts: Facts) -> Prepared:
    """The dispatcher takes back what nobody took on yet, so that somebody else can lead. It counts as no return."""
    if facts.state != "dispatched":
        raise GuardFailed(
            "taken_on",
            "已签收；请由承办单位申请退回，再审批。",
            "It was taken on; the organisation that has it asks for a return, which is then granted.",
            state=facts.state,
        )
    payload = {"by_organisation_id": facts.organisation_id, "count": facts.return_count, "taken_back": True}
    return Prepared(payload, outcome="cancelled")


def _may_return(city: City, facts: Facts, sent: Sent, by: Actor | None) -> None:
    _within(facts, by)
    if sent.reason_code == NOT_ACKNOWLEDGED:
        raise InvalidInput("That reason is the dispatcher's.", field="reason_code", reasons=list(RETURN_REASONS))
    if facts.began_work:
        raise GuardFailed(
            "work_began",
            "已开始处置，不能退回。",
            "Work on it has begun; it can be returned no more.",
            state=facts.state,
        )
    if facts.acknowledged_at is not None:
        until = clocks.add(facts.acknowledged_at, "work_hour", RETURN_WITHIN_WORK_HOURS, city.calendar)
        if facts.now > until:
            raise GuardFailed(
                "too_late_to_return",
                f"签收后超过 {RETURN_WITHIN_WORK_HOURS} 个工作时，不能退回。",
                f"It was taken on more than {RETURN_WITHIN_WORK_HOURS} work hours ago; it can be returned no more.",
                until=until.isoformat(),
            )


def to_acceptor(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """It is nobody's in the city's service, or another thing than was said (``values`` category, position, part): the
    desk decides again whether it is a case.
    """
    if not any(sent.values.get(name) is not None for name in ("category", "position", "part")):
        return Prepared()
    return replace(rerouting.corrected(conn, city, facts, triage.correction(city, sent)), clock="auto")


def assign(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Hand it to somebody else of the organisation: ``values`` staff (a code). By its department, or by who leads."""
    _within(facts, by)
    if by is not None and by.role != "department" and by.staff_id != facts.superior_id:
        row = conn.execute(_SQL["above"], {"organisation_id": facts.organisation_id}).fetchone()
        if row is None or by.staff_id not in (row["lead_staff_id"], row["above_staff_id"]):
            raise GuardFailed(
                "not_leading",
                "只有本单位账号或其负责人可以改派处置人。",
                "Only the organisation's own account or who leads it hands it to somebody else.",
            )
    code = sent.values.get("staff")
    found = conn.execute(_SQL["staff"], {"organisation_id": facts.organisation_id, "staff": code}).fetchone()
    if found is None:
        raise UnknownStaff(f"{code!r} is not on the active staff of this organisation.", staff=code)
    return Prepared({"staff": code}, {"handler_id": found["staff_id"]})


def step_done(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """A stage of handling is done (stop, penalise, restore); the next one begins."""
    _within(facts, by)
    following = _next_stage(city, facts)
    step = facts.clock.step if facts.clock else "handle"
    if following is None:
        raise GuardFailed(
            "no_stage_left",
            "没有后续阶段；处置完成请用 finish。",
            "There is no stage to come; use finish when the work is done.",
            step=step,
        )
    return Prepared({"done": step, "next": following.step}, clock=following)


def finish(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """It is done. In the simple flow that closes it by itself, but for those that are drawn for a look by a person."""
    _within(facts, by)
    if facts.open_subtasks:
        raise GuardFailed(
            "open_subtasks",
            f"还有 {facts.open_subtasks} 个子任务未完成。",
            f"{facts.open_subtasks} of its subtasks are still open.",
            open=facts.open_subtasks,
        )
    following = _next_stage(city, facts)
    if following is not None:
        raise GuardFailed(
            "stages_left",
            f"分段时限：还有“{following.step}”阶段未做，先用 step_done。",
            f"Its limit is in stages and {following.step} is still to come: use step_done first.",
            next=following.step,
        )
    payload: dict[str, Any] = {}
    if sent.values.get("position") is not None:
        lon, lat, accuracy_m = triage.position(city, sent)
        distance = coordinates.distance_m((facts.lon, facts.lat), (lon, lat))
        within = FINISH_WITHIN_M + accuracy_m + (facts.accuracy_m or 0.0)
        if distance > within:
            raise triage.too_far(distance, within)
        payload["distance_m"] = round(distance, 1)
    if facts.state != "simple_open":
        return Prepared(payload)
    if drawn(facts, float(city.settings.get("sample_check_percent", SAMPLE_CHECK_PERCENT))):
        return Prepared(payload | {"drawn": True}, to_state="handled")
    return Prepared(payload | {"drawn": False}, {"closing_condition_id": facts.filing_condition_id})


def send_back(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """It is not done yet, says its own organisation or the dispatcher: it goes on within the limit that it had."""
    if by is not None and by.role == "department":
        _within(facts, by)
    # the organisation's own second look is no rework; the dispatcher's, after its word that it was done, is
    adds = {"rework_count": 1} if by is not None and by.role == "dispatcher" else {}
    if facts.handle_deadline is None:
        return Prepared(adds=adds)
    step, limit = _last_stage(city, facts)
    if limit is None:
        return Prepared(adds=adds, clock=StartClock(step, deadline=facts.handle_deadline))
    return Prepared(adds=adds, clock=StartClock(step, limit.unit, limit.value, deadline=facts.handle_deadline))


def promote(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """The simple flow did not do it in time: it is filed, assessed from now on, and its time begins anew."""
    condition = facts.filing_condition_id or facts.category.filing_condition_id
    sets = {
        "flow": "standard",
        "assessed": True,
        "filing_condition_id": condition,
        "deadline": case_clocks.case_deadline(city, facts, condition),
    }
    payload = {"filing_condition_id": condition, "overdue": True}
    return Prepared(payload, sets, outcome="late", after=(_ordered,))


def _ordered(conn: Connection, facts: Facts, seq: int) -> None:
    """Whoever did not do it in time is told to, by the system."""
    supervision.order(conn, facts, 1, None, "", None, seq)


def not_mine(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Whom it was pushed to says that it is not his: it goes the standard way."""
    _within(facts, by)
    sets: dict[str, Any] = {"flow": "standard", "assessed": True}
    if facts.organisation_id not in facts.excluded:
        sets["excluded"] = [*facts.excluded, facts.organisation_id]
    return Prepared({"by_organisation_id": facts.organisation_id}, sets, outcome="returned")


def drawn(facts: Facts, percent: float) -> bool:
    """Whether a case of the simple flow is drawn for a check by a person: by a hash of its key, so that nobody can
    choose, and the same case is drawn or not whenever it is asked.
    """
    chance = int.from_bytes(hashlib.sha256(b"check/" + facts.case_id.bytes).digest()[:4]) / 2**32
    return chance * 100 < percent


def _within(facts: Facts, by: Actor | None) -> None:
    """Hold who works on a case to the organisation that has it, or to being who handles it or was told of it."""
    if by is None:
        return
    if by.staff_id is not None and by.staff_id in (facts.handler_id, facts.superior_id):
        return
    if by.organisation_id is not None and by.organisation_id == facts.organisation_id:
        return
    raise GuardFailed(
        "own_organisation",
        "此案不在您的单位。",
        "This case is not with your organisation.",
    )


def _taken_by(facts: Facts, by: Actor | None) -> dict[str, Any]:
    """Who takes on what was sent to his organisation alone is its handler."""
    if facts.handler_id is None and by is not None and by.staff_id is not None and by.role != "department":
        return {"handler_id": by.staff_id}
    return {}


def _next_stage(city: City, facts: Facts) -> StartClock | None:
    """The stage behind the one whose clock runs, if handling goes in stages and there is one."""
    step = facts.clock.step if facts.clock else ""
    if step not in case_clocks.STAGED:
        return None
    for later in case_clocks.STAGED[case_clocks.STAGED.index(step) + 1 :]:
        limit = case_clocks.limit_of(city, facts.filing_condition_id, later, facts.area_grade)
        if limit is not None:
            return case_clocks.limited(later, limit)
    return None


def _last_stage(city: City, facts: Facts) -> tuple[str, Any]:
    for step in (*reversed(case_clocks.STAGED), "handle"):
        limit = case_clocks.limit_of(city, facts.filing_condition_id, step, facts.area_grade)
        if limit is not None:
            return step, limit
    return "handle", None
