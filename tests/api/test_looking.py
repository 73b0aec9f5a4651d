"""Search, nearest, counts, heat and export through the door: right for each viewer, and nothing of what is hidden."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from httpx import Response
from pyproj import Geod
from starlette.testclient import TestClient

from api.app import create_app
from gisops.access import scopes
from gisops.access.people import token_hash
from gisops.db.pool import Connection, connect
from layers import counts, export
from layers.catalog import load_catalog
from tests.conftest import Database
from tests.layers import tiny_city

# login: role, everywhere, what was granted. The city has two cells; most of it lies in the first.
PEOPLE: dict[str, tuple[str, bool, tuple[str, str] | None]] = {
    "here": ("officer", False, ("cell", "460199001001001")),
    "there": ("officer", False, ("cell", "460199001001002")),
    "inspects": ("inspector", False, ("cell", "460199001001002")),
    "inspects-all": ("inspector", False, ("area", "460199")),
    "leads": ("leader", True, None),
    "plans": ("planner", True, None),
    "has-nothing": ("planner", False, None),
    "handles": ("handler", False, None),
}
HOUSEHOLDS, SHOPS = 120, 60
BOX = {"bbox": "110.341,20.022,110.3512,20.0256"}
Get = Callable[..., Response]


def _more(owner: Connection) -> None:
    """Households in heaps and alone, shops in a row, cases in both cells, and names that look like something else."""
    draw = random.Random(4)
    heaps = [(110.33 + draw.random() * 0.05, 20.01 + draw.random() * 0.04) for _ in range(12)]
    for n in range(HOUSEHOLDS):
        lon, lat = (
            heaps[n % 17] if n % 17 < len(heaps) else (110.33 + draw.random() * 0.05, 20.01 + draw.random() * 0.04)
        )
        lon, lat = lon + draw.random() * 0.001, lat + draw.random() * 0.001
        owner.execute(
            "INSERT INTO relief_households (district_code, household_id, code, householder, phone, geom)"
            " VALUES ('460199', gen_random_uuid(), %s, '样例户主', '13800001111', ST_Point(%s, %s, 4326))",
            (f"R-{n:03}", lon, lat),
        )
    for n in range(SHOPS):
        owner.execute(
            "INSERT INTO places (district_code, place_id, code, kind, name_zh, responsible_person, phone, geom)"
            " VALUES ('460199', gen_random_uuid(), %s, %s, %s, '张样例', '13900002222', ST_Point(%s, 20.0251, 4326))",
            (f"SHOP-{n:02}", ("shop", "market")[n % 2], f"样例小店{n:02}", 110.3401 + n * 0.0003),
        )
    for n, name in enumerate(("=1+1", "@SUM(A1)", "100%_店", '普通,"店"\n二楼')):
        owner.execute(
            "INSERT INTO places (district_code, place_id, code, kind, name_zh, geom)"
            " VALUES ('460199', gen_random_uuid(), %s, 'school', %s, ST_Point(110.39, 20.05, 4326))",
            (f"ODD-{n}", name),
        )
    for n in range(40):
        owner.execute(
            "INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom,"
            " organisation_id, reported_at) VALUES ('460199', gen_random_uuid(), %s, 2, 'dispatched', 4, %s,"
            " ST_Point(%s, 20.0257, 4326), 1, '2026-03-01 00:00+00')",
            (f"460199-2026-0001{n:02}", ("urgent", "normal")[n % 4 == 0], 110.3402 + n * 0.0004),
        )


@pytest.fixture(scope="module")
def town(database: Database) -> Database:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        _more(owner)
        for login, (role, everywhere, granted) in PEOPLE.items():
            owner.execute(
                "INSERT INTO accounts (login, password_hash, role, everywhere) VALUES (%s, 'x', %s, %s)",
                (login, role, everywhere),
            )
            owner.execute(
                "INSERT INTO sessions (token_hash, account_id, expires_at)"
                " SELECT %s, account_id, app_now() + interval '1 hour' FROM accounts WHERE login = %s",
                (token_hash(f"token of {login}"), login),
            )
            if granted is not None:
                scopes.grant(owner, login, granted[0], granted[1])  # type: ignore[arg-type]
        scopes.settle(owner)
    return database


@pytest.fixture(scope="module")
def client(town: Database) -> Iterator[TestClient]:
    with TestClient(create_app(town.settings())) as opened:
        yield opened


@pytest.fixture
def get(client: TestClient) -> Get:
    """``get(login, path, **parameters)``; the login None is nobody."""

    def ask(login: str | None, path: str, **asked: Any) -> Response:
        headers = {} if login is None else {"Authorization": f"Bearer token of {login}"}
        found: Response = client.get(path, params=asked, headers=headers)
        return found

    return ask


def hits(answer: Response) -> list[tuple[str, str, str]]:
    assert answer.status_code == 200, answer.text
    return [(hit["layer"], hit["key"], hit["match"]) for hit in answer.json()["hits"]]


def shown(answer: Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["features"]
    return found


# ---- search --------------------------------------------------------------------------------------------------------


def test_an_exact_key_comes_before_beginnings_and_those_before_any_part_of_a_name(get: Get) -> None:
    assert hits(get(None, "/api/search", q="SHOP-01"))[0] == ("places", "SHOP-01", "exact")
    found = hits(get(None, "/api/search", q="样例小店0", limit=50))
    assert {each[1] for each in found} == {f"SHOP-0{n}" for n in range(10)}
    assert {each[2] for each in found} == {"prefix"}
    ranks = [each[2] for each in hits(get(None, "/api/search", q="样例", limit=100))]
    assert set(ranks) == {"prefix"}
    ranks = [each[2] for each in hits(get(None, "/api/search", q="样例河", limit=100))]
    assert ranks[0] == "exact"
    assert [each[2] for each in hits(get(None, "/api/search", q="小店3", layers="places"))] == ["contains"] * 10


def test_case_does_not_matter_and_neither_does_space_around(get: Get) -> None:
    assert hits(get(None, "/api/search", q="  sample AVENUE ")) == [("roads", "R-01", "exact")]
    assert ("roads", "R-01", "exact") in hits(get(None, "/api/search", q="r-01"))
    assert ("roads", "R-01", "contains") in hits(get(None, "/api/search", q="venue"))


def test_wildcards_are_letters_like_any_other(get: Get) -> None:
    assert hits(get(None, "/api/search", q="%_店")) == [("places", "ODD-2", "contains")]
    for nothing in ("%%", "__", "样例%", "\\\\", "'; --"):
        assert hits(get(None, "/api/search", q=nothing)) == []


def test_a_hit_says_where_it_is_and_what_it_is_called(get: Get) -> None:
    (hit,) = get(None, "/api/search", q="样例河").json()["hits"]
    assert (hit["label"], hit["by"], hit["bbox"]) == ("样例河", "name", [110.3, 20.045, 110.4, 20.047])
    assert 110.3 <= hit["lon"] <= 110.4
    assert 20.045 <= hit["lat"] <= 20.047
    assert hits(get(None, "/api/search", q="样例河", bbox="110.30,20.00,110.40,20.04")) == []
    assert len(hits(get(None, "/api/search", q="样例河", bbox="110.30,20.00,110.31,20.046"))) == 1


def test_only_what_is_in_scope_is_found(get: Get) -> None:
    west, east = "460199-2026-000102", "460199-2026-000138"
    for login, sees in (("here", {west}), ("there", {east}), ("leads", {west, east}), ("handles", set())):
        found = {case for case in (west, east) if hits(get(login, "/api/search", q=case))}
        assert found == sees, login
    beginnings = hits(get("there", "/api/search", q="460199-2026-0001", limit=100))
    assert {key for _, key, _ in beginnings} == {f"460199-2026-0001{n}" for n in range(25, 40)}
    boxed = get("there", "/api/search", q="460199-2026-0001", limit=100, bbox="110.35,20.02,110.3521,20.03")
    assert {key for _, key, _ in hits(boxed)} == {f"460199-2026-0001{n}" for n in range(25, 30)}
    assert hits(get("inspects", "/api/search", q="H-01")) == []
    assert hits(get("inspects-all", "/api/search", q="h-01")) == [("poverty_relief", "H-01", "exact")]


@pytest.mark.parametrize("guess", ["张样例", "张**", "139****2222", "13900002222", "样例户主"])
def test_what_is_masked_is_not_found_by_guessing(get: Get, guess: str) -> None:
    for login in (None, *PEOPLE):
        assert hits(get(login, "/api/search", q=guess)) == [], login


def test_every_layer_that_can_be_searched_is_found_by_its_key(get: Get) -> None:
    for layer in load_catalog():
        key = tiny_city.KEYS[layer.id]
        if layer.search:
            login = "inspects-all" if layer.id == "poverty_relief" else "leads"
            assert (layer.id, key, "exact") in hits(get(login, "/api/search", q=key, layers=layer.id))


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({}, 422, "invalid_body"),
        ({"q": "a"}, 422, "invalid_input"),
        ({"q": " a "}, 422, "invalid_input"),
        ({"q": "a" * 65}, 422, "invalid_input"),
        ({"q": "a\0b"}, 422, "invalid_body"),
        ({"q": "ab", "limit": 101}, 422, "invalid_body"),
        ({"q": "ab", "limit": 0}, 422, "invalid_body"),
        ({"q": "ab", "bbox": "1,2,3"}, 422, "invalid_input"),
        ({"q": "ab", "layers": "nothing"}, 404, "not_found"),
        ({"q": "ab", "layers": "cases"}, 401, "not_signed_in"),
        ({"q": "ab", "layers": "places,camera_views"}, 401, "not_signed_in"),
    ],
)
def test_a_search_that_cannot_be_is_told_why(get: Get, asked: dict[str, Any], status: int, code: str) -> None:
    answer = get(None, "/api/search", **asked)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_layer_that_is_not_the_callers_or_has_no_names_is_refused(get: Get) -> None:
    assert get("here", "/api/search", q="H-01", layers="poverty_relief").status_code == 403
    answer = get("here", "/api/search", q="C-01", layers="camera_views")
    assert answer.status_code == 422
    assert "cases" in answer.json()["layers"]


# ---- nearest -------------------------------------------------------------------------------------------------------


def near(get: Get, login: str | None, **asked: Any) -> list[dict[str, Any]]:
    return shown(get(login, "/api/nearest", **({"lon": 110.345, "lat": 20.0251, "crs": "WGS84"} | asked)))


def test_the_nearest_come_first_with_their_true_distance(get: Get) -> None:
    found = near(get, None, layers="places", limit=20)
    metres = [feature["distance_m"] for feature in found]
    assert metres == sorted(metres)
    assert len(found) == 20
    for feature in found:
        lon, lat = feature["geometry"]["coordinates"]
        _, _, true = Geod(ellps="WGS84").inv(110.345, 20.0251, lon, lat)
        assert feature["distance_m"] == pytest.approx(true, abs=0.02)
    # Against all of them, not against what the index says.
    everything = shown(get(None, "/ogc/collections/places/items", limit=1000))
    byhand = sorted(
        (Geod(ellps="WGS84").inv(110.345, 20.0251, *each["geometry"]["coordinates"])[2], each["id"])
        for each in everything
    )
    assert [feature["id"] for feature in found] == [key for _, key in byhand[:20]]


def test_what_holds_the_point_is_at_no_distance_and_layers_are_mixed_by_metres(get: Get) -> None:
    found = near(get, None, limit=100)
    assert {feature["layer"] for feature in found} > {"admin_areas", "grid_cells", "places", "roads"}
    assert {feature["layer"] for feature in found if feature["distance_m"] == 0} >= {"admin_areas", "grid_cells"}
    assert [f["distance_m"] for f in found] == sorted(f["distance_m"] for f in found)


def test_nothing_is_farther_than_was_asked(get: Get) -> None:
    for within_m in (5, 40, 400, 20_000):
        found = near(get, None, layers="places", within_m=within_m, limit=100)
        assert all(feature["distance_m"] <= within_m for feature in found)
        assert len(found) == sum(
            f["distance_m"] <= within_m for f in near(get, None, layers="places", within_m=20_000, limit=100)
        )


def test_the_nearest_are_those_in_scope(get: Get) -> None:
    for login, edge in (("here", lambda lon: lon < 110.35), ("there", lambda lon: lon >= 110.35)):
        found = near(get, login, layers="cases", limit=100, within_m=20_000)
        assert found
        assert all(edge(feature["geometry"]["coordinates"][0]) for feature in found), login
    assert near(get, "handles", layers="cases") == []
    # Of an open layer everything is there, but what is not open only where it is in scope, and masked.
    for feature in near(get, "there", layers="places", limit=100, within_m=20_000):
        told = feature["properties"]
        in_scope = 110.35 <= feature["geometry"]["coordinates"][0] < 110.36
        if feature["id"].startswith("SHOP"):
            assert told["phone"] == ("139****2222" if in_scope else None), feature
            assert told["responsible_person"] == ("张**" if in_scope else None)
    assert all("phone" not in feature["properties"] for feature in near(get, None, layers="places"))


def test_a_point_may_come_in_another_system_and_never_without_one(get: Get) -> None:
    from gisops.coordinates import from_wgs84

    x, y = from_wgs84(110.345, 20.0251, "GCJ02")
    there = near(get, None, lon=x, lat=y, crs="GCJ02", layers="places")
    assert [f["id"] for f in there] == [f["id"] for f in near(get, None, layers="places")]
    for asked, code in (({"crs": ""}, "unknown_crs"), ({"lon": 20.0251, "lat": 110.345}, "swapped_coordinate"),
                        ({"lon": "nan"}, "invalid_coordinate"), ({"within_m": 0}, "invalid_body"),
                        ({"within_m": 20_001}, "invalid_body"), ({"within_m": "nan"}, "invalid_body")):  # fmt: skip
        answer = get(None, "/api/nearest", **({"lon": 110.345, "lat": 20.0251, "crs": "WGS84"} | asked))
        assert (answer.status_code, answer.json()["code"]) == (422, code), asked


# ---- counts and heat -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", [None, *PEOPLE])
def test_a_count_is_the_number_of_features_that_are_shown(get: Get, login: str | None) -> None:
    for layer_id in tiny_city.KEYS:
        for box in ({}, BOX)[: 2 if layer_id in ("cases", "places", "rivers") else 1]:
            listed = get(login, f"/ogc/collections/{layer_id}/items", limit=10_000, count=True, **box)
            told = get(login, f"/api/layers/{layer_id}/count", **box)
            if listed.status_code != 200:
                overview = layer_id in ("poverty_relief", "officers") and login in ("leads", "plans")
                assert told.status_code == (200 if overview else listed.status_code), layer_id
                continue
            assert told.json()["count"] == listed.json()["numberMatched"] == len(listed.json()["features"]), layer_id
            assert told.json()["fewest"] is None


def test_counts_by_a_field_are_those_of_the_features_shown(get: Get) -> None:
    for login, layer_id, field in (
        ("here", "cases", "severity"),
        (None, "places", "kind"),
        ("leads", "cases", "grid_cell"),
        ("inspects-all", "poverty_relief", "persons"),
    ):
        listed = shown(get(login, f"/ogc/collections/{layer_id}/items", limit=10_000))
        told = get(login, f"/api/layers/{layer_id}/count", by=field).json()
        assert {group["value"]: group["count"] for group in told["groups"]} == Counter(
            feature["properties"][field] for feature in listed
        )
        assert (told["count"], told["rest"]) == (len(listed), 0)
        assert [g["count"] for g in told["groups"]] == sorted((g["count"] for g in told["groups"]), reverse=True)


def test_values_beyond_the_most_frequent_are_counted_together(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MAX_GROUPS", 2)
    told = get(None, "/api/layers/places/count", by="name_zh").json()
    assert len(told["groups"]) == 2
    assert told["count"] == sum(g["count"] for g in told["groups"]) + told["rest"] == SHOPS + 5


def test_nobody_counts_by_a_field_that_he_does_not_see_as_it_is(get: Get) -> None:
    guarded = ((None, "phone"), (None, "responsible_person"), ("leads", "phone"), ("here", "responsible_person"))
    for login, field in (*guarded, (None, "code"), (None, "nonsense"), (None, "geom")):
        answer = get(login, "/api/layers/places/count", by=field)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), (login, field)
        assert field not in answer.json()["fields"]
    assert get("plans", "/api/layers/poverty_relief/count", by="persons").status_code == 403


def squares(answer: Response) -> dict[tuple[int, int], int]:
    assert answer.status_code == 200, answer.text
    told = answer.json()
    found = {}
    for feature in told["features"]:
        _, x, y = map(int, feature["id"].split("/"))
        found[x, y] = feature["properties"]["count"]
    assert told["count"] == sum(found.values())
    return found


def by_hand(features: list[dict[str, Any]], zoom: int) -> Counter[tuple[int, int]]:
    from tiles.grid import tile_of

    found: Counter[tuple[int, int]] = Counter()
    for feature in features:
        tile = tile_of(*feature["geometry"]["coordinates"], zoom)
        found[tile.x, tile.y] += 1
    return found


@pytest.mark.parametrize("zoom", [14, 15, 16, 17])
def test_heat_counts_what_the_viewer_sees_by_whole_squares(get: Get, zoom: int) -> None:
    for login, layer_id in (("here", "cases"), ("there", "cases"), ("leads", "cases"), (None, "places"),
                            ("leads", "places"), ("inspects-all", "poverty_relief")):  # fmt: skip
        listed = shown(get(login, f"/ogc/collections/{layer_id}/items", limit=10_000))
        answer = get(login, f"/api/layers/{layer_id}/heat", cell=zoom)
        assert squares(answer) == by_hand(listed, zoom), (login, layer_id)
        assert answer.json()["fewest"] is None


def test_a_box_moved_a_little_tells_nothing_new(get: Get) -> None:
    whole = squares(get("plans", "/api/layers/poverty_relief/heat", cell=16))
    draw = random.Random(1)
    boxes = set()
    for _ in range(25):
        west, south = 110.33 + draw.random() * 0.03, 20.01 + draw.random() * 0.03
        east, north = west + draw.random() * 0.02, south + 0.0001 + draw.random() * 0.02
        found = squares(get("plans", "/api/layers/poverty_relief/heat", cell=16, bbox=f"{west},{south},{east},{north}"))
        assert found.items() <= whole.items()
        boxes.add(frozenset(found))
    assert len(boxes) > 3


def test_no_square_tells_of_fewer_than_five_nor_do_two_of_them_together(get: Get, town: Database) -> None:
    """Whatever is told at any zoom: a square holds five or more, and so does what remains of it without its parts."""
    with connect(town.owner_url) as owner:
        rows = owner.execute("SELECT ST_AsGeoJSON(geom)::json AS geometry FROM relief_households").fetchall()
    told = {zoom: squares(get("plans", "/api/layers/poverty_relief/heat", cell=zoom)) for zoom in range(14, 18)}
    true = {zoom: by_hand(rows, zoom) for zoom in told}
    hidden = 0
    for zoom, found in told.items():
        assert found
        assert all(number >= 5 and number == true[zoom][place] for place, number in found.items())
        hidden += sum(true[zoom].values()) - sum(found.values())
        if zoom == 14:
            assert found == {place: number for place, number in true[14].items() if number >= 5}
            continue
        for (x, y), number in told[zoom - 1].items():
            parts = sum(told[zoom].get((2 * x + dx, 2 * y + dy), 0) for dx in (0, 1) for dy in (0, 1))
            assert number == parts or number - parts >= 5, "what is not told of a square holds five together"
        assert {(x // 2, y // 2) for x, y in found} <= set(told[zoom - 1])
    assert hidden > 0


def test_whose_work_is_the_whole_city_counts_people_only_by_squares(get: Get) -> None:
    told = get("plans", "/api/layers/poverty_relief/count").json()
    assert told == {
        "layer": "poverty_relief",
        "count": sum(squares(get("plans", "/api/layers/poverty_relief/heat", cell=14)).values()),
        "bbox": None,
        "fewest": 5,
    }
    # A box is widened to whole squares, so that its edge cuts nobody off.
    one = get("plans", "/api/layers/poverty_relief/count", bbox="110.3425,20.0225,110.3426,20.0226").json()
    west, south, east, _ = one["bbox"]
    assert east - west > 0.02
    assert one["count"] >= 5
    again = get("plans", "/api/layers/poverty_relief/count", bbox=f"{west},{south},{west + 0.0001},{south + 0.0001}")
    assert again.json()["bbox"][0] <= west + 1e-6
    for login, status in ((None, 401), ("handles", 403), ("here", 403), ("has-nothing", 403)):
        for what in ("count", "heat"):
            assert get(login, f"/api/layers/poverty_relief/{what}").status_code == status, login


def test_the_window_itself_holds_to_five(town: Database) -> None:
    """Whoever asks the database directly, as whomever, gets no square of fewer."""
    with connect(town.app_url) as app:
        for login, (role, everywhere, _) in PEOPLE.items():
            with app.transaction():
                row = app.execute("SELECT account_id FROM accounts WHERE login = %s", [login]).fetchone()
                assert row is not None
                scopes.look_as(app, row["account_id"])
                found = app.execute(
                    "SELECT count(*) AS n, min(count) AS least FROM squares_poverty_relief(17, 0, 0, 131071, 131071)"
                ).fetchone()
                assert found is not None
                assert (found["n"] > 0) == everywhere, (login, role)
                assert found["least"] is None or found["least"] >= 5


@pytest.mark.parametrize(
    ("what", "asked", "status"),
    [
        ("heat", {"cell": 13}, 422),
        ("heat", {"cell": 18}, 422),
        ("heat", {"cell": "x"}, 422),
        ("heat", {"bbox": "-180,-80,180,80"}, 422),
        ("count", {"bbox": "110.4,20,110.3,20.1"}, 422),
        ("count", {"bbox": "20,110.3,20.1,110.4"}, 422),
        ("count", {"by": "kind\0"}, 422),
    ],
)
def test_counts_that_cannot_be_are_told_why(get: Get, what: str, asked: dict[str, Any], status: int) -> None:
    answer = get(None, f"/api/layers/places/{what}", **asked)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert get(None, f"/api/layers/nothing/{what}").status_code == 404


# ---- export --------------------------------------------------------------------------------------------------------


def records(answer: Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json-seq"
    pieces = answer.content.split(b"\x1e")
    assert pieces[0] == b""
    assert all(piece.endswith(b"\n") for piece in pieces[1:])
    return [json.loads(piece) for piece in pieces[1:]]


@pytest.mark.parametrize("login", list(PEOPLE))
def test_a_file_holds_what_the_pages_of_features_show(get: Get, login: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE", 23)
    for layer_id in tiny_city.KEYS if login == "leads" else ("cases", "places", "poverty_relief", "officers", "rivers"):
        for box in ({}, BOX)[: 2 if layer_id in ("cases", "places", "rivers") else 1]:
            listed = get(login, f"/ogc/collections/{layer_id}/items", limit=10_000, **box)
            answer = get(login, f"/api/layers/{layer_id}/export", **box)
            if listed.status_code != 200:
                assert (answer.status_code, answer.json()["code"]) == (listed.status_code, "not_allowed")
                continue
            assert records(answer) == shown(listed), layer_id
            table = get(login, f"/api/layers/{layer_id}/export", format="csv", **box)
            read = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"), newline="")))
            key = load_catalog()[layer_id].key
            assert [row[key] for row in read] == [str(feature["id"]) for feature in shown(listed)]


def test_a_table_is_what_the_features_say_and_no_formula(get: Get) -> None:
    answer = get("leads", "/api/layers/places/export", format="csv")
    assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert answer.headers["content-disposition"].startswith('attachment; filename="places-')
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.content.startswith(b"\xef\xbb\xbfcode,kind,name_zh,")
    rows = {row["code"]: row for row in csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))}
    assert [rows[f"ODD-{n}"]["name_zh"] for n in range(4)] == ["'=1+1", "'@SUM(A1)", "100%_店", '普通,"店"\n二楼']
    assert (rows["SHOP-00"]["lon"], rows["SHOP-00"]["lat"]) == ("110.3401000", "20.0251000")
    assert (rows["SHOP-00"]["phone"], rows["SHOP-00"]["responsible_person"]) == ("139****2222", "张**")
    assert b"13900002222" not in answer.content
    # A number below zero stays a number.
    river = get("leads", "/api/layers/rivers/export", format="csv").content.decode()
    assert "MULTIPOLYGON(((" in river


def test_each_page_of_a_file_is_in_the_audit(get: Get, town: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE", 50)
    with connect(town.owner_url) as owner:
        before = owner.execute("SELECT count(*) AS n FROM audit WHERE act = 'export'").fetchone()
        assert len(records(get("inspects-all", "/api/layers/poverty_relief/export"))) == HOUSEHOLDS + 1
        entries = owner.execute(
            "SELECT a.login, x.subject, x.rows, x.facts FROM audit AS x JOIN accounts AS a USING (account_id)"
            " WHERE x.act = 'export' ORDER BY x.entry_id OFFSET %s",
            [before["n"] if before else 0],
        ).fetchall()
    assert [entry["rows"] for entry in entries] == [50, 50, 21]
    assert {(e["login"], e["subject"], e["facts"]["format"]) for e in entries} == {
        ("inspects-all", "poverty_relief", "geojsonseq")
    }


def test_a_file_is_for_staff_and_of_a_form_there_is(get: Get) -> None:
    assert get(None, "/api/layers/places/export").status_code == 401
    assert get("leads", "/api/layers/places/export", format="xlsx").status_code == 422
    assert get("leads", "/api/layers/nothing/export").status_code == 404


def test_looks_at_people_are_in_the_audit(get: Get, town: Database) -> None:
    with connect(town.owner_url) as owner:

        def looks() -> int:
            row = owner.execute("SELECT count(*) AS n FROM audit WHERE act = 'look'").fetchone()
            owner.rollback()
            return int(row["n"]) if row else 0

        start = looks()
        get("inspects-all", "/api/search", q="R-001")
        get("leads", "/api/nearest", lon=110.345, lat=20.025, crs="WGS84", layers="places")
        assert looks() == start + 2
        get(None, "/api/nearest", lon=110.345, lat=20.025, crs="WGS84", layers="places")
        get("plans", "/api/nearest", lon=110.345, lat=20.025, crs="WGS84", layers="places")
        get("plans", "/api/layers/poverty_relief/heat")
        get("inspects", "/api/search", q="R-001")
        assert looks() == start + 2


# ---- what is hidden changes nothing ----------------------------------------------------------------------------------


def test_what_a_viewer_does_not_see_changes_no_byte_of_any_answer(get: Get, town: Database) -> None:
    asked: list[tuple[str, dict[str, Any]]] = [
        ("/api/search", {"q": "460199-2026", "limit": 100}),
        ("/api/search", {"q": "样例", "limit": 100}),
        ("/api/nearest", {"lon": 110.345, "lat": 20.0251, "crs": "WGS84", "limit": 100, "layers": "cases,places"}),
        ("/api/layers/cases/count", {}),
        ("/api/layers/cases/count", {"by": "severity"}),
        ("/api/layers/cases/heat", {"cell": 17}),
        ("/api/layers/cases/export", {}),
        ("/api/layers/places/export", {"format": "csv"}),
    ]

    def answers(login: str) -> list[tuple[int, bytes, dict[str, str]]]:
        found = [get(login, path, **parameters) for path, parameters in asked]
        return [(each.status_code, each.content, dict(each.headers)) for each in found]

    before = {login: answers(login) for login in ("there", "handles", "leads")}
    with connect(town.owner_url) as owner:
        # In the western cell, which `there` does not see: a case more, one less, one changed, and a shop's telephone.
        owner.execute(
            "INSERT INTO cases (district_code, case_id, case_no, category_id, state, stage, severity, geom,"
            " organisation_id, reported_at, unit_id) SELECT district_code, gen_random_uuid(), '460199-2026-000999',"
            " category_id, state, stage, severity, geom, organisation_id, reported_at, unit_id"
            " FROM cases WHERE case_no = '460199-2026-000101'"
        )
        owner.execute("DELETE FROM cases WHERE case_no = '460199-2026-000103'")
        owner.execute("UPDATE cases SET severity = 'danger' WHERE case_no = '460199-2026-000105'")
        owner.execute("UPDATE places SET phone = '13700003333', responsible_person = '李样例' WHERE code = 'SHOP-01'")
    after = {login: answers(login) for login in before}
    assert after["there"] == before["there"]
    assert after["handles"] == before["handles"]
    assert after["leads"] != before["leads"]


def test_an_answer_has_a_name_made_of_its_content(get: Get, client: TestClient) -> None:
    here: dict[str, Any] = {"lon": 110.345, "lat": 20.025, "crs": "WGS84"}
    paths = ("/api/layers/places/count", "/api/layers/places/heat")
    for path, asked in (("/api/search", {"q": "样例"}), ("/api/nearest", here), *((path, {}) for path in paths)):
        first = get("here", path, **asked)
        assert first.headers["cache-control"] == "private, no-store"
        assert get(None, path, **asked).headers["cache-control"] == "private, no-cache"
        headers = {"Authorization": "Bearer token of here", "If-None-Match": first.headers["etag"]}
        again = client.get(path, params=asked, headers=headers)
        assert (again.status_code, again.content) == (304, b"")
