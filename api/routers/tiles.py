"""Layers as vector tiles, and what describes them (TileJSON)."""

from __future__ import annotations

import gzip
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from api import answers, looks
from api.deps import PUBLIC_ROUTE, Caller, Layers, Seeing
from layers.catalog import Layer
from layers.viewer import Viewer
from tiles.cache import TileCache
from tiles.grid import tile_at
from tiles.mvt import CONTENT_TYPE, draw, is_public, tile_fields
from tiles.tilejson import tilejson

YEAR_S, DAY_S = 31_536_000, 86_400

router = APIRouter(tags=["layers"])


@router.get("/tiles/{layer_id}.json", openapi_extra=PUBLIC_ROUTE)
def describe_tiles(request: Request, layer_id: str, conn: Seeing, caller: Caller, layers: Layers) -> Response:
    """TileJSON 3.0 of one layer, as the caller gets its tiles."""
    layer = layers[layer_id]
    return answers.plain(
        tilejson(conn, layer, looks.viewer_for(caller), str(request.base_url)), answers.kept_by_nobody_else()
    )


@router.get(
    "/tiles/{layer_id}/{z}/{x}/{y}.mvt",
    openapi_extra=PUBLIC_ROUTE,
    responses={200: {"content": {CONTENT_TYPE: {}}}, 204: {"description": "Nothing lies there"}},
)
def get_tile(
    request: Request,
    layer_id: str,
    z: int,
    x: int,
    y: int,
    conn: Seeing,
    caller: Caller,
    layers: Layers,
    v: Annotated[str | None, Query(description="Content version, as in the TileJSON")] = None,
    if_none_match: Annotated[str | None, Header()] = None,
    accept_encoding: Annotated[str, Header()] = "",
) -> Response:
    """One vector tile."""
    layer, viewer = layers[layer_id], looks.viewer_for(caller)
    viewer.require(layer)
    at = tile_at(z, x, y)
    if is_public(layer, viewer):
        kept: TileCache = request.app.state.tiles
        drawn, version = kept.tile(conn, layer, viewer, at)
    else:
        (drawn, shown), version = draw(conn, layer, viewer, at), None
        looks.looked(conn, caller, layer, tile_fields(layer, viewer), f"{z}/{x}/{y}", shown)
    current = v is not None and v == version
    tag = answers.tag(drawn)
    headers = {
        "ETag": tag,
        "Cache-Control": _cache_control(layer, viewer, current),
        "Vary": "Accept-Encoding, Authorization, Cookie",
    }
    if is_public(layer, viewer):
        # What anybody may keep, any page may draw: a planner's saved map, another city's portal. To a page of another
        # origin browsers send no session with "*", so it never sees more than a stranger does.
        headers |= {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
    if answers.has(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    if not drawn:
        return Response(status_code=204, headers=headers)
    if "gzip" in accept_encoding and len(drawn) > 500:
        # Level 1: half a millisecond, and the next level's few per cent are not worth ten times that.
        drawn, headers["Content-Encoding"] = gzip.compress(drawn, 1, mtime=0), "gzip"
    return Response(drawn, media_type=CONTENT_TYPE, headers=headers)


def _cache_control(layer: Layer, viewer: Viewer, current: bool) -> str:
    """Who may keep a tile, and for how long.

    What anybody may see is kept by anybody: for good under its version's name, and to ask again otherwise. Everything
    else is one viewer's own and kept by nobody: it is made anew in a few milliseconds, and a copy outlives a scope.
    """
    if not is_public(layer, viewer):
        return "private, no-store"
    if current:
        return f"public, max-age={DAY_S if layer.in_force else YEAR_S}, immutable"
    return "public, no-cache"
