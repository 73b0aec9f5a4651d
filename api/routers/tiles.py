"""Layers as vector tiles, and what describes them (TileJSON)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import WithJsonSchema

from api import answers, looks, tile_answers
from api.deps import PUBLIC_ROUTE, Caller, Layers, Looking, Seeing
from api.schemas.answers import answering, in_form
from api.schemas.answers.maps import TileJson
from gisops.db.pool import Connection
from tiles.grid import MAX_ZOOM, tile_named
from tiles.mvt import CONTENT_TYPE
from tiles.tilejson import tilejson

router = APIRouter(tags=["layers"])

LayerIds = Annotated[str, Path(description="Ids of layers, with commas between them: each once, at most 20")]
# Read as text, so that what is no number is an address where there is nothing, like a number that is too large.
Zoom = Annotated[str, WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MAX_ZOOM})]
Step = Annotated[str, WithJsonSchema({"type": "integer", "minimum": 0})]


@router.get("/tiles/{layer_ids}.json", openapi_extra=PUBLIC_ROUTE, responses=answering(TileJson))
def describe_tiles(request: Request, layer_ids: LayerIds, conn: Seeing, caller: Caller, layers: Layers) -> Response:
    """TileJSON 3.0 of one layer or several, as the caller gets their tiles."""
    chosen = tile_answers.layers_named(layers, layer_ids)
    return answers.plain(
        tilejson(conn, chosen, looks.viewer_for(caller), str(request.base_url)), answers.kept_by_nobody_else()
    )


@router.get(
    "/tiles/{layer_ids}/{z}/{x}/{y}.mvt",
    openapi_extra=PUBLIC_ROUTE,
    response_class=Response,
    responses=in_form(CONTENT_TYPE, _204="Nothing lies there", _304="What the caller has is what there is"),
)
async def get_tile(
    request: Request,
    layer_ids: LayerIds,
    z: Zoom,
    x: Step,
    y: Step,
    look: Looking,
    caller: Caller,
    layers: Layers,
    v: Annotated[str | None, Query(description="Name of the public content, as in the TileJSON")] = None,
    if_none_match: Annotated[str | None, Header()] = None,
    accept_encoding: Annotated[str, Header()] = "",
) -> Response:
    """One vector tile, of one layer or several."""
    chosen, viewer = tile_answers.layers_named(layers, layer_ids), looks.viewer_for(caller)
    # A closed layer is refused before a wrong question about it.
    for layer in chosen:
        viewer.require(layer)
    at = tile_named(z, x, y)

    def answer(conn: Connection) -> Response:
        return tile_answers.answer(
            request, conn, caller, chosen, at, v=v, if_none_match=if_none_match, accept_encoding=accept_encoding
        )

    return await look.at(answer)
