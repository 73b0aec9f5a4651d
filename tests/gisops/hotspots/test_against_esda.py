"""The same numbers as PySAL's esda, of which Gi* here is an oracle's twin. Importing it takes seconds: hence apart."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from gisops.hotspots.getis_ord import local_g, neighbours
from gisops.hotspots.hexagons import Hexagons, count

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # numba's and shapely's, at import
    getisord = pytest.importorskip("esda.getisord", reason="esda is not installed (the bench extra)")
    graph = pytest.importorskip("libpysal.graph", reason="libpysal is not installed (the bench extra)")


@pytest.fixture(scope="module")
def city() -> Hexagons:
    rng = np.random.default_rng(11)
    heaps = [rng.normal(at, 300, (2_000, 2)) for at in rng.uniform(0, 9_000, (6, 2))]
    return count(*np.concatenate([*heaps, rng.uniform(0, 9_000, (20_000, 2))]).T, 200.0).grown()


@pytest.mark.parametrize("star", [True, False])
@pytest.mark.parametrize("rings", [1, 2])
def test_z_is_esdas(city: Hexagons, rings: int, star: bool) -> None:
    w = neighbours(city, rings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = getisord.G_Local(
            city.counts.astype(float), graph.Graph.from_sparse(w), transform="B", star=star, permutations=0
        )
    ours = local_g(city.counts, w, star=star)
    assert np.abs(ours.z - theirs.Zs).max() < 1e-9
    assert np.abs(ours.p - 2 * theirs.p_norm).max() < 1e-9
