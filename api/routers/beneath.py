"""What lies below: under a point, a line or an area, and under a case.

Open to everybody where the layers are; what is asked decides (401 or 403), and the caller's scope decides which
features there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Response

from api import answers, looks
from api.answers import GEOJSON, JSON
from api.auth import Identity
from api.deps import PUBLIC_ROUTE, Caller, Layers, Seeing, SignedIn
from api.schemas.answers import GeoJson, answering
from api.schemas.answers import features as described
from api.schemas.beneath import BeneathIn
from api.schemas.shapes import QueryText
from gisops.access import api_keys
from gisops.cases import cases
from gisops.db.pool import Connection
from gisops.errors import InvalidInput
from layers import beneath, shapes
from layers.beneath import LINE_M, MAX_LIMIT, MAX_WITHIN_M, Found
from layers.catalog import Catalog, Layer
from layers.shapes import Shape
from layers.versions import extent_of_city
from layers.viewer import Viewer

router = APIRouter(prefix="/api", tags=["looking"])

# A geometry of as many vertices as are taken, with room for blanks.
GEOMETRY_BYTES = 1024 * 1024
MOST_LAYERS = 20
Within = Annotated[
    float | None,
    Query(
        ge=0,
        le=MAX_WITHIN_M,
        allow_inf_nan=False,
        description="Metres; without it 0 for areas, and 5 for lines and points",
    ),
]


@router.get(
    "/layers/{layer_ids}/at", openapi_extra=PUBLIC_ROUTE, responses=answering(described.Beneath), response_class=GeoJson
)
def at_point(
    layer_ids: str,
    caller: Caller,
    catalog: Layers,
    conn: Seeing,
    lon: Annotated[float, Query(description="In crs; east for a projected system.")],
    lat: Annotated[float, Query(description="In crs; north for a projected system.")],
    crs: Annotated[str, Query(max_length=64, description="WGS84, GCJ02, BD09, CGCS2000 or EPSG:n. Mandatory.")] = "",
    within_m: Within = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """What of some layers lies under a point: areas that hold it, lines and points at most 5 m beside it."""
    viewer = looks.viewer_for(caller)
    named = _named(catalog, layer_ids, viewer)
    asked = shapes.point(lon, lat, crs, extent_of_city(conn))
    body = _collection(_looked(conn, caller, named, viewer, asked, within_m, limit))
    return answers.one_callers(body, GEOJSON, if_none_match, kept=looks.public_only(viewer, named))


@router.post(
    "/layers/{layer_ids}/at", openapi_extra=PUBLIC_ROUTE, responses=answering(described.Beneath), response_class=GeoJson
)
def at_shape(layer_ids: str, body: BeneathIn, caller: Caller, catalog: Layers, conn: Seeing) -> Response:
    """What of some layers lies under a point, a line or an area, with the length or area that they have in common."""
    viewer = looks.viewer_for(caller)
    named = _named(catalog, layer_ids, viewer)
    asked = shapes.shape_of(body.geometry, body.crs, extent_of_city(conn))
    found = _looked(conn, caller, named, viewer, asked, body.within_m, body.limit)
    headers = {"Cache-Control": "private, no-store", "Vary": "Authorization, Cookie"}
    return Response(_collection(found), media_type=GEOJSON, headers=headers)


@router.get(
    "/cases/{case_no}/beneath",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    responses=answering(described.BeneathCase),
)
def at_case(
    case_no: str,
    caller: SignedIn,
    catalog: Layers,
    conn: Seeing,
    layers: Annotated[QueryText, Query(description="Ids of layers, separated by commas")] = "pipes",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """What lies under a case, anywhere in the circle in which its place is known, and whose it is: ``certain`` where
    everything there is one owner's.
    """
    api_keys.check_scope(caller.scopes, "read:layers")
    viewer = looks.viewer_for(caller)
    place = cases.place(conn, case_no)
    named = _named(catalog, layers, viewer)
    asked = shapes.point(place.lon, place.lat, "WGS84", None)
    reach = (place.accuracy_m or 0.0) + LINE_M
    within_m = min(reach, MAX_WITHIN_M)
    found = _looked(conn, caller, named, viewer, asked, within_m, MAX_LIMIT, object=case_no)
    owners, unknown = _owners(found, named)
    shown = {
        "case_no": case_no,
        "lon": place.lon,
        "lat": place.lat,
        "accuracy_m": place.accuracy_m,
        "within_m": within_m,
        "layers": [layer.id for layer in named],
        "owner": owners[0] if owners else None,
        # Where the place is not known better than it was looked around, somebody else's may lie there.
        "certain": len(owners) == 1 and not unknown and place.accuracy_m is not None and reach == within_m,
        "owners": owners,
        "features": [orjson.Fragment(each.feature) for each in found.features],
        "more": found.more,
    }
    return answers.one_callers(orjson.dumps(shown), JSON, if_none_match, kept=False)


def _named(catalog: Catalog, ids: str, viewer: Viewer) -> list[Layer]:
    """The layers that were named, each once, each of which must be open to the viewer."""
    named = list(dict.fromkeys(each.strip() for each in ids.split(",")))
    if len(named) > MOST_LAYERS:
        raise InvalidInput(
            f"{len(named)} layers were named; at most {MOST_LAYERS} are asked at once.", most=MOST_LAYERS
        )
    return looks.named(catalog, named, viewer)


def _looked(
    conn: Connection,
    caller: Identity | None,
    layers: Sequence[Layer],
    viewer: Viewer,
    asked: Shape,
    within_m: float | None,
    limit: int,
    *,
    object: str | None = None,
) -> Found:
    """What lies below, and a line in the audit for each layer of which that shows something personal."""
    found = beneath.beneath(conn, layers, viewer, asked, within_m=within_m, limit=limit)
    lon, lat = asked.middle
    place = f"{lon:.6f},{lat:.6f}" if asked.dimension == 0 else ",".join(f"{each:.6f}" for each in asked.bbox)
    for layer in layers:
        count = sum(each.layer == layer.id for each in found.features)
        looks.looked(conn, caller, layer, viewer.fields_of(layer), place, count, object=object)
    return found


def _collection(found: Found) -> bytes:
    return b'{"type":"FeatureCollection","features":[%b],"numberReturned":%d,"more":%b}' % (
        b",".join(each.feature.encode() for each in found.features),
        len(found.features),
        b"true" if found.more else b"false",
    )


def _owners(found: Found, layers: Sequence[Layer]) -> tuple[list[dict[str, Any]], bool]:
    """Whose all of it is, the nearest first, each with its nearest feature and how many there are; and whether there is
    anything of which that is not known.
    """
    by_id = {layer.id: layer for layer in layers}
    owners: dict[tuple[str | None, str | None], dict[str, Any]] = {}
    unknown = found.more
    for each in found.features:
        whose = beneath.whose(each.feature, by_id[each.layer])
        if whose is None:
            unknown = True
            continue
        nearest = {"layer": each.layer, "key": each.key, "distance_m": each.distance_m, "features": 0}
        owner = owners.setdefault((whose["code"], whose["name_zh"]), whose | nearest)
        owner["features"] += 1
    return list(owners.values()), unknown
