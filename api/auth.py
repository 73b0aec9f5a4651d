"""Who is asking: bearer tokens and the screens' cookie, both names of a row in ``sessions``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request

from api.database import Database
from gisops import people
from gisops.db.pool import Connection
from gisops.errors import NotAllowed, NotSignedIn
from gisops.people import Actor

COOKIE = "gisops_session"
CSRF_HEADER = "X-Gisops"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

# A revoked token is believed at most this long by a process that did not hear of it; the promise is 5 s.
BELIEVE_S = 3.0
_MOST_KNOWN = 20_000


@dataclass(frozen=True)
class Identity:
    """A signed-in caller."""

    actor: Actor
    token_hash: bytes
    expires_at: datetime

    @property
    def role(self) -> str:
        """The account's role."""
        return self.actor.role

    @property
    def login(self) -> str:
        """The account's login."""
        return self.actor.login


class Identities:
    """Who holds which token, remembered for a moment, so that most requests need no look-up."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[bytes, tuple[float, Identity]] = {}

    async def find(self, hashed: bytes) -> Identity | None:
        """Say who holds a token, or ``None``."""
        known = self._known.get(hashed)
        if known is not None and time.monotonic() - known[0] < BELIEVE_S:
            return known[1]
        asked_at = time.monotonic()
        found = await self._database.run(_identity, hashed)
        if found is None:
            self._known.pop(hashed, None)
            return None
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[hashed] = (asked_at, found)
        return found

    def forget(self, hashed: bytes) -> None:
        """Believe a token no longer, here and at once."""
        self._known.pop(hashed, None)


def _identity(conn: Connection, hashed: bytes) -> Identity | None:
    found = people.actor_of_session(conn, hashed)
    return None if found is None else Identity(found[0], hashed, found[1])


async def identify(request: Request, identities: Identities) -> Identity | None:
    """Find the caller of a request; ``None`` for somebody without a sign-in.

    A bearer token that does not hold is an error, so that a program notices; a cookie that does not hold is as good as
    none, so that the public pages go on working in a browser that still sends it. What changes something with a
    cookie alone must bear the header ``X-Gisops``, which no other site can make a browser send.
    """
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise NotSignedIn("Only bearer tokens are taken: Authorization: Bearer <token> from POST /api/session.")
        found = await identities.find(people.token_hash(token.strip()))
        if found is None:
            raise NotSignedIn("This token is unknown, has run out or was revoked; sign in again.")
        return found
    token = request.cookies.get(COOKIE, "")
    if not token:
        return None
    found = await identities.find(people.token_hash(token))
    if found is not None and request.method not in _SAFE and request.headers.get(CSRF_HEADER) != "1":
        raise NotAllowed("What changes something with the cookie needs the header X-Gisops: 1.", header=CSRF_HEADER)
    return found
