"""The live stream's address."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from api.deps import SignedIn
from api.live import Live, LiveResponse
from api.schemas.shapes import QueryText
from layers.features import parse_bbox

router = APIRouter(tags=["live"])


# Not response_class=EventSourceResponse: with it FastAPI iterates over the endpoint itself, whose answer is a response.
@router.get(
    "/api/live",
    response_class=StreamingResponse,
    responses={200: {"description": "Server-sent events.", "content": {"text/event-stream": {}}}},
    openapi_extra={"x-permission": "signed_in"},
)
async def live(
    request: Request,
    caller: SignedIn,
    bbox: QueryText | None = None,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> Response:
    """What happens, as it happens, in a box (west,south,east,north) or everywhere: server-sent events.

    ``hello`` comes first, ``resync`` where Last-Event-ID cannot be resumed from (then read the present state anew).
    """
    streams: Live = request.app.state.live
    subscriber = await streams.subscribe(parse_bbox(bbox) if bbox is not None else None, caller.token_hash)
    return LiveResponse(streams, subscriber, last_event_id)
