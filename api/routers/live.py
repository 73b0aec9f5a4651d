"""The live stream's address."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import StreamingResponse

from api.database import Database
from api.deps import SignedIn, database_of
from api.live import Live, LiveResponse
from api.schemas.shapes import QueryText
from gisops import events
from gisops.access import scopes
from layers.features import parse_bbox

router = APIRouter(tags=["live"])


# Not response_class=EventSourceResponse: with it FastAPI iterates over the endpoint itself, whose answer is a response.
@router.get(
    "/api/live",
    response_class=StreamingResponse,
    responses={200: {"description": "Server-sent events.", "content": {"text/event-stream": {}}}},
    openapi_extra={"x-permission": "signed_in", "x-scope": "live"},
)
async def live(
    request: Request,
    caller: SignedIn,
    database: Annotated[Database, Depends(database_of)],
    bbox: QueryText | None = None,
    last_event_id: Annotated[str | None, Header(max_length=128)] = None,
) -> Response:
    """What happens, as it happens, in a box (west,south,east,north) or all of one's scope: server-sent events.

    ``hello`` comes first; ``resync`` where Last-Event-ID cannot be resumed from, or the scope has changed (then read
    the present state anew); ``gone`` names a case that has left one's scope; ``notice`` says that there is something
    new for the caller himself (`GET /api/me/notices`), and to nobody else that there is.
    """
    streams: Live = request.app.state.live
    box = parse_bbox(bbox) if bbox is not None else None
    scope = await database.run(scopes.scope_of, caller.actor.account_id)
    words = await database.run(events.posts, [caller.actor.account_id])
    subscriber = await streams.subscribe(box, caller.token_hash, scope, words.get(caller.actor.account_id, frozenset()))
    return LiveResponse(streams, subscriber, last_event_id)
