"""TileJSON 3.0: what a layer's tiles hold, for whoever draws them."""

from __future__ import annotations

from typing import Any

from gisops.db.pool import Connection
from layers.catalog import Layer
from layers.versions import extent_of_city, version_of
from layers.viewer import Viewer
from tiles.mvt import is_public, tile_fields

# The whole of Web Mercator, until a city is loaded.
_WORLD = (-180.0, -85.05112878, 180.0, 85.05112878)


def tilejson(conn: Connection, layer: Layer, viewer: Viewer, base_url: str) -> dict[str, Any]:
    """Describe a layer's tiles as this viewer gets them; ``base_url`` is the server's address, with its closing slash.

    Raises ``NotSignedIn`` or ``NotAllowed``.
    """
    fields = tile_fields(layer, viewer)
    # Only what anybody may keep has a name to keep it by. A number that goes up would tell of changes one may not see.
    version = version_of(conn, layer) if is_public(layer, viewer) else None
    west, south, east, north = extent_of_city(conn) or _WORLD
    described = {field.name: f"{field.title_zh} · {field.title_en}: {field.meaning}" for field in fields}
    # Any tile may turn out too full to draw its features singly.
    drawn = described | {"count": "数量 · Count: how many features a square stands for, where it stands for some"}
    vector_layers: list[dict[str, Any]] = [
        {
            "id": layer.id,
            "description": layer.description,
            "minzoom": layer.minzoom,
            "maxzoom": layer.maxzoom,
            "fields": drawn,
        }
    ]
    if layer.tiling.label_minzoom is not None:
        vector_layers.append(
            {
                "id": f"{layer.id}_label",
                "description": f"Label points of {layer.title_en}",
                "minzoom": max(layer.minzoom, layer.tiling.label_minzoom),
                "maxzoom": layer.maxzoom,
                "fields": {field.name: described[field.name] for field in fields if field.in_labels},
            }
        )
    return {
        "tilejson": "3.0.0",
        "name": f"{layer.title_zh} · {layer.title_en}",
        "description": layer.description,
        "attribution": layer.owner,
        "scheme": "xyz",
        "tiles": [f"{base_url}tiles/{layer.id}/{{z}}/{{x}}/{{y}}.mvt" + (f"?v={version}" if version else "")],
        "minzoom": layer.minzoom,
        "maxzoom": layer.maxzoom,
        "bounds": [west, south, east, north],
        "center": [(west + east) / 2, (south + north) / 2, max(layer.minzoom, 14)],
        "vector_layers": vector_layers,
        "promoteId": layer.key,
    }
