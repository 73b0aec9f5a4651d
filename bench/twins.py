"""What it costs intake to look for duplicates: the same reports, in turns with the search and without it.

One connection, durable, each report or batch committed; on ground where a thousand cases are open on each square
kilometre, and as many were closed in the last month.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

import psycopg

from bench.result import Result
from bench.town import Town
from gisops import city as cities
from gisops import operations
from gisops.cases import duplicates
from gisops.cases.duplicates import NEW, Fate
from gisops.cases.reports import NewReport
from gisops.cases.twins import Asked
from gisops.city import City
from gisops.cluster import OWNER
from gisops.db import queries
from gisops.db.pool import Connection, connect
from gisops.keys import new_key

ROUNDS, SINGLE, BATCH = 5, 150, 500
CODES = ("E01-10", "E04-05", "E01-12", "P01-03")
# On the sample's three square kilometres as dense as 100,000 open cases on a hundred.
EACH = 3_000


def run(town: Town) -> Iterator[Result]:
    """Measure in turns, so that a machine that slows down slows both."""
    place = town.fresh(city=True)
    with psycopg.connect(place.url(OWNER)) as conn:
        conn.execute(queries.load("bench", "twins.sql")["cases"], {"each": EACH})
        conn.execute("ANALYZE cases")
    rates: dict[tuple[bool, bool], list[float]] = {}
    with connect(place.url()) as conn:
        city = cities.load(conn)
        for _ in range(ROUNDS):
            for single in (True, False):
                for searched in (True, False):
                    rates.setdefault((single, searched), []).append(_rate(conn, city, single, searched))
    medians = {key: sorted(found)[ROUNDS // 2] for key, found in rates.items()}
    what = f"one connection, {EACH:,} open cases and as many closed in a month; medians of {ROUNDS} rounds in turns"
    for single, name in ((True, "twins.single"), (False, "twins.batch")):
        sent = "single reports" if single else f"batches of {BATCH}"
        sent += f" with the search for duplicates, and without; {what}"
        yield Result(name, medians[single, True], medians[single, False], "reports/s", sent, at_least=0.8)


def _rate(conn: Connection, city: City, single: bool, searched: bool) -> float:
    west, south, east, north = city.extent
    reports = []
    for n in range(SINGLE if single else BATCH):
        part = (n * 0.6180339887) % 1, (n * 0.7548776662) % 1
        at = west + (0.25 + part[0] / 2) * (east - west), south + (0.25 + part[1] / 2) * (north - south)
        reports.append(NewReport(new_key(), "officer", CODES[n % 4], *at, "WGS84", 8.0, "路面有坑，样例"))
    began = time.perf_counter()
    with patch.object(duplicates, "fates", duplicates.fates if searched else _none):
        for some in [[one] for one in reports] if single else [reports]:
            operations.receive_batch(conn, city, some, None)
            conn.commit()
    return len(reports) / (time.perf_counter() - began)


def _none(conn: Connection, city: City, asked: Sequence[Asked], *_: Any) -> list[Fate]:
    return [NEW] * len(asked)
