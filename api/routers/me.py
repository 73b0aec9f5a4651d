"""The signed-in officer: who he is, his zones, his tasks, where he is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api import answers
from api.deps import Ctx, SignedIn, Tx
from api.schemas.people import PositionIn
from gisops import cases, coordinates, people
from gisops.errors import OutsideCity
from layers.viewer import viewer_of

router = APIRouter(prefix="/api/me", tags=["me"])

# The tables take a point this far beyond the city's box, degrees.
EXTENT_MARGIN = 0.05


@router.get("", openapi_extra={"x-permission": "signed_in"})
def me(caller: SignedIn, conn: Tx) -> Response:
    """The caller's own card, and which classes of fields he may see."""
    card = people.card(conn, caller.actor)
    return answers.json({**card, "classes": sorted(viewer_of(caller.role).classes)})


@router.get("/zones", openapi_extra={"x-permission": "signed_in"})
def zones(caller: SignedIn, conn: Tx) -> Response:
    """The zones the caller is assigned to now, as GeoJSON."""
    return answers.raw(people.zones(conn, caller.actor), media_type=answers.GEOJSON)


@router.get("/tasks", openapi_extra={"x-permission": "signed_in"})
def tasks(caller: SignedIn, conn: Tx, city: Ctx, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
    """The open cases the caller handles."""
    if caller.actor.staff_id is None:
        return answers.json({"tasks": []})
    found: dict[str, Any] = cases.find(conn, city, handler_id=caller.actor.staff_id, limit=limit, to=caller.actor)
    return answers.json({"tasks": found["cases"]})


@router.post("/positions", status_code=204, openapi_extra={"x-permission": "signed_in"})
def positions(body: PositionIn, caller: SignedIn, conn: Tx, city: Ctx) -> Response:
    """Keep where the caller is."""
    lon, lat = coordinates.to_wgs84(body.lon, body.lat, body.crs or "", city.extent)
    west, south, east, north = city.extent
    margin = EXTENT_MARGIN
    if not (west - margin < lon < east + margin and south - margin < lat < north + margin):
        raise OutsideCity(
            f"The position lies outside {city.name_zh} ({city.name_en}).", lon=lon, lat=lat, extent=list(city.extent)
        )
    people.post_position(conn, caller.actor, lon, lat, body.accuracy_m, body.captured_at)
    return Response(status_code=204)
