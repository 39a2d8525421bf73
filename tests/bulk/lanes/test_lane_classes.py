"""The split of the lanes: bounds, no idle lane, no starving class, and both ending together."""

import pytest
from hypothesis import given, strategies as st

from asyncup.bulk.lanes.lane_classes import ClassLoad, LaneClass, LaneSplit, next_class, split_lanes

loads = st.builds(ClassLoad, files=st.integers(0, 10_000), file_s=st.none() | st.floats(0.01, 10_000))


@given(lanes=st.integers(1, 100), small=loads, large=loads, slots=st.integers(0, 50))
def test_no_lane_is_idle_and_nobody_starves(lanes: int, small: ClassLoad, large: ClassLoad, slots: int) -> None:
    split = split_lanes(lanes, small=small, large=large, session_slots=slots)
    useful_large = min(large.files, slots)
    assert 0 <= split.small <= small.files
    assert 0 <= split.large <= useful_large
    assert split.small + split.large == min(lanes, small.files + useful_large)
    if lanes > 1:
        assert split.small >= min(1, small.files)
        assert split.large >= min(1, useful_large)
    if lanes >= 4:
        assert split.large >= min(lanes // 4, useful_large)
        assert split.small >= min(lanes // 4, small.files)


@pytest.mark.parametrize(
    ("lanes", "small", "large", "slots", "expected"),
    [
        (1, (5, 1.0), (5, 1.0), 25, (1, 0)),
        (1, (0, 1.0), (5, 1.0), 25, (0, 1)),
        (2, (5, 1.0), (5, 1.0), 25, (1, 1)),
        (12, (1000, 1.0), (100, 10.0), 25, (6, 6)),  # a thousand seconds each
        (12, (2000, 1.0), (100, 10.0), 25, (8, 4)),
        (12, (100_000, 1.0), (5, 10.0), 25, (9, 3)),  # the floor
        (12, (5, 1.0), (1000, 10.0), 25, (3, 9)),
        (12, (1, 1.0), (1000, 10.0), 25, (1, 11)),
        (30, (1000, 1.0), (1000, 100.0), 10, (20, 10)),
        (12, (1000, None), (100, None), 25, (6, 6)),
        (12, (7, 1.0), (100, 1.0), 0, (7, 0)),
    ],
)
def test_lanes_go_where_the_time_is_needed(
    lanes: int,
    small: tuple[int, float | None],
    large: tuple[int, float | None],
    slots: int,
    expected: tuple[int, int],
) -> None:
    split = split_lanes(
        lanes,
        small=ClassLoad(files=small[0], file_s=small[1]),
        large=ClassLoad(files=large[0], file_s=large[1]),
        session_slots=slots,
    )
    assert (split.small, split.large) == expected


@pytest.mark.parametrize(
    ("small_busy", "large_busy", "expected"),
    [
        (0, 0, LaneClass.LARGE),
        (0, 5, LaneClass.SMALL),
        (3, 0, LaneClass.LARGE),
        (3, 5, None),
        (8, 0, None),  # they end their files first
        (2, 6, None),
        (1, 6, LaneClass.SMALL),
    ],
)
def test_the_next_file_is_of_the_class_that_lacks_most(
    small_busy: int, large_busy: int, expected: LaneClass | None
) -> None:
    assert next_class(LaneSplit(3, 5), small_busy=small_busy, large_busy=large_busy) is expected


def test_both_classes_end_at_about_the_same_time() -> None:
    left = {LaneClass.SMALL: 400, LaneClass.LARGE: 60}
    takes_s = {LaneClass.SMALL: 1.0, LaneClass.LARGE: 8.0}
    busy: dict[LaneClass, list[float]] = {LaneClass.SMALL: [], LaneClass.LARGE: []}
    ended = dict.fromkeys(LaneClass, 0.0)
    for tick in range(2000):
        now_s = tick / 4
        for kind, lanes in busy.items():
            busy[kind] = [end_s for end_s in lanes if end_s > now_s]
            if left[kind] or busy[kind]:
                ended[kind] = now_s
        loads = {kind: ClassLoad(files=left[kind] + len(busy[kind]), file_s=takes_s[kind]) for kind in LaneClass}
        split = split_lanes(12, small=loads[LaneClass.SMALL], large=loads[LaneClass.LARGE], session_slots=25)
        while left[LaneClass.SMALL] or left[LaneClass.LARGE]:
            kind_or_none = next_class(
                split, small_busy=len(busy[LaneClass.SMALL]), large_busy=len(busy[LaneClass.LARGE])
            )
            if kind_or_none is None or not left[kind_or_none]:
                break
            left[kind_or_none] -= 1
            busy[kind_or_none].append(now_s + takes_s[kind_or_none])
    assert left == dict.fromkeys(LaneClass, 0)
    alone_s = (400 * 1.0 + 60 * 8.0) / 12
    assert max(ended.values()) <= alone_s * 1.15
    assert min(ended.values()) >= alone_s * 0.75
