"""Timers: reminders that are due fired by one worker, against the bare claiming of the same rows.

Bare claiming is what no queue in a database can do without: find due rows in order, lock them with SKIP LOCKED, and
move them on, in batches of the same size, each a transaction. Ours tells somebody of each as well, in the same
transaction: a notice with its keys, its words' facts and its foreign keys. In turns, so that a machine that slows down
slows both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from uuid import uuid4

from bench.result import Result
from bench.town import Town
from gisops import city, operations, timers
from gisops.cases.reports import NewReport
from gisops.cluster import OWNER
from gisops.db import queries
from gisops.db.pool import Connection, connect

MANY, BATCH, ROUNDS = 20_000, 2_000, 3
_SQL = queries.load("bench", "timers.sql")


def run(town: Town) -> Iterator[Result]:
    """Fire ``MANY`` reminders, and claim as many rows and no more, in turns."""
    ours, bare = [], []
    with (
        connect(town.url(), autocommit=True) as conn,
        connect(town.url(OWNER), autocommit=True, unhurried=True) as owner,
    ):
        known = city.load(conn)
        west, south, east, north = known.extent
        sent = NewReport(uuid4(), "citizen", "E04-05", (west + east) / 2, (south + north) / 2, "WGS84", 5.0)
        with conn.transaction():
            operations.receive_report(conn, known, sent, None)
        owner.execute(_SQL["lay_aside"])
        owner.execute(_SQL["cases"], {"client_uid": sent.client_uid, "many": MANY})
        for _ in range(ROUNDS):
            owner.execute(_SQL["wind_up"])
            owner.execute(_SQL["vacuum"])
            bare.append(_rate(lambda: _claim(conn)))
            owner.execute(_SQL["wind_up"])
            owner.execute(_SQL["vacuum"])
            ours.append(_rate(lambda: timers.fire(conn, known, BATCH)))
    told = f"{MANY:,} reminders due at once, one worker, batches of {BATCH:,}, fsync on, median of {ROUNDS} rounds"
    yield Result("timers.remind", _median(ours), _median(bare), "timers/s", told, at_least=0.5)


def _claim(conn: Connection) -> int:
    return conn.execute(_SQL["claim"], {"most": BATCH}).rowcount


def _rate(once: Callable[[], int]) -> float:
    began, done = time.monotonic(), 0
    while fired := once():
        done += fired
    assert done == MANY, done
    return MANY / (time.monotonic() - began)


def _median(rates: list[float]) -> float:
    return sorted(rates)[len(rates) // 2]
