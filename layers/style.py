"""The map's style (MapLibre style 8), composed of what each layer's ``style.json`` says about itself.

A fragment holds ``colours`` (one palette per theme) and ``layers``; ``$name`` anywhere in a fragment is a colour of
the palette; ``$metre`` is how many pixels a metre takes at zoom 18, so that what has a width is drawn as wide as it
is. What lies above what is not the order of folders alone: ground, areas, lines, borders, points, then all labels,
each in catalogue order.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from typing import Any

from layers.catalog import Catalog, CatalogError, Layer, load_catalog
from layers.viewer import Viewer

THEMES = ("day", "dark")
_LEVELS = ("ground", "areas", "lines", "borders", "points", "labels")
_LEVEL_OF_TYPE = {"fill": "areas", "line": "lines", "circle": "points", "symbol": "labels"}
_EQUATOR_M = 40_075_016.686
# Beyond the city's edge: sea, or another city; calm either way.
_BACKGROUND = {"day": "#e3e3e1", "dark": "#0c0f13"}


def compose(viewer: Viewer, theme: str, catalog: Catalog | None = None, latitude: float = 0.0) -> dict[str, Any]:
    """Compose the style of one theme (``day`` or ``dark``) from the layers this viewer may see.

    ``latitude`` of the city's middle, degrees: Web Mercator draws a metre the larger the further from the equator.
    No ``glyphs``: text is drawn from the fonts of the page. Each source is the layer's TileJSON.
    """
    seen = [layer for layer in catalog or load_catalog() if viewer.may_see(layer)]
    drawn = [piece for layer in seen for piece in fragments(layer, theme, round(latitude, 1))]
    drawn.sort(key=lambda piece: _LEVELS.index(piece["metadata"]["gisops:level"]))
    return {
        "version": 8,
        "name": f"gisops {theme}",
        "metadata": {"gisops:theme": theme, "gisops:layers": [layer.id for layer in seen]},
        "sources": {
            layer.id: {"type": "vector", "url": f"/tiles/{layer.id}.json", "promoteId": layer.key} for layer in seen
        },
        "layers": [
            {"id": "background", "type": "background", "paint": {"background-color": _BACKGROUND[theme]}},
            *drawn,
        ],
    }


@lru_cache(maxsize=256)
def fragments(layer: Layer, theme: str, latitude: float = 0.0) -> tuple[dict[str, Any], ...]:
    """Return the style layers of one layer in one theme. Raises ``CatalogError`` for a fragment that cannot be
    composed.
    """
    told = json.loads(layer.style)
    palettes = told.get("colours", {})
    if set(palettes) != set(THEMES) or len({frozenset(palette) for palette in palettes.values()}) != 1:
        raise CatalogError(f"{layer.id}/style.json: colours must hold the same names for {' and '.join(THEMES)}")
    metre = 512 * 2**18 / (_EQUATOR_M * math.cos(math.radians(latitude)))
    named = {**palettes[theme], "metre": round(metre, 3)}
    return tuple(_fragment(layer, piece, named) for piece in told["layers"])


def _fragment(layer: Layer, piece: dict[str, Any], palette: dict[str, Any]) -> dict[str, Any]:
    where = f"{layer.id}/style.json: {piece.get('id')}"
    metadata = dict(piece.get("metadata", {}))
    level = metadata.setdefault("gisops:level", _LEVEL_OF_TYPE.get(str(piece.get("type")), ""))
    if level not in _LEVELS:
        raise CatalogError(f"{where}: metadata gisops:level must be one of {', '.join(_LEVELS)}")
    metadata["gisops:layer"] = layer.id
    if layer.shown is False:
        piece = {**piece, "layout": {**piece.get("layout", {}), "visibility": "none"}}
    whole = {
        "id": f"{layer.id}-{piece['id']}",
        "type": piece["type"],
        "source": layer.id,
        "source-layer": piece.get("source-layer", layer.id),
        **{key: value for key, value in piece.items() if key not in {"id", "type", "source-layer"}},
        "metadata": metadata,
    }
    coloured: dict[str, Any] = _coloured(whole, palette, where)
    return coloured


def _coloured(value: Any, palette: dict[str, Any], where: str) -> Any:
    if isinstance(value, str) and value.startswith("$"):
        if value[1:] not in palette:
            raise CatalogError(f"{where}: there is no colour {value} in its palette")
        return palette[value[1:]]
    if isinstance(value, dict):
        return {key: _coloured(item, palette, where) for key, item in value.items()}
    if isinstance(value, list):
        return [_coloured(item, palette, where) for item in value]
    return value
