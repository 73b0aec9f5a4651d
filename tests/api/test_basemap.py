"""The base map by setting: which may be named, how a file is served, and what styles and browsers are told of it."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pytest
from httpx import Response
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer
from pydantic import SecretStr, ValidationError
from starlette.testclient import TestClient

from api.app import create_app
from api.doctor import examine
from gisops import basemaps
from gisops.settings import Settings
from layers import basemap
from tests.conftest import Database

TIANDITU = (
    "https://t{0-7}.tianditu.gov.cn/vec_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=vec&STYLE=default"
    "&TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&tk=SAMPLE-KEY"
)
XYZ = "https://tiles.example/{z}/{x}/{y}.png"


# ---- the setting ---------------------------------------------------------------------------------------------------


def test_addresses_are_read_as_they_are_written_everywhere() -> None:
    told = basemaps.parse(f"{TIANDITU} {TIANDITU.replace('vec', 'cva')}")
    assert isinstance(told, tuple)
    below, names = told
    assert len(below.tiles) == len(names.tiles) == 8
    assert below.tiles[7].startswith("https://t7.tianditu.gov.cn/vec_w/wmts?")
    assert "tk=SAMPLE-KEY" in below.tiles[0]
    assert "Tianditu" in str(below.owner)
    assert basemaps.origins_of(told) == tuple(f"https://t{n}.tianditu.gov.cn" for n in range(8))
    for address, tiles, tms in (
        (XYZ, ("https://tiles.example/{z}/{x}/{y}.png",), False),
        (
            "https://{s}.tiles.example/{z}/{x}/{y}{r}.png",
            tuple(XYZ.replace("//", f"//{s}.") for s in "abc"),
            False,
        ),
        ("http://10.0.0.8:8080/w/{z}/{x}/{-y}.jpg", ("http://10.0.0.8:8080/w/{z}/{x}/{y}.jpg",), True),
        ("https://m.example/w/{TileMatrix}/{tilerow}/{TileCol}", ("https://m.example/w/{z}/{y}/{x}",), False),
    ):
        (served,) = basemaps.parse(address)  # type: ignore[misc]
        assert (served.tiles, served.tms) == (tiles, tms)
    assert basemaps.parse(" ~/maps/city.pmtiles ") == basemaps.Archive(Path.home() / "maps" / "city.pmtiles")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://tiles.example/{z}/{x}.png", "no {y}"),
        ("ftp://tiles.example/{z}/{x}/{y}.png", "no http"),
        ("https://user:word@tiles.example/{z}/{x}/{y}.png", "no http"),
        ("https://tiles.example;script-src/{z}/{x}/{y}.png", "no http"),
        ("https://tiles.example/{z}/{x}/{y}.png?key={SECRET-KEY}", "stands for nothing"),
        ("https://tiles.example/{z}/{x}/{y}.png;", "no address"),
        ("/srv/maps/city.mbtiles", ".pmtiles"),
        (TIANDITU.replace("vec_w", "vec_c").replace("SET=w", "SET=c"), "matrix set w"),
        ("https://webrd01.is.autonavi.com/appmaptile?x={x}&y={y}&z={z}", "GCJ-02"),
        ("https://wprd0{1-4}.is.autonavi.com/appmaptile?x={x}&y={y}&z={z}", "GCJ-02"),
        ("https://rt0.map.gtimg.com/tile?z={z}&x={x}&y={-y}", "GCJ-02"),
        ("https://www.google.cn/maps/vt?x={x}&y={y}&z={z}", "GCJ-02"),
        ("https://maponline0.bdimg.com/tile/?x={x}&y={y}&z={z}", "BD-09"),
    ],
)
def test_what_nothing_of_ours_would_fit_on_is_refused_in_words_without_the_key(address: str, said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Settings(_env_file=None, basemap=SecretStr(address + " " + XYZ.replace(".png", ".png?k=SAMPLE-KEY")))  # type: ignore[call-arg]
    assert said in str(raised.value)
    assert "SAMPLE-KEY" not in str(raised.value)
    assert "word" not in str(raised.value)


def test_a_key_is_not_shown_where_settings_are() -> None:
    settings = Settings(_env_file=None, basemap=SecretStr(TIANDITU))  # type: ignore[call-arg]
    assert "SAMPLE-KEY" not in repr(settings)
    (found,) = [each for each in examine(settings) if each.name == "Base map"]
    assert found.ok
    assert "t0.tianditu.gov.cn" in found.state
    assert "SAMPLE-KEY" not in found.state + found.do


# ---- a file --------------------------------------------------------------------------------------------------------


@cache
def _png(grey: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + bytes([grey]) * 256) * 256
    head = struct.pack(">IIBBBBB", 256, 256, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@cache
def _vector(name: str) -> bytes:
    square = {"geometry": "POLYGON((0 0, 0 4096, 4096 4096, 4096 0, 0 0))", "properties": {"name": "样例"}}
    return gzip.compress(mapbox_vector_tile.encode([{"name": name, "features": [square]}]), mtime=0)


def make(path: Path, kind: TileType, tile: Callable[[int], bytes], **metadata: Any) -> None:
    """An archive of zoom 0 to 7, written beside and renamed as anybody should."""
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        writer = Writer(file)
        for number in range(zxy_to_tileid(7, 0, 0) + 20):
            writer.write_tile(number, tile(number))
        writer.finalize(
            {
                "tile_type": kind,
                "tile_compression": Compression.GZIP if kind is TileType.MVT else Compression.NONE,
                "min_lon_e7": 1_100_000_000,
                "min_lat_e7": 200_000_000,
                "max_lon_e7": 1_110_000_000,
                "max_lat_e7": 210_000_000,
            },
            metadata,
        )
        writer.tile_f.close()
        # One entry for all tiles that are alike: it begins at zoom 0, and the library asks no further.
        file.seek(100)
        file.write(bytes((0, 7)))
    os.replace(beside, path)


@contextmanager
def serving(database: Database, told: str | Path | None, **more: Any) -> Iterator[Callable[..., Response]]:
    settings = database.settings().model_copy(update={"basemap": told and SecretStr(str(told)), **more})
    with TestClient(create_app(settings)) as client:
        yield client.get


def test_a_vector_file_is_served_and_drawn_below_everything(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "map.pmtiles"
    layers = [{"id": "water", "fields": {}}, {"id": "roads", "fields": {}}, {"id": "land_of_nobody", "fields": {}}]
    make(path, TileType.MVT, lambda _n: _vector("water"), vector_layers=layers, attribution="<a href='x'>© A & B</a>")
    with serving(database, path) as get:
        told = get("/basemap.json").json()
        assert (told["tilejson"], told["minzoom"], told["maxzoom"]) == ("3.0.0", 0, 7)
        assert told["bounds"] == [110.0, 20.0, 111.0, 21.0]
        assert told["attribution"] == "© A &amp; B"
        assert [each["id"] for each in told["vector_layers"]] == ["water", "roads", "land_of_nobody"]
        address = told["tiles"][0].replace("{z}", "5").replace("{x}", "3").replace("{y}", "4")
        tile = get(address)
        assert tile.status_code == 200
        assert tile.headers["content-type"] == "application/vnd.mapbox-vector-tile"
        assert tile.headers["content-encoding"] == "gzip"
        assert "immutable" in tile.headers["cache-control"]
        assert tile.headers["access-control-allow-origin"] == "*"
        assert list(mapbox_vector_tile.decode(tile.content)) == ["water"]
        again = get(address, headers={"If-None-Match": tile.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        plain = get(address.partition("?")[0], headers={"Accept-Encoding": "identity"})
        assert (plain.content, plain.headers["cache-control"]) == (tile.content, "public, no-cache")
        assert "content-encoding" not in plain.headers
        assert get("/basemap/7/127/127").status_code == 204
        assert get("/basemap/9/1/1").status_code == 204
        assert get("/basemap/5/99/1").status_code == 404
        style = get("/styles/day.json").json()
        assert style["sources"]["basemap"] == {"type": "vector", "url": "http://testserver/basemap.json"}
        ids = [piece["id"] for piece in style["layers"]]
        ours = next(n for n, piece in enumerate(style["layers"]) if piece.get("source") not in (None, "basemap"))
        assert ids[0] == "background"
        assert 0 < ids.index("basemap-water-fill") < ids.index("basemap-roads-line") < ours
        assert "basemap-land_of_nobody-line" in ids
        assert "connect-src 'self';" in get("/styles/day.json").headers["content-security-policy"]


def test_a_file_of_pictures_is_served_as_pictures(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "map.pmtiles"
    make(path, TileType.PNG, lambda n: _png(n % 256))
    with serving(database, path, basemap_attribution="样例 / sample") as get:
        assert get("/basemap.json").json()["attribution"] == "样例 / sample"
        tile = get("/basemap/3/2/1")
        assert tile.headers["content-type"] == "image/png"
        assert tile.content == _png(zxy_to_tileid(3, 2, 1) % 256)
        style = get("/styles/dark.json").json()
        assert style["sources"]["basemap"]["type"] == "raster"
        assert style["layers"][1]["id"] == "basemap"
        assert style["layers"][1]["paint"]["raster-brightness-max"] < 1


def test_a_file_that_takes_anothers_place_is_noticed(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "map.pmtiles"
    make(path, TileType.PNG, lambda _n: _png(1))
    with serving(database, path) as get:
        before = get("/basemap.json").json()["tiles"][0]
        first = get("/basemap/3/2/1")
        make(path, TileType.PNG, lambda _n: _png(2))
        second = get("/basemap/3/2/1", headers={"If-None-Match": first.headers["etag"]})
        assert (first.content, second.content) == (_png(1), _png(2))
        assert get("/basemap.json").json()["tiles"][0] != before
        # Under the name of what was there before it is kept by nobody for good.
        assert get(before.format(z=3, x=2, y=1)).headers["cache-control"] == "public, no-cache"
        # Cut short where it lies, as by a copy that is under way: no map until it is whole again.
        whole = path.read_bytes()
        with path.open("r+b") as file:
            file.truncate(90)
        broken = get("/basemap/3/2/1")
        assert (broken.status_code, broken.json()["code"]) == (503, "broken_archive")
        assert "basemap" not in get("/styles/day.json").json()["sources"]
        path.write_bytes(whole)
        assert get("/basemap/3/2/1").content == _png(2)
        path.unlink()
        assert get("/basemap.json").status_code == 503
        assert get("/styles/day.json").status_code == 200


def test_a_broken_file_is_no_map_and_the_doctor_says_so(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "map.pmtiles"
    for content in (None, b"", b"PMTiles", b"x" * 500):
        if content is not None:
            path.write_bytes(content)
        with serving(database, path) as get:
            assert get("/basemap.json").json()["code"] == "broken_archive"
            assert "basemap" not in get("/styles/day.json").json()["sources"]
        settings = Settings(_env_file=None, basemap=SecretStr(str(path)))  # type: ignore[call-arg]
        (found,) = [each for each in examine(settings) if each.name == "Base map"]
        assert not found.ok
        assert "map.pmtiles" in found.state
        assert "GISOPS_BASEMAP" in found.do
    make(path, TileType.MVT, lambda _n: _vector("water"))
    (found,) = [each for each in examine(settings) if each.name == "Base map"]
    assert not found.ok
    assert "vector_layers" in found.do
    make(path, TileType.MVT, lambda _n: _vector("water"), vector_layers=[{"id": "water"}])
    (found,) = [each for each in examine(settings) if each.name == "Base map"]
    assert found.ok, found


def test_without_a_base_map_there_is_none(database: Database) -> None:
    with serving(database, None) as get:
        for path in ("/basemap.json", "/basemap/1/1/1"):
            assert (get(path).status_code, get(path).json()["code"]) == (404, "not_found")
        assert not [name for name in get("/styles/day.json").json()["sources"] if name.startswith("basemap")]


# ---- tiles of a service ----------------------------------------------------------------------------------------------


def test_a_service_is_in_the_style_and_browsers_may_fetch_from_it_alone(database: Database) -> None:
    with serving(database, f"{TIANDITU} {XYZ}") as get:
        answer = get("/styles/day.json")
        style = answer.json()
        assert style["sources"]["basemap-0"]["tiles"][3].startswith("https://t3.tianditu.gov.cn/vec_w/wmts?")
        assert style["sources"]["basemap-0"]["attribution"] == "天地图 / Tianditu"
        assert "attribution" not in style["sources"]["basemap-1"]
        assert [piece["id"] for piece in style["layers"][:3]] == ["background", "basemap-0", "basemap-1"]
        origins = [f"https://t{n}.tianditu.gov.cn" for n in range(8)] + ["https://tiles.example"]
        for path in ("/styles/day.json", "/none", "/api/city"):
            policy = dict(part.split(" ", 1) for part in get(path).headers["content-security-policy"].split("; "))
            assert policy["img-src"].split() == ["'self'", "data:", "blob:", *origins]
            assert policy["connect-src"].split() == ["'self'", *origins]
            assert policy["script-src"] == policy["default-src"] == "'self'"
            assert "SAMPLE-KEY" not in str(policy)
        assert get("/basemap.json").status_code == 404


@pytest.mark.parametrize("theme", ["day", "dark", "screen"])
def test_every_schema_in_use_is_drawn_in_its_order(theme: str) -> None:
    for names in (
        ("building", "water", "landcover", "transportation", "boundary", "place", "poi"),
        ("buildings", "water", "earth", "roads", "boundaries", "places", "pois"),
        ("buildings", "water_polygons", "land", "streets", "boundaries", "place_labels", "pois"),
    ):
        drawn = basemap.of_archive(basemap.Archived("http://x/basemap.json", names), theme)
        order = [str(piece["source-layer"]) for piece in drawn.layers]
        place = {name: order.index(name) for name in names[:6]}
        building, water, land, roads, border, label = (place[name] for name in names[:6])
        assert land < water < building < roads < border < label
        assert names[6] not in order
        assert {piece["metadata"]["gisops:level"] for piece in drawn.layers} == {"basemap"}
        assert len({piece["id"] for piece in drawn.layers}) == len(drawn.layers)
