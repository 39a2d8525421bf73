"""The retries of all lanes: a few at once, then as many as time and successes give back, and never a refusal."""

import pytest
from hypothesis import example, given, strategies as st

from asyncup.protocol.retry_budget import RetryBudget

STEPS = st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=60)


@given(size=st.integers(0, 50), per_s=st.floats(0.01, 100))
def test_a_burst_is_free_and_what_follows_is_spread(size: int, per_s: float) -> None:
    budget = RetryBudget(size, per_s, 1e9)
    assert [budget.take_s(5.0) for _ in range(size)] == [0.0] * size
    following = [budget.take_s(5.0) for _ in range(10)]
    assert following == pytest.approx([number / per_s for number in range(1, 11)])


@given(STEPS)
def test_no_more_retries_go_out_than_there_are_tokens(steps: list[tuple[float, bool]]) -> None:
    size, per_s = 5.0, 0.5
    budget, now = RetryBudget(size, per_s, 1e9), 0.0
    goes_out: list[float] = []
    successes: list[float] = []
    for passed, succeeded in steps:
        now += passed
        if succeeded:
            budget.succeeded(now)
            successes.append(now)
        else:
            goes_out.append(now + budget.take_s(now))
    for begin in goes_out:
        for end in goes_out:
            if end < begin:
                continue
            given_back = sum(0.1 for at in successes if at <= end)
            most = size + per_s * (end - begin) + given_back
            assert sum(begin <= at <= end for at in goes_out) <= most + 1 + 1e-6


@given(st.integers(1, 500), st.floats(0, 100), st.floats(0.05, 20))
@example(500, 10.0, 0.5)
@example(500, 10.0, 2.0)
def test_no_wait_is_longer_than_the_longest(lanes: int, longest_wait_s: float, per_s: float) -> None:
    budget, a_bit_more_s = RetryBudget(20, per_s, longest_wait_s), longest_wait_s * (1 + 1e-9)
    waits = [budget.take_s(0.0) for _ in range(lanes)]
    assert all(0 <= wait_s <= a_bit_more_s for wait_s in waits)
    # It is waited for as long as that, though.
    assert waits[-1] == pytest.approx(min(longest_wait_s, max(0, lanes - 20) / per_s))
    # Nor do those that come later pay for all that were let through.
    assert budget.take_s(longest_wait_s) <= min(1.0 / per_s, longest_wait_s) * (1 + 1e-9) + 1e-9


@given(st.floats(0.05, 20), st.integers(0, 9))
def test_so_many_tokens_come_back_in_a_second(per_s: float, tokens: int) -> None:
    budget = RetryBudget(10, per_s, 1e9)
    assert [budget.take_s(3.0) for _ in range(10)] == [0.0] * 10
    later = 3.0 + tokens / per_s
    assert [budget.take_s(later) for _ in range(tokens + 1)] == pytest.approx([0.0] * tokens + [1 / per_s], abs=1e-9)


def test_time_fills_it_up_to_its_size_and_no_further() -> None:
    budget = RetryBudget(3, 0.5, 60.0)
    assert [budget.take_s(0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]
    assert [budget.take_s(1000.0) for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]


def test_ten_successes_give_one_retry_back() -> None:
    budget = RetryBudget(1, 0.001, 1e9)
    budget.take_s(0.0)
    for _ in range(10):
        budget.succeeded(0.0)
    assert budget.take_s(0.0) == pytest.approx(0.0)
    assert budget.take_s(0.0) == pytest.approx(1000.0)


def test_a_success_is_no_store_beyond_its_size() -> None:
    budget = RetryBudget(1, 0.001, 1e9)
    for _ in range(1000):
        budget.succeeded(0.0)
    assert budget.take_s(0.0) == 0.0
    assert budget.take_s(0.0) > 0


def test_a_clock_that_goes_back_takes_nothing_away() -> None:
    budget = RetryBudget(1, 1.0, 60.0)
    budget.take_s(100.0)
    assert budget.take_s(50.0) == 1.0
    assert budget.take_s(100.0) == 2.0
