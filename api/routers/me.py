"""The signed-in officer: who he is, his zones, his tasks, where he is."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api import answers, problems
from api.deps import Ctx, Seeing, SignedIn, Tx
from api.schemas.answers import GeoJson, answering
from api.schemas.answers import session as described
from api.schemas.people import PositionIn, PositionsIn
from gisops import operations
from gisops.access import people
from gisops.positions import Sent
from layers.viewer import viewer_of

router = APIRouter(prefix="/api/me", tags=["me"])


@router.get("", openapi_extra={"x-permission": "signed_in", "x-scope": "none"}, responses=answering(described.Me))
def me(caller: SignedIn, conn: Seeing) -> Response:
    """The caller's own card, and which classes of fields he may see."""
    card = people.card(conn, caller.actor)
    return answers.json({**card, "classes": sorted(viewer_of(caller.role).classes)})


@router.get(
    "/zones",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:layers"},
    responses=answering(described.MyZones),
    response_class=GeoJson,
)
def zones(caller: SignedIn, conn: Seeing) -> Response:
    """The zones the caller is assigned to now, as GeoJSON."""
    return answers.raw(people.zones(conn, caller.actor), media_type=answers.GEOJSON)


@router.post(
    "/positions",
    status_code=204,
    openapi_extra={"x-permission": "signed_in", "x-scope": "write:positions"},
    responses=answering(described.Track) | {204: {"description": "The one position was kept"}},
)
def positions(body: PositionsIn, caller: SignedIn, conn: Tx, city: Ctx) -> Response:
    """Keep where the caller is, or up to 1,000 positions where he was: these are answered by what became of them."""
    one = isinstance(body, PositionIn)
    given = [body] if isinstance(body, PositionIn) else body.positions
    sent = [Sent(p.lon, p.lat, p.crs or "", p.accuracy_m, p.captured_at) for p in given]
    kept = operations.keep_positions(conn, city, caller.actor, sent)
    if one:
        for error in kept.refused.values():
            raise error
        return Response(status_code=204)
    refused = [{"n": n, **problems.of_error(error)} for n, error in kept.refused.items()]
    return answers.json({"kept": kept.fresh, "known": kept.known, "late": kept.late, "refused": refused})
