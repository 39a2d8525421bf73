"""The estimate: sums that add up, and minutes that obey the walls."""

import pytest
from hypothesis import given, strategies as st

from asyncup.bulk.dry_run import CALLS_AROUND_PARTS, DryRun
from asyncup.protocol.limits import Limits

MIB = 2**20


def dry_run(**options: float | None) -> DryRun:
    facts = {"bytes_per_s": 1e6, "turnaround_s": 0.1, "lanes": 4}
    return DryRun(limits=Limits(), small_file_max=10 * MIB, memory_budget=2**30, part_size=5 * MIB, **(facts | options))  # type: ignore[arg-type] # each has its type


def test_what_is_counted() -> None:
    run = dry_run()
    for path, size in (
        ("/a/1", 5),
        ("/a/2", None),
        ("/b/1", 10 * MIB),
        ("/b/2", 11 * MIB),
        ("/b/3", 10**15),
        ("/c", 1),
    ):
        run.add(path, size)
    found = run.estimate()
    assert (found.small_files, found.small_bytes, found.unknown_sizes) == (4, 10 * MIB + 6, 1)
    assert (found.large_files, found.large_bytes, found.parts, found.too_large) == (1, 11 * MIB, 3, 1)
    assert found.folders == 2
    assert found.calls == 4 + 3 + CALLS_AROUND_PARTS + 2


@pytest.mark.parametrize(
    ("options", "files", "limited_by", "seconds"),
    [
        ({}, [], "nothing", 0.0),
        ({"turnaround_s": 0.0}, [MIB] * 40, "line", 40 * MIB / 1e6),
        ({"turnaround_s": 1.0}, [0] * 40, "turnaround", 10.0),
        ({"calls_per_window": 10}, [0] * 40, "calls", 1200.0),
        ({"lanes": 50}, [100 * MIB], "largest file", 100 * MIB / 1e6 + (20 + CALLS_AROUND_PARTS) * 0.1),
    ],
)
def test_what_limits_it(options: dict[str, float], files: list[int], limited_by: str, seconds: float) -> None:
    run = dry_run(**options)
    for number, size in enumerate(files):
        run.add(f"/{number}", size)
    found = run.estimate()
    assert found.limited_by == limited_by
    assert found.seconds == pytest.approx(seconds)
    assert found.minutes == found.seconds / 60


@given(st.lists(st.integers(0, 10**9), min_size=1), st.integers(1, 40))
def test_more_lanes_or_a_better_line_are_never_slower(sizes: list[int], lanes: int) -> None:
    def seconds(**options: float) -> float:
        run = dry_run(**options)
        for number, size in enumerate(sizes):
            run.add(f"/{number}", size)
        found = run.estimate()
        assert found.seconds >= max(sum(sizes) / options.get("bytes_per_s", 1e6), found.largest_seconds)
        return found.seconds

    now = seconds(lanes=lanes)
    assert seconds(lanes=lanes + 1) <= now
    assert seconds(lanes=lanes, bytes_per_s=2e6) <= now
    assert seconds(lanes=lanes, turnaround_s=0.05) <= now
