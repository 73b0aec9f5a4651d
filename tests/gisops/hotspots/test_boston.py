"""A real city's placeholder: 2,462 of 31,828 reports of Boston's lie on one coordinate, and it is no hot spot."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest

from gisops.coordinates import local_metres
from gisops.hotspots import clusters, density, getis_ord, hexagons
from gisops.loads import pileups
from tests.real_data import real_data

PLACEHOLDER = (-71.0587, 42.3594)
KX, KY = local_metres(42.32)


@pytest.fixture(scope="module")
def reports() -> np.ndarray:
    """Longitude and latitude of every report that has some, as an array of shape (n, 2)."""
    with gzip.open(real_data("boston311", "boston311_2011Q3.csv.gz"), "rt", encoding="utf-8", newline="") as lines:
        rows = [(row["longitude"].strip(), row["latitude"].strip()) for row in csv.DictReader(lines)]
    return np.array([(float(lon), float(lat)) for lon, lat in rows if lon and lat])


@pytest.fixture(scope="module")
def placed(reports: np.ndarray) -> np.ndarray:
    """The reports off every pile-up, in metres."""
    kept = np.ones(len(reports), bool)
    for pile in pileups.find(reports):
        kept &= (reports != (pile.lon, pile.lat)).any(axis=1)
    return reports[kept] * [KX, KY]


def _grown(at: np.ndarray) -> tuple[hexagons.Hexagons, np.ndarray]:
    """Hexagons of 100 m with some report in sight, and how far from the placeholder each lies, in metres."""
    found = hexagons.count(*at.T, 100.0).grown()
    x, y = found.centres()
    return found, np.hypot(x - PLACEHOLDER[0] * KX, y - PLACEHOLDER[1] * KY)


def test_left_in_the_placeholder_would_be_the_hottest_place_of_all(reports: np.ndarray) -> None:
    found, distance = _grown(reports * [KX, KY])
    local = getis_ord.gi_star(found)
    here = int(np.argmin(distance))
    assert local.z[here] == pytest.approx(local.z.max())
    assert found.counts[here] > 20 * np.delete(found.counts, here).max()
    smooth = density.density(*(reports * [KX, KY]).T, bandwidth_m=100, cell_m=25)
    assert smooth.at([PLACEHOLDER[0] * KX], [PLACEHOLDER[1] * KY])[0] > 0.99 * smooth.values.max()


def test_set_aside_nothing_is_left_of_it_but_a_street_corner_downtown(reports: np.ndarray, placed: np.ndarray) -> None:
    """Which is busy in earnest: 24 reports on its hexagon and many around. But 140 hexagons have more."""
    assert len(reports) - len(placed) == 2_462
    found, distance = _grown(placed)
    local = getis_ord.gi_star(found)
    here = int(np.argmin(distance))
    assert found.counts[here] == 24
    assert (found.counts > found.counts[here]).sum() > 100
    assert (local.z > local.z[here]).sum() >= 20
    assert distance[np.argmax(local.z)] > 500
    smooth = density.density(*placed.T, bandwidth_m=100, cell_m=25)
    assert smooth.at([PLACEHOLDER[0] * KX], [PLACEHOLDER[1] * KY])[0] < 0.7 * smooth.values.max()
    # No crowd within 15 metres makes a cluster there.
    labels, _ = clusters.dbscan(*placed.T, 15.0, 15)
    assert (labels[np.hypot(*(placed - np.array(PLACEHOLDER) * [KX, KY]).T) < 15] == clusters.NOISE).all()


def test_there_are_hot_spots_none_the_less(placed: np.ndarray) -> None:
    found, _ = _grown(placed)
    local = getis_ord.gi_star(found)
    assert 0.01 < local.hot(0.05).mean() < 0.25
    assert found.counts.sum() == len(placed)
    assert density.density(*placed.T, bandwidth_m=200).total() == pytest.approx(len(placed), rel=1e-9)
