"""Medians and spreads, against the definitions."""

import statistics

import pytest
from hypothesis import given, strategies as st

from benchmarks.statistics import paired_ratio, spread

positive = st.floats(0.01, 1000)


@given(st.lists(positive, min_size=1, max_size=30))
def test_the_median_lies_within_the_quartiles_and_these_within_the_values(values: list[float]) -> None:
    found = spread(values)
    assert found.count == len(values)
    assert found.median == pytest.approx(statistics.median(values))
    slack = 1e-9 * max(values)
    assert min(values) - slack <= found.low <= found.median + slack
    assert found.median - slack <= found.high <= max(values) + slack


def test_one_outlier_does_not_move_the_spread() -> None:
    assert str(spread([1.0, 1.0, 1.0, 1.0, 50.0])) == "1.00 (1.00 to 1.00)"


def test_nothing_has_no_median() -> None:
    with pytest.raises(ValueError, match="no values"):
        spread([])


@given(st.lists(positive, min_size=1, max_size=20), positive)
def test_what_slows_both_of_a_pair_leaves_the_ratio(values: list[float], factor: float) -> None:
    ratio = paired_ratio([value * factor for value in values], values)
    assert ratio.median == pytest.approx(factor)
    assert ratio.low == pytest.approx(ratio.high)


def test_what_is_not_paired_has_no_ratio() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        paired_ratio([1.0], [1.0, 2.0])
