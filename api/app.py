"""The web application: what it is made of, and what lives as long as a process does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api import basemaps, edge, files, metrics, problems
from api.auth import Identities
from api.catalogs import Catalogs
from api.database import Database
from api.disk import RoomToWrite, Watch
from api.live import Live
from api.ready_tiles import ReadyTiles
from api.routers import (
    agreements,
    audit,
    auto_rules,
    basemap,
    beneath,
    bulletins,
    case_reports,
    cases,
    city,
    desk,
    dispatch,
    docs,
    downloads,
    duplicates,
    handbook,
    happened,
    health,
    indicators,
    ledger,
    live,
    locate,
    looking,
    me,
    messages,
    notices,
    ogc,
    ogc_tiles,
    oidc,
    photos,
    reports,
    reveal,
    screens,
    session,
    styles,
    tiles,
)
from api.tile_door import TileDoor
from gisops import __version__, storage
from gisops.cluster import database_urls
from gisops.settings import Settings
from layers.forms import FORMS
from tiles.cache import TileCache
from tiles.live import LiveTiles

# The largest body of an ordinary request; a batch says its own.
BODY_BYTES = 64 * 1024


def create_app(settings: Settings) -> FastAPI:
    """Make the application for these settings. The database need not be there yet: until it is, answers are 503."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # As many threads as connections: what has a connection finds a thread (see api.database).
        anyio.to_thread.current_default_thread_limiter().total_tokens = settings.pool_size
        urls = database_urls(settings)
        url = urls.app
        # Requests go through the pooler, where there is one; what listens, and what looks after it all, goes past it.
        database = Database(urls.pooled or url, settings.pool_size, pooled=urls.pooled is not None)
        app.state.settings = settings
        app.state.url = url
        app.state.database = database
        app.state.identities = Identities(database)
        app.state.verifying = CapacityLimiter(2)
        app.state.looking = CapacityLimiter(1)
        # Questions for features that may take long have half of the connections, and never the last.
        app.state.long_questions = CapacityLimiter(max(1, settings.pool_size // 2))
        app.state.live_tiles = LiveTiles()
        app.state.live = Live(url, database, app.state.live_tiles)
        app.state.tiles = TileCache()
        app.state.ready_tiles = ReadyTiles()
        app.state.tally = metrics.Tally()
        app.state.files = files.limiter()
        # Photographs are decoded by processes of their own, two at a time: two cores, and 100 MB each for a JPEG.
        app.state.developing = CapacityLimiter(2)
        app.state.developing_strangers = CapacityLimiter(1)
        app.state.storage = storage.storage_of(settings)
        # A store that is slow keeps these threads, and none that has a connection.
        app.state.fetching = CapacityLimiter(8)
        app.state.below = basemaps.Below(settings)
        app.state.catalogs = Catalogs(database)
        app.state.catalogs.subscribe(lambda _: app.state.live.tell_versions(app.state.catalogs.public_versions))
        app.state.catalogs.subscribe(lambda _: app.state.live.tell_own(app.state.catalogs.catalog))
        tasks = [asyncio.create_task(each.run()) for each in (app.state.live, app.state.catalogs)]
        try:
            yield
        finally:
            app.state.live.close()
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            database.close()

    app = FastAPI(
        title="gisops",
        version=__version__,
        description="城市指挥中心的空间运行服务 / Spatial operations for a city's command centre.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # Said once for all routes; with it FastAPI does not add a 422 of its own shape to each.
        responses={status: {"description": "Problem details (RFC 9457)"} for status in _PROBLEMS},
    )
    # Level 1 on what is at least a kilobyte: tens of microseconds for a third of the bytes. The live stream passes.
    # Files that are compressed within, or as large as a city, go as they are.
    packed = tuple(FORMS[form].media_type for form in ("parquet", "fgb", "gpkg"))
    app.add_middleware(
        GZipMiddleware,
        minimum_size=1024,
        compresslevel=1,
        exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, *packed),
    )
    app.add_middleware(
        edge.BodyLimit,
        ordinary=BODY_BYTES,
        by_path={
            "/api/reports/batch": reports.BATCH_BYTES,
            "/api/photos": settings.photo_bytes,
            "*/at": beneath.GEOMETRY_BYTES,
        },
    )
    watch = app.state.watch = Watch(settings)
    app.add_middleware(RoomToWrite, watch=watch)
    headers = {**basemaps.headers(settings), **edge.strict_transport(settings)}
    app.add_middleware(edge.SecurityHeaders, headers=headers)
    app.add_middleware(metrics.Measured)
    if settings.trusted_proxies is not None:
        # Outermost, so that everybody inside is told the caller's own address and scheme; from any other peer what it
        # says of them is not looked at.
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=[str(one) for one in settings.trusted_proxies])
    _before_all(app)
    problems.install(app, headers)
    for part in (
        # First, as a map asks for hundreds: an address is held against each route that stands before its own.
        tiles,
        session,
        oidc,
        desk,
        me,
        reports,
        photos,
        locate,
        ledger,
        auto_rules,
        cases,
        case_reports,
        messages,
        notices,
        dispatch,
        live,
        city,
        handbook,
        happened,
        health,
        looking,
        downloads,
        duplicates,
        beneath,
        reveal,
        audit,
        indicators,
        bulletins,
        agreements,
        ogc,
        ogc_tiles,
        styles,
        basemap,
    ):
        app.include_router(part.router)
    app.include_router(cases.previews)
    app.include_router(docs.router)
    # Last, as it takes every address of one step that nothing else took.
    app.include_router(screens.router)
    _describe_problems(app)
    return app


# What may go wrong at any route, on either side of the door.
_PROBLEMS = ("4XX", "5XX")


def _before_all(app: FastAPI) -> None:
    """Put the door for tiles before everything else, what looks after errors too: each layer costs microseconds, of
    which what is ready takes few.
    """
    made = app.build_middleware_stack

    def stack() -> ASGIApp:
        return TileDoor(made(), app.state)

    app.build_middleware_stack = stack  # type: ignore[method-assign]


def _describe_problems(app: FastAPI) -> None:
    """Let the API's description say once what every error looks like, and say nothing that is said already."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        described = made()
        components = described.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for schema in schemas.values():
            _drop_titles(schema)
        schemas["Problem"] = problems.SCHEMA
        content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        components["responses"] = {"Problem": {"description": "Problem details (RFC 9457)", "content": content}}
        for operations in described["paths"].values():
            for operation in operations.values():
                for status, answer in operation["responses"].items():
                    if status in _PROBLEMS:
                        operation["responses"][status] = {"$ref": "#/components/responses/Problem"}
                    elif status >= "4":
                        answer["content"] = content
        return described

    app.openapi = openapi  # type: ignore[method-assign]


def _drop_titles(schema: Any) -> None:
    """Take away the titles that are made of names: `name_zh` is no better known by "Name Zh"."""
    for each in schema if isinstance(schema, list) else [schema]:
        if isinstance(each, dict):
            if isinstance(each.get("title"), str):
                del each["title"]
            for name, below in each.items():
                # Members may have any name, and be called title.
                for inner in below.values() if name == "properties" else [below]:
                    _drop_titles(inner)
