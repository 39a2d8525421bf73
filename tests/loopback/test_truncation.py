"""The file is truncated to zero while it is sent, at random moments: an error or a success, and never a signal.

ASYNCUP_TRUNCATION_ROUNDS=40 makes it forty rounds for each of the cases.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Literal

import pytest

from tests.loopback.conftest import Emulator
from tests.loopback.programs import assert_nothing_unclosed, run_uploader
from tests.loopback.uploader import Order

ROUNDS = int(os.environ.get("ASYNCUP_TRUNCATION_ROUNDS", "6"))
SIZE = 24_000_000
SLICES = 26
PARTS = 5


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open cannot be truncated there")
@pytest.mark.parametrize("buffers", ["auto", "copied"])
def test_a_truncated_file_kills_nobody(emulator: Emulator, tmp_path: Path, buffers: Literal["auto", "copied"]) -> None:
    """In a program of its own, which would die of SIGBUS if it touched a page that the file has no more."""
    path = tmp_path / "truncated.bin"
    path.write_bytes(random.Random(6).randbytes(SIZE))
    moments = [_moment(number) for number in range(ROUNDS)]
    ran = run_uploader(
        emulator,
        Order(str(path), rounds=ROUNDS, memory=2 * 5_242_880, buffers=buffers, truncate_at=moments),
        "-X",
        "dev",
    )
    assert ran.code == 0, f"exit code {ran.code}\n{ran.errors}"
    assert len(ran.ended) == ROUNDS
    for ended, moment in zip(ran.ended, moments, strict=True):
        # What was sent before anybody noticed may be the whole file, with right bytes: their MD5s were compared.
        assert ended.error in ("SourceChanged", None), f"{moment}: {ended.error}: {ended.message}"
        assert ended.size == SIZE
        assert ended.error is not None or not ended.truncated_before
    assert any(ended.error for ended in ran.ended), "no truncation came in time"
    if buffers == "auto" and sys.platform == "linux":
        assert {ended.buffers for ended in ran.ended} == {"mapped"}
        assert any(ended.changed_buffers for ended in ran.ended)
    assert_nothing_unclosed(ran)


def _moment(number: int) -> tuple[str, int]:
    """Another one in every run: before the first part, when one is read, or at a slice."""
    if number % 6 == 0:
        return ("start", 1)
    if number % 6 == 1:
        return ("read", random.randint(1, PARTS))
    return ("written", random.randint(1, SLICES))
