"""Getis-Ord Gi and Gi*: is there more about a place than chance would bring?

For values x_1 … x_n (counts on hexagons) and weights w_ij (1 for a neighbour and, in Gi*, for the place itself)::

    z_i = (Σ_j w_ij x_j - x̄ W_i) / (S · sqrt((n S1_i - W_i²) / (n - 1)))

    W_i = Σ_j w_ij      S1_i = Σ_j w_ij²      x̄, S: mean and standard deviation (by n) of all values

the statistic of Ord and Getis in standard units: 0 where a neighbourhood is as the whole city on average, 2 where
chance alone would bring as much in one of some forty places. Gi (without the star) leaves the place itself out of the
sum, of x̄ and of S, and has n - 1 for n. z and p have no unit; p is two-sided, from the normal approximation, which is
rough for a handful of neighbours with small counts.

Thousands of places are tested at once, so some of them are "significant" by chance alone. Benjamini and Hochberg's
step-up gives each the false discovery rate q at which it would count: calling all with q ≤ 0.05 hot, about one in
twenty of them is expected to be wrong.

Sources: A. Getis, J. K. Ord, The Analysis of Spatial Association by Use of Distance Statistics, Geographical Analysis
24 (1992); J. K. Ord, A. Getis, Local Spatial Autocorrelation Statistics, Geographical Analysis 27 (1995); Y. Benjamini,
Y. Hochberg, Controlling the False Discovery Rate, Journal of the Royal Statistical Society B 57 (1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.special import ndtr

from gisops.errors import InvalidInput
from gisops.hotspots import Floats
from gisops.hotspots.hexagons import Hexagons, find, neighbours_of


@dataclass(frozen=True)
class LocalG:
    """Gi or Gi* of each place: ``z``, two-sided ``p``, and ``q``, its false discovery rate.

    Where the statistic says nothing (all values alike, no neighbour at all, or all of them neighbours) z is NaN, and
    p and q are 1.
    """

    z: Floats
    p: Floats
    q: Floats

    def hot(self, q: float = 0.05) -> npt.NDArray[np.bool_]:
        """Tell which places have more about them than chance brings, at a false discovery rate."""
        return (self.q <= q) & (self.z > 0)

    def cold(self, q: float = 0.05) -> npt.NDArray[np.bool_]:
        """Tell which places have less about them than chance brings, at a false discovery rate."""
        return (self.q <= q) & (self.z < 0)


def gi_star(hexagons: Hexagons, rings: int = 1) -> LocalG:
    """Return Gi* of counts on hexagons; neighbours are those within so many steps that are among ``hexagons``.

    Which hexagons are given decides what is compared: `Hexagons.grown` adds the empty ones around.
    """
    return local_g(hexagons.counts, neighbours(hexagons, rings))


def neighbours(hexagons: Hexagons, rings: int = 1) -> scipy.sparse.csr_array:
    """Return which hexagons lie within so many steps of each other: a sparse n × n array of ones, its diagonal empty.

    Steps are counted on the whole grid; what lies outside the study area is passed over and not counted.
    """
    if rings < 1:
        raise InvalidInput(f"A neighbourhood has at least one ring, not {rings}.", rings=rings)
    n = len(hexagons)
    row, column = hexagons.row[:, None], hexagons.column[:, None]
    offsets = _offsets(rings)
    rows = np.empty((n, 3 * rings * (rings + 1)), np.int64)
    columns = np.empty_like(rows)
    for parity in (0, 1):
        those = (hexagons.row & 1) == parity
        rows[those] = row[those] + offsets[parity][:, 0]
        columns[those] = column[those] + offsets[parity][:, 1]
    at = find(hexagons.row, hexagons.column, rows, columns)
    there = at >= 0
    starts = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    # Offsets come in order of row and column, so that each row's indices are sorted already.
    return scipy.sparse.csr_array((np.ones(int(starts[-1])), at[there], starts), shape=(n, n))


def local_g(values: npt.ArrayLike, weights: Any, *, star: bool = True) -> LocalG:
    """Return Gi* (or Gi, without the star) of values under any weights.

    Parameters
    ----------
    values
        One for each place; not negative in sum, finite.
    weights
        Sparse or dense n × n array, not negative. Gi* gives a place without a weight for itself the weight 1; Gi
        takes every such weight away.
    star
        Whether the place itself is part of its neighbourhood.

    Raises
    ------
    InvalidInput
        Fewer than three places, values that are not finite, weights of another shape.
    """
    x = np.asarray(values, np.float64)
    n = len(x)
    w = scipy.sparse.csr_array(weights, dtype=np.float64)
    if x.ndim != 1 or n < 3 or not np.isfinite(x).all():
        raise InvalidInput("Gi* takes the finite values of at least three places.", places=n)
    if w.shape != (n, n):
        raise InvalidInput(f"The weights of {n} places are {n} × {n}, not {w.shape}.", shape=list(w.shape))
    # Deviations from the mean, not the values: no digits are lost where counts are large and differ little.
    deviation = x - x.mean()
    squares = deviation**2
    own = w.diagonal()
    total, square = w.sum(axis=1), _row_sums_of_squares(w)
    around = w @ deviation
    if star:
        self_weight = np.where(own == 0, 1.0, 0.0)
        total, square, around = total + self_weight, square + self_weight, around + self_weight * deviation
        mean, spread, size = np.zeros(n), np.full(n, np.sqrt(squares.mean())), n
    else:
        total, square, around = total - own, square - own**2, around - own * deviation
        size = n - 1
        mean = -deviation / size
        spread = np.sqrt(np.maximum((squares.sum() - squares) / size - mean**2, 0))
    # Binary or not: where everything is neighbour the difference is zero, or a rounding error beside it.
    room = size * square - total**2
    room[room <= 1e-12 * size * square] = 0
    scale = spread * np.sqrt(room / (size - 1))
    z = np.full(n, np.nan)
    np.divide(around - mean * total, scale, out=z, where=scale > 1e-12 * max(1.0, float(np.abs(x).max())))
    p = np.where(np.isnan(z), 1.0, 2 * ndtr(-np.abs(z)))
    return LocalG(z, p, benjamini_hochberg(p))


def benjamini_hochberg(p: npt.ArrayLike) -> Floats:
    """Return the false discovery rate q of each p-value: min over all p_(k) not smaller of p_(k)·n/k, at most 1."""
    given = np.asarray(p, np.float64)
    n = len(given)
    order = np.argsort(given, kind="stable")
    stepped = given[order] * n / np.arange(1, n + 1)
    q = np.empty(n)
    q[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return q


def _offsets(rings: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and columns of all hexagons within so many steps of one in an even row, and of one in an odd row."""
    found = []
    for parity in (0, 1):
        reached = {(parity, 0)}
        for _ in range(rings):
            rows, columns = (np.array(each) for each in zip(*reached, strict=True))
            around = neighbours_of(rows, columns)
            reached |= set(zip(around[0].ravel().tolist(), around[1].ravel().tolist(), strict=True))
        found.append(np.array(sorted((row - parity, column) for row, column in reached - {(parity, 0)})))
    return found[0], found[1]


def _row_sums_of_squares(w: scipy.sparse.csr_array) -> Floats:
    return np.asarray(w.power(2).sum(axis=1), np.float64)
