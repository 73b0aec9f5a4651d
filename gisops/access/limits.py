"""How often somebody without a sign-in may do a thing: token buckets in the database, shared by all processes."""

from __future__ import annotations

import hashlib
import ipaddress
import math

from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import TooManyRequests

_SQL = load("gisops.access", "limits.sql")
# Of a bucket that takes a day to fill: it is kept so long.
_LONG = "day:"


def key(purpose: str, address: str | None, *more: str) -> str:
    """Name the bucket of one caller for one purpose: a hash, so that the table holds no addresses.

    An IPv6 caller is taken by its /64: whoever has one address of such a network has all of them.
    """
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        who = address or "unknown"
    else:
        mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
        if isinstance(ip, ipaddress.IPv6Address) and mapped is None:
            who = str(ipaddress.ip_network((ip, 64), strict=False))
        else:
            who = str(mapped or ip)
    return hashlib.sha256("\0".join((purpose, who, *more)).encode("utf-8", "replace")).hexdigest()


def take(conn: Connection, bucket: str, per_minute: int) -> None:
    """Take one token of a bucket that holds, and per minute regains, ``per_minute`` of them.

    Must be committed by itself: a token given back by a rolled-back request would be no limit.
    Raises TooManyRequests (``retry_after_s``) when none is left.
    """
    if (wait_s := _wait_s(conn, bucket, per_minute, 60)) is not None:
        raise TooManyRequests(
            f"Only {per_minute} of these per minute are taken from one address; try again in {wait_s} s.",
            retry_after_s=wait_s,
            per_minute=per_minute,
        )


def take_hourly(conn: Connection, bucket: str, per_hour: int) -> None:
    """Take one token of a bucket that holds, and per hour regains, ``per_hour`` of them; committed by itself, as above.

    Raises TooManyRequests (``retry_after_s``) when none is left.
    """
    if (wait_s := _wait_s(conn, bucket, per_hour, 3600)) is not None:
        raise TooManyRequests(
            f"Only {per_hour} of these an hour; try again in {wait_s} s.", retry_after_s=wait_s, per_hour=per_hour
        )


def few_today(conn: Connection, of: str, what: str, most: int) -> bool:
    """Say whether the sender ``of`` (a ``key``) did ``what`` fewer than ``most`` times within a day, and note that he
    does; in the transaction of the act itself, so that what is rolled back was never done.
    """
    bucket = _LONG + hashlib.sha256(f"{of}\0{what}".encode()).hexdigest()
    return _wait_s(conn, bucket, most, 86_400) is None


def _wait_s(conn: Connection, bucket: str, most: int, in_s: int) -> int | None:
    """Take a token; where none is left, say how long the next one takes."""
    row = conn.execute(_SQL["take"], {"key": bucket, "burst": most, "per_second": most / in_s}).fetchone()
    return math.ceil(in_s / most) if row is None else None


def give_back(conn: Connection, bucket: str, per_minute: int) -> None:
    """Return a token that was taken in advance."""
    conn.execute(_SQL["give_back"], {"key": bucket, "burst": per_minute})


def prune(conn: Connection) -> int:
    """Forget buckets that nobody used for as long as they take to fill, an hour or a day; returns how many."""
    return conn.execute(_SQL["prune"]).rowcount
