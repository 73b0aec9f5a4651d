"""The audit, for those who watch over it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from api import answers
from api.auth import Identity
from api.deps import Seeing, requires
from api.schemas.answers import answering
from api.schemas.answers import audit as described
from api.schemas.shapes import QueryMoment, QueryText
from gisops.access import audit

router = APIRouter(prefix="/api", tags=["audit"])

READERS = ("admin", "inspector")


@router.get(
    "/audit",
    openapi_extra={"x-permission": "roles:" + ",".join(READERS), "x-scope": "read:audit"},
    responses=answering(described.Audit),
)
def read(
    request: Request,
    _caller: Annotated[Identity, Depends(requires(*READERS))],
    conn: Seeing,
    account: Annotated[QueryText | None, Query(description="Login of the account whose acts are wanted")] = None,
    act: Annotated[QueryText | None, Query(description="sign_in, look, reveal, report, grant …")] = None,
    subject: Annotated[QueryText | None, Query(description="A layer or a table")] = None,
    from_at: Annotated[QueryMoment | None, Query(alias="from", description="RFC 3339, with a zone")] = None,
    until_at: Annotated[QueryMoment | None, Query(alias="until", description="RFC 3339, with a zone")] = None,
    after: Annotated[UUID | None, Query(description="As given by the page before, in `next`")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Who did and saw what, newest first, for administrators and inspectors of the whole city. `next` is the address
    of the next page, or null. That it was read is an entry of its own.
    """
    found = audit.page(
        conn, login=account, act=act, subject=subject, from_at=from_at, until_at=until_at, after=after, limit=limit
    )
    entries = []
    for entry in found:
        zh, en = audit.ACTS[entry.act]
        entries.append({**asdict(entry), "act_zh": zh, "act_en": en})
    following = None
    if len(found) == limit:
        asked = {name: value for name, value in request.query_params.items() if name != "after"}
        following = f"{request.url.path}?{urlencode({**asked, 'after': str(found[-1].entry_id)})}"
    shown = {"entries": entries, "next": following}
    return answers.json(shown, headers={"Cache-Control": "private, no-store", "Vary": "Authorization, Cookie"})
