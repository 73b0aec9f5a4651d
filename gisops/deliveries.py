"""Deliveries: what has to leave the house, tried until it was taken.

A delivery is written with its notice, in the transaction of the act. The worker takes some of one way out (a *lane*:
sms, mail, each webhook) for a while, tries each outside of any transaction, and writes down what became of it: at least
once, with the same key each time. A lane by which nobody answers is left in peace, longer each time, and all that waits
there waits with it: a system that is away for a day loses nothing and holds up no other. What is understood and refused
five times, or waited for a week, is given up and listed, until somebody says to try again.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.errors import InsufficientPrivilege

from gisops import notices
from gisops.access import audit, scopes
from gisops.adapters import Message, Refused, Send, Unreachable
from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import InvalidInput, NotAllowed
from gisops.keys import new_key

log = logging.getLogger(__name__)

_SQL = load("gisops", "deliveries.sql")

STATES = ("dead", "waiting")
MOST_REFUSALS = 5
MOST = 50
# Longer than the slowest try may take; asked for anew while a batch lasts.
_LEASE_S = 30.0
_SETTLE_S = 1.0
# By which a lane stays closed after the first time, the second ...; and a message that was refused waits.
_FIRST_S = 5.0
_LONGEST_S = 900.0
_FIRST_REFUSED_S = 60.0
_MOST_TIDIED = 5000


def set_lanes(conn: Connection, active: Mapping[str, bool]) -> None:
    """Say which ways out this installation has; what is told from now on gets deliveries for those."""
    for lane, is_active in active.items():
        conn.execute(_SQL["set_lane"], {"lane": lane, "active": is_active})


def due_lanes(conn: Connection) -> list[str]:
    """The lanes by which something is to be tried now."""
    return [row["lane"] for row in conn.execute(_SQL["due_lanes"])]


def carry(conn: Connection, lane: str, send: Send, timezone: ZoneInfo, most: int = MOST) -> int:
    """Try what is due of a lane, at most so many; returns how many were taken there.

    ``conn`` must be in autocommit: claiming is a transaction of its own, and so is each outcome; none is open while
    somebody else is waited for.
    """
    lease = new_key()
    claimed = conn.execute(_SQL["claim"], {"lane": lane, "most": most, "lease": lease, "seconds": _LEASE_S}).fetchall()
    taken, unsettled, until = 0, list[dict[str, Any]](), time.monotonic() + _SETTLE_S
    for n, row in enumerate(claimed):
        if time.monotonic() >= until:
            # Now and then, not after each: a worker that is killed has the last second's messages sent once more.
            taken += _settle(conn, lease, unsettled)
            unsettled, until = [], time.monotonic() + _SETTLE_S
            if (
                conn.execute(_SQL["hold"], {**_keys(lease, claimed[n:]), "seconds": _LEASE_S}).rowcount
                < len(claimed) - n
            ):
                break  # too slow: somebody else has them by now
        keys = {"district_code": row["district_code"], "delivery_id": row["delivery_id"], "lease": lease}
        address = conn.execute(_SQL["address"], keys).fetchone()
        if address is None:
            break  # too slow here as well; what was claimed is the next one's to try, and none of it is given up
        message = _message(row, address, timezone)
        if message is None:
            _put_back(conn, keys, 0, "nobody_there", dead=True)
            continue
        try:
            send(message)
        except Unreachable as error:
            seconds = _close(conn, lane, error)
            _put_back(conn, keys, seconds, error.said, tried=1)
            for later in claimed[n + 1 :]:
                _put_back(
                    conn, {**keys, "district_code": later["district_code"], "delivery_id": later["delivery_id"]}, 0
                )
            return taken + _settle(conn, lease, unsettled)
        except Refused as error:
            # Somebody answers, so the lane is open; it is this message that is not wanted.
            conn.execute(_SQL["open_lane"], {"lane": lane})
            refusals = row["refusals"] + 1
            dead = refusals >= MOST_REFUSALS
            _put_back(conn, keys, _waits(_FIRST_REFUSED_S, refusals), error.said, tried=1, refused=1, dead=dead)
        else:
            if not taken and not unsettled:
                conn.execute(_SQL["open_lane"], {"lane": lane})
            unsettled.append(row)
    return taken + _settle(conn, lease, unsettled)


def _settle(conn: Connection, lease: UUID, rows: Sequence[Mapping[str, Any]]) -> int:
    return conn.execute(_SQL["delivered"], _keys(lease, rows)).rowcount if rows else 0


def _keys(lease: UUID, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "lease": lease,
        "districts": [row["district_code"] for row in rows],
        "deliveries": [row["delivery_id"] for row in rows],
    }


def tidy(conn: Connection) -> int:
    """Give up what waited too long, and forget what was delivered long ago; returns how many."""
    most = {"most": _MOST_TIDIED}
    return conn.execute(_SQL["expire"], most).rowcount + conn.execute(_SQL["forget"], most).rowcount


def page(conn: Connection, state: str, before: UUID | None = None, limit: int = 100) -> dict[str, Any]:
    """A page of what was given up (``dead``) or waits (``waiting``), newest first, for the transaction's viewer:
    ``{deliveries, next}``. Raises ``InvalidInput`` for another state, ``NotAllowed`` for who is no administrator of the
    whole city.
    """
    _check_state(state)
    try:
        rows = conn.execute(_SQL["page"], {"state": state, "before": before, "most": limit}).fetchall()
    except InsufficientPrivilege as error:
        raise NotAllowed("Deliveries are for administrators of the whole city.") from error
    return {"deliveries": rows, "next": rows[-1]["delivery_id"] if len(rows) == limit else None}


def listed(conn: Connection, state: str, before: UUID | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """The same rows for the owner, on the command line. Raises ``InvalidInput``."""
    _check_state(state)
    return conn.execute(_SQL["listed"], {"state": state, "before": before, "most": limit}).fetchall()


def _check_state(state: str) -> None:
    if state not in STATES:
        raise InvalidInput(f"There is no list of deliveries {state!r}.", field="state", states=list(STATES))


def retry(
    conn: Connection, keys: Sequence[UUID] | None, account_id: int | None = None, key_id: int | None = None
) -> int:
    """Try again what was given up: these, or all (None). Returns how many will be; that it was asked for is audited.

    Raises ``NotAllowed`` for an account that has not the whole city: the messages are the whole city's.
    """
    if account_id is not None and not scopes.scope_of(conn, account_id).everywhere:
        raise NotAllowed("Only who has the whole city has its messages sent again.")
    count = conn.execute(_SQL["retry"], {"keys": None if keys is None else list(keys)}).rowcount
    audit.add(conn, "retry", "deliveries", rows=count, account_id=account_id, key_id=key_id)
    return count


def standing(conn: Connection) -> dict[str, Any]:
    """How deliveries stand: ``waiting``, ``since``, ``dead``, and the lanes that are ``closed``."""
    return conn.execute(_SQL["standing"]).fetchone() or {}


def _message(row: Mapping[str, Any], found: Mapping[str, Any], timezone: ZoneInfo) -> Message | None:
    """What is sent; None where whom it was for has no number or address any more."""
    if not found["address"]:
        return None
    texts = notices.sentences(row, timezone)
    return Message(
        row["delivery_id"],
        row["kind"],
        row["seq"],
        row["created_at"],
        row["facts"],
        found["address"],
        **texts,
        secret=bytes(found["secret"] or b""),
    )


def _close(conn: Connection, lane: str, error: Unreachable) -> float:
    """Leave a lane in peace, by how often in a row nobody answered; returns for how many seconds."""
    row = conn.execute(_SQL["lane"], {"lane": lane}).fetchone()
    failures = 0 if row is None else row["failures"]
    seconds = max(_waits(_FIRST_S, failures + 1), error.retry_after_s or 0.0)
    conn.execute(_SQL["close_lane"], {"lane": lane, "seconds": seconds})
    log.warning("deliveries: nobody answers at %s (%s); closed for %.0f s", lane, error.said, seconds)
    return seconds


def _put_back(
    conn: Connection,
    keys: Mapping[str, Any],
    seconds: float,
    error: str | None = None,
    *,
    tried: int = 0,
    refused: int = 0,
    dead: bool = False,
) -> None:
    told = {"seconds": seconds, "error": error, "tried": tried, "refused": refused, "dead": dead}
    conn.execute(_SQL["put_back"], {**keys, **told})


def _waits(first_s: float, times: int) -> float:
    """Twice as long each time, up to a quarter of an hour, and a fifth more or less: not all at once again."""
    return min(first_s * 2.0 ** min(times - 1, 30), _LONGEST_S) * random.uniform(0.8, 1.2)  # noqa: S311
