"""Reading features: pages, boxes, moments, single features, and what is absent for whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gisops.db.pool import Connection, connect
from gisops.errors import InvalidInput, NotAllowed, NotFound, NotSignedIn
from layers import filters
from layers.catalog import load_catalog
from layers.features import FeaturePage, one, parse_bbox, parse_interval, read
from layers.viewer import ANYBODY, Viewer, viewer_of
from tests.conftest import Database
from tests.layers import tiny_city

ADMIN = viewer_of("admin")


@pytest.fixture(scope="module", autouse=True)
def city(database: Database) -> None:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        owner.execute(
            """
            INSERT INTO places (district_code, place_id, code, kind, name_zh, geom)
            SELECT d, gen_random_uuid(), 'T-' || lpad((n / 2)::text, 4, '0'), 'shop', 'x',
              ST_Point(110.31 + n * 0.0001, 20.01, 4326)
            FROM generate_series(1, 40) AS n,
              LATERAL (SELECT CASE n % 2 WHEN 0 THEN '460199' ELSE '460198' END AS d) AS d
            """
        )


@pytest.fixture
def app(database: Database) -> Iterator[Connection]:
    with tiny_city.seeing(database.app_url, "admin") as opened:
        yield opened


def listed(page: FeaturePage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(f"[{page.features}]")
    assert len(found) == page.returned
    return found


@pytest.mark.parametrize("layer_id", sorted(tiny_city.KEYS))
def test_every_layer_reads_as_geojson_in_lon_lat(app: Connection, layer_id: str) -> None:
    layer = load_catalog()[layer_id]
    found = listed(read(app, layer, ADMIN))
    assert tiny_city.KEYS[layer_id] in {feature["id"] for feature in found}
    for feature in found:
        assert feature["type"] == "Feature"
        assert set(feature["properties"]) == {field.name for field in ADMIN.fields_of(layer)}
        point = feature["geometry"]["coordinates"]
        while isinstance(point[0], list):
            point = point[0]
        assert 110.2 < point[0] < 110.5
        assert 19.9 < point[1] < 20.1
    assert json.loads(one(app, layer, ADMIN, tiny_city.KEYS[layer_id]))["id"] == tiny_city.KEYS[layer_id]


@pytest.mark.parametrize(
    ("layer_id", "gone"),
    [
        ("admin_areas", {"460199009"}),
        ("grid_cells", {"460199001001009"}),
        ("zones", {"Z-02", "Z-03"}),
        ("fixtures", {"4601990101000008", "4601990101000009"}),
        ("cases", {"460199-2026-000002"}),
    ],
)
def test_what_is_no_longer_or_not_yet_so_is_not_shown(app: Connection, layer_id: str, gone: set[str]) -> None:
    found = {feature["id"] for feature in listed(read(app, load_catalog()[layer_id], ADMIN))}
    assert found.isdisjoint(gone)
    for key in gone:
        with pytest.raises(NotFound):
            one(app, load_catalog()[layer_id], ADMIN, key)


@pytest.mark.parametrize("how", ["plain", "filtered", "in order"])
@pytest.mark.parametrize("viewer", [ANYBODY, ADMIN], ids=["anybody", "admin"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_follow_each_other_without_loss_or_repetition_even_where_keys_repeat(
    app: Connection, limit: int, viewer: Viewer, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = load_catalog()["places"]
    # A window is looked through so few at a time.
    monkeypatch.setattr("layers.features._FIRST_LOOK", 3)
    monkeypatch.setattr("layers.features._LOOK_FURTHER", 1)
    asked: dict[str, Any] = {}
    if how == "filtered":
        asked["filters"] = (filters.parse("kind = 'shop'", "cql2-text", places, viewer),)
    elif how == "in order":
        asked["order"] = (("kind", False), ("name_zh", True))
    positions: list[tuple[float, ...]] = []
    after = None
    for _ in range(100):
        page = read(app, places, viewer, limit=limit, after=after, **asked)
        assert page.returned >= min(limit, 1)
        positions += [tuple(feature["geometry"]["coordinates"]) for feature in listed(page)]
        after = page.after
        if after is None:
            break
    assert len(positions) == len(set(positions)) == 41


def test_the_last_page_says_that_it_is_the_last(app: Connection) -> None:
    assert read(app, load_catalog()["places"], ANYBODY, limit=41).after is None
    assert read(app, load_catalog()["places"], ANYBODY, limit=40).after is not None


def test_a_count_is_made_when_asked_for_only(app: Connection) -> None:
    places = load_catalog()["places"]
    assert read(app, places, ANYBODY, limit=2).matched is None
    assert read(app, places, ANYBODY, limit=2, count=True).matched == 41


def test_a_box_finds_what_touches_it_and_not_what_only_its_box_touches(app: Connection) -> None:
    zones = load_catalog()["zones"]
    hole = (110.345, 20.025, 110.355, 20.035)
    assert read(app, zones, ANYBODY, bbox=hole).returned == 0
    assert read(app, zones, ANYBODY, bbox=(110.335, 20.012, 110.336, 20.013)).returned == 1
    assert read(app, load_catalog()["places"], ANYBODY, bbox=(110.3455, 20.02, 110.3465, 20.03)).returned == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,2,3", "3 numbers"),
        ("a,b,c,d", "not four numbers"),
        ("nan,20,110,21", "finite"),
        ("110,20,inf,21", "finite"),
        ("20.0,110.3,20.1,110.4", "swapped"),
        ("110,20,300,21", "out of range"),
        ("111,20,110,21", "west <= east"),
        ("110,21,111,20", "south < north"),
        ("", "not four numbers"),
    ],
)
def test_a_bad_box_is_refused_and_told_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as raised:
        parse_bbox(text)
    assert raised.value.facts["parameter"] == "bbox"


def test_a_swapped_box_is_suggested_the_right_way_round() -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_bbox("20.0,110.3,20.1,110.4")
    assert raised.value.facts["suggestion"] == [110.3, 20.0, 110.4, 20.1]


def test_a_moment_filters_what_has_one(app: Connection) -> None:
    cases, rivers = load_catalog()["cases"], load_catalog()["rivers"]
    for text, expected in {
        "2026-03-01T00:00:00Z": 1,
        "2026-02-01T00:00:00Z/2026-04-01T00:00:00Z": 1,
        "../2026-02-01T00:00:00Z": 0,
        "2026-03-02T00:00:00Z/..": 0,
        "2026-03-01T08:00:00+08:00/..": 1,
    }.items():
        assert read(app, cases, ADMIN, interval=parse_interval(text)).returned == expected, text
        assert read(app, rivers, ADMIN, interval=parse_interval(text)).returned == 1


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "2026-02-01T00:00:00Z/2026-01-01T00:00:00Z", "a/b/c", "../.."]
)
def test_a_bad_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_interval(text)
    assert raised.value.facts["parameter"] == "datetime"


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_a_bad_limit_is_refused(app: Connection, limit: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 10000"):
        read(app, load_catalog()["rivers"], ANYBODY, limit=limit)


@pytest.mark.parametrize("key", ["W-01'; DROP TABLE rivers; --", "%(limit)s", "\x00", "no such"])
def test_a_strange_key_is_only_a_key(app: Connection, key: str) -> None:
    with pytest.raises(NotFound):
        one(app, load_catalog()["rivers"], ANYBODY, key)
    if "\x00" not in key:
        read(app, load_catalog()["rivers"], ANYBODY, after=key)
    assert read(app, load_catalog()["rivers"], ANYBODY).returned == 1


def test_fields_above_the_viewer_are_absent_and_those_out_of_scope_empty(database: Database) -> None:
    def told(role: str | None, layer_id: str, key: str) -> dict[str, Any]:
        with tiny_city.seeing(database.app_url, role) as conn:
            feature: dict[str, Any] = json.loads(one(conn, load_catalog()[layer_id], viewer_of(role), key))
        return feature["properties"]  # type: ignore[no-any-return]

    assert "phone" not in told(None, "places", "PL-01")
    assert "phone" not in told("handler", "places", "PL-01")
    assert told("dispatcher", "places", "PL-01")["phone"] == "****"
    assert told("officer", "places", "PL-01")["phone"] is None
    assert "residents" not in told(None, "buildings", "B-01")
    assert told("planner", "buildings", "B-01")["residents"] == 60
    assert told("handler", "buildings", "B-01")["residents"] is None


def test_what_is_not_open_is_refused_before_the_database_is_asked(app: Connection) -> None:
    relief = load_catalog()["poverty_relief"]
    with pytest.raises(NotSignedIn):
        read(app, relief, ANYBODY)
    with pytest.raises(NotSignedIn):
        one(app, relief, ANYBODY, "H-01")
    with pytest.raises(NotAllowed):
        read(app, relief, viewer_of("dispatcher"))
