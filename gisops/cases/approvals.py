"""Approvals: what one person asks for in a case and another grants. More time, a pause, a late return, to take a case
back, to end it by order.

A request is a row; granting it is the move it asks for (`acts.act`), whose preparer here finds the request, checks it,
and marks it granted with the number of the move. So there is one way in which a deadline moves, and no move that nobody
asked for. Who decides is never who asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from gisops import clocks, notices, wording
from gisops.access.people import Actor
from gisops.cases import agreements, appeals, case_clocks, joint, new_limits, texts
from gisops.cases.facts import ChangeClock, Facts, GuardFailed, PauseClock, Prepared, Sent
from gisops.cases.moves import rule_of
from gisops.cases.transitions import RETURN_REASONS
from gisops.city import City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotAllowed, NotFound

_SQL = queries.load("gisops.cases", "approvals.sql")

_HOLDERS = ("department", "handler", "officer")
# Who may ask for what; who decides is who may make the move (`moves.TRANSITIONS`).
ASKERS: Mapping[str, tuple[str, ...]] = {
    "extend": _HOLDERS,
    "suspend": _HOLDERS,
    "return": _HOLDERS,
    "void": ("acceptor", "dispatcher", "shift_leader"),
    "force_close": ("shift_leader", "dispatcher", "coordinator", "inspector"),
}
KINDS = tuple(ASKERS)
# What who holds a case asks for, for himself: it goes with him.
HOLDERS_KINDS = tuple(kind for kind, askers in ASKERS.items() if askers == _HOLDERS)
GRANTERS_OF_RETURNS = ("dispatcher",)
# What can be asked for of the requests there are: those that wait, or how they ended.
STATES = ("open", "granted", "refused", "withdrawn")
# Of a case, whoever has it: the one who waits for it is the same.
MOST_EXTENSIONS = 2
LONGEST_SUSPENSION = timedelta(days=366)


def request(
    conn: Connection, city: City, facts: Facts, kind: str, sent: Sent, until: datetime | None, by: Actor
) -> int:
    """Ask for something in a case; returns the request's number. The case must be one in which it could be granted now:
    what is asked for in time may be granted later.

    Raises ``InvalidInput``, ``NotAllowed``, ``IllegalMove``, ``GuardFailed``.
    """
    if kind not in ASKERS:
        raise InvalidInput(f"kind is one of {', '.join(ASKERS)}.", field="kind", kinds=list(ASKERS))
    if by.role not in ASKERS[kind]:
        raise NotAllowed(f"{kind!r} is not asked for by the role {by.role}.", role=by.role, roles=list(ASKERS[kind]))
    rule_of(kind, facts.state)
    if kind in ("extend", "suspend", "return"):
        agreements.within(facts, by)
    texts.checked(sent.reason, needed="A request")
    agreements.hold(conn, facts.district_code, facts.case_id)
    _CHECKS[kind](facts, sent.reason_code, until, facts.now)
    if conn.execute(_SQL["open_of_kind"], {**_key(facts), "kind": kind}).fetchone() is not None:
        raise GuardFailed(
            "asked_already", "同类申请尚未审批。", "Such a request is waiting for its answer already.", kind=kind
        )
    row = conn.execute(
        _SQL["request"],
        {
            **_key(facts),
            "kind": kind,
            "reason_code": sent.reason_code,
            "until": until,
            "details": Jsonb(dict(sent.values)),
            "organisation_id": by.organisation_id or facts.organisation_id,
            "account_id": by.account_id,
            "text_id": texts.keep(conn, facts.district_code, facts.case_id, "approval", sent.reason),
        },
    ).fetchone()
    assert row is not None  # noqa: S101  (INSERT RETURNING)
    number = int(row["approval_no"])
    # whoever may say yes is told that he is asked
    said: dict[str, notices.Fact] = {"approval_no": number, "kind": kind, "action": kind}
    to = agreements.who_may(conn, facts, granters(kind), by.account_id)
    # where there is nobody in sight, the desk
    to = to or [notices.Recipient(organisation_id=facts.desk_id)]
    notices.tell(conn, *_about(facts), "approval", to, said, f"approval:{number}")
    return number


def granters(kind: str) -> tuple[str, ...]:
    """The roles that grant a kind of request: those that make its move; of a late return the dispatcher."""
    return GRANTERS_OF_RETURNS if kind == "return" else rule_of(kind).who


def waiting(conn: Connection, to: Actor, state: str, limit: int, after: str | None) -> dict[str, Any]:
    """What is asked of somebody's role in the cases he may see (`scopes.look_as`), what has waited longest first:
    ``{approvals, next}``. ``state`` is open, or how a request ended. Appeals that wait for his review stand among them
    (kind ``appeal``, ``step`` lodged or seconded). ``own`` marks what he asked for himself, and does not grant.
    """
    if state not in STATES:
        raise InvalidInput(f"state is one of {', '.join(STATES)}.", field="state", states=list(STATES))
    asked = {
        "state": "requested" if state == "open" else state,
        "kinds": [kind for kind in KINDS if to.role in granters(kind)],
        "steps": [step for step, role in appeals.REVIEWERS.items() if role == to.role] if state == "open" else [],
        "account_id": to.account_id,
        "most": limit + 1,
        **agreements.place(after),
    }
    rows = conn.execute(_SQL["waiting"], asked).fetchall()
    page = rows[:limit]
    last = page[-1] if len(rows) > limit else None
    following = last and agreements.following(last["at"], last["case_id"], last["number"])
    return {"approvals": [_listed(row) for row in page], "next": following}


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    names = ("case_no", "kind", "state", "step", "reason_code", "until", "own", "deadline", "severity", "version")
    return {
        **{name: row[name] for name in names},
        "number": row["number"],
        "requested_at": row["at"],
        "organisation": {
            "code": row["organisation"],
            "name_zh": row["organisation_zh"],
            "name_en": row["organisation_en"],
        },
        "category": {
            "scheme": row["scheme"],
            "code": row["category"],
            "name_zh": row["category_zh"],
            "name_en": row["category_en"],
        },
        "case": wording.state(row["case_state"]),
    }


def refuse(conn: Connection, facts: Facts, approval_no: int, reason: str, by: Actor) -> str:
    """Not grant a request, and say why; or take one's own back. Returns its state. Raises ``NotFound``,
    ``NotAllowed``, ``GuardFailed``, ``InvalidInput``.
    """
    agreements.hold(conn, facts.district_code, facts.case_id)
    one = _one(conn, facts, approval_no)
    state = "withdrawn" if one["requested_by"] == by.account_id else "refused"
    if state == "refused":
        texts.checked(reason, needed="A refusal")
        may = granters(one["kind"])
        if by.role not in may:
            raise NotAllowed(f"{one['kind']!r} is not decided by the role {by.role}.", role=by.role, roles=list(may))
    text = texts.keep(conn, facts.district_code, facts.case_id, "approval", reason)
    _decide(conn, facts, one, state, by, text, None)
    return state


def kind_of(conn: Connection, facts: Facts, approval_no: int) -> tuple[str, str | None]:
    """What a request asks for, and its reason code. Raises ``NotFound``, ``GuardFailed`` for one that was answered."""
    one = _one(conn, facts, approval_no)
    return str(one["kind"]), one["reason_code"]


def extend(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Grant more time: the original limit once more, from where it ended; at most twice, asked for before it ended."""
    granted = _granting(conn, facts, "extend", sent, by)
    clock = facts.clock
    assert clock is not None and clock.deadline is not None  # noqa: S101, PT018  (_granting has asked)
    assert clock.unit is not None and clock.value is not None  # noqa: S101, PT018
    again = (clock.unit, clock.value, city.calendar, city.work_day_mode)
    ends = clocks.extended(clock.deadline, *again)
    whole = None if facts.deadline is None else max(facts.deadline, clocks.extended(facts.deadline, *again))
    return Prepared(
        {"approval": granted["approval_no"], "deadline": ends.isoformat(), **new_limits.added(facts.deadline, whole)},
        {"deadline": whole},
        {"extended_count": 1},
        clock=ChangeClock(ends),
        after=(marked(granted, by),),
    )


def suspend(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Grant a pause until a day: once, no longer than a year. It ends by itself."""
    granted = _granting(conn, facts, "suspend", sent, by)
    until: datetime = granted["until"]
    return Prepared(
        {"approval": granted["approval_no"], "until": until.isoformat()},
        adds={"suspended_count": 1},
        clock=PauseClock(until),
        after=(marked(granted, by), case_clocks.pause_beside),
    )


def resume(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """It goes on: what was left of its time before the pause is left again, the case's own as the organisation's."""
    clock = facts.clock
    sets: dict[str, Any] = {}
    if clock is not None and clock.paused_at is not None and clock.unit is not None and facts.deadline is not None:
        sets["deadline"] = case_clocks.moved_by_pause(city, clock.unit, clock.paused_at, facts.now, facts.deadline)
    told = new_limits.added(facts.deadline, sets.get("deadline"))
    return Prepared(told, sets, clock="resume", after=(joint.resumed(city),))


def void(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Grant that it should not have been filed: it counts against accurate filing."""
    granted = _granting(conn, facts, "void", sent, by)
    return Prepared({"approval": granted["approval_no"]}, outcome="cancelled", after=(marked(granted, by),))


def force_close(conn: Connection, city: City, facts: Facts, sent: Sent, by: Actor | None) -> Prepared:
    """Grant that it ends undone, by order; it is marked in every rate."""
    granted = _granting(conn, facts, "force_close", sent, by)
    return Prepared({"approval": granted["approval_no"]}, outcome="cancelled", after=(marked(granted, by),))


def late_return(conn: Connection, facts: Facts, sent: Sent, by: Actor | None) -> Mapping[str, Any] | None:
    """The request by which a case is returned although work on it began, or the time for it is over: the dispatcher
    grants it. None where no request is named: then `working.send_return` has its own say.
    """
    if sent.values.get("approval") is None:
        return None
    if by is not None and by.role not in GRANTERS_OF_RETURNS:
        raise NotAllowed("A late return is granted by the dispatcher.", roles=list(GRANTERS_OF_RETURNS), role=by.role)
    one = _granting(conn, facts, "return", sent, by)
    if sent.reason_code != one["reason_code"]:
        raise InvalidInput(
            f"What was asked for is a return as {one['reason_code']!r}, not {sent.reason_code!r}.",
            field="reason_code",
            reasons=[one["reason_code"]],
        )
    return one


def lapse(conn: Connection, facts: Facts, kinds: Sequence[str] = KINDS) -> None:
    """What was asked for needs no answer any more: the case is over, or (`HOLDERS_KINDS`) another organisation's. Who
    asked is told so.
    """
    for one in conn.execute(_SQL["lapse"], {**_key(facts), "kinds": list(kinds)}).fetchall():
        number = one["approval_no"]
        said: dict[str, notices.Fact] = {"approval_no": number, "kind": one["kind"], "action": one["kind"]}
        to = [notices.Recipient(account_id=one["requested_by"])]
        notices.tell(conn, *_about(facts), "lapsed", to, said, f"approval:{number}")


def _granting(conn: Connection, facts: Facts, kind: str, sent: Sent, by: Actor | None) -> dict[str, Any]:
    """The request that a move grants, once more checked. Raises ``GuardFailed``, ``InvalidInput``, ``NotFound``."""
    number = sent.values.get("approval")
    if number is None:
        raise GuardFailed(
            "not_asked_for",
            "须先提出申请，再审批：values.approval 为申请编号。",
            "Somebody asks for it first; values.approval is the number of the request.",
            kind=kind,
        )
    if not isinstance(number, int) or isinstance(number, bool):
        raise InvalidInput("approval is the number of a request.", field="approval")
    agreements.hold(conn, facts.district_code, facts.case_id)
    one = _one(conn, facts, number)
    if one["kind"] != kind:
        raise GuardFailed(
            "another_request",
            "该申请不是此类申请。",
            f"That request asks for {one['kind']}, not {kind}.",
            kind=one["kind"],
        )
    if by is not None and by.account_id == one["requested_by"]:
        raise GuardFailed("own_request", "申请人不能审批自己的申请。", "Nobody grants what he asked for himself.")
    _CHECKS[kind](facts, one["reason_code"], one["until"], one["requested_at"])
    return one


def _one(conn: Connection, facts: Facts, approval_no: int) -> dict[str, Any]:
    one = conn.execute(_SQL["one"], {**_key(facts), "approval_no": approval_no}).fetchone()
    if one is None:
        raise NotFound(f"There is no request {approval_no} in case {facts.case_no}.", approval_no=approval_no)
    if one["state"] != "requested":
        raise GuardFailed(
            "answered_already", "该申请已有结果。", f"That request has been {one['state']} already.", state=one["state"]
        )
    return one


def marked(granted: Mapping[str, Any], by: Actor | None) -> Any:
    """What is to be done behind the move that grants a request (``Prepared.after``)."""

    def mark(conn: Connection, facts: Facts, seq: int) -> None:
        # what was written with the decision is the move's own text
        _decide(conn, facts, granted, "granted", by, None, seq)

    return mark


def _decide(
    conn: Connection, facts: Facts, one: Mapping[str, Any], state: str, by: Actor | None, text: Any, seq: int | None
) -> None:
    """Write how a request ended, and tell who asked: he waits for it, whoever has the case by now."""
    number = one["approval_no"]
    told = {"approval_no": number, "state": state, "text_id": text, "seq": seq}
    conn.execute(_SQL["decide"], {**_key(facts), **told, "account_id": by.account_id if by else None})
    if by is None or one["requested_by"] != by.account_id:
        said: dict[str, notices.Fact] = {"approval_no": number, "kind": one["kind"], "action": one["kind"]}
        to = [notices.Recipient(account_id=one["requested_by"])]
        notices.tell(conn, *_about(facts, seq), state, to, said, f"approval:{number}")


def _can_extend(facts: Facts, reason_code: str | None, until: datetime | None, asked_at: datetime) -> None:
    clock = facts.clock
    if clock is None or clock.deadline is None or clock.unit is None or clock.value is None:
        raise GuardFailed("no_limit", "此案没有处置时限，无须延期。", "This case has no limit that could be extended.")
    if facts.extended_count >= MOST_EXTENSIONS:
        raise GuardFailed(
            "extended_out",
            f"最多延期 {MOST_EXTENSIONS} 次。",
            f"A limit is extended {MOST_EXTENSIONS} times at most.",
            extended=facts.extended_count,
        )
    if asked_at > clock.deadline:
        raise GuardFailed(
            "overdue",
            "已超过时限，不能申请延期。",
            "The limit is over; it can be extended no more.",
            deadline=clock.deadline.isoformat(),
        )


def _can_suspend(facts: Facts, reason_code: str | None, until: datetime | None, asked_at: datetime) -> None:
    if until is None or until.tzinfo is None:
        raise InvalidInput("A suspension needs the moment until which it lasts, with its time zone.", field="until")
    if facts.suspended_count:
        raise GuardFailed("suspended_already", "只能挂账一次。", "A case is suspended once at most.")
    if not facts.now < until <= facts.now + LONGEST_SUSPENSION:
        raise GuardFailed(
            "until",
            "挂账须在一年之内的将来某日结束。",
            "A suspension ends in the future, within a year.",
            until=until.isoformat(),
            latest=(facts.now + LONGEST_SUSPENSION).isoformat(),
        )


def _can_return(facts: Facts, reason_code: str | None, until: datetime | None, asked_at: datetime) -> None:
    if reason_code not in RETURN_REASONS:
        raise InvalidInput(
            f"A return needs one of its reasons, not {reason_code!r}.",
            field="reason_code",
            reasons=list(RETURN_REASONS),
        )


def _can_end(facts: Facts, reason_code: str | None, until: datetime | None, asked_at: datetime) -> None:
    return None


_CHECKS = {
    "extend": _can_extend,
    "suspend": _can_suspend,
    "return": _can_return,
    "void": _can_end,
    "force_close": _can_end,
}


def _about(facts: Facts, seq: int | None = None) -> tuple[str, UUID, int]:
    return facts.district_code, facts.case_id, facts.version if seq is None else seq


def _key(facts: Facts) -> dict[str, Any]:
    return {"district_code": facts.district_code, "case_id": facts.case_id}
