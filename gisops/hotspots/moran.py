"""Moran's I: do places resemble their neighbours, over the whole map?

    I = (n / S0) · Σ_i Σ_j w_ij (x_i - x̄)(x_j - x̄) / Σ_i (x_i - x̄)²      S0 = Σ_ij w_ij

About -1/(n - 1) where values lie anyhow, towards 1 where like lies by like. One figure before the local ones: where it
shows nothing, single hot spots deserve doubt. Mean and variance are those under randomisation (any value could lie at
any place); two-sided p by the normal approximation.

Sources: P. A. P. Moran, Notes on Continuous Stochastic Phenomena, Biometrika 37 (1950); A. D. Cliff, J. K. Ord, Spatial
Processes (1981), for the variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.special import ndtr

from gisops.errors import InvalidInput


@dataclass(frozen=True)
class Moran:
    """Moran's I, its expectation and variance under randomisation, and both as ``z`` and two-sided ``p``."""

    i: float
    expected: float
    variance: float
    z: float
    p: float


def moran(values: npt.ArrayLike, weights: Any) -> Moran:
    """Return Moran's I of values under any weights (n × n, sparse or dense, a place has none for itself).

    Raises InvalidInput for fewer than four places, values that are all alike or not finite, or no weights at all.
    """
    x = np.asarray(values, np.float64)
    n = len(x)
    w = scipy.sparse.csr_array(weights, dtype=np.float64)
    if x.ndim != 1 or n < 4 or not np.isfinite(x).all() or w.shape != (n, n):
        raise InvalidInput("Moran's I takes the finite values of four places or more and n × n weights.", places=n)
    z = x - x.mean()
    squares = float((z**2).sum())
    s0 = float(w.sum())
    if squares <= 1e-24 * float((x**2).sum()) or s0 <= 0:
        raise InvalidInput("Moran's I needs values that differ, and neighbours.", places=n)
    i = n / s0 * float(z @ (w @ z)) / squares
    s1 = float(((w + w.T).power(2)).sum()) / 2
    s2 = float(((w.sum(axis=1) + w.sum(axis=0)) ** 2).sum())
    kurtosis = float((z**4).mean()) / float((z**2).mean()) ** 2
    expected = -1 / (n - 1)
    upper = n * ((n**2 - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    lower = kurtosis * ((n**2 - n) * s1 - 2 * n * s2 + 6 * s0**2)
    variance = (upper - lower) / ((n - 1) * (n - 2) * (n - 3) * s0**2) - expected**2
    score = (i - expected) / math.sqrt(variance)
    return Moran(i, expected, variance, score, float(2 * ndtr(-abs(score))))
