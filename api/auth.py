"""Who is asking: bearer tokens and the screens' cookie, names of a row in ``sessions``, and keys of other systems."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import psycopg
from fastapi import Request

from api.database import Database
from api.origin import check_cookie_may_act, cookie_name
from gisops.access import api_keys, people
from gisops.access.people import Actor
from gisops.db.pool import Connection
from gisops.errors import Conflict, GisopsError, NotSignedIn

# A revoked token is believed at most this long by a process that did not hear of it; the promise is 5 s.
BELIEVE_S = 3.0
_MOST_KNOWN = 20_000
# A token of ours has some fifty characters; what is longer need not be hashed to know that it is none.
_MOST_CHARACTERS = 200

# Whose deed it is, by whoever sends it later than it was done.
ACCOUNT_HEADER = "X-Gisops-Account"

Kind = Literal["session", "access", "key"]


@dataclass(frozen=True)
class Identity:
    """A signed-in caller: a person's sign-in (``session``), a phone's short token (``access``), or a system's ``key``.

    People have every scope, as their role says what they may do; a key has those it was made with.
    """

    actor: Actor
    token_hash: bytes
    expires_at: datetime
    kind: Kind = "session"
    scopes: frozenset[str] = api_keys.EVERY_SCOPE
    key_id: int | None = None

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

    async def find(self, hashed: bytes, *, key: bool = False) -> Identity | None:
        """Say who holds a token (with ``key``: a system's), or ``None``."""
        known = self._known.get(hashed)
        if known is not None and time.monotonic() - known[0] < BELIEVE_S:
            return known[1]
        asked_at = time.monotonic()
        if key:
            found, stale = await self._database.run(_of_key, hashed)
            if stale:
                # By itself, and not worth anybody's request: a disk that is full refuses it.
                with suppress(psycopg.Error, GisopsError):
                    await self._database.run(api_keys.touch, hashed)
        else:
            found = await self._database.run(_of_session, hashed)
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


def _of_session(conn: Connection, hashed: bytes) -> Identity | None:
    found = people.actor_of_session(conn, hashed)
    if found is None:
        return None
    return Identity(found.actor, hashed, found.expires_at, "access" if found.of_device else "session")


def _of_key(conn: Connection, hashed: bytes) -> tuple[Identity | None, bool]:
    found = api_keys.holder(conn, hashed)
    if found is None:
        return None, False
    return Identity(found.actor, hashed, found.expires_at, "key", found.scopes, found.key_id), found.stale


class OtherAccount(Conflict):
    """This was done by another account than the one that is signed in now; sign in as that one to send it."""

    code = "other_account"


async def identify(request: Request, identities: Identities) -> Identity | None:
    """Find the caller of a request, who must be the one whom it names, where it names one (``X-Gisops-Account``).

    What waited on a device goes out with whatever cookie the browser has by then: another tab may have changed it.
    Raises OtherAccount, and NotSignedIn for nobody, as a report without a sign-in would be taken.
    """
    found = await _bearer_or_cookie(request, identities)
    named = request.headers.get(ACCOUNT_HEADER)
    if named is not None and found is None:
        raise NotSignedIn
    if named is not None and found is not None and found.login != named:
        raise OtherAccount
    return found


async def _bearer_or_cookie(request: Request, identities: Identities) -> Identity | None:
    """Find the caller of a request; ``None`` for somebody without a sign-in.

    A bearer token that does not hold is an error, so that a program notices; a cookie that does not hold is as good as
    none, so that the public pages go on working in a browser that still sends it. What changes something with a
    cookie alone must come from our own pages. A key must have the scope that the route declares.
    """
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise NotSignedIn("Only bearer tokens are taken: Authorization: Bearer <token> from POST /api/session.")
        token = token.strip()
        found = None
        if len(token) <= _MOST_CHARACTERS:
            found = await identities.find(people.token_hash(token), key=token.startswith(api_keys.PREFIX))
        if found is None:
            raise NotSignedIn("This token is unknown, has run out or was revoked; sign in again.")
        if found.kind == "key":
            api_keys.check_scope(found.scopes, scope_of_route(request))
        return found
    token = request.cookies.get(cookie_name(request), "")
    if not token or len(token) > _MOST_CHARACTERS:
        return None
    found = await identities.find(people.token_hash(token))
    if found is not None:
        check_cookie_may_act(request)
    return found


def scope_of_route(request: Request) -> str | None:
    """The scope a request's route declares (``x-scope``); ``None`` where it declares none."""
    declared = getattr(request.scope.get("route"), "openapi_extra", None) or {}
    scope: str | None = declared.get("x-scope")
    return scope
