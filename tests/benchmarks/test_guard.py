"""What a part and a small file cost, counted: this is the guard that CI runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from asyncup import UploadOptions
from benchmarks.guard import PART_LIMITS, PART_SIZE, SMALL_FILE_LIMITS, beyond, count_parts, count_small_files
from benchmarks.sink.process import Sink, running_sink


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with running_sink() as running:
        yield running


async def test_a_part_costs_no_more_than_it_did(sink: Sink, tmp_path: Path) -> None:
    assert beyond(await count_parts(sink, tmp_path), PART_LIMITS) == []


async def test_a_small_file_costs_no_more_than_it_did(sink: Sink, tmp_path: Path) -> None:
    assert beyond(await count_small_files(sink, tmp_path), SMALL_FILE_LIMITS) == []


async def test_larger_parts_cost_more_slices_and_the_guard_sees_it(sink: Sink, tmp_path: Path) -> None:
    # The files are those of 5 MiB parts, sent in parts of 10 MiB: half as many parts, each with twice the slices.
    options = UploadOptions(part_size=2 * PART_SIZE, buffers="copied")
    counted = await count_parts(sink, tmp_path, options=options)
    assert counted["requests"] == 0.5
    assert counted["writes"] == 5.5  # 11 for each part: a small first slice, and ten more
    assert 0.5 <= counted["MD5 updates"] <= PART_LIMITS["MD5 updates"]  # how many parts share one is the threads' luck


@pytest.mark.parametrize(
    ("counted", "complaints"),
    [
        ({"requests": 1, "reads": 2}, []),
        ({"requests": 1.5, "reads": 2}, ["requests: 1.5, at most 1"]),
        ({"requests": 0, "reads": 2}, ["requests: nothing was counted"]),
    ],
)
def test_what_is_beyond_a_limit_or_was_not_counted_is_said(counted: dict[str, float], complaints: list[str]) -> None:
    assert beyond(counted, {"requests": 1, "reads": 2}) == complaints
