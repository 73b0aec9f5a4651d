"""Cases: the list, one with its story, and why it went where it went."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from api import answers
from api.auth import Identity
from api.deps import Ctx, Seeing, SeeingCtx, SignedIn, Tx, requires
from api.schemas.cases import DispatchIn
from api.schemas.shapes import QueryText
from gisops import cases, operations
from gisops.errors import InvalidInput
from layers.features import parse_bbox

router = APIRouter(prefix="/api/cases", tags=["cases"])

# Who may send a case somewhere by hand; the account `desk` is an acceptor.
HANDS = ("acceptor", "dispatcher", "shift_leader", "admin")


@router.get("", openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"})
def find(
    request: Request,
    caller: SignedIn,
    conn: Seeing,
    city: SeeingCtx,
    state: QueryText | None = None,
    category: QueryText | None = None,
    organisation: QueryText | None = None,
    bbox: QueryText | None = None,
    mine: Annotated[Literal["0", "1", "true", "false"], Query()] = "false",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: UUID | None = None,
) -> Response:
    """Cases, newest first. ``next`` is the address of the next page, or null."""
    handler_id = None
    if mine in ("1", "true"):
        if caller.actor.staff_id is None:
            raise InvalidInput("This account is no member of staff, so no case is its own.", field="mine")
        handler_id = caller.actor.staff_id
    found = cases.find(
        conn,
        city,
        state=state,
        category=category,
        organisation=organisation,
        bbox=parse_bbox(bbox) if bbox is not None else None,
        handler_id=handler_id,
        limit=limit,
        after=after,
        to=caller.actor,
        key_id=caller.key_id,
    )
    following = None
    if found["after"] is not None:
        asked = {name: value for name, value in request.query_params.items() if name != "after"}
        following = f"{request.url.path}?{urlencode({**asked, 'after': str(found['after'])})}"
    return answers.json({"cases": found["cases"], "next": following})


@router.get("/{case_no}", openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"})
def read(case_no: str, caller: SignedIn, conn: Seeing, city: SeeingCtx) -> Response:
    """One case with its reports, history and recipients; persons are posts for those whose work is not with cases."""
    return answers.json(cases.read(conn, city, case_no, caller.actor, caller.key_id))


@router.get("/{case_no}/dispatch", openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"})
def decisions(case_no: str, caller: SignedIn, conn: Seeing, city: SeeingCtx) -> Response:
    """Every dispatch decision of a case: what was asked, what was answered, why."""
    return answers.json(cases.decisions(conn, city, case_no, caller.actor))


@router.post(
    "/{case_no}/dispatch", openapi_extra={"x-permission": "roles:" + ",".join(HANDS), "x-scope": "write:cases"}
)
def dispatch(
    case_no: str,
    body: DispatchIn,
    caller: Annotated[Identity, Depends(requires(*HANDS))],
    conn: Tx,
    city: Ctx,
) -> Response:
    """Send a case that lies on the desk to an organisation, by hand and with a reason."""
    sent = operations.dispatch_by_hand(
        conn,
        city,
        case_no,
        body.organisation,
        body.staff,
        body.reason,
        body.expected_version,
        caller.actor,
        caller.key_id,
    )
    return answers.json(sent)
