"""Seals over the audit: laid by the worker, and held against the entries by ``gisops check audit``.

A seal holds the hash of its entries in order and the digest of the seal before, so a change anywhere shows unless
everything after it is sealed anew. Against that, the last digest of each chain is written to a file outside of the
database, hourly and when the worker stops: whoever rewrites a database cannot rewrite what was carried away.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.settings import Settings

_SQL = load("gisops.access", "sealing.sql")

# So few that the worker, which relays events too, is never long about it; whatever is left comes next.
MOST_PER_SEAL = 2_000
HEADS_S = 3600.0
# Of one kind of fault: enough to see what was done, and still a list that somebody reads.
MOST_TOLD = 100


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was sealed: which chain, which seal, which number and entry where that is known."""

    chain: str
    seal_no: int | None
    pos: int | None
    entry_id: UUID | None
    problem: str


@dataclass(frozen=True)
class Checked:
    """What a check saw. ``waiting`` entries have no seal yet, the oldest since ``waiting_since``; ``heads`` of ``of``
    digests kept outside were found again, ``left_behind`` belong to a life of the database before its last restore.
    """

    entries: int
    seals: int
    waiting: int
    waiting_since: datetime | None
    heads: int
    of: int
    left_behind: int
    faults: tuple[Fault, ...]
    took_s: float


def seal(conn: Connection, most: int = MOST_PER_SEAL) -> int:
    """Number and seal what was committed since the last seal, at most ``most`` entries of each chain; returns how many.

    One statement, and so one transaction of its own where ``conn`` is in autocommit.
    """
    row = conn.execute(_SQL["seal"], {"most": most}).fetchone()
    return 0 if row is None else int(row["sealed"])


# ---- outside of the database ---------------------------------------------------------------------------------------


def heads_file(settings: Settings) -> Path:
    """Where the digests are kept outside of the database."""
    return settings.audit_seals or settings.home / "audit-seals.log"


def set_aside(file: Path) -> Path | None:
    """Move the digests of a database that is no more out of the way of the next one's; returns where to."""
    if not file.exists():
        return None
    aside = file.with_name(f"{file.name}.{datetime.now(UTC):%Y%m%dT%H%M%S}")
    file.rename(aside)
    return aside


class Heads:
    """Writes the last digest of each chain to a file that only its owner may read, one line of JSON each, and only
    where it has changed since the last time.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._written: set[bytes] = set()
        self._due_at = 0.0

    def keep(self, conn: Connection, *, now: bool = False) -> int:
        """Write what is new, at most hourly unless ``now``; returns how many lines. Raises ``OSError``."""
        if not now and time.monotonic() < self._due_at:
            return 0
        lines, digests = [], set()
        for row in conn.execute(_SQL["heads"]):
            digests.add(row["digest"])
            if row["digest"] not in self._written:
                lines.append(_line(row))
        if lines:
            _append(self._file, b"".join(lines))
        if digests:  # a chain that has not begun is looked at again soon
            self._written, self._due_at = digests, time.monotonic() + HEADS_S
        return len(lines)


def _line(row: dict[str, Any]) -> bytes:
    told = {
        "at": datetime.now(UTC),
        "life": row["epoch"],
        "chain": row["district_code"],
        "seal_no": row["seal_no"],
        "last_pos": row["last_pos"],
        "digest": row["digest"].hex(),
    }
    return orjson.dumps(told, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)


def _append(file: Path, text: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, text)
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True)
class _Head:
    life: int
    chain: str
    seal_no: int
    digest: bytes


def _read(file: Path) -> Iterator[_Head | None]:
    """Every line of the file, ``None`` for one that cannot be read; nothing where there is no file."""
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            told = orjson.loads(line)
            yield _Head(int(told["life"]), str(told["chain"]), int(told["seal_no"]), bytes.fromhex(str(told["digest"])))
        except (ValueError, KeyError, TypeError):
            yield None


# ---- the check -----------------------------------------------------------------------------------------------------


def check(conn: Connection, file: Path) -> Checked:
    """Recompute every hash and every seal, as the owner of the tables, and hold the digests kept in ``file`` against
    them. Finds what was changed, deleted, inserted or reordered, seals that are missing or were made anew, and a chain
    that was cut short. What is still waiting for its seal, seconds as a rule, is not protected yet.

    While work goes on ``conn`` must be at REPEATABLE READ: seals are laid between one statement and the next.
    """
    began = time.monotonic()
    with conn.transaction():
        conn.execute("SET LOCAL work_mem = '128MB'")
        counted = conn.execute(_SQL["counts"]).fetchone()
        assert counted is not None  # noqa: S101  (an aggregate)
        faults = [*_altered(conn), *_seals(conn), *_bodies(conn)]
        heads = list(_read(file))
        found, left_behind, of_heads = _against(conn, heads, counted["epoch"])
    if not heads and counted["seals"]:
        of_heads.append(Fault("", None, None, None, "no digests outside"))
    return Checked(
        counted["entries"],
        counted["seals"],
        counted["waiting"],
        counted["waiting_since"],
        found,
        len(heads),
        left_behind,
        tuple(faults + of_heads),
        time.monotonic() - began,
    )


def _altered(conn: Connection) -> Iterator[Fault]:
    for row in conn.execute(_SQL["altered"], {"most": MOST_TOLD}):
        yield Fault(row["chain"], row["seal_no"], row["pos"], row["entry_id"], "altered")


def _seals(conn: Connection) -> Iterator[Fault]:
    for row in conn.execute(_SQL["broken_seals"], {"most": MOST_TOLD}):
        yield Fault(row["chain"], row["seal_no"], row["first_pos"], None, row["problem"])


def _bodies(conn: Connection) -> Iterator[Fault]:
    broken = conn.execute(_SQL["broken_bodies"], {"most": MOST_TOLD}).fetchall()
    for row in broken:
        if not row["sealed"]:
            yield Fault(row["chain"], row["seal_no"], None, None, "entries under no seal")
            continue
        within = conn.execute(
            _SQL["broken_within"],
            {
                "chain": row["chain"], "seal_no": row["seal_no"], "first_pos": row["first_pos"],
                "last_pos": row["last_pos"], "most": MOST_TOLD,
            },
        ).fetchall()  # fmt: skip
        for one in within:
            yield Fault(row["chain"], row["seal_no"], one["pos"], one["entry_id"], one["problem"])
        if not within:
            # As many as there were, in their order, yet not those: somebody made new hashes too.
            yield Fault(row["chain"], row["seal_no"], row["first_pos"], None, "rewritten with its hash")


def _against(conn: Connection, heads: Iterable[_Head | None], life: int) -> tuple[int, int, list[Fault]]:
    known = [head for head in heads if head is not None]
    faults = [Fault("", None, None, None, "unreadable digest outside") for head in heads if head is None]
    rows = conn.execute(
        _SQL["seals_at"], {"chains": [head.chain for head in known], "seal_nos": [head.seal_no for head in known]}
    ).fetchall()
    found = left_behind = 0
    for head, row in zip(known, rows, strict=True):
        if row["digest"] == head.digest:
            found += 1
        elif head.life < life:
            # A restore went back to before it; what came after that moment is gone, and somebody decided so.
            left_behind += 1
        else:
            problem = "chain cut short" if row["digest"] is None else "chain made anew"
            faults.append(Fault(head.chain, head.seal_no, None, None, problem))
    return found, left_behind, faults
