"""Points on hexagons: each in one, the nearest, and the same one whoever asks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gisops.errors import InvalidInput
from gisops.hotspots import hexagons
from gisops.hotspots.hexagons import Hexagons, assign, count


def _scatter(n: int = 20_000, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(400_000, 2_500, n), rng.normal(2_210_000, 1_800, n)


def _centre(row: np.ndarray, column: np.ndarray, edge_m: float, flat: bool) -> tuple[np.ndarray, np.ndarray]:
    return Hexagons(edge_m, flat, row, column, np.zeros_like(row)).centres()


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("edge_m", [0.7, 100.0, 4_000.0])
def test_every_point_is_counted_once(edge_m: float, flat: bool) -> None:
    x, y = _scatter()
    counted = count(x, y, edge_m, flat=flat)
    assert counted.counts.sum() == len(x)
    assert counted.counts.min() >= 1
    places = set(zip(counted.row.tolist(), counted.column.tolist(), strict=True))
    assert len(places) == len(counted)
    row, column = assign(x, y, edge_m, flat=flat)
    assert places == set(zip(row.tolist(), column.tolist(), strict=True))


@pytest.mark.parametrize("flat", [False, True])
def test_a_point_lies_in_the_hexagon_of_the_nearest_centre(flat: bool) -> None:
    x, y = _scatter()
    row, column = assign(x, y, 130.0, flat=flat)
    own = np.hypot(*np.subtract(_centre(row, column, 130.0, flat), (x, y)))
    rows, columns = hexagons.neighbours_of(row, column)
    for n in range(6):
        other = np.hypot(*np.subtract(_centre(rows[:, n], columns[:, n], 130.0, flat), (x, y)))
        assert (own <= other + 1e-7).all()
    polygons = Hexagons(130.0, flat, row, column, np.zeros_like(row)).polygons()
    assert shapely.dwithin(polygons, shapely.points(x, y), 1e-6).all()


def test_neighbours_lie_all_round_one_step_away() -> None:
    for at in ((0, 0), (1, 0), (-3, 7), (4, -2)):
        row, column = np.array([at[0]]), np.array([at[1]])
        x, y = _centre(row, column, 10.0, False)
        rows, columns = hexagons.neighbours_of(row, column)
        beside = np.subtract(_centre(rows[0], columns[0], 10.0, False), [x, y])
        assert np.hypot(*beside) == pytest.approx(np.full(6, math.sqrt(3) * 10))
        turns = np.sort(np.degrees(np.arctan2(beside[1], beside[0])) % 360)
        assert turns == pytest.approx([0, 60, 120, 180, 240, 300])


def test_the_sides_are_half_open() -> None:
    """Edge 2: whole half-edges upwards, so that slanted sides can be met exactly."""
    half = math.sqrt(3)  # half the width of a hexagon of edge 2
    for inside, there in (
        ((-half, 0.0), True),  # its western side
        ((half, 0.0), False),  # its eastern side is the neighbour's western
        ((0.0, -2.0), True),  # its lowest corner
        ((0.0, 2.0), False),  # its highest
    ):
        row, column = assign([inside[0]], [inside[1]], 2.0)
        assert ((row[0], column[0]) == (0, 0)) is there, inside


@given(
    st.lists(st.tuples(st.integers(-40, 40), st.integers(-40, 40)), min_size=1, max_size=50),
    st.sampled_from([1.0, 3.0, 7.5]),
    st.booleans(),
)
def test_corners_edges_and_middles_go_to_one_hexagon_that_touches_them(
    lattice: list[tuple[int, int]], edge_m: float, flat: bool
) -> None:
    """The lattice holds the corners, the middles of the sides and the centres: wherever two could lay claim."""
    at = np.array(lattice, np.float64) * [math.sqrt(3) / 4 * edge_m, edge_m / 4]
    x, y = (at[:, 1], at[:, 0]) if flat else (at[:, 0], at[:, 1])
    row, column = assign(x, y, edge_m, flat=flat)
    polygons = Hexagons(edge_m, flat, row, column, np.zeros_like(row)).polygons()
    assert (shapely.distance(polygons, shapely.points(x, y)) <= 1e-9 * edge_m).all()
    assert count(x, y, edge_m, flat=flat).counts.sum() == len(x)


@pytest.mark.parametrize("flat", [False, True])
def test_hexagons_tile_the_plane(flat: bool) -> None:
    x, y = _scatter(3_000)
    grown = count(x, y, 300.0, flat=flat).grown(2)
    polygons = grown.polygons()
    assert shapely.coverage_is_valid(polygons)
    assert shapely.area(polygons) == pytest.approx(np.full(len(grown), grown.area_m2))
    assert shapely.is_ccw(shapely.get_exterior_ring(polygons)).all()
    centres = shapely.centroid(polygons)
    assert np.hypot(*np.subtract(grown.centres(), (shapely.get_x(centres), shapely.get_y(centres)))).max() < 1e-6


def test_the_grid_does_not_move_with_the_points() -> None:
    x, y = _scatter(5_000)
    whole = count(x, y, 250.0)
    some = count(x[:100], y[:100], 250.0)
    places = set(zip(whole.row.tolist(), whole.column.tolist(), strict=True))
    assert set(zip(some.row.tolist(), some.column.tolist(), strict=True)) <= places


def test_a_point_far_away_costs_no_memory() -> None:
    x, y = _scatter(1_000)
    counted = count(np.append(x, 9e9), np.append(y, -9e9), 10.0)
    assert counted.counts.sum() == 1_001
    keys = list(zip(counted.row.tolist(), counted.column.tolist(), strict=True))
    assert keys == sorted(keys)


def test_grown_adds_the_empty_ones_around_and_keeps_the_counts() -> None:
    counted = count([0.0, 0.0, 1_000.0], [0.0, 1.0, 0.0], 50.0)
    for rings, size in ((1, 2 * 7), (2, 2 * 19)):
        grown = counted.grown(rings)
        assert len(grown) == size
        assert sorted(grown.counts[grown.counts > 0]) == [1, 2]
        at = hexagons.find(grown.row, grown.column, counted.row, counted.column)
        assert (grown.counts[at] == counted.counts).all()


def test_no_points_make_no_hexagons() -> None:
    none = count([], [], 100.0)
    assert (len(none), len(none.grown()), len(none.polygons())) == (0, 0, 0)


@pytest.mark.parametrize(
    ("x", "y", "edge_m"),
    [
        ([1.0, math.nan], [1.0, 2.0], 10.0),
        ([1.0], [1.0, 2.0], 10.0),
        ([1.0], [math.inf], 10.0),
        ([1.0], [1.0], 0.0),
        ([1.0], [1.0], math.nan),
        ([1e30], [1.0], 1.0),
    ],
)
def test_what_cannot_be_counted_is_refused(x: list[float], y: list[float], edge_m: float) -> None:
    with pytest.raises(InvalidInput):
        count(x, y, edge_m)


@pytest.mark.parametrize("flat", [False, True])
def test_a_cover_holds_every_centre_in_the_box_and_merging_adds_counts(flat: bool) -> None:
    x, y = _scatter(4_000)
    counted = count(x, y, 200.0, flat=flat)
    box = (398_000.0, 2_209_000.0, 402_500.0, 2_211_700.0)
    cover = hexagons.cover(box, 200.0, flat=flat)
    assert len(cover) == pytest.approx(4_500 * 2_700 / cover.area_m2, rel=0.05)
    east, north = counted.centres()
    inside = counted.within((east >= box[0]) & (east <= box[2]) & (north >= box[1]) & (north <= box[3]))
    assert (hexagons.find(cover.row, cover.column, inside.row, inside.column) >= 0).all()
    both = hexagons.merged(cover, counted)
    assert both.counts.sum() == 4_000
    assert len(both) == len(cover) + len(counted) - len(inside)
    assert (hexagons.find(both.row, both.column, both.row, both.column) == np.arange(len(both))).all()
    with pytest.raises(InvalidInput):
        hexagons.merged(cover, count(x, y, 100.0, flat=flat))
    with pytest.raises(InvalidInput):
        hexagons.cover((5.0, 0.0, 4.0, 1.0), 1.0)
