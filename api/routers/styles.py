"""The map's styles."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api import answers, looks
from api.deps import PUBLIC_ROUTE, Caller, Layers, Seeing
from gisops.errors import NotFound
from layers import style
from layers.versions import extent_of_city

router = APIRouter(tags=["layers"])


@router.get("/styles/{theme}.json", openapi_extra=PUBLIC_ROUTE)
def get_style(theme: str, conn: Seeing, caller: Caller, layers: Layers) -> Response:
    """MapLibre style (``day`` or ``dark``) of the layers open to the caller."""
    if theme not in style.THEMES:
        raise NotFound(f"There is no style {theme!r}.", style=theme, styles=list(style.THEMES))
    _, south, _, north = extent_of_city(conn) or (0.0, 0.0, 0.0, 0.0)
    return answers.plain(
        style.compose(looks.viewer_for(caller), theme, latitude=(south + north) / 2), answers.kept_by_nobody_else()
    )
