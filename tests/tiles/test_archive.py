"""Archives of tiles: read back, they hold what the server's tiles hold, and nothing that the viewer may not see."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pyogrio
import pytest
from pmtiles.reader import MmapSource, Reader, all_tiles
from pmtiles.tile import Compression, TileType

from gisops.db.pool import Connection, connect
from gisops.errors import InvalidInput, NotAllowed, NotFound, NotSignedIn
from layers.catalog import load_catalog
from layers.viewer import ANYBODY, Viewer, viewer_of
from tests.conftest import Database
from tests.layers import tiny_city
from tiles import archive
from tiles.grid import Tile
from tiles.mvt import tile
from tiles.pmtiles_file import BrokenArchive, PmtilesFile
from tiles.tilejson import vector_layers

ADMIN = viewer_of("admin")


@pytest.fixture(scope="module", autouse=True)
def city(database: Database) -> None:
    with connect(database.owner_url) as owner:
        tiny_city.build(owner)
        owner.execute(
            """
            INSERT INTO parts (district_code, part_id, code, code_scheme, category_id, name_zh, geom)
            SELECT '460199', gen_random_uuid(), 'C' || n, 'S', 1, 'x',
              ST_Point(110.31 + (n % 40) * 0.002, 20.01 + (n / 40) * 0.0004, 4326)
            FROM generate_series(0, 1999) AS n
            """
        )


@pytest.fixture
def conns(database: Database) -> Iterator[list[Connection]]:
    with connect(database.app_url) as conn:
        row = conn.execute("SELECT account_id FROM accounts WHERE login = 'admin'").fetchone()
    assert row is not None
    with archive.at_one_moment(database.app_url, row["account_id"], 2) as opened:
        yield opened


def held(path: Path) -> dict[Tile, bytes]:
    with path.open("rb") as file:
        source = MmapSource(file)
        return {Tile(*zxy): gzip.decompress(body) for zxy, body in all_tiles(source)}


def everything(conn: Connection, layers: list[Any], viewer: Viewer, low: int, high: int) -> dict[Tile, bytes]:
    """Every tile that holds something, found by looking at all there are in the city."""
    west, south, east, north = tiny_city.CITY
    found = {}
    for z in range(low, high + 1):
        first, last = archive.tile_of(west, north, z), archive.tile_of(east, south, z)
        for x in range(first.x - 1, last.x + 2):
            for y in range(first.y - 1, last.y + 2):
                at = Tile(z, x, y)
                cut = [tile(conn, layer, viewer, at) for layer in layers if layer.minzoom <= z <= layer.maxzoom]
                if any(cut):
                    found[at] = b"".join(cut)
    return found


@pytest.mark.parametrize(
    ("ids", "viewer"),
    [("fixtures", ANYBODY), ("rivers,roads", ANYBODY), ("cases,zones", ADMIN), ("places", ADMIN)],
)
def test_an_archive_holds_the_servers_tiles_and_every_one_of_them(
    conns: list[Connection], tmp_path: Path, ids: str, viewer: Viewer
) -> None:
    layers = [load_catalog()[each] for each in ids.split(",")]
    path = tmp_path / "it.pmtiles"
    steps: list[tuple[int, int]] = []
    done = archive.write(conns, layers, viewer, path, zooms=(9, 15), told=lambda n, of: steps.append((n, of)))
    found = held(path)
    assert found == everything(conns[0], layers, viewer, 9, 15)
    assert (done.tiles, steps[-1]) == (len(found), (done.cut, done.cut))
    # What is asked for in vain is little beside what is there.
    assert done.cut <= 3 * done.tiles + 40


def test_deep_zooms_are_below_what_was_asked_of_the_database(conns: list[Connection], tmp_path: Path) -> None:
    layers = [load_catalog()["fixtures"]]
    box = (110.3300, 20.0120, 110.3345, 20.0142)
    archive.write(conns, layers, ANYBODY, tmp_path / "it.pmtiles", zooms=(15, 18), bbox=box)
    found = held(tmp_path / "it.pmtiles")
    assert {at.z for at in found} == {15, 16, 17, 18}
    for at, body in found.items():
        west, south, east, north = at.bounds()
        assert max(west, box[0]) < min(east, box[2])
        assert max(south, box[1]) < min(north, box[3])
        assert body == tile(conns[0], layers[0], ANYBODY, at)
    keys = {
        feature["properties"]["code"]
        for at, body in found.items()
        if at.z == 18
        for feature in mapbox_vector_tile.decode(body)["fixtures"]["features"]
    }
    inside = (
        conns[0]
        .execute("SELECT code FROM layer_fixtures WHERE geom && ST_MakeEnvelope(%s, %s, %s, %s, 4326)", box)
        .fetchall()
    )
    assert {row["code"] for row in inside} <= keys
    assert len(inside) > 10


def test_an_archive_says_what_it_is(conns: list[Connection], tmp_path: Path) -> None:
    layers = [load_catalog()["rivers"], load_catalog()["fixtures"]]
    path = tmp_path / "it.pmtiles"
    archive.write(conns, layers, ANYBODY, path, zooms=(11, 14))
    with path.open("rb") as file:
        reader = Reader(MmapSource(file))
        header, metadata = reader.header(), reader.metadata()
    assert (header["tile_type"], header["tile_compression"]) == (TileType.MVT, Compression.GZIP)
    assert (header["min_zoom"], header["max_zoom"], header["clustered"]) == (11, 14, True)
    extent = (
        conns[0]
        .execute(
            "SELECT ST_XMin(b) AS w, ST_YMin(b) AS s, ST_XMax(b) AS e, ST_YMax(b) AS n"
            " FROM (SELECT ST_Extent(geom) AS b"
            " FROM (SELECT geom FROM layer_rivers UNION ALL SELECT geom FROM layer_fixtures) AS g) AS x"
        )
        .fetchone()
    )
    assert extent is not None
    told = [header[side] / 1e7 for side in ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")]  # type: ignore[literal-required]
    assert told == pytest.approx([extent["w"], extent["s"], extent["e"], extent["n"]], abs=1e-6)
    within = {each["id"]: each for each in metadata["vector_layers"]}
    for layer in layers:
        for each in vector_layers(layer, ANYBODY):
            if each["minzoom"] <= 14:
                assert within[each["id"]]["fields"] == each["fields"]
                assert 11 <= within[each["id"]]["minzoom"] <= within[each["id"]]["maxzoom"] <= 14
    assert metadata["attribution"] == layers[0].owner or layers[1].owner in metadata["attribution"]


def test_what_is_the_same_is_kept_once(conns: list[Connection], tmp_path: Path) -> None:
    # Inside of an area that fills many tiles, every tile is the same square.
    layer = load_catalog()["admin_areas"]
    path = tmp_path / "it.pmtiles"
    archive.write(conns, [layer], ANYBODY, path, zooms=(16, 17))
    with path.open("rb") as file:
        header = Reader(MmapSource(file)).header()
    assert header["tile_contents_count"] < header["addressed_tiles_count"] / 2


def test_gdal_reads_an_archive(conns: list[Connection], tmp_path: Path) -> None:
    layer = load_catalog()["fixtures"]
    path = tmp_path / "it.pmtiles"
    archive.write(conns, [layer], ANYBODY, path, zooms=(16, 16))
    assert pyogrio.list_layers(path)[:, 0].tolist() == ["fixtures"]
    read = pyogrio.read_dataframe(path, layer="fixtures")
    want = {row["code"] for row in conns[0].execute("SELECT code FROM layer_fixtures")}
    assert set(read["code"]) == want
    assert read.crs.to_epsg() == 3857


def test_an_archive_is_of_one_moment(database: Database, tmp_path: Path) -> None:
    layer = load_catalog()["fixtures"]
    with archive.at_one_moment(database.app_url, None, 2) as conns:
        with connect(database.owner_url) as owner:
            owner.execute("UPDATE parts SET name_zh = 'y', code = 'X' || code WHERE code LIKE 'C%'")
        archive.write(conns, [layer], ANYBODY, tmp_path / "it.pmtiles", zooms=(16, 16))
    with connect(database.owner_url) as owner:
        owner.execute("UPDATE parts SET code = substr(code, 2) WHERE code LIKE 'XC%'")
    codes = {
        feature["properties"]["code"]
        for body in held(tmp_path / "it.pmtiles").values()
        for feature in mapbox_vector_tile.decode(body)["fixtures"]["features"]
    }
    assert len(codes) > 2000
    assert not any(code.startswith("X") for code in codes)


def test_what_cannot_be_archived_is_told_and_leaves_nothing(conns: list[Connection], tmp_path: Path) -> None:
    cases, fixtures = load_catalog()["cases"], load_catalog()["fixtures"]
    for layers, viewer, asked, error in (
        ([cases], ANYBODY, {}, NotSignedIn),
        ([fixtures, load_catalog()["poverty_relief"]], viewer_of("officer"), {}, NotAllowed),
        ([fixtures], ANYBODY, {"zooms": (20, 22)}, InvalidInput),
        ([fixtures], ANYBODY, {"zooms": (14, 12)}, InvalidInput),
        ([fixtures], ANYBODY, {"bbox": (20.0, 110.0, 20.1, 110.1)}, InvalidInput),
        ([fixtures], ANYBODY, {"bbox": (10.0, 10.0, 10.1, 10.1)}, NotFound),
    ):
        with pytest.raises(error):
            archive.write(conns, layers, viewer, tmp_path / "none.pmtiles", **asked)  # type: ignore[arg-type]


# ---- reading -------------------------------------------------------------------------------------------------------


def test_our_reader_gives_what_the_librarys_gives(conns: list[Connection], tmp_path: Path) -> None:
    path = tmp_path / "it.pmtiles"
    archive.write(conns, [load_catalog()["rivers"], load_catalog()["fixtures"]], ANYBODY, path, zooms=(9, 16))
    file = PmtilesFile(path)
    found = held(path)
    for at, body in found.items():
        packed = file.tile(at.z, at.x, at.y)
        assert packed is not None
        assert gzip.decompress(packed) == body
    for at in list(found)[::7]:
        for nowhere in (Tile(at.z, at.x + 50, at.y), Tile(at.z, at.x, at.y - 50)):
            assert (file.tile(nowhere.z, nowhere.x, nowhere.y) is None) == (nowhere not in found)
    assert file.tile(8, 0, 0) is None
    assert file.tile(17, 0, 0) is None
    assert file.tile(9, 10**9, 0) is None
    assert [each["id"] for each in file.held.vector_layers][:1] == ["rivers"]
    assert (file.held.minzoom, file.held.maxzoom, file.held.is_vector, file.held.gzipped) == (9, 16, True, True)


@pytest.mark.parametrize("at", [0, 7, 60, 97, 98, 99, 130, 500])
def test_a_damaged_file_is_told_and_nothing_worse(conns: list[Connection], tmp_path: Path, at: int) -> None:
    path = tmp_path / "it.pmtiles"
    archive.write(conns, [load_catalog()["fixtures"]], ANYBODY, path, zooms=(12, 13))
    sound = path.read_bytes()
    for n, broken in enumerate((sound[:at], sound[:at] + bytes([sound[at] ^ 0xFF]) + sound[at + 1 :])):
        damaged = tmp_path / f"damaged-{n}.pmtiles"
        damaged.write_bytes(broken)
        with pytest.raises(BrokenArchive, match=damaged.name):  # noqa: PT012  (wherever it is met)
            file = PmtilesFile(damaged)
            for at_tile in held(path):
                file.tile(at_tile.z, at_tile.x, at_tile.y)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BrokenArchive, match="cannot be opened"):
        PmtilesFile(tmp_path / "none.pmtiles")


def test_a_run_of_tiles_that_are_alike_does_not_end_the_zooms(
    conns: list[Connection], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "draw", lambda *_: (b"the same everywhere", 1))
    path = tmp_path / "it.pmtiles"
    archive.write(conns, [load_catalog()["admin_areas"]], ANYBODY, path, zooms=(10, 13))
    held_by = PmtilesFile(path)
    assert (held_by.held.minzoom, held_by.held.maxzoom) == (10, 13)
    assert all(held_by.tile(at.z, at.x, at.y) for at in held(path))
