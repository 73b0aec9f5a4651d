"""What an answer over HTTP means for a message: taken, refused, or nobody there to take it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import httpx

from gisops.adapters import Refused, Unreachable

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_LONGEST_ASKED_S = 3600.0
# Reading the certificates that are trusted takes a tenth of a second; a sender is made for each round.
_trusted = cache(httpx.create_ssl_context)
# Not now, or not from here: nothing that is wrong with the message.
_NOT_NOW = frozenset({401, 403, 404, 405, 407, 408, 423, 425, 429})


def client() -> httpx.Client:
    """A client that follows no redirect, asks no proxy of the environment, and waits ten seconds at most."""
    return httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False, verify=_trusted(trust_env=False))


def judge(status: int, headers: Mapping[str, str]) -> None:
    """Return where the message was taken (2xx). Raise ``Refused`` where it is the message that is not wanted (another
    4xx), else ``Unreachable``: an address that moved (3xx), a closed door, a server in trouble.
    """
    if 200 <= status < 300:
        return
    if 400 <= status < 500 and status not in _NOT_NOW:
        raise Refused(f"HTTP {status}")
    asked = headers.get("retry-after", "")
    raise Unreachable(f"HTTP {status}", min(float(asked), _LONGEST_ASKED_S) if asked.isdecimal() else None)


def unreachable(error: Exception) -> Unreachable:
    """What went wrong on the way, in a word; its own message may hold an address."""
    return Unreachable(type(error).__name__)
