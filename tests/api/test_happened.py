"""What happened where and when: the cases of a period as points, for each as far as he may see them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from gisops.db.pool import connect


@pytest.fixture(scope="module")
def leader(live_server: Any) -> Iterator[httpx2.Client]:
    """Who sees the whole city, in which two dozen cases have just been reported all over it."""
    with httpx2.Client(base_url=live_server.base_url, timeout=60) as client:
        _sign_in(client, live_server, "desk")
        west, south, east, north = client.get("/api/city").json()["bbox"]
        reports = [
            {
                "client_uid": str(uuid4()),
                "channel": "hotline",
                "category": ("E01-10", "E01-12")[n % 2],
                "lon": west + (east - west) * (0.3 + 0.4 * (n % 5) / 4),
                "lat": south + (north - south) * (0.3 + 0.4 * (n // 5) / 4),
                "crs": "WGS84",
                "accuracy_m": 5,
            }
            for n in range(24)
        ]
        # Two more a little beside the first: near enough to be found from there.
        reports += [
            {**reports[0], "client_uid": str(uuid4()), "lat": reports[0]["lat"] + m / 111_000} for m in (120, 450)
        ]
        answer = client.post("/api/reports/batch", json={"reports": reports})
        assert answer.status_code == 200, answer.text
    with httpx2.Client(base_url=live_server.base_url, timeout=60) as client:
        _sign_in(client, live_server, "leader")
        yield client


def test_a_period_s_cases_are_told_with_their_moments_newest_first(leader: httpx2.Client, live_server: Any) -> None:
    with connect(live_server.database.owner_url) as owner:
        last = owner.execute("SELECT max(reported_at) AS at FROM cases").fetchone()
        assert last is not None
        until = last["at"] + timedelta(seconds=1)
        since = until - timedelta(days=7)
        true = owner.execute(
            "SELECT case_no FROM cases WHERE case_id >= first_key(%s) AND case_id < first_key(%s)"
            " ORDER BY case_id DESC",
            (since, until),
        ).fetchall()
    assert len(true) > 10
    period = {"from": since.isoformat(), "to": until.isoformat()}
    told = leader.get("/api/happened", params=period).json()
    assert [each["case_no"] for each in told["cases"]] == [row["case_no"] for row in true]
    assert told["more"] is False
    assert datetime.fromisoformat(told["from"]) == since
    few = leader.get("/api/happened", params=period | {"limit": "3"}).json()
    assert few["cases"] == told["cases"][:3]
    assert few["more"] is True
    category = told["cases"][0]["category"]["code"]
    of_one = leader.get("/api/happened", params=period | {"category": category}).json()["cases"]
    assert of_one == [each for each in told["cases"] if each["category"]["code"] == category]


def test_near_a_point_each_is_as_far_as_the_database_says(leader: httpx2.Client, live_server: Any) -> None:
    with connect(live_server.database.owner_url) as owner:
        at = owner.execute(
            "SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM cases ORDER BY case_id DESC LIMIT 1"
        ).fetchone()
        assert at is not None
        true = owner.execute(
            "SELECT case_no, ST_Distance(geom::geography, p) AS m"
            " FROM cases, (SELECT ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326)::geography AS p) AS asked"
            " WHERE ST_DWithin(geom::geography, p, 300) AND reported_at > app_now() - interval '90 days'",
            at,
        ).fetchall()
    since = (datetime.now(UTC) - timedelta(days=90)).isoformat()
    asked = {"lon": at["lon"], "lat": at["lat"], "crs": "WGS84", "within_m": 300, "from": since}
    told = leader.get("/api/happened", params=asked).json()["cases"]
    assert {each["case_no"] for each in told} == {row["case_no"] for row in true}
    metres = {row["case_no"]: row["m"] for row in true}
    assert all(each["distance_m"] == pytest.approx(metres[each["case_no"]], abs=0.06) for each in told)
    # Guessed coordinates, a point that is half of one, and a point beside a box are refused.
    for wrong in ({"crs": ""}, {"lat": None}, {"bbox": "110,20,111,21"}):
        sent = {name: value for name, value in (asked | wrong).items() if value is not None}
        assert leader.get("/api/happened", params=sent).status_code == 422, wrong
    for bad in (
        "2026-01-02T00:00:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+14:00",
    ):
        for name in ("from", "to"):
            refused = leader.get("/api/happened", params={name: bad})
            assert refused.status_code == 422, (name, bad, refused.text)
    backwards = {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    assert leader.get("/api/happened", params=backwards).json()["code"] == "invalid_input"


def test_nobody_learns_of_cases_outside_his_scope(leader: httpx2.Client, live_server: Any) -> None:
    everything = {each["case_no"] for each in leader.get("/api/happened", params={"from": _year_ago()}).json()["cases"]}
    with httpx2.Client(base_url=live_server.base_url, timeout=60) as client:
        assert client.get("/api/happened").status_code == 401
        _sign_in(client, live_server, "officer")
        mine = {each["case_no"] for each in client.get("/api/happened", params={"from": _year_ago()}).json()["cases"]}
        # The list of cases is the measure of what one may see.
        first = {each["case_no"] for each in client.get("/api/cases", params={"limit": 200}).json()["cases"]}
    assert first <= mine < everything


def _year_ago() -> str:
    return (datetime.now(UTC) - timedelta(days=390)).isoformat()


def _sign_in(client: httpx2.Client, live_server: Any, login: str) -> None:
    token = client.post("/api/session", json={"login": login, "password": live_server.password}).json()["token"]
    client.headers["Authorization"] = f"Bearer {token}"


def test_a_circle_s_cases_are_not_crowded_out_by_those_in_its_corners(leader: httpx2.Client, live_server: Any) -> None:
    """The newest of the circle's box may all lie outside the circle: asked for one, one comes."""
    with connect(live_server.database.owner_url) as owner:
        rows = owner.execute(
            "SELECT case_no, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM cases ORDER BY case_id DESC LIMIT 26"
        ).fetchall()
    inner, corner = rows[-1], rows[-1]
    # the circle's middle is an old case; newer ones of other tests' making lie in the corners
    lon, lat = inner["lon"], inner["lat"]
    far = 190 / 111_000
    for n in range(3):
        body = {"client_uid": str(uuid4()), "channel": "hotline", "category": "E01-10", "crs": "WGS84", "accuracy_m": 5}
        at = {"lon": corner["lon"] + far / 0.94, "lat": corner["lat"] + far + n * 1e-6}
        assert leader.post("/api/reports", json={**body, **at}).status_code == 201
    asked = {"lon": lon, "lat": lat, "crs": "WGS84", "within_m": "200", "from": ""}
    asked["from"] = (datetime.now(UTC) - timedelta(days=300)).isoformat()
    every = leader.get("/api/happened", params=asked).json()
    assert every["cases"]
    one = leader.get("/api/happened", params=asked | {"limit": "1"}).json()
    assert one["cases"] == every["cases"][:1]
    assert one["more"] is (len(every["cases"]) > 1)
    assert every["more"] is False
