"""Signing in and out."""

from __future__ import annotations

from typing import Annotated, Any

import anyio
from anyio import CapacityLimiter
from fastapi import APIRouter, Depends, Header, Request, Response

from api import answers
from api.auth import Identity
from api.database import Database
from api.deps import SignedIn, address, database_of, identities_of, settings_of
from api.origin import check_same_site, delete_cookie, public_origin, set_cookie
from api.schemas.answers import answering
from api.schemas.answers import session as described
from api.schemas.people import RefreshIn, SignInIn
from gisops.access import audit, devices, limits, lockout, people, proofs
from gisops.access.devices import Tokens
from gisops.access.lockout import Attempt
from gisops.access.people import Account
from gisops.access.proofs import InvalidProof
from gisops.db.pool import Connection
from gisops.errors import BadCredentials, GisopsError
from gisops.settings import Settings

router = APIRouter(tags=["session"])

# Of everything that takes a password's time, from one address. gisops.access.lockout counts the wrong ones for a login.
PER_ADDRESS = 30

DatabaseOf = Annotated[Database, Depends(database_of)]


@router.post(
    "/api/session", openapi_extra={"x-permission": "public", "x-scope": "none"}, responses=answering(described.SignedIn)
)
async def sign_in(
    body: SignInIn, request: Request, database: DatabaseOf, settings: Annotated[Settings, Depends(settings_of)]
) -> Response:
    """Sign in: a bearer token for programs, the same as a cookie for the screens.

    With ``device`` (a phone's public key): a token for ten minutes, and another by which the phone, when it proves that
    it holds the key, gets the next one.
    """
    check_same_site(request)
    jwk = None if body.device is None else proofs.device_key(body.device.jwk)
    bucket = limits.key("sign-in", address(request))
    found, attempt = await database.run(_knock, bucket, body.login, address(request))
    # Verifying takes a core for a while and 64 MB, on purpose: so two at a time, and in threads of its own.
    verifying: CapacityLimiter = request.app.state.verifying
    try:
        await anyio.to_thread.run_sync(people.verify, found, body.password, limiter=verifying)
    except BadCredentials:
        await database.run(_refused, found, attempt)
        raise
    assert found is not None  # noqa: S101  (verify refuses nobody's password)
    if jwk is not None:
        return answers.json(await database.run(_open_device, bucket, attempt, found, jwk))
    token, told = await database.run(_open, bucket, attempt, found, settings.session_hours)
    answer = answers.json(told)
    set_cookie(request, answer, token, settings.session_hours * 3600)
    return answer


@router.post(
    "/api/session/refresh",
    openapi_extra={"x-permission": "public", "x-scope": "none"},
    responses=answering(described.Refreshed),
)
async def refresh(
    body: RefreshIn, request: Request, database: DatabaseOf, dpop: Annotated[str | None, Header()] = None
) -> Response:
    """Take a phone's refresh token, once, with a proof that it holds its key (header ``DPoP``, RFC 9449): the next two
    tokens. A token that was used before ends the phone's sign-in.
    """
    if dpop is None or len(request.headers.getlist("DPoP")) > 1:
        raise InvalidProof("One proof is wanted in the header DPoP (RFC 9449).", header="DPoP")
    where = f"{public_origin(request)}/api/session/refresh"
    got = await database.run(devices.refresh, body.refresh_token, dpop, where)
    # Returned, not raised: what the refusal found out is committed by now.
    if isinstance(got, GisopsError):
        raise got
    return answers.json(_told(got))


@router.delete("/api/session", status_code=204, openapi_extra={"x-permission": "signed_in", "x-scope": "person"})
async def sign_out(caller: SignedIn, request: Request, database: DatabaseOf) -> Response:
    """Revoke the token this request came with; a phone's sign-in ends as a whole."""
    await database.run(_end, caller)
    identities_of(request).forget(caller.token_hash)
    answer = Response(status_code=204)
    delete_cookie(request, answer)
    return answer


def _knock(conn: Connection, bucket: str, login: str, came_from: str | None) -> tuple[Account | None, Attempt]:
    # Taken in advance and given back after a success, so that many guesses at once are counted too.
    limits.take(conn, bucket, PER_ADDRESS)
    attempt = lockout.begin(conn, login, came_from)
    return people.account(conn, login), attempt


def _let_in(conn: Connection, bucket: str, attempt: Attempt, found: Account) -> None:
    if not people.still_holds(conn, found):
        raise BadCredentials
    limits.give_back(conn, bucket, PER_ADDRESS)
    lockout.succeed(conn, attempt)


def _refused(conn: Connection, found: Account | None, attempt: Attempt) -> None:
    # Not the login that was typed: people type passwords there.
    who = None if found is None else found.actor.account_id
    audit.add(conn, "sign_in_failed", "accounts", account_id=who, facts={"by": "password"})
    if attempt.closes:
        audit.add(conn, "locked_out", "accounts", account_id=who)


def _open(conn: Connection, bucket: str, attempt: Attempt, found: Account, hours: int) -> tuple[str, dict[str, Any]]:
    token, expires_at = people.open_session(conn, found.actor, hours)
    _let_in(conn, bucket, attempt, found)
    audit.add(conn, "sign_in", "sessions", account_id=found.actor.account_id, facts={"by": "password"})
    return token, {"token": token, "expires_at": expires_at, "account": people.account_card(conn, found.actor)}


def _open_device(
    conn: Connection, bucket: str, attempt: Attempt, found: Account, jwk: dict[str, str]
) -> dict[str, Any]:
    tokens = devices.sign_in(conn, found.actor, jwk)
    _let_in(conn, bucket, attempt, found)
    audit.add(conn, "sign_in", "devices", account_id=found.actor.account_id, facts={"by": "password"})
    return _told(tokens) | {"account": people.account_card(conn, found.actor)}


def _told(tokens: Tokens) -> dict[str, Any]:
    return {
        "token": tokens.access,
        "expires_at": tokens.access_expires_at,
        "refresh_token": tokens.refresh,
        "refresh_expires_at": tokens.refresh_expires_at,
    }


def _end(conn: Connection, caller: Identity) -> None:
    if caller.kind != "access" or not devices.end_of_token(conn, caller.token_hash):
        people.revoke_session(conn, caller.token_hash)
    subject = "devices" if caller.kind == "access" else "sessions"
    audit.add(conn, "sign_out", subject, account_id=caller.actor.account_id)
