"""The city laid over the little town, and a way of sheets into an empty database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache

from gisops import reference
from gisops.db.copying import copy_rows
from gisops.db.pool import connect
from gisops.sample.city.laid import Laid
from gisops.sample.city.sheets import lay
from gisops.sample.made import draw
from gisops.sample.sheet import Sheet
from gisops.sample.town import Town
from tests.gisops.sample.towns import little_town

# A Sunday morning in China, 11 o'clock.
UNTIL = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
CELLS, STAFF = 700, 170


@cache
def little_city(seed: int = 1) -> Laid:
    """The little town divided, staffed and zoned."""
    return lay(little_town(), seed, UNTIL, cells=CELLS, staff=STAFF)


@cache
def made_town() -> Town:
    """The made-up city's ground, drawn once for all tests that look at it (some ten seconds)."""
    return draw(1, "city")


def copy_sheets(owner_url: str, sheets: Iterable[Sheet]) -> dict[str, int]:
    """Reference data and the sheets into a database, all or nothing; rows per table."""
    written: dict[str, int] = {}
    with connect(owner_url, unhurried=True) as conn, conn.transaction():
        reference.load(conn)
        for sheet in sheets:
            written[sheet.table] = written.get(sheet.table, 0) + copy_rows(conn, sheet.table, sheet.columns, sheet.rows)
        conn.execute("ANALYZE")
    return written
