"""The tiles a process keeps: those of the public alone, under the version of what the public sees."""

from __future__ import annotations

import pytest

from gisops.access.roles import ROLES
from gisops.db.pool import Connection, connect
from layers.catalog import Layer, load_catalog
from layers.versions import version_of
from layers.viewer import Viewer, viewer_of
from tests.conftest import Database
from tests.layers import tiny_city
from tiles.cache import TileCache
from tiles.grid import Tile, tile_of
from tiles.mvt import is_public, tile

HERE = (tile_of(110.3454, 20.0253, 16), tile_of(110.3477, 20.0256, 16))


@pytest.fixture(scope="module", autouse=True)
def city(database: Database) -> None:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)


def change(database: Database, layer: str, statement: str) -> bool:
    """As a load does: change rows, then say that they were."""
    with connect(database.owner_url) as owner:
        owner.execute(statement.encode())
        row = owner.execute("SELECT layer_changed(%s) AS moved", [layer]).fetchone()
    return bool(row and row["moved"])


def ask(kept: TileCache, conn: Connection, layer: Layer, viewer: Viewer, at: Tile) -> bytes:
    """As the doors do: what is the public's from the cache, what is more from the database."""
    if is_public(layer, viewer):
        return kept.tile(conn, layer, version_of(conn, layer), at)
    return tile(conn, layer, viewer, at)


@pytest.fixture(autouse=True)
def looked_once(database: Database) -> None:
    for layer in ("rivers", "buildings", "places", "poverty_relief"):
        change(database, layer, "SELECT 1")


def test_whatever_was_asked_before_everybody_gets_what_they_would_get_alone(database: Database) -> None:
    """Two viewers never share: the cache is asked by all roles in turns, twice, and compared with tiles cut afresh."""
    kept = TileCache()
    seen = set()
    for login in (None, *ROLES, *reversed(ROLES), None):
        viewer = viewer_of(login)
        with tiny_city.seeing(database.app_url, login) as conn:
            for layer in load_catalog():
                if not viewer.may_see(layer):
                    continue
                for at in HERE:
                    drawn = ask(kept, conn, layer, viewer, at)
                    assert drawn == tile(conn, layer, viewer, at), (login, layer.id)
                    seen.add((layer.id, at, drawn))
    # Kept was one tile for each layer that is public and changes by loading, for nobody's sake in particular.
    # (By layer and address: what comes into force by date is made anew with each minute.)
    found = {(layer_id, at) for layer_id, _, at, _ in kept._kept}
    assert len(found) == len(HERE) * sum(layer.public and not layer.live for layer in load_catalog())
    assert sum(each[:2] == ("buildings", HERE[0]) for each in seen) == 3, "no residents, all of them, none in scope"
    assert sum(each[:2] == ("cases", HERE[1]) for each in seen) == 2, "all, and nothing"


def test_a_tile_is_kept_until_what_the_public_sees_has_changed(database: Database) -> None:
    kept, rivers = TileCache(), load_catalog()["rivers"]
    at = tile_of(110.35, 20.046, 14)

    def told() -> tuple[bytes, str | None]:
        with tiny_city.seeing(database.app_url, None) as conn:
            version = version_of(conn, rivers)
            return kept.tile(conn, rivers, version, at), version

    first = told()
    with connect(database.owner_url) as owner:  # behind the loader's back: what was kept is what is told
        owner.execute("UPDATE rivers SET name_zh = '改名河'")
    assert told() == first
    assert change(database, "rivers", "SELECT 1")
    assert told()[0] != first[0]
    assert told()[1] != first[1]


@pytest.mark.parametrize(
    ("layer", "statement", "moves"),
    [
        ("buildings", "UPDATE buildings SET residents = residents + 1, households = 7", False),
        ("buildings", "UPDATE buildings SET unit_id = NULL", False),
        ("buildings", "UPDATE buildings SET floors = floors + 1", True),
        ("buildings", "UPDATE buildings SET geom = ST_Translate(geom, 0.00001, 0)", True),
        ("places", "UPDATE places SET phone = '13900000000', responsible_person = '丁'", False),
        ("places", "UPDATE places SET name_zh = name_zh || '二'", True),
        ("poverty_relief", "DELETE FROM relief_households", False),
        ("rivers", "UPDATE rivers SET geom = geom", False),
        (
            "grid_cells",
            "UPDATE grid_cells SET geom = ST_Translate(geom, 0.001, 0) WHERE upper(valid) < now()",
            False,
        ),
        ("roads", "DELETE FROM roads WHERE code = 'R-02'", True),
    ],
)
def test_a_version_moves_with_what_the_public_sees_and_with_nothing_else(
    database: Database, layer: str, statement: str, moves: bool
) -> None:
    change(database, layer, "SELECT 1")
    assert change(database, layer, statement) is moves


def test_the_order_of_rows_is_no_content(database: Database) -> None:
    change(
        database,
        "roads",
        "INSERT INTO roads (code, name_zh, name_en, class, geom)"
        " SELECT code || n, '', '', class, geom FROM roads, generate_series(1, 50) AS n",
    )
    # Written anew in another order, as a load of the same file may.
    assert not change(
        database,
        "roads",
        "CREATE TEMP TABLE kept AS SELECT code, name_zh, name_en, class, oneway, width_m, geom FROM roads;"
        " DELETE FROM roads; INSERT INTO roads (code, name_zh, name_en, class, oneway, width_m, geom)"
        " SELECT * FROM kept ORDER BY code DESC; DROP TABLE kept",
    )


def test_where_rows_come_into_force_by_date_a_later_day_moves_the_version(database: Database) -> None:
    """Between two loads the same content may have had another: what was kept under the name must not come back."""
    zones = "SELECT layer_changed('zones') AS moved"
    with connect(database.owner_url) as owner:
        owner.execute(zones)
        assert owner.execute(zones).fetchone() == {"moved": False}
        owner.execute("SET LOCAL gisops.clock_offset = '1 day'")
        assert owner.execute(zones).fetchone() == {"moved": True}


def test_the_oldest_go_first_and_what_is_too_large_is_not_kept(database: Database) -> None:
    layer = load_catalog()["rivers"]
    with tiny_city.seeing(database.app_url, None) as conn:
        small = TileCache(2_000)
        for z in range(8, 19):
            small.tile(conn, layer, version_of(conn, layer), tile_of(110.35, 20.046, z))
        assert 0 < len(small) < 11
        none = TileCache(10)
        assert none.tile(conn, layer, version_of(conn, layer), tile_of(110.35, 20.046, 14))[0]
        assert len(none) == 0
