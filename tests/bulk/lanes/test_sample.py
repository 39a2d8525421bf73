"""Epochs add samples up, wait for a change to show, and know when there is enough."""

import pytest

from asyncup.bulk.lanes.sample import Epoch, LaneSample, Level


def sample(at_s: float, **facts: float) -> LaneSample:
    measured = {"bytes_sent": 0, "calls": 0, "trouble": 0, "busy_lanes": 1.0} | facts
    return LaneSample(at_s=at_s, seconds=1.0, **measured)  # type: ignore[arg-type]


def test_an_epoch_is_the_mean_of_its_samples() -> None:
    epoch = Epoch()
    epoch = epoch.add(sample(1.0, bytes_sent=4_000_000, busy_lanes=2.0, calls=1))
    epoch = epoch.add(sample(2.0, bytes_sent=2_000_000, busy_lanes=4.0, calls=4, trouble=1))
    assert epoch.level == Level(3.0, 5_000_000)
    assert epoch.level.lane_work_per_s == pytest.approx(5_000_000 / 3)
    assert epoch.trouble_share == 0.2


def test_samples_too_soon_after_a_change_count_for_trouble_only() -> None:
    epoch = Epoch().add(sample(1.0, turnaround_s=2.0)).after_change(1.0)
    epoch = epoch.add(sample(2.0, bytes_sent=5, calls=3, trouble=2))
    assert (epoch.seconds, epoch.work, epoch.trouble) == (0.0, 0.0, 2)
    assert epoch.add(sample(4.0, bytes_sent=5)).seconds == 1.0


@pytest.mark.parametrize(("turnaround_s", "needed"), [(0.0, 2), (0.5, 2), (1.0, 3), (3.0, 9), (300.0, 20)])
def test_an_epoch_is_long_enough_for_several_answers(turnaround_s: float, needed: int) -> None:
    epoch, count = Epoch(), 0
    while not epoch.is_enough():
        count += 1
        epoch = epoch.add(sample(float(count), turnaround_s=turnaround_s))
    assert count == needed
    assert epoch.next().turnaround_s == turnaround_s


def test_nothing_is_no_trouble() -> None:
    assert Epoch().trouble_share == 0.0
    assert Level(0.0, 10.0).lane_work_per_s == 10.0
