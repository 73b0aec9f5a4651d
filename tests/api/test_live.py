"""The live stream: told within a second, only what one looks at, resumed without a gap, ended with the sign-in."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import httpx2
import psycopg
import pytest

from api import live
from api.database import Database
from api.live import Live
from api.live_ids import Place, Seal
from api.live_readers import QUEUE, WORLD, Subscriber
from gisops import notices
from gisops.access.scopes import Scope
from gisops.db.pool import connect
from gisops.events import Event, Held, Standing
from gisops.notices import Recipient
from layers.catalog import Catalog, load_catalog
from layers.layer import Layer
from tests.conftest import client_as, serve
from tiles.live import LiveTiles


class Stream:
    """A stream read in a thread of its own."""

    def __init__(self, response: httpx2.Response) -> None:
        self.events: list[dict[str, Any]] = []
        self.closed = threading.Event()
        self._response = response
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        event: dict[str, Any] = {}
        try:
            for line in self._response.iter_lines():
                name, _, value = line.partition(": ")
                if not line:
                    if "data" in event:
                        self.events.append(event)
                    event = {}
                elif name:
                    event[name] = value
        except (httpx2.HTTPError, httpx2.StreamError):
            pass
        self.closed.set()

    def wait_for(self, kind: str, count: int = 1, within_s: float = 10) -> list[dict[str, Any]]:
        deadline = time.monotonic() + within_s
        while len(found := [event for event in self.events if event["event"] == kind]) < count:
            assert time.monotonic() < deadline, f"no {count} × {kind} within {within_s} s: {self.events}"
            time.sleep(0.01)
        return found

    def numbers(self) -> list[str]:
        return [json.loads(event["data"])["case_no"] for event in self.events if event["event"] == "case"]


@contextmanager
def listening(client: httpx2.Client, query: str = "", last: str | None = None) -> Iterator[Stream]:
    headers = {"Last-Event-ID": last} if last is not None else {}
    timeout = httpx2.Timeout(10, read=60)
    with client.stream("GET", f"/api/live{query}", headers=headers, timeout=timeout) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(response)
        stream.wait_for("hello")
        yield stream


@pytest.fixture
def report(caller, a_report):
    client = caller("officer")

    def make(**changes: Any) -> str:
        answer = client.post("/api/reports", json=a_report(**changes))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["case"]["case_no"])

    return make


def test_a_new_case_is_told_within_a_second_and_without_anything_personal(caller, report, live_server) -> None:
    with listening(caller("desk")) as stream:
        began = time.monotonic()
        case_no = report(text="样例：张三 13800000000 / Sample: a name and a number")
        (event,) = stream.wait_for("case", within_s=5)
        assert time.monotonic() - began < 2  # a second, and another for a busy machine
    told = json.loads(event["data"])
    assert told["case_no"] == case_no
    assert {"action", "state", "category", "organisation", "lon", "lat", "at"} <= set(told)
    with connect(live_server.database.owner_url) as conn:
        names = [row["name"] for row in conn.execute("SELECT name FROM staff")]
    assert names
    assert not any(name in event["data"] for name in [*names, "13800000000"])


def test_only_what_touches_the_box_is_told(caller, report, city) -> None:
    lon, lat = city["center"]
    west = f"?bbox={lon - 1},{lat - 1},{lon - 0.5},{lat + 1}"
    here = f"?bbox={lon - 0.01},{lat - 0.01},{lon + 0.01},{lat + 0.01}"
    with listening(caller("desk"), west) as elsewhere, listening(caller("leader"), here) as looking:
        case_no = report()
        looking.wait_for("case")
        time.sleep(0.3)
        assert looking.numbers() == [case_no]
        assert elsewhere.numbers() == []


def test_who_comes_back_is_told_what_was_missed_and_nothing_twice(caller, report) -> None:
    with listening(caller("desk")) as stream:
        numbers = [report()]
        last = stream.wait_for("case")[-1]["id"]
    numbers += [report() for _ in range(5)]
    with listening(caller("desk"), last=last) as stream:
        stream.wait_for("case", 5)
        numbers.append(report())
        stream.wait_for("case", 6)
        assert stream.numbers() == numbers[1:]
        ids = [event["id"] for event in stream.events]
        assert len(set(ids)) == len(ids)


def test_a_notice_is_told_its_reader_and_nobody_else(caller, live_server) -> None:
    """Over every door and back: the other streams see nothing at all, not even those that see every case."""
    with connect(live_server.database.app_url) as conn:
        case = conn.execute("SELECT district_code, case_id, version FROM cases ORDER BY case_id LIMIT 1").fetchone()
        reader = conn.execute("SELECT account_id, staff_id FROM accounts WHERE login = 'officer'").fetchone()
    assert case is not None
    assert reader is not None

    def tell(cause: str, *to: Recipient) -> None:
        with connect(live_server.database.app_url) as conn:
            notices.tell(conn, *case.values(), "message", to, {}, cause)

    with listening(caller("officer")) as his, listening(caller("desk")) as desk, listening(caller("leader")) as leader:
        tell("live", Recipient(staff_id=reader["staff_id"]), Recipient(account_id=reader["account_id"]))
        told = his.wait_for("notice", 2)
        time.sleep(0.3)
        assert [event["event"] for event in (*desk.events, *leader.events)] == ["hello", "hello"]
    for event in told:
        said = json.loads(event["data"])
        assert said.pop("at")
        assert said == {"kinds": ["message"], "count": 1}, "what it is about is read where it is his to read"
    # who comes back is told what was addressed to him meanwhile, and nobody else is
    last = {"officer": told[-1]["id"], "leader": leader.events[-1]["id"]}
    tell("away", Recipient(staff_id=reader["staff_id"]))
    with listening(caller("officer"), last=last["officer"]) as his:
        his.wait_for("notice")
    with listening(caller("leader"), last=last["leader"]) as leader:
        time.sleep(0.3)
        assert [event["event"] for event in leader.events] == ["hello"]


def _bent(last: str) -> str:
    return ("B" if last[0] == "A" else "A") + last[1:]


@pytest.mark.parametrize(
    "bend",
    [
        *(lambda _: "nonsense", lambda _: "1-7", lambda _: ".", lambda _: "A" * 100),
        _bent,
        lambda last: last.partition(".")[0],
        lambda last: last.partition(".")[0] + ".999999",
        lambda last: last + "0",
        # what another key sealed: of another city, or of this one's life before its key was lost
        lambda _: Seal(bytes(32)).close(Place(1, 1, int(time.time()))) + ".1",
    ],
)
def test_who_cannot_resume_is_told_to_start_anew(caller, report, bend) -> None:
    with listening(caller("desk")) as stream:
        last = stream.wait_for("hello")[0]["id"]
    with listening(caller("desk"), last=last) as stream:
        report()
        stream.wait_for("case")
        assert not [event for event in stream.events if event["event"] == "resync"]
    with listening(caller("desk"), last=bend(last)) as stream:
        assert len(stream.wait_for("resync")) == 1


def test_ids_tell_nothing_and_are_all_alike(caller, report) -> None:
    with listening(caller("desk")) as one, listening(caller("desk")) as other:
        report()
        ids = [stream.wait_for(kind)[0]["id"] for stream in (one, other) for kind in ("hello", "case")]
        told = one.wait_for("hello")[0]
    assert told["data"] == "{}"
    assert {len(id) for id in ids} == {len(ids[0])}
    # one event is sealed once for all who get it; a hello is of its own stream
    assert ids[1] == ids[3]
    assert len(set(ids)) == 3


def test_who_was_away_until_the_events_were_dropped_starts_anew(caller, report, live_server) -> None:
    with listening(caller("desk")) as stream:
        report()
        last = stream.wait_for("case")[-1]["id"]
        report()
        stream.wait_for("case", 2)
    with connect(live_server.database.owner_url) as conn:
        conn.execute("DELETE FROM outbox WHERE pos IS NOT NULL")
    with listening(caller("desk"), last=last) as stream:
        stream.wait_for("resync")


def test_the_stream_ends_soon_after_its_sign_in(live_server, caller) -> None:
    sign_in = {"login": "supervisor", "password": live_server.password}
    token = caller().post("/api/session", json=sign_in).json()["token"]
    client = caller()
    client.headers["Authorization"] = f"Bearer {token}"
    with listening(client) as stream:
        with connect(live_server.database.owner_url) as conn:
            conn.execute(
                "UPDATE sessions SET revoked_at = now() FROM accounts a"
                " WHERE a.account_id = sessions.account_id AND a.login = 'supervisor'"
            )
        revoked_at = time.monotonic()
        assert stream.closed.wait(5), "the stream went on"
        assert time.monotonic() - revoked_at < 5


def test_a_lost_database_connection_loses_no_event(live_server, caller, report) -> None:
    with listening(caller("desk")) as stream:
        numbers = [report()]
        stream.wait_for("case")
        for _ in range(3):
            with psycopg.connect(live_server.database.admin_url, autocommit=True) as admin:
                ended = admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name IN ('gisops live', 'gisops worker')"
                ).fetchall()
            assert ended
            numbers += [report() for _ in range(3)]
            stream.wait_for("case", len(numbers))
        assert stream.numbers() == numbers
        assert not stream.closed.is_set()


def test_a_crowd_of_events_at_once_cuts_nobody_who_reads(live_server, caller, report) -> None:
    with listening(caller("desk")) as stream:
        case_no = report()
        stream.wait_for("case")
        with connect(live_server.database.owner_url, autocommit=True) as owner:
            # Four times what a reader's queue holds, committed in one moment.
            owner.execute(
                "INSERT INTO outbox"
                " (district_code, event_id, kind, case_no, geom, unit_id, organisation_id, payload, at)"
                " SELECT district_code, gen_random_uuid(), kind, case_no, geom, unit_id, organisation_id, payload, at"
                " FROM (SELECT * FROM outbox WHERE case_no = %s AND kind = 'case' LIMIT 1) AS o,"
                " generate_series(1, 1024)",
                [case_no],
            )
        stream.wait_for("case", 1025, within_s=30)
        assert not stream.closed.is_set()


def test_a_process_that_is_told_to_end_lets_go_of_who_watches_and_has_nothing_to_complain_of(
    live_server, capfd: pytest.CaptureFixture[str]
) -> None:
    with serve(live_server.database) as other:
        with client_as(other, "desk") as client, listening(client) as one, listening(client) as two:
            other.web.terminate()
            assert one.closed.wait(10)
            assert two.closed.wait(10)
        other.web.wait(10)
    # Streams that go on until the grace is over are cancelled, each with a line in the log.
    assert capfd.readouterr().err == ""


def test_an_anonymous_caller_and_a_bad_box_are_refused(caller) -> None:
    assert caller().get("/api/live").status_code == 401
    assert caller("desk").get("/api/live?bbox=1,2,3").json()["code"] == "invalid_input"
    assert caller("desk").get("/api/live?bbox=nan,2,3,4").json()["code"] == "invalid_input"


# ---- fan-out, without a server -------------------------------------------------------------------------------------


EVERYWHERE = Scope(1, "dispatcher", True, frozenset(), None, None, 1)
KEY = bytes(range(32))


def _stood() -> Live:
    made = Live("", cast(Database, None), LiveTiles())
    made._stand(Standing(1, 0, None, 0.0), KEY)
    return made


DESK = Held((None, None), 1)
NOBODYS = Held((None, None), None)


def _event(
    pos: int,
    lon: float | None = 110.0,
    lat: float | None = 20.0,
    unit_id: int | None = None,
    held: Held = DESK,
    was_held: Held = NOBODYS,
    was_unit_id: int | None = None,
    was_at: tuple[float, float] | None = None,
) -> Event:
    data = '{"case_no":"n"}'
    return Event(pos, "case", lon, lat, data, "n", unit_id, held, was_held, was_unit_id=was_unit_id, was_at=was_at)


def _sizes(*subscribers: Subscriber) -> list[int]:
    return [subscriber.queue.qsize() for subscriber in subscribers]


def test_boxes_come_and_go_and_an_event_without_a_place_is_in_each() -> None:
    async def story() -> None:
        streams = _stood()
        near = await streams.subscribe((109.0, 19.0, 111.0, 21.0), b"a", EVERYWHERE)
        far = await streams.subscribe((0.0, 0.0, 1.0, 1.0), b"b", EVERYWHERE)
        everywhere = await streams.subscribe(None, b"c", EVERYWHERE)
        streams.tell([_event(1), _event(2, None, None), _event(3, 1.0, 1.0)])
        assert _sizes(near, far, everywhere) == [2, 2, 3]
        streams.leave(near)
        streams.leave(near)
        streams.tell([_event(4)])
        assert _sizes(near, far, everywhere) == [2, 2, 4]
        assert streams.subscribers == 2
        assert everywhere.box == WORLD

    asyncio.run(story())


def test_a_layer_of_the_city_s_own_that_comes_changes_or_goes_is_told_to_those_to_whom_it_is_open() -> None:
    officer = Scope(2, "officer", False, frozenset({7}), 70, None, 1)
    shipped = load_catalog()
    closed = replace(shipped["poverty_relief"], id="own_register", personal_roles=frozenset({"dispatcher"}))
    open_to_staff = replace(shipped["pipes"], id="own_pipes", field_class="work")

    def known(*own: Layer) -> Catalog:
        return Catalog((*shipped, *own), frozenset(layer.id for layer in own))

    async def story() -> None:
        streams = _stood()
        desk = await streams.subscribe(None, b"a", EVERYWHERE)
        grid = await streams.subscribe((0.0, 0.0, 1.0, 1.0), b"b", officer)
        # What is there when a process begins is news to nobody.
        streams.tell_own(known(open_to_staff))
        assert _sizes(desk, grid) == [0, 0]
        streams.tell_own(known(open_to_staff, closed))
        assert _sizes(desk, grid) == [1, 0]
        streams.tell_own(known(replace(open_to_staff, title_zh="别名"), closed))
        assert _sizes(desk, grid) == [2, 1]
        streams.tell_own(known())
        assert _sizes(desk, grid) == [4, 2]
        frame = grid.queue.get_nowait()
        assert frame is not None
        assert b"event: layer" in frame
        assert b'{"id":"own_pipes","version":null}' in frame

    asyncio.run(story())


def test_each_is_told_what_lies_in_his_scope_and_once_what_leaves_it() -> None:
    scoped = Scope(2, "officer", False, frozenset({7}), 70, None, 1)
    person = Scope(3, "handler", False, frozenset(), 30, None, 1)
    department = Scope(4, "department", False, frozenset(), None, 40, 1)

    async def story() -> None:
        streams = _stood()
        looking = [await streams.subscribe(None, b"", scope) for scope in (EVERYWHERE, scoped, person, department)]
        mine, theirs = Held((30, 31), 40), Held((99, None), 98)
        for event, got in (
            (_event(1, unit_id=7, held=DESK), ["case", "case", None, None]),
            (_event(2, unit_id=8, held=mine), ["case", None, "case", "case"]),
            (_event(3, unit_id=None, held=Held((98, 30), 1)), ["case", None, "case", None]),
            (_event(4, unit_id=8, held=theirs, was_held=mine), ["case", None, "gone", "gone"]),
            (_event(5, unit_id=7, held=theirs, was_held=mine), ["case", "case", "gone", "gone"]),
            (_event(6, unit_id=8, held=mine, was_held=theirs), ["case", None, "case", "case"]),
            (_event(7, unit_id=9, held=theirs, was_held=DESK), ["case", None, None, None]),
        ):
            streams.tell([event])
            told = []
            for subscriber in looking:
                wire = b"" if subscriber.queue.empty() else subscriber.queue.get_nowait() or b""
                told.append(wire.partition(b"event: ")[2].partition(b"\n")[0].decode() or None)
                if b"gone" in wire:
                    assert wire.splitlines()[1] == b'data: {"case_no":"n"}'
            assert told == got, event

    asyncio.run(story())


def test_what_is_moved_is_gone_for_who_looked_at_where_it_lay_and_for_nobody_else() -> None:
    """It lay at 110, 20 in unit 7, and lies at 1, 1 in unit 8 now."""
    before, now, both, never = (
        Scope(n, "officer", False, frozenset(units), None, None, 1)
        for n, units in enumerate(({7}, {8}, {7, 8}, {9}), start=2)
    )
    here, there = (109.0, 19.0, 111.0, 21.0), (0.0, 0.0, 2.0, 2.0)

    async def story() -> None:
        streams = _stood()
        wanted: tuple[tuple[Scope, tuple[float, float, float, float] | None, str | None], ...] = (
            (before, here, "gone"),
            (before, None, "gone"),
            # where it lies now is not his: neither that it is there, nor that anything is
            (before, there, None),
            (now, there, "case"),
            (now, None, "case"),
            (both, here, "case"),
            (both, there, "case"),
            (EVERYWHERE, here, "case"),
            (EVERYWHERE, there, "case"),
            (EVERYWHERE, (50.0, 50.0, 51.0, 51.0), None),
            (never, None, None),
            (never, here, None),
        )
        looking = [(await streams.subscribe(box, b"", scope), word) for scope, box, word in wanted]
        event = _event(1, 1.0, 1.0, unit_id=8, was_unit_id=7, was_at=(110.0, 20.0))
        streams.tell([event])
        for subscriber, word in looking:
            wire = b"" if subscriber.queue.empty() else subscriber.queue.get_nowait() or b""
            assert (wire.partition(b"event: ")[2].partition(b"\n")[0].decode() or None) == word
            if word == "gone":
                assert wire.splitlines()[1] == b'data: {"case_no":"n"}'

    asyncio.run(story())


def test_the_streams_of_an_account_share_its_scope_and_change_with_it() -> None:
    before = Scope(2, "officer", False, frozenset({7}), None, None, 1)
    after = Scope(2, "officer", False, frozenset({8}), None, None, 2)

    async def story() -> None:
        streams = _stood()
        one, other = [await streams.subscribe(None, b"", before) for _ in range(2)]
        everywhere = await streams.subscribe(None, b"", EVERYWHERE)
        assert one.account is other.account
        streams.tell([_event(1, unit_id=7)])
        streams.rescope(after, frozenset())
        # what waited under the old scope is not told any more, and the new one is in the ids
        assert _sizes(one, other, everywhere) == [1, 1, 1]
        streams.tell([_event(2, unit_id=7), _event(3, unit_id=8)])
        assert _sizes(one, other, everywhere) == [2, 2, 3]
        parts = streams.stream(one, None)
        assert b"event: hello" in await anext(parts)
        wire = await anext(parts)
        assert re.findall(rb"event: (\w+)", wire) == [b"resync", b"case"]
        assert re.findall(rb"id: \S+[.](\d+)\n\n", wire) == [b"2", b"2"]
        streams.leave(one)
        streams.leave(other)
        assert list(streams._accounts) == [1]

    asyncio.run(story())


def test_an_id_is_refused_in_another_scope_after_a_day_and_from_the_future() -> None:
    now = int(time.time())

    async def story() -> None:
        streams = _stood()
        looking = await streams.subscribe(None, b"", EVERYWHERE)
        for last, known in (
            (Seal(KEY).close(Place(1, 0, now)) + ".1", True),
            (Seal(KEY).close(Place(1, 0, now)) + ".2", False),
            (Seal(KEY).close(Place(2, 0, now)) + ".1", False),
            (Seal(KEY).close(Place(1, 1, now)) + ".1", False),
            (Seal(KEY).close(Place(1, 0, now - live.LONGEST_AWAY_S - 5)) + ".1", False),
        ):
            assert (await streams._resume(looking, last) is not None) == known

    asyncio.run(story())


def test_a_slow_client_is_cut_and_holds_up_nobody() -> None:
    async def story() -> None:
        streams = _stood()
        slow, quick = [await streams.subscribe(None, b"", EVERYWHERE) for _ in range(2)]
        taken = 0
        for pos in range(1, QUEUE + 2):
            streams.tell([_event(pos)])
            while not quick.queue.empty():
                quick.queue.get_nowait()
                taken += 1
        assert taken == QUEUE + 1
        assert (slow.ended, quick.ended) == ("too slow", None)
        assert slow.queue.qsize() == 1  # the end, and no backlog
        assert streams.subscribers == 1
        wire = [part async for part in streams.stream(slow, None)]
        assert b"event: hello" in wire[0]
        assert len(wire) == 1

    asyncio.run(story())


def test_what_is_addressed_to_one_goes_to_his_streams_alone_whatever_they_look_at() -> None:
    """Whoever has the whole city is told of all cases, and of nobody's notices but his own."""
    mine, desks = frozenset({"account:2", "staff:70"}), frozenset({"account:1", "organisation:9"})
    officer = Scope(2, "officer", False, frozenset({7}), 70, None, 1)

    def news(pos: int, to: str) -> Event:
        return Event(pos, "notice", None, None, '{"count":1}', None, None, NOBODYS, NOBODYS, to)

    async def story() -> None:
        streams = _stood()
        desk = await streams.subscribe(None, b"a", EVERYWHERE, desks)
        grid = await streams.subscribe((0.0, 0.0, 1.0, 1.0), b"b", officer, mine)
        also = await streams.subscribe((5.0, 5.0, 6.0, 6.0), b"c", officer, mine)
        streams.tell([news(1, "staff:70"), news(2, "organisation:8"), news(3, "staff:7"), news(4, "account:1")])
        assert _sizes(desk, grid, also) == [1, 1, 1]
        frame = grid.queue.get_nowait()
        assert frame is not None
        assert frame.startswith(b"event: notice\n")
        # who is another's from now on is told to start anew, and what waited for him is dropped
        streams.rescope(officer, frozenset({"account:2"}))
        assert _sizes(desk, grid, also) == [1, 1, 1]
        streams.tell([news(5, "staff:70"), news(6, "account:2")])
        assert _sizes(desk, grid, also) == [1, 2, 2]
        streams.leave(grid)
        streams.leave(also)
        assert streams._addressed.streams("account:2") == []

    asyncio.run(story())


def test_what_is_hidden_fills_no_queue_and_moves_no_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "KEEPALIVE_S", 0.01)
    scoped = Scope(2, "officer", False, frozenset({7}), None, None, 1)

    async def story() -> None:
        streams = _stood()
        looking = await streams.subscribe(None, b"a", scoped)
        parts = streams.stream(looking, None)
        await anext(parts)
        waiting = asyncio.ensure_future(anext(parts))
        for pos in range(1, 2 * QUEUE):
            streams.tell([_event(pos, unit_id=8)])
        assert looking.ended is None
        wire = await waiting
        assert re.fullmatch(rb": ping\nid: [\w-]{54}[.]1\n\n", wire)
        # its client knows all up to here: a later resume need not look further back
        place = streams._seal.open(wire.decode().partition("id: ")[2].partition(".")[0])
        assert place is not None
        assert place.pos == 2 * QUEUE - 1

    asyncio.run(story())
