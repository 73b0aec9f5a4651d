"""DBSCAN, exactly: points close enough together, however their crowd is shaped.

A point is *core* when at least ``min_points`` points, itself included, lie within ``reach_m`` of it. Core points within
reach of each other are of one cluster, and so on from each to the next. A point that is not core but within reach of
one is on the *border* of the cluster of the nearest such core point; the rest is noise. (Ester et al. leave a border
point between two clusters to whichever is looked at first; nearest does not depend on the order of the points.)

Squares of side reach/√2 lie over the plane, so that two points of one square are always within reach: a square with
``min_points`` points has only core points, and all core points of a square are of one cluster. What is left to find is
core points among sparse squares (by a k-d tree, the ``min_points`` nearest only) and which of the 24 squares around
are within reach. Squares already joined are not asked again, and a pair of crowded squares is mostly joined by its two
foremost points. Time goes with n log n, memory with n (and a constant piece of pairs), also where ten thousand points
lie on one spot; a plain implementation keeps every pair within reach and grows with the square of such a heap.

Source: M. Ester, H.-P. Kriegel, J. Sander, X. Xu, A Density-Based Algorithm for Discovering Clusters in Large Spatial
Databases with Noise, KDD 1996. The squares: A. Gunawan, A Faster Algorithm for DBSCAN, TU Eindhoven 2013.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from gisops.errors import InvalidInput
from gisops.hotspots import Floats, Ints, points

NOISE = -1
# Pairs of points that are compared in one go (some 50 MB), and those of two squares that are not left to a tree.
_PAIRS = 1_000_000
_FEW = 4_096
# One of each two opposite directions to the squares within reach, the nearest first.
_AROUND = sorted(
    ((i, j) for i in range(-2, 3) for j in range(-2, 3) if (i, j) > (0, 0)),
    key=lambda step: step[0] ** 2 + step[1] ** 2,
)


def dbscan(x: npt.ArrayLike, y: npt.ArrayLike, reach_m: float, min_points: int) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Cluster points by density.

    Parameters
    ----------
    x, y
        Metres in a plane that keeps distances; arrays of one length.
    reach_m
        How near is near, in metres ("eps").
    min_points
        How many points within reach, itself included, make a point core.

    Returns
    -------
    labels, core
        For each point the number of its cluster, 0 being the one with most points, or -1 for noise; and whether it is
        core. The core points' clusters are exactly those of any exact DBSCAN, up to their numbers.

    Raises
    ------
    InvalidInput
        Arrays that are no points, or a reach or number that is not positive.
    """
    east, north = points(x, y)
    if not (math.isfinite(reach_m) and reach_m > 0) or min_points < 1:
        raise InvalidInput(
            f"Reach ({reach_m} m) and number of points ({min_points}) are positive.",
            reach_m=str(reach_m),
            min_points=min_points,
        )
    n = len(east)
    if not n:
        return np.empty(0, np.int64), np.empty(0, np.bool_)
    position = np.stack([east - east.min(), north - north.min()], axis=1)
    # A hair smaller than reach/√2: rounding must not put two points of one square out of reach.
    side = reach_m / math.sqrt(2) * (1 - 1e-9)
    square = np.floor(position / side)
    if square.max() > 2**30:
        raise InvalidInput(f"A reach of {reach_m} m is too small for points this far apart.", reach_m=reach_m)
    high = int(square[:, 1].max()) + 5
    key = square[:, 0].astype(np.int64) * high + square[:, 1].astype(np.int64) + 2
    core = _core(position, key, reach_m, min_points)
    labels = np.full(n, NOISE, np.int64)
    those = np.flatnonzero(core)
    if len(those):
        order = those[np.argsort(key[those], kind="stable")]
        labels[order] = _joined(position[order], key[order], high, reach_m)
        loose = np.flatnonzero(~core)
        distance, nearest = _tree(position[those]).query(
            position[loose], k=1, distance_upper_bound=np.nextafter(reach_m, np.inf)
        )
        near = np.isfinite(distance)
        labels[loose[near]] = labels[those[nearest[near]]]
    return _by_size(labels), core


def _core(position: Floats, key: Ints, reach_m: float, min_points: int) -> npt.NDArray[np.bool_]:
    """Which points have so many within reach: all of a full square, and by their nearest in the others."""
    _, square, size = np.unique(key, return_inverse=True, return_counts=True)
    core = np.asarray(size[square] >= min_points)
    sparse = np.flatnonzero(~core)
    if len(sparse) and len(position) >= min_points:
        # The last of the nearest is within reach or at infinity. Strictly below the bound, hence the next number up.
        distance, _ = _tree(position).query(
            position[sparse], k=[min_points], distance_upper_bound=np.nextafter(reach_m, np.inf)
        )
        core[sparse] = np.isfinite(distance[:, 0])
    return core


def _joined(position: Floats, key: Ints, high: int, reach_m: float) -> Ints:
    """The cluster of each core point; they come in order of their squares."""
    keys, starts, sizes = np.unique(key, return_index=True, return_counts=True)
    of_point = np.repeat(np.arange(len(keys)), sizes)
    cluster = np.arange(len(keys))
    for step in _AROUND:
        wanted = keys + (step[0] * high + step[1])
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        one = np.flatnonzero(keys[at] == wanted)
        other = at[one]
        apart = cluster[one] != cluster[other]
        one, other = one[apart], other[apart]
        if not len(one):
            continue
        along = position @ np.array(step, np.float64)
        # The foremost point of each square in this direction, and the hindmost.
        foremost = _first_at(along, np.maximum.reduceat(along, starts), of_point, len(keys))
        hindmost = _first_at(along, np.minimum.reduceat(along, starts), of_point, len(keys))
        met = _within(position, foremost[one], hindmost[other], reach_m)
        met[~met] = _any_within(position, starts, sizes, one[~met], other[~met], reach_m)
        edges = scipy.sparse.coo_array(
            (np.ones(int(met.sum()), np.int8), (cluster[one[met]], cluster[other[met]])), shape=(len(keys), len(keys))
        )
        cluster = connected_components(edges, directed=False)[1].astype(np.int64)[cluster]
    return cluster[of_point]


def _first_at(along: Floats, extreme: Floats, of_point: Ints, squares: int) -> Ints:
    found = np.flatnonzero(along == extreme[of_point])[::-1]
    first = np.empty(squares, np.int64)
    first[of_point[found]] = found
    return first


def _any_within(
    position: Floats, starts: Ints, sizes: Ints, one: Ints, other: Ints, reach_m: float
) -> npt.NDArray[np.bool_]:
    """Tell for each pair of squares whether any two of their points are within reach."""
    met = np.zeros(len(one), np.bool_)
    products = sizes[one] * sizes[other]
    for large in np.flatnonzero(products > _FEW):
        few, many = sorted((one[large], other[large]), key=lambda square: int(sizes[square]))
        tree = _tree(position[starts[many] : starts[many] + sizes[many]])
        distance, _ = tree.query(
            position[starts[few] : starts[few] + sizes[few]], distance_upper_bound=np.nextafter(reach_m, np.inf)
        )
        met[large] = np.isfinite(distance).any()
    small = np.flatnonzero(products <= _FEW)
    ends = np.cumsum(products[small])
    begin = 0
    while begin < len(small):
        # As many pairs of squares as make some number of pairs of points.
        until = int(np.searchsorted(ends, (ends[begin - 1] if begin else 0) + _PAIRS, side="right"))
        some = small[begin : max(until, begin + 1)]
        each = products[some]
        pair = np.repeat(np.arange(len(some)), each)
        number = np.arange(len(pair)) - np.repeat(np.cumsum(each) - each, each)
        width = sizes[other[some]][pair]
        left = starts[one[some]][pair] + number // width
        right = starts[other[some]][pair] + number % width
        met[some] = np.bincount(pair, _within(position, left, right, reach_m), minlength=len(some)) > 0
        begin += len(some)
    return met


def _within(position: Floats, left: Ints, right: Ints, reach_m: float) -> npt.NDArray[np.bool_]:
    apart = position[left] - position[right]
    # The root, as a tree takes it: at exactly the reach both must say the same.
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", apart, apart)) <= reach_m)


def _tree(position: Floats) -> KDTree:
    # Split in the middle of space and not of the points: a thousand on one spot have no middle.
    return KDTree(position, leafsize=16, compact_nodes=False, balanced_tree=False)


def _by_size(labels: Ints) -> Ints:
    """Number clusters by their number of points, the largest first; of equals the one whose first point is first."""
    inside = labels != NOISE
    if not inside.any():
        return labels
    _, first, compact, size = np.unique(labels[inside], return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(size), np.int64)
    rank[np.lexsort((first, -size))] = np.arange(len(size))
    numbered = labels.copy()
    numbered[inside] = rank[compact]
    return numbered
