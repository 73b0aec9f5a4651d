"""Looking for things in the layers: by name, by nearness, by number.

Open to everybody; what is asked decides (401 or 403), and the caller's scope decides which features there are. Answers
differ by caller, so nobody else may keep them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Response

from api import answers, looks
from api.answers import GEOJSON, JSON
from api.deps import Caller, Layers, Seeing
from api.schemas.answers import GeoJson, answering
from api.schemas.answers import features as described
from api.schemas.shapes import QueryText
from gisops.coordinates import to_wgs84
from gisops.errors import InvalidInput
from layers import counts, nearest, search
from layers.catalog import Catalog, Layer
from layers.features import BBox, parse_bbox
from layers.versions import extent_of_city
from layers.viewer import Viewer

router = APIRouter(prefix="/api", tags=["looking"])

OPEN = {"x-permission": "public", "x-scope": "read:layers"}
Box = Annotated[QueryText | None, Query(description="west,south,east,north in degrees (WGS-84)")]
Some = Annotated[
    QueryText | None, Query(description="Ids of layers, separated by commas; all that are open to the caller")
]


@router.get("/search", openapi_extra=OPEN, responses=answering(described.Hits))
def find(
    caller: Caller,
    catalog: Layers,
    conn: Seeing,
    q: Annotated[QueryText, Query(description="A key, the beginning of one, or part of a name; 2 to 64 characters")],
    layers: Some = None,
    bbox: Box = None,
    limit: Annotated[int, Query(ge=1, le=search.MAX_LIMIT)] = 20,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Features by their key or name: exact keys first, then exact names, then beginnings, then any part of a name."""
    viewer = looks.viewer_for(caller)
    asked = search.check_asked(q)
    named = _layers(catalog, layers, viewer, search.searchable(list(catalog), viewer))
    if unfit := [layer.id for layer in named if not layer.search]:
        fit = [layer.id for layer in catalog if layer.search and viewer.may_see(layer)]
        raise InvalidInput(f"Nothing is found by name in: {', '.join(unfit)}.", parameter="layers", layers=fit)
    found = search.search(conn, named, viewer, asked, bbox=_bbox(bbox), limit=limit)
    for layer in named:
        # Of an open layer nothing but what is open is found.
        looks.looked(conn, caller, layer, (), bbox, sum(hit.layer == layer.id for hit in found))
    body = orjson.dumps({"q": asked, "hits": [asdict(hit) for hit in found]})
    return answers.one_callers(body, JSON, if_none_match, kept=looks.public_only(viewer, named))


@router.get("/nearest", openapi_extra=OPEN, responses=answering(described.Nearest), response_class=GeoJson)
def near(
    caller: Caller,
    catalog: Layers,
    conn: Seeing,
    lon: Annotated[float, Query(description="In crs; east for a projected system.")],
    lat: Annotated[float, Query(description="In crs; north for a projected system.")],
    crs: Annotated[str, Query(max_length=64, description="WGS84, GCJ02, BD09, CGCS2000 or EPSG:n. Mandatory.")] = "",
    layers: Some = None,
    limit: Annotated[int, Query(ge=1, le=nearest.MAX_LIMIT)] = 10,
    within_m: Annotated[float, Query(gt=0, le=nearest.MAX_WITHIN_M, allow_inf_nan=False)] = 1_000,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The features nearest to a point, as GeoJSON, each with its ``layer`` and ``distance_m``, the nearest first."""
    viewer = looks.viewer_for(caller)
    lon, lat = to_wgs84(lon, lat, crs, extent_of_city(conn))
    named = _layers(catalog, layers, viewer, [layer for layer in catalog if viewer.may_see(layer)])
    found = nearest.nearest(conn, named, viewer, lon, lat, within_m=within_m, limit=limit)
    for layer in named:
        rows = sum(each.layer == layer.id for each in found)
        looks.looked(conn, caller, layer, viewer.fields_of(layer), f"{lon:.6f},{lat:.6f}", rows)
    body = b'{"type":"FeatureCollection","features":[%b],"lon":%b,"lat":%b}' % (
        b",".join(each.feature.encode() for each in found),
        orjson.dumps(lon),
        orjson.dumps(lat),
    )
    return answers.one_callers(body, GEOJSON, if_none_match, kept=looks.public_only(viewer, named))


@router.get("/layers/{layer_id}/count", openapi_extra=OPEN, responses=answering(described.Count))
def count(
    layer_id: str,
    caller: Caller,
    catalog: Layers,
    conn: Seeing,
    bbox: Box = None,
    by: Annotated[QueryText | None, Query(description="A field: how many there are of each of its values")] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """How many features the caller may see. Of a personal layer he may not see: about how many, by whole squares."""
    layer, viewer = catalog[layer_id], looks.viewer_for(caller)
    found = counts.count(conn, layer, viewer, bbox=_bbox(bbox), by=by)
    shown: dict[str, Any] = {
        "layer": layer.id,
        "count": found.count,
        "bbox": None if found.bbox is None else list(found.bbox),
        "fewest": found.fewest,
    }
    if found.groups is not None:
        shown |= {
            "by": by,
            "groups": [{"value": value, "count": number} for value, number in found.groups],
            "rest": found.rest,
        }
        looks.looked(conn, caller, layer, [layer.field(by or layer.key)], bbox, found.count)
    return answers.one_callers(orjson.dumps(shown), JSON, if_none_match, kept=viewer.sees_public_only(layer))


@router.get("/layers/{layer_id}/heat", openapi_extra=OPEN, responses=answering(described.Heat), response_class=GeoJson)
def heat(
    layer_id: str,
    caller: Caller,
    catalog: Layers,
    conn: Seeing,
    bbox: Box = None,
    cell: Annotated[int, Query(description="Zoom whose tiles are the squares: 14 (2 km) to 17 (300 m)")] = 15,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Counts by the squares of a fixed grid, as GeoJSON. Of a personal layer the caller may not see, squares that would
    tell of fewer than five are left out, and ``count`` is the sum of what is shown.
    """
    layer, viewer = catalog[layer_id], looks.viewer_for(caller)
    found = counts.heat(conn, layer, viewer, bbox=_bbox(bbox), zoom=cell)
    features = [
        {
            "type": "Feature",
            "id": f"{cell}/{x}/{y}",
            "geometry": {"type": "Polygon", "coordinates": [counts.outline(cell, x, y)]},
            "properties": {"count": number},
        }
        for x, y, number in found.squares
    ]
    shown = {
        "type": "FeatureCollection",
        "layer": layer.id,
        "cell": cell,
        "fewest": found.fewest,
        "count": sum(number for *_, number in found.squares),
        "features": features,
    }
    return answers.one_callers(orjson.dumps(shown), GEOJSON, if_none_match, kept=viewer.sees_public_only(layer))


def _layers(catalog: Catalog, named: str | None, viewer: Viewer, otherwise: Sequence[Layer]) -> list[Layer]:
    """The layers that were named, each of which must be open to the viewer; without any, ``otherwise``."""
    if named is None:
        return list(otherwise)
    return looks.named(catalog, [each.strip() for each in dict.fromkeys(named.split(","))], viewer)


def _bbox(text: str | None) -> BBox | None:
    return None if text is None else parse_bbox(text)
