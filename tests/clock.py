"""A clock that a test sets: the one function that tells the time, replaced in the test's own database.

It holds for every connection and every process that works on that database, web processes and workers alike; the
database is the test's own, so nothing is put back. A single transaction is moved more simply, by
``SET LOCAL gisops.clock_offset``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from tests.conftest import Database

_INSTALL = """
CREATE TABLE IF NOT EXISTS test_clock (one boolean PRIMARY KEY DEFAULT true CHECK (one), at timestamptz NOT NULL);
COMMENT ON TABLE test_clock IS 'local: What a test says the time is.';
COMMENT ON COLUMN test_clock.one IS 'public: One row.';
COMMENT ON COLUMN test_clock.at IS 'public: The time.';
GRANT SELECT ON test_clock TO PUBLIC;
INSERT INTO test_clock (at) VALUES (app_now()) ON CONFLICT DO NOTHING;
CREATE OR REPLACE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT c.at FROM test_clock c);
"""


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of one database. It stands still until it is moved."""

    owner_url: str

    def now(self) -> datetime:
        """What it says."""
        with psycopg.connect(self.owner_url) as conn:
            row = conn.execute("SELECT at FROM test_clock").fetchone()
        assert row is not None
        at: datetime = row[0]
        return at

    def set(self, at: datetime) -> datetime:
        """Set it, ahead or back; returns what it says now."""
        assert at.tzinfo is not None, "a moment has a time zone"
        with psycopg.connect(self.owner_url) as conn:
            conn.execute("UPDATE test_clock SET at = %s", (at,))
        return at

    def ahead(self, by: timedelta) -> datetime:
        """Move it on; returns what it says now."""
        return self.set(self.now() + by)


def moved(database: Database, at: datetime | None = None) -> Clock:
    """Give a database a clock of its own, standing at the present moment or at one that is named."""
    with psycopg.connect(database.owner_url) as conn:
        conn.execute(_INSTALL)
    clock = Clock(database.owner_url)
    if at is not None:
        clock.set(at)
    return clock
