"""Faces that tile the plane as arrays: who touches whom, faces joined, missing corners added. Metres, 1 cm raster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import shapely
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from gisops.sample.town import Shapes, Town

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Blocks come on this raster, and all that is cut from them stays on it: neighbours then share their corners exactly.
GRID_M = 0.01
# Corners nearer to each other than this are one: far above a float's last digit, far below the raster.
_SAME_M = 1e-4
_ONE_M = 0.03


@dataclass(frozen=True)
class Touching:
    """Pairs of faces (``a`` < ``b``) with a common border: its length, and the middle of its longest stretch."""

    a: Ints
    b: Ints
    length_m: Floats
    middle: Floats


def _steps(faces: Shapes) -> tuple[Floats, Ints, Ints, Ints]:
    """Every step along every ring: coordinates of all corners, from, to (indices of corners), and whose ring it is."""
    rings, owner = shapely.get_rings(faces, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    start = np.flatnonzero(ring[:-1] == ring[1:])
    return xy, start, start + 1, owner[ring[start]]


def _corners(xy: Floats) -> Ints:
    """A number for each place: equal places have equal numbers."""
    at: Ints = np.rint((xy - xy.min(axis=0)) / _SAME_M).astype(np.int64)
    return at[:, 0] << 32 | at[:, 1]


def _borders(xy: Floats, start: Ints, end: Ints) -> Ints:
    """A number for each step, the same in both directions."""
    _, at = np.unique(_corners(xy), return_inverse=True)
    low, high = np.minimum(at[start], at[end]), np.maximum(at[start], at[end])
    return low.astype(np.int64) << 32 | high


def touching(faces: Shapes) -> Touching:
    """Which faces have a common border. They must share their corners (``shapely.coverage_is_valid``)."""
    xy, start, end, owner = _steps(faces)
    border = _borders(xy, start, end)
    order = np.argsort(border, kind="stable")
    twice = np.flatnonzero(border[order[:-1]] == border[order[1:]])
    first, second = order[twice], order[twice + 1]
    a, b = np.minimum(owner[first], owner[second]), np.maximum(owner[first], owner[second])
    lengths = np.hypot(*(xy[end[first]] - xy[start[first]]).T)
    middles = (xy[end[first]] + xy[start[first]]) / 2
    pair = a << 32 | b
    # The longest step of each pair comes first, so that it is the one whose middle is kept.
    order = np.lexsort((-lengths, pair))
    found, at, inverse = np.unique(pair[order], return_index=True, return_inverse=True)
    total = np.bincount(inverse, weights=lengths[order], minlength=len(found)).astype(np.float64)
    return Touching(found >> 32, found & 0xFFFFFFFF, total, middles[order][at])


def in_water(town: Town, faces: Shapes) -> Bools:
    """Which faces are water; no face is both, for the water's edge is one of the lines that made the faces."""
    wet = np.zeros(len(faces), dtype=bool)
    if len(town.waters.geom):
        inside = shapely.point_on_surface(faces)
        wet[shapely.STRtree(town.waters.geom).query(inside, predicate="intersects")[0]] = True
    return wet


def joined(faces: Shapes, label: Ints) -> Shapes:
    """One shape per label (0, 1, ... without gaps): the exact union of its faces."""
    order = np.argsort(label, kind="stable")
    ends = np.cumsum(np.bincount(label))
    found = np.empty(len(ends), dtype=object)
    for n, (begin, end) in enumerate(zip(np.r_[0, ends[:-1]], ends, strict=True)):
        members = faces[order[begin:end]]
        found[n] = members[0] if len(members) == 1 else shapely.coverage_union_all(members)
    return found


def absorbed(faces: Shapes, small: Any, weight: Any = None, group: Ints | None = None) -> Ints:
    """Labels that join every small face to the neighbour it shares most border with.

    ``weight(a, b)`` may make borders count for less, ``group`` keeps faces of different groups apart. A small face
    without such a neighbour stays by itself.
    """
    t = touching(faces)
    worth = t.length_m * (1.0 if weight is None else weight(t.a, t.b))
    if group is not None:
        worth = np.where(group[t.a] == group[t.b], worth, 0.0)
    a, b, worth = np.r_[t.a, t.b], np.r_[t.b, t.a], np.r_[worth, worth]
    use = small[a] & (worth > 0)
    a, b, worth = a[use], b[use], worth[use]
    order = np.lexsort((b, -worth, a))
    chosen, first = np.unique(a[order], return_index=True)
    links = scipy.sparse.coo_array((np.ones(len(chosen)), (chosen, b[order][first])), shape=(len(faces),) * 2)
    label = connected_components(links, directed=False)[1].astype(np.int64)
    return _in_order(label)


def _in_order(label: Ints) -> Ints:
    """The same labels, numbered as they first appear."""
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def noded(faces: Shapes) -> Shapes:
    """The same faces with a corner wherever a neighbour has one on their border.

    Where a cut ends in a border, the face beyond lacks that corner; it gets it.
    """
    xy, start, end, _ = _steps(faces)
    corner = _corners(xy)
    border = _borders(xy, start, end)
    _, one, step_of = np.unique(border, return_index=True, return_inverse=True)
    lines = shapely.linestrings(np.stack([xy[start[one]], xy[end[one]]], axis=1))
    # Only a corner where fewer than two faces agree on what comes next can be missing elsewhere: a border that
    # only one face knows begins or ends there.
    lonely = np.flatnonzero(np.bincount(step_of) == 1)
    ends = np.r_[start[one[lonely]], end[one[lonely]]]
    _, first = np.unique(corner[ends], return_index=True)
    ends = ends[first]
    tree = shapely.STRtree(lines[lonely])
    which, at = tree.query(shapely.points(xy[ends]), predicate="dwithin", distance=_SAME_M)
    point, line = ends[which], lonely[at]
    other = (corner[point] != corner[start[one[line]]]) & (corner[point] != corner[end[one[line]]])
    point, line = point[other], line[other]
    if not len(point):
        return faces
    # Every step along such a line gets the corner, in the step's own direction.
    by_line = np.argsort(step_of, kind="stable")
    begins = np.searchsorted(step_of[by_line], np.arange(len(one) + 1))
    times = begins[line + 1] - begins[line]
    steps = by_line[np.repeat(begins[line], times) + _count_up(times)]
    point = np.repeat(point, times)
    along = np.hypot(*(xy[point] - xy[start[steps]]).T)
    order = np.lexsort((along, steps))
    return _with_corners(faces, end[steps[order]], xy[point[order]])


def _count_up(times: Ints) -> Ints:
    """0 .. n-1 for each n."""
    return np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)


def _with_corners(faces: Shapes, before: Ints, xy: Floats) -> Shapes:
    rings, owner = shapely.get_rings(faces, return_index=True)
    old, ring = shapely.get_coordinates(rings, return_index=True)
    new_xy, new_ring = np.insert(old, before, xy, axis=0), np.insert(ring, before, ring[before])
    return np.asarray(shapely.polygons(shapely.linearrings(new_xy, indices=new_ring), indices=owner))


def on_raster(faces: Shapes) -> Shapes:
    """Every corner moved to the raster by itself, so that neighbours still share them; a speck of a hole closes.

    Corners almost in one place become one first: rounded apart, the borders between them could cross.
    """
    rings, owner = shapely.get_rings(faces, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    _, first, at = np.unique(_corners(xy), return_index=True, return_inverse=True)
    near = cKDTree(xy[first]).query_pairs(_ONE_M, output_type="ndarray")
    links = scipy.sparse.coo_array((np.ones(len(near)), (near[:, 0], near[:, 1])), shape=(len(first),) * 2)
    place = connected_components(links, directed=False)[1]
    xy = xy[first[np.unique(place, return_index=True)[1]][place[at]]]
    xy = np.rint(xy / GRID_M) / round(1 / GRID_M)
    again = np.r_[False, (ring[1:] == ring[:-1]) & (xy[1:] == xy[:-1]).all(axis=1)]
    xy, ring = xy[~again], ring[~again]
    kept = np.bincount(ring) > 3
    number = np.cumsum(kept) - 1
    xy, ring = xy[kept[ring]], number[ring[kept[ring]]]
    return np.asarray(shapely.polygons(shapely.linearrings(xy, indices=ring), indices=owner[kept]))
