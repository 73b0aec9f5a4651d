"""Outcomes: what counting reads of a case that is over, gathered once from its history instead of each time anew.

Nothing rests on it: an outcome is of one version of a case and says up to which moment it tells. Of a case that moved
since, and for a span that ends before, the history itself is counted, and comes to the same; see ``counting.sql``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from psycopg import sql

from gisops.db import queries
from gisops.db.pool import Connection

_SQL = queries.load("gisops.indicators", "outcomes.sql")
_PARTS = queries.load("gisops.indicators", "counting.sql")
BATCH = 1000
# What was over longer ago, and moved since (an appeal), waits for the round through all of them.
LATELY = timedelta(days=3)
_EVER = datetime(1, 1, 1, tzinfo=UTC)


def gather(conn: Connection, since: datetime | None = None, most: int | None = None) -> int:
    """Gather the outcomes of cases that were over, or due, from a moment on (ever, where there is none); batch by
    batch, each committed where the connection commits by itself. Returns how many were gathered, ``most`` if there may
    be more.
    """
    statement = sql.SQL(_SQL["gather"]).format(**{name: sql.SQL(_PARTS[name]) for name in ("gathered", "patroller")})
    done, since = 0, since or _EVER
    while most is None or done < most:
        batch = BATCH if most is None else min(BATCH, most - done)
        row = conn.execute(statement, {"since": since, "most": batch}).fetchone()
        if row is None or not row["n"]:
            break
        done += row["n"]
        # what has no history is passed over, and would come again and again
        since = row["upto"] + timedelta(microseconds=1) if row["upto"] == since else row["upto"]
        if row["n"] < batch:
            break
    return done


def gather_late(conn: Connection) -> int:
    """Gather what was over in these days."""
    row = conn.execute(_SQL["now"]).fetchone()
    assert row is not None  # noqa: S101  (a bare SELECT)
    return gather(conn, row["now"] - LATELY)
