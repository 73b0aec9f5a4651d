"""A decision made again."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api import answers
from api.deps import Seeing, SeeingCtx, SignedIn
from api.schemas.answers import answering
from api.schemas.answers import decisions as described
from api.schemas.cases import ReplayIn
from gisops import operations

router = APIRouter(prefix="/api/dispatch", tags=["dispatch"])


@router.post(
    "/replay",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    responses=answering(described.Replay),
)
def replay(body: ReplayIn, caller: SignedIn, conn: Seeing, city: SeeingCtx) -> Response:
    """Make a case's first decision again, as it was recorded or as of another moment, and compare."""
    return answers.json(operations.replay(conn, city, body.case_no, body.mode, body.at, body.positions, caller.actor))
