"""The ledger of cases as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import IO, Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from api import files
from api.auth import Identity, identify
from api.deps import Look, Looking, SignedIn, identities_of
from api.schemas.answers import in_form
from api.schemas.shapes import QueryMoment, QueryText
from gisops.cases import ledger
from gisops.city import City
from gisops.db.pool import Connection
from gisops.errors import NotReady, NotSignedIn
from layers.features import parse_bbox

router = APIRouter(prefix="/api", tags=["cases"])

Form = Literal["csv", "xlsx"]
_MEDIA = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


@router.get(
    "/cases.{form}",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    response_class=Response,
    responses=in_form(*_MEDIA.values()),
)
async def save(
    request: Request,
    form: Form,
    caller: SignedIn,
    look: Looking,
    state: QueryText | None = None,
    category: QueryText | None = None,
    organisation: QueryText | None = None,
    bbox: QueryText | None = None,
    since: Annotated[QueryMoment | None, Query(alias="from")] = None,
    until: Annotated[QueryMoment | None, Query(alias="to")] = None,
) -> Response:
    """The ledger: the cases the caller may see, newest first, as CSV (UTF-8 with a mark that Excel knows it by) or as a
    workbook; ``from`` and ``to`` are moments of the report. Each page that is read for it is written down in the audit,
    and asks anew who is looking.
    """
    box = None if bbox is None else parse_bbox(bbox)
    asked = ledger.Asked(state, category, organisation, box, since, until)
    pages = _pages(request, look, asked, form, caller)
    # The first page is read before anything is answered, so that what is refused is refused in good order.
    first = await anext(pages)
    headers = {
        "Cache-Control": "private, no-store",
        "Content-Disposition": f'attachment; filename="cases.{form}"',
    }
    if form == "csv":
        return StreamingResponse(_csv(first, pages), media_type="text/csv; charset=utf-8", headers=headers)
    async with files.slot(request.app.state.files):
        made = await _workbook(first, pages)
    return StreamingResponse(files.pieces(made), media_type=_MEDIA[form], headers=headers)


async def _pages(
    request: Request, look: Look, asked: ledger.Asked, form: Form, caller: Identity
) -> AsyncIterator[ledger.Page]:
    def read(conn: Connection, city: City, after: UUID | None) -> ledger.Page:
        return ledger.page(conn, city, asked, form, caller.actor, after, caller.key_id)

    page = await look(read, None)
    yield page
    while page.after is not None:
        # A sign-in that ended meanwhile ends the file too, unfinished, as nothing better can be said by now.
        if await identify(request, identities_of(request)) is None:
            raise NotSignedIn
        if form == "xlsx" and await request.is_disconnected():
            raise NotReady("Nobody waits for this file any more.")
        page = await look(read, page.after)
        yield page


async def _csv(first: ledger.Page, pages: AsyncIterator[ledger.Page]) -> AsyncIterator[bytes]:
    yield b"\xef\xbb\xbf" + ledger.lines([ledger.head(), *first.rows])
    async for page in pages:
        yield ledger.lines(page.rows)


async def _workbook(first: ledger.Page, pages: AsyncIterator[ledger.Page]) -> IO[bytes]:
    from api.workbook import Workbook  # late: nobody who asks for no workbook waits for it

    book = await run_in_threadpool(Workbook, "案卷台账 cases", ledger.head())
    try:
        await run_in_threadpool(book.add, first.rows)
        async for page in pages:
            await run_in_threadpool(book.add, page.rows)
        return await run_in_threadpool(book.end)
    except BaseException:
        book.file.close()
        raise
