"""The uploader as a process, looked at from outside: its event loop, its warnings, its memory."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Literal

import pytest

from tests.loopback.conftest import Emulator
from tests.loopback.programs import assert_nothing_unclosed, run_uploader
from tests.loopback.uploader import LONG_S, Order

MIB = 2**20
BUDGET = 64 * MIB
SPARSE = 400 * MIB
CONSTANT = 80 * MIB

LONG_ON_A_BUSY_MACHINE_S = 0.2
FEW = 3
"""Callbacks that a machine with other things to do may interrupt for so long."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory a process has had")


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    """A file of 400 MiB that takes no place."""
    path = tmp_path / "sparse.bin"
    path.touch()
    os.truncate(path, SPARSE)
    return path


@pytest.mark.parametrize("buffers", ["auto", "copied"])
def test_memory_stays_within_the_budget_and_a_constant(
    discarding: Emulator, sparse: Path, buffers: Literal["auto", "copied"]
) -> None:
    ran = run_uploader(discarding, Order(str(sparse), memory=BUDGET, part_size=16 * MIB, buffers=buffers))
    assert ran.code == 0, ran.errors
    (ended,) = ran.ended
    assert ended.error is None, ended.message
    assert ended.bytes_written == SPARSE
    print(f"{buffers}: peak {ended.peak_rss / MIB:.0f} MiB, {SPARSE / ended.elapsed_s / 1e6:.0f} MB/s")  # noqa: T201
    assert 16 * MIB < ended.peak_rss < BUDGET + CONSTANT


@pytest.mark.parametrize(("wire", "buffers"), [("plain", "auto"), ("tls", "auto"), ("tls", "copied")])
def test_the_loop_is_not_held_and_nothing_is_left_unclosed(
    request: pytest.FixtureRequest, tmp_path: Path, wire: str, buffers: Literal["auto", "copied"]
) -> None:
    """asyncio's debug mode and `-X dev`. A slow machine lengthens what a clock shows, not what a processor does."""
    emulator: Emulator = request.getfixturevalue("plain" if wire == "plain" else "encrypted")
    path = tmp_path / "file.bin"
    path.write_bytes(random.Random(7).randbytes(40 * MIB))
    order = Order(str(path), memory=BUDGET, part_size=16 * MIB, buffers=buffers, measure_loop=True)
    ran = run_uploader(emulator, order, "-X", "dev", "-W", "always")
    assert ran.code == 0, ran.errors
    assert [ended.error for ended in ran.ended] == [None]
    assert ran.loop["callbacks"] > 40, "it was measured"
    print(f"{wire}, {buffers}: {ran.loop['callbacks']} callbacks")  # noqa: T201
    for wall_s, cpu_s, handle in ran.loop["long"]:
        print(f"  {wall_s * 1000:.0f} ms, {cpu_s * 1000:.0f} ms of the processor's: {handle}")  # noqa: T201
    on_the_processor = [row for row in ran.loop["long"] if row[1] > LONG_S]
    assert on_the_processor == []
    assert len([row for row in ran.loop["long"] if row[0] > LONG_ON_A_BUSY_MACHINE_S]) <= FEW
    assert_nothing_unclosed(ran)
