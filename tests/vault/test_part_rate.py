"""The mean rate of parts: between those that were seen, and soon that of the latest."""

import pytest
from hypothesis import given, strategies as st

from asyncup.vault.part_rate import PartRate


@given(st.lists(st.tuples(st.integers(1, 10**9), st.floats(0.001, 1e4)), min_size=1, max_size=50))
def test_it_lies_between_what_was_seen(parts: list[tuple[int, float]]) -> None:
    rate = PartRate()
    for length, seconds in parts:
        rate.observe(length, seconds)
    rates = [length / seconds for length, seconds in parts]
    assert rate.bytes_per_s is not None
    assert min(rates) * 0.999 <= rate.bytes_per_s <= max(rates) * 1.001


def test_a_line_that_has_become_slow_is_believed_after_a_few_parts() -> None:
    rate = PartRate()
    rate.observe(100_000_000, 1.0)
    for _ in range(12):
        rate.observe(1_000_000, 1.0)
    assert rate.bytes_per_s == pytest.approx(1_000_000, rel=1.5)


def test_what_no_clock_can_measure_says_nothing() -> None:
    rate = PartRate()
    rate.observe(1000, 0.0)
    assert rate.bytes_per_s is None
