"""The handbook, and the days and hours in which time limits run."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import answers
from api.deps import Caller, Seeing, SeeingCtx
from api.schemas.answers import answering
from api.schemas.answers import city as described
from api.schemas.shapes import QueryMoment, QueryText
from gisops import work_calendar
from gisops.cases import handbook

router = APIRouter(prefix="/api", tags=["city"])


@router.get(
    "/handbook", openapi_extra={"x-permission": "public", "x-scope": "none"}, responses=answering(described.Handbook)
)
def read(
    caller: Caller,
    conn: Seeing,
    city: SeeingCtx,
    category: QueryText | None = None,
    q: Annotated[QueryText | None, Query(description="looked for in all texts")] = None,
    at: QueryMoment | None = None,
) -> Response:
    """What must be so for a case to be filed and to be closed, within which time and by what standard: of one category
    or of all in the city's scheme, now or as it was at a moment; without a sign-in of what citizens may choose.
    """
    found = handbook.entries(
        conn,
        city,
        category=None if category is None else city.category(category),
        at=at,
        words=q,
        public_only=caller is None,
    )
    return answers.json({"at": at, "entries": found})


@router.get(
    "/calendar", openapi_extra={"x-permission": "public", "x-scope": "none"}, responses=answering(described.Calendar)
)
def calendar(
    conn: Seeing,
    city: SeeingCtx,
    first: Annotated[date | None, Query(alias="from")] = None,
    last: Annotated[date | None, Query(alias="to")] = None,
) -> Response:
    """The city's working hours, and day by day (the coming month, where nothing else is asked for) whether it works."""
    return answers.json(work_calendar.days(conn, city, first, last))
