"""A whole city in tiles: none too heavy, and from afar no carpet of single things. The drawn city in the soak."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import mapbox_vector_tile
import pytest

from gisops import sample
from gisops.db.pool import Connection, connect
from layers.catalog import load_catalog
from layers.style import THEMES, Place, compose
from layers.versions import extent_of_city
from layers.viewer import ANYBODY, viewer_of
from tests.conftest import Database
from tiles.grid import Tile, tile_of
from tiles.mvt import MAX_BYTES, tile

MOST_PER_ZOOM = 12


@pytest.fixture(
    scope="module", params=["district", pytest.param("city", marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]
)
def city(request: pytest.FixtureRequest, fresh_database: Any) -> Iterator[Connection]:
    database: Database
    if request.param == "district":
        database = request.getfixturevalue("sample_database")
    else:
        database = fresh_database()
        sample.load(database.owner_url, database.settings(), size=request.param)
    with connect(database.owner_url, unhurried=True) as conn:
        yield conn


def _tiles(conn: Connection, z: int) -> list[Tile]:
    box = extent_of_city(conn)
    assert box is not None
    west, south, east, north = box
    first, last = tile_of(west, north, z), tile_of(east, south, z)
    found = [Tile(z, x, y) for x in range(first.x, last.x + 1) for y in range(first.y, last.y + 1)]
    return random.Random(z).sample(found, min(len(found), MOST_PER_ZOOM))


def test_no_tile_of_the_pyramid_is_too_heavy_for_a_map(city: Connection) -> None:
    viewer = viewer_of("admin")
    heaviest: dict[str, int] = {}
    for z in range(10, 18):
        for at in _tiles(city, z):
            for layer in load_catalog():
                if layer.minzoom <= z <= layer.maxzoom:
                    heaviest[layer.id] = max(heaviest.get(layer.id, 0), len(tile(city, layer, viewer, at)))
    assert {name: size for name, size in heaviest.items() if size > MAX_BYTES} == {}
    assert min(heaviest[name] for name in ("roads", "buildings", "grid_cells", "fixtures")) > 1_000


def test_the_whole_city_s_tiles_hold_main_roads_and_no_patrol_area(city: Connection) -> None:
    catalog, viewer = load_catalog(), viewer_of("admin")
    classes, kinds = set(), set()
    for at in _tiles(city, 10):
        for layer, field, seen in ((catalog["roads"], "class", classes), (catalog["zones"], "kind", kinds)):
            drawn = mapbox_vector_tile.decode(tile(city, layer, viewer, at)).get(layer.id, {"features": []})
            seen |= {feature["properties"].get(field) for feature in drawn["features"]}
    assert classes
    assert classes <= {"motorway", "trunk", "primary", "secondary"}
    assert "duty" not in kinds


@pytest.mark.parametrize("theme", THEMES)
def test_nothing_is_counted_in_squares_over_the_whole_city_unless_somebody_asks(theme: str) -> None:
    style = compose(ANYBODY, theme)
    shown = [piece for piece in style["layers"] if piece.get("layout", {}).get("visibility") != "none"]
    squares = [piece for piece in shown if piece["id"].endswith("-squares")]
    assert squares
    assert all(piece.get("minzoom", 0) >= 14 for piece in squares)


def test_a_road_is_drawn_as_wide_as_it_is_wherever_the_city_lies() -> None:
    def metre(latitude: float) -> float:
        (surface,) = (
            piece
            for piece in compose(ANYBODY, "day", place=Place(center=(0.0, latitude)))["layers"]
            if piece["id"] == "roads-surface"
        )
        (at_18,) = (
            pair[1] for pair in zip(*[iter(surface["paint"]["line-width"][3:])] * 2, strict=True) if pair[0] == 18
        )
        product = next(item for item in at_18[2] if isinstance(item, list)) if at_18[2][0] == "+" else at_18[2]
        return float(product[1])

    # 512 pixels a tile: 3.35 pixels a metre on the equator, and twice as many where the parallel is half as long.
    assert metre(0) == pytest.approx(3.349, abs=0.001)
    assert metre(60) == pytest.approx(2 * metre(0), rel=0.001)
