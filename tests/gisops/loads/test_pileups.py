"""Placeholder coordinates are found, and places that rows really share are not taken for such."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from gisops.loads.batches import Options
from gisops.loads.pileups import LEAST, PileUp, find
from gisops.loads.reading import open_source
from tests.real_data import real_data

Positions = npt.NDArray[np.float64]


def scattered(count: int, shared_by: int = 1, seed: int = 7) -> Positions:
    """Positions over a city, each shared by so many rows."""
    places = np.random.default_rng(seed).uniform((114.2, 34.7), (114.4, 34.9), (count // shared_by, 2))
    return np.repeat(places, shared_by, axis=0)


def at(lon: float, lat: float, count: int) -> Positions:
    return np.tile([[lon, lat]], (count, 1))


def positions_of(folder: str, name: str, x: str, y: str) -> Positions:
    pairs = []
    with open_source(
        real_data(folder) / name, Options(crs="WGS84", x=x, y=y, expected="point", required=False)
    ) as source:
        for batch in source.batches():
            assert batch.geometry is not None
            pairs += [(shape.x, shape.y) if shape is not None else (np.nan, np.nan) for shape in batch.geometry]
    return np.array(pairs)


def test_boston_s_one_placeholder_is_found_and_nothing_else() -> None:
    positions = positions_of("boston311", "boston311_2011Q3.csv.gz", "longitude", "latitude")
    assert len(positions) == 31_828
    assert find(positions) == [PileUp(-71.0587, 42.3594, 2462, pytest.approx(2462 / 31_828))]


def test_shanghai_s_stops_raise_no_alarm() -> None:
    positions = positions_of("poi_shanghai", "shanghai_poi_medical_transit.csv.gz", "lon", "lat")
    assert len(positions) == 18_148
    assert find(positions) == []


def test_a_placeholder_among_few_places_is_found() -> None:
    assert [pile.count for pile in find(np.vstack([scattered(300), at(114.3, 34.8, 120)]))] == [120]


def test_two_placeholders_do_not_hide_each_other() -> None:
    mixed = np.vstack([scattered(400), at(114.3, 34.8, 150), at(0.0, 0.0, 160), at(-0.0, 0.0, 10)])
    np.random.default_rng(1).shuffle(mixed)
    assert [(pile.lon, pile.lat, pile.count) for pile in find(mixed)] == [(0.0, 0.0, 170), (114.3, 34.8, 150)]


@pytest.mark.parametrize("count", [LEAST - 1, LEAST])
def test_a_pile_up_has_at_least_so_many_rows(count: int) -> None:
    assert len(find(np.vstack([scattered(600), at(114.3, 34.8, count)]))) == (count >= LEAST)


def test_a_share_too_small_is_no_pile_up() -> None:
    assert find(np.vstack([scattered(100_000), at(114.3, 34.8, 99)])) == []
    assert len(find(np.vstack([scattered(100_000), at(114.3, 34.8, 101)]))) == 1


def test_where_many_places_are_shared_often_a_busy_one_is_none() -> None:
    """Stations that send all day: each has hundreds of rows, one has some more."""
    assert find(np.vstack([scattered(30_000, shared_by=300), at(114.3, 34.8, 2_000)])) == []
    assert find(scattered(30_000, shared_by=300)) == []


def test_rows_without_a_position_are_no_pile_up() -> None:
    assert find(np.vstack([scattered(300), np.full((200, 2), np.nan)])) == []
    assert find(np.empty((0, 2))) == []
    assert find(at(114.3, 34.8, 500)) == [], "one place for all is what the data is about"
