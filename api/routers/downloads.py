"""A layer as a file: what the caller may see of it, in the form they choose."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from api import files, looks
from api.auth import Identity, identify
from api.deps import Layers, Look, Looking, identities_of, requires, settings_of
from api.schemas.answers import in_form
from api.schemas.shapes import QueryText
from gisops.access import audit
from gisops.access.roles import ROLES
from gisops.db.pool import Connection
from gisops.errors import NotReady, NotSignedIn
from layers import export
from layers.features import parse_bbox
from layers.forms import FORMS, Drawn, Form
from layers.layer import Layer
from layers.viewer import Viewer

if TYPE_CHECKING:
    from layers import tables
    from layers.filters import Filter
    from layers.gdal_file import Table

# As `layers.cql2` has them, which nobody who asks for no filter waits for.
Language = Literal["cql2-text", "cql2-json"]

router = APIRouter(prefix="/api", tags=["looking"])


class _Page(Protocol):
    @property
    def after(self) -> str | None: ...
    @property
    def rows(self) -> int: ...


P = TypeVar("P", bound=_Page)


@router.get(
    "/layers/{layer_id}/export",
    openapi_extra={"x-permission": f"roles:{','.join(ROLES)}", "x-scope": "read:layers"},
    response_class=Response,
    responses=in_form(*(about.media_type for about in FORMS.values())),
)
async def save(
    request: Request,
    layer_id: str,
    caller: Annotated[Identity, Depends(requires(*ROLES))],
    catalog: Layers,
    look: Looking,
    form: Annotated[Form, Query(alias="format")] = "geojsonseq",
    bbox: Annotated[QueryText | None, Query(description="west,south,east,north in degrees (WGS-84)")] = None,
    condition: Annotated[
        str | None, Query(alias="filter", max_length=8_000, description="CQL2: what a feature must be to be in it")
    ] = None,
    language: Annotated[Language, Query(alias="filter-lang")] = "cql2-text",
) -> Response:
    """A layer as a file: the features and fields the caller may see. Text and GeoParquet come as they are read, in the
    order of their keys; FlatGeobuf and GeoPackage when the file is whole. Each page that is read for it is written down
    in the audit, and asks anew who is looking.
    """
    layer, viewer = catalog[layer_id], looks.viewer_for(caller)
    asked: dict[str, Any] = {
        "bbox": None if bbox is None else parse_bbox(bbox),
        "passing": None if condition is None else _filter(condition, language, layer, viewer),
        "patience_s": settings_of(request).question_seconds,
    }

    def audited(conn: Connection, page: P) -> P:
        audit.add(conn, "export", layer.id, place=bbox, rows=page.rows, facts={"format": form}, key_id=caller.key_id)
        return page

    if form == "geojsonseq" or form == "csv":

        def read_text(conn: Connection, after: str | None) -> export.Page:
            return audited(conn, export.page(conn, layer, viewer, form, after=after, **asked))

        head = export.head(layer, viewer, form)
        # The first page is read before anything is answered, so that what is refused is refused in good order.
        text = await _begun(_pages(request, look, read_text))
        return _sent(layer, form, _text(head, text))

    from layers import tables  # late: nobody who asks for no file waits for these

    await run_in_threadpool(files.spare_pandas)
    schema = tables.schema(layer, viewer)

    def read_table(conn: Connection, after: str | None) -> tables.Page:
        return audited(conn, tables.page(conn, layer, viewer, after=after, **asked))

    if form == "parquet":
        return _sent(layer, form, files.parquet(schema, await _begun(_pages(request, look, read_table))))
    async with files.slot(request.app.state.files):
        table = await look.at(_table, layer, viewer, form)
        made = await files.drawn(settings_of(request), table, schema, _pages(request, look, read_table, waiting=True))
    return _sent(layer, form, files.pieces(made), size=os.fstat(made.fileno()).st_size)


def _filter(condition: str, language: Language, layer: Layer, viewer: Viewer) -> Filter:
    from layers import filters  # late: see layers.features

    return filters.parse(condition, language, layer, viewer)


def _table(conn: Connection, layer: Layer, viewer: Viewer, form: Drawn) -> Table:
    from layers import gdal_file, tables

    viewer.require(layer)
    return gdal_file.Table.of(layer, form, tables.shape_of(conn, layer))


async def _pages(
    request: Request, look: Look, read: Callable[[Connection, str | None], P], *, waiting: bool = False
) -> AsyncIterator[P]:
    """Page after page; ``waiting`` says that the caller has no byte of the answer yet, and may have given up."""
    page = await look.at(read, None)
    yield page
    while page.after is not None:
        # A sign-in that ended meanwhile ends the file too, unfinished, as nothing better can be said by now.
        if await identify(request, identities_of(request)) is None:
            raise NotSignedIn
        if waiting and await request.is_disconnected():
            raise NotReady("Nobody waits for this file any more.")
        page = await look.at(read, page.after)
        yield page


async def _begun(pages: AsyncIterator[P]) -> AsyncIterator[P]:
    """The same pages, of which the first is read by now."""
    first = await anext(pages)

    async def whole() -> AsyncIterator[P]:
        yield first
        async for page in pages:
            yield page

    return whole()


async def _text(head: bytes, pages: AsyncIterator[export.Page]) -> AsyncIterator[bytes]:
    async for page in pages:
        yield head + page.body
        head = b""


def _sent(layer: Layer, form: Form, body: AsyncIterator[bytes] | Iterator[bytes], size: int | None = None) -> Response:
    about = FORMS[form]
    headers = {
        "Cache-Control": "private, no-store",
        "Content-Disposition": f'attachment; filename="{files.file_name([layer], about.suffix)}"',
    }
    if size is not None:
        headers["Content-Length"] = str(size)
    return StreamingResponse(body, media_type=about.media_type, headers=headers)
