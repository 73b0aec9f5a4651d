"""The reports of a case, a page at a time."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from api import answers
from api.deps import Seeing, SignedIn
from api.schemas.answers import answering
from api.schemas.answers.cases import ReportsOfCase
from gisops.cases import case_reports

router = APIRouter(prefix="/api/cases", tags=["cases"])


@router.get(
    "/{case_no}/reports",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    responses=answering(ReportsOfCase),
)
def page(
    request: Request,
    case_no: str,
    caller: SignedIn,
    conn: Seeing,
    limit: Annotated[int, Query(ge=1, le=case_reports.MOST_ROWS)] = 100,
    after: UUID | None = None,
) -> Response:
    """A case's reports in the order in which they came; what was written is for those whose work is with cases.
    ``next`` is the address of the next page, or null; ``crowd_count`` more were counted and are not there.
    """
    found = case_reports.page(conn, case_no, caller.actor, limit=limit, after=after, key_id=caller.key_id)
    last = found.pop("after")
    following = None
    if last is not None:
        following = f"{request.url.path}?{urlencode({'limit': limit, 'after': str(last)})}"
    return answers.json({**found, "next": following})
