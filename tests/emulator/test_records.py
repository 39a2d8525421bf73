"""Records are whole, and nothing stays open, whenever the emulator ends."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from asyncup.emulator.records import Records
from tests.fakes.await_counter import AwaitCounter


@pytest.mark.both_loops
async def test_a_record_is_old_or_new_when_the_emulator_ends_at_any_await(tmp_path: Path) -> None:
    """An open file that is left behind is found by the rule for every test."""
    records = Records(tmp_path)
    moment, ended, states = 0, False, list[object]()
    while not ended:
        moment += 1
        async with anyio.create_task_group() as tasks:
            with AwaitCounter(at=moment, act=tasks.cancel_scope.cancel) as counter:
                tasks.start_soon(records.save, "jobs", "1", lambda: {"state": moment})  # noqa: B023 - used at once
        ended = counter.count < moment
        states = [record["state"] for record in await records.load("jobs")]
        assert states in ([moment], [moment - 1], [])
    assert moment > 3
    assert states == [moment]
