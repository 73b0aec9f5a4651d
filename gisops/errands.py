"""What the worker does beside the relay, each in a thread and on a connection of its own: timers and deliveries.

The relay must never wait for a slow receiver or a crowd of timers. Any number of workers may run: what one has claimed,
the others pass over.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from gisops import city as cities
from gisops import deliveries, notices, timers
from gisops.adapters import Send
from gisops.city import City
from gisops.db.pool import Connection, connect
from gisops.errors import NotReady
from gisops.settings import Settings

log = logging.getLogger(__name__)

_IDLE_S = 0.2
_CITY_KEPT_S = 30.0
_NO_CITY_S = 1.0
_TIDY_S = 60.0
_LONGEST_WAIT_S = 2.0
# Ways out that are tried at once by one worker; a receiver that is slow holds up its own only.
_AT_ONCE = 4


def start(settings: Settings, url: str, stop: threading.Event) -> list[threading.Thread]:
    """Start both; they end soon after ``stop`` is set."""
    started = [
        threading.Thread(target=_keep_on, args=("timers", url, stop, fire), name="timers", daemon=True),
        threading.Thread(
            target=_keep_on,
            args=("deliveries", url, stop, lambda conn, stop: deliver(conn, settings, url, stop)),
            name="deliveries",
            daemon=True,
        ),
    ]
    for thread in started:
        thread.start()
    return started


def fire(conn: Connection, stop: threading.Event) -> None:
    """Fire timers until told to stop."""
    town = _Town()
    while not stop.is_set():
        city = town.now(conn)
        fired = timers.fire(conn, city) if city is not None else 0
        if not fired:
            stop.wait(_IDLE_S)


def deliver(conn: Connection, settings: Settings, url: str, stop: threading.Event) -> None:
    """Carry deliveries out until told to stop, each way out by itself."""
    deliveries.set_lanes(conn, {"sms": settings.sms is not None, "mail": settings.mail is not None})
    town = _Town()
    busy: set[str] = set()
    tidy_at = 0.0
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="delivery") as pool:
        while not stop.is_set():
            city = town.now(conn)
            for lane in deliveries.due_lanes(conn):
                if city is None or lane in busy:
                    continue
                busy.add(lane)
                pool.submit(_carry, settings, url, stop, lane, city, busy)
            if (now := time.monotonic()) >= tidy_at:
                deliveries.tidy(conn)
                notices.prune(conn, settings.notices_days)
                tidy_at = now + _TIDY_S
            stop.wait(_IDLE_S)


def sender(settings: Settings, lane: str) -> Send | None:
    """Who sends by a way out, as the settings say; None for one that is not there."""
    # late: speaking HTTP takes half a second to import, which a worker that sends nothing never needs
    from gisops.adapters import folder, mail, sms, webhook

    if lane.startswith("webhook:"):
        return webhook.sender(settings.public_url or "gisops", private=settings.webhook_private)
    place = settings.sms if lane == "sms" else settings.mail
    if place is None:
        return None
    where = place.get_secret_value()
    if Path(where).is_absolute():
        return folder.sender(Path(where))
    if lane == "sms":
        return sms.sender(where, settings.sms_token.get_secret_value() if settings.sms_token else None)
    return mail.sender(where, settings.mail_from or "")


def _carry(settings: Settings, url: str, stop: threading.Event, lane: str, city: City, busy: set[str]) -> None:
    try:
        with connect(url, autocommit=True, application_name="gisops delivery") as conn:
            send = sender(settings, lane)
            while send is not None and not stop.is_set() and deliveries.carry(conn, lane, send, city.timezone):
                pass
    except psycopg.Error as error:
        log.warning("deliveries: %s was left for the next round (%s)", lane, _word(error))
    except Exception:
        # Nothing of one way out may end the others; what it had taken comes back when its time is up.
        log.exception("deliveries: %s could not be carried", lane)
    finally:
        busy.discard(lane)


class _Town:
    """The city as it was at most half a minute ago; None before there is one."""

    def __init__(self) -> None:
        self._known: City | None = None
        self._ask_at = 0.0

    def now(self, conn: Connection) -> City | None:
        now = time.monotonic()
        if now >= self._ask_at:
            try:
                self._known, self._ask_at = cities.load(conn), now + _CITY_KEPT_S
            except NotReady:
                self._known, self._ask_at = None, now + _NO_CITY_S
        return self._known


def _keep_on(name: str, url: str, stop: threading.Event, work: Callable[[Connection, threading.Event], None]) -> None:
    """Work on a connection; open another one when it is lost, and wait for a database that is away."""
    wait_s = 0.1
    while not stop.is_set():
        try:
            with connect(url, autocommit=True, application_name=f"gisops {name}", connect_timeout=5) as conn:
                wait_s = 0.1
                work(conn, stop)
        except psycopg.Error as error:
            log.warning("%s: trying again in %.1f s (%s)", name, wait_s, _word(error))
        except Exception:
            log.exception("%s: stopped short; going on in %.1f s", name, wait_s)
        stop.wait(wait_s)
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


def _word(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
