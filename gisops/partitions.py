"""Months: what only ever grows lies in monthly parts, which are made ahead and, where the law says so, dropped.

The history of cases is parted by the case's key, whose first bits are the moment the case came in; tracks of officers
by the moment they were walked. Months are those of UTC. A default part takes whatever no month holds, so that
nothing is refused; its rows move when their month is made. See ``docs/decisions/0014-months.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import InvalidInput

_SQL = load("gisops", "partitions.sql")

AHEAD = 3  # months: a worker that fails every night for a whole quarter is found before anything lies in the rest


@dataclass(frozen=True)
class Part:
    """One part of a table: about how many rows, and how many bytes with its indexes."""

    of_table: str
    name: str
    rows_about: int
    bytes: int


def ensure(conn: Connection, first: datetime, last: datetime, table: str | None = None) -> list[str]:
    """Have the months from ``first`` to ``last`` (both with a zone), of one parted table or of all, as the owner.

    Returns the names of those made.

    Whoever tells of the past calls this first: rows would be taken without it, but into one part for all of them.
    Raises ``InvalidInput`` for moments without a zone, in the wrong order, before 2000 or two years ahead.
    """
    if first.tzinfo is None or last.tzinfo is None:
        raise InvalidInput("Months are counted in UTC, so their moments need a time zone.", field="first")
    if first > last or first.year < 2000:
        raise InvalidInput(
            f"Months are made from 2000 on, the earlier moment first, not from {first} to {last}.", field="first"
        )
    return [row["name"] for row in conn.execute(_SQL["ensure"], {"first_at": first, "last_at": last, "table": table})]


def ensure_ahead(conn: Connection, months: int = AHEAD) -> list[str]:
    """Have the present month and ``months`` to come; the doors' role may ask. Returns the names of those made."""
    return [row["name"] for row in conn.execute(_SQL["ensure_ahead"], {"months": months})]


def forget_positions(conn: Connection) -> list[str]:
    """Drop the months of tracks that are older than the city keeps them (``city.settings.positions_keep_months``,
    six where it does not say). Returns their names.
    """
    return [row["name"] for row in conn.execute(_SQL["forget_positions"])]


def months(conn: Connection) -> list[Part]:
    """List every part of every parted table, by name."""
    return [Part(**row) for row in conn.execute(_SQL["months"])]
