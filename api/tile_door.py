"""The door for what everybody asks for: a tile under the name of its public content, answered before anything else.

A map asks for hundreds of them, and the same ones as its neighbour. What was answered once is kept whole, packed and
with its headers, under the address it was asked at; it is sent again without a route, a thread or a connection, for as
long as the content has the name that stands in the address. So it is the same for everybody, whoever they are
(`api.tile_answers`): nobody needs to be known.

Whoever asks for one that another is waiting for waits with him, here, where waiting costs nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.datastructures import State
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import metrics
from api.ready_tiles import OFFER, Key, Offer, Ready, ReadyTiles, Versions, encoding_for
from layers.versions import joint

# Longer than a tile takes; whoever has waited so long makes his own.
_LONGEST_WAIT_S = 10.0
_METHODS = ("GET", "HEAD")
_OF_A_BODY = (b"content-length", b"content-type", b"content-encoding")


class TileDoor:
    """Middleware, the outermost: it answers what is ready and passes everything else on."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app, self._state = app, state
        self._awaited: dict[Key, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        if scope["type"] != "http" or scope["method"] not in _METHODS:
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD" and scope["path"].endswith(".mvt"):
            # The routes of tiles know no HEAD: it is a GET whose body is kept back.
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        if not scope["query_string"].startswith(b"v="):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        accepted, known = b"", None
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                accepted = value
            elif name == b"if-none-match":
                known = value
        key = (scope["path"], scope["query_string"], encoding_for(accepted))
        versions: Versions = self._state.catalogs.versions
        kept: ReadyTiles = self._state.ready_tiles
        ready = kept.get(key, versions)
        if ready is None and _may_become_ready(key, versions):
            async with _Turn(self._awaited, key) as turn:
                ready = kept.get(key, versions) if turn.waited else None
                if ready is None:
                    taker = _Taker(kept, key, known, turn.end, send)
                    await self._app({**scope, OFFER: taker.offer}, receive, taker.send)
                    return
        if ready is None:
            await self._app(scope, receive, send)
            return
        status = await _send(ready, known, send)
        tally: metrics.Tally = self._state.tally
        tally.count(scope["method"], ready.route, status, began)


def _without_body(send: Send) -> Send:
    async def sending(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sending


async def _send(ready: Ready, known: bytes | None, send: Send) -> int:
    if known is not None and ready.tag in (each.strip() for each in known.split(b",")):
        headers = [header for header in ready.headers if header[0] not in _OF_A_BODY]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return 304
    await send({"type": "http.response.start", "status": ready.status, "headers": ready.headers})
    await send({"type": "http.response.body", "body": ready.body})
    return ready.status


class _Taker:
    """Takes an answer as it passes, with the headers it has in the end, where the route says that it may be kept."""

    def __init__(self, kept: ReadyTiles, key: Key, known: bytes | None, begun: Callable[[], None], send: Send) -> None:
        self._kept, self._key, self._known, self._begun, self._send = kept, key, known, begun, send
        self._start: Message = {}
        self.offer = Offer()

    async def send(self, message: Message) -> None:
        """Pass on what is sent; a whole answer at once, once it is kept."""
        if message["type"] == "http.response.start":
            self._start = message
            if self.offer.named is not None:
                return
        elif self.offer.named is not None and not message.get("more_body", False):
            ready = self._ready(message["body"])
            self._kept.put(self._key, ready)
            self._begun()
            await _send(ready, self._known, self._send)
            return
        self._begun()
        await self._send(message)

    def _ready(self, body: bytes) -> Ready:
        headers = list(self._start["headers"])
        tag = next(value for name, value in headers if name == b"etag")
        named, until, route = self.offer.named or (), self.offer.until, self.offer.route
        return Ready(named, until, route, self._start["status"], headers, body, tag)


def _may_become_ready(key: Key, versions: Versions) -> bool:
    """Tell whether an address, as it is written in TileJSON, names what its layers hold now, so that the answer may be
    kept, and it is worth waiting for who asked before.
    """
    ids = key[0].split("/")[2:3]
    return bool(ids) and joint(ids[0].split(","), versions) == key[1][2:].decode("latin-1")


class _Turn:
    """One passes, and those who come meanwhile wait until his answer has begun."""

    def __init__(self, awaited: dict[Key, asyncio.Event], key: Key) -> None:
        self._awaited, self._key = awaited, key
        self._mine: asyncio.Event | None = None
        self.waited = False

    async def __aenter__(self) -> _Turn:
        first = self._awaited.get(self._key)
        if first is None:
            self._mine = self._awaited[self._key] = asyncio.Event()
            return self
        self.waited = True
        try:
            async with asyncio.timeout(_LONGEST_WAIT_S):
                await first.wait()
        except TimeoutError:
            pass
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Let the others go on: with the first word of the answer, not with its last."""
        if self._mine is not None:
            del self._awaited[self._key]
            self._mine.set()
            self._mine = None
