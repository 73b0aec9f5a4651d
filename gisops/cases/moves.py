"""Moves: the one statement in which cases move, one or thousands, by the table of `gisops.cases.transitions`.

A case that is there is moved by `acts.act`, which asks the table who may, checks what must be so, and hands `move`
what is to be written. One that is just being told (a report that comes in, or a whole past life) is moved in memory, as
a `lives.Life`, and written once with where it ended. Both go by the same table, whose names are here as well.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import Jsonb

from gisops.cases.transitions import (
    ACTIONS,
    OVER,
    PUBLIC,
    STAGES,
    SYSTEM,
    TRANSITIONS,
    Rule,
    allowed,
    illegal,
    rule_of,
    rules_of,
)
from gisops.db import queries
from gisops.db.pool import Connection
from gisops.keys import new_key

__all__ = [
    "ACTIONS", "COUNTED", "OVER", "PUBLIC", "SETTABLE", "STAGES", "SYSTEM",
    "TRANSITIONS", "Addressee", "Move", "Rule", "allowed", "committed", "illegal", "move", "rule_of", "rules_of",
]  # fmt: skip

_SQL = queries.load("gisops.cases", "moves.sql")


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a case is sent to by hand: an organisation, perhaps a member of its staff, and who is told beside him."""

    organisation_id: int
    organisation: str
    staff_id: int | None
    staff: str | None
    superior_id: int | None

    def decision(self) -> dict[str, Any]:
        """What is kept of a decision that a person took: asked and answered are what he said."""
        named = {"organisation": self.organisation, "staff": self.staff}
        answer = {"mode": "by_hand", "organisation": self.organisation, "handler": self.staff, "reasons": ["BY_HAND"]}
        return {"by_hand": True, "input": named, "answer": answer, "staff_facts": []}


@dataclass(frozen=True, slots=True)
class Move:
    """One move of a case that is there, for the statement that writes it.

    ``to`` is whom a dispatch sends it to; ``from_state`` tells two rows of an action apart, ``to_state`` takes one of
    the row's ``or_to``. ``sets`` are columns of the case, ``adds`` go onto its counters, ``clock`` is what happens to
    its clocks (`case_clocks.change`). ``reason`` is kept as a text of its own; the history keeps a commitment to it.
    """

    case_no: str
    action: str
    expected_version: int
    reason: str = ""
    to: Addressee | None = None
    from_state: str | None = None
    to_state: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    sets: Mapping[str, Any] = field(default_factory=dict)
    adds: Mapping[str, int] = field(default_factory=dict)
    clock: Mapping[str, Any] = field(default_factory=dict)


# What a move may set or count of a case, beside where it stands, who holds it and its moments.
SETTABLE = frozenset(
    {
        "category_id", "filing_condition_id", "closing_condition_id", "flow", "severity", "deadline", "assessed",
        "timeout_exempt", "duplicate_of", "recurrence_of", "area_grade", "excluded", "satisfaction", "part_id",
        "organisation_id", "handler_id", "superior_id", "zone_id", "ambiguous", "geom", "grid_cell_code", "street_code",
        "community_code", "unit_id", "filed_at", "escalation",
    }
)  # fmt: skip
COUNTED = frozenset({"return_count", "rework_count", "extended_count", "suspended_count", "escalation", "report_count"})


def move(conn: Connection, moves: Sequence[Move], role: str, account_id: int | None) -> set[str]:
    """Move cases, now, in one statement: case, chained history, decision and recipients of a dispatch, clocks, text,
    event.

    Returns the numbers of those that moved. The others are not there, at another version, or in a state that the
    move does not start from; nothing of theirs has changed.
    """
    rows = conn.execute(
        _SQL["move"], {"rows": Jsonb([_row(one) for one in moves]), "role": role, "account_id": account_id}
    ).fetchall()
    return {row["case_no"] for row in rows}


def committed(text: str) -> tuple[str, str]:
    """A salt (hex) and the commitment to a text that history keeps instead of it: SHA-256 of salt and text, hex."""
    salt = secrets.token_bytes(16)
    return salt.hex(), hashlib.sha256(salt + text.encode()).hexdigest()


def _row(one: Move) -> dict[str, Any]:
    rule, to = rule_of(one.action, one.from_state), one.to
    to_state = one.to_state or rule.to_state
    unknown = (set(one.sets) - SETTABLE) | (set(one.adds) - COUNTED)
    if unknown or to_state not in (rule.to_state, *rule.or_to):
        raise ValueError(f"{one.action} cannot set {sorted(unknown)} or lead to {to_state}")
    payload = {**one.payload, **({"staff": to.staff} if to else {})}
    text = None
    if one.reason.strip():
        salt, payload["text"] = committed(one.reason)
        text = {"text_id": new_key(), "salt": salt, "text": one.reason}
    # Its moments are those of where it leads: a simple case that is drawn for a check is not closed.
    stamps = [at for at in rule.stamps if at != "closed_at" or STAGES[to_state] == OVER]
    return {
        "case_no": one.case_no,
        "expected_version": one.expected_version,
        "action": one.action,
        "from_states": rule.from_states,
        "to_state": to_state,
        "stage": STAGES[to_state],
        "stamps": stamps,
        "clears": rule.clears,
        "to_desk": rule.to_desk,
        "payload": payload,
        "organisation_id": to and to.organisation_id,
        "handler_id": to and to.staff_id,
        "superior_id": to and to.superior_id,
        "decision": to and to.decision(),
        # whoever has it now, or is called in, is told
        "tells": to is not None or any(one.sets.get(who) is not None for who in ("handler_id", "superior_id")),
        "sets": dict(one.sets),
        "adds": dict(one.adds),
        "clock": dict(one.clock),
        "text": text,
        "event_id": new_key(),
    }
