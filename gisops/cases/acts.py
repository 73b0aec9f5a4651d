"""Acts: the one way in which a case moves, whoever moves it.

`act` reads the case as it is, asks the table of moves whether this may be done from here by this role, hands over to
the action's preparer for what must be so, and writes what comes back in one statement. A preparer lives with its
subject (`triage`, `working`, `checking` ...); the shapes that it gets and gives are in `gisops.cases.facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from gisops import notices
from gisops.access import audit, scopes
from gisops.access.people import Actor
from gisops.cases import (
    appeals,
    approvals,
    auto_rules,
    case_clocks,
    checking,
    disputes,
    evidence,
    follow_ups,
    joint,
    links,
    moves,
    supervision,
    triage,
    working,
)
from gisops.cases.facts import Clock, Facts, GuardFailed, PauseClock, Prepared, Preparer, Sent, StartClock, Told
from gisops.cases.moves import SYSTEM, Move, Rule
from gisops.city import Category, City
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotAllowed, NotFound, StaleVersion, TextTooLong

# A caller finds here all that it needs; a preparer, which is imported from here, takes the shapes from `facts`.
__all__ = [
    "PREPARERS", "Clock", "Done", "Facts", "GuardFailed", "PauseClock", "Prepared", "Preparer", "Sent", "StartClock",
    "Told", "act", "read",
]  # fmt: skip

_SQL = queries.load("gisops.cases", "acts.sql")

LONGEST_REASON = 1_000

# Every action that `act` does has exactly one; `report` and `push` are intake's (`cases.intake`).
PREPARERS: dict[str, Preparer] = {
    "order_verify": triage.order_verify,
    "verify": triage.verify,
    "accept": triage.accept,
    "correct": triage.correct,
    "refuse": triage.refuse,
    "file": triage.file,
    "reject": triage.reject,
    "dispatch": working.dispatch,
    "ack": working.ack,
    "escalate": working.escalate,
    "return": working.send_return,
    "to_acceptor": working.to_acceptor,
    "assign": working.assign,
    "step_done": working.step_done,
    "finish": working.finish,
    "send_back": working.send_back,
    "promote": working.promote,
    "not_mine": working.not_mine,
    "order_check": checking.order_check,
    "skip_check": checking.skip_check,
    "pass": checking.passed,
    "fail": checking.fail,
    "close": checking.close,
    "to_rework": checking.to_rework,
    "extend": approvals.extend,
    "suspend": approvals.suspend,
    "resume": approvals.resume,
    "void": approvals.void,
    "force_close": approvals.force_close,
    "dispute": disputes.dispute,
    "determine": disputes.determine,
    "reopen": follow_ups.reopen,
    "appeal": appeals.appeal,
    "link": links.link,
    "unlink": links.unlink,
}


@dataclass(frozen=True, slots=True)
class Done:
    """What an act has done: where the case stands now and with whom, the number of the move's entry, and the case as it
    was.
    """

    case_no: str
    district_code: str
    case_id: UUID
    seq: int
    state: str
    at: datetime
    before: Facts
    holder_id: int
    handler_id: int | None

    @property
    def version(self) -> int:
        """The case's version after it."""
        return self.seq


def act(
    conn: Connection,
    city: City,
    case_no: str,
    action: str,
    sent: Sent,
    by: Actor | None,
    key_id: int | None = None,
    *,
    role: str | None = None,
) -> Done:
    """Do something with a case, now, in the caller's transaction. ``by`` None is the system, which sees everything, or
    somebody without an account in the ``role`` that is named (a reporter, whose key the caller has checked).

    Raises, in this order, ``InvalidInput`` for an action that is none; ``NotFound`` for a case that the actor may not
    see, as for one that never was; ``NotAllowed`` where it is nobody's in this role; ``StaleVersion`` where somebody
    was first, ``IllegalMove`` from a state that does not allow it (both say the state, and what this role may do now);
    ``InvalidInput`` for a reason that is missing or unknown; then what the action's own guard has to say.
    """
    role = role or (by.role if by else SYSTEM)
    moves.rules_of(action)
    facts = read(conn, city, case_no, by)
    rule = _rule(facts, action, sent, role)
    _check_reason(rule, sent)
    prepared = PREPARERS[action](conn, city, facts, sent, by)
    prepared = evidence.with_photos(conn, city, action, facts, sent, by, prepared)
    done = _write(conn, city, facts, rule, sent, prepared, by, role)
    for then in prepared.after:
        then(conn, facts, done.seq)
    auto_rules.heard(conn, facts, action, sent, prepared.payload, done.seq)
    _let_go(conn, facts, done)
    _tell(conn, facts, done, action, prepared, by)
    if by is not None:
        # what sends a case somewhere has a word of its own; which act any other was, is a fact of its entry
        audit.add(
            conn,
            "dispatch" if action == "dispatch" else "act",
            "cases",
            object=case_no,
            rows=1,
            facts={} if action == "dispatch" else {"action": action},
            account_id=by.account_id,
            key_id=key_id,
            district=facts.district_code,
        )
    for following in prepared.follows:
        done = act(conn, city, case_no, following, Sent(None), None)
    return done


def _let_go(conn: Connection, facts: Facts, done: Done) -> None:
    """End what has nothing to wait for any more: all requests, parts and orders of a case that is over, and what who
    held it had asked for, once it is another's.
    """
    if moves.STAGES[done.state] == moves.OVER:
        if moves.STAGES[facts.state] < moves.OVER:
            approvals.lapse(conn, facts)
            joint.over(conn, facts, done.seq)
            supervision.over(conn, facts)
    elif moves.STAGES[facts.state] == moves.OVER:
        appeals.lapse(conn, facts)
    elif done.state in ("returned", "dispatched", "reported") and done.state != facts.state:
        approvals.lapse(conn, facts, approvals.HOLDERS_KINDS)


def _tell(conn: Connection, facts: Facts, done: Done, action: str, prepared: Prepared, by: Actor | None) -> None:
    """Tell who gets to know of it: those that the move itself says, and those whom its preparer names."""
    about = notices.Subject(done.district_code, done.case_id, done.seq)
    stage = moves.STAGES[done.state]
    told = notices.of_move(action, done.state, stage, facts.desk_id, by.staff_id if by else None)
    said: dict[str, notices.Fact] = {"action": action, "state": done.state, "stage": stage}
    if (lost := _lost(facts, done, action, by)) is not None:
        told.append(notices.Told("lost", [lost], said))
    for one in prepared.told:
        who = notices.Recipient(one.staff_id, one.account_id, one.organisation_id)
        told.append(notices.Told(one.kind, [who], said))
    notices.tell_many(conn, [(about, one) for one in told])


# What takes a case from whoever has it; where he does it himself he knows.
_TAKES = frozenset({"link", "return", "dispatch", "assign", "dispute", "determine", "to_acceptor", "not_mine"})


def _lost(facts: Facts, done: Done, action: str, by: Actor | None) -> notices.Recipient | None:
    """Who had a case and has it no longer: its handler; where it had none, whoever acts for its organisation. Nobody
    where he gave it away himself, and not the desk, before which it lies.
    """
    ends = action == "link"  # a duplicate keeps its names, and is nobody's work any more
    if action not in _TAKES:
        return None
    if facts.handler_id is not None:
        gone = ends or facts.handler_id != done.handler_id
        own = by is not None and by.staff_id == facts.handler_id
        return notices.Recipient(staff_id=facts.handler_id) if gone and not own else None
    gone = ends or facts.organisation_id != done.holder_id
    own = by is not None and by.organisation_id == facts.organisation_id
    if not gone or own or facts.organisation_id == facts.desk_id:
        return None
    return notices.Recipient(organisation_id=facts.organisation_id)


def read(conn: Connection, city: City, case_no: str, by: Actor | None) -> Facts:
    """A case as it is, for somebody who may see it (None: the system). Raises ``NotFound``."""
    row = conn.execute(_SQL["facts"], {"case_no": case_no}).fetchone()
    if row is not None and by is not None:
        scope = scopes.scope_of(conn, by.account_id)
        if not scope.sees(row["unit_id"], (row["handler_id"], row["superior_id"]), row["organisation_id"]):
            row = None
    if row is None:
        raise NotFound(f"There is no case {case_no}.", case_no=case_no)
    return _facts(row, city)


def _rule(facts: Facts, action: str, sent: Sent, role: str) -> Rule:
    rules = moves.rules_of(action)
    roles = tuple(dict.fromkeys(one for rule in rules for one in rule.who))
    if role not in roles:
        raise NotAllowed(f"{action!r} is not for the role {role}.", action=action, role=role, roles=list(roles))
    if sent.expected_version is None:
        if role != SYSTEM:
            raise InvalidInput("An act says which version of the case it was decided on.", field="expected_version")
    elif sent.expected_version != facts.version:
        raise StaleVersion(
            f"The case is at version {facts.version}, not {sent.expected_version}: read it again.",
            version=facts.version,
            state=facts.state,
            allowed=moves.allowed(facts.state, role),
        )
    rule = next((one for one in rules if facts.state in one.from_states), None)
    if rule is None:
        raise moves.illegal(action, facts.state, role)
    if role not in rule.who:
        raise NotAllowed(
            f"{action!r} of a case that is {facts.state} is not for the role {role}.",
            action=action,
            role=role,
            roles=list(rule.who),
        )
    return rule


def _check_reason(rule: Rule, sent: Sent) -> None:
    if rule.reasons and sent.reason_code not in rule.reasons:
        raise InvalidInput(
            f"{rule.action!r} needs one of its reasons, not {sent.reason_code!r}.",
            field="reason_code",
            reasons=list(rule.reasons),
        )
    if not rule.reasons and sent.reason_code is not None:
        raise InvalidInput(f"{rule.action!r} takes no reason code.", field="reason_code")
    if rule.says_why and not sent.reason.strip():
        raise InvalidInput(f"{rule.action!r} needs a reason in words.", field="reason")
    if len(sent.reason) > LONGEST_REASON:
        raise TextTooLong(
            f"The reason has {len(sent.reason)} characters; {LONGEST_REASON} is the most.",
            length=len(sent.reason),
            most=LONGEST_REASON,
        )
    if "\x00" in sent.reason:
        raise InvalidInput("The reason holds a NUL character, which no text column can keep.", field="reason")


def _write(
    conn: Connection,
    city: City,
    facts: Facts,
    rule: Rule,
    sent: Sent,
    prepared: Prepared,
    by: Actor | None,
    role: str,
) -> Done:
    to_state = prepared.to_state or rule.to_state
    payload: dict[str, Any] = dict(prepared.payload)
    if sent.reason_code is not None:
        payload["reason_code"] = sent.reason_code
    holder = facts.organisation_id
    if prepared.to is not None:
        holder = prepared.to.organisation_id
    elif rule.to_desk:
        holder = facts.desk_id
    holder = prepared.sets.get("organisation_id", holder)
    condition = prepared.sets.get("filing_condition_id", facts.filing_condition_id)
    category = prepared.sets.get("category_id")
    clock = case_clocks.change(city, facts, to_state, holder, prepared.clock, prepared.outcome, condition, category)
    one = Move(
        facts.case_no,
        rule.action,
        facts.version,
        sent.reason,
        prepared.to,
        from_state=facts.state,
        to_state=to_state,
        payload=payload,
        sets=prepared.sets,
        adds=prepared.adds,
        clock=clock,
    )
    if not moves.move(conn, [one], role, by.account_id if by else None):
        # between reading and writing somebody else was first
        now = read(conn, city, facts.case_no, None)
        raise StaleVersion(
            f"The case is at version {now.version}, not {facts.version}: read it again.",
            version=now.version,
            state=now.state,
            allowed=moves.allowed(now.state, role),
        )
    seq = facts.version + 1
    handler = prepared.to.staff_id if prepared.to else None if rule.to_desk else facts.handler_id
    handler = prepared.sets.get("handler_id", handler)
    return Done(facts.case_no, facts.district_code, facts.case_id, seq, to_state, facts.now, facts, holder, handler)


def _facts(row: Mapping[str, Any], city: City) -> Facts:
    told = {name: row[name] for name in Facts.__slots__ if name in row}
    clock = None
    if row["clock_no"] is not None:
        names = ("step", "organisation_id", "started_at", "unit", "value", "deadline", "paused_at", "level")
        clock = Clock(row["clock_no"], *(row[f"clock_{name}"] for name in names))
    told |= {"excluded": tuple(row["excluded"]), "photos": tuple(row["photos"] or ())}
    return Facts(**told, category=_category(row, city), clock=clock)


def _category(row: Mapping[str, Any], city: City) -> Category:
    """The case's category as the city knows it; as the database has it where it can be reported no more."""
    known = city.by_category_id.get(row["category_id"])
    if known is not None:
        return known
    names = ("scheme", "code", "zh", "en", "severity", "public", "auto_file")
    told = {name: row[f"category_{name}"] for name in names}
    return Category(
        row["category_id"],
        told["scheme"],
        told["code"],
        told["zh"],
        told["en"],
        told["severity"],
        told["public"],
        told["auto_file"],
        filing_condition_id=None,
        limit=None,
    )
