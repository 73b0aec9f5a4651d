"""The desk: what there is to do now, the gravest first, and what is late."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from api import answers
from api.deps import Seeing, SeeingCtx, SignedIn
from api.schemas.answers import answering
from api.schemas.answers import desk as described
from api.schemas.shapes import QueryText
from gisops.cases import desk

router = APIRouter(prefix="/api", tags=["desk"])


def _narrowed(
    category: QueryText | None = None,
    organisation: QueryText | None = None,
    street: QueryText | None = None,
    limit: Annotated[int, Query(ge=1, le=desk.MOST_ROWS)] = 50,
    after: QueryText | None = None,
) -> dict[str, Any]:
    """By what the lists of cases are narrowed and turned over."""
    return {"category": category, "organisation": organisation, "street": street, "limit": limit, "after": after}


Narrowed = Annotated[dict[str, Any], Depends(_narrowed)]


@router.get(
    "/inbox", openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"}, responses=answering(described.Inbox)
)
def inbox(
    request: Request,
    caller: SignedIn,
    conn: Seeing,
    city: SeeingCtx,
    narrowed: Narrowed,
    state: Annotated[list[QueryText], Query(max_length=len(desk.OPEN_STATES))] = [],  # noqa: B006
    severity: QueryText | None = None,
) -> Response:
    """Open cases in the states in which the caller has something to do (or in each ``state`` named), by priority and
    within one what runs out first, with the clock of each, what the caller may do, and how many there are by state.
    """
    found = desk.inbox(conn, city, caller.actor, states=state, severity=severity, key_id=caller.key_id, **narrowed)
    return answers.json(_with_next(request, found))


@router.get(
    "/me/tasks",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    responses=answering(described.Tasks),
)
def tasks(
    request: Request,
    caller: SignedIn,
    conn: Seeing,
    city: SeeingCtx,
    limit: Annotated[int, Query(ge=1, le=desk.MOST_ROWS)] = 100,
    after: QueryText | None = None,
) -> Response:
    """The caller's open work, in the order of the inbox: what he handles or his department's time runs for, and what
    waits to be verified or checked where he looks.
    """
    found = _with_next(request, desk.tasks(conn, city, caller.actor, limit=limit, after=after, key_id=caller.key_id))
    return answers.json({"tasks": found["cases"], "next": found["next"]})


@router.get(
    "/overdue",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    responses=answering(described.Overdue),
)
def overdue(
    request: Request,
    caller: SignedIn,
    conn: Seeing,
    city: SeeingCtx,
    narrowed: Narrowed,
    by: desk.By = "organisation",
) -> Response:
    """What is late (red) and what soon will be (yellow, from 80 % of the limit): counted by organisation, street or
    category, and the cases themselves, the latest first.
    """
    found = desk.overdue(conn, city, caller.actor, by=by, key_id=caller.key_id, **narrowed)
    return answers.json(_with_next(request, found))


def _with_next(request: Request, found: dict[str, Any]) -> dict[str, Any]:
    """The page, with the address of the next one in place of where that goes on."""
    after = found.pop("after")
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "after"]
    following = None if after is None else f"{request.url.path}?{urlencode([*asked, ('after', after)])}"
    return {**found, "next": following}
