"""The thread of a case: what those who work on it write to each other."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from api import answers
from api.auth import Identity
from api.deps import Ctx, Seeing, SignedIn, Tx, requires
from api.schemas.answers import answering
from api.schemas.answers import messages as described
from api.schemas.messages import MessageIn
from gisops.cases import case_messages

router = APIRouter(prefix="/api/cases/{case_no}/messages", tags=["cases"])

# Whose work is with cases (`people.knows_people`); of a department, with those it holds.
WRITERS = (
    "admin", "acceptor", "shift_leader", "dispatcher", "supervisor", "handler", "officer", "inspector", "leader",
    "coordinator", "department",
)  # fmt: skip
Writer = Annotated[Identity, Depends(requires(*WRITERS))]
_WRITES = {"x-permission": "roles:" + ",".join(WRITERS), "x-scope": "write:cases"}


@router.get(
    "", openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"}, responses=answering(described.Thread)
)
def thread(
    request: Request,
    case_no: str,
    caller: SignedIn,
    conn: Seeing,
    limit: Annotated[int, Query(ge=1, le=case_messages.MOST_ROWS)] = 50,
    before: UUID | None = None,
) -> Response:
    """The newest messages of a case, oldest first; ``next`` is the address of those before them, or null."""
    found = case_messages.thread(conn, case_no, caller.actor, limit=limit, before=before, key_id=caller.key_id)
    earlier = found.pop("before")
    following = None
    if earlier is not None:
        following = f"{request.url.path}?{urlencode({'limit': limit, 'before': str(earlier)})}"
    return answers.json({**found, "next": following})


@router.post("", openapi_extra=_WRITES, responses=answering(described.Written) | {201: {"model": described.Written}})
def write(case_no: str, body: MessageIn, caller: Writer, conn: Tx, city: Ctx) -> Response:
    """Write to the thread of a case; whoever is mentioned is told. 201, or 200 for the same message sent again."""
    key, new = case_messages.write(
        conn, city, case_no, body.text, body.mentions, body.message_id, caller.actor, caller.key_id
    )
    return answers.json({"case_no": case_no, "message_id": key}, status=201 if new else 200)


@router.delete("/{message_id}", status_code=204, openapi_extra=_WRITES)
def erase(case_no: str, message_id: UUID, caller: Writer, conn: Tx, city: Ctx) -> Response:
    """Erase the text of one's own message, or as an administrator anybody's; that there was one stays."""
    case_messages.erase(conn, city, case_no, message_id, caller.actor, caller.key_id)
    return Response(status_code=204)
