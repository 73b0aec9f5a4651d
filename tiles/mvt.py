"""Cutting a layer into vector tiles.

The database does all of it (ST_AsMVT over the stored Web Mercator geometry), in one statement. What would make a tile
too heavy is counted, never dropped: below the layer's ``counted_below``, where a tile is too full, and where a feature
is smaller than the layer's ``smallest_px``, squares with a ``count`` stand for the features.
"""

from __future__ import annotations

from functools import lru_cache

from psycopg import sql

from gisops.crs import WORLD_M
from gisops.db.pool import Connection
from gisops.db.queries import load
from gisops.errors import NotFound
from layers.catalog import Field, Layer
from layers.classes import CLASSES, PUBLIC
from layers.viewer import Viewer
from tiles.grid import Tile
from tiles.squares import EXTENT

MAX_BYTES = 500_000
CONTENT_TYPE = "application/vnd.mapbox-vector-tile"
_SQL = load("tiles", "mvt.sql")
# What a style calls a tile is 512 pixels wide.
_PIXELS = 512


def tile(conn: Connection, layer: Layer, viewer: Viewer, at: Tile) -> bytes:
    """Cut one tile of a layer for a viewer; see `draw`."""
    return draw(conn, layer, viewer, at)[0]


def draw(conn: Connection, layer: Layer, viewer: Viewer, at: Tile) -> tuple[bytes, int]:
    """Cut one tile of a layer for a viewer, on their own connection (``scopes.look_as``); empty bytes where
    nothing lies there that they may see. With the number of features that are shown singly: those that are only counted
    tell nothing of any.

    The MVT layer is named like the layer; polygons with labels have a second one, ``<id>_label``. Attributes are
    those of ``tile_fields``. Raises ``NotSignedIn``, ``NotAllowed``, or ``NotFound`` beyond the layer's zooms.
    """
    fields = tuple(field for field in tile_fields(layer, viewer) if at.z >= field.tiles_from)
    if not layer.minzoom <= at.z <= layer.maxzoom:
        raise NotFound(
            f"The layer {layer.id} has tiles for zoom {layer.minzoom} to {layer.maxzoom}.",
            parameter="z",
            layer=layer.id,
            minzoom=layer.minzoom,
            maxzoom=layer.maxzoom,
        )
    tiling, side = layer.tiling, WORLD_M / (1 << at.z)
    among = 1 << tiling.squares
    values = {
        "z": at.z,
        "x": at.x,
        "y": at.y,
        "side": side,
        "square": side / among,
        "among": among,
        "edge": EXTENT // among,
        "deep": at.z + tiling.squares,
        "smallest": side / _PIXELS * tiling.smallest_px,
        "most": tiling.max_features,
        "buffer": tiling.buffer,
        "hidden": [value for value, zoom in tiling.by_zoom if at.z < zoom],
    }
    public = is_public(layer, viewer)
    if at.z < tiling.counted_below:
        return _squares(conn, layer, public, values), 0
    labelled = tiling.label_minzoom is not None and at.z >= tiling.label_minzoom
    row = conn.execute(_features(layer, fields, public, labelled), values).fetchone()
    if row is None or not row["found"]:
        return b"", 0
    drawn = bytes(row["tile"] or b"")
    if row["found"] > tiling.max_features or len(drawn) > MAX_BYTES:
        return _squares(conn, layer, public, values), 0
    # The layers of a tile are a repeated field: two tiles one after the other are one tile with both.
    return drawn + bytes(row["labels"] or b""), row["found"]


def tile_fields(layer: Layer, viewer: Viewer) -> tuple[Field, ...]:
    """Return the attributes this viewer's tiles of a layer carry, at some zoom. Raises ``NotSignedIn`` or
    ``NotAllowed``.
    """
    return tuple(field for field in viewer.fields_of(layer) if field.in_tiles)


def is_public(layer: Layer, viewer: Viewer) -> bool:
    """Tell whether what this viewer's tiles hold may be kept by anybody: nothing in them is above the public class."""
    seen = {layer.field_class, *(field.field_class for field in tile_fields(layer, viewer))}
    return max(seen, key=CLASSES.index) == PUBLIC


def _squares(conn: Connection, layer: Layer, public: bool, values: dict[str, object]) -> bytes:
    row = conn.execute(_counted(layer, public), values).fetchone()
    return bytes(row["tile"]) if row and row["tile"] else b""


# The box of a statement as it stands there; a window must be told it, as no condition reaches into a function.
_WIDE = sql.SQL("ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => %(buffer)s / 4096.0)")
_TILE = sql.SQL("ST_TileEnvelope(%(z)s, %(x)s, %(y)s)")
# The square of the middle of a feature's box.
_SQUARE_X = sql.SQL("floor(((ST_XMin(geom_3857) + ST_XMax(geom_3857)) / 2 + 20037508.342789244) / %(square)s)::int")
_SQUARE_Y = sql.SQL("floor((20037508.342789244 - (ST_YMin(geom_3857) + ST_YMax(geom_3857)) / 2) / %(square)s)::int")
_ADDRESS = sql.SQL("%(deep)s || '/' || square_x || '/' || square_y")
# Square metres of the ellipsoid (WGS-84) in the middle of a row of squares; as `tiles.counts` says it.
_NORTHING = "pi() * (1 - 2 * (square_y + 0.5) / (1 << %(deep)s))"
_AREA = sql.SQL(
    "round(sum(ST_Area(geom_3857)) * 0.9933056200098587"
    f" / (cosh({_NORTHING}) * (1 - 0.0066943799901413165 * tanh({_NORTHING}) ^ 2)) ^ 2)::bigint AS area_m2,"
)
_LARGE = sql.SQL(
    "greatest(ST_XMax(geom_3857) - ST_XMin(geom_3857), ST_YMax(geom_3857) - ST_YMin(geom_3857)) >= %(smallest)s"
)


@lru_cache(maxsize=512)
def _features(layer: Layer, fields: tuple[Field, ...], public: bool, labelled: bool) -> str:
    """Fill the statement with a layer's own names, all of them quoted identifiers from its checked description."""
    counts = layer.tiling.smallest_px > 0
    key = sql.Identifier(layer.key)
    counted: sql.Composable = sql.SQL("")
    uncounted: sql.Composable = sql.SQL("")
    if counts:
        uncounted = sql.SQL("NULL::int AS count, NULL::bigint AS area_m2," if _sums(layer) else "NULL::int AS count,")
        counted = sql.SQL(_told("counted_small")).format(
            address=_ADDRESS,
            key=key,
            # Whatever else a feature has, in its place.
            nulls=sql.SQL("").join(sql.SQL("NULL, ") for field in fields if field.name != layer.key),
            area=_AREA if _sums(layer) else sql.SQL(""),
            square_x=_SQUARE_X,
            square_y=_SQUARE_Y,
        )
    # The key comes first, as it does in a square.
    names = sorted((field.name for field in fields), key=lambda name: name != layer.key)
    read = sorted({*names, *(field.name for field in _of_labels(layer, fields))})
    types = {field.name: field for field in layer.fields}
    filled = sql.SQL(_SQL["features"]).format(
        source=_source(layer, public),
        box=_WIDE,
        columns=sql.SQL(", ").join(_column(types[name]) for name in read),
        names=_list(names),
        uncounted=uncounted,
        large=_LARGE if counts else sql.SQL("true"),
        counted=counted,
        key=key,
        layer=sql.Literal(layer.id),
        labels=_labels(layer, fields, counts) if labelled else sql.SQL("NULL"),
        shown=_shown(layer),
    )
    return filled.as_string(None)


def _labels(layer: Layer, fields: tuple[Field, ...], counts: bool) -> sql.Composable:
    named = [field.name for field in _of_labels(layer, fields)]
    said = [name for name in named if name != layer.key]
    return sql.SQL(_told("labels")).format(
        names=_list(named),
        key=sql.Identifier(layer.key),
        label_layer=sql.Literal(f"{layer.id}_label"),
        says=sql.SQL("num_nonnulls({}) > 0").format(_list(said)) if said else sql.SQL("true"),
        large=_LARGE if counts else sql.SQL("true"),
    )


def _of_labels(layer: Layer, fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple(field for field in fields if field.in_labels)


@lru_cache(maxsize=512)
def _counted(layer: Layer, public: bool) -> str:
    """The statement that counts, filled likewise."""
    filled = sql.SQL(_SQL["squares"]).format(
        source=_source_of_dots(layer, public),
        box=_TILE,
        layer=sql.Literal(layer.id),
        key=sql.Identifier(layer.key),
        address=_ADDRESS,
        area=_AREA if _sums(layer) else sql.SQL(""),
        square_x=_SQUARE_X,
        square_y=_SQUARE_Y,
        shown=_shown(layer),
    )
    return filled.as_string(None)


def _sums(layer: Layer) -> bool:
    return layer.tiling.summed_area


def _source(layer: Layer, public: bool) -> sql.Composable:
    """What features are read from: the view's public columns, or the window of whoever may see more."""
    if public:
        return sql.Identifier(layer.relation)
    most = sql.SQL("%(most)s + 1" if layer.tiling.by_zoom_field is None else "NULL")
    return sql.SQL("{}({}, {})").format(sql.Identifier(f"tile_{layer.id}"), _WIDE, most)


def _source_of_dots(layer: Layer, public: bool) -> sql.Composable:
    if public:
        return sql.Identifier(layer.relation)
    if layer.tiling.by_zoom_field is None:
        return sql.SQL("{}({}) AS seen (geom_3857)").format(sql.Identifier(f"dots_{layer.id}"), _TILE)
    return sql.SQL("{}({}, NULL)").format(sql.Identifier(f"tile_{layer.id}"), _TILE)


def _shown(layer: Layer) -> sql.Composable:
    if layer.tiling.by_zoom_field is None:
        return sql.SQL("true")
    return sql.SQL("NOT {}::text = ANY(%(hidden)s::text[])").format(sql.Identifier(layer.tiling.by_zoom_field))


def _told(name: str) -> str:
    """A piece of a statement without the lines that say what it is."""
    return "\n".join(line for line in _SQL[name].splitlines() if not line.startswith("--"))


def _list(names: list[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _column(field: Field) -> sql.Composable:
    """A tile has no type for moments: they go as ISO 8601 text, as in GeoJSON."""
    name = sql.Identifier(field.name)
    return sql.SQL("to_json({}) #>> '{{}}' AS {}").format(name, name) if field.type == "timestamp" else name
