"""What the caller was told; and, for administrators, what could not be told to other systems."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api import answers
from api.auth import Identity
from api.deps import Seeing, SeeingCtx, SignedIn, Tx, requires
from api.schemas.answers import answering
from api.schemas.answers import notices as described
from api.schemas.notices import ReadIn, RetryIn
from api.schemas.shapes import QueryText
from gisops import deliveries, notices

router = APIRouter(prefix="/api", tags=["notices"])

_MINE = {"Cache-Control": "private, no-store"}


@router.get(
    "/me/notices",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    responses=answering(described.Notices),
)
def mine(
    _caller: SignedIn,
    conn: Seeing,
    city: SeeingCtx,
    before: Annotated[UUID | None, Query(description="As given by the page before, in `next`")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """What the caller was told, newest first: himself, his organisation where he acts for it, and of what he reported.

    `unread` counts the newest thousand; `next` is the key the next page is asked for by (`before`), or null.
    """
    return answers.json(notices.mine(conn, city.timezone, before, limit), headers=_MINE)


@router.post(
    "/me/notices/read",
    openapi_extra={"x-permission": "signed_in", "x-scope": "write:cases"},
    responses=answering(described.Marked),
)
def read(body: ReadIn, caller: SignedIn, conn: Tx) -> Response:
    """The caller has read these notices, or all up to one. Those of others stay as they are; `marked` says how many
    were unread.
    """
    return answers.json({"marked": notices.mark_read(conn, caller.actor.account_id, body.notices, body.until)})


@router.get(
    "/deliveries",
    openapi_extra={"x-permission": "roles:admin", "x-scope": "admin"},
    responses=answering(described.Deliveries),
)
def listed(
    _caller: Annotated[Identity, Depends(requires("admin"))],
    conn: Seeing,
    state: Annotated[QueryText, Query(description="dead: given up; waiting")] = "dead",
    before: Annotated[UUID | None, Query(description="As given by the page before, in `next`")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Messages by SMS, e-mail and webhook that were given up, or wait, newest first. `last_error` says what stood in
    the way of the last try.
    """
    return answers.json(deliveries.page(conn, state, before, limit), headers=_MINE)


@router.post(
    "/deliveries/retry",
    openapi_extra={"x-permission": "roles:admin", "x-scope": "admin"},
    responses=answering(described.Retried),
)
def retry(body: RetryIn, caller: Annotated[Identity, Depends(requires("admin"))], conn: Tx) -> Response:
    """Try again what was given up: these, or all (null); `retried` says how many."""
    retried = deliveries.retry(conn, body.deliveries, caller.actor.account_id, caller.key_id)
    return answers.json({"retried": retried})
