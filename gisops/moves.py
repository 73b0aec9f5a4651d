"""Moves: what can be done with a case, as one table, and the one statement that does it, for one case or thousands.

A case that is there is moved by `move`. One that is just being told (a report that comes in, or a whole past life) is
moved in memory, as a `Life`, and written once with where it ended. Both go by the same table: ``RULES`` says
from where, to where, whose work it is, and which of the case's moments the move sets or takes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import IllegalMove, InvalidInput
from gisops.keys import new_key

_SQL = queries.load("gisops", "moves.sql")

# The seven stages of the closed loop; whatever is over is at the seventh, so that stage < 7 is what is open.
STAGES: Mapping[str, int] = {
    "reported": 1, "verifying": 1, "accepted": 2, "filed": 3, "dispatched": 3, "returned": 3, "disputed": 3,
    "simple_open": 4, "handling": 4, "suspended": 4, "handled": 5, "checking": 6, "to_close": 6,
    "closed": 7, "force_closed": 7, "not_accepted": 7, "not_filed": 7, "duplicate": 7, "voided": 7,
}  # fmt: skip
OVER = 7


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of move. ``stamps`` are the case's moments it sets, ``clears`` those it takes back;
    after ``to_desk`` the duty desk holds the case.
    """

    from_states: tuple[str, ...]
    to_state: str
    role: str
    stamps: tuple[str, ...] = ()
    clears: tuple[str, ...] = ()
    to_desk: bool = False


_FILED_ON = ("filed", "dispatched", "handling", "suspended", "returned", "handled", "checking", "to_close")

RULES: Mapping[str, Rule] = {
    "report": Rule((), "reported", "public"),
    "accept": Rule(("reported",), "accepted", "acceptor"),
    "refuse": Rule(("reported",), "not_accepted", "acceptor", stamps=("closed_at",)),
    "file": Rule(("reported", "accepted"), "filed", "shift_leader", stamps=("filed_at",)),
    "reject": Rule(("reported", "accepted"), "not_filed", "shift_leader", stamps=("closed_at",)),
    "dispatch": Rule(("filed", "returned"), "dispatched", "dispatcher", stamps=("dispatched_at",)),
    "ack": Rule(("dispatched",), "handling", "handler"),
    "return": Rule(("dispatched", "handling"), "returned", "department", to_desk=True),
    "suspend": Rule(("handling",), "suspended", "dispatcher"),
    "resume": Rule(("suspended",), "handling", "dispatcher"),
    "finish": Rule(("handling",), "handled", "handler", stamps=("handled_at",)),
    "order_check": Rule(("handled",), "checking", "acceptor"),
    "skip_check": Rule(("handled",), "to_close", "acceptor"),
    "pass": Rule(("checking",), "to_close", "supervisor"),
    "fail": Rule(("checking",), "handling", "supervisor", clears=("handled_at",)),
    "close": Rule(("to_close",), "closed", "shift_leader", stamps=("closed_at",)),
    "link": Rule(("reported", "accepted", "filed", "dispatched"), "duplicate", "acceptor", stamps=("closed_at",)),
    "void": Rule(("accepted", "filed", "dispatched", "handling"), "voided", "shift_leader", stamps=("closed_at",)),
    "force_close": Rule(_FILED_ON, "force_closed", "leader", stamps=("closed_at",)),
}


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a case is sent to by hand: an organisation, perhaps a member of its staff, and who is told beside him."""

    organisation_id: int
    organisation: str
    staff_id: int | None
    staff: str | None
    superior_id: int | None

    def decision(self, reason: str) -> dict[str, Any]:
        """What is kept of a decision that a person took: asked and answered are what he said."""
        named = {"organisation": self.organisation, "staff": self.staff}
        answer = {
            "mode": "by_hand",
            "organisation": self.organisation,
            "handler": self.staff,
            "reasons": ["BY_HAND"],
            "reason": reason,
        }
        return {"by_hand": True, "input": named, "answer": answer, "staff_facts": []}


@dataclass(slots=True)
class Life:
    """A case that is being told: where it stands after its moves so far, and what is to be written of them.

    ``history``, ``decisions`` and ``recipients`` are rows of their tables, in order. It begins at the desk; `go` adds.
    """

    desk_id: int
    organisation_id: int = 0
    state: str = ""
    handler_id: int | None = None
    superior_id: int | None = None
    filing_condition_id: int | None = None
    deadline: datetime | None = None
    filed_at: datetime | None = None
    dispatched_at: datetime | None = None
    handled_at: datetime | None = None
    closed_at: datetime | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    recipients: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin at the desk."""
        self.organisation_id = self.desk_id

    @property
    def stage(self) -> int:
        """Its stage, 1 to 7."""
        return STAGES[self.state]

    @property
    def version(self) -> int:
        """How many moves it has made."""
        return len(self.history)

    def has(self, action: str) -> bool:
        """Whether it has made such a move."""
        return any(entry["action"] == action for entry in self.history)

    def go(
        self,
        action: str,
        at: datetime,
        role: str | None = None,
        account_id: int | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> None:
        """Make a move at a moment. Raises ``IllegalMove`` from a state that does not allow it, ``InvalidInput`` where
        it lies before the move it follows.
        """
        rule = rule_of(action)
        if self.state not in (rule.from_states or ("",)):
            raise illegal(action, self.state)
        if self.history and at < self.history[-1]["at"]:
            raise InvalidInput(
                f"The move {action!r} lies before the move it follows.",
                field="moves",
                at=at.isoformat(),
                after=self.history[-1]["at"].isoformat(),
            )
        if rule.to_desk:
            self.organisation_id, self.handler_id, self.superior_id = self.desk_id, None, None
        self.history.append(
            {
                "seq": len(self.history) + 1,
                "action": action,
                "from_state": self.state or None,
                "to_state": rule.to_state,
                "at": at,
                "account_id": account_id,
                "role": role or rule.role,
                "organisation_id": self.organisation_id,
                "payload": payload or {},
            }
        )
        self.state = rule.to_state
        for moment in rule.stamps:
            setattr(self, moment, at)
        for moment in rule.clears:
            setattr(self, moment, None)

    def send(
        self,
        at: datetime,
        organisation_id: int,
        handler_id: int | None,
        superior_id: int | None,
        role: str | None = None,
        account_id: int | None = None,
        payload: Mapping[str, Any] | None = None,
    ) -> None:
        """Dispatch it: who holds it now, and who is told."""
        self.organisation_id, self.handler_id, self.superior_id = organisation_id, handler_id, superior_id
        self.go("dispatch", at, role, account_id, payload)
        self.recipients += [
            {"seq": self.version, "staff_id": staff_id, "role": part, "notified_at": at, "acknowledged_at": None}
            for part, staff_id in (("handler", handler_id), ("superior", superior_id))
            if staff_id is not None
        ]

    def keep(self, decision: dict[str, Any], at: datetime) -> None:
        """Keep a decision with the move that was made last."""
        self.decisions.append({"seq": self.version, "at": at, **decision})


@dataclass(frozen=True, slots=True)
class Move:
    """One move of a case that is there. ``to`` is whom a dispatch sends it to."""

    case_no: str
    action: str
    expected_version: int
    reason: str
    to: Addressee | None = None


def rule_of(action: str) -> Rule:
    """The rule of an action. Raises ``InvalidInput`` for one that is none."""
    rule = RULES.get(action)
    if rule is None:
        raise InvalidInput(f"There is no move {action!r}.", action=action, actions=list(RULES))
    return rule


def illegal(action: str, state: str) -> IllegalMove:
    """The error for a move from a state that does not allow it."""
    allowed = list(RULES[action].from_states)
    return IllegalMove(
        f"A case that is {state or 'not there yet'} does not allow {action!r}; "
        f"one that is {' or '.join(allowed) or 'not there yet'} does.",
        state=state,
        allowed_from=allowed,
    )


def move(conn: Connection, moves: Sequence[Move], role: str, account_id: int | None) -> set[str]:
    """Move cases, now, in one statement: case, chained history, decision and recipients of a dispatch, event.

    Returns the numbers of those that moved. The others are not there, at another version, or in a state that the
    move does not start from; nothing of theirs has changed.
    """
    rows = conn.execute(
        _SQL["move"], {"rows": Jsonb([_row(one) for one in moves]), "role": role, "account_id": account_id}
    ).fetchall()
    return {row["case_no"] for row in rows}


def _row(one: Move) -> dict[str, Any]:
    rule, to = rule_of(one.action), one.to
    return {
        "case_no": one.case_no,
        "expected_version": one.expected_version,
        "action": one.action,
        "from_states": rule.from_states,
        "to_state": rule.to_state,
        "stage": STAGES[rule.to_state],
        "stamps": rule.stamps,
        "clears": rule.clears,
        "to_desk": rule.to_desk,
        "payload": {"reason": one.reason, **({"staff": to.staff} if to else {})},
        "organisation_id": to and to.organisation_id,
        "handler_id": to and to.staff_id,
        "superior_id": to and to.superior_id,
        "decision": to and to.decision(one.reason),
        "event_id": new_key(),
    }
