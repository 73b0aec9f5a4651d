"""Photographs come in here, and are shown to those who may see what they show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, Literal
from uuid import UUID

import anyio
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api import answers
from api.deps import (
    Caller,
    Looking,
    SignedIn,
    database_of,
    limit_anonymous_photos,
    photo_stranger,
    settings_of,
)
from api.schemas.answers import answering
from api.schemas.answers.city import Photo
from gisops import photos, storage
from gisops.db.pool import Connection
from gisops.errors import NotReady
from gisops.photos import Developed, InvalidPhoto, Stranger
from gisops.room import StorageFull
from gisops.storage import Storage

router = APIRouter(tags=["photographs"])

Hash = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
Thumb = Annotated[Literal["small", "large"], Query(description="small: 160 pixels, large: 640.")]

# How long a phone with a bad line may take; and how long an upload waits for its turn to be decoded.
_SENDING_S = 120.0
_WAITING_S = 20.0
_PIECE_BYTES = 512 * 1024
# What a sender says who does not know.
_NO_CLAIM = frozenset({"", "application/octet-stream", "image/*"})
_PICTURE: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}}, 304: {"description": "Not modified"}}


@router.post(
    "/api/photos",
    status_code=201,
    dependencies=[Depends(limit_anonymous_photos)],
    openapi_extra={
        "x-permission": "public",
        "x-scope": "write:reports",
        "requestBody": {
            "required": True,
            "content": {kind: {} for kind in ("image/jpeg", "image/png", "image/webp", "application/octet-stream")},
        },
    },
    responses=answering(Photo, status=201, again="The same photograph was sent before."),
)
async def send(request: Request, caller: Caller) -> Response:
    """Send a photograph, as the body itself; the answer's ``sha256`` is what a report or a move names it by."""
    settings, state = settings_of(request), request.app.state
    room = state.watch.look()
    if caller is None and room is not None and room.low:
        # what is left is for the city's own work
        raise StorageFull("There is little room left: photographs without a sign-in are not taken now.")
    claimed = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if claimed not in _NO_CLAIM and not claimed.startswith("image/"):
        raise InvalidPhoto(
            "The body is the photograph itself, with Content-Type image/jpeg, image/png or image/webp.",
            reason="claimed",
            types=["image/jpeg", "image/png", "image/webp"],
        )
    with photos.arriving(storage.folder_of(settings)) as folder:
        await _received(request, folder / photos.SENT)
        async with AsyncExitStack() as turns:
            # Of the two places to decode at strangers have one, so that the field's photographs never wait for theirs.
            for place in (state.developing,) if caller is not None else (state.developing_strangers, state.developing):
                await turns.enter_async_context(_turn(place, folder))
            # In a thread of its own: those of the pool are as many as there are connections, and are for these.
            own = CapacityLimiter(1)
            said = None if claimed in _NO_CLAIM else claimed
            one = await run_sync(photos.develop, folder, said, limiter=own)
            await run_sync(photos.keep_files, state.storage, one, limiter=own)
        stranger = photo_stranger(request) if caller is None else None
        fresh = await database_of(request).run(_record, state.storage, one, caller, stranger)
    picture = one.picture
    told = {
        "sha256": picture.sha256,
        "type": picture.mime,
        "bytes": picture.bytes,
        "width": picture.width,
        "height": picture.height,
    }
    return answers.json(told, 201 if fresh else 200)


@asynccontextmanager
async def _turn(place: CapacityLimiter, who: object) -> AsyncIterator[None]:
    try:
        with anyio.fail_after(_WAITING_S):
            await place.acquire_on_behalf_of(who)
    except TimeoutError:
        raise NotReady("Too many photographs come in at this moment.", retry_after_s=5) from None
    try:
        yield
    finally:
        place.release_on_behalf_of(who)


async def _received(request: Request, file: Any) -> None:
    """Write the body into a file as it comes, in pieces, each in a thread: none of it is kept in memory."""
    try:
        with anyio.fail_after(_SENDING_S), await run_in_threadpool(file.open, "wb") as into:
            piece = bytearray()
            async for chunk in request.stream():
                piece += chunk
                if len(piece) >= _PIECE_BYTES:
                    await run_in_threadpool(into.write, piece)
                    piece = bytearray()
            await run_in_threadpool(into.write, piece)
    except ClientDisconnect:
        raise InvalidPhoto("The photograph broke off.", reason="damaged") from None
    except TimeoutError:
        raise InvalidPhoto(f"The photograph did not arrive within {_SENDING_S:.0f} s.", reason="too_slow") from None
    except OSError as error:
        raise storage.refused(error, str(file)) from error


def _record(conn: Connection, kept: Storage, one: Developed, caller: Caller, stranger: Stranger | None) -> bool:
    actor, key_id = (caller.actor, caller.key_id) if caller else (None, None)
    return photos.record(conn, kept, one, actor, key_id, stranger)


@router.get(
    "/api/photos/{sha256}",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    responses=_PICTURE,
    response_class=Response,
)
async def show(request: Request, sha256: Hash, caller: SignedIn, look: Looking) -> Response:
    """A photograph of a case that the caller may see and knows the people of, without what the file says of itself."""
    return await _shown(request, *await look.at(photos.show, sha256, "view", caller.actor, caller.key_id))


@router.get(
    "/api/photos/{sha256}/thumb",
    openapi_extra={"x-permission": "signed_in", "x-scope": "read:cases"},
    responses=_PICTURE,
    response_class=Response,
)
async def thumb(request: Request, sha256: Hash, caller: SignedIn, look: Looking, size: Thumb = "small") -> Response:
    """The same, small."""
    return await _shown(request, *await look.at(photos.show, sha256, size, caller.actor, caller.key_id))


@router.get(
    "/api/reports/{client_uid}/photos/{sha256}",
    openapi_extra={"x-permission": "public", "x-scope": "write:reports"},
    responses=_PICTURE,
    response_class=Response,
)
async def of_report(
    request: Request, client_uid: UUID, sha256: Hash, look: Looking, size: Literal["view", "small", "large"] = "large"
) -> Response:
    """A photograph of one's own report, for whoever holds its key: what that report was the first to show; or, once its
    case is over, one that shows the result, which is asked for each time, as it goes when the case is opened again.
    """
    return await _shown(request, *await look.at(photos.show_to_reporter, client_uid, sha256, size))


async def _shown(request: Request, name: str, digest: str, stays: bool = True) -> Response:
    """A copy, whose content never changes under its name: kept by this caller's own browser, and by nobody else, and
    shown without asking again where it ``stays`` his to see. As a picture and nothing else, whatever a browser would
    like to make of it.
    """
    headers = {
        "ETag": f'"{digest}"',
        "Cache-Control": "private, max-age=31536000, immutable" if stays else "private, no-cache",
        "Vary": "Authorization, Cookie",
        "Content-Disposition": f'inline; filename="{name[:16]}.jpg"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    if answers.has(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    kept: Storage = request.app.state.storage
    content = await run_sync(kept.read, name, limiter=request.app.state.fetching)
    if content is None:
        raise photos.no_such(name[:64])
    return Response(content, media_type="image/jpeg", headers=headers)
