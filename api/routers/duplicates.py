"""Reports that belong together, and those that do not."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api import answers
from api.auth import Identity
from api.deps import Ctx, Seeing, SeeingCtx, SignedIn, Tx, requires
from api.schemas.acts import SaysWhy
from api.schemas.answers import answering
from api.schemas.answers import cases as described
from gisops.cases import links, proposals

router = APIRouter(prefix="/api/cases", tags=["cases"])


@router.get(
    "/{case_no}/duplicates",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    responses=answering(described.Duplicates),
)
def near(case_no: str, caller: SignedIn, conn: Seeing, city: SeeingCtx) -> Response:
    """Cases in the caller's scope that this one may be a duplicate of, the best first, with score and its parts."""
    return answers.json(proposals.of_case(conn, city, case_no, caller.actor, caller.key_id))


@router.post(
    "/{case_no}/reports/{report_id}/take-out",
    status_code=201,
    openapi_extra={"x-permission": "roles:acceptor", "x-scope": "write:cases"},
    responses=answering(described.TakenOut, status=201),
)
def take_out(
    case_no: str,
    report_id: UUID,
    body: SaysWhy,
    caller: Annotated[Identity, Depends(requires("acceptor"))],
    conn: Tx,
    city: Ctx,
) -> Response:
    """Give one report that does not belong here a case of its own, at the desk."""
    said = (body.reason, body.expected_version, caller.actor, caller.key_id)
    return answers.json(links.take_out(conn, city, case_no, report_id, *said), 201)
