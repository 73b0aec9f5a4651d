"""Where cases gather: counts on hexagons, density, Getis-Ord Gi*, clusters.

Pure functions on arrays of metres in a plane (the city's survey grid, say): no database, no data frames, nothing
random. What they rest on is numpy and scipy; how they compare with the libraries of the field is measured in
``bench/hotspots.py`` and told in ``docs/decisions/0018-hotspots-in-numpy.md``.

A coordinate that a system writes when it knows no place (its own office, the middle of the map) is the highest "hot
spot" of any city, and none. Such placeholders are set aside first (`gisops.loads.pileups`); the planner's door
(`gisops.notebook`) does so by itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gisops.errors import InvalidInput

__all__ = ["Floats", "Ints", "points"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def points(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return two arrays of metres, of one length, one-dimensional, without a gap; or say what is wrong with them.

    Raises InvalidInput. A point without coordinates has no place among hot spots: leave it out, and say how many.
    """
    east, north = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if east.ndim != 1 or east.shape != north.shape:
        raise InvalidInput(
            f"x and y are arrays of one length, not of shapes {east.shape} and {north.shape}.",
            x=list(east.shape),
            y=list(north.shape),
        )
    wrong = len(east) - int(np.count_nonzero(np.isfinite(east) & np.isfinite(north)))
    if wrong:
        raise InvalidInput(f"{wrong} of {len(east)} points are no finite pair of metres; leave them out.", wrong=wrong)
    return east, north
