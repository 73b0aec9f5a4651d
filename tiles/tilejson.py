"""TileJSON 3.0: what the tiles of layers hold, for whoever draws them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gisops.db.pool import Connection
from layers.catalog import Layer
from layers.versions import extent_of_city, joint, versions_of
from layers.viewer import Viewer
from tiles.mvt import is_public, tile_fields

# The whole of Web Mercator, until a city is loaded.
_WORLD = (-180.0, -85.05112878, 180.0, 85.05112878)


def tilejson(conn: Connection, layers: Sequence[Layer], viewer: Viewer, base_url: str) -> dict[str, Any]:
    """Describe the tiles of one layer, or of several in one, as this viewer gets them; ``base_url`` is the server's
    address, with its closing slash.

    Raises ``NotSignedIn`` or ``NotAllowed``.
    """
    described = [piece for layer in layers for piece in vector_layers(layer, viewer)]
    # Only what anybody may keep has a name to keep it by. A number that goes up would tell of changes one may not see.
    public = all(is_public(layer, viewer) for layer in layers)
    ids = [layer.id for layer in layers]
    version = joint(ids, versions_of(conn, layers)) if public else None
    west, south, east, north = extent_of_city(conn) or _WORLD
    minzoom, maxzoom = min(layer.minzoom for layer in layers), max(layer.maxzoom for layer in layers)
    address = f"{base_url}tiles/{','.join(ids)}/{{z}}/{{x}}/{{y}}.mvt"
    return {
        "tilejson": "3.0.0",
        "name": " + ".join(f"{layer.title_zh} · {layer.title_en}" for layer in layers),
        "description": " ".join(layer.description for layer in layers),
        "attribution": ", ".join(dict.fromkeys(layer.owner for layer in layers)),
        "scheme": "xyz",
        "tiles": [address + (f"?v={version}" if version else "")],
        "minzoom": minzoom,
        "maxzoom": maxzoom,
        "bounds": [west, south, east, north],
        "center": [(west + east) / 2, (south + north) / 2, min(maxzoom, max(minzoom, 14))],
        "vector_layers": described,
        "promoteId": layers[0].key if len(layers) == 1 else {layer.id: layer.key for layer in layers},
    }


def vector_layers(layer: Layer, viewer: Viewer) -> list[dict[str, Any]]:
    """Describe what lies in a layer's tiles, each with its attributes as this viewer gets them. Raises ``NotSignedIn``
    or ``NotAllowed``.
    """
    fields = tile_fields(layer, viewer)
    described = {field.name: f"{field.title_zh} · {field.title_en}: {field.meaning}" for field in fields}
    # Any tile may turn out too full to draw its features singly.
    drawn = described | {"count": "数量 · Count: how many features a square stands for, where it stands for some"}
    if layer.tiling.summed_area:
        drawn["area_m2"] = "占地面积 · Footprint, m²: the ground under what a square stands for"
    found: list[dict[str, Any]] = [
        {
            "id": layer.id,
            "description": layer.description,
            "minzoom": layer.minzoom,
            "maxzoom": layer.maxzoom,
            "fields": drawn,
        }
    ]
    if layer.tiling.label_minzoom is not None:
        found.append(
            {
                "id": f"{layer.id}_label",
                "description": f"Label points of {layer.title_en}",
                "minzoom": max(layer.minzoom, layer.tiling.label_minzoom),
                "maxzoom": layer.maxzoom,
                "fields": {field.name: described[field.name] for field in fields if field.in_labels},
            }
        )
    return found
