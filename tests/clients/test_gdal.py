"""GDAL, through pyogrio, reads every layer: features and tiles by its OGC API drivers, tiles by its MVT driver."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas
import httpx2
import pyogrio
import pytest

from layers.catalog import load_catalog
from tests.clients.conftest import ALL, OPEN, PARTS, Served
from tests.layers import tiny_city

R_M = 6378137.0
WEST, SOUTH, EAST, NORTH = tiny_city.CITY
# These drivers set headers of their own, and leave GDAL_HTTP_HEADERS out.
SIGNED_IN = ("GDAL_HTTP_AUTH", "GDAL_HTTP_BEARER")


@pytest.fixture
def as_() -> Iterator[Callable[[str | None], None]]:
    """Sign GDAL in, or out."""

    def sign(token: str | None) -> None:
        told = ("BEARER", token) if token else (None, None)
        pyogrio.set_gdal_config_options(dict(zip(SIGNED_IN, told, strict=True)))

    yield sign
    sign(None)


def read(source: str, **options: Any) -> Any:
    return pyogrio.read_dataframe(source, **options)


def metres(lon: float, lat: float) -> tuple[float, float]:
    return math.radians(lon) * R_M, math.asinh(math.tan(math.radians(lat))) * R_M


def keys(frame: Any, layer: str) -> set[str]:
    return set(frame[load_catalog()[layer].key])


# ---- OAPIF: features -------------------------------------------------------------------------------------------------


def test_oapif_lists_the_layers_that_are_open(served: Served, as_: Any) -> None:
    listed = pyogrio.list_layers(f"OAPIF:{served.base_url}/ogc")
    assert set(listed[:, 0]) == set(OPEN)
    as_(served.token)
    listed = pyogrio.list_layers(f"OAPIF:{served.base_url}/ogc")
    assert list(listed[:, 0]) == ALL


@pytest.mark.parametrize("layer", ALL)
def test_oapif_reads_every_feature_of_a_layer(served: Served, as_: Any, layer: str) -> None:
    as_(served.token)
    frame = read(f"OAPIF:{served.base_url}/ogc", layer=layer)
    assert len(frame) == served.counts[layer] > 0
    about = load_catalog()[layer]
    assert {field.name for field in about.fields} <= set(frame.columns)
    assert tiny_city.KEYS[layer] in keys(frame, layer)
    west, south, east, north = frame.total_bounds
    assert WEST - 0.01 <= west <= east <= EAST + 0.01
    assert SOUTH - 0.01 <= south <= north <= NORTH + 0.01


def test_oapif_walks_all_pages_and_gets_each_feature_once(served: Served) -> None:
    frame = read(f"OAPIF:{served.base_url}/ogc", layer="fixtures", PAGE_SIZE="400")
    assert len(frame) == len(keys(frame, "fixtures")) == served.counts["fixtures"] > PARTS


def test_oapif_filters_by_box_as_the_whole_cut_here(served: Served) -> None:
    box = (110.31, 20.01, 110.33, 20.02)
    whole = read(f"OAPIF:{served.base_url}/ogc", layer="fixtures")
    some = read(f"OAPIF:{served.base_url}/ogc", layer="fixtures", bbox=box)
    west, south, east, north = box
    assert keys(some, "fixtures") == keys(whole.cx[west:east, south:north], "fixtures")
    assert 0 < len(some) < len(whole)


def test_oapif_has_the_server_filter_by_attributes(served: Served, tmp_path: Path) -> None:
    whole = read(f"OAPIF:{served.base_url}/ogc", layer="fixtures")
    some = read(f"OAPIF:{served.base_url}/ogc", layer="fixtures", where="state = 'damaged'")
    assert keys(some, "fixtures") == keys(whole[whole.state == "damaged"], "fixtures")
    both = read(f"OAPIF:{served.base_url}/ogc", layer="fixtures", where="state = 'damaged' AND name_zh = '样例井盖70'")
    assert keys(both, "fixtures") == {"4601990101990070"}


def test_oapif_asks_for_a_span_of_time(served: Served, as_: Any) -> None:
    as_(served.token)
    # A driver's own name for the `datetime` parameter.
    whole = read(f"OAPIF:{served.base_url}/ogc", layer="cases")
    moment = str(whole[load_catalog()["cases"].time].min())[:10]
    past = read(f"OAPIF:{served.base_url}/ogc", layer="cases", DATETIME=f"../{int(moment[:4]) - 1}-01-01T00:00:00Z")
    until_now = read(f"OAPIF:{served.base_url}/ogc", layer="cases", DATETIME=f"{moment}T00:00:00Z/..")
    assert (len(past), len(until_now)) == (0, len(whole))


@pytest.mark.parametrize("layer", ["fixtures", "rivers", "grid_cells"])
@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4546"])
def test_oapif_reads_in_another_reference_system(served: Served, layer: str, crs: str) -> None:
    """The city's own survey grid, whose first axis points north, and the tiles' metres; against PROJ here."""
    plain = read(f"OAPIF:{served.base_url}/ogc", layer=layer).sort_values("code", ignore_index=True)
    frame = read(f"OAPIF:{served.base_url}/ogc", layer=layer, CRS=crs).sort_values("code", ignore_index=True)
    assert frame.crs.to_epsg() == int(crs[5:])
    assert list(frame.code) == list(plain.code)
    # What is answered has millimetres.
    assert frame.geometry.hausdorff_distance(plain.geometry.to_crs(crs)).max() < 0.002


# ---- OGCAPI: features and tiles --------------------------------------------------------------------------------------


def test_ogcapi_finds_collections_open_and_closed(served: Served, as_: Any) -> None:
    as_(served.token)
    for layer in ("rivers", "cases"):
        about = pyogrio.read_info(f"OGCAPI:{served.base_url}/ogc/collections/{layer}", API="ITEMS")
        assert about["layer_name"] == layer


@pytest.mark.parametrize("layer", ALL)
def test_ogcapi_reads_the_tiles_of_a_layer(served: Served, as_: Any, layer: str) -> None:
    """The driver (3.12) compares the collection's box, which is in degrees, with the matrix's metres, so it is told a
    box in metres; and it looks for attributes in a few tiles of that only. It knows the rest from the tileset.
    """
    as_(served.token)
    features = read(f"OAPIF:{served.base_url}/ogc", layer=layer)
    west, south, east, north = features.total_bounds
    zoom = _singly(layer)
    frame = read(
        f"OGCAPI:{served.base_url}/ogc/collections/{layer}",
        layer=f"Zoom level {zoom}",
        API="TILES",
        **_box(*metres(west, south), *metres(east, north)),
    )
    assert frame.crs.to_epsg() == 3857
    # What lies on the edge of a tile is in both, and each layer's label points are beside it.
    assert keys(frame, layer) == keys(features, layer)


def _singly(layer: str) -> int:
    """A zoom at which all features of a layer are drawn, and singly."""
    about = load_catalog()[layer]
    return max(about.minzoom, about.tiling.counted_below, 12, *(zoom for _, zoom in about.tiling.by_zoom))


def _box(west: float, south: float, east: float, north: float) -> dict[str, str]:
    return {"MINX": repr(west), "MINY": repr(south), "MAXX": repr(east), "MAXY": repr(north)}


# ---- MVT -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ALL)
def test_mvt_reads_a_tile_by_its_address(served: Served, as_: Any, layer: str) -> None:
    as_(served.token)
    zoom = _singly(layer)
    headers = {"Authorization": f"Bearer {served.token}"}
    tilejson = httpx2.get(f"{served.base_url}/tiles/{layer}.json", headers=headers).json()
    thing = read(f"OAPIF:{served.base_url}/ogc", layer=layer, bbox=(WEST, SOUTH, EAST, NORTH)).geometry.iloc[0]
    place = thing.representative_point()
    side = 2 * math.pi * R_M / 2**zoom
    x, y = metres(place.x, place.y)
    column, row = int((x + math.pi * R_M) / side), int((math.pi * R_M - y) / side)
    address = tilejson["tiles"][0].format(z=zoom, x=column, y=row)
    layers = list(pyogrio.list_layers(f"MVT:{address}")[:, 0])
    assert layer in layers
    frame = read(f"MVT:{address}", layer=layer)
    assert len(frame)
    # The driver knows from the address where the tile lies.
    assert frame.crs.to_epsg() == 3857
    assert frame.distance(geopandas.points_from_xy([x], [y])[0]).min() < side / 2


def test_mvt_reads_a_zoom_of_a_layer_as_a_whole(served: Served) -> None:
    whole = f"MVT:{served.base_url}/tiles/grid_cells/{_singly('grid_cells')}"
    frame = read(whole, layer="grid_cells", TILE_EXTENSION="mvt")
    assert keys(frame, "grid_cells") == keys(read(f"OAPIF:{served.base_url}/ogc", layer="grid_cells"), "grid_cells")
    assert frame.crs.to_epsg() == 3857


def test_mvt_reads_tiles_kept_as_files(served: Served, tmp_path: Path) -> None:
    at = next(iter(_tiles_of("grid_cells", 14)))
    z, x, y = at
    file = tmp_path / "grid_cells" / str(z) / str(x) / f"{y}.mvt"
    file.parent.mkdir(parents=True)
    file.write_bytes(httpx2.get(f"{served.base_url}/tiles/grid_cells/{z}/{x}/{y}.mvt").content)
    frame = read(str(file), layer="grid_cells")
    assert len(frame)
    assert frame.crs.to_epsg() == 3857


def _tiles_of(layer: str, zoom: int) -> Iterator[tuple[int, int, int]]:
    from tiles.grid import tile_of

    at = tile_of(110.345, 20.025, zoom)
    yield at.z, at.x, at.y
