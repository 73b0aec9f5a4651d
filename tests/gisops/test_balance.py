"""How even work is, and the border cells that would even it out: by hand where it can be, else by what must hold."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gisops import balance


def test_gini_is_what_textbooks_say() -> None:
    assert balance.gini([3, 3, 3]) == pytest.approx(0)
    assert balance.gini([0, 0, 0, 1]) == pytest.approx(0.75)
    assert balance.gini([1, 2, 3, 4]) == pytest.approx(0.25)
    # two officers with 1 each and one with 4, told as zones or one by one
    assert balance.gini([1, 4], [2, 1]) == pytest.approx(balance.gini([1, 1, 4]))
    assert balance.gini([]) == balance.gini([0, 0]) == 0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30))
def test_gini_is_the_mean_difference_of_all_pairs(values: list[float]) -> None:
    x = np.array(values)
    total = 2 * len(x) ** 2 * x.mean()
    told = balance.gini(x)
    assert told == pytest.approx(np.abs(x[:, None] - x[None, :]).sum() / total if total > 1e-9 else told, abs=1e-6)


def test_lorenz_goes_from_nobody_with_nothing_to_all_with_all() -> None:
    people, work = balance.lorenz([4, 1], [1, 2])
    assert people == pytest.approx([0, 2 / 3, 1])
    assert work == pytest.approx([0, 1 / 3, 1])


def squares(columns: int, rows: int, side: float = 100.0) -> np.ndarray:
    """Cells of a grid, row by row."""
    return np.array(
        [shapely.box(x * side, y * side, (x + 1) * side, (y + 1) * side) for y in range(rows) for x in range(columns)]
    )


def test_neighbours_share_a_border_and_not_a_corner() -> None:
    pairs = {tuple(pair) for pair in balance.neighbours(squares(3, 2)).tolist()}
    assert pairs == {(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)}
    # drawn a little apart, as conversions leave them
    apart = np.array([shapely.box(0, 0, 10, 10), shapely.box(10.2, 0, 20, 10), shapely.box(21, 0, 30, 10)])
    assert balance.neighbours(apart).tolist() == [[0, 1]]


def test_the_border_cell_that_evens_out_most_is_given() -> None:
    # one row of six: zone 0 has the first four and all the work but one
    pairs = balance.neighbours(squares(6, 1))
    load, zone = np.array([3.0, 3, 3, 3, 0, 0]), np.array([0, 0, 0, 0, 1, 1])
    moves = balance.propose(load, zone, np.ones(2), np.zeros(2, np.intp), pairs)
    assert [(each.cell, each.giver, each.taker) for each in moves] == [(3, 0, 1), (2, 0, 1)]
    # 12 and 0 before: 72 off the mean, squared; 9 and 3 leave 18, 6 and 6 nothing
    assert [each.gain for each in moves] == pytest.approx([0.75, 0.25])
    assert balance.moved(zone, moves).tolist() == [0, 0, 1, 1, 1, 1]
    assert zone.tolist() == [0, 0, 0, 0, 1, 1]


def test_two_officers_may_have_twice_as_much() -> None:
    pairs = balance.neighbours(squares(6, 1))
    load, zone = np.array([3.0, 3, 3, 3, 3, 3]), np.array([0, 0, 0, 0, 1, 1])
    assert balance.propose(load, zone, np.array([2.0, 1.0]), np.zeros(2, np.intp), pairs) == []


def test_nothing_goes_to_another_organisation_or_to_a_zone_without_officers() -> None:
    pairs = balance.neighbours(squares(6, 1))
    load, zone = np.array([3.0, 3, 3, 3, 0, 0]), np.array([0, 0, 0, 0, 1, 1])
    assert balance.propose(load, zone, np.ones(2), np.array([0, 1]), pairs) == []
    assert balance.propose(load, zone, np.array([1.0, 0.0]), np.zeros(2, np.intp), pairs) == []


def _pieces(cells: np.ndarray, zone: np.ndarray, of: int) -> int:
    return len(shapely.get_parts(shapely.union_all(shapely.buffer(cells[zone == of], 0.01))))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_whatever_is_proposed_evens_out_and_tears_nothing_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = squares(9, 6)
    pairs = balance.neighbours(cells)
    zone = (np.arange(54) % 9 // 3).astype(np.intp)  # three zones of three columns
    load, officers = rng.exponential(1, 54) ** 2, rng.integers(1, 3, 3).astype(float)
    group = np.zeros(3, np.intp)
    moves = balance.propose(load, zone, officers, group, pairs, most=12)

    def uneven(of: np.ndarray) -> float:
        here = np.bincount(of, weights=load, minlength=3)
        return float((officers * (here / officers - here.sum() / officers.sum()) ** 2).sum())

    begun, now = uneven(zone), zone
    for each in moves:
        after = balance.moved(now, [each])
        assert now[each.cell] == each.giver
        assert uneven(now) - uneven(after) == pytest.approx(each.gain * begun)
        assert each.gain >= 0.02
        now = after
    assert len({each.cell for each in moves}) == len(moves)
    assert [_pieces(cells, now, of) for of in range(3)] == [1, 1, 1]
