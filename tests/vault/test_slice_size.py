"""Slices grow while they take little time, shrink when they take long, and stay within their bounds."""

from hypothesis import given, strategies as st

from asyncup.vault.slice_size import LARGEST_SLICE, SLICE, SliceSize

SECONDS = st.floats(0, 10) | st.floats(0, 0.01)


def after(*took: tuple[int | None, float]) -> int:
    """Return the size after slices of so many bytes (None: as many as were wanted) that took so many seconds."""
    size = SliceSize()
    for length, seconds in took:
        size.took(size.bytes if length is None else length, seconds)
    return size.bytes


@given(st.lists(st.tuples(st.none() | st.integers(1, 2 * LARGEST_SLICE), SECONDS)))
def test_it_stays_within_its_bounds(took: list[tuple[int | None, float]]) -> None:
    assert SLICE <= after(*took) <= LARGEST_SLICE


@given(st.floats(1e8, 1e10))
def test_at_a_steady_rate_a_slice_ends_up_holding_the_loop_for_milliseconds_at_most(bytes_per_s: float) -> None:
    size = SliceSize()
    for _ in range(10):
        size.took(size.bytes, size.bytes / bytes_per_s)
    settled = size.bytes
    size.took(settled, settled / bytes_per_s)
    assert size.bytes == settled, "it does not swing"
    assert settled == SLICE or settled / bytes_per_s <= 0.006
    assert settled == LARGEST_SLICE or settled / bytes_per_s >= 0.003


def test_a_slow_network_keeps_slices_small() -> None:
    assert after(*[(None, 1.0)] * 5) == SLICE


def test_it_shrinks_when_the_network_becomes_slow() -> None:
    fast, slow = [(None, 0.0001)] * 5, [(None, 1.0)] * 5
    assert after(*fast) == LARGEST_SLICE
    assert after(*fast, *slow) == SLICE


def test_a_last_short_slice_says_nothing_about_long_ones() -> None:
    assert after((SLICE - 1, 0.0)) == SLICE
