"""The map's styles, and the icons they are drawn with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Header, Query, Request, Response

from api import answers, looks
from api.basemaps import below
from api.deps import PUBLIC_ROUTE, Caller, Layers, Seeing
from api.map_fonts import fonts
from api.schemas.answers import answering
from api.schemas.answers import maps as described
from gisops.db.pool import Connection
from gisops.errors import NotFound
from layers import icons, style
from layers.catalog import CatalogError
from layers.versions import extent_of_city

router = APIRouter(tags=["layers"])

# Whoever asks without the reader's session, as a page of another origin must, is told what a stranger is told.
_ANY_PAGE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
_FOR_EVER = "public, max-age=31536000, immutable"

IfNoneMatch = Annotated[str | None, Header()]
Version = Annotated[str | None, Query(description="Name of the present icons, as in the styles")]


# The same drawings for everybody: whoever asks is not looked at.
_DRAWN = {"x-permission": "public", "x-scope": "none"}


# Before the styles, whose address would take it for one of theirs.
@router.get("/styles/sprite.json", openapi_extra=_DRAWN, responses=answering(dict[str, described.Icon]))
def list_icons(v: Version = None, if_none_match: IfNoneMatch = None) -> Response:
    """Where each icon is in the map's sprite."""
    return _icons(orjson.dumps(icons.sprite(1)[0]), answers.JSON, v, if_none_match)


@router.get("/styles/sprite@2x.json", openapi_extra=_DRAWN, responses=answering(dict[str, described.Icon]))
def list_large_icons(v: Version = None, if_none_match: IfNoneMatch = None) -> Response:
    """Where each icon is in the sprite for screens with small pixels."""
    return _icons(orjson.dumps(icons.sprite(2)[0]), answers.JSON, v, if_none_match)


_PICTURE: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}


@router.get("/styles/sprite.png", openapi_extra=_DRAWN, response_class=Response, responses=_PICTURE)
def draw_icons(v: Version = None, if_none_match: IfNoneMatch = None) -> Response:
    """The map's sprite: every icon, as distances from its edge (``sdf``)."""
    return _icons(icons.sprite(1)[1], "image/png", v, if_none_match)


@router.get("/styles/sprite@2x.png", openapi_extra=_DRAWN, response_class=Response, responses=_PICTURE)
def draw_large_icons(v: Version = None, if_none_match: IfNoneMatch = None) -> Response:
    """The sprite for screens with small pixels."""
    return _icons(icons.sprite(2)[1], "image/png", v, if_none_match)


@router.get("/styles/{theme}.json", openapi_extra=PUBLIC_ROUTE, responses=answering(described.Style))
def get_style(
    request: Request, theme: str, conn: Seeing, caller: Caller, layers: Layers, if_none_match: IfNoneMatch = None
) -> Response:
    """MapLibre style (``day``, ``dark``, or ``screen`` for walls) of the layers open to the caller."""
    if theme not in style.THEMES:
        raise NotFound(f"There is no style {theme!r}.", style=theme, styles=list(style.THEMES))
    return _style(
        style.compose(looks.viewer_for(caller), theme, layers, _place(request, conn), below(request, theme)),
        if_none_match,
    )


@router.get("/styles/layers/{layer_id}.json", openapi_extra=PUBLIC_ROUTE, responses=answering(described.Style))
def get_layer_style(
    request: Request,
    layer_id: str,
    conn: Seeing,
    caller: Caller,
    layers: Layers,
    theme: Literal["day", "dark", "screen"] = "day",
    if_none_match: IfNoneMatch = None,
) -> Response:
    """MapLibre style of one layer alone over an empty ground, for any map that reads such styles."""
    layer = layers[layer_id]
    place = _place(request, conn, layer.minzoom)
    try:
        drawn = style.alone(looks.viewer_for(caller), theme, layer, place)
    except CatalogError as error:
        # Of a city's own layer only: the shipped ones are drawn in the tests.
        raise NotFound(f"The layer {layer_id} has no style that can be drawn: {error}", layer=layer_id) from error
    return _style(drawn, if_none_match)


def _place(request: Request, conn: Connection, at_least: int = 0) -> style.Place:
    base = str(request.base_url)
    extent = extent_of_city(conn)
    if extent is None:
        return style.Place(base, fonts(base))
    return style.Place(base, fonts(base), *_view(extent, at_least))


def _view(extent: Sequence[float], at_least: int) -> tuple[tuple[float, float], float]:
    """The middle of the city, and a zoom at which some of it is in sight."""
    west, south, east, north = extent
    return ((west + east) / 2, (south + north) / 2), max(12, at_least)


def _style(drawn: dict[str, Any], if_none_match: str | None) -> Response:
    answer = answers.one_callers(orjson.dumps(drawn), answers.JSON, if_none_match, kept=True)
    answer.headers.update(_ANY_PAGE)
    return answer


def _icons(content: bytes, media_type: str, v: str | None, if_none_match: str | None) -> Response:
    tag = answers.tag(content)
    kept = _FOR_EVER if v == icons.version() else "public, no-cache"
    headers = {**_ANY_PAGE, "ETag": tag, "Cache-Control": kept}
    if answers.has(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
