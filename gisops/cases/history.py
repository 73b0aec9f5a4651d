"""The history of cases: whether it is what was written, entry by entry, and whether each case stands where it says.

Every entry carries the hash of its content and of the entry before it (functions/40_history.sql), so that none can be
changed, taken out or slipped in without the rest showing it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from gisops.db import queries
from gisops.db.pool import Connection

_SQL = queries.load("gisops.cases", "history.sql")

# Cases looked at together: enough that their order costs little, few enough that it can be told how far it is.
AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is not as it was written: a case, an entry of it (None: the case itself), what is wrong."""

    case_no: str
    seq: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What was looked at, and what was found first (None: nothing)."""

    cases: int
    entries: int
    fault: Fault | None


def check(conn: Connection, told: Callable[[int, int], None] | None = None, at_once: int = AT_ONCE) -> Seen:
    """Recompute the history of every case, in order of their keys, up to the first fault.

    As the database's owner, in one transaction that sees one state of it. ``told`` is called with the cases seen so far
    and about how many there are.
    """
    of = conn.execute(_SQL["about"]).fetchone()
    about = int(of["cases"]) if of is not None else 0
    cases = entries = 0
    after: UUID | None = None
    while True:
        row = conn.execute(_SQL["next"], {"after": after, "most": at_once}).fetchone()
        if row is None or row["last"] is None:
            return Seen(cases, entries, None)
        found = conn.execute(_SQL["faults"], {"after": after, "last": row["last"]}).fetchone()
        cases, entries = cases + row["cases"], entries + row["entries"]
        if found is not None:
            return Seen(cases, entries, Fault(found["case_no"], found["seq"], found["problem"]))
        after = row["last"]
        if told is not None:
            told(cases, max(cases, about))
