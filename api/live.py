"""The live stream: who is looking where, and what each is told.

One connection per process listens. It is woken by the relay, reads what came after the last position, and hands each
event to those whose box it touches and whose scope it lies in; whose box, an R-tree knows, as boxes come and go all
day. A subscriber has a short queue: one who cannot keep up is cut, and resumes from the table by Last-Event-ID when he
comes back. So a process holds little for anybody, and nobody misses anything.

What lies outside of somebody's scope leaves no trace in his stream: no frame, no gap in the ids, no ping that comes
later, no queue that fills. Only a case that he could see until now is told, once, to be ``gone``. What is addressed to
one recipient goes to his streams alone, whatever they look at.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from uuid import UUID

import anyio
import orjson
import psycopg
from fastapi.sse import EventSourceResponse, format_sse_event
from psycopg.rows import DictRow, dict_row
from rtree.index import Index
from starlette.types import Message, Receive, Send
from starlette.types import Scope as AsgiScope

from api.database import Database
from api.live_ids import MOST_CHARACTERS, Place, Seal
from api.live_readers import QUEUE, WORLD, Account, Addressed, Box, Subscriber
from gisops import events
from gisops.access import people, scopes
from gisops.access.scopes import Scope
from gisops.errors import GisopsError, NotReady, NotSignedIn
from gisops.events import Event, Standing
from layers.catalog import Catalog, load_catalog
from layers.layer import Layer
from layers.viewer import viewer_of
from tiles.live import LiveTiles

log = logging.getLogger(__name__)

# The word for a case that somebody could see until now, and may not any more.
GONE = "gone"
# The word for what is for one alone: there is a notice for him.
NOTICE = "notice"
# The word for a layer whose content has another name.
LAYER = "layer"
# What else of a scope may change, beside the version that its rows have.
_NAMED = ("role", "everywhere", "staff_id")

KEEPALIVE_S = 15.0
# A client that takes nothing for this long is gone, whatever its connection says.
PATIENCE_S = 30.0
# Sign-ins and scopes of open streams are looked at this often; the promise is that a stream follows them within 5 s.
RECHECK_S = 2.0
# What the relay has not numbered yet is looked at this often, so that no tile is shown that is older than a second.
LOOK_S = 0.2
# Who has missed more, of what he may see, reads the present state anew; replaying would take longer.
MOST_MISSED = 10_000
# So does who was told last longer ago: far less than events are kept, so that what was dropped makes no difference.
LONGEST_AWAY_S = 24 * 3600
MOST_SUBSCRIBERS = 2_000
_PAGE = 500
# Told in one go: less than half of what a reader's queue holds.
_TOGETHER = QUEUE // 4
_LONGEST_WAIT_S = 2.0

AsyncConnection = psycopg.AsyncConnection[DictRow]


class Live:
    """This process's listener and its subscribers. Everything happens in one event loop, so nothing is locked."""

    def __init__(self, url: str, database: Database, tiles: LiveTiles) -> None:
        self._url = url
        self._database = database
        self._tiles = tiles
        self._numbers = itertools.count()
        self._subscribers: dict[int, Subscriber] = {}
        self._accounts: dict[int, Account] = {}
        self._addressed = Addressed()
        self._looking = Index()
        self._ready = asyncio.Event()
        self._seal = Seal(bytes(32))
        self._epoch = 0
        self._last = 0
        self._versions: Mapping[str, str] | None = None
        self._waiting: set[UUID] = set()
        self._own: Mapping[str, Layer] | None = None

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
            finally:
                self._tiles.lost()
            await asyncio.sleep(wait_s)
            wait_s = 0.1 if time.monotonic() - began > 10 else min(wait_s * 2, _LONGEST_WAIT_S)

    async def _listen(self, conn: AsyncConnection) -> None:
        await conn.execute(f"LISTEN {events.CHANNEL}")
        self._stand(await _standing(conn), await _key(conn))
        recheck_at = looked_at = 0.0
        while True:
            async with asyncio.timeout(10):
                read_at, now = None, time.monotonic()
                if now >= looked_at + LOOK_S:
                    # What was committed before a look without any waiting had its number, and is read now; else what
                    # was committed before the last look.
                    read_at = looked_at if await self._look_ahead(conn) else now
                    looked_at = now
                await self._drain(conn)
                if read_at is not None:
                    self._tiles.caught_up(read_at)
                if time.monotonic() >= recheck_at:
                    await self._end_signed_out(conn)
                    await self._follow_scopes(conn)
                    recheck_at = time.monotonic() + RECHECK_S
            # The time-out also catches up should a wake-up ever be missed.
            wait_s = min(recheck_at, looked_at + LOOK_S) - time.monotonic()
            async for _ in conn.notifies(timeout=max(0.05, wait_s), stop_after=1):
                pass

    def _stand(self, standing: Standing, key: bytes) -> None:
        self._seal = Seal(key)
        known, fits = self._ready.is_set(), standing.epoch == self._epoch and standing.last_pos >= self._last
        if not known or not fits:
            self._epoch, self._last = standing.epoch, standing.last_pos
        self._ready.set()
        if known and not fits:
            # Another life of the database: nobody's positions mean anything any more.
            self._tiles.lost()
            log.warning("live: the database was restored; %d streams start anew", len(self._subscribers))
            for subscriber in list(self._subscribers.values()):
                self._cut(subscriber, "restored")

    async def _look_ahead(self, conn: AsyncConnection) -> bool:
        """Say whether anything that has happened waits for its number. What did so at the last look, too, changes tiles
        now: the relay is slow, or gone.
        """
        statement = events.statement("unnumbered").encode()
        rows = await (await conn.execute(statement, {"limit": _PAGE})).fetchall()
        if len(rows) == _PAGE:
            self._tiles.lost()
        for row in rows:
            if row["event_id"] in self._waiting:
                self._changed(row["case_no"], row["lon"], row["lat"])
                if row["was_lon"] is not None:
                    self._changed(row["case_no"], row["was_lon"], row["was_lat"])
        self._waiting = {row["event_id"] for row in rows}
        return bool(rows)

    def _changed(self, case_no: str | None, lon: float | None, lat: float | None) -> None:
        if case_no is not None:
            self._tiles.changed(load_catalog()["cases"], lon, lat)

    async def _drain(self, conn: AsyncConnection) -> None:
        statement = events.statement("read_after").encode()
        while True:
            rows = await (await conn.execute(statement, {"pos": self._last, "limit": _PAGE})).fetchall()
            for n in range(0, len(rows), _TOGETHER):
                self.tell(events.event_of(row) for row in rows[n : n + _TOGETHER])
                # Who reads takes what is queued before there is more: a crowd of events is no sign of a slow reader.
                await asyncio.sleep(0)
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

    async def _follow_scopes(self, conn: AsyncConnection) -> None:
        if not self._accounts:
            return
        statement = events.statement("scopes_now").encode()
        rows = await (await conn.execute(statement, {"account_ids": list(self._accounts)})).fetchall()
        now = {row["account_id"]: (row["scope_version"], *(row[name] for name in _NAMED)) for row in rows}
        words = {row["account_id"]: frozenset(row["words"]) for row in await self._posts(conn)}
        for account_id, account in list(self._accounts.items()):
            scope = account.scope
            if now.get(account_id) == (scope.version, *(getattr(scope, name) for name in _NAMED)):
                self.rescope(scope, words.get(account_id, frozenset()))
                continue
            try:
                scope = await self._database.run(scopes.scope_of, account_id)
            except (psycopg.Error, GisopsError) as error:
                log.warning("live: a scope could not be read (%s)", type(error).__name__)
                scope = scopes.NOBODY
            if scope.account_id is None:
                # Closed, or not known what it may see now: it is told nothing more.
                for number in list(account.numbers):
                    self._cut(self._subscribers[number], "scope unknown")
            else:
                self.rescope(scope, words.get(account_id, frozenset()))

    async def _posts(self, conn: AsyncConnection) -> list[DictRow]:
        statement = events.statement("posts").encode()
        return await (await conn.execute(statement, {"account_ids": list(self._accounts)})).fetchall()

    def rescope(self, scope: Scope, words: frozenset[str]) -> None:
        """An account's scope, or what it is addressed by, is another one: what waits for its streams is dropped, and
        each is told to start anew.
        """
        account = self._accounts.get(scope.account_id) if scope.account_id is not None else None
        if account is None or (account.scope, account.words) == (scope, words):
            return
        account.scope = scope
        self._addressed.keep(account, words)
        word = self._word("resync", self._last)
        for number in account.numbers:
            subscriber = self._subscribers[number]
            subscriber.drop()
            subscriber.offer(word)

    # ---- telling --------------------------------------------------------------------------------------------------

    def tell(self, found: Iterable[Event]) -> None:
        """Hand events, in order, to those whose box and scope they touch; what lies nowhere is in every box."""
        for event in found:
            self._last = event.pos
            self._changed(event.case_no, event.lon, event.lat)
            if event.was_at is not None:
                self._changed(event.case_no, *event.was_at)
            # A frame is made once for all who get it, and a scope is asked once for all the streams of its account.
            frames: dict[str, bytes] = {}
            words: dict[int, str | None] = {}
            for number in self._near(event):
                subscriber = self._subscribers[number]
                account = subscriber.account
                if account.account_id not in words:
                    words[account.account_id] = _word_for(account, event)
                word = words[account.account_id]
                if word is None or (word == GONE and not _lay_in(subscriber.box, event)):
                    continue
                if word not in frames:
                    frames[word] = self._frame(word, event, _now())
                if not subscriber.offer(frames[word]):
                    self._cut(subscriber, "too slow")

    def _near(self, event: Event) -> Iterable[int]:
        """The streams that an event is addressed to, or in whose box it lies or lay."""
        if event.recipient is not None:
            return self._addressed.streams(event.recipient)
        if event.lon is None or event.lat is None:
            return list(self._subscribers)
        found = set(self._looking.intersection((event.lon, event.lat, event.lon, event.lat)))
        if event.was_at is not None:
            found |= set(self._looking.intersection((*event.was_at, *event.was_at)))
        return found

    def tell_versions(self, versions: Mapping[str, str]) -> None:
        """Tell everybody which layers' public content has another name, once it is known which they have. It is in
        everybody's sight, so it lies in every box and scope.
        """
        before, self._versions = self._versions, versions
        if before is None:
            return
        for layer_id, version in sorted(versions.items()):
            if before.get(layer_id) == version:
                continue
            data = orjson.dumps({"id": layer_id, "version": version}).decode()
            frame = self._head(LAYER, data, self._last, _now())
            for subscriber in list(self._subscribers.values()):
                if not subscriber.offer(frame):
                    self._cut(subscriber, "too slow")

    def tell_own(self, catalog: Catalog) -> None:
        """Tell which of the city's own layers came, went or are described otherwise, to those to whom such a layer is
        open, or was: for nobody else is there one.
        """
        own = {layer.id: layer for layer in catalog if layer.id in catalog.own}
        before, self._own = self._own, own
        if before is None:
            return
        for layer_id in sorted({*before, *own}):
            known = [layer for layer in (before.get(layer_id), own.get(layer_id)) if layer is not None]
            if len(known) == 2 and known[0] == known[1]:
                continue
            data = orjson.dumps({"id": layer_id, "version": None}).decode()
            frame = self._head(LAYER, data, self._last, _now())
            for subscriber in list(self._subscribers.values()):
                viewer = viewer_of(subscriber.account.scope.role)
                if any(viewer.may_see(layer) for layer in known) and not subscriber.offer(frame):
                    self._cut(subscriber, "too slow")

    def _frame(self, word: str, event: Event, told_at: int) -> bytes:
        data = event.data if word != GONE else orjson.dumps({"case_no": event.case_no}).decode()
        return self._head(word, data, event.pos, told_at)

    def _word(self, word: str, pos: int, told_at: int | None = None) -> bytes:
        return self._head(word, "{}", pos, told_at or _now())

    def _head(self, word: str, data: str, pos: int, told_at: int) -> bytes:
        """A frame but for its tail."""
        sealed = self._seal.close(Place(self._epoch, pos, told_at))
        return format_sse_event(event=word, data_str=data, id=sealed).removesuffix(b"\n\n")

    async def subscribe(
        self, box: Box | None, token_hash: bytes, scope: Scope, words: frozenset[str] = frozenset()
    ) -> Subscriber:
        """Add somebody who looks at a box (west, south, east, north; ``None``: everywhere), to whom events may be
        addressed by these words (`events.posts`).

        Raises NotReady; NotSignedIn where the scope is nobody's.
        """
        try:
            async with asyncio.timeout(5):
                await self._ready.wait()
        except TimeoutError:
            raise NotReady("The live stream has no database yet.", retry_after_s=2) from None
        if len(self._subscribers) >= MOST_SUBSCRIBERS:
            raise NotReady("This process has as many live streams as it serves.", retry_after_s=10)
        if scope.account_id is None:
            raise NotSignedIn
        self.rescope(scope, words)
        account = self._accounts.setdefault(scope.account_id, Account(scope.account_id, scope))
        self._addressed.keep(account, words)
        subscriber = Subscriber(next(self._numbers), box or WORLD, token_hash, account, self._last)
        account.numbers.add(subscriber.number)
        self._subscribers[subscriber.number] = subscriber
        self._looking.insert(subscriber.number, subscriber.box)
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Remove a subscriber; does nothing the second time."""
        if self._subscribers.pop(subscriber.number, None) is None:
            return
        self._looking.delete(subscriber.number, subscriber.box)
        subscriber.account.numbers.discard(subscriber.number)
        if not subscriber.account.numbers:
            self._addressed.keep(subscriber.account, frozenset())
            del self._accounts[subscriber.account.account_id]

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
            resume = await self._resume(subscriber, last_event_id) if last_event_id else self._here(subscriber)
            if resume is None:
                # The id comes with it: whoever has read the present state anew goes on from here.
                yield self._word("hello", subscriber.start) + subscriber.tail
                yield self._word("resync", subscriber.start) + subscriber.tail
            else:
                yield self._word("hello", resume.pos, resume.told_at) + subscriber.tail
                async for part in self._missed(subscriber, resume):
                    yield part
        except (psycopg.Error, GisopsError) as error:
            log.warning("live: a stream could not be resumed (%s); its client will try again", type(error).__name__)
            return
        while True:
            try:
                async with asyncio.timeout(KEEPALIVE_S):
                    frames = [await subscriber.queue.get()]
            except TimeoutError:
                # Nothing is queued, so this client knows all up to here: a later resume need not look further back.
                place = Place(self._epoch, max(self._last, subscriber.start), _now())
                ping = format_sse_event(comment="ping", id=self._seal.close(place))
                yield ping.removesuffix(b"\n\n") + subscriber.tail
                continue
            while not subscriber.queue.empty():
                frames.append(subscriber.queue.get_nowait())
            tail = subscriber.tail
            wire = b"".join(frame + tail for frame in frames if frame is not None)
            if subscriber.ended is not None:
                return
            yield wire

    def _here(self, subscriber: Subscriber) -> Place:
        return Place(self._epoch, subscriber.start, _now())

    async def _resume(self, subscriber: Subscriber, last_event_id: str) -> Place | None:
        """Where to go on from, or ``None`` where the id is not ours, not of this life of the database, of another
        scope, or too old.
        """
        if len(last_event_id) > MOST_CHARACTERS:
            return None
        sealed, _, version = last_event_id.partition(".")
        place = self._seal.open(sealed)
        if place is None or place.epoch != self._epoch or version != str(subscriber.account.scope.version):
            return None
        if place.pos > subscriber.start or _now() - place.told_at > LONGEST_AWAY_S:
            return None
        if place.pos < subscriber.start:
            # Events are kept seven times as long as anybody may be away; unless somebody dropped them by hand.
            first = (await self._database.run(events.standing)).first_pos
            if first is None or place.pos + 1 < first:
                return None
        return place

    async def _missed(self, subscriber: Subscriber, place: Place) -> AsyncIterator[bytes]:
        """What came since a place; ``resync`` where that is too much. Its ids are as old as the one that was sent."""
        told, pos = 0, place.pos
        while pos < subscriber.start:
            found = await self._database.run(
                events.read_in_box, pos, subscriber.start, subscriber.box, _PAGE, subscriber.account.words
            )
            account, tail = subscriber.account, subscriber.tail
            named = [
                (word, event)
                for event in found
                if (word := _word_for(account, event)) is not None and (word != GONE or _lay_in(subscriber.box, event))
            ]
            told += len(named)
            if told > MOST_MISSED:
                yield self._word("resync", subscriber.start) + tail
                return
            if named:
                yield b"".join(self._frame(word, event, place.told_at) + tail for word, event in named)
            if len(found) < _PAGE:
                return
            pos = found[-1].pos


def _now() -> int:
    return int(time.time())


def _word_for(account: Account, event: Event) -> str | None:
    """What an event is to somebody: itself, the end of what he could see, or nothing at all."""
    scope = account.scope
    if event.recipient is not None:
        return NOTICE if event.recipient in account.words else None
    if scope.sees(event.unit_id, event.held.staff_ids, event.held.organisation_id):
        return event.kind
    if scope.sees(event.was_unit_id, event.was_held.staff_ids, event.was_held.organisation_id):
        return GONE
    return None


def _lay_in(box: Box, event: Event) -> bool:
    """Whether a case lay in a box before it moved; of one that did not move its place has said so. That it is gone is
    for those who looked at where it lay: to others it would say where it has come to.
    """
    if event.was_at is None:
        return True
    (lon, lat), (west, south, east, north) = event.was_at, box
    return west <= lon <= east and south <= lat <= north


async def _standing(conn: AsyncConnection) -> Standing:
    row = await (await conn.execute(events.statement("standing").encode())).fetchone()
    if row is None:
        raise psycopg.OperationalError("the relay has no row")
    return events.standing_of(row)


async def _key(conn: AsyncConnection) -> bytes:
    row = await (await conn.execute(events.statement("key").encode())).fetchone()
    if row is None:
        raise psycopg.OperationalError("the relay has no row")
    return bytes(row["live_key"])


class LiveResponse(EventSourceResponse):
    """A stream that takes its subscriber off the list when it ends, however it ends."""

    def __init__(self, live: Live, subscriber: Subscriber, last_event_id: str | None) -> None:
        super().__init__(
            live.stream(subscriber, last_event_id),
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._live, self._subscriber = live, subscriber

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
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
