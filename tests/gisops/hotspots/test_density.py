"""Density: the points are all there, the kernel is a Gaussian, and the bandwidth's rule is the known one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from gisops.errors import InvalidInput
from gisops.hotspots.density import density, silverman_m


def _scatter(n: int = 5_000, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    at = np.concatenate([rng.normal([2_000, 1_000], 400, (n // 2, 2)), rng.uniform(0, 5_000, (n - n // 2, 2))])
    return at[:, 0] + 400_000, at[:, 1] + 2_210_000


@pytest.mark.parametrize(("bandwidth_m", "cell_m"), [(None, None), (300.0, 40.0), (100.0, 100.0)])
def test_the_mass_is_the_number_of_points(bandwidth_m: float | None, cell_m: float | None) -> None:
    x, y = _scatter()
    found = density(x, y, bandwidth_m=bandwidth_m, cell_m=cell_m)
    assert found.total() == pytest.approx(len(x), rel=1e-9)
    assert (found.values >= 0).all()


def test_it_is_the_sum_of_the_points_kernels() -> None:
    x, y = _scatter(400)
    h = 250.0
    found = density(x, y, bandwidth_m=h, cell_m=h / 16)
    columns, rows = found.centres()
    chosen = np.random.default_rng(1).integers(0, [len(rows), len(columns)], (200, 2))
    at = np.stack([columns[chosen[:, 1]], rows[chosen[:, 0]]], axis=1)
    squares = (at[:, None, 0] - x) ** 2 + (at[:, None, 1] - y) ** 2
    exact = 1e6 * (np.exp(-squares / (2 * h * h)) / (2 * math.pi * h * h)).sum(axis=1)
    assert np.abs(found.values[chosen[:, 0], chosen[:, 1]] - exact).max() < 2e-3 * exact.max()


def test_north_is_up_and_the_affine_says_where() -> None:
    found = density([1_000.0, 1_000.0, 5_000.0], [9_000.0, 9_000.0, 2_000.0], bandwidth_m=200.0, cell_m=50.0)
    row, column = np.unravel_index(np.argmax(found.values), found.values.shape)
    a, b, c, d, e, f = found.affine
    assert abs(a * (column + 0.5) + b * row + c - 1_000) <= 50
    assert abs(d * column + e * (row + 0.5) + f - 9_000) <= 50
    assert row < found.values.shape[0] / 2
    peak = found.at([1_000.0, 5_000.0, 99_999.0], [9_000.0, 2_000.0, 0.0])
    assert peak[0] == pytest.approx(2 * 1e6 / (2 * math.pi * 200**2), rel=0.05)
    assert peak[1] == pytest.approx(peak[0] / 2, rel=0.01)
    assert peak[2] == 0


def test_within_bounds_it_is_the_same_raster_cut_out() -> None:
    x, y = _scatter()
    west, south = 401_000.0, 2_210_500.0
    cut = density(x, y, bandwidth_m=200.0, cell_m=50.0, bounds=(west, south, west + 1_500, south + 1_000))
    assert cut.values.shape == (20, 30)
    columns, rows = cut.centres()
    assert (columns[0], rows[-1]) == (west + 25, south + 25)
    # 21 cells of 50 m reach the same lattice, so the whole raster holds the same cells.
    whole = density(
        x, y, bandwidth_m=200.0, cell_m=50.0, bounds=(west - 5_000, south - 5_000, west + 9_000, south + 9_000)
    )
    assert whole.total() == pytest.approx(len(x), rel=1e-6)
    wide_columns, wide_rows = whole.centres()
    i, j = int(np.searchsorted(wide_columns, columns[0] - 1)), int(np.searchsorted(-wide_rows, -rows[0] - 1))
    assert np.abs(whole.values[j : j + 20, i : i + 30] - cut.values).max() < 1e-9 * whole.values.max()
    assert cut.values.min() > 0  # fed by what lies outside as well


def test_the_rule_is_silvermans() -> None:
    rng = np.random.default_rng(9)
    at = rng.normal(0, 700, (40_000, 2))
    factor = scipy.stats.gaussian_kde(at.T, bw_method="silverman").factor
    assert silverman_m(*at.T) == pytest.approx(factor * 700, rel=0.02)
    outliers = np.concatenate([at, rng.normal(0, 90_000, (400, 2))])
    assert silverman_m(*outliers.T) == pytest.approx(silverman_m(*at.T), rel=0.05)
    with pytest.raises(InvalidInput):
        silverman_m([3.0, 3.0, 3.0], [4.0, 4.0, 4.0])


@pytest.mark.parametrize(
    "options",
    [
        {"bandwidth_m": 0.0},
        {"bandwidth_m": 100.0, "cell_m": 150.0},
        {"bandwidth_m": 100.0, "cell_m": -1.0},
        {"bandwidth_m": math.nan},
        {"bandwidth_m": 100.0, "cell_m": 0.001},
        {"bandwidth_m": 100.0, "bounds": (5.0, 5.0, 4.0, 6.0)},
    ],
)
def test_what_cannot_be_drawn_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        density([0.0, 5_000.0], [0.0, 5_000.0], **options)


def test_no_points_have_no_density() -> None:
    with pytest.raises(InvalidInput):
        density([], [], bandwidth_m=100.0)
