"""Faces grouped into connected regions of like weight, whose borders follow main roads and river banks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import shapely
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from gisops.sample.city.mesh import Bools, Floats, Ints, in_water, touching
from gisops.sample.town import Shapes, Town

# How many metres farther the other side of a road or a bank is, when faces look for what they belong to.
_BARRIER_M = {"motorway": 1500.0, "trunk": 1500.0, "primary": 900.0, "secondary": 500.0, "tertiary": 200.0}
_BANK_M = 400.0


@dataclass(frozen=True)
class Ground:
    """Faces as a graph: how far it is from one to the next, where they lie and what they weigh."""

    ways: scipy.sparse.csr_array
    points: Floats
    weight: Floats

    def part(self, members: Ints) -> Ground:
        """The same of some faces, made whole where leaving the others out has torn it."""
        ways, points = self.ways[members][:, members], self.points[members]
        a, b, far = _ferries(points, *ways.nonzero())
        more = scipy.sparse.coo_array((np.r_[far, far], (np.r_[a, b], np.r_[b, a])), shape=ways.shape)
        return Ground(scipy.sparse.csr_array(ways + more.tocsr()), points, self.weight[members])


def ground_of(town: Town, faces: Shapes, worth: Floats) -> Ground:
    """The faces of a town as a graph; parts that touch nothing are linked to what lies nearest, as by a ferry."""
    t = touching(faces)
    points = shapely.get_coordinates(shapely.centroid(faces))
    barrier = np.zeros(len(t.a))
    classes = np.array([_BARRIER_M.get(c, 0.0) for c in town.roads.road_class])
    major = np.flatnonzero(classes)
    if len(major):
        tree = shapely.STRtree(town.roads.geom[major])
        which, road = tree.query(shapely.points(t.middle), predicate="dwithin", distance=1.0)
        np.maximum.at(barrier, which, classes[major[road]])
    wet = in_water(town, faces)
    barrier[wet[t.a] != wet[t.b]] += _BANK_M
    length = np.hypot(*(points[t.a] - points[t.b]).T) + barrier + 1.0
    a, b, far = _ferries(points, t.a, t.b)
    length, a, b = np.r_[length, far], np.r_[t.a, a], np.r_[t.b, b]
    ways = scipy.sparse.coo_array((np.r_[length, length], (np.r_[a, b], np.r_[b, a])), shape=(len(faces),) * 2)
    return Ground(scipy.sparse.csr_array(ways), points, worth)


def _ferries(points: Floats, a: Ints, b: Ints) -> tuple[Ints, Ints, Floats]:
    """Links that make one of several islands: from each to the nearest face of one already reached."""
    links = scipy.sparse.coo_array((np.ones(len(a)), (a, b)), shape=(len(points),) * 2)
    count, island = connected_components(links, directed=False)
    order = np.argsort(-np.bincount(island, minlength=count), kind="stable")
    found = []
    reached = island == order[0]
    for n in order[1:]:
        own = np.flatnonzero(island == n)
        far, near = cKDTree(points[reached]).query(points[own])
        first = int(np.argmin(far))
        found.append((own[first], np.flatnonzero(reached)[near[first]], far[first]))
        reached |= island == n
    pairs = np.array(found, dtype=np.float64).reshape(-1, 3)
    return pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64), 3 * pairs[:, 2] + 1


def grouped(ground: Ground, count: int, rng: np.random.Generator, rounds: int = 8) -> Ints:
    """Labels 0 .. count-1: so many connected regions of about the same weight (fewer where there are fewer faces)."""
    count = min(count, len(ground.points))
    return grown(ground, seeds_in(ground, np.ones(len(ground.points), dtype=bool), count, rng), rounds)


def quarters(ground: Ground, barrier_m: float, most: float, rng: np.random.Generator) -> Ints:
    """Labels of what lies between barriers at least so high, as blocks between main roads do.

    A quarter that weighs more than ``most`` is cut into several, so that larger regions can still be balanced.
    """
    ways = ground.ways.tocoo()
    plain = np.hypot(*(ground.points[ways.row] - ground.points[ways.col]).T) + 1.0
    open_ = ways.data - plain < barrier_m - 0.5
    links = scipy.sparse.coo_array((np.ones(int(open_.sum())), (ways.row[open_], ways.col[open_])), shape=ways.shape)
    count, found = connected_components(links, directed=False)
    label: Ints = found.astype(np.int64)
    weight = np.bincount(label, weights=ground.weight)
    for heavy in np.flatnonzero(weight > most).tolist():
        members = np.flatnonzero(label == heavy)
        own = grouped(ground.part(members), int(np.ceil(weight[heavy] / most)), rng, rounds=4)
        label[members[own > 0]] = count - 1 + own[own > 0]
        count += int(own.max())
    return label


def merged(ground: Ground, label: Ints) -> Ground:
    """The same ground with the faces of a label as one; the way between two is the shortest between their faces."""
    count = int(label.max()) + 1
    own = ground.weight + 1e-9
    weight: Floats = np.bincount(label, weights=own, minlength=count).astype(np.float64)
    sums = [np.bincount(label, weights=own * ground.points[:, i], minlength=count) for i in (0, 1)]
    points: Floats = np.column_stack(sums) / weight[:, None]
    ways = ground.ways.tocoo()
    a, b = label[ways.row], label[ways.col]
    barrier = ways.data - np.hypot(*(ground.points[ways.row] - ground.points[ways.col]).T)
    keep = a != b
    a, b, barrier = a[keep], b[keep], barrier[keep]
    order = np.lexsort((barrier, b, a))
    _, first = np.unique((a << 32 | b)[order], return_index=True)
    a, b, barrier = a[order][first], b[order][first], barrier[order][first]
    length = np.hypot(*(points[a] - points[b]).T) + np.maximum(barrier, 1.0)
    return Ground(scipy.sparse.csr_array((length, (a, b)), shape=(count, count)), points, weight)


def seeds_in(ground: Ground, among: Bools, count: int, rng: np.random.Generator) -> Ints:
    """Faces far from each other and near much weight: k-means of points, then the face nearest to each mean."""
    at = np.flatnonzero(among)
    points, weight = ground.points[at], ground.weight[at] + 1e-9
    means = points[[rng.choice(len(at), p=weight / weight.sum())]]
    nearest = np.full(len(at), np.inf)
    for _ in range(1, count):
        nearest = np.minimum(nearest, ((points - means[-1]) ** 2).sum(axis=1))
        # A hair more than nothing: two faces may have one middle.
        away = weight * (nearest + 1e-6)
        means = np.vstack([means, points[rng.choice(len(at), p=away / away.sum())]])
    for _ in range(12):
        label = cKDTree(means).query(points)[1]
        total = np.bincount(label, weights=weight, minlength=count)
        sums = [np.bincount(label, weights=weight * points[:, i], minlength=count) for i in (0, 1)]
        means = np.where(total[:, None] > 0, np.column_stack(sums) / np.maximum(total, 1e-12)[:, None], means)
    return _distinct(points, means, at)


def _distinct(points: Floats, means: Floats, names: Ints) -> Ints:
    """For each mean the nearest point that no earlier mean has taken."""
    taken: list[int] = []
    _, near = cKDTree(points).query(means, k=range(1, len(means) + 1))
    for order in near.tolist():
        taken.append(next(i for i in order if i not in taken))
    return names[taken]


def grown(ground: Ground, seeds: Ints, rounds: int) -> Ints:
    """Each face to the seed it is nearest to over the ground. Heavy groups get a head start against them.

    Every group is connected: a shortest way never leaves it. Raises ``ValueError`` where the ground is not.
    """
    n, k = len(ground.points), len(seeds)
    if k == 1:
        return np.zeros(n, dtype=np.int64)
    rows, cols = ground.ways.nonzero()
    length = ground.ways.data
    handicap = np.zeros(k)
    best: tuple[float, Ints] | None = None
    scale = float(np.median(length)) * np.sqrt(n / k)
    for _ in range(rounds):
        # One more point per seed, as far before it as its handicap, from which its ways begin.
        starts = np.arange(n, n + k)
        ways = scipy.sparse.csr_array(
            (np.r_[length, handicap - handicap.min() + 1.0], (np.r_[rows, starts], np.r_[cols, seeds])),
            shape=(n + k, n + k),
        )
        away, _, source = dijkstra(ways, indices=starts, min_only=True, return_predecessors=True)
        if not np.isfinite(away[:n]).all():
            raise ValueError("the town's blocks do not hang together")
        label = source[:n].astype(np.int64) - n
        weight = np.bincount(label, weights=ground.weight, minlength=k)
        if np.bincount(label, minlength=k).min() > 0 and (best is None or weight.max() < best[0]):
            best = float(weight.max()), label
        handicap = np.clip(handicap + scale * 0.25 * (weight / weight.mean() - 1), -scale, scale)
    if best is None:
        # A head start swallowed a seed at every turn; without any nobody is swallowed.
        return grown(ground, seeds, 1)
    return best[1]
