"""Clocks, and Vault's date form."""

import time

import anyio
import pytest

from asyncup.emulator import DrivenClock, SystemClock
from asyncup.emulator.clock import iso


def test_dates() -> None:
    assert iso(0.0) == "1970-01-01T00:00:00.000Z"
    assert iso(1_767_225_600.1234) == "2026-01-01T00:00:00.123Z"


async def test_a_driven_clock_wakes_who_is_due() -> None:
    clock, woken = DrivenClock(100.0), []

    async def sleeper(until: float) -> None:
        await clock.sleep_until(until)
        woken.append(until)

    async with anyio.create_task_group() as group:
        group.start_soon(sleeper, 105.0)
        group.start_soon(sleeper, 110.0)
        await anyio.wait_all_tasks_blocked()
        clock.advance(6)
        await anyio.wait_all_tasks_blocked()
        assert woken == [105.0]
        clock.advance(4)
    assert woken == [105.0, 110.0]
    assert clock.now() == 110.0


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        DrivenClock().advance(-1)


async def test_the_machines_clock() -> None:
    clock = SystemClock()
    until = clock.now() + 0.01
    await clock.sleep_until(until)
    assert until <= clock.now() <= time.time()
