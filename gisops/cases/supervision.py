"""Supervision: an inspector orders that a case be done and is answered; anybody who may ask, asks when it will be done.

Neither moves a case. An order goes to the head of the organisation that holds it, from the second level on to the one
above too; urging, to whoever handles it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from gisops import notices
from gisops.access import audit
from gisops.access.people import Actor
from gisops.cases import agreements, case_clocks, texts
from gisops.cases.facts import Facts, GuardFailed
from gisops.cases.moves import OVER
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import Conflict, InvalidInput, NotAllowed, NotFound
from gisops.notices import Recipient

_SQL = queries.load("gisops.cases", "supervision.sql")

SUPERVISORS = ("inspector", "leader", "shift_leader")
URGERS = ("acceptor", "shift_leader", "dispatcher", "inspector", "leader", "coordinator")
STATES = ("open", "overdue", "answered", "closed")
# How many hours lie between two times that the same side urges a case.
URGE_EVERY_HOURS = 4


class UrgedAlready(Conflict):
    """This case was urged a short while ago."""

    code = "urged_already"


def order(
    conn: Connection,
    facts: Facts,
    level: int,
    due_at: datetime | None,
    text: str,
    by: Actor | None,
    seq: int | None = None,
) -> int:
    """Order that a case be done; returns the order's number. ``by`` None is the system (a simple case that was not done
    in time), ``seq`` the entry of the history that it belongs to. Raises ``InvalidInput``, ``GuardFailed``.
    """
    if level not in (1, 2, 3):
        raise InvalidInput(
            "level is 1 (the organisation), 2 (its head and the one above) or 3 (the city).", field="level"
        )
    if due_at is not None and (due_at.tzinfo is None or due_at <= facts.now):
        raise InvalidInput("due_at has a time zone and lies ahead.", field="due_at", now=facts.now.isoformat())
    if by is not None:
        _open(facts)
        texts.checked(text, needed="An order")
    agreements.hold(conn, facts.district_code, facts.case_id)
    row = conn.execute(
        _SQL["order"],
        {
            **_key(facts),
            "level": level,
            "organisation_id": facts.organisation_id,
            "handler_id": facts.handler_id,
            "account_id": by.account_id if by else None,
            "due_at": due_at,
            "clock_no": _clock(conn, facts, due_at),
            "text_id": texts.keep(conn, facts.district_code, facts.case_id, "order", text),
        },
    ).fetchone()
    assert row is not None  # noqa: S101  (INSERT RETURNING)
    leads = conn.execute(_SQL["leads"], {"organisation_id": facts.organisation_id}).fetchone() or {}
    above = leads.get("above_staff_id") if level > 1 else None
    heads = dict.fromkeys((leads.get("lead_staff_id"), above, facts.handler_id))
    to = [Recipient(staff_id=one) for one in heads if one is not None] + [
        Recipient(organisation_id=facts.organisation_id)
    ]
    number = int(row["order_no"])
    said: dict[str, notices.Fact] = {
        "order_no": number,
        "level": level,
        "due_at": due_at.isoformat() if due_at else None,
    }
    notices.tell(conn, *_about(facts, seq), "order", to, said, f"order:{number}")
    return number


def answer(conn: Connection, facts: Facts, order_no: int, text: str, by: Actor) -> None:
    """Say what was done about an order, for the organisation that it went to. Raises ``NotFound``, ``GuardFailed``."""
    one = _one(conn, facts, order_no)
    if one["state"] != "open":
        raise GuardFailed("answered_already", "该督办已答复。", "That order has been answered.", state=one["state"])
    # whoever has the case now speaks for his organisation only to what it was told
    same = facts.organisation_id == one["organisation_id"]
    own = same and by.staff_id is not None and by.staff_id in (facts.handler_id, facts.superior_id)
    if not own and not _went_to(one, by):
        raise GuardFailed("own_organisation", "此督办不是发给您单位的。", "That order did not go to your organisation.")
    texts.checked(text, needed="An answer")
    text_id = texts.keep(conn, facts.district_code, facts.case_id, "order", text)
    conn.execute(_SQL["answer"], {**_key(facts), "order_no": order_no, "account_id": by.account_id, "text_id": text_id})
    _stop(conn, facts, one["clock_no"], "done")
    # of one that the system gave, the desk is who waits for the answer
    issuer = one["issued_by"]
    to = [Recipient(organisation_id=facts.desk_id) if issuer is None else Recipient(account_id=issuer)]
    notices.tell(conn, *_about(facts, None), "order_answered", to, {"order_no": order_no}, f"order:{order_no}:answer")


def went_to(conn: Connection, facts: Facts, order_no: int, by: Actor) -> bool:
    """Whether an order went to somebody or his organisation, who then may answer it whoever has the case by now."""
    one = conn.execute(_SQL["one"], {**_key(facts), "order_no": order_no}).fetchone()
    return one is not None and _went_to(one, by)


def mine(conn: Connection, key_id: int | None = None) -> list[dict[str, Any]]:
    """The open orders that went to the viewer or his organisation (`scopes.look_as`), those due first. That he was
    shown somebody's words is written into the audit.
    """
    rows = conn.execute(_SQL["mine"]).fetchall()
    audit.looked(conn, "supervision_orders", None, sum(row["text"] is not None for row in rows), key_id=key_id)
    return rows


def given(
    conn: Connection, to: Actor, state: str, limit: int, after: str | None, *, own: bool = False
) -> dict[str, Any]:
    """The orders of the cases that the viewer may see (`scopes.look_as`), the newest first: ``{orders, next}``.
    ``state`` is open, answered, closed, or overdue: not closed and due. ``own``: those that he gave himself.
    """
    if state not in STATES:
        raise InvalidInput(f"state is one of {', '.join(STATES)}.", field="state", states=list(STATES))
    asked = {"state": state, "own": own, "account_id": to.account_id, "most": limit + 1, **agreements.place(after)}
    rows = conn.execute(_SQL["given"], asked).fetchall()
    page = rows[:limit]
    last = page[-1] if len(rows) > limit else None
    following = last and agreements.following(last["issued_at"], last["case_id"], last["order_no"])
    for row in page:
        del row["case_id"]
    return {"orders": page, "next": following}


def close(conn: Connection, facts: Facts, order_no: int, by: Actor) -> None:
    """Be content with what was answered. Raises ``NotFound``, ``NotAllowed``, ``GuardFailed``."""
    if by.role not in SUPERVISORS:
        raise NotAllowed("Orders are closed by those who give them.", role=by.role, roles=list(SUPERVISORS))
    one = _one(conn, facts, order_no)
    if one["state"] == "closed":
        raise GuardFailed("closed_already", "该督办已办结。", "That order is closed.")
    _stop(conn, facts, one["clock_no"], "done")
    conn.execute(_SQL["close"], {**_key(facts), "order_no": order_no})


def over(conn: Connection, facts: Facts) -> None:
    """A case that is over needs no order any more."""
    for one in conn.execute(_SQL["over"], _key(facts)).fetchall():
        _stop(conn, facts, one["clock_no"], "cancelled")


def urge(conn: Connection, facts: Facts, text: str, by: Actor | None) -> int:
    """Ask when a case will be done; returns the urging's number. ``by`` None is a reporter, by the key of his report.
    Each side once in some hours; what a reporter asks before the reminder of the running time is told and weighs
    nothing. Raises ``UrgedAlready``, ``GuardFailed``.
    """
    _open(facts)
    agreements.hold(conn, facts.district_code, facts.case_id)
    told = {**_key(facts), "by_reporter": by is None, "hours": URGE_EVERY_HOURS}
    lately = conn.execute(_SQL["urged_since"], told).fetchone()
    if lately is not None and lately["n"]:
        raise UrgedAlready(
            f"The case was urged less than {URGE_EVERY_HOURS} hours ago; whoever handles it has been told.",
            hours=URGE_EVERY_HOURS,
        )
    told |= {"account_id": by.account_id if by else None}
    told |= {"text_id": texts.keep(conn, facts.district_code, facts.case_id, "urging", text)}
    row = conn.execute(_SQL["urge"], told).fetchone()
    assert row is not None  # noqa: S101  (the case is held)
    number = int(row["urging_no"])
    if facts.handler_id is None:
        who = Recipient(organisation_id=facts.organisation_id)
    else:
        who = Recipient(staff_id=facts.handler_id)
    said: dict[str, notices.Fact] = {"urging_no": number, "by_reporter": by is None}
    notices.tell(conn, *_about(facts, None), "urge", [who], said, f"urge:{number}")
    return number


def _went_to(one: dict[str, Any], by: Actor) -> bool:
    if by.staff_id is not None and by.staff_id in (one["handler_id"], one["lead_staff_id"]):
        return True
    # its officers and handlers are of it too, and do not speak for it
    return by.role == "department" and by.organisation_id == one["organisation_id"]


def _clock(conn: Connection, facts: Facts, due_at: datetime | None) -> int | None:
    """The clock of an order beside those of the case: when it has run out, its issuer hears (`timers`)."""
    if due_at is None:
        return None
    row = {
        "step": "subtask", "organisation_id": facts.organisation_id, "started_at": facts.now, "unit": None,
        "value": None, "deadline": due_at, "due_at": due_at, "due_kind": "overdue",
    }  # fmt: skip
    return case_clocks.start_beside(conn, facts, row, "order")


def _stop(conn: Connection, facts: Facts, clock_no: int | None, outcome: str) -> None:
    if clock_no is not None:
        case_clocks.stop_beside(conn, facts.district_code, facts.case_id, clock_no, outcome)


def _open(facts: Facts) -> None:
    if facts.stage >= OVER:
        raise GuardFailed("over", "案件已办结。", "The case is over.", state=facts.state)


def _one(conn: Connection, facts: Facts, order_no: int) -> dict[str, Any]:
    one = conn.execute(_SQL["one"], {**_key(facts), "order_no": order_no}).fetchone()
    if one is None:
        raise NotFound(f"There is no order {order_no} in case {facts.case_no}.", order_no=order_no)
    return one


def _about(facts: Facts, seq: int | None) -> tuple[str, UUID, int]:
    return facts.district_code, facts.case_id, facts.version if seq is None else seq


def _key(facts: Facts) -> dict[str, Any]:
    return {"district_code": facts.district_code, "case_id": facts.case_id}
