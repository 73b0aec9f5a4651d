"""The planner's door, on the sample city."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from psycopg import errors

from gisops import connect
from gisops.db.pool import connect as open_connection
from gisops.errors import InvalidInput, NotAllowed, NotFound, NotReady
from gisops.notebook import CityData
from layers.catalog import Layer, load_catalog
from layers.viewer import viewer_of

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="module")
def city(sample_database) -> Iterator[CityData]:
    with connect(sample_database.app_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def reported(sample_database, city: CityData) -> gpd.GeoDataFrame:
    """Two cases, one reported before and one after midnight of the first of November, where the city is."""
    from uuid import uuid4

    from gisops import city as cities
    from gisops import operations
    from gisops.cases.reports import NewReport

    lon, lat = city.zones().union_all().representative_point().coords[0]
    with open_connection(sample_database.app_url) as conn:
        for moment in ("2026-10-31T15:59:00+00:00", "2026-10-31T16:01:00+00:00"):
            conn.execute(
                "SELECT set_config('gisops.clock_offset', (%s::timestamptz - now())::text, true)",
                [moment],
            )
            report = NewReport(uuid4(), "citizen", "E04-05", lon, lat, "WGS84", 5.0, "样例 / sample")
            operations.receive_report(conn, cities.load(conn), report, None)
            conn.commit()
    return city.cases()


def test_frames_are_in_degrees_and_moments_in_the_citys_time(city: CityData, reported: gpd.GeoDataFrame) -> None:
    for frame in (city.zones(), city.grid_cells(), city.parts(), reported):
        assert isinstance(frame, gpd.GeoDataFrame)
        assert len(frame) > 0
        assert frame.crs.to_epsg() == 4326
        west, south, east, north = frame.total_bounds
        assert 110 < west < east + 1e-9 < 111
        assert 20 < south < north + 1e-9 < 21
    assert str(reported["reported_at"].dt.tz) == "Asia/Shanghai"
    assert (len(city.zones()), len(city.grid_cells())) == (60, 200)


def test_a_day_begins_at_midnight_where_the_city_is(city: CityData, reported: gpd.GeoDataFrame) -> None:
    first, second = reported["case_no"]
    assert list(city.cases(since="2026-11-01")["case_no"]) == [second]
    assert list(city.cases(until="2026-11-01")["case_no"]) == [first]
    assert list(city.cases(since="2026-10-31T16:00:00+00:00")["case_no"]) == [second]
    assert city.cases(since="2099-01-01").empty


def test_before_there_were_zones_there_are_none(city: CityData) -> None:
    assert city.zones(at="1999-01-01").empty


@pytest.mark.parametrize("layer", list(load_catalog()), ids=lambda layer: layer.id)
def test_a_layer_has_what_a_planner_may_see_and_nothing_personal(layer: Layer, city: CityData) -> None:
    if layer.field_class == "personal":
        with pytest.raises(NotAllowed):
            city.layer(layer.id)
        return
    seen = {field.name for field in viewer_of("planner").fields_of(layer)}
    assert set(city.layer(layer.id).columns) == seen | {"geometry"}


def test_whoever_is_named_sees_their_part_of_the_city(
    sample_database, city: CityData, reported: gpd.GeoDataFrame
) -> None:
    with connect(sample_database.app_url, login="handler") as theirs:
        assert len(theirs.cases()) < len(reported)
        assert len(theirs.layer("cases")) < len(city.layer("cases"))
        # Of a public layer everything is there, and what is for staff only where it is theirs to know.
        buildings = theirs.layer("buildings")
        assert len(buildings) == len(city.layer("buildings"))
        assert buildings["residents"].isna().all()
        assert city.layer("buildings")["residents"].notna().any()
    with pytest.raises(NotFound, match="no account nobody"):
        connect(sample_database.app_url, login="nobody")


def test_without_a_planner_only_what_is_public_is_read(fresh_database) -> None:
    database = fresh_database("sample_template")
    with open_connection(database.owner_url) as owner:
        owner.execute("UPDATE accounts SET active = false WHERE role = 'planner'")
    with connect(database.app_url) as anybodys:
        assert len(anybodys.cases()) == 0
        for layer in load_catalog():
            if layer.public:
                seen = {field.name for field in layer.public_fields}
                assert set(anybodys.layer(layer.id).columns) == seen | {"geometry"}
            else:
                with pytest.raises(NotAllowed):
                    anybodys.layer(layer.id)


def test_every_layer_is_there(city: CityData) -> None:
    assert city.layers() == sorted(layer.id for layer in load_catalog())
    with pytest.raises(NotFound) as refused:
        city.layer("no_such_layer")
    assert "zones" in refused.value.facts["layers"]


def test_a_box_holds_only_what_it_touches(city: CityData) -> None:
    everything = city.layer("buildings")
    west, south, east, north = everything.total_bounds
    box = (west, south, (west + east) / 2, (south + north) / 2)
    some = city.layer("buildings", box)
    assert 0 < len(some) < len(everything)
    touching = everything[everything.intersects(shapely.box(*box))]
    assert sorted(some["code"]) == sorted(touching["code"])


def test_it_cannot_write(city: CityData) -> None:
    with pytest.raises(errors.ReadOnlySqlTransaction):
        city._conn.execute("DELETE FROM sessions")


class _Addresses(HTMLParser):
    """Every address a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


def test_a_map_asks_no_other_host_for_anything(city: CityData, reported: gpd.GeoDataFrame) -> None:
    for frame in (city.zones(), city.parts(), reported):
        page = city.map(frame).get_root().render()
        addresses = _Addresses()
        addresses.feed(page)
        assert len(addresses.found) >= 2  # Leaflet and its style sheet
        assert {address[:5] for address in addresses.found} == {"data:"}
        assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}/", page) == []


def test_a_map_of_nothing_is_refused(city: CityData) -> None:
    with pytest.raises(InvalidInput):
        city.map(city.cases(since="2099-01-01"))


def test_a_database_that_does_not_answer_says_what_to_do() -> None:
    with pytest.raises(NotReady) as refused:
        connect("postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1")
    assert "make run" in refused.value.facts["do"]


def test_a_database_without_a_city_says_what_to_do(database) -> None:
    with pytest.raises(NotReady) as refused:
        connect(database.app_url)
    assert refused.value.facts["do"] == "gisops sample"


def test_from_a_notebooks_folder_the_settings_above_are_found(
    sample_database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(f"GISOPS_DATABASE_URL={sample_database.app_url}\n", "utf-8")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    with connect() as city:
        assert city.code == "469900"
    (tmp_path / ".env").unlink()
    (tmp_path / ".gisops").mkdir()
    with pytest.raises(NotReady) as refused:  # the private cluster's socket, and nobody behind it
        connect()
    assert "make run" in refused.value.facts["do"]


def test_importing_gisops_imports_no_data_frames() -> None:
    code = "import sys, gisops; gisops.connect; print({'geopandas', 'pandas', 'folium', 'psycopg'} & set(sys.modules))"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=NOTEBOOKS.parent, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "set()"
