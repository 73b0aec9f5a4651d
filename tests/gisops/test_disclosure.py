"""No table that is told lets anybody find fewer than five people, whoever subtracts what from what."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gisops import disclosure


def test_what_is_small_takes_the_smallest_other_along() -> None:
    counts = np.array([[3, 0], [12, 7], [40, 9], [0, 50]])
    tell, totals = disclosure.told(counts)
    # 3 alone would be the total without the others
    assert tell.tolist() == [[False, True], [False, True], [True, True], [True, True]]
    assert totals.tolist() == [True, True]


def test_where_nothing_can_hide_it_the_total_is_left_out_too() -> None:
    tell, totals = disclosure.told(np.array([[3], [0], [0]]))
    assert (tell[:, 0].tolist(), totals.tolist()) == ([False, True, True], [False])
    # two that hold four together: the next goes along, or the total
    tell, totals = disclosure.told(np.array([[2], [2], [0]]))
    assert totals.tolist() == [False]
    tell, totals = disclosure.told(np.array([[2], [2], [6]]))
    assert (tell[:, 0].tolist(), totals.tolist()) == ([False, False, False], [True])


def test_sums_stop_where_something_is_left_out() -> None:
    counts = np.array([[6, 2, 9], [6, 7, 0]])
    tell = np.array([[True, False, True], [True, True, True]])
    assert np.array_equal(disclosure.running(counts, tell), [[6, np.nan, np.nan], [6, 13, 13]], equal_nan=True)


def test_only_tables_of_counts_are_taken() -> None:
    for wrong in ([1, 2], [[-1]]):
        with pytest.raises(ValueError, match="counts"):
            disclosure.told(wrong)


@given(arrays.arrays(np.int64, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.integers(0, 20)))
def test_nobody_is_told_of_or_found_by_subtraction(counts: np.ndarray) -> None:
    tell, totals = disclosure.told(counts)
    assert ((counts[tell] == 0) | (counts[tell] >= disclosure.K)).all()
    for column in range(counts.shape[1]):
        at, hidden = counts[:, column], ~tell[:, column]
        if totals[column]:
            # the total less what is told: nothing, or so many people, and in more than one place
            assert at.sum() == 0 or at.sum() >= disclosure.K
            assert not hidden.any() or (at[hidden].sum() >= disclosure.K and hidden.sum() >= 2)
        assert (at[hidden] > 0).all()
