"""The record of loads: what was read, what became of it, and the findings row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from gisops.db import queries
from gisops.db.pool import Connection
from gisops.errors import NotFound

_SQL = queries.load("gisops.loads", "records.sql")


@dataclass(frozen=True, slots=True)
class Load:
    """One load as it stands. Rows: ``rows_read`` = ``taken`` + ``refused`` + ``set_aside``; ``mended`` are among the
    taken.
    """

    load_id: int
    target: str
    file_name: str
    sha256: str
    mapping: dict[str, Any]
    crs: str | None
    state: str
    rows_read: int
    taken: int
    mended: int
    refused: int
    set_aside: int
    audit: dict[str, Any]
    outcome: dict[str, Any]
    staged_at: datetime
    published_at: datetime | None
    undone_at: datetime | None


def begin(
    conn: Connection, load_id: int, target: str, file_name: str, sha256: str, mapping: dict[str, Any], crs: str | None
) -> None:
    """Write a load down before its rows, which refer to it."""
    conn.execute(
        _SQL["begin"],
        {
            "load_id": load_id,
            "target": target,
            "file_name": file_name,
            "sha256": sha256,
            "mapping": Jsonb(mapping),
            "crs": crs,
        },
    )


def staged(conn: Connection, load_id: int, counts: dict[str, Any]) -> Load:
    """Keep what reading found."""
    return _load(conn.execute(_SQL["staged"], {"load_id": load_id, **counts}).fetchone(), load_id)


def published(conn: Connection, load_id: int, outcome: dict[str, Any], audit: dict[str, Any]) -> Load:
    """Keep what publishing did."""
    params = {"load_id": load_id, "outcome": Jsonb(outcome), "audit": Jsonb(audit)}
    return _load(conn.execute(_SQL["published"], params).fetchone(), load_id)


def refused(conn: Connection, load_id: int) -> Load:
    """Nothing of it will be published. Raises ``NotFound`` where there is no such load that waits."""
    return _load(conn.execute(_SQL["refused"], {"load_id": load_id}).fetchone(), load_id)


def undone(conn: Connection, load_id: int) -> Load:
    """It was taken back."""
    return _load(conn.execute(_SQL["undone"], {"load_id": load_id}).fetchone(), load_id)


def one(conn: Connection, load_id: int) -> Load:
    """One load; its row is locked for the transaction. Raises ``NotFound``."""
    return _load(conn.execute(_SQL["one"], {"load_id": load_id}).fetchone(), load_id)


def hold(conn: Connection) -> None:
    """Let nobody else publish or undo until this transaction ends."""
    conn.execute(_SQL["hold"])


def latest(conn: Connection, limit: int = 20) -> list[Load]:
    """The latest loads, newest first."""
    return [Load(**row) for row in conn.execute(_SQL["latest"], {"limit": limit})]


def later(conn: Connection, load: Load) -> list[int]:
    """Loads of the same target that were published after this one and are in force."""
    rows = conn.execute(_SQL["later"], {"target": load.target, "load_id": load.load_id})
    return [row["load_id"] for row in rows]


def findings(conn: Connection, load_id: int) -> Iterator[dict[str, Any]]:
    """Every finding of a load, in order, a thousand at a time."""
    with conn.cursor(name=f"findings_{load_id}") as cursor:
        cursor.itersize = 1000
        cursor.execute(_SQL["findings"], {"load_id": load_id})
        yield from cursor


def findings_by_code(conn: Connection, load_id: int) -> list[dict[str, Any]]:
    """How often each thing was found, with words and the first rows."""
    return conn.execute(_SQL["findings_by_code"], {"load_id": load_id}).fetchall()


def _load(row: dict[str, Any] | None, load_id: int) -> Load:
    if row is None:
        raise NotFound(f"There is no load {load_id} in that state.", load_id=load_id, do="gisops loads")
    return Load(**row)
