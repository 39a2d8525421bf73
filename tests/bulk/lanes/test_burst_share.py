"""Our share of the burst limit: all of it alone, what is left over when others are there."""

import pytest
from hypothesis import given, strategies as st

from asyncup.bulk.lanes.burst_share import BurstShare
from asyncup.bulk.lanes.sample import LaneSample


def sample(at_s: float, calls: int, remaining: int | None, limit: int | None = 2000) -> LaneSample:
    return LaneSample(
        at_s=at_s,
        seconds=1.0,
        bytes_sent=0,
        calls=calls,
        trouble=0,
        busy_lanes=5.0,
        burst_limit=limit,
        burst_remaining=remaining,
    )


def watched(ours: int, others: int, count: int, share: BurstShare | None = None) -> BurstShare:
    share, remaining = share or BurstShare(), 2000
    for second in range(count):
        remaining = max(0, remaining - ours - others)
        share = share.observe(sample(second + 1.0, ours, remaining))
    return share


def test_without_headers_nothing_is_known() -> None:
    share = BurstShare().observe(sample(1.0, 5, None, None))
    assert share == BurstShare()
    assert share.calls_per_s(1.0, None) is None


@given(ours=st.integers(0, 100), count=st.integers(1, 100))
def test_alone_nothing_is_held_back(ours: int, count: int) -> None:
    share = watched(ours, 0, count)
    assert not share.others_are_there
    assert share.calls_per_s(float(count), 2000) is None


def test_with_others_there_their_calls_and_a_reserve_are_left() -> None:
    share = watched(4, 8, 100)
    assert share.others_are_there
    assert share.others_per_s == pytest.approx(8, rel=0.05)
    allowed = share.calls_per_s(100.0, 2000)
    assert allowed == pytest.approx(max(0.0, (800 - 200) / 201 - share.others_per_s), abs=0.1)
    assert allowed == 0.0


def test_few_others_leave_much() -> None:
    share = watched(2, 2, 60)
    allowed = share.calls_per_s(60.0, 2000)
    assert allowed is not None
    assert allowed == pytest.approx((1760 - 200) / 241 - 2, rel=0.2)


def test_a_new_window_begins_when_the_budget_rises() -> None:
    share = watched(5, 10, 100).observe(sample(101.0, 5, 1990))
    assert share.window_began_s == 101.0
    assert share.others_are_there  # they do not go away with the window
    assert share.calls_per_s(101.0, 2000) is None or share.calls_per_s(101.0, 2000) == pytest.approx(0, abs=3)


def test_an_empty_budget_hides_others_and_forgets_nobody() -> None:
    before = watched(20, 20, 50)
    after = before.observe(sample(51.0, 20, 0)).observe(sample(52.0, 20, 0))
    assert after.others_per_s == before.others_per_s
