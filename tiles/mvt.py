"""Cutting a layer into vector tiles.

The database does all of it (ST_AsMVT over the stored Web Mercator geometry). What would make a tile too heavy is
counted, never dropped: below the layer's ``counted_below``, or where a tile is too full, squares with a ``count``
stand for the features.
"""

from __future__ import annotations

from functools import lru_cache

from psycopg import sql

from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import NotFound
from layers.catalog import Field, Layer
from layers.classes import CLASSES, PUBLIC
from layers.viewer import Viewer
from tiles.grid import Tile

MAX_BYTES = 500_000
CONTENT_TYPE = "application/vnd.mapbox-vector-tile"
_SQL = load("tiles", "mvt.sql")
_WORLD_M = 2 * 20037508.342789244


def tile(conn: Connection, layer: Layer, viewer: Viewer, at: Tile) -> bytes:
    """Cut one tile of a layer for a viewer; see `draw`."""
    return draw(conn, layer, viewer, at)[0]


def draw(conn: Connection, layer: Layer, viewer: Viewer, at: Tile) -> tuple[bytes, int]:
    """Cut one tile of a layer for a viewer, on their own connection (``gisops.scopes.look_as``); empty bytes where
    nothing lies there that they may see. With the number of features that are shown singly: those that are only counted
    tell nothing of any.

    The MVT layer is named like the layer; polygons with labels have a second one, ``<id>_label``. Attributes are
    those of ``tile_fields``. Raises ``NotSignedIn``, ``NotAllowed``, or ``NotFound`` beyond the layer's zooms.
    """
    fields = tile_fields(layer, viewer)
    if not layer.minzoom <= at.z <= layer.maxzoom:
        raise NotFound(
            f"The layer {layer.id} has tiles for zoom {layer.minzoom} to {layer.maxzoom}.",
            layer=layer.id,
            minzoom=layer.minzoom,
            maxzoom=layer.maxzoom,
        )
    values = {
        "z": at.z,
        "x": at.x,
        "y": at.y,
        "side": _WORLD_M / (1 << at.z),
        "most": layer.tiling.max_features,
        "buffer": layer.tiling.buffer,
        "hidden": [value for value, zoom in layer.tiling.by_zoom if at.z < zoom],
    }
    public = is_public(layer, viewer)
    if at.z < layer.tiling.counted_below:
        return _run(conn, "squares", layer, fields, public, values), 0
    row = conn.execute(_statement("features", layer, fields, public), values).fetchone()
    if row is None or not row["found"]:
        return b"", 0
    drawn = bytes(row["tile"] or b"")
    if row["found"] > layer.tiling.max_features or len(drawn) > MAX_BYTES:
        return _run(conn, "squares", layer, fields, public, values), 0
    if layer.tiling.label_minzoom is not None and at.z >= layer.tiling.label_minzoom:
        # The layers of a tile are a repeated field: two tiles one after the other are one tile with both.
        labels = tuple(field for field in fields if field.in_labels)
        drawn += _run(conn, "labels", layer, labels, public, values)
    return drawn, row["found"]


def tile_fields(layer: Layer, viewer: Viewer) -> tuple[Field, ...]:
    """Return the attributes this viewer's tiles of a layer carry. Raises ``NotSignedIn`` or ``NotAllowed``."""
    return tuple(field for field in viewer.fields_of(layer) if field.in_tiles)


def is_public(layer: Layer, viewer: Viewer) -> bool:
    """Tell whether what this viewer's tiles hold may be kept by anybody: nothing in them is above the public class."""
    seen = {layer.field_class, *(field.field_class for field in tile_fields(layer, viewer))}
    return max(seen, key=CLASSES.index) == PUBLIC


def _run(
    conn: Connection, name: str, layer: Layer, fields: tuple[Field, ...], public: bool, values: dict[str, object]
) -> bytes:
    row = conn.execute(_statement(name, layer, fields, public), values).fetchone()
    return bytes(row["tile"]) if row and row["tile"] else b""


# The box of a statement as it stands there; a window must be told it, as no condition reaches into a function.
_BOXES = {
    "features": "ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => %(buffer)s / 4096.0)",
    "labels": "ST_TileEnvelope(%(z)s, %(x)s, %(y)s)",
    "squares": "ST_TileEnvelope(%(z)s, %(x)s, %(y)s)",
}


def _source(name: str, layer: Layer, public: bool) -> sql.Composable:
    """What a statement reads: the view's public columns, or the window of whoever may see more."""
    if public:
        return sql.Identifier(layer.relation)
    box = sql.SQL(_BOXES[name])
    if name == "squares" and layer.tiling.by_zoom_field is None:
        return sql.SQL("{}({}) AS seen (geom_3857)").format(sql.Identifier(f"dots_{layer.id}"), box)
    most = sql.SQL("%(most)s + 1" if name == "features" and layer.tiling.by_zoom_field is None else "NULL")
    return sql.SQL("{}({}, {})").format(sql.Identifier(f"tile_{layer.id}"), box, most)


@lru_cache(maxsize=512)
def _statement(name: str, layer: Layer, fields: tuple[Field, ...], public: bool) -> str:
    """Fill one named statement with a layer's own names, all of them quoted identifiers from its checked folder."""
    hides = layer.tiling.by_zoom_field
    filled = sql.SQL(_SQL[name]).format(
        source=_source(name, layer, public),
        box=sql.SQL(_BOXES[name]),
        layer=sql.Literal(f"{layer.id}_label" if name == "labels" else layer.id),
        key=sql.Identifier(layer.key),
        columns=sql.SQL(", ").join(_column(field) for field in fields),
        names=sql.SQL(", ").join(sql.Identifier(field.name) for field in fields),
        shown=sql.SQL("NOT {}::text = ANY(%(hidden)s::text[])").format(sql.Identifier(hides))
        if hides
        else sql.SQL("true"),
    )
    return filled.as_string(None)


def _column(field: Field) -> sql.Composable:
    """A tile has no type for moments: they go as ISO 8601 text, as in GeoJSON."""
    name = sql.Identifier(field.name)
    return sql.SQL("to_json({}) #>> '{{}}' AS {}").format(name, name) if field.type == "timestamp" else name
