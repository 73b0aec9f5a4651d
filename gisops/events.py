"""Events: what happened, told in one order that loses nothing.

Whoever changes something writes an event into ``outbox`` in the same transaction. A sequence would not do as the
order of telling: its numbers are taken before the commit, so a reader at 7 has missed 6 for ever when 6 commits
later. So one relay numbers the rows it can *see*, which are the committed ones, in transactions one after the other;
readers ask for ``pos > last``. The writers wait for nobody and notify nobody: the relay wakes the listeners, once
for all that came in.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from gisops.db.pool import Connection
from gisops.db.queries import load

_SQL = load("gisops", "events.sql")

CHANNEL = "gisops_events"

# Any number will do, if nobody else takes it: the bytes of "relay".
_LOCK = 0x72656C6179
_MOST_PER_ROUND = 2000


class Held(NamedTuple):
    """Whose a case is: its handler and the superior who was told beside him, and the organisation that holds it."""

    staff_ids: tuple[int | None, ...]
    organisation_id: int | None


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its position, its kind, where (WGS-84 degrees, or nowhere), and the JSON text that is told.

    ``unit_id``, ``held`` and ``was_unit_id``, ``was_held`` (before it) say who may be told, ``was_at`` where it lay if
    it lies elsewhere now; with a ``recipient`` (``staff:1``, ``account:1``, ``organisation:1``) it is for that one
    alone. None of them is told anybody.
    """

    pos: int
    kind: str
    lon: float | None
    lat: float | None
    data: str
    case_no: str | None
    unit_id: int | None
    held: Held
    was_held: Held
    recipient: str | None = None
    was_unit_id: int | None = None
    was_at: tuple[float, float] | None = None


@dataclass(frozen=True)
class Standing:
    """Where the relay stands. ``first_pos`` is the oldest position still kept, ``lag_s`` the seconds since it looked
    (``None``: never).
    """

    epoch: int
    last_pos: int
    first_pos: int | None
    lag_s: float | None


def stamp(conn: Connection, most: int = _MOST_PER_ROUND) -> int:
    """Number what is committed and not numbered yet, at most ``most`` rows; returns how many.

    ``conn`` must be in autocommit and outside of a transaction: this is one short transaction of its own. Where
    nothing waits, or another relay is at it, nothing is written.
    """
    row = conn.execute(_SQL["waiting"]).fetchone()
    if row is None or not row["waiting"]:
        return 0
    with conn.transaction():
        # READ COMMITTED: each statement sees what was committed before it. The lock is released by the commit, so
        # whoever gets it next sees our positions.
        row = conn.execute(_SQL["lock"], {"lock": _LOCK}).fetchone()
        if row is None or not row["held"]:
            return 0
        row = conn.execute(_SQL["stamp"], {"most": most}).fetchone()
        return 0 if row is None else int(row["stamped"])


def beat(conn: Connection) -> None:
    """Leave word that the relay is alive; ``/readyz`` asks for it."""
    conn.execute(_SQL["beat"])


def standing(conn: Connection) -> Standing:
    """Say where the relay stands."""
    row = conn.execute(_SQL["standing"]).fetchone()
    return standing_of(row or {"epoch": 0, "last_pos": 0, "first_pos": None, "lag_s": None})


def read_after(conn: Connection, pos: int, limit: int) -> list[Event]:
    """Read at most ``limit`` events after a position, in order."""
    return [event_of(row) for row in conn.execute(_SQL["read_after"], {"pos": pos, "limit": limit})]


def read_in_box(
    conn: Connection,
    pos: int,
    until: int,
    box: tuple[float, float, float, float],
    limit: int,
    addressed: Collection[str] = (),
) -> list[Event]:
    """Read the events with ``pos < event <= until`` that touch a box (west, south, east, north) by where they lie or
    lay, or lie nowhere; of what is for one recipient, what is ``addressed`` by one of these words.

    Whoever may see what: that is for the reader to ask of each, as it does of those that come in.
    """
    west, south, east, north = box
    rows = conn.execute(
        _SQL["read_in_box"],
        {
            "pos": pos,
            "until": until,
            "west": west,
            "south": south,
            "east": east,
            "north": north,
            "limit": limit,
            "addressed": list(addressed),
        },
    )
    return [event_of(row) for row in rows]


def posts(conn: Connection, account_ids: Collection[int]) -> dict[int, frozenset[str]]:
    """By what words (`Event.recipient`) events are addressed to accounts; one that was closed is not among them."""
    rows = conn.execute(_SQL["posts"], {"account_ids": list(account_ids)})
    return {row["account_id"]: frozenset(row["words"]) for row in rows}


def prune(conn: Connection, most: int = 5000) -> int:
    """Drop events older than a week, oldest first, at most ``most``; returns how many."""
    return conn.execute(_SQL["prune"], {"most": most}).rowcount


def statement(name: str) -> str:
    """One of this module's statements, for a caller with an async connection (the live stream's listener)."""
    return _SQL[name]


def event_of(row: dict[str, Any]) -> Event:
    """Make an event of a row of ``read_after`` or ``read_in_box``."""
    return Event(
        row["pos"],
        row["kind"],
        row["lon"],
        row["lat"],
        row["data"],
        row["case_no"],
        row["unit_id"],
        Held((row["handler_id"], row["superior_id"]), row["organisation_id"]),
        Held((row["was_handler_id"], row["was_superior_id"]), row["was_organisation_id"]),
        row["recipient"],
        row["was_unit_id"],
        None if row["was_lon"] is None else (row["was_lon"], row["was_lat"]),
    )


def standing_of(row: dict[str, Any]) -> Standing:
    """Make a standing of a row of ``standing``."""
    return Standing(row["epoch"], row["last_pos"], row["first_pos"], row["lag_s"])
