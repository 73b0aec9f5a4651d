"""The live stream: who is looking where, and what each is told.

One connection per process listens. It is woken by the relay, reads what came after the last position, and hands each
event to those whose box it touches; who that is, an R-tree knows, as boxes come and go all day. A subscriber has a
short queue: one who cannot keep up is cut, and resumes from the table by Last-Event-ID when he comes back. So a
process holds little for anybody, and nobody misses anything.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import anyio
import psycopg
from fastapi.sse import EventSourceResponse, format_sse_event
from psycopg.rows import DictRow, dict_row
from rtree.index import Index
from starlette.types import Message, Receive, Scope, Send

from api.database import Database
from gisops import events, people
from gisops.errors import GisopsError, NotReady
from gisops.events import Event, Standing

log = logging.getLogger(__name__)

Box = tuple[float, float, float, float]
WORLD: Box = (-180.0, -90.0, 180.0, 90.0)

QUEUE = 256
KEEPALIVE_S = 15.0
# A client that takes nothing for this long is gone, whatever its connection says.
PATIENCE_S = 30.0
# Sign-ins of open streams are looked at this often; the promise is that a stream ends 5 s after its sign-in.
RECHECK_S = 2.0
# Who is further behind reads the present state anew; replaying would take longer.
MOST_BEHIND = 50_000
MOST_SUBSCRIBERS = 2_000
_PAGE = 500
_LONGEST_WAIT_S = 2.0

AsyncConnection = psycopg.AsyncConnection[DictRow]


class Frame(NamedTuple):
    """An event made ready for the wire, once for all who get it."""

    pos: int
    wire: bytes


@dataclass(eq=False)
class Subscriber:
    """Somebody looking at a box. ``None`` in the queue is the end."""

    number: int
    box: Box
    token_hash: bytes
    start: int
    queue: asyncio.Queue[Frame | None] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    ended: str | None = None

    def offer(self, frame: Frame) -> bool:
        """Queue a frame; says whether there was room."""
        try:
            self.queue.put_nowait(frame)
        except asyncio.QueueFull:
            return False
        return True

    def end(self, why: str) -> None:
        """Stop the stream as soon as its client takes anything; what is queued is dropped."""
        self.ended = why
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Live:
    """This process's listener and its subscribers. Everything happens in one event loop, so nothing is locked."""

    def __init__(self, url: str, database: Database) -> None:
        self._url = url
        self._database = database
        self._numbers = itertools.count()
        self._subscribers: dict[int, Subscriber] = {}
        self._looking = Index()
        self._ready = asyncio.Event()
        self._epoch = 0
        self._last = 0

    # ---- listening ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Listen for ever; a database that goes away is waited for, and what was missed is read when it is back."""
        wait_s = 0.1
        while True:
            began = time.monotonic()
            try:
                async with await AsyncConnection.connect(
                    self._url, autocommit=True, row_factory=dict_row, application_name="gisops live", connect_timeout=5
                ) as conn:
                    await self._listen(conn)
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("live: the database is away (%s); trying again in %.1f s", type(error).__name__, wait_s)
            await asyncio.sleep(wait_s)
            wait_s = 0.1 if time.monotonic() - began > 10 else min(wait_s * 2, _LONGEST_WAIT_S)

    async def _listen(self, conn: AsyncConnection) -> None:
        await conn.execute(f"LISTEN {events.CHANNEL}")
        self._stand(await _standing(conn))
        recheck_at = 0.0
        while True:
            async with asyncio.timeout(10):
                await self._drain(conn)
                if time.monotonic() >= recheck_at:
                    await self._end_signed_out(conn)
                    recheck_at = time.monotonic() + RECHECK_S
            # The time-out also catches up should a wake-up ever be missed.
            async for _ in conn.notifies(timeout=RECHECK_S, stop_after=1):
                pass

    def _stand(self, standing: Standing) -> None:
        known, fits = self._ready.is_set(), standing.epoch == self._epoch and standing.last_pos >= self._last
        if not known or not fits:
            self._epoch, self._last = standing.epoch, standing.last_pos
        self._ready.set()
        if known and not fits:
            # Another life of the database: nobody's positions mean anything any more.
            log.warning("live: the database was restored; %d streams start anew", len(self._subscribers))
            for subscriber in list(self._subscribers.values()):
                self._cut(subscriber, "restored")

    async def _drain(self, conn: AsyncConnection) -> None:
        statement = events.statement("read_after").encode()
        while True:
            rows = await (await conn.execute(statement, {"pos": self._last, "limit": _PAGE})).fetchall()
            self.tell(events.event_of(row) for row in rows)
            if len(rows) < _PAGE:
                return

    async def _end_signed_out(self, conn: AsyncConnection) -> None:
        held = {subscriber.token_hash for subscriber in self._subscribers.values()}
        if not held:
            return
        statement = people.sessions_alive_sql().encode()
        rows = await (await conn.execute(statement, {"token_hashes": list(held)})).fetchall()
        alive = {bytes(row["token_hash"]) for row in rows}
        for subscriber in list(self._subscribers.values()):
            if subscriber.token_hash in held and subscriber.token_hash not in alive:
                self._cut(subscriber, "signed out")

    # ---- telling --------------------------------------------------------------------------------------------------

    def tell(self, found: Iterable[Event]) -> None:
        """Hand events, in order, to those they touch; one that lies nowhere goes to everybody."""
        for event in found:
            frame = self._frame(event)
            self._last = event.pos
            numbers: Iterable[int]
            if event.lon is None or event.lat is None:
                numbers = list(self._subscribers)
            else:
                numbers = list(self._looking.intersection((event.lon, event.lat, event.lon, event.lat)))
            for number in numbers:
                subscriber = self._subscribers[number]
                if not subscriber.offer(frame):
                    self._cut(subscriber, "too slow")

    def _frame(self, event: Event) -> Frame:
        return Frame(event.pos, format_sse_event(event=event.kind, data_str=event.data, id=self._id(event.pos)))

    def _id(self, pos: int) -> str:
        return f"{self._epoch}-{pos}"

    async def subscribe(self, box: Box | None, token_hash: bytes) -> Subscriber:
        """Add somebody who looks at a box (west, south, east, north; ``None``: everywhere). Raises NotReady."""
        try:
            async with asyncio.timeout(5):
                await self._ready.wait()
        except TimeoutError:
            raise NotReady("The live stream has no database yet.", retry_after_s=2) from None
        if len(self._subscribers) >= MOST_SUBSCRIBERS:
            raise NotReady("This process has as many live streams as it serves.", retry_after_s=10)
        subscriber = Subscriber(next(self._numbers), box or WORLD, token_hash, self._last)
        self._subscribers[subscriber.number] = subscriber
        self._looking.insert(subscriber.number, subscriber.box)
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Remove a subscriber; does nothing the second time."""
        if self._subscribers.pop(subscriber.number, None) is not None:
            self._looking.delete(subscriber.number, subscriber.box)

    def _cut(self, subscriber: Subscriber, why: str) -> None:
        self.leave(subscriber)
        subscriber.end(why)

    def close(self) -> None:
        """End every stream: the process goes, and clients resume at another one."""
        for subscriber in list(self._subscribers.values()):
            self._cut(subscriber, "closing")

    @property
    def subscribers(self) -> int:
        """How many are looking."""
        return len(self._subscribers)

    # ---- one stream -----------------------------------------------------------------------------------------------

    async def stream(self, subscriber: Subscriber, last_event_id: str | None) -> AsyncIterator[bytes]:
        """The bytes of one stream: ``hello``, what was missed or ``resync``, then what happens."""
        try:
            resume = await self._resume(subscriber, last_event_id) if last_event_id else subscriber.start
        except (psycopg.Error, GisopsError) as error:
            log.warning("live: a stream could not be resumed (%s); its client will try again", type(error).__name__)
            return
        if resume is None:
            # The id comes with it: whoever has read the present state anew goes on from here.
            yield self._word("hello", subscriber.start)
            yield self._word("resync", subscriber.start)
        else:
            yield self._word("hello", resume)
            try:
                async for frame in self._missed(subscriber, resume):
                    yield frame.wire
            except (psycopg.Error, GisopsError) as error:
                log.warning("live: a stream could not be resumed (%s); its client will try again", type(error).__name__)
                return
        while True:
            try:
                async with asyncio.timeout(KEEPALIVE_S):
                    frames = [await subscriber.queue.get()]
            except TimeoutError:
                # Nothing is queued, so this client knows all up to here: a later resume need not look further back.
                yield format_sse_event(comment="ping", id=self._id(max(self._last, subscriber.start)))
                continue
            while not subscriber.queue.empty():
                frames.append(subscriber.queue.get_nowait())
            wire = b"".join(frame.wire for frame in frames if frame is not None)
            if subscriber.ended is not None:
                return
            yield wire

    def _word(self, kind: str, pos: int) -> bytes:
        data = f'{{"epoch":{self._epoch},"pos":{pos}}}'
        return format_sse_event(event=kind, data_str=data, id=self._id(pos))

    async def _resume(self, subscriber: Subscriber, last_event_id: str) -> int | None:
        """Where to go on from, or ``None`` where the id is not of this life of the database, or too old."""
        epoch, _, pos = last_event_id.partition("-")
        if not (epoch.isascii() and epoch.isdigit() and pos.isascii() and pos.isdigit()) or len(last_event_id) > 30:
            return None
        behind = subscriber.start - int(pos)
        if int(epoch) != self._epoch or behind < 0 or behind > MOST_BEHIND:
            return None
        if behind > 0:
            first = (await self._database.run(events.standing)).first_pos
            if first is None or int(pos) + 1 < first:
                return None
        return int(pos)

    async def _missed(self, subscriber: Subscriber, pos: int) -> AsyncIterator[Frame]:
        while pos < subscriber.start:
            found = await self._database.run(events.read_in_box, pos, subscriber.start, subscriber.box, _PAGE)
            for event in found:
                yield self._frame(event)
            if len(found) < _PAGE:
                return
            pos = found[-1].pos


async def _standing(conn: AsyncConnection) -> Standing:
    row = await (await conn.execute(events.statement("standing").encode())).fetchone()
    if row is None:
        raise psycopg.OperationalError("the relay has no row")
    return events.standing_of(row)


class LiveResponse(EventSourceResponse):
    """A stream that takes its subscriber off the list when it ends, however it ends."""

    def __init__(self, live: Live, subscriber: Subscriber, last_event_id: str | None) -> None:
        super().__init__(
            live.stream(subscriber, last_event_id),
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._live, self._subscriber = live, subscriber

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the client goes, is cut, or stops taking."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._live.leave(self._subscriber)

    async def stream_response(self, send: Send) -> None:
        """Send what comes, but do not wait for ever for a client that takes nothing."""

        async def patiently(message: Message) -> None:
            with anyio.fail_after(PATIENCE_S):
                await send(message)

        try:
            await super().stream_response(patiently)
        except TimeoutError:
            log.info("live: a client took nothing for %.0f s and was cut", PATIENCE_S)
