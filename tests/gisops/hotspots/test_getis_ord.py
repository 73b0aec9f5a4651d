"""Gi and Gi*: the published example to 1e-9, esda to 1e-9, and what a planner relies on."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import scipy.sparse
import scipy.stats

from gisops.errors import InvalidInput
from gisops.hotspots.getis_ord import benjamini_hochberg, gi_star, local_g, neighbours
from gisops.hotspots.hexagons import Hexagons, count
from gisops.hotspots.moran import moran
from tests.real_data import real_data


class Columbus:
    """49 neighbourhoods of Columbus, Ohio: residential burglaries, vehicle thefts (Anselin 1988); spdep's results."""

    def __init__(self) -> None:
        with real_data("hotspot", "columbus_crime_spdep.csv").open(encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        self.crime = self.column(rows, "CRIME")
        self.g, self.g_star = self.column(rows, "G"), self.column(rows, "Gstar")
        self.weights = scipy.sparse.lil_array((len(rows), len(rows)))
        for n, row in enumerate(rows):
            for other in row["neighbours"].split():
                self.weights[n, int(other) - 1] = 1
        with real_data("hotspot", "columbus_global.csv").open(encoding="utf-8") as lines:
            self.overall = {row["statistic"]: float(row["value"]) for row in csv.DictReader(lines)}

    @staticmethod
    def column(rows: list[dict[str, str]], name: str) -> np.ndarray:
        return np.array([float(row[name]) for row in rows])


@pytest.fixture(scope="module")
def columbus() -> Columbus:
    return Columbus()


def _city(seed: int = 5, n: int = 30_000) -> Hexagons:
    rng = np.random.default_rng(seed)
    heap = rng.normal([3_000, 4_000], 250, (n // 5, 2))
    spread = rng.uniform(0, 8_000, (n - len(heap), 2))
    return count(*np.concatenate([heap, spread]).T, 150.0).grown()


def test_gi_star_of_columbus_is_spdeps(columbus: Columbus) -> None:
    assert np.abs(local_g(columbus.crime, columbus.weights).z - columbus.g_star).max() < 1e-9


def test_gi_of_columbus_is_spdeps(columbus: Columbus) -> None:
    assert np.abs(local_g(columbus.crime, columbus.weights, star=False).z - columbus.g).max() < 1e-9


def test_morans_i_of_columbus_is_spdeps(columbus: Columbus) -> None:
    rows = columbus.weights.tocsr()
    standard = scipy.sparse.diags_array(1 / rows.sum(axis=1)) @ rows
    found = moran(columbus.crime, standard)
    told = columbus.overall  # nine digits were printed
    assert found.i == pytest.approx(told["Moran_I"], abs=1e-9)
    assert found.expected == pytest.approx(told["Moran_E"], abs=1e-9)
    assert found.variance == pytest.approx(told["Moran_Var_randomisation"], abs=1e-9)
    assert found.z == pytest.approx(told["Moran_Z_randomisation"], abs=1e-6)


@pytest.mark.parametrize("star", [True, False])
def test_the_formula_word_by_word(star: bool) -> None:
    """As the papers write it, a loop over places, under weights that are not all ones."""
    rng = np.random.default_rng(2)
    n = 40
    x = rng.poisson(4, n).astype(float)
    w = np.triu(rng.uniform(0, 1, (n, n)) * (rng.uniform(0, 1, (n, n)) < 0.2), 1)
    w += w.T
    expected = np.empty(n)
    for i in range(n):
        weights = w[i].copy()
        others = np.arange(n) if star else np.delete(np.arange(n), i)
        if star:
            weights[i] = 1
        m, mean, spread = len(others), x[others].mean(), x[others].std()
        total, squares = weights[others].sum(), (weights[others] ** 2).sum()
        scale = spread * np.sqrt((m * squares - total**2) / (m - 1))
        expected[i] = (weights[others] @ x[others] - mean * total) / scale
    found = local_g(x, w, star=star)
    assert np.abs(found.z - expected).max() < 1e-12
    assert found.p == pytest.approx(2 * scipy.stats.norm.sf(np.abs(expected)), rel=1e-12)


def test_neighbours_on_hexagons_are_those_within_so_many_steps() -> None:
    city = _city()
    x, y = city.centres()
    step = np.sqrt(3) * city.edge_m
    for rings, most in ((1, 6), (2, 18), (3, 36)):
        found = neighbours(city, rings)
        assert found.shape == (len(city), len(city))
        assert found.sum(axis=1).max() == most
        assert (found != found.T).nnz == 0
        assert found.diagonal().sum() == 0
        assert found.has_sorted_indices
        one, other = found.nonzero()
        assert np.hypot(x[one] - x[other], y[one] - y[other]).max() < (rings + 0.01) * step
    inner = np.hypot(x - x.mean(), y - y.mean()) < 2_000
    assert (neighbours(city, 1).sum(axis=1)[inner] == 6).all()


def test_the_heap_is_hot_and_the_false_discovery_rate_holds_elsewhere() -> None:
    city = _city()
    x, y = city.centres()
    found = gi_star(city)
    assert np.argmax(found.z) == np.argmin(np.hypot(x - 3_000, y - 4_000))
    hot = found.hot(0.05)
    near = np.hypot(x - 3_000, y - 4_000) < 1_300
    assert hot[np.hypot(x - 3_000, y - 4_000) < 400].all()
    assert (hot & ~near).sum() <= 0.05 * hot.sum()
    assert not (hot & found.cold(0.05)).any()


def test_without_any_heap_hardly_anything_is_called_hot() -> None:
    rng = np.random.default_rng(8)
    city = count(*rng.uniform(0, 8_000, (30_000, 2)).T, 150.0)
    x, y = city.centres()
    inner = city.within((abs(x - 4_000) < 3_800) & (abs(y - 4_000) < 3_800))
    found = gi_star(inner)
    assert (found.p < 0.05).sum() > 0.02 * len(inner)  # one in some twenty by chance alone
    assert found.hot(0.05).sum() + found.cold(0.05).sum() <= 2


def test_benjamini_hochberg_is_scipys() -> None:
    rng = np.random.default_rng(4)
    p = np.concatenate([rng.uniform(size=500), rng.uniform(size=50) ** 6, [0.0, 1.0, 1.0]])
    assert benjamini_hochberg(p) == pytest.approx(scipy.stats.false_discovery_control(p), rel=1e-12)
    assert len(benjamini_hochberg([])) == 0


def test_where_nothing_differs_nothing_is_hot() -> None:
    alike = Hexagons(10.0, False, np.zeros(5, int), np.arange(5), np.full(5, 7))
    found = gi_star(alike)
    assert np.isnan(found.z).all()
    assert (found.p == 1).all()
    assert not found.hot().any()
    everybody = local_g([1, 2, 3, 4], np.ones((4, 4)) - np.eye(4))
    assert np.isnan(everybody.z).all()


def test_large_counts_that_differ_little_keep_their_digits() -> None:
    rng = np.random.default_rng(6)
    city = _city()
    small = rng.poisson(3, len(city))
    w = neighbours(city)
    assert np.abs(local_g(small + 1e9, w).z - local_g(small, w).z).max() < 1e-6


@pytest.mark.parametrize(
    ("values", "weights"),
    [([1.0, 2.0], np.ones((2, 2))), ([1.0, 2.0, np.nan], np.ones((3, 3))), ([1.0, 2.0, 3.0], np.ones((2, 2)))],
)
def test_what_says_nothing_is_refused(values: list[float], weights: np.ndarray) -> None:
    with pytest.raises(InvalidInput):
        local_g(values, weights)
