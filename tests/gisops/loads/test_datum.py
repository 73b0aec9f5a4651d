"""A wrong declaration shows against a reference; a right one raises no alarm."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import shapely

from gisops.coordinates import from_wgs84_array, local_metres
from gisops.loads import datum
from gisops.loads.batches import Options
from gisops.loads.reading import open_source
from tests.real_data import real_data

Positions = npt.NDArray[np.float64]
CRS = ["WGS84", "GCJ02", "BD09"]


def shanghai(declared: str) -> tuple[Positions, list[str | None], Any, list[str]]:
    """Points of interest with the district each names, read as declared, and the districts."""
    points, codes = [], []
    options = Options(crs=declared, expected="point")
    with open_source(real_data("poi_shanghai") / "shanghai_poi_medical_transit.csv.gz", options) as source:
        for batch in source.batches():
            assert batch.geometry is not None
            points.append(shapely.get_coordinates(batch.geometry))
            codes += batch.fields["adname"]
    districts = real_data("poi_shanghai") / "districts_shanghai_wgs84_amap.geojson"
    with open_source(districts, Options(crs="WGS84", expected="polygon")) as source:
        (areas,) = source.batches()
    return np.vstack(points), codes, areas.geometry, list(areas.fields["district_name"])


def test_shanghai_as_it_is() -> None:
    found = datum.against_areas(*shanghai("WGS84"), "WGS84")
    assert found is not None
    assert found.points == 18_148
    assert found.scores["WGS84"] == pytest.approx(18_126 / 18_148, abs=1e-6)
    assert (found.best, found.verdict) == ("WGS84", "agrees")
    assert max(score for name, score in found.scores.items() if name != "WGS84") < 0.96


def test_shanghai_s_exceptions_stand_on_the_edge_of_the_district_they_name() -> None:
    """All but one of the 22 are within ten metres: stops in the middle of a street that parts two districts."""
    lonlat, codes, areas, names = shanghai("WGS84")
    by_name = dict(zip(names, areas, strict=True))
    points = shapely.points(lonlat)
    named = np.array([by_name[str(code)] for code in codes], dtype=object)
    apart = ~shapely.covers(named, points)
    scale = np.array(local_metres(31.2))
    metres = shapely.distance(
        shapely.points(lonlat[apart] * scale), shapely.transform(named[apart], lambda xy: xy * scale)
    )
    assert len(metres) == 22
    assert (metres <= 10).sum() == 21


def test_shanghai_declared_as_gcj02_falls_visibly_short() -> None:
    found = datum.against_areas(*shanghai("GCJ02"), "GCJ02")
    assert found is not None
    assert found.scores["GCJ02"] == pytest.approx(0.9574, abs=0.0005)
    assert found.scores["WGS84"] == pytest.approx(18_126 / 18_148, abs=1e-6)
    assert (found.declared, found.best, found.verdict) == ("GCJ02", "WGS84", "shifted")
    assert "WGS-84" in found.zh
    assert "look like WGS-84" in found.en
    assert json.loads(json.dumps(found.as_dict()))["verdict"] == "shifted"


def streets() -> Any:
    """A town of straight streets 120 m apart round (114.31, 34.80), none of them quite straight north."""
    per_lon, per_lat = local_metres(34.80)
    across = np.arange(-1500, 1501, 120.0)
    ends = [((x, -1500.0), (x + 90.0, 1500.0)) for x in across] + [((-1500.0, y), (1500.0, y + 70.0)) for y in across]
    return shapely.linestrings(np.array(ends) / (per_lon, per_lat) + (114.31, 34.80))


def fixtures_along(lines: Any, count: int = 3000) -> Positions:
    """Lamps some metres beside a street each."""
    chance = np.random.default_rng(11)
    on = shapely.line_interpolate_point(
        lines[chance.integers(len(lines), size=count)], chance.random(count), normalized=True
    )
    beside = chance.normal(0, 3.0, (count, 2)) / local_metres(34.80)
    return np.asarray(shapely.get_coordinates(on) + beside)


@pytest.mark.parametrize("really", CRS)
@pytest.mark.parametrize("declared", CRS)
def test_lamps_stand_along_streets_only_in_the_system_they_are_in(really: str, declared: str) -> None:
    from gisops.coordinates import to_wgs84_array

    lines = streets()
    x, y = from_wgs84_array(*fixtures_along(lines).T, really)  # what the file holds
    found = datum.against_lines(np.column_stack(to_wgs84_array(x, y, declared)), lines, declared)
    assert found is not None
    assert (found.declared, found.best) == (declared, really)
    assert found.verdict == ("agrees" if declared == really else "shifted")
    assert found.scores[really] < 4
    assert found.scores[declared] >= found.scores[really]


def test_what_stands_anywhere_raises_no_alarm() -> None:
    """Points that have nothing to do with streets fit no hypothesis better than another."""
    anywhere = np.random.default_rng(3).uniform((114.295, 34.79), (114.325, 34.81), (3000, 2))
    found = datum.against_lines(anywhere, streets(), "WGS84")
    assert found is not None
    assert found.verdict == "agrees"


def test_exchanged_columns_show_where_no_range_tells() -> None:
    """In the west of China both orders are in range."""
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(76.0, 76.2, 500), rng.uniform(39.4, 39.5, 500)
    half = np.where(lon < 76.1, "west", "east").tolist()
    areas = shapely.box([75.9, 76.1], [39.3, 39.3], [76.1, 76.3], [39.6, 39.6])
    found = datum.against_areas(np.column_stack((lat, lon)), half, areas, ["west", "east"], "WGS84")
    assert found is not None
    assert (found.verdict, found.scores["swapped"]) == ("swapped", 1.0)


def test_outside_china_no_shift_is_supposed() -> None:
    rng = np.random.default_rng(5)
    boston = np.column_stack((rng.uniform(-71.1, -71.0, 100), rng.uniform(42.3, 42.4, 100)))
    area = shapely.box([-71.2], [42.2], [-70.9], [42.5])
    found = datum.against_areas(boston, ["A1"] * 100, area, ["A1"], "EPSG:2249")
    assert found is not None
    assert found.scores == {"WGS84": 1.0, "swapped": 0.0}
    assert (found.declared, found.verdict) == ("WGS84", "agrees")


def test_a_reference_that_says_nothing_is_no_check() -> None:
    lonlat = np.array([[114.31, 34.80]] * 50)
    area = shapely.box([114.0], [34.0], [115.0], [35.0])
    assert datum.against_areas(lonlat, [None] * 50, area, ["x"], "WGS84") is None
    assert datum.against_areas(lonlat[:10], ["x"] * 10, area, ["x"], "WGS84") is None
    assert datum.against_lines(lonlat[:10], streets(), "WGS84") is None
    assert datum.against_lines(np.full((50, 2), np.nan), streets(), "WGS84") is None


def test_where_nothing_fits_it_says_so() -> None:
    lonlat = np.random.default_rng(1).uniform((114.0, 34.0), (114.1, 34.1), (100, 2))
    far = shapely.box([120.0], [30.0], [121.0], [31.0])
    found = datum.against_areas(lonlat, ["x"] * 100, far, ["x"], "CGCS2000")
    assert found is not None
    assert (found.declared, found.verdict) == ("WGS84", "undecided")
