"""A clock that moves by itself to the next sleeper when everybody waits: hours of many lanes in no time.

async with virtual_clock() as clock:
    Calls(transport, sleep=clock.sleep, now=clock.now, ...)
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio


class VirtualClock:
    """Sleepers, and the time."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, anyio.Event]] = []

    def now(self) -> float:
        """Return the time."""
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        """Wait until the time has moved so far."""
        woken = anyio.Event()
        heapq.heappush(self._sleepers, (self.now_s + seconds, next(self._order), woken))
        await woken.wait()

    async def run(self) -> None:
        """Wake the next sleeper whenever nothing else can happen."""
        while True:
            await anyio.wait_all_tasks_blocked()
            if not self._sleepers:
                await anyio.lowlevel.checkpoint()
                continue
            at, _, woken = heapq.heappop(self._sleepers)
            self.now_s = max(self.now_s, at)
            woken.set()


@asynccontextmanager
async def virtual_clock() -> AsyncIterator[VirtualClock]:
    """A clock that runs while the body does."""
    clock = VirtualClock()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.run)
        yield clock
        tasks.cancel_scope.cancel()
