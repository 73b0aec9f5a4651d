"""Case numbers: district, local year and a serial, such as ``469901-2026-000123``.

A counter row updated by every report would make all reports of a district wait for each other, at two thirds of the
rate. So a process takes a block of serials at a time and gives them out itself; a number may stay unused, and is never
used twice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from gisops.db import queries
from gisops.db.pool import Connection, beside

_SQL = queries.load("gisops.cases", "numbers.sql")
BLOCK = 256


@dataclass
class _Blocks:
    lock: threading.Lock = field(default_factory=threading.Lock)
    left: dict[tuple[str, int], Iterator[int]] = field(default_factory=dict)


# One set of blocks for each database this process talks to (a test talks to several).
_blocks: dict[str, _Blocks] = {}
_blocks_lock = threading.Lock()


def take(conn: Connection, district_code: str, year: int, count: int = 1) -> list[str]:
    """Take ``count`` case numbers. ``conn`` only names the database: a block is leased and committed on a connection of
    its own, for numbers once given out must stay given out even if the report that asked for them is rolled back.
    """
    with _blocks_lock:
        blocks = _blocks.setdefault(conn.info.dsn, _Blocks())
    with blocks.lock:
        left = blocks.left.get((district_code, year), iter(()))
        serials = [serial for serial, _ in zip(left, range(count), strict=False)]
        if len(serials) < count:
            size = max(BLOCK, count)
            first = _lease(conn, district_code, year, size)
            left = iter(range(first, first + size))
            serials += [next(left) for _ in range(count - len(serials))]
            blocks.left[district_code, year] = left
    return [f"{district_code}-{year}-{serial:06d}" for serial in serials]


def _lease(conn: Connection, district_code: str, year: int, size: int) -> int:
    with beside(conn, autocommit=True) as own:
        row = own.execute(_SQL["lease"], {"district_code": district_code, "year": year, "size": size}).fetchone()
    assert row is not None  # an upsert returns its row  # noqa: S101
    return int(row["first"])
