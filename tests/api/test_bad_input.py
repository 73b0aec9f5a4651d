"""What cannot be right is refused with a stable code that says what would be, and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gisops.db.pool import connect

TABLES = ("reports", "cases", "case_history", "dispatch_decisions", "case_recipients", "outbox", "intake_keys")


@pytest.fixture
def kept(live_server) -> Callable[[], dict[str, int]]:
    """Row counts of everything a report writes."""

    def count() -> dict[str, int]:
        with connect(live_server.database.owner_url) as conn:
            return {
                table: next(iter(conn.execute(f"SELECT count(*) AS n FROM {table}")))["n"]  # type: ignore[arg-type]
                for table in TABLES
            }

    return count


# what is changed, status, code, facts that must be told
CASES: dict[str, tuple[dict[str, Any], int, str, set[str]]] = {
    "lon is NaN": ({"lon": float("nan")}, 422, "invalid_coordinate", set()),
    "lat is infinite": ({"lat": float("inf")}, 422, "invalid_coordinate", set()),
    "lon is minus infinite": ({"lon": float("-inf")}, 422, "invalid_coordinate", set()),
    "out of range": ({"lon": 500.0}, 422, "invalid_coordinate", set()),
    "an enormous integer": ({"lon": 10**400}, 422, "invalid_body", {"errors"}),
    "swapped": ({"lon": "LAT", "lat": "LON"}, 422, "swapped_coordinate", {"suggestion"}),
    "no crs": ({"crs": ...}, 422, "unknown_crs", {"accepted"}),
    "crs null": ({"crs": None}, 422, "unknown_crs", {"accepted"}),
    "unknown crs": ({"crs": "MARS2000"}, 422, "unknown_crs", {"accepted"}),
    "unknown EPSG": ({"crs": "EPSG:999999"}, 422, "unknown_crs", set()),
    "far outside": ({"lon": 111.9}, 422, "outside_city", {"neighbour", "distance_m"}),
    "unknown category": ({"category": "E99-99"}, 422, "unknown_category", {"alike", "scheme"}),
    "unknown scheme": ({"category": "nope:E04-05"}, 422, "unknown_category", {"schemes"}),
    "unknown part": ({"part_code": "0000000000000000"}, 422, "unknown_part", {"part_code"}),
    "unknown place": ({"place_id": "01890000-0000-7000-8000-000000000000"}, 422, "unknown_place", {"place_id"}),
    "text too long": ({"text": "长" * 4001}, 422, "text_too_long", {"length"}),
    "a NUL in the text": ({"text": "a\0b"}, 422, "invalid_body", {"errors"}),
    "half a surrogate pair": ({"text": "a\ud800b"}, 422, "invalid_body", {"errors"}),
    "accuracy is NaN": ({"accuracy_m": float("nan")}, 422, "invalid_body", {"errors"}),
    "accuracy is negative": ({"accuracy_m": -1}, 422, "invalid_body", {"errors"}),
    "lon is a text": ({"lon": "110.35"}, 422, "invalid_body", {"errors"}),
    "lon is true": ({"lon": True}, 422, "invalid_body", {"errors"}),
    "no lon": ({"lon": ...}, 422, "invalid_body", {"errors"}),
    "no uuid": ({"client_uid": "seven"}, 422, "invalid_body", {"errors"}),
    "unknown channel": ({"channel": "pigeon"}, 422, "invalid_body", {"errors"}),
    "a misspelt member": ({"accuracy": 5}, 422, "invalid_body", {"errors"}),
    "a time without a zone": ({"captured_at": "2026-01-01T00:00:00"}, 422, "invalid_body", {"errors"}),
    "a photo that is no hash": ({"photos": ["../../etc/passwd"]}, 422, "invalid_body", {"errors"}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_report_is_refused_with_its_code_and_nothing_is_kept(name, caller, a_report, city, kept) -> None:
    changes, status, code, facts = CASES[name]
    lon, lat = city["center"]
    real = {"LON": lon, "LAT": lat}
    body = a_report(
        **{key: real.get(value, value) if isinstance(value, str) else value for key, value in changes.items()}
    )
    before = kept()
    answer = caller("officer").post(
        "/api/reports", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    told = answer.json()
    assert told["code"] == code
    assert told["instance"] == "/api/reports"
    assert facts <= set(told)
    assert told["title"]
    assert told["detail"]
    assert kept() == before


def test_a_swap_is_suggested_and_the_suggestion_is_accepted(caller, a_report, city) -> None:
    lon, lat = city["center"]
    told = caller("officer").post("/api/reports", json=a_report(lon=lat, lat=lon)).json()
    assert told["suggestion"] == {"lon": lon, "lat": lat}
    assert caller("officer").post("/api/reports", json=a_report(**told["suggestion"])).status_code == 201


@pytest.mark.parametrize(
    "body", [b"{", b"", b"{'lon': 1}", b"\xff\xfe", b"[" * 20_000, b'{"lon": ' + b"9" * 5_000 + b"}"]
)
def test_what_is_no_json_is_told_apart(body, caller, kept) -> None:
    before = kept()
    answer = caller("officer").post("/api/reports", content=body, headers={"Content-Type": "application/json"})
    assert answer.headers["content-type"] == "application/problem+json"
    expected = (422, "invalid_body") if body == b"" else (400, "malformed_json")
    assert (answer.status_code, answer.json()["code"]) == expected
    assert kept() == before


def test_the_body_may_only_be_so_large_with_and_without_a_length(caller, a_report, kept) -> None:
    before = kept()
    client = caller("officer")
    large = json.dumps(a_report(text="x" * 70_000)).encode()

    def in_pieces():
        for start in range(0, len(large), 10_000):
            yield large[start : start + 10_000]

    for content in (large, in_pieces()):
        answer = client.post("/api/reports", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert answer.headers["content-type"] == "application/problem+json"
    huge = client.post("/api/reports/batch", json={"reports": [a_report(text="x" * 4_000)] * 260})
    assert (huge.status_code, huge.json()["code"]) == (413, "body_too_large")
    assert kept() == before
    fitting = client.post("/api/reports/batch", json={"reports": [a_report(text="x" * 3_000) for _ in range(30)]})
    assert fitting.json()["accepted"] == 30


def test_a_batch_takes_a_thousand_and_not_one_more(caller, kept) -> None:
    before = kept()
    for reports in ([], [{}] * 1001):
        answer = caller("officer").post("/api/reports/batch", json={"reports": reports})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")
    all_bad = caller("officer").post("/api/reports/batch", json={"reports": [{}] * 1000})
    assert (all_bad.status_code, all_bad.json()["rejected"]) == (200, 1000)
    assert kept() == before


def test_a_used_key_with_another_body_is_a_conflict_and_changes_nothing(caller, a_report, kept) -> None:
    body = a_report()
    first = caller("officer").post("/api/reports", json=body)
    before = kept()
    other = caller("officer").post("/api/reports", json=body | {"text": "other"})
    assert (other.status_code, other.json()["code"]) == (409, "client_uid_reused")
    assert kept() == before
    assert caller("officer").post("/api/reports", json=body).content == first.content


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("lon=nan&lat=20&crs=WGS84&category=E04-05", "invalid_coordinate"),
        ("lon=inf&lat=20&crs=WGS84&category=E04-05", "invalid_coordinate"),
        ("lon=110.3&lat=20&category=E04-05", "unknown_crs"),
        ("lon=110.3&lat=20&crs=x&category=E04-05", "unknown_crs"),
        ("lon=110.3&lat=20&crs=WGS84&category=zzz", "unknown_category"),
        ("lon=110.3&lat=20&crs=WGS84&category=%00", "invalid_body"),
        ("lon=110.3&lat=20&crs=WGS84", "invalid_body"),
        ("lon=east&lat=20&crs=WGS84&category=E04-05", "invalid_body"),
        ("lon=119.9&lat=20&crs=WGS84&category=E04-05", "outside_city"),
    ],
)
def test_a_bad_question_is_refused_with_its_code(query, code, caller) -> None:
    answer = caller().get(f"/api/locate?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize(
    "address", ["/api/cases/%00", "/api/cases?state=%00", "/api/cases?after=x", "/api/cases?limit=0"]
)
def test_odd_addresses_are_refused_and_break_nothing(address, caller) -> None:
    answer = caller("desk").get(address)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code in (404, 422)


def test_moments_that_no_clock_tells_are_refused(caller) -> None:
    """In every address that takes one: without a zone, before keys begin, or past what a calendar holds."""
    bad = ("2026-01-02T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1969-01-01T00:00:00Z")
    for at in bad:
        for path in ("/api/audit?from=", "/api/audit?until=", "/api/cases.csv?from=", "/api/cases.csv?to=",
                     "/api/handbook?at="):  # fmt: skip
            answer = caller("admin").get(path + at.replace("+", "%2B"))
            assert answer.status_code == 422, (path, at, answer.text)
