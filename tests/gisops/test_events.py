"""The relay: every committed event gets the next position, and a reader of ``pos > last`` misses none."""

from __future__ import annotations

import random
import threading
import time

import psycopg
import pytest
from uuid6 import uuid7

from gisops import events, worker
from gisops.db.pool import Connection, connect
from gisops.settings import Settings

INSERT = (
    "INSERT INTO outbox (district_code, event_id, kind, case_no, geom, payload, at)"
    " VALUES ('460199', %(id)s, 'case', %(no)s, ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326), %(payload)s, now())"
)


def tell(conn: Connection, no: str, lon: float = 110.35, lat: float = 20.03) -> None:
    conn.execute(INSERT, {"id": uuid7(), "no": no, "lon": lon, "lat": lat, "payload": '{"action": "report"}'})


@pytest.fixture
def relay(database):
    with connect(database.app_url, autocommit=True) as opened:
        opened.execute("DELETE FROM outbox")
        yield opened


def test_what_is_committed_gets_dense_positions_in_order(relay: Connection, database) -> None:
    start = events.standing(relay).last_pos
    for n in range(5):
        tell(relay, f"n{n}")
    assert events.stamp(relay, most=3) == 3
    assert events.stamp(relay) == 2
    assert events.stamp(relay) == 0
    read = events.read_after(relay, start, 100)
    assert [event.pos for event in read] == [start + n for n in range(1, 6)]
    assert events.standing(relay).last_pos == start + 5
    assert '"case_no": "n0"' in read[0].data
    assert (read[0].lon, read[0].lat) == (110.35, 20.03)


def test_what_is_not_committed_yet_is_told_later_and_not_lost(relay: Connection, database) -> None:
    start = events.standing(relay).last_pos
    with connect(database.app_url) as slow:
        tell(slow, "slow")  # the earlier key, the later commit
        tell(relay, "quick")
        assert events.stamp(relay) == 1
        slow.commit()
    assert events.stamp(relay) == 1
    told = [event.data for event in events.read_after(relay, start, 10)]
    assert ["slow" in data for data in told] == [False, True]


def test_a_second_relay_stands_aside(relay: Connection, database) -> None:
    tell(relay, "one")
    with connect(database.app_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [events._LOCK])
        assert events.stamp(relay) == 0
    assert events.stamp(relay) == 1


def test_only_what_touches_the_box_or_lies_nowhere_is_read(relay: Connection) -> None:
    start = events.standing(relay).last_pos
    tell(relay, "inside")
    tell(relay, "outside", lon=111.0)
    relay.execute(
        "INSERT INTO outbox (district_code, event_id, kind, payload, at) VALUES ('460199', %s, 'city', '{}', now())",
        [uuid7()],
    )
    events.stamp(relay)
    until = events.standing(relay).last_pos
    read = events.read_in_box(relay, start, until, (110.3, 20.0, 110.4, 20.1), 10)
    assert [event.pos - start for event in read] == [1, 3]
    assert events.read_in_box(relay, until, until, (110.3, 20.0, 110.4, 20.1), 10) == []


def test_nothing_is_lost_or_told_twice_under_eight_writers_and_long_transactions(relay: Connection, database) -> None:
    """Two relays compete, a listener reads along; writers commit out of order, roll back, and dawdle."""
    start = events.standing(relay).last_pos
    committed: list[str] = []
    done = threading.Event()
    seen: list[tuple[int, str]] = []

    def write(number: int) -> None:
        rng = random.Random(number)
        with connect(database.app_url) as conn:
            for turn in range(60):
                names = [f"w{number}t{turn}e{n}" for n in range(rng.randint(1, 4))]
                for name in names:
                    tell(conn, name)
                    if rng.random() < 0.1:
                        time.sleep(0.02)
                if rng.random() < 0.1:
                    conn.rollback()
                else:
                    conn.commit()
                    committed.extend(names)

    def stamp() -> None:
        with connect(database.app_url, autocommit=True) as conn:
            while not done.is_set():
                if events.stamp(conn, most=7) == 0:
                    time.sleep(0.001)

    def read() -> None:
        last = start
        with connect(database.app_url, autocommit=True) as conn:
            while True:
                finishing = done.is_set()
                for event in events.read_after(conn, last, 50):
                    seen.append((event.pos, event.data))
                    last = event.pos
                if finishing and last == events.standing(conn).last_pos:
                    return
                time.sleep(0.001)

    with connect(database.app_url) as long_one:
        tell(long_one, "long")  # open through all of it
        writers = [threading.Thread(target=write, args=(n,)) for n in range(8)]
        others = [threading.Thread(target=stamp), threading.Thread(target=stamp), threading.Thread(target=read)]
        for thread in [*writers, *others]:
            thread.start()
        for thread in writers:
            thread.join()
        long_one.commit()
    committed.append("long")
    deadline = time.monotonic() + 20
    while relay.execute("SELECT 1 AS left FROM outbox WHERE pos IS NULL LIMIT 1").fetchone():
        assert time.monotonic() < deadline, "the relays left something"
        time.sleep(0.01)
    done.set()
    for thread in others:
        thread.join()
    assert [pos for pos, _ in seen] == list(range(start + 1, start + 1 + len(committed)))
    told = sorted(data.split('"case_no": "')[1].split('"')[0] for _, data in seen)
    assert told == sorted(committed)


def test_the_relay_wakes_listeners_once_for_many(relay: Connection, database) -> None:
    with psycopg.connect(database.app_url, autocommit=True) as listener:
        listener.execute(f"LISTEN {events.CHANNEL}")
        for n in range(10):
            tell(relay, f"n{n}")
        events.stamp(relay)
        events.stamp(relay)
        woken = list(listener.notifies(timeout=0.5))
    assert [note.payload for note in woken] == [str(events.standing(relay).last_pos)]


def test_old_events_are_dropped_and_young_ones_kept(relay: Connection, database) -> None:
    for n in range(4):
        tell(relay, f"n{n}")
    events.stamp(relay)
    first = events.standing(relay).first_pos
    assert first is not None
    assert events.prune(relay) == 0
    with connect(database.owner_url, autocommit=True) as owner:
        owner.execute("UPDATE outbox SET at = now() - interval '8 days' WHERE pos < %s", [first + 3])
    assert events.prune(relay, most=2) == 2
    assert events.prune(relay) == 1
    assert events.standing(relay).first_pos == first + 3


def test_the_worker_relays_beats_stops_when_told_and_outlives_a_lost_connection(relay: Connection, database) -> None:
    start = events.standing(relay).last_pos
    stop = threading.Event()
    working = threading.Thread(target=worker.run, args=(database.settings(), stop))
    working.start()

    def wait_for(pos: int) -> None:
        deadline = time.monotonic() + 10
        while events.standing(relay).last_pos < pos:
            assert time.monotonic() < deadline, "the worker did not relay"
            time.sleep(0.01)

    try:
        tell(relay, "one")
        wait_for(start + 1)
        lag_s = events.standing(relay).lag_s
        assert lag_s is not None
        assert lag_s < 5
        with psycopg.connect(database.admin_url, autocommit=True) as admin:
            ended = admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'gisops worker' AND datname = current_database()"
            ).fetchall()
        assert len(ended) == 1
        tell(relay, "two")
        wait_for(start + 2)
    finally:
        stop.set()
        working.join(5)
    assert not working.is_alive()


def test_a_worker_without_a_database_waits_and_still_stops(home) -> None:
    stop = threading.Event()
    settings = Settings(home=home, database_url=f"postgresql://nobody@/none?host={home}")
    working = threading.Thread(target=worker.run, args=(settings, stop))
    working.start()
    time.sleep(0.3)
    assert working.is_alive()
    stop.set()
    working.join(5)
    assert not working.is_alive()
