"""Joint cases: one organisation holds a case and leads, others have a part in it, each with its own limit.

A case is handled when every required part is done; its deadline is that of the last of them. A part is returned by
itself; then it is given to somebody else or called off. An assisting organisation needs not be able to see the case: it
sees its part, and acts on that.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gisops import notices
from gisops.access import audit
from gisops.access.people import Actor
from gisops.cases import agreements, case_clocks, cases, texts
from gisops.cases.facts import After, Facts, GuardFailed, StartClock
from gisops.cases.transitions import RETURN_REASONS
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotAllowed, NotFound
from gisops.notices import Recipient

_SQL = queries.load("gisops.cases", "joint.sql")

OPENERS = ("dispatcher", "shift_leader", "coordinator", "acceptor", "department")
ASSISTANTS = ("department", "handler", "officer")
# A case in which others can have a part: somebody holds it, and it is not done yet.
STATES = ("dispatched", "handling")


def open_part(
    conn: Connection,
    city: City,
    facts: Facts,
    organisation: str,
    task: str,
    by: Actor,
    *,
    required: bool = True,
    unit: str | None = None,
    value: float | None = None,
    deadline: datetime | None = None,
) -> int:
    """Ask another organisation for its part; returns the subtask's number. By the desk, or by the organisation that
    leads. Its limit is a number of units, a moment, or else the one that the case's own handling has.

    Raises ``NotAllowed``, ``UnknownOrganisation``, ``InvalidInput``, ``GuardFailed``.
    """
    if by.role not in OPENERS:
        raise NotAllowed(f"Parts of a case are not given out by the role {by.role}.", roles=list(OPENERS))
    if by.role == "department":
        agreements.within(facts, by)
    texts.checked(task, needed="A subtask")
    to = cases.addressee(conn, organisation, None)
    if facts.state not in STATES:
        raise GuardFailed(
            "not_in_hand",
            "案件已派遣、未处置完成时才能分派协办任务。",
            "Parts are given out while somebody holds the case and has not done it yet.",
            state=facts.state,
            states=list(STATES),
        )
    if to.organisation_id == facts.organisation_id:
        raise InvalidInput("The organisation that leads needs no part beside it.", field="organisation")
    agreements.hold(conn, facts.district_code, facts.case_id)
    _replace_returned(conn, facts, to.organisation_id, by)
    if deadline is not None and (deadline.tzinfo is None or deadline <= facts.now):
        raise InvalidInput("deadline has a time zone and lies ahead.", field="deadline", now=facts.now.isoformat())
    if (unit is None) != (value is None):
        raise InvalidInput("A limit is a unit and a value.", field="unit")
    if unit is None and deadline is None:
        _, limit = case_clocks.handling(city, facts.filing_condition_id, facts.area_grade)
        unit, value = (limit.unit, limit.value) if limit else (None, None)
    clock = StartClock("subtask", unit, value, deadline, to.organisation_id)
    row = case_clocks.started(city, clock, facts.now, to.organisation_id)
    if by.role == "department" and required and facts.deadline is not None:
        ends = row["deadline"]
        if ends is None or ends > facts.deadline:
            # who leads would else give himself more time than anybody approved
            raise GuardFailed(
                "beyond_the_case",
                "承办单位分派的必办任务不得晚于案件时限；需要更长时间请申请延期或由派遣员分派。",
                "A required part given out by who leads ends with the case; the desk may give it more time.",
                deadline=facts.deadline.isoformat(),
            )
    clock_no = case_clocks.start_beside(conn, facts, row)
    told: dict[str, Any] = {"required": required, "organisation_id": to.organisation_id, "clock_no": clock_no}
    told |= {"deadline": row["deadline"], "account_id": by.account_id}
    text_id = texts.keep(conn, facts.district_code, facts.case_id, "subtask", task)
    added = conn.execute(_SQL["add"], {**_key(facts), **told, "text_id": text_id}).fetchone()
    assert added is not None  # noqa: S101  (INSERT RETURNING)
    conn.execute(_SQL["whole"], _key(facts))
    part = int(added["subtask_no"])
    about = (facts.district_code, facts.case_id, facts.version)
    notices.tell(
        conn, *about, "part", [Recipient(organisation_id=to.organisation_id)], {"subtask": part}, f"part:{part}"
    )
    return part


def act_on_part(
    conn: Connection,
    case_no: str,
    subtask_no: int,
    action: str,
    by: Actor,
    *,
    reason_code: str | None = None,
    text: str = "",
    key_id: int | None = None,
) -> str:
    """``ack``, ``finish`` or ``return`` a part, as its organisation; returns its state. Whoever is of another is told
    that there is no such part, as for one that never was. Raises ``NotFound``, ``InvalidInput``, ``GuardFailed``.
    """
    missing = NotFound(f"There is no subtask {subtask_no} of yours in case {case_no}.", case_no=case_no)
    key = conn.execute(_SQL["key_of"], {"case_no": case_no}).fetchone()
    if key is None or by.organisation_id is None or by.role not in ASSISTANTS:
        raise missing
    agreements.hold(conn, key["district_code"], key["case_id"])
    one = conn.execute(_SQL["one"], {**key, "subtask_no": subtask_no}).fetchone()
    if one is None or one["organisation_id"] != by.organisation_id:
        raise missing
    part = {**key, "subtask_no": subtask_no}
    if one["state"] not in ("open", "acknowledged") or (action == "ack" and one["state"] != "open"):
        raise GuardFailed("part_state", "该任务已不能这样操作。", f"This part is {one['state']}.", state=one["state"])
    if action == "ack":
        conn.execute(_SQL["ack"], part)
        state = "acknowledged"
    elif action == "finish":
        state = _end(conn, part, one["clock_no"], "done", "done", by, None, texts.checked(text, needed="Finishing"))
    elif action == "return":
        if reason_code not in RETURN_REASONS:
            raise InvalidInput(
                f"A return needs one of its reasons, not {reason_code!r}.",
                field="reason_code",
                reasons=list(RETURN_REASONS),
            )
        state = _end(conn, part, one["clock_no"], "returned", "returned", by, reason_code, text)
    else:
        raise InvalidInput("A part is acknowledged (ack), finished or returned.", field="action")
    about = (key["district_code"], key["case_id"], one["version"])
    said: dict[str, notices.Fact] = {"subtask": subtask_no, "part": state}
    # who leads waits for the others; a part that was returned the centre gives to somebody else
    told_to = dict.fromkeys((one["lead_id"], *((one["desk_id"],) if state == "returned" else ())))
    to = [Recipient(organisation_id=organisation_id) for organisation_id in told_to]
    notices.tell(conn, *about, "part_moved", to, said, f"part:{subtask_no}:{state}")
    told = {"account_id": by.account_id, "key_id": key_id, "district": key["district_code"]}
    audit.add(conn, "act", "cases", object=case_no, rows=1, facts={"action": f"subtask_{action}"}, **told)
    return state


def cancel(conn: Connection, facts: Facts, subtask_no: int, reason: str, by: Actor) -> None:
    """Call a part off: it is not needed after all. Raises ``NotAllowed``, ``NotFound``, ``GuardFailed``."""
    if by.role not in OPENERS or by.role == "department":
        raise NotAllowed("Parts are called off by the desk.", role=by.role)
    texts.checked(reason, needed="Calling a part off")
    agreements.hold(conn, facts.district_code, facts.case_id)
    part = {**_key(facts), "subtask_no": subtask_no}
    one = conn.execute(_SQL["one"], part).fetchone()
    if one is None:
        raise NotFound(f"There is no subtask {subtask_no} in case {facts.case_no}.", subtask_no=subtask_no)
    if one["state"] in ("done", "cancelled"):
        raise GuardFailed("part_state", "该任务已结束。", f"This part is {one['state']}.", state=one["state"])
    _end(conn, part, one["clock_no"], "cancelled", "cancelled", by, None, reason)


def over(conn: Connection, facts: Facts, seq: int) -> None:
    """What was still to be done in a case that has ended is not any more (``Prepared.after``)."""
    for one in conn.execute(_SQL["running"], _key(facts)).fetchall():
        part = {**_key(facts), "subtask_no": one["subtask_no"]}
        _end(conn, part, one["clock_no"], "cancelled", "cancelled", None, None, "")


def resumed(city: City) -> After:
    """What is to be done behind a case's going on: every organisation that has a part in it goes on as well, and the
    case is due when the last of them is (``Prepared.after``).
    """

    def go_on(conn: Connection, facts: Facts, seq: int) -> None:
        ends = case_clocks.go_on_beside(conn, city, facts)
        if ends:
            told = {"numbers": list(ends), "deadlines": list(ends.values())}
            conn.execute(_SQL["moved_by_pause"], {**_key(facts), **told})
            conn.execute(_SQL["whole"], _key(facts))

    return go_on


def mine(conn: Connection, key_id: int | None = None) -> list[dict[str, Any]]:
    """The open parts of the viewer's organisation (`scopes.look_as`), those due first. That he was shown somebody's
    words is written into the audit.
    """
    rows = conn.execute(_SQL["mine"]).fetchall()
    audit.looked(conn, "case_subtasks", None, sum(row["task"] is not None for row in rows), key_id=key_id)
    return rows


def _replace_returned(conn: Connection, facts: Facts, organisation_id: int, by: Actor) -> None:
    """A part that was returned is replaced by the next one that is given out; whoever has a part has not another."""
    for one in conn.execute(_SQL["running"], _key(facts)).fetchall():
        part = {**_key(facts), "subtask_no": one["subtask_no"]}
        state = (conn.execute(_SQL["one"], part).fetchone() or {}).get("state")
        if state == "returned":
            _end(conn, part, one["clock_no"], "cancelled", "cancelled", by, None, "")
        elif one["organisation_id"] == organisation_id:
            raise GuardFailed(
                "has_a_part",
                "该单位已有未完成的协办任务。",
                "That organisation has a part in this case already.",
                subtask=one["subtask_no"],
            )


def _end(
    conn: Connection,
    part: dict[str, Any],
    clock_no: int | None,
    state: str,
    outcome: str,
    by: Actor | None,
    reason_code: str | None,
    text: str,
) -> str:
    text_id = texts.keep(conn, part["district_code"], part["case_id"], "subtask", text)
    told = {"state": state, "account_id": by.account_id if by else None, "reason_code": reason_code, "text_id": text_id}
    conn.execute(_SQL["end"], {**part, **told})
    if clock_no is not None:
        case_clocks.stop_beside(conn, part["district_code"], part["case_id"], clock_no, outcome)
    return state


def _key(facts: Facts) -> dict[str, Any]:
    return {"district_code": facts.district_code, "case_id": facts.case_id}
