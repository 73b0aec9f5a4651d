"""Signing in and out."""

from __future__ import annotations

from typing import Annotated

import anyio
from anyio import CapacityLimiter
from fastapi import APIRouter, Depends, Request, Response

from api import answers
from api.auth import COOKIE, Identity
from api.database import Database
from api.deps import SignedIn, address, database_of, identities_of, settings_of
from api.schemas.people import SignInIn
from gisops import limits, people
from gisops.db.pool import Connection
from gisops.errors import BadCredentials
from gisops.people import Account, Actor
from gisops.settings import Settings

router = APIRouter(tags=["session"])

# Wrong passwords: per address, and per address and login. Not per login alone: that would let anybody lock anybody out.
PER_ADDRESS = 30
PER_LOGIN = 10


@router.post("/api/session", openapi_extra={"x-permission": "public"})
async def sign_in(
    body: SignInIn,
    request: Request,
    database: Annotated[Database, Depends(database_of)],
    settings: Annotated[Settings, Depends(settings_of)],
) -> Response:
    """Sign in: a bearer token for programs, the same as a cookie for the screens."""
    came_from = address(request)
    buckets = (
        (limits.key("sign-in", came_from), PER_ADDRESS),
        (limits.key("sign-in", came_from, body.login), PER_LOGIN),
    )
    found = await database.run(_knock, buckets, body.login)
    # Verifying takes a core for a while and 64 MB, on purpose: so two at a time, and in threads of its own.
    verifying: CapacityLimiter = request.app.state.verifying
    actor = await anyio.to_thread.run_sync(people.verify, found, body.password, limiter=verifying)
    if actor is None:
        raise BadCredentials
    token, expires_at, card = await database.run(_open, buckets, actor, settings.session_hours)
    answer = answers.json({"token": token, "expires_at": expires_at, "account": card})
    answer.set_cookie(
        COOKIE,
        token,
        max_age=settings.session_hours * 3600,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.delete("/api/session", status_code=204, openapi_extra={"x-permission": "signed_in"})
async def sign_out(caller: SignedIn, request: Request, database: Annotated[Database, Depends(database_of)]) -> Response:
    """Revoke the token this request came with."""
    await _revoke(request, database, caller)
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer


async def _revoke(request: Request, database: Database, caller: Identity) -> None:
    await database.run(people.revoke_session, caller.token_hash)
    identities_of(request).forget(caller.token_hash)


def _knock(conn: Connection, buckets: tuple[tuple[str, int], ...], login: str) -> Account | None:
    # Taken in advance and given back after a success, so that many guesses at once are counted too.
    for bucket, per_minute in buckets:
        limits.take(conn, bucket, per_minute)
    return people.account(conn, login)


def _open(
    conn: Connection, buckets: tuple[tuple[str, int], ...], actor: Actor, hours: int
) -> tuple[str, object, dict[str, object]]:
    for bucket, per_minute in buckets:
        limits.give_back(conn, bucket, per_minute)
    token, expires_at = people.open_session(conn, actor, hours)
    return token, expires_at, people.account_card(conn, actor)
