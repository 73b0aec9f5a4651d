"""Shanghai: 16 districts and 18,148 places of a map's search, each of which names its district.

The places are WGS-84 already. Declared as GCJ-02 they are shifted once too often, which no map of points alone shows;
held against the districts it does, and `gisops check` says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.doctor import examine_database
from gisops.db.pool import Connection, connect
from gisops.loads import publishing
from tests.real_data import real_data
from tests.walk import real_city

PROFILE = """
name_zh = "上海市"
name_en = "Shanghai"
code = "310000"
extent = "{districts}"
extent_crs = "WGS84"
metric_srid = 4549

[district]
file = "{districts}"
code = "district_adcode"
name_zh = "district_name"
"""
MAPPING = """
x = "lon"
y = "lat"

[columns]
code = "id"
name_zh = "name"
address_zh = "address"
kind = { column = "type", values = { }, otherwise = "medical_or_transit" }

[expect]
district = "adname"
"""


@pytest.fixture(scope="module")
def shanghai(database: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    districts = real_data("poi_shanghai", "districts_shanghai_wgs84_amap.geojson")
    folder = tmp_path_factory.mktemp("shanghai")
    (folder / "mapping.toml").write_text(MAPPING, "utf-8")
    with real_city.owner(database) as conn:
        made = real_city.found_city(conn, folder, PROFILE.format(districts=districts))
        assert made.districts == 16
        yield conn, folder
    # left as it was found: the databases of this module go with it


def pois() -> Path:
    return real_data("poi_shanghai", "shanghai_poi_medical_transit.csv.gz")


def datum_words(database: Any) -> list[tuple[bool, str]]:
    with connect(database.app_url) as conn:
        return [(one.ok, one.state) for one in examine_database(conn) if one.name.startswith("Datum of places")]


def test_the_same_places_declared_as_gcj02_fall_short_and_check_says_so(
    shanghai: tuple[Connection, Path], database: Any
) -> None:
    conn, folder = shanghai
    wrong = real_city.load(conn, "places", pois(), folder / "mapping.toml", crs="GCJ02", publish=False)
    judged = wrong.audit["datum"]
    assert (judged["declared"], judged["best"], judged["verdict"]) == ("GCJ02", "WGS84", "shifted")
    assert wrong.audit["agreement"]["share"] < 0.965
    assert judged["scores"]["WGS84"] >= 0.998
    assert judged["scores"]["GCJ02"] < 0.965
    ((fine, words),) = datum_words(database)
    assert not fine
    assert "GCJ02" in words
    assert "WGS-84" in words
    with conn.transaction():
        publishing.discard(conn, wrong.load_id)
    assert datum_words(database) == []


def test_999_of_1000_places_lie_in_the_district_they_name_or_on_its_border(
    shanghai: tuple[Connection, Path], database: Any
) -> None:
    conn, folder = shanghai
    done = real_city.load(conn, "places", pois(), folder / "mapping.toml", crs="WGS84")
    agreed = done.audit["agreement"]
    assert agreed["compared"] == 18_148
    # 22 lie beyond the border as it is drawn, 21 of them by less than ten metres: one in 18,148 lies elsewhere
    assert agreed["share"] >= 0.998
    assert agreed["share_within_error"] >= 0.999
    assert agreed["causes"].get("elsewhere", 0) <= 1
    # each of them is told with its distance
    assert agreed["compared"] - agreed["equal"] == len(agreed["differs"]) == sum(agreed["causes"].values())
    assert all(one["away_m"] > 0 for one in agreed["differs"])
    assert done.audit["pile_ups"] == []
    assert (done.rows_read, done.taken, done.outcome["added"]) == (18_148, 18_148, 18_148)
    held = conn.execute("SELECT count(*) AS n, count(DISTINCT district_code) AS districts FROM places").fetchone()
    assert held == {"n": 18_148, "districts": 16}
    assert [fine for fine, _ in datum_words(database)] == [True]
    again = real_city.load(conn, "places", pois(), folder / "mapping.toml", crs="WGS84")
    assert (again.outcome["added"], again.outcome["changed"], again.outcome["unchanged"]) == (0, 0, 18_148)


def test_without_a_declared_system_nothing_is_guessed(shanghai: tuple[Connection, Path]) -> None:
    from gisops.loads.failures import UndeclaredCrs

    conn, folder = shanghai
    with pytest.raises(UndeclaredCrs):
        real_city.load(conn, "places", pois(), folder / "mapping.toml", publish=False)


def test_the_districts_as_zones_of_a_published_set(shanghai: tuple[Connection, Path]) -> None:
    conn, folder = shanghai
    districts = real_data("poi_shanghai", "districts_shanghai_wgs84_amap.geojson")
    (folder / "zones.toml").write_text('[columns]\ncode = "district_adcode"\nname_zh = "district_name"\n', "utf-8")
    (folder / "offices.toml").write_text(
        '[columns]\ncode = "district_adcode"\nname_zh = { template = "{district_name}城管执法局" }\n', "utf-8"
    )
    offices = real_city.load(conn, "organisations", districts, folder / "offices.toml", crs="WGS84")
    assert offices.outcome["added"] == 16
    (folder / "zones.toml").write_text(
        '[columns]\ncode = "district_adcode"\nname_zh = "district_name"\norganisation = "district_adcode"\n', "utf-8"
    )
    done = real_city.load(conn, "zones", districts, folder / "zones.toml", crs="WGS84")
    assert done.outcome["added"] == 16
    tiling = done.audit["tiling"]["territory"]
    assert tiling["polygons"] == 16
    row = conn.execute(
        "SELECT status, lower(valid) <= '2000-01-01 00:00+00' AS always FROM zone_sets WHERE code = %s",
        [done.outcome["zone_set"]],
    ).fetchone()
    assert row == {"status": "published", "always": True}
