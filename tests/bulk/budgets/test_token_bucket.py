"""The bucket keeps its rate whatever is taken when."""

import pytest
from hypothesis import given, strategies as st

from asyncup.bulk.budgets.token_bucket import TokenBucket


@given(
    rate=st.floats(1e3, 1e9),
    takes=st.lists(st.tuples(st.integers(1, 2**20), st.floats(0, 0.5)), min_size=1, max_size=50),
)
def test_never_more_than_the_rate_and_a_tenth_of_a_second(rate: float, takes: list[tuple[int, float]]) -> None:
    now_s, sent = 100.0, 0
    bucket = TokenBucket(rate, now_s)
    for length, late_s in takes:
        now_s += bucket.wait_s(now_s) + late_s
        # What is let through after this wait was paid for before the last piece.
        assert sent <= rate * (now_s - 100.0 + 0.1) + 1e-3 * rate
        bucket.take(length, now_s)
        sent += length


def test_who_comes_on_time_gets_exactly_the_rate() -> None:
    bucket, now_s = TokenBucket(1000.0, 0.0), 0.0
    for _ in range(100):
        now_s += bucket.wait_s(now_s)
        bucket.take(50, now_s)
    assert now_s + bucket.wait_s(now_s) == pytest.approx(5.0)


@pytest.mark.parametrize(("rate", "wait_s"), [(100.0, 10.0), (1000.0, 1.0), (10_000.0, 0.1)])
def test_a_faster_rate_shortens_the_wait_and_a_slower_one_does_not_lengthen_it_beyond_its_bytes(
    rate: float, wait_s: float
) -> None:
    bucket = TokenBucket(1000.0, 0.0)
    bucket.take(1000, 0.0)
    bucket.change(rate, 0.0)
    assert bucket.wait_s(0.0) == pytest.approx(min(wait_s, 1.0))
