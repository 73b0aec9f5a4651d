"""What a monitor asks of the database: how much is open, how far the relay is. Counts only, nobody's data."""

from __future__ import annotations

from dataclasses import dataclass

from gisops import events
from gisops.db import queries
from gisops.db.pool import Connection

_SQL = queries.load("gisops", "vitals.sql")


@dataclass(frozen=True)
class Vitals:
    """Open cases by state, events that wait for the relay, where the relay stands, and the database's size."""

    open_cases: dict[str, int]
    overdue_cases: int
    waiting_events: int
    relay: events.Standing
    database_bytes: int


def take(conn: Connection) -> Vitals:
    """Take the figures as of now."""
    states = conn.execute(_SQL["open_cases"]).fetchall()
    row = conn.execute(_SQL["sizes"]).fetchone()
    assert row is not None  # a SELECT without FROM has one row  # noqa: S101
    return Vitals(
        open_cases={state["state"]: state["n"] for state in states},
        overdue_cases=sum(state["overdue"] for state in states),
        waiting_events=row["waiting"],
        relay=events.standing(conn),
        database_bytes=row["bytes"],
    )
