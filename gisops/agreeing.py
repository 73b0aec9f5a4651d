"""Every act beside the main line of a case, one short function each, as `operations` has those of the main line: who
asks, whether he may see the case, what is done, and that it was done (the audit).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from gisops import operations
from gisops.access import audit
from gisops.access.people import Actor
from gisops.cases import acts, approvals, evidence, follow_ups, joint, supervision
from gisops.cases.facts import Facts, GuardFailed, Prepared, Sent
from gisops.cases.moves import PUBLIC
from gisops.cases.transitions import NOT_ACKNOWLEDGED
from gisops.city import City
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotAllowed, NotFound, StaleVersion


def ask(
    conn: Connection,
    city: City,
    case_no: str,
    kind: str,
    reason: str,
    reason_code: str | None,
    until: datetime | None,
    by: Actor,
    key_id: int | None = None,
) -> dict[str, Any]:
    """Ask for more time, a pause, a late return, that a case is taken back or ended by order."""
    facts = acts.read(conn, city, case_no, by)
    number = approvals.request(conn, city, facts, kind, Sent(None, reason, reason_code), until, by)
    _written(conn, facts, f"ask_{kind}", by, key_id)
    return {"case_no": case_no, "approval_no": number, "kind": kind, "state": "requested"}


def answer(
    conn: Connection,
    city: City,
    case_no: str,
    approval_no: int,
    granted: bool,
    reason: str,
    expected_version: int,
    by: Actor,
    key_id: int | None = None,
) -> dict[str, Any]:
    """Grant what was asked for, which makes the move; or refuse it, or take one's own request back."""
    facts = acts.read(conn, city, case_no, by)
    if granted:
        kind, code = approvals.kind_of(conn, facts, approval_no)
        sent = Sent(expected_version, reason, code, {"approval": approval_no})
        return operations.act_on_case(conn, city, case_no, kind, sent, by, key_id)
    if facts.version != expected_version:
        raise StaleVersion(
            f"The case is at version {facts.version}, not {expected_version}: read it again.",
            version=facts.version,
            state=facts.state,
        )
    state = approvals.refuse(conn, facts, approval_no, reason, by)
    _written(conn, facts, f"approval_{state}", by, key_id)
    return {"case_no": case_no, "approval_no": approval_no, "state": state}


def give_part(
    conn: Connection, city: City, case_no: str, told: dict[str, Any], by: Actor, key_id: int | None = None
) -> dict[str, Any]:
    """Ask another organisation for its part in a case (`joint.open_part`)."""
    facts = acts.read(conn, city, case_no, by)
    number = joint.open_part(conn, city, facts, by=by, **told)
    _written(conn, facts, "subtask_open", by, key_id)
    return {"case_no": case_no, "subtask_no": number, "state": "open"}


def act_on_part(
    conn: Connection,
    city: City,
    case_no: str,
    subtask_no: int,
    action: str,
    reason_code: str | None,
    text: str,
    by: Actor,
    key_id: int | None = None,
    photos: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Take a part on, finish or return it, as its organisation; or call it off, as the desk. Who finishes it shows it:
    ``photos`` as with a case's own finish, where the case was filed on any.
    """
    if action == "cancel":
        facts = acts.read(conn, city, case_no, by)
        joint.cancel(conn, facts, subtask_no, text, by)
        _written(conn, facts, "subtask_cancel", by, key_id)
        state = "cancelled"
    else:
        state = joint.act_on_part(
            conn, case_no, subtask_no, action, by, reason_code=reason_code, text=text, key_id=key_id
        )
        if action == "finish":
            facts = acts.read(conn, city, case_no, None)
            sent = Sent(None, values={"photos": list(photos)})
            # of this moment's entry, numbered behind what came with that entry itself and with other parts
            shown = evidence.with_photos(conn, city, "part", facts, sent, by, Prepared(), 100 * subtask_no)
            for keep in shown.after:
                keep(conn, facts, facts.version)
    return {"case_no": case_no, "subtask_no": subtask_no, "state": state}


def another_lead(
    conn: Connection,
    city: City,
    case_no: str,
    organisation: str,
    staff: str | None,
    reason: str,
    expected_version: int,
    by: Actor,
    key_id: int | None = None,
) -> dict[str, Any]:
    """Whoever was to lead did not take it on: somebody else does. Two moves, in one transaction."""
    sent = Sent(expected_version, reason, NOT_ACKNOWLEDGED)
    done = acts.act(conn, city, case_no, "return", sent, by, key_id)
    told = {"organisation": organisation, "staff": staff}
    return operations.act_on_case(conn, city, case_no, "dispatch", Sent(done.version, reason, None, told), by, key_id)


def order(
    conn: Connection,
    city: City,
    case_no: str,
    level: int,
    due_at: datetime | None,
    text: str,
    by: Actor,
    key_id: int | None = None,
) -> dict[str, Any]:
    """Order that a case be done."""
    if by.role not in supervision.SUPERVISORS:
        raise NotAllowed("Orders are given by those who supervise.", role=by.role, roles=list(supervision.SUPERVISORS))
    facts = acts.read(conn, city, case_no, by)
    number = supervision.order(conn, facts, level, due_at, text, by)
    _written(conn, facts, "order", by, key_id)
    return {"case_no": case_no, "order_no": number, "state": "open"}


def act_on_order(
    conn: Connection,
    city: City,
    case_no: str,
    order_no: int,
    action: str,
    text: str,
    by: Actor,
    key_id: int | None = None,
) -> dict[str, Any]:
    """Answer an order, or close it. It is answered by whom it went to, also where the case is another's since: a simple
    case that was not done in time is ordered from who had it, and lies with the desk.
    """
    try:
        facts = acts.read(conn, city, case_no, by)
    except NotFound:
        facts = acts.read(conn, city, case_no, None)
        if action != "answer" or not supervision.went_to(conn, facts, order_no, by):
            raise
    if action == "answer":
        supervision.answer(conn, facts, order_no, text, by)
    elif action == "close":
        supervision.close(conn, facts, order_no, by)
    else:
        raise InvalidInput("An order is answered or closed.", field="action")
    _written(conn, facts, f"order_{action}", by, key_id)
    return {"case_no": case_no, "order_no": order_no, "state": "answered" if action == "answer" else "closed"}


def urge(conn: Connection, city: City, case_no: str, text: str, by: Actor, key_id: int | None = None) -> dict[str, Any]:
    """Somebody of staff asks when a case will be done."""
    facts = acts.read(conn, city, case_no, by)
    number = supervision.urge(conn, facts, text, by)
    _written(conn, facts, "urge", by, key_id)
    return {"case_no": case_no, "urging_no": number}


def visit(
    conn: Connection,
    city: City,
    case_no: str,
    method: str,
    reached: bool,
    score: int | None,
    text: str,
    by: Actor,
    key_id: int | None = None,
) -> dict[str, Any]:
    """Somebody asked the reporter of a closed case how content he is."""
    facts = acts.read(conn, city, case_no, by)
    number = follow_ups.visit(conn, facts, method, reached, score, text, by)
    _written(conn, facts, "follow_up", by, key_id)
    return {"case_no": case_no, "follow_up_no": number, "score": score}


def reporter_urges(conn: Connection, city: City, client_uid: UUID, text: str) -> dict[str, Any]:
    """Who reported asks when it will be done, by the key of his report."""
    case = follow_ups.of_report(conn, client_uid)
    supervision.urge(conn, acts.read(conn, city, case["case_no"], None), text, None)
    return {"case_no": case["told_no"], "urged": True}


def reporter_says(conn: Connection, city: City, client_uid: UUID, score: int, text: str) -> dict[str, Any]:
    """Who reported says how content he is. What he said first stands."""
    case = follow_ups.of_report(conn, client_uid)
    new = follow_ups.say(conn, case, score, text)
    return {"case_no": case["told_no"], "kept": new}


def reporter_reopens(conn: Connection, city: City, client_uid: UUID, reason: str) -> dict[str, Any]:
    """Who reported says that it is not done: the case is opened again. Raises ``GuardFailed`` for who joined it: he
    reports what he sees anew.
    """
    case = follow_ups.of_report(conn, client_uid)
    if not case["was_first"]:
        raise GuardFailed(
            "not_the_first",
            "只有首位上报人可以要求重新处理；请重新上报。",
            "Only who reported it first has it opened again; please report it anew.",
        )
    done = acts.act(conn, city, case["case_no"], "reopen", Sent(case["version"], reason), None, role=PUBLIC)
    return {"case_no": case["case_no"], "state": done.state}


def _written(conn: Connection, facts: Facts, action: str, by: Actor, key_id: int | None) -> None:
    audit.add(
        conn,
        "act",
        "cases",
        object=facts.case_no,
        rows=1,
        facts={"action": action},
        account_id=by.account_id,
        key_id=key_id,
        district=facts.district_code,
    )
