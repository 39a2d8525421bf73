"""The model of the best possible throughput."""

import pytest
from hypothesis import given, strategies as st

from benchmarks.roofline.model import Costs, lane_rate, link_rate, link_seconds, roofline

cost = st.floats(0.01, 10)
costs = st.builds(Costs, cores=st.integers(1, 64), md5=cost, send=cost, sink=cost, lane=cost)


def test_on_two_cores_md5_is_the_wall() -> None:
    assert lane_rate(Costs(cores=2, md5=1.3, send=0.3, sink=0.2, lane=2.7)) == pytest.approx(2 / 1.8)


def test_with_many_cores_the_bare_loop_is() -> None:
    assert lane_rate(Costs(cores=64, md5=1.3, send=0.3, sink=0.2, lane=2.7)) == 2.7


def test_without_md5_the_bare_loop_is() -> None:
    assert lane_rate(Costs(cores=1, md5=0.0, send=0.3, sink=0.2, lane=2.7)) == 2.7


@given(costs)
def test_the_model_passes_neither_bound(given_costs: Costs) -> None:
    rate = lane_rate(given_costs)
    assert rate <= given_costs.lane
    busy = rate * (given_costs.md5 + given_costs.send + given_costs.sink)
    assert busy <= given_costs.cores * (1 + 1e-9)


@given(costs, st.floats(0, 100))
def test_the_roofline_is_the_better_of_model_and_minimal_program(given_costs: Costs, minimal: float) -> None:
    assert roofline(given_costs, minimal) == max(lane_rate(given_costs), minimal)


def test_a_link_costs_one_turnaround_for_each_part() -> None:
    assert link_rate(50_000_000, bytes_per_s=125e6, turnaround_s=0.4) == pytest.approx(62.5e6)
    seconds = link_seconds(500_000_000, 50_000_000, bytes_per_s=125e6, round_trip_s=0.1, server_s=0.3)
    assert seconds == pytest.approx(4 + 10 * 0.4 + 0.2)


@given(st.integers(1, 10**9), st.floats(1e3, 1e9), st.floats(0, 10))
def test_a_link_is_never_faster_than_its_line(part_size: int, bytes_per_s: float, turnaround_s: float) -> None:
    assert link_rate(part_size, bytes_per_s=bytes_per_s, turnaround_s=turnaround_s) <= bytes_per_s * (1 + 1e-9)
