"""The base map, where the setting names a PMTiles file: its tiles, and what describes them (TileJSON)."""

from __future__ import annotations

import gzip
import zlib
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query, Request, Response

from api import answers, basemaps
from api.basemaps import Below
from api.schemas.answers import answering, in_form
from api.schemas.answers.maps import TileJson
from tiles.grid import tile_at
from tiles.pmtiles_file import MEDIA_TYPES, BrokenArchive

router = APIRouter(tags=["layers"])

# It is the same for everybody and holds nothing of ours: any page may draw it.
_ANY_PAGE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
_FOR_EVER = "public, max-age=31536000, immutable"
_TILE = tuple(MEDIA_TYPES.values())


@router.get("/basemap.json", openapi_extra={"x-permission": "public", "x-scope": "none"}, responses=answering(TileJson))
def describe_basemap(request: Request, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """TileJSON 3.0 of the base map; 404 where there is none, or where it is somebody else's."""
    below: Below = request.app.state.below
    file = below.archive()
    described = orjson.dumps(basemaps.tilejson(file, below.attribution(file), str(request.base_url)))
    headers = {**_ANY_PAGE, "ETag": answers.tag(described), "Cache-Control": "public, no-cache"}
    if answers.has(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(described, media_type=answers.JSON, headers=headers)


@router.get(
    "/basemap/{z}/{x}/{y}",
    openapi_extra={"x-permission": "public", "x-scope": "none"},
    response_class=Response,
    responses=in_form(*_TILE, _204="Nothing lies there"),
)
def get_basemap_tile(
    request: Request,
    z: int,
    x: int,
    y: int,
    v: Annotated[str | None, Query(description="Content version, as in the TileJSON")] = None,
    if_none_match: Annotated[str | None, Header()] = None,
    accept_encoding: Annotated[str, Header()] = "",
) -> Response:
    """One tile of the base map, as it is in the file."""
    below: Below = request.app.state.below
    at = tile_at(z, x, y)
    file = below.archive()
    held = file.held
    tile = file.tile(at.z, at.x, at.y)
    # Of the file and the address: what is in the tile need not be looked at.
    tag = f'W/"{held.version}-{z}-{x}-{y}"'
    headers = {
        **_ANY_PAGE,
        "ETag": tag,
        "Cache-Control": _FOR_EVER if v == held.version else "public, no-cache",
        "Vary": "Accept-Encoding",
    }
    if answers.has(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    if not tile:
        return Response(status_code=204, headers=headers)
    if held.gzipped and "gzip" in accept_encoding:
        headers["Content-Encoding"] = "gzip"
    elif held.gzipped:
        try:
            tile = gzip.decompress(tile)
        except (OSError, EOFError, zlib.error) as error:
            raise BrokenArchive(f"The tile {z}/{x}/{y} of the base map cannot be unpacked.") from error
    return Response(tile, media_type=held.media_type, headers=headers)
