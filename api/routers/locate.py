"""Who is responsible here?"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import answers
from api.deps import Caller, Seeing, SeeingCtx
from api.schemas.answers import answering
from api.schemas.answers import decisions as described
from api.schemas.shapes import QueryText
from gisops import operations

router = APIRouter(tags=["locate"])


@router.get(
    "/api/locate",
    openapi_extra={"x-permission": "public", "x-scope": "read:layers"},
    responses=answering(described.Located),
)
def locate(
    caller: Caller,
    conn: Seeing,
    city: SeeingCtx,
    lon: Annotated[float, Query(description="In crs; east for a projected system.")],
    lat: Annotated[float, Query(description="In crs; north for a projected system.")],
    category: QueryText,
    crs: Annotated[str, Query(max_length=64, description="WGS84, GCJ02, BD09, CGCS2000 or EPSG:n. Mandatory.")] = "",
    accuracy_m: Annotated[float | None, Query()] = None,
) -> Response:
    """Say who is responsible at a point for a category, why, and within which polygon that holds. Nothing is kept."""
    to, key_id = (caller.actor, caller.key_id) if caller else (None, None)
    found = operations.locate(conn, city, lon, lat, crs, accuracy_m, category, to, key_id)
    return answers.json(found)
