"""Layers as vector tiles through open standards: OGC API - Tiles. The tiles are those of ``/tiles``, byte for byte."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Response

from api import answers, looks, ogc_pages, ogc_tiles, tile_answers
from api.deps import PUBLIC_ROUTE, Caller, Layers, Seeing
from api.ogc_documents import HTML
from api.ogc_route import OgcRoute
from api.schemas.answers import answering, in_form
from api.schemas.answers import ogc as described
from layers.versions import extent_of_city
from tiles.mvt import CONTENT_TYPE

# As OpenAPI wants the names of OGC 20-057, and Python does not.
MatrixSet = Annotated[str, Path(alias="tileMatrixSetId", description="WebMercatorQuad")]
Matrix = Annotated[str, Path(alias="tileMatrix", description="Zoom, as the tileset's limits list them")]
Row = Annotated[int, Path(alias="tileRow", ge=0, description="Counted from the north, from 0")]
Column = Annotated[int, Path(alias="tileCol", ge=0, description="Counted from the west, from 0")]
Collections = Annotated[
    str | None,
    Query(description="Ids of collections, with commas between: at most 20, each once; the last is drawn on top"),
]
Version = Annotated[str | None, Query(description="Content version, as in the tileset's template")]
Form = Annotated[
    Literal["json", "html"] | None, Query(alias="f", description="json or html; without it as Accept prefers")
]
TileForm = Annotated[Literal["mvt"] | None, Query(alias="f", description="mvt")]
TILE = in_form(CONTENT_TYPE, _204="Nothing lies there", _304="What the caller has is what there is")

router = APIRouter(prefix="/ogc", tags=["layers"], route_class=OgcRoute)


@router.get(
    "/tileMatrixSets",
    openapi_extra=PUBLIC_ROUTE,
    operation_id="getTileMatrixSetsList",
    responses=answering(described.MatrixSets, HTML),
)
def tile_matrix_sets(request: Request, form: Form = None) -> Response:
    """List the tiling schemes."""
    return _document(request, form, ogc_tiles.matrix_sets(str(request.base_url)), "切片方案 · Tiling schemes")


@router.get(
    "/tileMatrixSets/{tileMatrixSetId}",
    openapi_extra=PUBLIC_ROUTE,
    operation_id="getTileMatrixSet",
    responses=answering(described.MatrixSet, HTML),
)
def tile_matrix_set(request: Request, matrix_set: MatrixSet, form: Form = None) -> Response:
    """Describe a tiling scheme, as it is registered."""
    ogc_tiles.require_matrix_set(matrix_set)
    return _document(request, form, ogc_tiles.matrix_set(), matrix_set)


@router.get(
    "/tiles",
    openapi_extra=PUBLIC_ROUTE,
    operation_id="ogc.dataset.vector.getTileSetsList",
    responses=answering(described.Tilesets, HTML),
)
def dataset_tilesets(
    request: Request,
    conn: Seeing,
    caller: Caller,
    layers: Layers,
    collections: Collections = None,
    form: Form = None,
) -> Response:
    """List the tilesets of several layers in one: one in each tiling scheme."""
    base = str(request.base_url)
    viewer = looks.viewer_for(caller)
    chosen = ogc_tiles.chosen(layers, viewer, collections)
    told = ogc_tiles.of_dataset(conn, chosen, viewer, base, extent_of_city(conn), named=collections is not None)
    return _document(request, form, ogc_tiles.in_list(told, f"{base}ogc/tiles", told["title"]), told["title"])


@router.get(
    "/tiles/{tileMatrixSetId}",
    openapi_extra=PUBLIC_ROUTE,
    operation_id="ogc.dataset.vector.getTileSet",
    responses=answering(described.Tileset, HTML),
)
def dataset_tileset(
    request: Request,
    matrix_set: MatrixSet,
    conn: Seeing,
    caller: Caller,
    layers: Layers,
    collections: Collections = None,
    form: Form = None,
) -> Response:
    """Describe the tiles of several layers in one, as the caller gets them."""
    ogc_tiles.require_matrix_set(matrix_set)
    viewer = looks.viewer_for(caller)
    chosen = ogc_tiles.chosen(layers, viewer, collections)
    told = ogc_tiles.of_dataset(
        conn, chosen, viewer, str(request.base_url), extent_of_city(conn), named=collections is not None
    )
    return _document(request, form, told, told["title"])


@router.get(
    "/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
    openapi_extra=PUBLIC_ROUTE,
    operation_id="ogc.dataset.vector.getTile",
    responses=TILE,
    response_class=Response,
)
def dataset_tile(
    request: Request,
    matrix_set: MatrixSet,
    matrix: Matrix,
    row: Row,
    column: Column,
    conn: Seeing,
    caller: Caller,
    layers: Layers,
    collections: Collections = None,
    v: Version = None,
    form: TileForm = None,
    if_none_match: Annotated[str | None, Header()] = None,
    accept_encoding: Annotated[str, Header()] = "",
) -> Response:
    """One vector tile of several layers; those that have none at this zoom are not in it."""
    ogc_tiles.require_matrix_set(matrix_set)
    chosen = ogc_tiles.chosen(layers, looks.viewer_for(caller), collections)
    at = ogc_tiles.at(chosen, extent_of_city(conn), matrix, row, column)
    # What is chosen for a viewer is his: a name says that everybody gets the same.
    v = v if collections is not None else None
    return tile_answers.answer(
        request, conn, caller, chosen, at, v=v, if_none_match=if_none_match, accept_encoding=accept_encoding
    )


@router.get(
    "/collections/{layer_id}/tiles",
    openapi_extra=PUBLIC_ROUTE,
    operation_id="ogc.collection.vector.getTileSetsList",
    responses=answering(described.Tilesets, HTML),
)
def collection_tilesets(
    request: Request, layer_id: str, conn: Seeing, caller: Caller, layers: Layers, form: Form = None
) -> Response:
    """List the tilesets of a layer: one in each tiling scheme."""
    layer, base = layers[layer_id], str(request.base_url)
    told = ogc_tiles.of_layer(conn, layer, looks.viewer_for(caller), base, extent_of_city(conn))
    here = f"{base}ogc/collections/{layer.id}/tiles"
    return _document(request, form, ogc_tiles.in_list(told, here, told["title"]), told["title"])


@router.get(
    "/collections/{layer_id}/tiles/{tileMatrixSetId}",
    openapi_extra=PUBLIC_ROUTE,
    operation_id="ogc.collection.vector.getTileSet",
    responses=answering(described.Tileset, HTML),
)
def collection_tileset(
    request: Request,
    layer_id: str,
    matrix_set: MatrixSet,
    conn: Seeing,
    caller: Caller,
    layers: Layers,
    form: Form = None,
) -> Response:
    """Describe the tiles of a layer, as the caller gets them."""
    layer, viewer = layers[layer_id], looks.viewer_for(caller)
    viewer.require(layer)
    ogc_tiles.require_matrix_set(matrix_set)
    told = ogc_tiles.of_layer(conn, layer, viewer, str(request.base_url), extent_of_city(conn))
    return _document(request, form, told, told["title"])


@router.get(
    "/collections/{layer_id}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
    openapi_extra=PUBLIC_ROUTE,
    operation_id="ogc.collection.vector.getTile",
    responses=TILE,
    response_class=Response,
)
def collection_tile(
    request: Request,
    layer_id: str,
    matrix_set: MatrixSet,
    matrix: Matrix,
    row: Row,
    column: Column,
    conn: Seeing,
    caller: Caller,
    layers: Layers,
    v: Version = None,
    form: TileForm = None,
    if_none_match: Annotated[str | None, Header()] = None,
    accept_encoding: Annotated[str, Header()] = "",
) -> Response:
    """One vector tile of a layer."""
    layer = layers[layer_id]
    looks.viewer_for(caller).require(layer)
    ogc_tiles.require_matrix_set(matrix_set)
    at = ogc_tiles.at([layer], extent_of_city(conn), matrix, row, column)
    return tile_answers.answer(
        request, conn, caller, [layer], at, v=v, if_none_match=if_none_match, accept_encoding=accept_encoding
    )


def _document(request: Request, form: str | None, told: dict[str, Any], heading: str) -> Response:
    headers = answers.kept_by_nobody_else() | {"Vary": "Accept, Authorization, Cookie"}
    if ogc_pages.wants_html(request, form):
        turned = {"self": "alternate", "alternate": "self"}
        links = [link | {"rel": turned.get(link["rel"], link["rel"])} for link in told.get("links", ())]
        return Response(ogc_pages.document(heading, told | {"links": links}), media_type=HTML, headers=headers)
    return answers.plain(told, headers)
