"""Wrong passwords: after a few of them the door to a login closes for a while, whether there is such a login or not.

Five in a quarter of an hour from one network address, and twenty from anywhere. What is counted is kept in a logged
table, so that a restart forgives nobody; what is refused is not counted, so that hammering on a closed door keeps it
closed no longer.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime

from gisops.access import limits
from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import TooManyRequests

_SQL = load("gisops.access", "lockout.sql")

FROM_ONE_ADDRESS = 5
FROM_ANYWHERE = 20
WINDOW_S = 900


class LockedOut(TooManyRequests):
    """Too many wrong passwords; this door is closed for a while."""

    code = "locked_out"


@dataclass(frozen=True)
class Attempt:
    """A sign-in that is being tried: counted as wrong until it turns out to be right. ``closes`` where it is the last
    one that is taken.
    """

    here: str
    login_key: str
    counted_at: datetime
    closes: bool


def begin(conn: Connection, login: str, address: str | None) -> Attempt:
    """Count an attempt as a wrong one, before the password is looked at: so many guesses at once are counted too.

    Must be committed by itself, and rolled back where it raises. Raises LockedOut (``retry_after_s``).
    """
    login_key, here = _login_key(login), limits.key("password", address, login)
    # The narrow door first: what it refuses must not use up what is meant for everybody else's addresses.
    _, last_here = _count(conn, here, login_key, FROM_ONE_ADDRESS)
    counted_at, last = _count(conn, login_key, login_key, FROM_ANYWHERE)
    return Attempt(here, login_key, counted_at, last_here or last)


def succeed(conn: Connection, attempt: Attempt) -> None:
    """The password was right: this address starts anew, and the attempt was no failure of anybody's.

    What others got wrong elsewhere stays counted.
    """
    conn.execute(_SQL["forget_here"], {"key": attempt.here})
    conn.execute(_SQL["forget_attempt"], {"key": attempt.login_key, "counted_at": attempt.counted_at})


def open_again(conn: Connection, login: str) -> bool:
    """Forget every wrong password for a login; says whether there was any."""
    return conn.execute(_SQL["open_again"], {"login_key": _login_key(login)}).rowcount > 0


def prune(conn: Connection) -> int:
    """Drop what lies further back than the window; returns how many rows."""
    return conn.execute(_SQL["prune"], {"window_s": WINDOW_S}).rowcount


def _count(conn: Connection, key: str, login_key: str, most: int) -> tuple[datetime, bool]:
    told = {"key": key, "login_key": login_key, "most": most, "window_s": WINDOW_S}
    counted = conn.execute(_SQL["count"], told).fetchone()
    if counted is not None:
        return counted["counted_at"], counted["n"] >= most
    waiting = conn.execute(_SQL["wait"], told).fetchone()
    wait_s = max(1, math.ceil(waiting["wait_s"])) if waiting is not None else 1
    raise LockedOut(
        f"Too many wrong passwords for this login; the right one is taken again in {wait_s} s.", retry_after_s=wait_s
    )


def _login_key(login: str) -> str:
    return hashlib.sha256(f"password\0{login}".encode("utf-8", "replace")).hexdigest()
