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

from api import deps
from gisops import city as cities
from gisops import coordinates
from gisops.access import limits
from gisops.cases import duplicates, joining, twins
from gisops.db.pool import Connection, connect
from tests.conftest import serve
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


def counted(owner: Connection, told: dict[str, Any]) -> int:
    row = owner.execute("SELECT report_count FROM cases WHERE case_no = %s", [told["case"]["case_no"]]).fetchone()
    assert row is not None
    count: int = row["report_count"]
    return count


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


def test_a_report_with_its_word_is_one_more_of_the_case(
    caller: Call, owner: Connection, quiet: tuple[float, float]
) -> None:
    lon, lat = quiet
    first = reported(caller(), lon, lat)
    word = near(caller(), lon, lat)[0]["joins"]
    more = reported(caller(), lon, lat + 8 * M, joins=word)
    assert more["case"]["case_no"] is None, "the number is another's"
    assert counted(owner, first) == 2
    assert more["joined"]["code"] == "joined"
    # sent again it is the same, by another client too
    again = caller().post("/api/reports", json=more["body"])
    assert again.status_code == 200
    assert again.json()["report"] == more["report"]
    # both follow it, each by his own key; it was not the second one's to open again
    for told, was_first in ((first, True), (more, False)):
        followed = caller().get(f"/api/reports/{told['body']['client_uid']}").json()
        assert followed["case"]["case_no"] == (first["case"]["case_no"] if was_first else None)
        # to join is not to watch: how far it is, and no more
        assert bool(followed["organisation"]) == bool(followed["history"]) == was_first
        if not was_first:
            assert (followed["post"], followed["case"]["deadline"]) == (None, None)
            assert followed["case"]["state"] in ("reported", "filed", "handling")
            urged = caller().post(f"/api/reports/{told['body']['client_uid']}/urgings", json={})
            assert urged.json() == {"case_no": None, "urged": True}
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
    assert reported(caller(), lon, lat, joins=good)["joined"]["code"] == "joined"
    assert counted(owner, first) == 2
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


def hidden_category(owner: Connection) -> dict[str, Any]:
    row = owner.execute(
        "SELECT category_id, code, name_zh FROM categories WHERE NOT public AND scheme = %s AND code LIKE 'E01-%%'"
        " LIMIT 1",
        [SCHEME],
    ).fetchone()
    assert row is not None
    return row


def test_a_key_does_not_tell_a_category_that_is_not_public(
    caller: Call, owner: Connection, quiet: tuple[float, float]
) -> None:
    first = reported(caller(), *quiet)
    hidden = hidden_category(owner)
    owner.execute(
        "UPDATE cases SET category_id = %s WHERE case_no = %s", [hidden["category_id"], first["case"]["case_no"]]
    )
    answer = caller().get(f"/api/reports/{first['body']['client_uid']}")
    followed = answer.json()
    assert (followed["case"]["category"]["code"], followed["history"]) == (CATEGORY, [])
    assert hidden["name_zh"] not in answer.text


def test_a_stranger_s_report_is_answered_with_what_near_tells(
    caller: Call, owner: Connection, quiet: tuple[float, float]
) -> None:
    """Neither the number nor the place of what lies near by stands in the answer; who is signed in is told more."""
    lon, lat = quiet
    first = reported(caller(), lon, lat)
    owner.execute("UPDATE cases SET report_count = 7 WHERE case_no = %s", [first["case"]["case_no"]])
    known = near(caller(), lon, lat + 7 * M)
    answer = reported(caller(), lon, lat + 7 * M)
    assert "suggested" not in answer
    [one] = answer["near"]
    assert (one["reports_at_least"], one["distance_m"] % 10) == (5, 0)
    same = set(one) - {"joins", "valid_until"}
    assert {name: one[name] for name in same} == {name: known[0][name] for name in same}
    assert first["case"]["case_no"] not in json.dumps(answer)
    assert first["case"]["case_no"] in [
        each["case_no"] for each in reported(caller("desk"), lon, lat + 7 * M)["suggested"]
    ]


def test_what_can_be_joined_is_measured_from_the_grid(
    caller: Call, owner: Connection, quiet: tuple[float, float]
) -> None:
    """Two cases of one square can be joined from the same points, whatever accuracy is claimed."""
    lon, lat = (math.floor(value * 10_000) / 10_000 for value in quiet)
    told: list[list[bool]] = []
    city = cities.load(owner)
    category = city.category(CATEGORY)
    for here in ((lon - 0.00003, lat + 0.00002), (lon + 0.00004, lat - 0.00004)):
        case_no = reported(caller(), *here)["case"]["case_no"]
        reaches = []
        for m in range(20, 52, 2):
            asked = twins.Asked(lon, lat + m * M, 0.0, category, joins=case_no)
            [fate] = duplicates.fates(owner, city, [asked], datetime.now(UTC), None)
            reaches.append(isinstance(fate, duplicates.Fate))
        told.append(reaches)
        owner.execute(
            "UPDATE cases SET state = 'voided', stage = 7, closed_at = app_now() WHERE case_no = %s", [case_no]
        )
    assert told[0] == told[1]
    assert set(told[0]) == {True, False}


def test_who_claims_to_be_anywhere_is_told_of_what_is_here(caller: Call, quiet: tuple[float, float]) -> None:
    lon, lat = quiet
    reported(caller(), lon, lat)
    assert len(near(caller(), lon, lat + 40 * M, accuracy_m=5_000)) == 1
    assert near(caller(), lon, lat + 90 * M, accuracy_m=5_000) == []


def test_a_stranger_s_joining_shows_in_the_figures_an_hour_later(
    caller: Call, owner: Connection, quiet: tuple[float, float]
) -> None:
    lon, lat = quiet
    first = reported(caller(), lon, lat)
    for _ in range(3):
        reported(caller("officer"), lon, lat, joins=near(caller("officer"), lon, lat)[0]["joins"])
    reported(caller(), lon, lat, joins=near(caller(), lon, lat)[0]["joins"])
    assert counted(owner, first) == 5
    assert near(caller(), lon, lat)[0]["reports_at_least"] == 1
    with owner.transaction():
        owner.execute("SET LOCAL gisops.clock_offset = '61 minutes'")
        told = joining.told_near(owner, (lon, lat, 5.0), cities.load(owner).category(CATEGORY), bytes(32))
    assert told[0]["reports_at_least"] == 5


def test_how_long_ago_is_told_by_the_clock_s_hours() -> None:
    """The figure changes on the full hour, whenever the report came in."""
    row = {"district_code": "460107", "case_id": UUID(int=7), "state": "reported", "stage": 1, "report_count": 1}
    row |= {"code": CATEGORY, "scheme": SCHEME, "name_zh": "样例", "name_en": "Sample", "distance_m": 3.0}

    def age(reported_at: datetime, now: datetime) -> int:
        told = joining._told({**row, "reported_at": reported_at, "now": now}, bytes(32))
        hours: int = told["age_hours"]
        return hours

    day = datetime(2026, 11, 2, tzinfo=UTC)
    for minute in (0, 17, 59):
        reported_at = day + timedelta(hours=9, minutes=minute)
        assert age(reported_at, day + timedelta(hours=9, minutes=59, seconds=59)) == 0
        assert age(reported_at, day + timedelta(hours=10)) == 1
        assert age(reported_at, day + timedelta(hours=33)) == 24


def test_so_often_is_asked_and_so_often_is_missed(
    fresh_database: Callable[..., Any], quiet: tuple[float, float]
) -> None:
    """By address without a sign-in, in a minute and in an hour; by account with one; and a miss is one too many."""
    lon, lat = quiet
    asked: dict[str, Any] = {"lon": lon, "lat": lat, "crs": "WGS84", "category": CATEGORY, "accuracy_m": 5}
    here = "127.0.0.1"
    with (
        serve(fresh_database("sample_template")) as server,
        connect(server.database.owner_url, autocommit=True) as own,
        httpx2.Client(base_url=server.base_url, timeout=20) as client,
    ):
        told = client.post("/api/session", json={"login": "officer", "password": server.password}).json()
        account = own.execute("SELECT account_id FROM accounts WHERE login = 'officer'").fetchone()
        assert account is not None

        def spend(bucket: str) -> None:
            own.execute("UPDATE rate_buckets SET tokens = 0, filled_at = clock_timestamp() WHERE key = %s", [bucket])

        def ask(**headers: str) -> dict[str, Any]:
            answer: dict[str, Any] = client.get("/api/reports/near", params=asked, headers=headers).json()
            return answer

        client.cookies.clear()
        bearer = {"Authorization": f"Bearer {told['token']}"}
        buckets: tuple[tuple[str, dict[str, str], dict[str, int]], ...] = (
            (limits.key("near", here), {}, {"per_minute": 30}),
            (limits.key("near in an hour", here), {}, {"per_hour": 120}),
            (limits.key("near of account", None, str(account["account_id"])), bearer, {"per_minute": 30}),
        )
        for bucket, headers, most in buckets:
            assert "near" in ask(**headers)
            spend(bucket)
            refused = ask(**headers)
            assert refused["code"] == "too_many_requests"
            assert most.items() <= refused.items()
            own.execute("DELETE FROM rate_buckets WHERE key = %s", [bucket])

        def tried(**more: Any) -> str:
            body = {**asked, "client_uid": str(uuid4()), "channel": "citizen", **more}
            answer = client.post("/api/reports", json=body)
            return "" if answer.status_code == 201 else str(answer.json()["code"])

        # what is right takes nothing: a miss does
        assert tried() == ""
        word = ask()["near"][0]["joins"]
        assert [tried(joins=word) for _ in range(2)] == ["", ""]
        codes = [tried(joins="near.bent") for _ in range(deps.MISSED_JOINS_PER_HOUR + 1)]
        assert set(codes[:-1]) == {"not_joinable"}
        assert codes[-1] == tried(joins=word) == "too_many_requests"
        assert tried() == ""


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
    # it goes when the case is opened again, so it is asked for each time; one's own stays
    assert shown.headers["cache-control"] == "private, no-cache"
    own = caller().get(f"/api/reports/{uid}/photos/{mine}")
    assert "immutable" in own.headers["cache-control"]
    named = {"If-None-Match": shown.headers["etag"]}
    assert caller().get(f"/api/reports/{uid}/photos/{after}", headers=named).status_code == 304
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
        assert caller().get(f"/api/reports/{uid}/photos/{after}", headers=named).status_code == 404
    finally:
        owner.execute("UPDATE categories SET public = true WHERE scheme = %s AND code = %s", [SCHEME, CATEGORY])
    owner.execute("UPDATE cases SET closed_at = app_now() - interval '8 days' WHERE case_no = %s", [case_no])
    assert caller().get(f"/api/reports/{uid}").json()["may"]["reopen"] is False
