"""The worker: one process that does what nobody waits for. For now: the relay of events, and tidying up."""

from __future__ import annotations

import logging
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import psycopg

from gisops import cluster_files, events, limits, partitions, people, room
from gisops.cluster import database_urls
from gisops.db.pool import Connection, connect
from gisops.settings import Settings

log = logging.getLogger(__name__)

BUSY_S = 0.025
IDLE_S = 0.050
BEAT_S = 1.0
TIDY_S = 60.0
MONTHS_S = 86_400.0
_LONGEST_WAIT_S = 2.0
# Of 5,000 events: enough to keep up with 1,600 a second, and still no long pause of the relay.
_MOST_BITES = 20


def run(settings: Settings, stop: threading.Event | None = None) -> None:
    """Work until SIGTERM or SIGINT (or until ``stop`` is set); a database that goes away is waited for."""
    stop = stop or _stop_on_signals()
    url = database_urls(settings).app
    wait_s = 0.1
    while not stop.is_set():
        try:
            with connect(url, autocommit=True, application_name="gisops worker", connect_timeout=5) as conn:
                log.info("worker: connected")
                wait_s = 0.1
                _work(conn, stop, None if settings.database_url else cluster_files.place(settings.home).base)
        except psycopg.OperationalError as error:
            # A restart of the database, nearly always. What was not committed is still in the outbox.
            log.warning("worker: the database is away (%s); trying again in %.1f s", _first_line(error), wait_s)
            stop.wait(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
    log.info("worker: stopped")


def _work(conn: Connection, stop: threading.Event, folder: Path | None) -> None:
    beat_at = tidy_at = months_at = 0.0
    while not stop.is_set():
        busy = events.stamp(conn) > 0
        now = time.monotonic()
        if now >= beat_at:
            events.beat(conn)
            beat_at = now + BEAT_S
        if now >= tidy_at:
            tidy(conn)
            if folder is not None:
                room.keep_ballast(folder)
            tidy_at = now + TIDY_S
        if now >= months_at:
            turn_months(conn)
            months_at = now + MONTHS_S
        stop.wait(BUSY_S if busy else IDLE_S)


def tidy(conn: Connection) -> None:
    """Drop what has run out: sign-ins, rate buckets, events older than a week (in small bites)."""
    people.prune_sessions(conn)
    limits.prune(conn)
    for _ in range(_MOST_BITES):
        if events.prune(conn) == 0:
            break


def turn_months(conn: Connection) -> None:
    """Have the months to come, and drop those of tracks whose time is over. What cannot be done today (somebody holds
    a lock) is done tomorrow: months are made a quarter ahead.
    """
    try:
        for name in partitions.ensure_ahead(conn):
            log.info("worker: made the month %s", name)
        for name in partitions.forget_positions(conn):
            log.info("worker: dropped the month %s", name)
    except psycopg.errors.LockNotAvailable as error:
        log.warning("worker: months were left for tomorrow (%s)", _first_line(error))


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    # Only the main thread may set handlers; whoever runs the worker in another one passes its own event.
    with suppress(ValueError):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    return stop


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
