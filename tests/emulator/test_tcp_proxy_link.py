"""Delay and bandwidth, with times that are made up."""

import pytest
from hypothesis import given, strategies as st

from asyncup.emulator.tcp_proxy import Link
from asyncup.emulator.tcp_proxy.link import BURST_S, KERNEL_BYTES, LEAST_PIECE_BYTES, PIECE_BYTES, QUEUE_S, Line

BANDWIDTH = 125e6
lengths = st.integers(1, PIECE_BYTES)


def test_delay_is_half_of_a_round_trip_and_does_not_add_up() -> None:
    line = Line(Link(round_trip_s=0.08))
    assert [line.send(now, 1000) for now in (5.0, 5.0, 5.001)] == [5.04, 5.04, 5.041]
    assert line.wait_s(5.001) == 0


@given(st.lists(lengths, min_size=1, max_size=50), st.floats(1e3, 1e10), st.floats(0, 1))
def test_bytes_sent_at_once_arrive_at_the_bandwidth(sent: list[int], bandwidth: float, round_trip_s: float) -> None:
    line = Line(Link(round_trip_s=round_trip_s, bandwidth_bytes_s=bandwidth))
    arrivals = [line.send(100.0, length) for length in sent]
    assert arrivals == sorted(arrivals)
    transfer_s = max(0.0, sum(sent) / bandwidth - BURST_S)
    assert arrivals[-1] == pytest.approx(100 + transfer_s + round_trip_s / 2)


@given(st.lists(st.tuples(lengths, st.floats(0, 0.1)), min_size=1, max_size=50))
def test_never_more_than_the_bandwidth_whenever_it_is_sent(sent: list[tuple[int, float]]) -> None:
    """Between any two moments, but for the depth of the bucket."""
    line = Line(Link(bandwidth_bytes_s=BANDWIDTH))
    now, arrived = 50.0, []
    for length, pause_s in sent:
        now += pause_s
        arrived.append((line.send(now, length), length))
    for first, (begun, _) in enumerate(arrived):
        for last in range(first + 1, len(arrived)):
            carried = sum(length for _, length in arrived[first + 1 : last + 1])
            assert carried <= (arrived[last][0] - begun + BURST_S) * BANDWIDTH * 1.000001


def test_a_line_that_is_served_late_loses_no_bandwidth() -> None:
    """It is looked after 10 ms late each time, and carries a second of bytes in a second all the same."""
    line, now, carried = Line(Link(bandwidth_bytes_s=BANDWIDTH)), 10.0, 0
    while now < 20:
        while line.wait_s(now) == 0:
            line.send(now, PIECE_BYTES)
            carried += PIECE_BYTES
        now += line.wait_s(now) + BURST_S
    assert carried == pytest.approx(10 * BANDWIDTH, rel=0.01)


def test_no_more_is_let_onto_the_line_than_its_queue_holds() -> None:
    line = Line(Link(bandwidth_bytes_s=1e6))
    line.send(0.0, 100_000)
    assert line.wait_s(0.0) == pytest.approx(0.1 - BURST_S - QUEUE_S)
    assert line.wait_s(1.0) == 0


def test_the_window_holds_what_is_under_way_in_a_round_trip_and_what_a_kernel_buffers() -> None:
    assert Link(round_trip_s=0.08, bandwidth_bytes_s=BANDWIDTH).window == 10_000_000 + KERNEL_BYTES
    assert Link(round_trip_s=0.08).window == 100_000_000 + KERNEL_BYTES
    assert Link(window_bytes=7).window == 7


def test_a_slow_line_is_read_in_small_pieces() -> None:
    assert Link().piece_bytes == PIECE_BYTES
    assert Link(bandwidth_bytes_s=1e6).piece_bytes == 5000
    assert Link(bandwidth_bytes_s=1e3).piece_bytes == LEAST_PIECE_BYTES
    assert Link(window_bytes=7).piece_bytes == 7


@pytest.mark.parametrize(
    "impossible",
    [{"round_trip_s": -1}, {"round_trip_s": float("nan")}, {"bandwidth_bytes_s": 0}, {"window_bytes": 0}],
)
def test_impossible_lines(impossible: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not"):
        Link(**impossible)  # type: ignore[arg-type]
