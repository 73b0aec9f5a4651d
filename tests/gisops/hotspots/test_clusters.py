"""DBSCAN: exactly the clusters of a plain one, and no more memory where everything lies on one spot."""

from __future__ import annotations

import resource

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gisops.errors import InvalidInput
from gisops.hotspots.clusters import NOISE, dbscan


def _town(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    heaps = [rng.normal(at, rng.uniform(20, 200), (n // 24, 2)) for at in rng.uniform(0, 8_000, (12, 2))]
    road = np.stack([rng.uniform(0, 8_000, n // 8), rng.normal(3_000, 8, n // 8)], axis=1)
    spread = rng.uniform(0, 8_000, (n - 12 * (n // 24) - len(road), 2))
    return np.concatenate([*heaps, road, spread])


def _plain(at: np.ndarray, reach: float, least: int) -> tuple[np.ndarray, np.ndarray]:
    """By the definition, with every distance there is."""
    near = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) <= reach
    core = near.sum(axis=1) >= least
    labels = np.full(len(at), NOISE)
    for start in np.flatnonzero(core):
        if labels[start] != NOISE:
            continue
        waiting = [start]
        labels[start] = start
        while waiting:
            here = waiting.pop()
            for other in np.flatnonzero(near[here] & core & (labels == NOISE)):
                labels[other] = start
                waiting.append(other)
    return labels, core


def _same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def _check(at: np.ndarray, reach: float, least: int) -> None:
    labels, core = dbscan(*at.T, reach, least)
    expected, expected_core = _plain(at, reach, least)
    assert (core == expected_core).all()
    assert _same_partition(labels[core], expected[core])
    distance = np.hypot(*(at[~core][:, None] - at[core][None]).transpose(2, 0, 1))
    for n, point in enumerate(np.flatnonzero(~core)):
        reached = distance[n] <= reach
        if not reached.any():
            assert labels[point] == NOISE
        else:
            nearest = distance[n] == distance[n].min()
            assert labels[point] in labels[core][nearest]
    sizes = np.bincount(labels[labels != NOISE]) if (labels != NOISE).any() else np.empty(0, int)
    assert (sizes > 0).all()
    assert (np.diff(sizes) <= 0).all()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), min_size=1, max_size=70),
    st.sampled_from([1.0, 2**0.5, 2.0, 5**0.5, 3.0]),
    st.integers(1, 6),
)
def test_on_a_lattice_where_many_distances_are_exactly_the_reach(
    lattice: list[tuple[int, int]], reach: float, least: int
) -> None:
    _check(np.array(lattice, np.float64), reach, least)


@pytest.mark.parametrize(("reach", "least"), [(60.0, 5), (120.0, 12), (250.0, 40), (40.0, 1)])
def test_a_town(reach: float, least: int) -> None:
    _check(_town(1_500, seed=int(reach)), reach, least)


def test_a_heap_on_one_spot_takes_no_more_memory() -> None:
    """A list of all pairs within reach of each other would be 40,000² here, some ten thousand million."""
    rng = np.random.default_rng(1)
    at = np.concatenate(
        [np.full((40_000, 2), 500.0), rng.uniform(0, 3_000, (20_000, 2)), rng.normal(512, 3, (9_000, 2))]
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    labels, core = dbscan(*at.T, 25.0, 15)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # kilobytes
    assert core[:40_000].all()
    assert (labels[:40_000] == 0).all()
    assert (labels[60_000:] == 0).all()


def test_scikit_learn_finds_the_same_clusters_of_20_000_points() -> None:
    cluster = pytest.importorskip("sklearn.cluster", reason="scikit-learn is not installed (the bench extra)")
    at = _town(20_000, seed=7)
    for reach, least in ((80.0, 10), (150.0, 25)):
        theirs = cluster.DBSCAN(eps=reach, min_samples=least).fit(at)
        labels, core = dbscan(*at.T, reach, least)
        assert np.flatnonzero(core).tolist() == theirs.core_sample_indices_.tolist()
        assert _same_partition(labels[core], theirs.labels_[core])
        assert ((labels == NOISE) == (theirs.labels_ == NOISE)).all()
        assert labels.max() > 5


def test_no_points_and_too_few() -> None:
    labels, core = dbscan([], [], 10.0, 3)
    assert (len(labels), len(core)) == (0, 0)
    labels, core = dbscan([0.0, 1.0], [0.0, 0.0], 10.0, 3)
    assert (labels.tolist(), core.tolist()) == ([NOISE, NOISE], [False, False])
    labels, core = dbscan([0.0, 10.0, 20.0], [0.0, 0.0, 0.0], 10.0, 3)
    assert (labels.tolist(), core.tolist()) == ([0, 0, 0], [False, True, False])


@pytest.mark.parametrize(("reach", "least"), [(0.0, 3), (-1.0, 3), (float("nan"), 3), (5.0, 0)])
def test_reach_and_number_are_positive(reach: float, least: int) -> None:
    with pytest.raises(InvalidInput):
        dbscan([0.0, 1.0], [0.0, 1.0], reach, least)
