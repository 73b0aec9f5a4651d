"""What is thinned is counted, and what meets on the ground meets in the tiles: read back from whole levels of tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import mapbox_vector_tile
import pytest
from pyproj import Geod
from shapely import box, from_wkt, union_all
from shapely.geometry import shape

from gisops.db.pool import Connection, connect
from layers.catalog import Layer, load_catalog
from layers.versions import version_of
from layers.viewer import ANYBODY
from tests.conftest import Database
from tests.layers import tiny_city
from tiles import counts, mvt
from tiles.cache import TileCache
from tiles.grid import Tile, tile_of
from tiles.mvt import tile

LAYERS = load_catalog()
BUILDINGS = LAYERS["buildings"]
SHEDS, CELLS = 600, 12
WEST, SOUTH, STEP = 110.3600, 20.0100, 0.0011


@pytest.fixture(scope="module", autouse=True)
def city(database: Database) -> None:
    with connect(database.owner_url, unhurried=True) as owner:
        tiny_city.build(owner)
        # From a dog's house to a hall; some on the edges of tiles, some on both edges at once.
        owner.execute(
            """
            INSERT INTO buildings (code, name_zh, geom)
            SELECT 'S-' || n, CASE WHEN n %% 10 = 0 THEN '样例楼' || n ELSE '' END,
              ST_Multi(ST_MakeEnvelope(x, y, x + size, y + size * 0.7, 4326))
            FROM (
              SELECT n, 0.000003 * 1.009 ^ n AS size,
                CASE WHEN n %% 9 = 0 THEN %(edge_x)s - 0.0000015 ELSE 110.335 + 0.03 * (n * 0.618034 %% 1) END AS x,
                CASE WHEN n %% 6 = 0 THEN %(edge_y)s - 0.0000010 ELSE 20.010 + 0.04 * (n * 0.754878 %% 1) END AS y
              FROM generate_series(1, %(sheds)s) AS n
            ) AS made
            """,
            {"sheds": SHEDS, "edge_x": HERE.bounds()[0], "edge_y": HERE.bounds()[3]},
        )
        # Walls: longer than a pixel from afar, and thinner than the tile's own units.
        owner.execute(
            """
            INSERT INTO buildings (code, name_zh, geom)
            SELECT 'W-' || n, '', ST_Multi(ST_MakeEnvelope(x, y, x + 0.0003, y + 0.0000004, 4326))
            FROM (
              SELECT n, 110.336 + 0.028 * (n * 0.618034 % 1) AS x, 20.012 + 0.036 * (n * 0.754878 % 1) AS y
              FROM generate_series(1, 40) AS n
            ) AS made
            """
        )
        # Cells whose common edges have a bend each, as drawn ones have, and no two alike.
        owner.execute(
            """
            INSERT INTO grid_cells (code, code_scheme, district, street_code, community_code, geom)
            SELECT (460199009000000 + x * 100 + y)::text, 'S', '460199', '460199009', '460199009001',
              ST_MakePolygon(ST_MakeLine(ARRAY[
                ST_Point(w + x * d, s + y * d, 4326),
                ST_Point(w + (x + 0.5) * d, s + (y + 0.13 * sin(x * 7 + y * 13)) * d, 4326),
                ST_Point(w + (x + 1) * d, s + y * d, 4326),
                ST_Point(w + (x + 1 + 0.11 * sin((x + 1) * 11 + y * 5)) * d, s + (y + 0.5) * d, 4326),
                ST_Point(w + (x + 1) * d, s + (y + 1) * d, 4326),
                ST_Point(w + (x + 0.5) * d, s + (y + 1 + 0.13 * sin(x * 7 + (y + 1) * 13)) * d, 4326),
                ST_Point(w + x * d, s + (y + 1) * d, 4326),
                ST_Point(w + (x + 0.11 * sin(x * 11 + y * 5)) * d, s + (y + 0.5) * d, 4326),
                ST_Point(w + x * d, s + y * d, 4326)]))
            FROM generate_series(0, %(n)s - 1) AS x, generate_series(0, %(n)s - 1) AS y,
              (VALUES (%(w)s::float8, %(s)s::float8, %(d)s::float8)) AS o (w, s, d)
            """,
            {"n": CELLS, "w": WEST, "s": SOUTH, "d": STEP},
        )
        owner.execute(
            "SELECT layer_changed(id) FROM unnest(ARRAY['buildings', 'grid_cells', 'fixtures', 'places']) AS id"
        )


HERE = tile_of(110.35, 20.03, 15)


@pytest.fixture
def app(database: Database) -> Iterator[Connection]:
    with tiny_city.seeing(database.app_url, None) as opened:
        yield opened


def level(layer: Layer, z: int) -> list[Tile]:
    """All tiles of the city at a zoom, and those around them."""
    west, south, east, north = tiny_city.CITY
    first, last = tile_of(west, north, z), tile_of(east, south, z)
    return [Tile(z, x, y) for x in range(first.x - 1, last.x + 2) for y in range(first.y - 1, last.y + 2)]


def features(drawn: bytes, name: str) -> list[dict[str, Any]]:
    read: dict[str, Any] = mapbox_vector_tile.decode(drawn) if drawn else {}
    found: list[dict[str, Any]] = read.get(name, {"features": []})["features"]
    return found


def rows_of(database: Database, layer: Layer) -> set[str]:
    with connect(database.owner_url) as owner:
        return {row["key"] for row in owner.execute(f"SELECT {layer.key} AS key FROM {layer.relation}")}


@pytest.mark.parametrize("z", [12, 13, 14, 15, 16])
def test_drawn_and_counted_together_are_all_there_are(app: Connection, database: Database, z: int) -> None:
    drawn: set[str] = set()
    counted = 0
    for at in level(BUILDINGS, z):
        for each in features(tile(app, BUILDINGS, ANYBODY, at), "buildings"):
            told = each["properties"]
            if "count" in told:
                counted += told["count"]
                assert set(told) == {"code", "count", "area_m2"}
                # A square of the grid five zooms deeper, in this tile and no other.
                deep, x, y = map(int, told["code"].split("/"))
                assert (deep, x >> 5, y >> 5) == (z + 5, at.x, at.y)
                left, top = x % 32 * 128, 4096 - y % 32 * 128
                assert shape(each["geometry"]).equals(box(left, top - 128, left + 128, top))
            else:
                drawn.add(told["code"])
    everything = rows_of(database, BUILDINGS)
    assert len(drawn) + counted == len(everything)
    assert drawn <= everything
    assert counted == len(everything) if z < BUILDINGS.tiling.counted_below else 0 < counted < len(everything) / 2


def test_what_is_less_than_a_pixel_is_counted_and_what_is_more_is_drawn(app: Connection, database: Database) -> None:
    at = HERE
    side = 40075016.685578488 / (1 << at.z)
    with connect(database.owner_url) as owner:
        large = {
            row["code"]
            for row in owner.execute(
                "SELECT code FROM buildings WHERE greatest(ST_XMax(geom_3857) - ST_XMin(geom_3857),"
                " ST_YMax(geom_3857) - ST_YMin(geom_3857)) >= %s",
                [side / 512],
            )
        }
    found = features(tile(app, BUILDINGS, ANYBODY, at), "buildings")
    drawn = {each["properties"]["code"] for each in found if "count" not in each["properties"]}
    assert drawn
    assert drawn <= large


@pytest.mark.parametrize("z", [12, 14, 15])
def test_the_ground_under_what_is_counted_is_its_area(app: Connection, database: Database, z: int) -> None:
    counted = [
        each["properties"]
        for at in level(BUILDINGS, z)
        for each in features(tile(app, BUILDINGS, ANYBODY, at), "buildings")
        if "count" in each["properties"]
    ]
    told = sum(each["area_m2"] for each in counted)
    with connect(database.owner_url) as owner:
        shapes = owner.execute("SELECT code, ST_AsText(geom) AS geom, geom_3857 FROM buildings").fetchall()
    side, geod = 40075016.685578488 / (1 << z), Geod(ellps="WGS84")
    real = 0.0
    for row in shapes:
        polygon = from_wkt(row["geom"])
        west, _, east, _ = polygon.bounds
        if z < BUILDINGS.tiling.counted_below or (east - west) / 360 * 40075016.685578488 < side / 512:
            real += abs(geod.geometry_area_perimeter(polygon)[0])
    # Each square's sum is told in whole square metres.
    assert told == pytest.approx(real, rel=2e-4, abs=0.5 * len(counted))


@pytest.mark.parametrize(
    ("layer_id", "zooms"), [("buildings", (12, 14)), ("fixtures", (10, 12, 14)), ("grid_cells", (11, 13))]
)
def test_squares_counted_once_for_the_layer_are_those_counted_for_each_tile(
    app: Connection, layer_id: str, zooms: tuple[int, ...]
) -> None:
    layer, kept = LAYERS[layer_id], TileCache()
    version = version_of(app, layer)
    assert version is not None
    seen = 0
    for z in zooms:
        assert counts.covers(layer, z)
        for at in level(layer, z):
            whole, apart = (
                sorted(features(drawn, layer_id), key=lambda each: str(each["properties"][layer.key]))
                for drawn in (kept.tile(app, layer, version, at), tile(app, layer, ANYBODY, at))
            )
            for one, other in zip(whole, apart, strict=True):
                told, again = one["properties"], other["properties"]
                # Half a square metre may be rounded either way.
                assert told.pop("area_m2", 0) == pytest.approx(again.pop("area_m2", 0), abs=1)
                assert told == again
            assert all(shape(a["geometry"]).equals(shape(b["geometry"])) for a, b in zip(whole, apart, strict=True))
            seen += len(whole)
    assert seen


def test_squares_of_a_layer_are_counted_anew_with_its_version_and_not_before(
    app: Connection, database: Database
) -> None:
    places, kept = LAYERS["places"], TileCache()
    at = tile_of(110.3477, 20.0256, 12)

    def told() -> int:
        version = version_of(app, places)
        assert version is not None
        found = features(kept.tile(app, places, version, at), "places")
        return sum(each["properties"]["count"] for each in found)

    before = told()
    app.rollback()
    with connect(database.owner_url) as owner:
        owner.execute(
            "INSERT INTO places (district_code, place_id, code, kind, name_zh, geom)"
            " VALUES ('460199', gen_random_uuid(), 'PL-X', 'school', 'x', ST_Point(110.3477, 20.0256, 4326))"
        )
    assert told() == before
    app.rollback()
    with connect(database.owner_url) as owner:
        owner.execute("SELECT layer_changed('places')")
    assert told() == before + 1


@pytest.mark.parametrize("z", [14, 15, 16])
def test_cells_that_meet_on_the_ground_meet_in_the_tiles(app: Connection, z: int) -> None:
    """No gap and no overlap: every spot of a tile among the cells lies in exactly one, up to the edge of the tile."""
    cells = LAYERS["grid_cells"]
    inner = box(WEST + 1.5 * STEP, SOUTH + 1.5 * STEP, WEST + (CELLS - 1.5) * STEP, SOUTH + (CELLS - 1.5) * STEP)
    looked_at = 0
    for at in level(cells, z):
        west, south, east, north = at.bounds()
        if not inner.intersects(box(west, south, east, north)):
            continue
        found = [
            shape(each["geometry"]).buffer(0)
            for each in features(tile(app, cells, ANYBODY, at), "grid_cells")
            if each["properties"]["code"].startswith("460199009")
        ]
        # What of the tile is certainly covered, in its own units.
        x0, y0, x1, y1 = inner.bounds
        across, up = 4096 / (east - west), 4096 / (north - south)
        covered = box((x0 - west) * across, (y0 - south) * up, (x1 - west) * across, (y1 - south) * up)
        window = box(0, 0, 4096, 4096).intersection(covered)
        if window.area < 100:
            continue
        looked_at += 1
        pieces = [each.intersection(window) for each in found]
        assert sum(piece.area for piece in pieces) == pytest.approx(window.area, rel=1e-9)
        assert union_all(pieces).area == pytest.approx(window.area, rel=1e-9)
    assert looked_at


def test_a_label_that_says_nothing_is_none(app: Connection) -> None:
    labels = [
        each["properties"]
        for at in level(BUILDINGS, 16)
        for each in features(tile(app, BUILDINGS, ANYBODY, at), "buildings_label")
    ]
    assert labels
    assert all(each.get("name_zh") for each in labels)
    assert len({each["code"] for each in labels}) == len(labels)


def test_a_field_comes_with_the_zoom_that_its_layer_says(app: Connection) -> None:
    fields = tuple(replace(field, tiles_from=16) if field.name == "use" else field for field in BUILDINGS.fields)
    layer = replace(BUILDINGS, fields=fields)
    for z, there in ((15, False), (16, True)):
        at = tile_of(110.3454, 20.0253, z)
        found = [each["properties"] for each in features(tile(app, layer, ANYBODY, at), "buildings")]
        assert any("use" in each for each in found) is there
        assert any("height_m" in each for each in found)


def test_how_deep_squares_lie_is_the_layer_s_to_say(app: Connection) -> None:
    coarse = replace(BUILDINGS, tiling=replace(BUILDINGS.tiling, squares=3))
    at = tile_of(110.35, 20.03, 13)
    found = features(tile(app, coarse, ANYBODY, at), "buildings")
    assert {each["properties"]["code"].split("/")[0] for each in found} == {"16"}
    assert {shape(each["geometry"]).area for each in found} == {512.0**2}
    fine = features(tile(app, BUILDINGS, ANYBODY, at), "buildings")
    assert sum(f["properties"]["count"] for f in found) == sum(f["properties"]["count"] for f in fine)


def test_no_tile_draws_more_than_it_may(app: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    crowded = replace(BUILDINGS, tiling=replace(BUILDINGS.tiling, max_features=100))
    found = features(tile(app, crowded, ANYBODY, HERE), "buildings")
    assert found
    assert all("count" in each["properties"] for each in found)
    monkeypatch.setattr(mvt, "MAX_BYTES", 2_000)
    heavy = features(tile(app, BUILDINGS, ANYBODY, HERE), "buildings")
    assert all("count" in each["properties"] for each in heavy)
