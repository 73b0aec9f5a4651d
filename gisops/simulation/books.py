"""What must hold of cases in a database whatever happened to them: asked in one statement, of some or of all.

History without a gap and chained; every entry a row of the table of moves, by a role that may; one clock running in
every open case (a suspended one's stands still, one in dispute has none), and all clocks together as long as the case
was in states that have one; counters and versions that say what the history says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg.types.json import Jsonb

from gisops.cases import case_clocks, links, moves
from gisops.db import queries
from gisops.db.pool import Connection

_SQL = queries.load("gisops.simulation", "books.sql")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold of a case."""

    case_no: str
    problem: str


def broken(conn: Connection, case_ids: Sequence[UUID] | None = None) -> list[Finding]:
    """What does not hold of these cases, or of all; an empty list where the books balance (at most 50 findings)."""
    steps = {state: [step] for state, step in case_clocks.STEPS.items()}
    for state in ("handling", "suspended"):
        steps[state] = ["handle", *case_clocks.STAGED]
    table = [
        {
            "action": rule.action,
            "before": list(rule.from_states) or [""],
            "after": [rule.to_state, *rule.or_to],
            "who": list(rule.who),
        }
        for rule in moves.TRANSITIONS
    ]
    rows = conn.execute(
        _SQL["broken"],
        {
            "case_ids": None if case_ids is None else list(case_ids),
            "table": Jsonb(table),
            "steps": Jsonb(steps),
            "notes": [links.TOOK_IN, links.GAVE_UP],
        },
    )
    return [Finding(**row) for row in rows]
