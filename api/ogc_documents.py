"""OGC API - Features as documents: what there is, in which systems it is told, and by what it can be asked.

Requirements are those of OGC 17-069r4 (Part 1: Core), 18-058r1 (Part 2: Coordinate Reference Systems by Reference),
19-079r2 (Part 3: Filtering) and 21-065r2 (CQL2). What is told of a collection is what its viewer may see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from api import ogc_tiles
from api.answers import GEOJSON
from api.files import file_links
from layers.layer import Field, Layer
from layers.reference_systems import CRS84_URI, systems_of, uris
from layers.viewer import Viewer

JSON, HTML, SCHEMA = "application/json", "text/html", "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
_REL = "http://www.opengis.net/def/rel/ogc/1.0"
_FEATURES = "http://www.opengis.net/spec/ogcapi-features"
_CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf"
# Only what a test of ours shows: tests/api/test_ogc_conformance.py names the requirements of each.
CONFORMS_TO = [
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/landing-page",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    *(f"{_FEATURES}-1/1.0/conf/{name}" for name in ("core", "geojson", "html", "oas30")),
    f"{_FEATURES}-2/1.0/conf/crs",
    *(f"{_FEATURES}-3/1.0/conf/{name}" for name in (
        "queryables", "queryables-query-parameters", "filter", "features-filter")),
    *(f"{_CQL2}/{name}" for name in (
        "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "basic-spatial-functions",
        "basic-spatial-functions-plus", "spatial-functions", "temporal-functions", "property-property")),
]  # fmt: skip

Extent = tuple[float, float, float, float]
_FORMATS: Mapping[str, str] = {"point": "geometry-point", "line": "geometry-multilinestring",
                               "polygon": "geometry-multipolygon", "mixed": "geometry-any"}  # fmt: skip
# What a field's type is in JSON.
TYPES: Mapping[str, dict[str, str]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "timestamp": {"type": "string", "format": "date-time"},
}


def link(href: str, rel: str, media_type: str, title: str) -> dict[str, str]:
    """One link."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}


# What a viewer is told of the last load of each layer, by id (`layers.freshness`).
Fresh = Mapping[str, Mapping[str, Any]]


def with_parameters(address: str, parameters: Mapping[str, str]) -> str:
    """An address with its parameters."""
    return f"{address}?{urlencode(parameters)}" if parameters else address


def forms(address: str, asked: Mapping[str, str], html: bool, media_type: str = JSON) -> list[dict[str, str]]:
    """The links from a document to itself and to its other form."""
    rest = {name: value for name, value in asked.items() if name != "f"}
    json_link = link(with_parameters(address, rest | {"f": "json"}), "alternate", media_type, "JSON")
    html_link = link(with_parameters(address, rest | {"f": "html"}), "alternate", HTML, "网页 · HTML")
    mine, other = (html_link, json_link) if html else (json_link, html_link)
    return [mine | {"rel": "self", "href": with_parameters(address, asked)}, other]


def landing(base: str, asked: Mapping[str, str], html: bool) -> dict[str, Any]:
    """The landing page."""
    return {
        "title": "gisops",
        "description": "城市运行专题图层 · Thematic layers of the city",
        "links": [
            *forms(f"{base}ogc", asked, html),
            link(f"{base}ogc/api", "service-desc", OPENAPI, "接口定义 · API definition"),
            link(f"{base}docs", "service-doc", HTML, "接口文档 · API documentation"),
            link(f"{base}ogc/conformance", "conformance", JSON, "符合性声明 · Conformance classes"),
            link(f"{base}ogc/conformance", f"{_REL}/conformance", JSON, "符合性声明 · Conformance classes"),
            link(f"{base}ogc/collections", "data", JSON, "图层集合 · Collections"),
            link(f"{base}ogc/collections", f"{_REL}/data", JSON, "图层集合 · Collections"),
            *ogc_tiles.landing_links(base),
        ],
    }


def conformance(base: str, asked: Mapping[str, str], html: bool) -> dict[str, Any]:
    """The conformance classes this server meets."""
    links = forms(f"{base}ogc/conformance", asked, html)
    return {"conformsTo": [*CONFORMS_TO, *ogc_tiles.CONFORMS_TO], "links": links}


def collections(
    base: str,
    layers: Iterable[Layer],
    viewer: Viewer,
    extent: Extent | None,
    asked: Mapping[str, str],
    html: bool,
    fresh: Fresh | None = None,
) -> dict[str, Any]:
    """The collections that are open to a viewer; the others are not mentioned."""
    return {
        "crs": uris(systems_of(extent)),
        "links": forms(f"{base}ogc/collections", asked, html),
        "collections": [
            collection(base, layer, viewer, extent, {}, False, fresh) for layer in layers if viewer.may_see(layer)
        ],
    }


def collection(
    base: str,
    layer: Layer,
    viewer: Viewer,
    extent: Extent | None,
    asked: Mapping[str, str],
    html: bool,
    fresh: Fresh | None = None,
) -> dict[str, Any]:
    """One collection; ``fresh``: what is told of its last load. Raises ``NotSignedIn`` or ``NotAllowed``."""
    here = f"{base}ogc/collections/{layer.id}"
    described: dict[str, Any] = {
        "id": layer.id,
        "title": f"{layer.title_zh} · {layer.title_en}",
        "description": layer.description,
        "itemType": "feature",
        "crs": uris(systems_of(extent)),
        "storageCrs": CRS84_URI,
        "family": {"zh": layer.family_zh, "en": layer.family_en},
        "update_cycle": layer.update_cycle,
        **(fresh or {}).get(layer.id, {}),
        "fields": [
            {
                "name": field.name,
                "type": field.type,
                "title_zh": field.title_zh,
                "title_en": field.title_en,
                "meaning": field.meaning,
            }
            for field in viewer.fields_of(layer)
        ],
        "links": [
            *forms(here, asked, html),
            link(f"{here}/items", "items", GEOJSON, "要素 · Features"),
            link(f"{here}/items?f=html", "items", HTML, "要素（网页）· Features as a page"),
            link(f"{here}/queryables", f"{_REL}/queryables", SCHEMA, "可查询属性 · Queryables"),
            link(f"{base}tiles/{layer.id}.json", "describedby", JSON, "TileJSON"),
            *ogc_tiles.collection_links(base, layer),
            *file_links(base, layer, viewer),
        ],
    }
    # Times are told one by one: the least and the greatest would be a look through all rows each time.
    times = {"interval": [[None, None]], "trs": "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"}
    spatial = {"bbox": [list(extent)], "crs": CRS84_URI} if extent is not None else None
    within = ({"spatial": spatial} if spatial else {}) | ({"temporal": times} if layer.time is not None else {})
    if within:
        described["extent"] = within
    return described


def queryables(
    base: str, layer: Layer, viewer: Viewer, asked: Mapping[str, str] | None = None, html: bool = False
) -> dict[str, Any]:
    """By what a viewer can ask for features, as a JSON Schema. Raises ``NotSignedIn`` or ``NotAllowed``."""
    here = f"{base}ogc/collections/{layer.id}/queryables"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": here,
        "type": "object",
        "title": f"{layer.title_zh} · {layer.title_en}",
        "properties": {field.name: _schema(field, layer) for field in viewer.fields_of(layer)}
        | {"geom": {"title": "图形 · Geometry", "format": _FORMATS[layer.geometry], "x-ogc-role": "primary-geometry"}},
        "additionalProperties": False,
        "links": forms(here, asked or {}, html, SCHEMA),
    }


def _schema(field: Field, layer: Layer) -> dict[str, Any]:
    told: dict[str, Any] = TYPES[field.type] | {
        "title": f"{field.title_zh} · {field.title_en}",
        "description": field.meaning,
    }
    if field.name == layer.key:
        told["x-ogc-role"] = "id"
    elif field.name == layer.time:
        told["x-ogc-role"] = "primary-instant"
    return told
