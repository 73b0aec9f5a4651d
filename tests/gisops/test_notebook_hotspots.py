"""The planner's door to hot spots: the heaps are found, the placeholder never is, and maps draw our own tiles."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import folium
import geopandas as gpd
import numpy as np
import pytest
from shapely import Point

from gisops import connect
from gisops.errors import InvalidInput, NotReady
from gisops.notebook import CityData
from tests.gisops.told_cases import SHARES, tell

COUNT = 2_000
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
Heaps = dict[str, tuple[float, float]]


@pytest.fixture(scope="module")
def heaps(sample_database) -> Heaps:
    return tell(sample_database.app_url, COUNT)


@pytest.fixture(scope="module")
def city(sample_database, heaps: Heaps) -> Iterator[CityData]:
    with connect(sample_database.app_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def cases(city: CityData) -> gpd.GeoDataFrame:
    found = city.cases()
    assert len(found) == COUNT
    return found


def _at(frame: gpd.GeoDataFrame, where: tuple[float, float]) -> gpd.GeoDataFrame:
    return frame[frame.intersects(Point(where))]


def test_cases_of_a_box_are_those_in_it(city: CityData, cases: gpd.GeoDataFrame, heaps: Heaps) -> None:
    lon, lat = heaps["market"]
    box = (lon - 0.002, lat - 0.002, lon + 0.002, lat + 0.002)
    some = city.cases(bbox=box)
    west, south, east, north = some.total_bounds
    assert box[0] <= west < east <= box[2]
    assert box[1] <= south < north <= box[3]
    assert len(some) == len(cases.cx[box[0] : box[2], box[1] : box[3]])


def test_the_placeholder_is_named_and_set_aside(city: CityData, cases: gpd.GeoDataFrame, heaps: Heaps) -> None:
    piles = city.pileups(cases)
    assert [(round(pile.x, 6), round(pile.y, 6)) for pile in piles.geometry] == [heaps["placeholder"]]
    assert piles["cases"].tolist() == [int(SHARES["placeholder"] * COUNT)]
    kept = city.placed(cases)
    assert len(kept) == len(cases) - piles["cases"].sum()
    assert city.pileups(kept).empty


def test_every_placed_case_is_on_a_hexagon_and_empty_ones_are_there_too(
    city: CityData, cases: gpd.GeoDataFrame
) -> None:
    found = city.hexagons(cases, edge_m=40)
    assert found["cases"].sum() == len(city.placed(cases))
    assert (found["cases"] == 0).any()
    assert found.crs.to_epsg() == 4326
    joined = city.placed(cases).sjoin(found[["cases", "geometry"]], predicate="intersects")
    assert (joined.groupby("index_right").size() == found["cases"][found["cases"] > 0]).all()
    metric = found.to_crs(city.metric_srid)
    assert metric.area.to_numpy() == pytest.approx(np.full(len(found), 1.5 * 3**0.5 * 40**2), rel=1e-6)
    half = city.grid_cells().iloc[:100]
    some = city.hexagons(cases, edge_m=40, area=half)
    assert some["cases"].sum() == found["cases"].sum()
    assert len(some) < len(found)


def test_the_heaps_are_hot_and_the_placeholder_is_not(city: CityData, cases: gpd.GeoDataFrame, heaps: Heaps) -> None:
    found = city.hotspots(cases, edge_m=60, q=0.01)
    assert _at(found, heaps["market"])["spot"].tolist() == ["hot"]
    assert _at(found, heaps["underpass"])["spot"].tolist() == ["hot"]
    assert _at(found, heaps["placeholder"])["spot"].tolist() != ["hot"]
    assert ((found["spot"] == "hot") == ((found["q"] <= 0.01) & (found["z"] > 0))).all()
    hot = found[found["spot"] == "hot"].to_crs(city.metric_srid)
    middles = gpd.GeoSeries.from_xy(*zip(heaps["market"], heaps["underpass"], strict=True), crs=4326)
    distance = [hot.distance(middle).min() for middle in middles.to_crs(city.metric_srid)]
    assert distance == [0, 0]
    near = middles.to_crs(city.metric_srid).buffer(350).union_all()
    assert hot.within(near).mean() > 0.9


def test_with_the_placeholder_left_in_it_would_be_the_hottest(
    cases: gpd.GeoDataFrame, city: CityData, heaps: Heaps
) -> None:
    """So that the test above tests something."""
    from gisops.hotspots import frames, getis_ord, hexagons

    counted = hexagons.count(*frames.metres(cases, city.metric_srid), 60).grown(3)
    hottest = getis_ord.gi_star(counted).z.argmax()
    x, y = (each[hottest] for each in counted.centres())
    pile = gpd.GeoSeries([Point(heaps["placeholder"])], crs=4326).to_crs(city.metric_srid)[0]
    assert pile.distance(Point(x, y)) < 150


def test_density_bands_hold_the_heaps_in_their_highest(city: CityData, cases: gpd.GeoDataFrame, heaps: Heaps) -> None:
    bands = city.density(cases, bandwidth_m=60, cell_m=20)
    assert (bands["from_per_km2"] < bands["to_per_km2"]).all()
    assert bands["from_per_km2"].is_monotonic_increasing
    assert bands.geometry.is_valid.all()
    assert _at(bands, heaps["market"])["from_per_km2"].tolist() == [bands["from_per_km2"].max()]
    lowest = bands["from_per_km2"].min()
    assert (_at(bands, heaps["placeholder"])["from_per_km2"] <= 4 * lowest).all()
    metric = bands.to_crs(city.metric_srid)
    assert metric.area.to_numpy() / 400 == pytest.approx(np.round(metric.area / 400), rel=1e-6)


def test_the_two_largest_crowds_are_the_heaps(city: CityData, cases: gpd.GeoDataFrame, heaps: Heaps) -> None:
    crowds = city.clusters(cases, reach_m=35, min_cases=20)
    assert crowds["cases"].is_monotonic_decreasing
    assert _at(crowds, heaps["market"])["cluster"].tolist() == [0]
    assert _at(crowds, heaps["underpass"])["cluster"].tolist() == [1]
    assert _at(crowds, heaps["placeholder"]).empty
    assert (crowds["first_at"] < crowds["last_at"]).all()
    assert set(crowds["category_en"]) <= set(cases["category_en"])
    nothing = city.clusters(cases.iloc[:30], reach_m=5, min_cases=25)
    assert (len(nothing), nothing.crs.to_epsg()) == (0, 4326)


def test_lines_and_areas_make_no_hot_spots(city: CityData) -> None:
    with pytest.raises(InvalidInput):
        city.hexagons(city.zones())


def test_a_map_carries_the_frames_own_colours(city: CityData, cases: gpd.GeoDataFrame) -> None:
    spots = city.hotspots(cases, edge_m=80)
    page = city.map(spots, city.clusters(cases)).get_root().render()
    assert all(colour in page for colour in set(spots["colour"]))
    assert "colour" not in json.loads(page.split("fields = ")[1].split(";")[0])


def test_a_server_that_does_not_answer_says_what_to_do(sample_database, cases: gpd.GeoDataFrame) -> None:
    with connect(sample_database.app_url, server="http://127.0.0.1:1") as opened:
        with pytest.raises(NotReady) as refused:
            opened.map(cases)
        assert "make run" in refused.value.facts["do"]
    with connect(sample_database.app_url, server="file:///etc/passwd") as opened, pytest.raises(InvalidInput):
        opened.map(cases)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("notebook", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom_and_is_kept_without_outputs(
    notebook: Path, live_server, heaps: Heaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GISOPS_DATABASE_URL", live_server.database.app_url)
    monkeypatch.setenv("GISOPS_SERVER", live_server.base_url)
    maps, names = 0, dict[str, object]()
    cells = [cell for cell in json.loads(notebook.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert cells
    try:
        for number, cell in enumerate(cells, 1):
            assert (cell["outputs"], cell["execution_count"]) == ([], None), f"{notebook.name} keeps outputs"
            shown = _run("".join(cell["source"]), f"{notebook.name}[{number}]", names)
            if isinstance(shown, folium.Map):
                maps += 1
                assert f"{live_server.base_url}/tiles/" in shown.get_root().render()
    finally:
        opened = names.get("city")
        if isinstance(opened, CityData):
            opened.close()
    assert maps >= {"03_zone_balance": 1, "04_flood_exposure": 2}.get(notebook.stem, 4)
    if notebook.stem == "02_hotspots":
        assert len(names["piles"]) == 1
        assert {"hot"} < set(names["spots"]["spot"])
        assert len(names["crowds"]) >= 2
    if notebook.stem == "03_zone_balance":
        assert names["agreement"] > 0.95
        assert len(names["ours"]) > 100
    if notebook.stem == "04_flood_exposure":
        assert len(names["hit"]) > 0
        assert names["people_known"]
        assert ((names["safe"] == 0) | (names["safe"] >= 5)).stack().dropna().all()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_page_about_hot_spots_does_what_it_says(
    live_server, heaps: Heaps, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = (NOTEBOOKS.parent / "docs" / "howto" / "find-hotspots.md").read_text("utf-8")
    program = page.split("```python\n")[1].split("```")[0]
    assert "http://127.0.0.1:8000" in program
    monkeypatch.setenv("GISOPS_DATABASE_URL", live_server.database.app_url)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(program.replace("http://127.0.0.1:8000", live_server.base_url), names)
    with cast(CityData, names["city"]) as city:
        assert (tmp_path / "hotspots.html").stat().st_size > 200_000
        assert all(hasattr(city, called) for called in re.findall(r"`city\.(\w+)\(", page))


def _run(source: str, name: str, names: dict[str, object]) -> object:
    """Run a cell, and return the value of its last line, which a notebook would show."""
    body = ast.parse(source, name).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), name, "exec"), names)
    return eval(compile(ast.Expression(last.value), name, "eval"), names) if isinstance(last, ast.Expr) else None
