"""Has somebody reported it already? What anybody is told of open cases near by, the word by which a report joins one,
and what the holder of a report's key sees of its end.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from gisops import coordinates
from gisops.cases import joining
from gisops.db.pool import Connection, connect
from tests.photos import jpeg, sent

Call = Callable[..., httpx2.Client]
M = 1 / 111_000  # a metre north, degrees, nearly
CATEGORY = "E01-13"
SCHEME = "GB/T 30428.2-2013"


@pytest.fixture
def owner(live_server: Any) -> Iterator[Connection]:
    with connect(live_server.database.owner_url, autocommit=True) as conn:
        yield conn


@pytest.fixture
def quiet(owner: Connection) -> tuple[float, float]:
    """A place in the city where no case is near."""
    row = owner.execute("""
        SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM grid_cells g, LATERAL ST_PointOnSurface(g.geom) p CROSS JOIN city
        WHERE NOT EXISTS (SELECT FROM cases q WHERE ST_DWithin(q.geom, p, 0.002))
          AND ST_Contains(city.geom, ST_Expand(p, 0.001))
        ORDER BY g.code LIMIT 1""").fetchone()
    assert row is not None
    return row["lon"], row["lat"]


def reported(client: httpx2.Client, lon: float, lat: float, category: str = CATEGORY, **more: Any) -> dict[str, Any]:
    body = {
        "client_uid": str(uuid4()),
        "channel": "citizen",
        "category": category,
        **{"lon": lon, "lat": lat, "crs": "WGS84", "accuracy_m": 5},
        **more,
    }
    answer = client.post("/api/reports", json=body)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json() | {"body": body}
    return told


def near(client: httpx2.Client, lon: float, lat: float, category: str = CATEGORY, **more: Any) -> list[dict[str, Any]]:
    asked = {"lon": lon, "lat": lat, "crs": "WGS84", "category": category, "accuracy_m": 5, **more}
    answer = client.get("/api/reports/near", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["near"]
    return found


def test_a_stranger_hears_of_what_is_open_near_by_and_nothing_else_of_it(
    caller: Call, quiet: tuple[float, float]
) -> None:
    lon, lat = quiet
    first = reported(caller(), lon, lat, text="样例：只有上报人知道的话")
    answer = caller().get(
        "/api/reports/near",
        params={"lon": lon, "lat": lat + 9 * M, "crs": "WGS84", "category": CATEGORY, "accuracy_m": 5},
    )
    [one] = answer.json()["near"]
    assert one["category"]["code"] == CATEGORY
    assert one["distance_m"] in (0, 10, 20)
    assert (one["age_hours"], one["reports_at_least"]) == (0, 1)
    assert one["step"] in (1, 2, 3)
    assert set(one) == {
        "joins", "valid_until", "category", "distance_m", "age_hours", "reports_at_least", "step", "step_zh", "step_en",
    }  # fmt: skip
    # no number, no key, no words, and no officer
    for hidden in (first["case"]["case_no"], first["report"]["report_id"], first["body"]["client_uid"], "样例"):
        assert hidden not in answer.text
    # a word says nothing, and is another one each time
    again = near(caller(), lon, lat + 9 * M)[0]["joins"]
    assert again != one["joins"]
    assert near(caller(), lon, lat + 300 * M) == []


def test_the_position_is_taken_in_the_system_that_it_is_declared_in(caller: Call, quiet: tuple[float, float]) -> None:
    lon, lat = quiet
    reported(caller(), lon, lat)
    x, y = coordinates.from_wgs84(lon, lat, "GCJ02")
    assert len(near(caller(), x, y, crs="GCJ02")) == 1
    assert near(caller(), x, y) == []
    refused = caller().get("/api/reports/near", params={"lon": x, "lat": y, "category": CATEGORY})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_crs")


def test_a_report_with_its_word_is_one_more_of_the_case(caller: Call, quiet: tuple[float, float]) -> None:
    lon, lat = quiet
    first = reported(caller(), lon, lat)
    word = near(caller(), lon, lat)[0]["joins"]
    more = reported(caller(), lon, lat + 8 * M, joins=word)
    assert more["case"]["case_no"] == first["case"]["case_no"]
    assert more["joined"]["code"] == "joined"
    # sent again it is the same, by another client too
    again = caller().post("/api/reports", json=more["body"])
    assert again.status_code == 200
    assert again.json()["report"] == more["report"]
    # both follow it, each by his own key; it was not the second one's to open again
    for told, was_first in ((first, True), (more, False)):
        followed = caller().get(f"/api/reports/{told['body']['client_uid']}").json()
        assert followed["case"]["case_no"] == first["case"]["case_no"]
        assert followed["may"] == {"urge": True, "rate": False, "reopen": False, "reopen_until": None}, was_first


def test_who_signed_in_joins_by_a_word_like_anybody(caller: Call, quiet: tuple[float, float]) -> None:
    """The page does not ask who has it open: an officer of another zone may have seen the same as everybody."""
    lon, lat = quiet
    first = reported(caller(), lon, lat)
    word = near(caller("officer"), lon, lat)[0]["joins"]
    assert reported(caller("officer"), lon, lat, joins=word)["case"]["case_no"] == first["case"]["case_no"]


def test_a_word_that_is_bent_forged_old_or_of_another_place_opens_nothing(
    caller: Call, owner: Connection, quiet: tuple[float, float]
) -> None:
    lon, lat = quiet
    first = reported(caller(), lon, lat)
    word = near(caller(), lon, lat)[0]["joins"]
    row = owner.execute(
        "SELECT district_code, case_id, app_now() AS now FROM cases WHERE case_no = %s", [first["case"]["case_no"]]
    ).fetchone()
    assert row is not None
    case, key = (row["district_code"], row["case_id"]), joining.key(owner)
    bent = word[:-3] + ("AAA" if word[-3:] != "AAA" else "BBB")
    old = joining.seal(key, case, row["now"] - timedelta(seconds=2))
    forged = joining.seal(bytes(32), case, row["now"] + joining.HOLDS)
    good = joining.seal(key, case, row["now"] + joining.HOLDS)
    body = {"channel": "citizen", "category": CATEGORY, "lon": lon, "lat": lat, "crs": "WGS84", "accuracy_m": 5}
    far = {"lat": lat + 90 * M}
    for changes in (*({"joins": one} for one in (bent, old, forged, "near.", "near.é")), {"joins": good} | far):
        answer = caller().post("/api/reports", json=body | changes | {"client_uid": str(uuid4())})
        assert (answer.status_code, answer.json()["code"]) == (409, "not_joinable"), changes
        assert first["case"]["case_no"] not in answer.text
    assert reported(caller(), lon, lat, joins=good)["case"]["case_no"] == first["case"]["case_no"]
    owner.execute("UPDATE cases SET state = 'closed', stage = 7, closed_at = app_now() WHERE case_no = %s", [
        first["case"]["case_no"]
    ])  # fmt: skip
    answer = caller().post("/api/reports", json=body | {"client_uid": str(uuid4()), "joins": good})
    assert answer.json()["code"] == "not_joinable"
    assert near(caller(), lon, lat) == []


def test_what_is_not_public_leaves_no_trace(caller: Call, owner: Connection, quiet: tuple[float, float]) -> None:
    """With many cases of a category that is hidden, nearer than the public one, the answer is the same."""
    lon, lat = quiet
    public = reported(caller(), lon, lat + 6 * M)
    before = near(caller(), lon, lat)
    for _ in range(12):
        reported(caller("desk"), lon, lat)
    hidden = owner.execute(
        "SELECT category_id FROM categories WHERE NOT public AND scheme = %s AND code LIKE 'E01-%%' LIMIT 1", [SCHEME]
    ).fetchone()
    assert hidden is not None
    owner.execute(
        "UPDATE cases SET category_id = %s WHERE case_no <> %s"
        " AND ST_DWithin(geom, ST_SetSRID(ST_MakePoint(%s, %s), 4326), 0.0001)",
        [hidden["category_id"], public["case"]["case_no"], lon, lat],
    )
    for login in (None, "desk", "admin"):
        after = near(caller(login), lon, lat)
        for one in (*before, *after):
            one.pop("joins", None)
            one.pop("valid_until", None)
        assert after == before, login


def test_how_many_reported_it_is_told_only_of_many(caller: Call, owner: Connection, quiet: tuple[float, float]) -> None:
    lon, lat = quiet
    first = reported(caller(), lon, lat)
    for count, told in ((2, 1), (4, 1), (5, 5), (9, 5), (10, 10), (64, 50), (2_000, 100)):
        owner.execute("UPDATE cases SET report_count = %s WHERE case_no = %s", [count, first["case"]["case_no"]])
        assert near(caller(), lon, lat)[0]["reports_at_least"] == told


def test_asking_at_many_points_comes_no_nearer_than_the_grid(
    caller: Call, owner: Connection, quiet: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cases in one square of the grid are told alike, wherever somebody asks from."""
    lon, lat = (math.floor(value * 10_000) / 10_000 for value in quiet)
    told: list[list[float]] = []
    for here in ((lon - 0.00003, lat + 0.00002), (lon + 0.00004, lat - 0.00004)):
        case_no = reported(caller(), *here)["case"]["case_no"]
        steps = [near(caller("desk"), lon + n * 3 * M, lat + n * 5 * M) for n in range(6)]
        told.append([one["distance_m"] for found in steps for one in found])
        owner.execute(
            "UPDATE cases SET state = 'voided', stage = 7, closed_at = app_now() WHERE case_no = %s", [case_no]
        )
    assert told[0] == told[1]
    assert len(told[0]) > 2


def test_at_most_three_are_told(caller: Call, quiet: tuple[float, float]) -> None:
    lon, lat = quiet
    for n in range(5):
        reported(caller("desk"), lon, lat + n * M)
    assert len(near(caller(), lon, lat)) == 3


def test_a_word_is_as_long_and_holds_as_long_as_it_says() -> None:
    key, now = bytes(range(32)), datetime(2026, 11, 1, tzinfo=UTC)
    case = ("460107", UUID(int=7))
    words = {joining.seal(key, case, now + joining.HOLDS) for _ in range(20)}
    assert len(words) == 20
    assert {len(word) for word in words} == {len(next(iter(words)))}
    assert max(len(word) for word in words) <= 128
    for word in words:
        assert joining._open(key, word, now) == case
        assert joining._open(key, word, now + joining.HOLDS + timedelta(seconds=1)) is None
        assert joining._open(bytes(32), word, now) is None


# ---- the end of it -------------------------------------------------------------------------------------------------


def test_the_holder_of_the_key_sees_the_result_once_it_is_over_and_says_how_content_he_is(
    caller: Call, owner: Connection, quiet: tuple[float, float]
) -> None:
    lon, lat = quiet
    mine, after, checked = (sent(caller("desk"), jpeg(seed)) for seed in (8101, 8102, 8103))
    first = reported(caller(), lon, lat, photos=[mine])
    uid, case_no = first["body"]["client_uid"], first["case"]["case_no"]
    owner.execute(
        """INSERT INTO case_photos (district_code, case_id, seq, n, sha256, phase, added_at)
        SELECT c.district_code, c.case_id, p.seq, 0, p.sha256, p.phase, app_now()
        FROM cases c, (VALUES (3, %s, 'after'), (4, %s, 'check')) AS p (seq, sha256, phase) WHERE c.case_no = %s""",
        [after, checked, case_no],
    )
    followed = caller().get(f"/api/reports/{uid}").json()
    assert (followed["photos"], followed["result_photos"]) == ([mine], [])
    assert caller().get(f"/api/reports/{uid}/photos/{after}").status_code == 404

    owner.execute("UPDATE cases SET state = 'closed', stage = 7, closed_at = app_now() WHERE case_no = %s", [case_no])
    followed = caller().get(f"/api/reports/{uid}").json()
    assert (followed["case"]["step"], followed["case"]["category"]["code"]) == (4, CATEGORY)
    assert followed["result_photos"] == [after]
    assert followed["may"]["rate"] is True
    assert followed["may"]["reopen"] is True
    shown = caller().get(f"/api/reports/{uid}/photos/{after}")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    # what shows who checked it stays with the city, and another's key opens none of it
    assert caller().get(f"/api/reports/{uid}/photos/{checked}").status_code == 404
    other = reported(caller(), lon, lat + 200 * M)["body"]["client_uid"]
    assert caller().get(f"/api/reports/{other}/photos/{after}").status_code == 404

    assert caller().post(f"/api/reports/{uid}/satisfaction", json={"score": 4}).json()["kept"] is True
    followed = caller().get(f"/api/reports/{uid}").json()
    assert (followed["score"], followed["may"]["rate"]) == (4, False)

    # a city that keeps them to itself
    owner.execute("UPDATE city SET settings = settings || %s::jsonb", [json.dumps({"result_photos": False})])
    try:
        assert caller().get(f"/api/reports/{uid}").json()["result_photos"] == []
        assert caller().get(f"/api/reports/{uid}/photos/{after}").status_code == 404
    finally:
        owner.execute("UPDATE city SET settings = settings - 'result_photos'")
    # nor of a category that citizens may not choose
    owner.execute("UPDATE categories SET public = false WHERE scheme = %s AND code = %s", [SCHEME, CATEGORY])
    try:
        assert caller().get(f"/api/reports/{uid}").json()["result_photos"] == []
    finally:
        owner.execute("UPDATE categories SET public = true WHERE scheme = %s AND code = %s", [SCHEME, CATEGORY])
    owner.execute("UPDATE cases SET closed_at = app_now() - interval '8 days' WHERE case_no = %s", [case_no])
    assert caller().get(f"/api/reports/{uid}").json()["may"]["reopen"] is False
