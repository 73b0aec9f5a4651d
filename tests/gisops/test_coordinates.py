"""Coordinates as they arrive: golden vectors, round trips, and what is said about bad ones."""

from __future__ import annotations

import csv
import json
import math
import threading
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from gisops import crs as systems
from gisops import datum_shift
from gisops.coordinates import (
    check_lonlat,
    distance_m,
    from_wgs84,
    from_wgs84_array,
    gauss_kruger_srid,
    local_metres,
    parse_crs,
    to_wgs84,
    to_wgs84_array,
)
from gisops.crs import transformer
from gisops.errors import InvalidCoordinate, SwappedCoordinate, UnknownCrs
from tests.real_data import real_data

GEOD = Geod(ellps="WGS84")

SYSTEMS = ["WGS84", "GCJ02", "BD09", "CGCS2000", "EPSG:4547", "EPSG:4526", "EPSG:3857"]
KAIFENG = (114.31, 34.80)
KAIFENG_BOX = (114.0, 34.5, 114.7, 35.1)

china_lon = st.floats(73.0, 137.0)
china_lat = st.floats(2.0, 55.0)
# EPSG:4547 and 4526 are the strip of 114 degrees east, in use from Guangdong to Inner Mongolia.
strip_lon = st.floats(112.5, 115.5)
strip_lat = st.floats(21.52, 45.45)


def vectors(op: str) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    with real_data("datum", "eviltransform_vectors.csv").open(encoding="utf-8", newline="") as file:
        return [
            ((float(row["in_lon"]), float(row["in_lat"])), (float(row["out_lon"]), float(row["out_lat"])))
            for row in csv.DictReader(file)
            if row["op"] == op
        ]


def metres_between(a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(GEOD.inv(*a, *b)[2])


# Golden vectors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wgs", "gcj"),
    [
        ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
        ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
        ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
        (KAIFENG, (114.31584804954622, 34.79911428991941)),
    ],
)
def test_the_published_vectors_of_gcj02_come_out_to_the_last_digit(
    wgs: tuple[float, float], gcj: tuple[float, float]
) -> None:
    assert from_wgs84(*wgs, "GCJ02") == pytest.approx(gcj, rel=0, abs=3e-14)
    assert metres_between(to_wgs84(*gcj, "GCJ02"), wgs) < 2e-6


def test_the_published_vector_of_bd09_comes_out_to_the_last_digit() -> None:
    bd = (114.32241763281067, 34.804882522733315)
    assert from_wgs84(*KAIFENG, "BD09") == pytest.approx(bd, rel=0, abs=3e-14)
    assert metres_between(to_wgs84(*bd, "BD09"), KAIFENG) < 2e-6


def test_the_recorded_gcj02_vectors_agree_to_their_six_decimals() -> None:
    rows = vectors("wgs2gcj")
    assert len(rows) >= 3
    for given_point, expected in rows:
        assert from_wgs84(*given_point, "GCJ02") == pytest.approx(expected, rel=0, abs=5e-7)


def test_the_recorded_bd09_vectors_are_those_of_a_known_slip_and_not_ours() -> None:
    """The release they were recorded from computes with pi where Baidu's formula has pi * 3000 / 180.

    With that slip, and its one-step inverse, they come out exactly; so they say nothing against the right
    formula, from which they lie 11 m and 41 m away.
    """
    rows = vectors("bd2wgs")
    assert len(rows) >= 2
    for (lon, lat), recorded in rows:
        x, y = lon - 0.0065, lat - 0.006
        z = math.hypot(x, y) - 0.00002 * math.sin(y * math.pi)
        theta = math.atan2(y, x) - 0.000003 * math.cos(x * math.pi)
        gcj_lon, gcj_lat = z * math.cos(theta), z * math.sin(theta)
        east, north = datum_shift.gcj_shift(gcj_lon, gcj_lat, datum_shift.ONE)
        assert (gcj_lon - east, gcj_lat - north) == pytest.approx(recorded, rel=0, abs=5e-7)
        ours = to_wgs84(lon, lat, "BD09")
        assert 10 < metres_between(ours, recorded) < 42
        assert from_wgs84(*ours, "BD09") == pytest.approx((lon, lat), rel=0, abs=1e-10)


def test_gcj02_is_some_500_metres_off_and_bd09_about_a_kilometre() -> None:
    assert metres_between(from_wgs84(*KAIFENG, "GCJ02"), KAIFENG) == pytest.approx(544, abs=1)
    assert 691 <= metres_between(from_wgs84(*KAIFENG, "BD09"), KAIFENG) <= 1522


@pytest.mark.parametrize(
    ("lon", "srid"), [(111, 4546), (108, 4545), (120, 4549), (126, 4551), (114, 4547), (75, 4534), (135, 4554)]
)
def test_a_central_meridian_names_its_survey_strip(lon: float, srid: int) -> None:
    assert gauss_kruger_srid(lon) == srid
    assert gauss_kruger_srid(lon, zone_prefix=True) == srid - 21
    # EPSG's own definition puts the central meridian at the false easting.
    assert from_wgs84(lon, 30.0, f"EPSG:{srid}")[0] == pytest.approx(500_000, abs=1e-6)
    assert from_wgs84(lon, 30.0, f"EPSG:{srid - 21}")[0] == pytest.approx(lon / 3 * 1e6 + 500_000, abs=1e-6)


def test_a_longitude_finds_the_strip_it_lies_in() -> None:
    assert gauss_kruger_srid(110.33) == 4546
    assert gauss_kruger_srid(109.37) == 4545
    assert gauss_kruger_srid(112.5) == gauss_kruger_srid(115.4999) == 4547
    for outside in (73.4, 136.5, math.nan):
        with pytest.raises(InvalidCoordinate):
            gauss_kruger_srid(outside)


def test_easting_comes_before_northing_whatever_the_definition_says() -> None:
    x, y = from_wgs84(*KAIFENG, "EPSG:4547")
    assert 500_000 < x < 560_000
    assert 3_800_000 < y < 3_900_000
    assert to_wgs84(x + 38_000_000, y, "EPSG:4526") == pytest.approx(KAIFENG, rel=0, abs=1e-11)


# Round trips ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crs", ["GCJ02", "BD09", "CGCS2000", "EPSG:3857"])
@given(lon=china_lon, lat=china_lat)
def test_a_point_in_china_comes_back_from_every_system(crs: str, lon: float, lat: float) -> None:
    back = to_wgs84(*from_wgs84(lon, lat, crs), crs)
    assert back == pytest.approx((lon, lat), rel=0, abs=1e-9)


@pytest.mark.parametrize("crs", ["EPSG:4547", "EPSG:4526"])
@given(lon=strip_lon, lat=strip_lat)
def test_a_point_of_the_strip_comes_back_from_its_plane(crs: str, lon: float, lat: float) -> None:
    back = to_wgs84(*from_wgs84(lon, lat, crs), crs)
    assert back == pytest.approx((lon, lat), rel=0, abs=1e-9)


@pytest.mark.parametrize("crs", ["GCJ02", "BD09"])
def test_three_steps_bring_the_inverse_to_about_a_micrometre(crs: str) -> None:
    rng = np.random.default_rng(20130428)
    lon, lat = rng.uniform(73.5, 135.0, 20_000), rng.uniform(18.0, 53.5, 20_000)
    back_lon, back_lat = to_wgs84_array(*from_wgs84_array(lon, lat, crs), crs)
    metres = GEOD.inv(lon, lat, back_lon, back_lat)[2]
    assert metres.max() < 2e-6


@pytest.mark.parametrize("crs", SYSTEMS)
@given(points=st.lists(st.tuples(strip_lon, strip_lat), min_size=1, max_size=8))
def test_arrays_give_the_answers_of_single_points(crs: str, points: list[tuple[float, float]]) -> None:
    lon, lat = (np.array(column) for column in zip(*points, strict=True))
    x, y = from_wgs84_array(lon, lat, crs)
    singles = [from_wgs84(*point, crs) for point in points]
    # Projected metres run to 4e7, where 1e-14 of the value is the last bits.
    assert np.column_stack([x, y]) == pytest.approx(np.array(singles), rel=3e-15, abs=1e-12)
    back = np.column_stack(to_wgs84_array(x, y, crs))
    assert back == pytest.approx(np.array([to_wgs84(*single, crs) for single in singles]), rel=0, abs=1e-12)


def test_arrays_keep_their_shape_and_leave_what_was_given_alone() -> None:
    lon, lat = np.full((2, 3), 114.3), np.full((2, 3), 34.8)
    for crs in SYSTEMS:
        x, y = to_wgs84_array(*from_wgs84_array(lon, lat, crs), crs)
        assert x.shape == y.shape == (2, 3)
        x += 1
    assert (lon == 114.3).all()
    assert (lat == 34.8).all()
    empty_x, empty_y = to_wgs84_array([], [], "GCJ02")
    assert empty_x.size == empty_y.size == 0


def test_a_caller_who_goes_through_all_systems_does_not_fill_the_memory() -> None:
    for number in range(4513, 4554):
        transformer(number, 4326)
    kept: dict[tuple[int, int], object] = systems._local.transformers
    assert len(kept) <= 32
    assert (4553, 4326) in kept


def test_every_thread_has_its_own_transformer_and_keeps_it() -> None:
    mine = transformer(4547, 4326)
    seen: list[Any] = []

    def other() -> None:
        seen.append(transformer(4547, 4326))
        seen.append(to_wgs84(528368.0657777961, 3852448.951117105, "EPSG:4547"))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert transformer(4547, 4326) is mine
    assert seen[0] is not mine
    assert seen[1] == pytest.approx(KAIFENG, rel=0, abs=1e-9)


# Reference systems ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("WGS84", "WGS84"),
        ("wgs-84", "WGS84"),
        (" Gcj_02 ", "GCJ02"),
        ("GCJ-02", "GCJ02"),
        ("bd-09", "BD09"),
        ("cgcs2000", "CGCS2000"),
        ("CGCS-2000", "CGCS2000"),
        ("epsg:4326", "WGS84"),
        ("EPSG:4490", "CGCS2000"),
        ("EPSG: 4547", "EPSG:4547"),
    ],
)
def test_a_reference_system_is_read_however_it_is_spelt(sent: str, name: str) -> None:
    assert parse_crs(sent).name == name


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "  ",
        "WGS",
        "GCJ",
        "Mars",
        "4547",
        "EPSG:",
        "EPSG:999999",
        "EPSG:0004547",
        "EPSG:45479999999",
        "EPSG:5773",  # a height
        "EPSG:4979",  # three axes
        "EPSG:4978",  # geocentric
        "x" * 10_000,
    ],
)
def test_an_unknown_or_missing_crs_is_refused_with_the_accepted_ones(sent: str | None) -> None:
    with pytest.raises(UnknownCrs) as refused:
        to_wgs84(114.3, 34.8, sent)
    assert refused.value.facts["accepted"] == ["WGS84", "GCJ02", "BD09", "CGCS2000", "EPSG:<n>"]
    assert len(refused.value.message) < 200
    with pytest.raises(UnknownCrs):
        from_wgs84_array([114.3], [34.8], sent)


def test_a_crs_that_is_no_text_is_refused_too() -> None:
    for sent in (4326, ["WGS84"], True):
        with pytest.raises(UnknownCrs):
            parse_crs(sent)  # type: ignore[arg-type]


# Bad coordinates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crs", SYSTEMS)
@pytest.mark.parametrize(
    "bad", [math.nan, math.inf, -math.inf, None, "114.3", True, 10**400, [114.3], complex(1, 2), Decimal("sNaN")]
)
def test_what_is_no_finite_number_is_refused(crs: str, bad: Any) -> None:
    pairs: list[tuple[Any, Any]] = [(bad, 34.8), (114.3, bad)]
    for pair in pairs:
        with pytest.raises(InvalidCoordinate) as refused:
            to_wgs84(*pair, crs)
        json.dumps(refused.value.facts, allow_nan=False)
        assert not isinstance(refused.value, SwappedCoordinate)
        with pytest.raises(InvalidCoordinate):
            check_lonlat(*pair)


def test_whole_numbers_and_numpy_numbers_are_coordinates() -> None:
    assert check_lonlat(114, np.float32(34.5)) == (114.0, 34.5)
    assert all(type(value) is float for value in check_lonlat(np.float64(114), np.int64(34)))
    assert check_lonlat(180, -90) == (180.0, -90.0)


def test_a_swapped_pair_is_recognised_and_the_right_one_suggested() -> None:
    with pytest.raises(SwappedCoordinate) as refused:
        to_wgs84(34.8, 114.31, "WGS84")
    assert refused.value.code == "swapped_coordinate"
    assert refused.value.facts["suggestion"] == {"lon": 114.31, "lat": 34.8}


@pytest.mark.parametrize("crs", ["GCJ02", "BD09", "CGCS2000"])
def test_a_swapped_pair_is_recognised_in_chinas_systems_too(crs: str) -> None:
    with pytest.raises(SwappedCoordinate) as refused:
        to_wgs84(34.8, 114.31, crs)
    assert refused.value.facts["suggestion"] == {"lon": 114.31, "lat": 34.8}


def test_west_of_ninety_degrees_only_the_citys_extent_can_tell_a_swap() -> None:
    urumqi = (87.3, 43.5, 88.0, 44.1)
    assert check_lonlat(43.8, 87.6) == (43.8, 87.6)
    with pytest.raises(SwappedCoordinate) as refused:
        check_lonlat(43.8, 87.6, urumqi)
    assert refused.value.facts["suggestion"] == {"lon": 87.6, "lat": 43.8}
    assert check_lonlat(87.6, 43.8, urumqi) == (87.6, 43.8)


def test_out_of_range_both_ways_is_no_swap() -> None:
    for pair in ((200.0, 34.8), (114.0, -181.0), (181.0, 181.0), (91.0, 91.0)):
        with pytest.raises(InvalidCoordinate) as refused:
            check_lonlat(*pair)
        assert type(refused.value) is InvalidCoordinate


def test_a_swap_that_would_land_outside_the_city_is_not_suggested() -> None:
    with pytest.raises(InvalidCoordinate) as refused:
        check_lonlat(20.0, 110.0, KAIFENG_BOX)
    assert type(refused.value) is InvalidCoordinate
    assert check_lonlat(116.0, 39.9, KAIFENG_BOX) == (116.0, 39.9)  # outside, but no swap: not for this check


@pytest.mark.parametrize("crs", ["GCJ02", "BD09"])
def test_the_shifted_systems_are_refused_outside_chinas_box(crs: str) -> None:
    with pytest.raises(InvalidCoordinate, match="China"):
        to_wgs84(-71.06, 42.36, crs)
    with pytest.raises(InvalidCoordinate, match="China"):
        from_wgs84(-71.06, 42.36, crs)
    for convert_many in (to_wgs84_array, from_wgs84_array):
        with pytest.raises(InvalidCoordinate) as refused:
            convert_many([114.3, -71.06, 2.35], [34.8, 42.36, 48.85], crs)
        assert refused.value.facts["index"] == 1
        assert refused.value.facts["bad"] == 2


def test_a_northing_given_as_easting_is_recognised() -> None:
    x, y = from_wgs84(*KAIFENG, "EPSG:4547")
    with pytest.raises(SwappedCoordinate) as refused:
        to_wgs84(y, x, "EPSG:4547")
    assert refused.value.facts["suggestion"] == {"x": x, "y": y}
    with pytest.raises(InvalidCoordinate) as refused_many:
        to_wgs84_array([x, y], [y, x], "EPSG:4547")
    assert refused_many.value.facts["index"] == 1


@pytest.mark.parametrize(
    ("x", "y", "crs"),
    [
        (38_528_368.0, 3_852_449.0, "EPSG:4547"),  # the strip's number in a system without it
        (528_368.0, 3_852_449.0, "EPSG:4526"),  # and the other way round
        (1e30, 1e30, "EPSG:3857"),
        (1e9, 4_000_000.0, "EPSG:3857"),  # wraps round the globe
    ],
)
def test_what_lies_far_outside_a_projected_system_is_refused(x: float, y: float, crs: str) -> None:
    with pytest.raises(InvalidCoordinate):
        to_wgs84(x, y, crs)
    with pytest.raises(InvalidCoordinate) as refused:
        to_wgs84_array([x], [y], crs)
    assert refused.value.facts["index"] == 0


def test_an_array_with_a_hole_names_it() -> None:
    for crs in SYSTEMS:
        x, y = from_wgs84(*KAIFENG, crs)
        with pytest.raises(InvalidCoordinate) as refused:
            to_wgs84_array([x, math.nan, x], [y, y, math.inf], crs)
        assert refused.value.facts["index"] == 1
        assert refused.value.facts["bad"] == 2
        json.dumps(refused.value.facts, allow_nan=False)
    with pytest.raises(InvalidCoordinate, match="shape"):
        to_wgs84_array([1.0, 2.0], [1.0], "WGS84")
    with pytest.raises(InvalidCoordinate, match="numbers"):
        to_wgs84_array(["a"], ["b"], "WGS84")


# Metres in the local plane ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("metres", "within"), [(30.0, 2e-6), (50.0, 3e-6), (500.0, 3e-5)])
def test_the_local_plane_measures_like_the_geodesic(metres: float, within: float) -> None:
    worst = 0.0
    for lat in np.arange(0.0, 55.1, 2.5):
        per_lon, per_lat = local_metres(float(lat))
        for azimuth in range(0, 360, 15):
            to_lon, to_lat, _ = GEOD.fwd(110.0, lat, azimuth, metres)
            measured = math.hypot((to_lon - 110.0) * per_lon, (to_lat - lat) * per_lat)
            assert distance_m((110.0, float(lat)), (to_lon, to_lat)) == measured
            worst = max(worst, abs(measured / metres - 1))
    assert worst < within


def test_a_degree_has_the_textbook_length_at_the_equator() -> None:
    per_lon, per_lat = local_metres(0.0)
    assert per_lon == pytest.approx(111_319.4908, abs=1e-3)
    assert per_lat == pytest.approx(110_574.2758, abs=1e-3)
