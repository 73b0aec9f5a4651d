"""The API's description as clients of OGC API - Features read it: OpenAPI 3.0, each collection with its own parameters.

What FastAPI describes itself is OpenAPI 3.1 and knows no collections. Here each has its paths, its queryables as
parameters, its systems as an enumeration and the largest page as a maximum (GDAL takes its page size from there). What
is told of collections is what the viewer may see.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from api import ogc_documents, problems
from api.answers import GEOJSON
from api.ogc_documents import HTML, JSON, OPENAPI, SCHEMA, TYPES, Extent
from gisops import __version__
from layers.cql2 import LANGUAGES, MAX_LENGTH
from layers.features import MAX_LIMIT
from layers.layer import Layer
from layers.reference_systems import systems_of, uris
from layers.viewer import Viewer

DEFAULT_LIMIT = 100
# So many characters fit into an address whatever they are: it has 64 kB, and one of Chinese takes nine bytes of it, one
# beyond the basic plane twelve. Of longer filters, up to what `layers.cql2` takes, only those that fit arrive.
LONGEST_FILTER = min(5_000, MAX_LENGTH)
_SCHEMA_NAMED = re.compile(r"#/components/schemas/(\w+)")


def openapi(
    base: str, layers: Iterable[Layer], viewer: Viewer, extent: Extent | None, described: Mapping[str, Any]
) -> dict[str, Any]:
    """The description of everything under /ogc for one viewer. ``described`` is FastAPI's own description, from which
    the paths of the tiles are taken.
    """
    systems = uris(systems_of(extent))
    paths: dict[str, Any] = {
        "/ogc": _get("getLandingPage", "首页 · Landing page", [_f()], JSON, HTML),
        "/ogc/conformance": _get("getConformance", "符合性声明 · Conformance classes", [_f()], JSON, HTML),
        "/ogc/api": _get("getApi", "接口定义 · API definition", [_f()], OPENAPI, HTML),
        "/ogc/collections": _get("getCollections", "图层集合 · Collections", [_f()], JSON, HTML),
    }
    for layer in layers:
        if viewer.may_see(layer):
            paths |= _of_collection(base, layer, viewer, systems)
    of_tiles = _of_tiles(described)
    paths |= of_tiles
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "gisops",
            "version": __version__,
            "description": "城市运行专题图层，开放标准接口。 / Thematic layers of the city through open standards.",
            "license": {"name": "Apache-2.0"},
        },
        "servers": [{"url": base.rstrip("/")}],
        "tags": [{"name": "layers"}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": _of_30(problems.SCHEMA)} | _named_in(of_tiles, described),
            "responses": {
                "Problem": {
                    "description": "出错 · What is wrong (RFC 9457)",
                    "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                },
                "NotModified": {"description": "与上次相同 · As it was (ETag)"},
            },
            "parameters": {"f": _parameter("f", {"type": "string", "enum": ["json", "html"]}, "json · html")},
        },
    }


def _of_collection(base: str, layer: Layer, viewer: Viewer, systems: list[str]) -> dict[str, Any]:
    here, name = f"/ogc/collections/{layer.id}", f"{layer.title_zh} · {layer.title_en}"
    crs = {"type": "string", "format": "uri", "enum": systems, "default": systems[0]}
    key = {"name": "featureId", "in": "path", "required": True, "schema": TYPES[layer.field(layer.key).type]}
    numbers = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}
    fixed: list[dict[str, Any]] = [
        _f(),
        _parameter("bbox", numbers, "西,南,东,北 · the box's lower corner, then its upper, in bbox-crs", explode=False),
        _parameter("bbox-crs", crs, "bbox 的坐标系 · the system of bbox"),
        _parameter("datetime", {"type": "string"}, "RFC 3339 时刻或区间 · an instant, or start/end"),
        _parameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            "每页要素数 · features in a page",
        ),
        _parameter("after", {"type": "string"}, "上一页给出 · as the page before gave it in its next link"),
        _parameter("count", {"type": "boolean", "default": False}, "同时计数 · also tell numberMatched"),
        _parameter("crs", crs, "输出坐标系 · the system of the geometries told"),
        _parameter("filter", {"type": "string", "maxLength": LONGEST_FILTER}, "CQL2 过滤条件 · a filter in CQL2"),
        _parameter("filter-lang", {"type": "string", "enum": list(LANGUAGES), "default": LANGUAGES[0]}, "CQL2"),
        _parameter("filter-crs", crs, "过滤条件中图形的坐标系 · the system of the filter's geometries"),
        _parameter("sortby", {"type": "string"}, "排序属性，- 为降序 · properties, - for the greatest first"),
    ]
    taken = {each.get("name", "f") for each in fixed}
    told = ogc_documents.queryables(base, layer, viewer)["properties"]
    # The geometry is asked by bbox and filter; of the same name as a parameter of the standard, that one is meant.
    fixed += [
        _parameter(field.name, TYPES[field.type], f"{field.title_zh} · {field.title_en}: {field.meaning}")
        for field in viewer.fields_of(layer)
        if field.name not in taken and field.name in told
    ]
    one = [_f(), key, _parameter("crs", crs, "输出坐标系 · the system of the geometry told")]
    return {
        here: _get(f"describe.{layer.id}", name, [_f()], JSON, HTML),
        f"{here}/queryables": _get(f"queryables.{layer.id}", f"{name}: 可查询属性 · queryables", [_f()], SCHEMA, HTML),
        f"{here}/items": _get(f"items.{layer.id}", f"{name}: 要素 · features", fixed, GEOJSON, HTML),
        f"{here}/items/{{featureId}}": _get(f"item.{layer.id}", f"{name}: 单个要素 · one feature", one, GEOJSON, HTML),
    }


def _get(name: str, summary: str, parameters: list[dict[str, Any]], *media_types: str) -> dict[str, Any]:
    content = {
        media_type: {"schema": {"type": "string"} if media_type == HTML else {"type": "object"}}
        for media_type in media_types
    }
    problem = {"$ref": "#/components/responses/Problem"}
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": ["layers"],
            "parameters": parameters,
            "responses": {
                "200": {"description": "如所请求 · As asked", "content": content},
                "304": {"$ref": "#/components/responses/NotModified"},
                "4XX": problem,
                "503": problem,
            },
        }
    }


def _f() -> dict[str, Any]:
    return {"$ref": "#/components/parameters/f"}


def _parameter(name: str, schema: Mapping[str, Any], description: str, **more: Any) -> dict[str, Any]:
    style = {"style": "form", "explode": more.pop("explode", True)}
    return {"name": name, "in": "query", "required": False, "description": description, "schema": dict(schema)} | style


# ---- what FastAPI describes ----------------------------------------------------------------------------------------


def _of_tiles(described: Mapping[str, Any]) -> dict[str, Any]:
    """The paths of the tiles, as OpenAPI 3.0 says what FastAPI says in 3.1."""
    found = {}
    for path, operations in described.get("paths", {}).items():
        if path.startswith("/ogc/") and "tile" in path.lower():
            found[path] = _of_30(operations)
    return found


def _named_in(paths: Any, described: Mapping[str, Any]) -> dict[str, Any]:
    """The schemas that some paths refer to, and those that these refer to, as OpenAPI 3.0 says them."""
    known = described.get("components", {}).get("schemas", {})
    found: dict[str, Any] = {}
    wanted = _SCHEMA_NAMED.findall(json.dumps(paths))
    while wanted:
        name = wanted.pop()
        if name not in found and name in known:
            found[name] = _of_30(known[name])
            wanted += _SCHEMA_NAMED.findall(json.dumps(found[name]))
    return found


def _of_30(told: Any) -> Any:
    """The same without what 3.0 does not know: types that may be null, constants, examples, bounds that are numbers."""
    if isinstance(told, list):
        return [_of_30(each) for each in told]
    if not isinstance(told, Mapping):
        return told
    told = {name: value for name, value in told.items() if name not in ("examples", "contentMediaType", "$schema")}
    choices = told.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        rest = [each for each in choices if each != {"type": "null"}]
        told.pop("anyOf")
        told = {**(rest[0] if len(rest) == 1 else {"anyOf": rest}), **told, "nullable": True}
    if "const" in told:
        told["enum"] = [told.pop("const")]
    for bound, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(told.get(bound), int | float) and not isinstance(told.get(bound), bool):
            told[plain], told[bound] = told[bound], True
    return {name: _of_30(value) for name, value in told.items()}
