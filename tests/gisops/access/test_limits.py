"""Token buckets."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest

from gisops.access import limits
from gisops.db.pool import Connection, connect
from gisops.errors import TooManyRequests


def test_a_bucket_gives_what_it_holds_and_then_says_how_long_to_wait(conn: Connection) -> None:
    bucket = limits.key("test", "192.0.2.1", str(uuid4()))
    for _ in range(5):
        limits.take(conn, bucket, 5)
    with pytest.raises(TooManyRequests) as refused:
        limits.take(conn, bucket, 5)
    assert refused.value.facts["retry_after_s"] == 12
    limits.give_back(conn, bucket, 5)
    limits.take(conn, bucket, 5)


def test_a_bucket_refills_with_time_and_never_above_its_brim(conn: Connection) -> None:
    bucket = limits.key("test", "192.0.2.2", str(uuid4()))
    for _ in range(3):
        limits.take(conn, bucket, 3)
    conn.execute("UPDATE rate_buckets SET filled_at = filled_at - interval '21 s' WHERE key = %s", [bucket])
    limits.take(conn, bucket, 3)
    with pytest.raises(TooManyRequests):
        limits.take(conn, bucket, 3)
    conn.execute("UPDATE rate_buckets SET filled_at = filled_at - interval '1 day' WHERE key = %s", [bucket])
    for _ in range(3):
        limits.take(conn, bucket, 3)
    with pytest.raises(TooManyRequests):
        limits.take(conn, bucket, 3)


def test_many_at_once_get_no_more_than_the_bucket_holds(database) -> None:
    bucket = limits.key("test", "192.0.2.3", str(uuid4()))
    let_in: list[int] = []

    def knock() -> None:
        with connect(database.app_url, autocommit=True) as conn:
            for _ in range(10):
                try:
                    limits.take(conn, bucket, 6)
                except TooManyRequests:
                    continue
                let_in.append(1)

    threads = [threading.Thread(target=knock) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_in) == 6


def test_the_key_holds_no_address_and_takes_an_ipv6_network_as_one_caller() -> None:
    assert "192.0.2.1" not in limits.key("report", "192.0.2.1")
    assert limits.key("report", "2001:db8::1") == limits.key("report", "2001:db8::ffff:2")
    assert limits.key("report", "2001:db8::1") != limits.key("report", "2001:db8:0:1::1")
    assert limits.key("report", "::ffff:192.0.2.1") == limits.key("report", "192.0.2.1")
    assert limits.key("report", "192.0.2.1") != limits.key("sign-in", "192.0.2.1")
    assert limits.key("report", None) == limits.key("report", None)


def test_full_buckets_are_forgotten(conn: Connection) -> None:
    bucket = limits.key("test", "192.0.2.4", str(uuid4()))
    limits.take(conn, bucket, 3)
    assert limits.prune(conn) == 0
    conn.execute("UPDATE rate_buckets SET filled_at = filled_at - interval '2 hours' WHERE key = %s", [bucket])
    assert limits.prune(conn) == 1
