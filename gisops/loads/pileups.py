"""Placeholder pile-ups: one coordinate that implausibly many rows share.

Where a place was not known, systems write one all the same: the city hall, a district's middle. Boston's reports of
the summer of 2011 have 2,462 of 31,828 rows on one corner; a map of hotspots shows nothing but that. Rows that
really share a place (a hospital, a mall) are fewer, and not so far from the next ones.

**Rule.** Positions are compared exactly, as one who writes a placeholder writes the same numbers each time. The k most
shared coordinates are pile-ups if the least of them has at least `LEAST` rows, at least `LEAST_SHARE` of all rows, and
at least `TIMES` the 99.9th percentile of rows per coordinate among all others; the largest such k up to `MOST` counts.
So two placeholders do not hide each other, and data in which many places are shared often raises no alarm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LEAST = 50
LEAST_SHARE = 0.001
TIMES = 20.0
MOST = 20


@dataclass(frozen=True, slots=True)
class PileUp:
    """A coordinate (degrees), how many rows stand on it, and their share of all rows with a position."""

    lon: float
    lat: float
    count: int
    share: float


def find(lonlat: npt.NDArray[np.float64]) -> list[PileUp]:
    """Find the pile-ups among positions, the largest first. ``lonlat`` has the shape (n, 2); NaN is no position."""
    pairs = np.ascontiguousarray(lonlat, dtype=np.float64).reshape(-1, 2) + 0.0  # -0.0 becomes 0.0
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    if len(pairs) < LEAST:
        return []
    # As complex numbers they are sorted in one go, which is several times quicker than by rows.
    places, counts = np.unique(pairs.view(np.complex128).ravel(), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    counts, places = counts[order], places[order]
    for k in range(min(MOST, len(counts) - 1), 0, -1):
        usual = float(np.percentile(counts[k:], 99.9))
        if counts[k - 1] >= max(LEAST, LEAST_SHARE * len(pairs), TIMES * usual):
            return [
                PileUp(float(place.real), float(place.imag), int(count), float(count) / len(pairs))
                for place, count in zip(places[:k], counts[:k], strict=True)
            ]
    return []
