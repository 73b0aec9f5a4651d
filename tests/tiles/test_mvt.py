"""Tiles, decoded: what they carry, for whom, and that what is thinned is counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mapbox_vector_tile
import pytest

from gisops.db.pool import Connection, connect
from gisops.errors import NotAllowed, NotFound, NotSignedIn
from layers.catalog import load_catalog
from layers.versions import extent_of_city, version_of
from layers.viewer import ANYBODY, Viewer, viewer_of
from tests.conftest import Database
from tests.layers import tiny_city
from tiles.grid import Tile, tile_of
from tiles.mvt import MAX_BYTES, is_public, tile
from tiles.tilejson import tilejson

ADMIN = viewer_of("admin")
CLOSED = [layer.id for layer in load_catalog() if not layer.public]
HERE = (110.3455, 20.0253)


@pytest.fixture(scope="module", autouse=True)
def city(database: Database) -> None:
    with connect(database.owner_url, unhurried=True) as owner:
        tiny_city.build(owner)
        # A crowd in one square kilometre: more than any tile can carry singly.
        owner.execute(
            """
            INSERT INTO parts (district_code, part_id, code, code_scheme, category_id, name_zh, geom)
            SELECT '460199', gen_random_uuid(), 'C' || n, 'S', 1, 'x',
              ST_Point(110.380 + (n % 110) * 0.00005, 20.01 + (n / 110) * 0.00005, 4326)
            FROM generate_series(0, 9999) AS n
            """
        )
    with connect(database.owner_url, autocommit=True) as owner:
        owner.execute("ANALYZE parts")


@pytest.fixture
def app(database: Database) -> Iterator[Connection]:
    with tiny_city.seeing(database.app_url, "admin") as opened:
        yield opened


def decoded(conn: Connection, layer_id: str, at: Tile, viewer: Viewer = ADMIN) -> dict[str, list[dict[str, Any]]]:
    drawn = tile(conn, load_catalog()[layer_id], viewer, at)
    read: dict[str, Any] = mapbox_vector_tile.decode(drawn) if drawn else {}
    assert all(layer["extent"] == 4096 for layer in read.values())
    return {name: layer["features"] for name, layer in read.items()}


@pytest.mark.parametrize("layer_id", sorted(tiny_city.KEYS))
def test_every_layer_is_cut_with_its_key_on_every_feature(database: Database, app: Connection, layer_id: str) -> None:
    layer = load_catalog()[layer_id]
    with connect(database.owner_url) as owner:
        row = owner.execute(
            f"SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM {layer.relation}, ST_PointOnSurface(geom) AS p"
            f" WHERE {layer.key} = %s",
            (tiny_city.KEYS[layer_id],),
        ).fetchone()
    assert row is not None
    for z in (max(14, layer.tiling.counted_below), 16, layer.maxzoom):
        found = decoded(app, layer_id, tile_of(row["lon"], row["lat"], z))
        assert tiny_city.KEYS[layer_id] in {each["properties"][layer.key] for each in found[layer_id]}
        for feature in found[layer_id]:
            assert layer.key in feature["properties"]
            allowed = {field.name for field in ADMIN.fields_of(layer) if field.in_tiles}
            assert set(feature["properties"]) <= allowed


def test_a_tile_where_nothing_lies_is_empty(app: Connection) -> None:
    assert tile(app, load_catalog()["rivers"], ANYBODY, tile_of(100, 30, 14)) == b""
    assert tile(app, load_catalog()["fixtures"], ANYBODY, tile_of(100, 30, 11)) == b""


@pytest.mark.parametrize("z", [5, 19])
def test_beyond_its_zooms_a_layer_has_no_tiles(app: Connection, z: int) -> None:
    with pytest.raises(NotFound) as raised:
        tile(app, load_catalog()["rivers"], ANYBODY, tile_of(*HERE, z))
    assert (raised.value.facts["minzoom"], raised.value.facts["maxzoom"]) == (6, 18)


def test_polygons_have_one_label_point_on_the_whole_map(app: Connection) -> None:
    for layer_id, z, expected in [("zones", 16, {"Z-01"}), ("grid_cells", 16, {"460199001001001", "460199001001002"})]:
        west, south, east, north = tiny_city.CITY
        first, last = tile_of(west, north, z), tile_of(east, south, z)
        labels: list[str] = []
        for x in range(first.x, last.x + 1):
            for y in range(first.y, last.y + 1):
                labels += [
                    each["properties"]["code"]
                    for each in decoded(app, layer_id, Tile(z, x, y)).get(f"{layer_id}_label", [])
                ]
        assert len(labels) == len(set(labels))
        assert set(labels) == expected


def test_a_label_of_a_ring_does_not_stand_in_its_hole(app: Connection) -> None:
    row = app.execute("SELECT ST_Covers(geom, ST_PointOnSurface(geom)) AS inside FROM layer_zones").fetchone()
    assert row is not None
    assert row["inside"]
    assert "zones_label" not in decoded(app, "zones", tile_of(110.35, 20.03, 17))


def counted(app: Connection, layer_id: str, z: int) -> int:
    west, south, east, north = tiny_city.CITY
    first, last = tile_of(west, north, z), tile_of(east, south, z)
    total = 0
    for x in range(first.x, last.x + 1):
        for y in range(first.y, last.y + 1):
            for each in decoded(app, layer_id, Tile(z, x, y)).get(layer_id, []):
                total += each["properties"]["count"]
                assert each["geometry"]["type"] == "Polygon"
                assert each["properties"]["code"].startswith(f"{z + 5}/")
    return total


@pytest.mark.parametrize("z", [10, 11, 12, 13])
def test_below_its_zoom_a_crowd_is_counted_and_the_counts_add_up(app: Connection, z: int) -> None:
    assert counted(app, "fixtures", z) == 10_003


def test_buildings_are_counted_below_zoom_14(app: Connection) -> None:
    assert counted(app, "buildings", 12) == 1


def test_a_tile_that_would_be_too_full_is_counted_instead_of_cut_off(app: Connection) -> None:
    middle = tile_of(110.3828, 20.0122, 14)
    found = decoded(app, "fixtures", middle)["fixtures"]
    assert all("count" in each["properties"] for each in found)
    assert sum(each["properties"]["count"] for each in found) > load_catalog()["fixtures"].tiling.max_features
    # One zoom closer each tile has room for all of its own.
    assert all(
        "count" not in each["properties"]
        for each in decoded(app, "fixtures", tile_of(110.3828, 20.0122, 17))["fixtures"]
    )


def test_no_tile_is_heavier_than_the_limit(app: Connection) -> None:
    for layer in load_catalog():
        for z in range(layer.minzoom, layer.maxzoom + 1):
            for lon, lat in (HERE, (110.3828, 20.0122)):
                assert len(tile(app, layer, ADMIN, tile_of(lon, lat, z))) <= MAX_BYTES


def test_neighbouring_tiles_meet_without_a_seam(app: Connection) -> None:
    at = tile_of(110.346, 20.024, 17)
    beyond = load_catalog()["roads"].tiling.buffer
    # Half a great street's width in pixels of a tile of 512.
    assert beyond * 512 / 4096 >= 50 * 3.5 / 4
    ends = []
    for tile_x, edge in ((at.x, 4096), (at.x + 1, 0)):
        (road,) = [
            each
            for each in decoded(app, "roads", Tile(17, tile_x, at.y))["roads"]
            if each["properties"]["code"] == "R-01"
        ]
        line = road["geometry"]["coordinates"]
        xs = [point[0] for point in line]
        assert min(xs) <= edge <= max(xs)
        assert min(xs) == -beyond or max(xs) == 4096 + beyond
        ends.append(line[0][1])
    assert abs(ends[0] - ends[1]) <= 1


def test_small_streets_appear_when_there_is_room(app: Connection) -> None:
    def codes(z: int) -> set[str]:
        return {
            each["properties"]["code"] for each in decoded(app, "roads", tile_of(110.346, 20.02425, z)).get("roads", [])
        }

    assert codes(13) == {"R-01"}
    assert codes(15) == {"R-01", "R-02"}


def test_attributes_follow_the_viewers_classes(app: Connection, database: Database) -> None:
    at = tile_of(*HERE, 16)
    (anybodys,) = decoded(app, "buildings", at, ANYBODY)["buildings"]
    with tiny_city.seeing(database.app_url, "planner") as planners:
        (staffs,) = decoded(planners, "buildings", at, viewer_of("planner"))["buildings"]
    with tiny_city.seeing(database.app_url, "handler") as handlers:
        (outside,) = decoded(handlers, "buildings", at, viewer_of("handler"))["buildings"]
    assert outside == anybodys, "a building out of scope tells a handler what it tells anybody"
    assert "residents" not in anybodys["properties"]
    assert staffs["properties"]["residents"] == 60
    assert is_public(load_catalog()["buildings"], ANYBODY)
    assert not is_public(load_catalog()["buildings"], viewer_of("handler"))
    with pytest.raises(NotSignedIn):
        tile(app, load_catalog()["cases"], ANYBODY, at)
    with pytest.raises(NotAllowed):
        tile(app, load_catalog()["poverty_relief"], viewer_of("dispatcher"), at)


def test_moments_go_as_iso_text(app: Connection) -> None:
    found = decoded(app, "officers", tile_of(110.3475, 20.0255, 16))["officers"]
    assert {each["properties"]["captured_at"] for each in found} == {"2026-03-01T00:00:00+00:00"}


def test_the_same_rows_make_the_same_bytes(app: Connection) -> None:
    at = tile_of(*HERE, 14)
    assert len({tile(app, load_catalog()["fixtures"], ANYBODY, at) for _ in range(12)}) == 1


def test_a_tile_is_found_by_the_index_of_the_stored_mercator_geometry(app: Connection) -> None:
    app.execute("SET LOCAL enable_seqscan = off")
    rows = app.execute(
        "EXPLAIN SELECT code FROM layer_fixtures"
        " WHERE geom_3857 && ST_TileEnvelope(16, 52860, 28999, margin => 0.015625)"
    ).fetchall()
    assert "parts_geom_3857" in "\n".join(str(row["QUERY PLAN"]) for row in rows)


def test_tilejson_says_what_the_tiles_hold(app: Connection) -> None:
    for layer in load_catalog():
        described = tilejson(app, (layer,), ADMIN, "http://testserver/")
        assert described["tilejson"] == "3.0.0"
        assert described["bounds"] == list(extent_of_city(app) or ()) == pytest.approx(list(tiny_city.CITY))
        assert {each["id"] for each in described["vector_layers"]} <= {layer.id, f"{layer.id}_label"}
        assert (version_of(app, layer) is None) == layer.live
        # Whoever sees more than anybody does keeps nothing, so there is no name to keep it by.
        version = version_of(app, layer) if is_public(layer, ADMIN) else None
        assert bool(version) == (not layer.live and layer.id not in ("buildings", *CLOSED))
        assert described["tiles"] == [
            f"http://testserver/tiles/{layer.id}/{{z}}/{{x}}/{{y}}.mvt" + (f"?v={version}" if version else "")
        ]
        fields = {name for each in described["vector_layers"] for name in each["fields"]}
        assert layer.key in fields


def test_a_load_gives_the_content_a_new_name(database: Database, app: Connection) -> None:
    rivers = load_catalog()["rivers"]
    before = version_of(app, rivers)
    app.rollback()
    with connect(database.owner_url) as owner:
        owner.execute("UPDATE layer_versions SET version = version + 1 WHERE layer = 'rivers'")
    assert version_of(app, rivers) != before


def test_what_comes_into_force_by_date_has_another_name_each_day(app: Connection) -> None:
    zones, rivers = load_catalog()["zones"], load_catalog()["rivers"]
    today = version_of(app, zones), version_of(app, rivers)
    app.execute("SET LOCAL gisops.clock_offset = '1 day'")
    assert version_of(app, zones) != today[0]
    assert version_of(app, rivers) == today[1]
