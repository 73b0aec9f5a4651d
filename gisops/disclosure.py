"""Counts of people that may leave the room: none of fewer than k, and none that could be had by subtraction. Pure.

The rule of the layers (docs/reference/layers-and-classes.md), for a planner's tables: what is small is left out, and
beside it the smallest others, until what is left out of a total holds k people in two places at least.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

K = 5


def told(counts: npt.ArrayLike, k: int = K) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which counts of a table may be told, and which totals of its columns; nothing is told of its rows' totals.

    ``counts`` has a row for each place and a column for each thing that is counted there apart from the others (people
    within the first line, *further* people within the second): numbers that contain one another would tell of few
    people by their difference. A 0 is told: nobody is not somebody.
    """
    people = np.asarray(counts)
    if people.ndim != 2 or (people < 0).any():
        raise ValueError("a table of counts is wanted: rows of places, columns of what is counted")
    tell = (people == 0) | (people >= k)
    totals = np.ones(people.shape[1], np.bool_)
    for column in range(people.shape[1]):
        at = people[:, column]
        total = int(at.sum())
        if 0 < total < k:
            totals[column] = False
            continue
        hidden = ~tell[:, column]
        if not hidden.any():
            continue
        # The smallest that are told go along, until nothing small is left between total and sum.
        for row in np.argsort(at, kind="stable"):
            if hidden.sum() >= 2 and at[hidden].sum() >= k:
                break
            if at[row] > 0:
                hidden[row] = True
        totals[column] = bool(hidden.sum() >= 2 and at[hidden].sum() >= k)
        tell[:, column] = ~hidden
    return tell, totals


def running(counts: npt.ArrayLike, tell: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Sums along each row, from the left, as far as every number in them is told; then NaN."""
    people = np.where(tell, np.asarray(counts, np.float64), np.nan)
    return np.cumsum(people, axis=1)
