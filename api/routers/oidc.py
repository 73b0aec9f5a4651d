"""Signing in through an identity provider, where one is set."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.database import Database
from api.deps import address, database_of, settings_of
from api.oidc import FLOW_S, NoAccount, OidcFailed, Provider, flow_of
from api.origin import cookie_name, is_secure, public_origin, set_cookie
from gisops.access import audit, limits, people
from gisops.db.pool import Connection
from gisops.errors import NotFound
from gisops.settings import Settings

router = APIRouter(prefix="/api/session/oidc", tags=["session"])

PER_ADDRESS = 30
FLOW_COOKIE = "gisops_oidc"


def provider_of(request: Request, settings: Annotated[Settings, Depends(settings_of)]) -> Provider:
    """The identity provider of the settings. Raises NotFound where none is set."""
    provider: Provider | None = getattr(request.app.state, "provider", None)
    if provider is None:
        if settings.oidc_issuer is None or settings.oidc_client_id is None:
            raise NotFound("No identity provider is set here; sign in with login and password.")
        secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else None
        provider = request.app.state.provider = Provider(settings.oidc_issuer, settings.oidc_client_id, secret)
    return provider


Known = Annotated[Provider, Depends(provider_of)]
# Some providers' codes are whole documents.
Brought = Annotated[str, Query(min_length=1, max_length=4096)]


@router.get("", status_code=303, response_class=Response, openapi_extra={"x-permission": "public", "x-scope": "none"})
async def begin(request: Request, provider: Known, database: Annotated[Database, Depends(database_of)]) -> Response:
    """Begin a sign-in at the identity provider: the browser is sent there. 404 where none is set."""
    await database.run(limits.take, limits.key("oidc", address(request)), PER_ADDRESS)
    where, flow = await provider.begin(_return_to(request))
    answer = RedirectResponse(where, 303)
    # Not `strict`: it must come along when the provider sends the browser back.
    answer.set_cookie(
        cookie_name(request, FLOW_COOKIE),
        flow.sealed(),
        max_age=FLOW_S,
        path="/",
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
    )
    return answer


@router.get(
    "/return", status_code=303, response_class=Response, openapi_extra={"x-permission": "public", "x-scope": "none"}
)
async def come_back(
    request: Request,
    provider: Known,
    settings: Annotated[Settings, Depends(settings_of)],
    database: Annotated[Database, Depends(database_of)],
    code: Brought | None = None,
    state: Brought | None = None,
    iss: Brought | None = None,
    error: Brought | None = None,
) -> Response:
    """End a sign-in at the identity provider: the screens' cookie, and on to the start page, nowhere else."""
    await database.run(limits.take, limits.key("oidc", address(request)), PER_ADDRESS)
    flow = flow_of(request.cookies.get(cookie_name(request, FLOW_COOKIE), ""))
    if flow is None:
        raise OidcFailed("No sign-in was begun in this browser, or it took longer than ten minutes.")
    if error is not None:
        raise OidcFailed("The identity provider refused.", provider=error[:100])
    if code is None or state is None:
        raise OidcFailed("The identity provider sent no code and state along.")
    subject = await provider.finish(_return_to(request), flow, code=code, state=state, issuer=iss)
    token = await database.run(_open, provider.issuer, subject, settings.session_hours)
    answer = RedirectResponse("/", 303)
    set_cookie(request, answer, token, settings.session_hours * 3600)
    answer.delete_cookie(
        cookie_name(request, FLOW_COOKIE), path="/", httponly=True, samesite="lax", secure=is_secure(request)
    )
    return answer


def _return_to(request: Request) -> str:
    return f"{public_origin(request)}{router.prefix}/return"


def _open(conn: Connection, issuer: str, subject: str, hours: int) -> str:
    actor = people.actor_of_subject(conn, issuer, subject)
    if actor is not None:
        token, _ = people.open_session(conn, actor, hours)
        # Asked again, as whoever takes a link or an account away holds the row on which the sign-in has waited.
        if people.actor_of_subject(conn, issuer, subject) == actor:
            audit.add(conn, "sign_in", "sessions", account_id=actor.account_id, facts={"by": "oidc"})
            return token
    raise NoAccount(
        f"身份已确认，但没有账号与之关联 / {issuer} knows you, but no account here is linked to you. "
        "An administrator can link one: gisops user link LOGIN SUBJECT",
        subject=subject,
    )
