"""What happened where and when, for maps."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import answers
from api.deps import Seeing, SeeingCtx, SignedIn
from api.schemas.answers import answering
from api.schemas.answers import happened as described
from api.schemas.shapes import QueryMoment, QueryText
from gisops.cases import happened as of_cases
from gisops.coordinates import to_wgs84
from gisops.errors import InvalidInput
from layers.features import parse_bbox
from layers.versions import extent_of_city

router = APIRouter(prefix="/api", tags=["cases"])


@router.get(
    "/happened",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    responses=answering(described.Happened),
)
def happened(
    caller: SignedIn,
    conn: Seeing,
    city: SeeingCtx,
    since: Annotated[QueryMoment | None, Query(alias="from", description="Reported from this moment on.")] = None,
    until: Annotated[QueryMoment | None, Query(alias="to", description="And before this one; now unless told.")] = None,
    category: QueryText | None = None,
    bbox: Annotated[QueryText | None, Query(description="west,south,east,north in degrees (WGS-84)")] = None,
    lon: Annotated[float | None, Query(description="In crs; east for a projected system.")] = None,
    lat: Annotated[float | None, Query(description="In crs; north for a projected system.")] = None,
    crs: Annotated[str, Query(max_length=64, description="WGS84, GCJ02, BD09, CGCS2000 or EPSG:n.")] = "",
    within_m: Annotated[float, Query(gt=0, le=of_cases.MOST_WITHIN_M, allow_inf_nan=False)] = 150,
    limit: Annotated[int, Query(ge=1, le=of_cases.MOST_ROWS)] = of_cases.MOST_ROWS,
) -> Response:
    """The cases of a period (the last 24 hours unless told) as points with their moments, newest first: in a box, or
    near a point with the distance of each. ``more`` says whether there were others.
    """
    near = None
    if lon is not None or lat is not None:
        if lon is None or lat is None:
            raise InvalidInput("A point has both lon and lat.", parameter="lon" if lon is None else "lat")
        near = (*to_wgs84(lon, lat, crs, extent_of_city(conn)), within_m)
    box = None if bbox is None else parse_bbox(bbox)
    found = of_cases.happened(conn, city, since=since, until=until, category=category, bbox=box, near=near, limit=limit)
    return answers.json(found)
