"""What `--dry-run` says."""

from collections.abc import AsyncIterator

import pytest

from asyncup.bulk.dry_run import DryRun
from asyncup.bulk.inputs.item import BrokenInput, Input, Trouble, UploadItem
from asyncup.cli.bulk.dry_run_report import DryRunReport
from asyncup.protocol.limits import DEFAULT_API_VERSION, limits_for

pytestmark = pytest.mark.anyio
MB = 1_000_000


async def report(*inputs: Input) -> list[str]:
    dry_run = DryRun(
        limits=limits_for(DEFAULT_API_VERSION), small_file_max=50 * MB, memory_budget=500 * MB, part_size=50 * MB,
        bytes_per_s=10e6, turnaround_s=0.5, lanes=4,
    )  # fmt: skip
    said = DryRunReport(dry_run)

    async def given() -> AsyncIterator[Input]:
        for one in inputs:
            yield one

    await said.add_all(given())
    return list(said.lines(rate=10e6, turnaround_s=0.5, lanes=4))


def item(path: str, size: int | None) -> UploadItem:
    return UploadItem(file=path, path=path, size=size)


async def test_files_calls_parts_and_minutes() -> None:
    lines = await report(item("/u1/a/1", 10 * MB), item("/u1/a/2", 600 * MB), item("/u1/a/3", None))
    assert lines == [
        "files                           3  610.0 MB",
        "  in one request                2  10.0 MB",
        "  in parts                      1  600.0 MB",
        "parts                          12",
        "API calls                      19  1 of them make folders",
        "1 files have no size in the manifest, and are counted as small and empty",
        "at 10 MB/s, 0.5 s per answer and 4 lanes: 1 min 8 s (1.1 minutes), because of: largest file",
    ]


async def test_broken_inputs_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    broken = [BrokenInput(name=f"b{n}", trouble=Trouble.EMPTY_PATH, reason="no path", row=n) for n in range(1, 31)]
    lines = await report(item("/u1/a", 1), *broken)
    assert lines[-1] == "broken and not sent: 30 inputs: EMPTY_PATH (30)"
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "asyncup: broken: line 1: b1: no path"
    assert len(said) == 21
    assert "more are broken" in said[-1]
