"""Layers through open standards: OGC API - Features, as JSON and as pages.

Every route is open to everybody; the layer asked for decides (401 or 403), and which of its fields are told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal
from urllib.parse import quote

import anyio
import orjson
from fastapi import APIRouter, Header, Query, Request, Response

from api import answers, looks, ogc_documents, ogc_openapi, ogc_pages
from api.answers import GEOJSON
from api.auth import Identity
from api.database import WAIT_S
from api.deps import PUBLIC_ROUTE, Caller, Layers, Looking, settings_of
from api.ogc_documents import HTML, JSON, OPENAPI, SCHEMA, forms, link, with_parameters
from api.ogc_questions import Question
from api.ogc_route import OPEN_PARAMETERS, OgcRoute
from api.schemas.answers import GeoJson, JsonSchema, OpenApi, answering
from api.schemas.answers import ogc as described
from api.schemas.answers.features import FeaturePage, OneFeature
from gisops.db.pool import Connection
from gisops.errors import NotReady
from layers import features, freshness
from layers.catalog import Layer
from layers.cql2 import MAX_LENGTH
from layers.reference_systems import CRS84, ReferenceSystem, parse_system
from layers.versions import extent_of_city
from layers.viewer import Viewer

__all__ = ["OgcRoute", "router"]

Form = Annotated[
    Literal["json", "html"] | None, Query(alias="f", description="json or html; without it as Accept prefers")
]
Crs = Annotated[str | None, Query(description="URI of one of the collection's systems, for the geometries told")]
BBoxCrs = Annotated[str | None, Query(alias="bbox-crs", description="URI of the system of bbox")]
FilterCrs = Annotated[str | None, Query(alias="filter-crs", description="URI of the system of geometries in filter")]
# Links longer than this together are told in the body alone: there are clients that take no more of a header.
_LONGEST_HEADER = 4_000
_VARY = "Accept, Authorization, Cookie"

_SAME, _SLOW = "What the caller has is what there is", "The question takes too long, or too many do"

router = APIRouter(prefix="/ogc", tags=["layers"], route_class=OgcRoute)


@router.get("", openapi_extra=PUBLIC_ROUTE, responses=answering(described.Landing, HTML))
async def landing(request: Request, form: Form = None) -> Response:
    """OGC API landing page."""
    html = ogc_pages.wants_html(request, form)
    told = ogc_documents.landing(str(request.base_url), dict(request.query_params), html)
    return _document(told, JSON, ogc_pages.page("landing", told) if html else None)


@router.get("/page.css", openapi_extra={"x-permission": "public", "x-scope": "none"}, include_in_schema=False)
async def sheet() -> Response:
    """The pages' style sheet."""
    return Response(ogc_pages.sheet(), media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})


@router.get("/conformance", openapi_extra=PUBLIC_ROUTE, responses=answering(described.Conformance, HTML))
async def conformance(request: Request, form: Form = None) -> Response:
    """Conformance classes this server meets."""
    html = ogc_pages.wants_html(request, form)
    told = ogc_documents.conformance(str(request.base_url), dict(request.query_params), html)
    return _document(told, JSON, ogc_pages.page("conformance", told) if html else None)


@router.get(
    "/api",
    openapi_extra=PUBLIC_ROUTE,
    responses=answering(described.Description, HTML, _303="The description as a page"),
    response_class=OpenApi,
)
async def api_definition(
    request: Request, caller: Caller, layers: Layers, look: Looking, form: Form = None
) -> Response:
    """The API's description in OpenAPI 3.0, with the collections that are open to the caller."""
    if ogc_pages.wants_html(request, form):
        return Response(status_code=303, headers={"Location": "/docs", "Vary": _VARY})
    viewer, base = looks.viewer_for(caller), str(request.base_url)
    extent = await look.at(extent_of_city)
    told = ogc_openapi.openapi(base, layers, viewer, extent, request.app.openapi())
    return _document(told, OPENAPI, None)


@router.get("/collections", openapi_extra=PUBLIC_ROUTE, responses=answering(described.Collections, HTML))
async def collections(request: Request, caller: Caller, layers: Layers, look: Looking, form: Form = None) -> Response:
    """List the collections that are open to the caller; the others are not mentioned."""
    viewer, html = looks.viewer_for(caller), ogc_pages.wants_html(request, form)
    extent, fresh = await look.at(_known, layers, viewer)
    asked = dict(request.query_params)
    told = ogc_documents.collections(str(request.base_url), layers, viewer, extent, asked, html, fresh)
    page = ogc_pages.page("collections", told, trail=_trail()) if html else None
    return _document(told, JSON, page)


@router.get("/collections/{layer_id}", openapi_extra=PUBLIC_ROUTE, responses=answering(described.Collection, HTML))
async def collection(
    request: Request, layer_id: str, caller: Caller, layers: Layers, look: Looking, form: Form = None
) -> Response:
    """Describe one collection."""
    layer, viewer = layers[layer_id], looks.viewer_for(caller)
    viewer.require(layer)
    base, html = str(request.base_url), ogc_pages.wants_html(request, form)
    extent, fresh = await look.at(_known, (layer,), viewer)
    told = ogc_documents.collection(base, layer, viewer, extent, dict(request.query_params), html, fresh)
    page = None
    if html:
        tiles = f"/tiles/{layer.id}.json"
        page = ogc_pages.page("collection", told, trail=_trail(layer), layer=layer, extent=extent, tiles=tiles)
    return _document(told, JSON, page)


@router.get(
    "/collections/{layer_id}/queryables",
    openapi_extra=PUBLIC_ROUTE,
    responses=answering(described.Queryables, HTML),
    response_class=JsonSchema,
)
async def queryables(
    request: Request, layer_id: str, caller: Caller, layers: Layers, look: Looking, form: Form = None
) -> Response:
    """By what a collection's features can be asked for, as a JSON Schema: the fields that are the caller's to see."""
    layer, viewer = layers[layer_id], looks.viewer_for(caller)
    viewer.require(layer)
    html = ogc_pages.wants_html(request, form)
    told = ogc_documents.queryables(str(request.base_url), layer, viewer, dict(request.query_params), html)
    return _document(told, SCHEMA, ogc_pages.page("queryables", told, trail=_trail(layer)) if html else None)


@router.get(
    "/collections/{layer_id}/items",
    openapi_extra=PUBLIC_ROUTE | {OPEN_PARAMETERS: True},
    responses=answering(FeaturePage, HTML, _304=_SAME, _503=_SLOW),
    response_class=GeoJson,
)
async def items(
    request: Request,
    layer_id: str,
    caller: Caller,
    layers: Layers,
    look: Looking,
    bbox: Annotated[
        str | None, Query(description="The box's lower corner, then its upper, in bbox-crs (CRS84)")
    ] = None,
    bbox_crs: BBoxCrs = None,
    moment: Annotated[str | None, Query(alias="datetime", description="RFC 3339 instant, or start/end")] = None,
    limit: Annotated[int, Query(ge=1, description="Features in a page; above 10,000 means 10,000")] = 100,
    after: Annotated[str | None, Query(description="As given by the page before, in its `next` link")] = None,
    count: Annotated[bool, Query(description="Also count all that match (numberMatched)")] = False,
    crs: Crs = None,
    condition: Annotated[
        str | None, Query(alias="filter", max_length=MAX_LENGTH, description="A filter in CQL2")
    ] = None,
    language: Annotated[
        Literal["cql2-text", "cql2-json"], Query(alias="filter-lang", description="How filter is written")
    ] = "cql2-text",
    filter_crs: FilterCrs = None,
    sortby: Annotated[
        str | None, Query(max_length=500, description="Properties, with commas between; - for the greatest first")
    ] = None,
    form: Form = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Read one page of a collection as GeoJSON. Every queryable is a parameter too: the value it must have."""
    layer, viewer = layers[layer_id], looks.viewer_for(caller)
    viewer.require(layer)
    question = Question.of(
        request, layer, viewer, bbox=bbox, bbox_crs=bbox_crs, moment=moment, limit=limit, after=after, count=count,
        crs=crs, condition=condition, language=language, filter_crs=filter_crs, sortby=sortby,
        html=ogc_pages.wants_html(request, form),
    )  # fmt: skip

    def act(conn: Connection) -> Response:
        return _items(conn, request, caller, question, if_none_match)

    if not question.costly:
        return await look.at(act)
    async with _one_of_few(request):
        return await look.at(act)


def _items(
    conn: Connection, request: Request, caller: Identity | None, question: Question, if_none_match: str | None
) -> Response:
    layer, viewer = question.layer, question.viewer
    extent = extent_of_city(conn) if question.html or question.names_systems else None
    asked, system = question.asked(extent)
    page = features.read(conn, layer, viewer, **asked, patience_s=settings_of(request).question_seconds)
    looks.looked(conn, caller, layer, viewer.fields_of(layer), question.bbox, page.returned)
    here = f"{request.base_url}ogc/collections/{layer.id}"
    sent = dict(request.query_params)
    links = [
        *forms(f"{here}/items", sent, question.html, GEOJSON),
        link(here, "collection", JSON, layer.title_en),
    ]
    if page.after is not None:
        media_type = HTML if question.html else GEOJSON
        address = with_parameters(f"{here}/items", sent | {"after": page.after})
        links.append(link(address, "next", media_type, "下一页 · Next page"))
    # No timeStamp: it would make every answer another one, and is not demanded.
    about: dict[str, Any] = {"numberReturned": page.returned, "links": links}
    if page.matched is not None:
        about["numberMatched"] = page.matched
    elif question.after is None and page.after is None:
        # All of them are on the one page there is.
        about["numberMatched"] = page.returned
    # The features come from the database as text and leave as text.
    body = b'{"type":"FeatureCollection","features":[%b],%b' % (page.features.encode(), orjson.dumps(about)[1:])
    if question.html:
        told = orjson.loads(body)
        body = ogc_pages.page(
            "items", told, trail=_trail(layer), layer=layer, fields=viewer.fields_of(layer), extent=extent,
            features=b'{"type":"FeatureCollection","features":[%b]}' % page.features.encode(),
        )  # fmt: skip
    return _features(body, layer, viewer, system, links, question.html, if_none_match)


@router.get(
    "/collections/{layer_id}/items/{key}",
    openapi_extra=PUBLIC_ROUTE,
    responses=answering(OneFeature, HTML, _304=_SAME, _503=_SLOW),
    response_class=GeoJson,
)
async def item(
    request: Request,
    layer_id: str,
    key: str,
    caller: Caller,
    layers: Layers,
    look: Looking,
    crs: Crs = None,
    form: Form = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Read one feature by its key, as GeoJSON."""
    layer, viewer = layers[layer_id], looks.viewer_for(caller)
    viewer.require(layer)
    html = ogc_pages.wants_html(request, form)

    def act(conn: Connection) -> Response:
        extent = extent_of_city(conn) if html or crs is not None else None
        system = parse_system(crs, extent, "crs") if crs is not None and not html else CRS84
        feature = features.one(conn, layer, viewer, key, system=system)
        looks.looked(conn, caller, layer, viewer.fields_of(layer), None, 1, object=key)
        here = f"{request.base_url}ogc/collections/{layer.id}"
        links = [
            *forms(f"{here}/items/{quote(key, safe='')}", dict(request.query_params), html, GEOJSON),
            link(here, "collection", JSON, layer.title_en),
        ]
        body = b'%b,"links":%b}' % (feature.encode().rstrip()[:-1], orjson.dumps(links))
        if html:
            body = ogc_pages.page(
                "item", orjson.loads(body), trail=[*_trail(layer), ("要素 · Features", f"{here}/items?f=html")],
                layer=layer, fields=viewer.fields_of(layer), extent=extent, features=feature.encode(),
            )  # fmt: skip
        return _features(body, layer, viewer, system, links, html, if_none_match)

    return await look.at(act)


@asynccontextmanager
async def _one_of_few(request: Request) -> AsyncIterator[None]:
    """A place among the questions that may take long: they never have all connections, so others need not wait."""
    limiter = request.app.state.long_questions
    borrower = object()
    try:
        with anyio.fail_after(WAIT_S):
            await limiter.acquire_on_behalf_of(borrower)
    except TimeoutError:
        raise NotReady("Too many questions that take long are being asked.", retry_after_s=5) from None
    try:
        yield
    finally:
        limiter.release_on_behalf_of(borrower)


def _known(
    conn: Connection, layers: Iterable[Layer], viewer: Viewer
) -> tuple[ogc_documents.Extent | None, ogc_documents.Fresh]:
    """The city's box, and when the layers were last loaded."""
    return extent_of_city(conn), freshness.told(conn, layers, viewer)


def _document(told: Any, media_type: str, page: bytes | None) -> Response:
    headers = answers.kept_by_nobody_else() | {"Vary": _VARY}
    if page is not None:
        return Response(page, media_type=HTML, headers=headers)
    return Response(orjson.dumps(told), media_type=media_type, headers=headers)


def _features(
    body: bytes,
    layer: Layer,
    viewer: Viewer,
    system: ReferenceSystem,
    links: list[dict[str, str]],
    html: bool,
    if_none_match: str | None,
) -> Response:
    kept = viewer.sees_public_only(layer)
    answer = answers.one_callers(body, HTML if html else GEOJSON, if_none_match, kept=kept)
    answer.headers["Vary"] = _VARY
    if not html:
        answer.headers["Content-Crs"] = f"<{system.uri}>"
    # RFC 8288; titles are left out, as headers take no Chinese.
    told = ", ".join(f'<{each["href"]}>; rel="{each["rel"]}"; type="{each["type"]}"' for each in links)
    if len(told) <= _LONGEST_HEADER and told.isascii():
        answer.headers["Link"] = told
    return answer


def _trail(layer: Layer | None = None) -> list[tuple[str, str]]:
    found = [("图层集合 · Collections", "/ogc/collections?f=html")]
    if layer is not None:
        found.append((f"{layer.title_zh} · {layer.title_en}", f"/ogc/collections/{layer.id}?f=html"))
    return found
