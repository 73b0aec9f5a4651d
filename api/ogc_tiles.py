"""OGC API - Tiles as documents: the tiling scheme, which tilesets there are and what is in them.

Requirements are those of OGC 20-057 (OGC API - Tiles - Part 1: Core) and OGC 17-083r4 (Two Dimensional Tile Matrix Set
and Tile Set Metadata 2.0). What a tileset tells is what its viewer may see and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from api.tile_answers import MOST_LAYERS
from gisops.crs import WORLD_M
from gisops.db.pool import Connection
from gisops.errors import InvalidInput, NotFound
from layers.catalog import Catalog, Field, Layer
from layers.versions import joint, versions_of
from layers.viewer import Viewer
from tiles.grid import Tile, tile_at, tile_of
from tiles.mvt import CONTENT_TYPE, is_public, tile_fields

_CONF = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf"
# Each is shown by tests/api/test_ogc_tiles.py.
CONFORMS_TO = [
    f"{_CONF}/core",
    f"{_CONF}/tileset",
    f"{_CONF}/tilesets-list",
    f"{_CONF}/dataset-tilesets",
    f"{_CONF}/geodata-tilesets",
    f"{_CONF}/collections-selection",
    f"{_CONF}/mvt",
    f"{_CONF}/oas30",
    "http://www.opengis.net/spec/tms/2.0/conf/tilematrixset",
    "http://www.opengis.net/spec/tms/2.0/conf/json-tilematrixset",
    "http://www.opengis.net/spec/tms/2.0/conf/json-tilesetmetadata",
]

MATRIX_SET = "WebMercatorQuad"
MATRIX_SET_URI = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
TILESETS = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
_SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
_SCHEMES = "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes"
_GEODATA = "http://www.opengis.net/def/rel/ogc/1.0/geodata"
_DATASET = "http://www.opengis.net/def/rel/ogc/1.0/dataset"
_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
_JSON, _HTML = "application/json", "text/html"

# As registered: 25 matrices. Which of them a tileset has, its limits say.
_MATRICES = 25
_CORNER_M = WORLD_M / 2
_SCALE_OF_0 = 559082264.0287178
# The whole of the grid, until a city is loaded.
_WORLD = (-180.0, -85.05112878, 180.0, 85.05112878)

Bounds = tuple[float, float, float, float]
# Geometry of a layer -> dimension of it in a tile, where all of it has the same.
_DIMENSIONS = {"point": 0, "line": 1, "polygon": 2}
# Type of a field -> its schema; a tile has no type for moments, they go as text.
_SCHEMAS: dict[str, dict[str, str]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "timestamp": {"type": "string", "format": "date-time"},
}


# ---- links that lead here --------------------------------------------------------------------------------------------


def landing_links(base: str) -> list[dict[str, Any]]:
    """Links from the landing page; ``base`` is the server's address with its closing slash, as everywhere here."""
    return [
        _link(f"{base}ogc/tiles", TILESETS, _JSON, "矢量切片集 · Vector tilesets of all layers"),
        _link(f"{base}ogc/tileMatrixSets", _SCHEMES, _JSON, "切片方案 · Tiling schemes"),
    ]


def collection_links(base: str, layer: Layer) -> list[dict[str, Any]]:
    """Links from the description of a collection."""
    return [_link(f"{_of_layer(base, layer)}/tiles", TILESETS, _JSON, "矢量切片集 · Vector tilesets")]


# ---- the tiling scheme -----------------------------------------------------------------------------------------------


def matrix_sets(base: str) -> dict[str, Any]:
    """The tiling schemes there are: one."""
    here = f"{base}ogc/tileMatrixSets"
    return {
        "links": [*_self(here, "切片方案 · Tiling schemes")],
        "tileMatrixSets": [
            {
                "id": MATRIX_SET,
                "title": "Google Maps Compatible for the World",
                "uri": MATRIX_SET_URI,
                "crs": _MERCATOR,
                "links": [_link(f"{here}/{MATRIX_SET}", "self", _JSON, MATRIX_SET)],
            }
        ],
    }


def matrix_set() -> dict[str, Any]:
    """WebMercatorQuad as it is registered (OGC 17-083r4, D.1): metres of EPSG:3857, rows counted from the north."""
    return {
        "id": MATRIX_SET,
        "title": "Google Maps Compatible for the World",
        "uri": MATRIX_SET_URI,
        "crs": _MERCATOR,
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": [
            {
                "id": str(z),
                "scaleDenominator": _SCALE_OF_0 / (1 << z),
                "cellSize": 2 * _CORNER_M / 256 / (1 << z),
                "cornerOfOrigin": "topLeft",
                "pointOfOrigin": [-_CORNER_M, _CORNER_M],
                "tileWidth": 256,
                "tileHeight": 256,
                "matrixWidth": 1 << z,
                "matrixHeight": 1 << z,
            }
            for z in range(_MATRICES)
        ],
    }


def require_matrix_set(matrix_set_id: str) -> None:
    """Raise ``NotFound`` for a tiling scheme that is not here, with the one that is."""
    if matrix_set_id != MATRIX_SET:
        raise NotFound(
            f"There is no tile matrix set {matrix_set_id!r}; there is {MATRIX_SET}.",
            parameter="tileMatrixSetId",
            tile_matrix_sets=[MATRIX_SET],
        )


# ---- which layers ----------------------------------------------------------------------------------------------------


def chosen(catalog: Catalog, viewer: Viewer, collections: str | None) -> tuple[Layer, ...]:
    """The layers of a dataset's tileset: those named in ``collections`` (ids or full addresses of collections, with
    commas between), in their order; without it those that a map shows when it is opened and the viewer may see.

    Raises ``InvalidInput`` for a name that is none, stands twice or is one too many; ``NotSignedIn`` or ``NotAllowed``.
    """
    if collections is None:
        return tuple(layer for layer in catalog if layer.shown and viewer.may_see(layer))[:MOST_LAYERS]
    names = [name.rstrip("/").rpartition("/ogc/collections/")[2] for name in collections.split(",")]
    by_id = {layer.id: layer for layer in catalog}
    if unknown := [name for name in names if name not in by_id]:
        raise InvalidInput(
            f"collections: there is no collection {unknown[0]!r}.", parameter="collections", known=sorted(by_id)
        )
    if len(set(names)) < len(names):
        raise InvalidInput("collections: each collection stands there once.", parameter="collections")
    if len(names) > MOST_LAYERS:
        raise InvalidInput(
            f"collections: one tile holds at most {MOST_LAYERS} of them.", parameter="collections", most=MOST_LAYERS
        )
    for name in names:
        viewer.require(by_id[name])
    return tuple(by_id[name] for name in names)


# ---- tilesets --------------------------------------------------------------------------------------------------------


def of_layer(conn: Connection, layer: Layer, viewer: Viewer, base: str, bounds: Bounds | None) -> dict[str, Any]:
    """The tileset of one layer, as this viewer gets it. Raises ``NotSignedIn`` or ``NotAllowed``."""
    told = _tileset(conn, [layer], viewer, base, bounds, f"{_of_layer(base, layer)}/tiles/{MATRIX_SET}")
    told["links"].append(_link(_of_layer(base, layer), _GEODATA, _JSON, "图层 · The collection"))
    return told | {
        "title": f"{layer.title_zh} · {layer.title_en}",
        "description": layer.description,
        "attribution": layer.owner,
    }


def of_dataset(
    conn: Connection, layers: Sequence[Layer], viewer: Viewer, base: str, bounds: Bounds | None, *, named: bool
) -> dict[str, Any]:
    """The tileset of several layers in one, as this viewer gets it; ``named`` tells whether he named them."""
    asked = "collections=" + ",".join(layer.id for layer in layers) if named else ""
    told = _tileset(conn, layers, viewer, base, bounds, f"{base}ogc/tiles/{MATRIX_SET}", asked)
    told["links"].append(_link(f"{base}ogc", _DATASET, _JSON, "数据集 · The dataset"))
    return told | {"title": "城市运行专题图层 · Thematic layers of the city"}


def in_list(tileset: dict[str, Any], here: str, title: str) -> dict[str, Any]:
    """A list of tilesets with this one in it. It tells more of it than it must: whoever reads lists needs no more."""
    names = ("title", "dataType", "crs", "tileMatrixSetURI", "tileMatrixSetId", "tileMatrixSetLimits", "links")
    return {
        "links": _self(here, title),
        "tilesets": [{name: tileset[name] for name in names}],
    }


def at(layers: Sequence[Layer], bounds: Bounds | None, matrix: str, row: int, column: int) -> Tile:
    """The tile of an address. Raises ``NotFound`` for one outside the grid or the tileset's limits, with those."""
    zooms = {str(each["tileMatrix"]): each for each in _limits(layers, bounds)}
    if matrix not in zooms:
        raise NotFound(
            f"tileMatrix: there is no {matrix!r} in this tileset; there are {', '.join(zooms)}.",
            parameter="tileMatrix",
            tile_matrices=list(zooms),
        )
    limits = zooms[matrix]
    for name, value, least, most in (
        ("tileRow", row, limits["minTileRow"], limits["maxTileRow"]),
        ("tileCol", column, limits["minTileCol"], limits["maxTileCol"]),
    ):
        if not least <= value <= most:
            raise NotFound(
                f"{name}: at tileMatrix {matrix} this tileset has {least} to {most}, not {value}.",
                parameter=name,
                limits=limits,
            )
    return tile_at(int(matrix), column, row)


def _tileset(
    conn: Connection,
    layers: Sequence[Layer],
    viewer: Viewer,
    base: str,
    bounds: Bounds | None,
    here: str,
    asked: str | None = None,
) -> dict[str, Any]:
    west, south, east, north = bounds or _WORLD
    # Only what anybody may keep has a name to keep it by, as in TileJSON; and what is chosen for a viewer has none.
    public = asked != "" and all(is_public(layer, viewer) for layer in layers)
    version = joint([layer.id for layer in layers], versions_of(conn, layers)) if public else None
    told: dict[str, Any] = {
        "dataType": "vector",
        "crs": _MERCATOR,
        "tileMatrixSetId": MATRIX_SET,
        "tileMatrixSetURI": MATRIX_SET_URI,
        "tileMatrixSetLimits": _limits(layers, bounds),
        "boundingBox": {"lowerLeft": [west, south], "upperRight": [east, north], "crs": _CRS84},
        "mediaTypes": [CONTENT_TYPE],
        "links": [
            *_self(here, "切片集 · This tileset", asked),
            _link(
                _with(here + "/{tileMatrix}/{tileRow}/{tileCol}", asked, version and f"v={version}"),
                "item",
                CONTENT_TYPE,
                "切片 · Tiles",
            )
            | {"templated": True},
            _link(f"{base}ogc/tileMatrixSets/{MATRIX_SET}", _SCHEME, _JSON, "切片方案 · Tiling scheme"),
        ],
    }
    if version is not None:
        told["version"] = version
    # The schema asks for one at least, where layers are told of at all.
    if layers:
        tilejson = f"{base}tiles/{','.join(layer.id for layer in layers)}.json"
        told["links"].append(_link(tilejson, "describedby", _JSON, "TileJSON 3.0"))
        told["layers"] = [each for layer in layers for each in _layers(layer, viewer, base)]
        told["centerPoint"] = {
            "coordinates": [(west + east) / 2, (south + north) / 2],
            "crs": _CRS84,
            "tileMatrix": str(min(14, max(layer.maxzoom for layer in layers))),
        }
    return told


def _limits(layers: Sequence[Layer], bounds: Bounds | None) -> list[dict[str, Any]]:
    """The city's rows and columns, at each zoom of which one of the layers has tiles."""
    west, south, east, north = bounds or _WORLD
    found = []
    for z in sorted({z for layer in layers for z in range(layer.minzoom, layer.maxzoom + 1)}):
        first, last = tile_of(west, north, z), tile_of(east, south, z)
        found.append({
            "tileMatrix": str(z),
            "minTileRow": first.y, "maxTileRow": last.y, "minTileCol": first.x, "maxTileCol": last.x,
        })  # fmt: skip
    return found


def _layers(layer: Layer, viewer: Viewer, base: str) -> Iterable[dict[str, Any]]:
    """What a layer is in a tile: itself, and its label points where it has such."""
    fields = tile_fields(layer, viewer)
    about: dict[str, Any] = {
        "id": layer.id,
        "title": f"{layer.title_zh} · {layer.title_en}",
        "description": layer.description,
        "dataType": "vector",
        "minTileMatrix": str(layer.minzoom),
        "maxTileMatrix": str(layer.maxzoom),
        "theme": f"{layer.family_zh} · {layer.family_en}",
        "attribution": layer.owner,
    }
    if layer.geometry in _DIMENSIONS:
        about["geometryDimension"] = _DIMENSIONS[layer.geometry]
    # Any tile may turn out too full to draw its features singly.
    counts: dict[str, Any] = {
        "count": {
            "title": "数量 · Count",
            "description": "How many features a square stands for, where it stands for some",
            "type": "integer",
        }
    }
    if layer.tiling.summed_area:
        counts["area_m2"] = {
            "title": "占地面积 · Footprint",
            "description": "The ground under what a square stands for, m²",
            "type": "number",
        }
    links = [_link(_of_layer(base, layer), _GEODATA, _JSON, "图层 · The collection")]
    yield about | {"propertiesSchema": _schema(fields, counts), "links": links}
    if layer.tiling.label_minzoom is not None:
        yield about | {
            "id": f"{layer.id}_label",
            "title": f"{layer.title_zh}注记 · Labels of {layer.title_en}",
            "minTileMatrix": str(max(layer.minzoom, layer.tiling.label_minzoom)),
            "geometryDimension": 0,
            "propertiesSchema": _schema((field for field in fields if field.in_labels), {}),
            "links": links,
        }


def _schema(fields: Iterable[Field], more: dict[str, Any]) -> dict[str, Any]:
    told = {
        field.name: {
            "title": f"{field.title_zh} · {field.title_en}",
            "description": field.meaning,
            **_SCHEMAS[field.type],
        }
        for field in fields
    }
    return {"type": "object", "properties": told | more}


# ---- small things ----------------------------------------------------------------------------------------------------


def _of_layer(base: str, layer: Layer) -> str:
    return f"{base}ogc/collections/{quote(layer.id)}"


def _self(here: str, title: str, asked: str | None = None) -> list[dict[str, Any]]:
    return [
        _link(_with(here, asked), "self", _JSON, title),
        _link(_with(here, asked, "f=html"), "alternate", _HTML, title),
    ]


def _with(address: str, *asked: str | None) -> str:
    return "?".join(filter(None, (address, "&".join(filter(None, asked)))))


def _link(href: str, rel: str, media_type: str, title: str) -> dict[str, Any]:
    return {"href": href, "rel": rel, "type": media_type, "title": title}
