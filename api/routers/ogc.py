"""Layers through open standards: OGC API - Features.

Every route is open to everybody; the layer asked for decides (401 or 403), and which of its fields are told.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from api import answers, looks, ogc_tiles, problems
from api.answers import GEOJSON
from api.deps import PUBLIC_ROUTE, Caller, Layers, Seeing
from gisops.errors import InvalidInput
from layers import features
from layers.catalog import Layer
from layers.versions import extent_of_city
from layers.viewer import Viewer

OPENAPI = "application/vnd.oai.openapi+json;version=3.1"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
# Only what a test of ours shows: tests/api/test_layers.py names each requirement.
CONFORMS_TO = [
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
]


class OgcRoute(APIRoute):
    """A route whose wrong parameters are 400, as OGC API - Features demands (7.15.1), and not the 422 used elsewhere.

    A parameter it does not know is wrong too: a misspelt filter that is silently ignored answers another question.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's own handler."""
        handle = super().get_route_handler()
        known = {parameter.alias for parameter in self.dependant.query_params}

        async def answer(request: Request) -> Response:
            unknown = sorted(set(request.query_params) - known)
            try:
                if unknown:
                    raise InvalidInput(
                        f"Unknown parameters: {', '.join(unknown)}.", parameters=unknown, known=sorted(known)
                    )
                return await handle(request)
            except InvalidInput as error:
                return problems.answer(problems.of_error(error, request.url.path) | {"status": 400})
            except RequestValidationError as error:
                return problems.answer(problems.of_shape(error.errors(), request.url.path) | {"status": 400})

        return answer


router = APIRouter(prefix="/ogc", tags=["layers"], route_class=OgcRoute)


@router.get("", openapi_extra=PUBLIC_ROUTE)
def landing(request: Request) -> Response:
    """OGC API landing page."""
    base = str(request.base_url)
    links = [
        _link(f"{base}ogc", "self", "application/json", "This document"),
        _link(f"{base}ogc/api", "service-desc", OPENAPI, "API definition"),
        _link(f"{base}docs", "service-doc", "text/html", "API documentation"),
        _link(f"{base}ogc/conformance", "conformance", "application/json", "Conformance classes"),
        _link(f"{base}ogc/collections", "data", "application/json", "Collections"),
        *ogc_tiles.landing_links(base),
    ]
    return answers.plain(
        {"title": "gisops", "description": "城市运行专题图层 · Thematic layers of the city", "links": links}
    )


@router.get("/conformance", openapi_extra=PUBLIC_ROUTE)
def conformance() -> Response:
    """Conformance classes this server meets."""
    return answers.plain({"conformsTo": [*CONFORMS_TO, *ogc_tiles.CONFORMS_TO]})


@router.get("/api", openapi_extra=PUBLIC_ROUTE)
def api_definition(request: Request) -> Response:
    """The API's description, under the media type by which OGC clients recognise it."""
    return Response(orjson.dumps(request.app.openapi()), media_type=OPENAPI)


@router.get("/collections", openapi_extra=PUBLIC_ROUTE)
def collections(request: Request, conn: Seeing, caller: Caller, layers: Layers) -> Response:
    """List the collections that are open to the caller; the others are not mentioned."""
    viewer = looks.viewer_for(caller)
    base = str(request.base_url)
    bounds = extent_of_city(conn)
    listed = [_collection(layer, viewer, base, bounds) for layer in layers if viewer.may_see(layer)]
    links = [_link(f"{base}ogc/collections", "self", "application/json", "This document")]
    return answers.plain({"links": links, "collections": listed}, answers.kept_by_nobody_else())


@router.get("/collections/{layer_id}", openapi_extra=PUBLIC_ROUTE)
def collection(request: Request, layer_id: str, conn: Seeing, caller: Caller, layers: Layers) -> Response:
    """Describe one collection."""
    layer, viewer = layers[layer_id], looks.viewer_for(caller)
    viewer.require(layer)
    described = _collection(layer, viewer, str(request.base_url), extent_of_city(conn))
    return answers.plain(described, answers.kept_by_nobody_else())


@router.get("/collections/{layer_id}/items", openapi_extra=PUBLIC_ROUTE)
def items(
    request: Request,
    layer_id: str,
    conn: Seeing,
    caller: Caller,
    layers: Layers,
    bbox: Annotated[str | None, Query(description="west,south,east,north in degrees (WGS-84)")] = None,
    moment: Annotated[str | None, Query(alias="datetime", description="RFC 3339 instant, or start/end")] = None,
    limit: Annotated[int, Query(ge=1, description="Features in a page; above 10,000 means 10,000")] = 100,
    after: Annotated[str | None, Query(description="As given by the page before, in its `next` link")] = None,
    count: Annotated[bool, Query(description="Also count all that match (numberMatched)")] = False,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Read one page of a collection as GeoJSON."""
    layer, viewer = layers[layer_id], looks.viewer_for(caller)
    viewer.require(layer)
    page = features.read(
        conn,
        layer,
        viewer,
        bbox=features.parse_bbox(bbox) if bbox is not None else None,
        interval=features.parse_interval(moment) if moment is not None else None,
        limit=min(limit, features.MAX_LIMIT),
        after=after,
        count=count,
    )
    looks.looked(conn, caller, layer, viewer.fields_of(layer), bbox, page.returned)
    here = f"{request.base_url}ogc/collections/{layer.id}"
    asked = dict(request.query_params)
    links = [
        _link(_with(f"{here}/items", asked), "self", GEOJSON, "This page"),
        _link(here, "collection", "application/json", layer.title_en),
    ]
    if page.after is not None:
        links.append(_link(_with(f"{here}/items", asked | {"after": page.after}), "next", GEOJSON, "Next page"))
    # No timeStamp: it would make every answer another one, and is not demanded.
    about: dict[str, Any] = {"numberReturned": page.returned, "links": links}
    if page.matched is not None:
        about["numberMatched"] = page.matched
    # The features come from the database as text and leave as text.
    body = b'{"type":"FeatureCollection","features":[%b],%b' % (page.features.encode(), orjson.dumps(about)[1:])
    return answers.one_callers(body, GEOJSON, if_none_match, kept=viewer.sees_public_only(layer))


@router.get("/collections/{layer_id}/items/{key}", openapi_extra=PUBLIC_ROUTE)
def item(
    request: Request,
    layer_id: str,
    key: str,
    conn: Seeing,
    caller: Caller,
    layers: Layers,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Read one feature by its key, as GeoJSON."""
    layer, viewer = layers[layer_id], looks.viewer_for(caller)
    feature = features.one(conn, layer, viewer, key)
    looks.looked(conn, caller, layer, viewer.fields_of(layer), None, 1, object=key)
    here = f"{request.base_url}ogc/collections/{layer.id}"
    links = [
        _link(f"{here}/items/{quote(key, safe='')}", "self", GEOJSON, "This feature"),
        _link(here, "collection", "application/json", layer.title_en),
    ]
    body = b'%b,"links":%b}' % (feature.encode().rstrip()[:-1], orjson.dumps(links))
    return answers.one_callers(body, GEOJSON, if_none_match, kept=viewer.sees_public_only(layer))


def _collection(
    layer: Layer, viewer: Viewer, base: str, bounds: tuple[float, float, float, float] | None
) -> dict[str, Any]:
    here = f"{base}ogc/collections/{layer.id}"
    described: dict[str, Any] = {
        "id": layer.id,
        "title": f"{layer.title_zh} · {layer.title_en}",
        "description": layer.description,
        "itemType": "feature",
        "crs": [CRS84],
        "family": {"zh": layer.family_zh, "en": layer.family_en},
        "update_cycle": layer.update_cycle,
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
            _link(here, "self", "application/json", "This document"),
            _link(f"{here}/items", "items", GEOJSON, "Features"),
            _link(f"{base}tiles/{layer.id}.json", "describedby", "application/json", "TileJSON"),
            *ogc_tiles.collection_links(base, layer),
        ],
    }
    if bounds is not None:
        described["extent"] = {"spatial": {"bbox": [list(bounds)], "crs": CRS84}}
    return described


def _link(href: str, rel: str, media_type: str, title: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def _with(address: str, parameters: dict[str, str]) -> str:
    return f"{address}?{urlencode(parameters)}" if parameters else address
