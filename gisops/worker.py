"""The worker: a process that does what nobody waits for: the relay of events, timers, deliveries, the audit's seals,
tidying up. Several may run: one of them relays, and what is to be done is claimed row by row.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import psycopg

from gisops import bulletin, city, cluster_files, errands, events, partitions, photos, room, storage
from gisops.access import devices, limits, lockout, people, scopes, sealing
from gisops.cluster import database_urls
from gisops.db.pool import Connection, connect
from gisops.errors import GisopsError
from gisops.indicators import outcomes
from gisops.settings import Settings

log = logging.getLogger(__name__)

BUSY_S = 0.025
IDLE_S = 0.050
BEAT_S = 1.0
TIDY_S = 60.0
TIDY_PHOTOS_S = 600.0
BULLETIN_S = 600.0
ALL_OUTCOMES_S = 3_600.0
SEAL_S = 10.0
MONTHS_S = 86_400.0
_LONGEST_WAIT_S = 2.0
# Of 5,000 events: enough to keep up with 1,600 a second, and still no long pause of the relay.
_MOST_BITES = 20


def run(settings: Settings, stop: threading.Event | None = None) -> None:
    """Work until SIGTERM or SIGINT (or until ``stop`` is set); a database that goes away is waited for."""
    stop = stop or _stop_on_signals()
    url = database_urls(settings).app
    heads = sealing.Heads(sealing.heads_file(settings))
    errands.start(settings, url, stop)
    threading.Thread(target=_follow_dates, args=(url, stop), name="scopes", daemon=True).start()
    threading.Thread(target=_tidy_photos, args=(url, settings, stop), name="photographs", daemon=True).start()
    threading.Thread(target=_publish, args=(url, stop), name="bulletins", daemon=True).start()
    threading.Thread(target=_gather, args=(url, stop), name="outcomes", daemon=True).start()
    wait_s = 0.1
    while not stop.is_set():
        try:
            with connect(url, autocommit=True, application_name="gisops worker", connect_timeout=5) as conn:
                log.info("worker: connected")
                wait_s = 0.1
                _work(conn, stop, None if settings.database_url else cluster_files.place(settings.home).base, heads)
        except psycopg.OperationalError as error:
            # A restart of the database, nearly always. What was not committed is still in the outbox.
            log.warning("worker: the database is away (%s); trying again in %.1f s", _first_line(error), wait_s)
            stop.wait(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
    log.info("worker: stopped")


def _work(conn: Connection, stop: threading.Event, folder: Path | None, heads: sealing.Heads) -> None:
    beat_at = tidy_at = months_at = seal_at = 0.0
    while not stop.is_set():
        busy = events.stamp(conn) > 0
        now = time.monotonic()
        if now >= beat_at:
            events.beat(conn)
            beat_at = now + BEAT_S
        if now >= seal_at:
            full = sealing.seal(conn) >= sealing.MOST_PER_SEAL
            keep_heads(conn, heads)
            seal_at = now if full else now + SEAL_S
        if now >= tidy_at:
            tidy(conn)
            if folder is not None:
                room.keep_ballast(folder)
            tidy_at = now + TIDY_S
        if now >= months_at:
            turn_months(conn)
            months_at = now + MONTHS_S
        stop.wait(BUSY_S if busy else IDLE_S)
    sealing.seal(conn)
    keep_heads(conn, heads, now=True)


def tidy(conn: Connection) -> None:
    """Drop what has run out: sign-ins, rate buckets, events older than a week (in small bites)."""
    for forget in (people.prune_sessions, devices.prune, lockout.prune, limits.prune):
        forget(conn)
    for _ in range(_MOST_BITES):
        if events.prune(conn) == 0:
            break


def keep_heads(conn: Connection, heads: sealing.Heads, *, now: bool = False) -> None:
    """Carry the audit's last digests out of the database. A file that cannot be written is no reason to stop working;
    ``gisops check audit`` tells of a file that is not there.
    """
    try:
        heads.keep(conn, now=now)
    except OSError as error:
        log.warning("worker: the audit's digests could not be written outside (%s)", _first_line(error))


def _follow_dates(url: str, stop: threading.Event) -> None:
    """Let cells, areas and assignments that begin or end by their date be seen by who is to see them; once a minute.

    On a connection of its own: where boundaries change it may take a minute, and the relay does not wait.
    """
    first = True
    while True:
        try:
            with connect(url, autocommit=True, unhurried=True, application_name="gisops scopes") as conn:
                # The first time whatever was granted, in case that somebody changed rows by hand; then by the dates.
                changed = (scopes.expand(conn) if first else 0) + scopes.settle_due(conn)
                first = False
                if changed:
                    log.info("worker: %d accounts see something else than before", changed)
        except psycopg.Error as error:
            # The database is away, or not migrated yet; the next minute will do.
            log.warning("worker: scopes were left for the next minute (%s)", _first_line(error))
        if stop.wait(TIDY_S):
            return


def _publish(url: str, stop: threading.Event) -> None:
    """Publish the bulletin of the month that is over. Not in the first minutes of a life: a sample city's past, or what
    was missed while nothing ran, is being told then. On a connection of its own, as counting a month takes seconds.
    """
    while not stop.wait(BULLETIN_S):
        try:
            with connect(url, autocommit=True, unhurried=True, application_name="gisops bulletins") as conn:
                bulletin.due(conn, city.load(conn))
        except (psycopg.Error, GisopsError) as error:
            log.warning("worker: the bulletin was left for the next time (%s)", _first_line(error))


def _gather(url: str, stop: threading.Event) -> None:
    """Gather what cases that are over came to, for counting: of these days every minute, of all of them every hour."""
    all_at = 0.0
    while not stop.wait(TIDY_S):
        try:
            with connect(url, autocommit=True, unhurried=True, application_name="gisops outcomes") as conn:
                if (now := time.monotonic()) >= all_at:
                    outcomes.gather(conn)
                    all_at = now + ALL_OUTCOMES_S
                else:
                    outcomes.gather_late(conn)
        except psycopg.Error as error:
            log.warning("worker: outcomes were left for the next minute (%s)", _first_line(error))


def _tidy_photos(url: str, settings: Settings, stop: threading.Event) -> None:
    """Let go of photographs that nobody used, and of files that a killed process left; every ten minutes. On its own,
    as a store may be slow.
    """
    while not stop.wait(TIDY_PHOTOS_S):
        try:
            kept, home = storage.storage_of(settings), storage.folder_of(settings)
            gone = photos.tidy(lambda: connect(url, application_name="gisops photographs"), kept, home)
            if gone:
                log.info("worker: %d photographs that nobody used, or that broke off, were let go of", gone)
        except (psycopg.Error, OSError, GisopsError) as error:
            log.warning("worker: photographs were left for later (%s)", _first_line(error))


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
