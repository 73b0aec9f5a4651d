"""Bulletins: what was published of a month, to be read, printed, or taken apart as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from cachetools import LRUCache
from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api import answers, files
from api.deps import Looking, SignedIn
from api.schemas.answers import answering
from api.schemas.answers import indicators as described
from gisops import bulletin, printing

router = APIRouter(prefix="/api/bulletins", tags=["bulletins"])

OPEN = {"x-permission": "signed_in", "x-scope": "read:cases"}
KEPT = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
# Printed ones, by the digest of their page, which never changes: printing takes a second or two.
_PRINTED: LRUCache[str, bytes] = LRUCache(maxsize=8)
# The page brings its own style and runs nothing.
_CLOSED = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'"


@router.get("", openapi_extra=OPEN, responses=answering(described.Bulletins))
async def listed(_caller: SignedIn, look: Looking) -> Response:
    """Every bulletin there is, newest first, with its version and the SHA-256 of its page."""
    return answers.json({"bulletins": await look.at(bulletin.listed)}, headers=KEPT)


@router.get(
    "/{period}.{form}", openapi_extra=OPEN, responses=answering(described.Bulletin, "text/html", "application/pdf")
)
async def one(
    request: Request,
    period: Annotated[str, Path(pattern=r"^\d{4}-\d{2}$", description="2026-10")],
    form: Literal["html", "pdf", "json"],
    _caller: SignedIn,
    look: Looking,
    version: Annotated[int | None, Query(ge=1, le=9_999, description="An earlier version; the last holds")] = None,
) -> Response:
    """The bulletin of a month as it was published: the page, the page on paper (A4), or its numbers."""
    found = await look.at(bulletin.read, period, version)
    name = f'"{found.sha256}-{form}"'
    headers = {**KEPT, "ETag": name}
    if answers.has(request.headers.get("if-none-match"), name):
        return Response(status_code=304, headers=headers)
    if form == "json":
        return answers.plain(dict(found.facts), headers=headers)
    if form == "html":
        return Response(found.html, media_type="text/html", headers={**headers, "Content-Security-Policy": _CLOSED})
    if found.sha256 not in _PRINTED:
        # as with files: so many at a time, as each takes a core
        async with files.slot(request.app.state.files):
            if found.sha256 not in _PRINTED:
                _PRINTED[found.sha256] = await run_in_threadpool(printing.pdf, found.html)
    headers["Content-Disposition"] = f'inline; filename="bulletin-{period}-v{found.version}.pdf"'
    return Response(_PRINTED[found.sha256], media_type="application/pdf", headers=headers)
