"""Work that can be cancelled in every way that there is, and what it must not leave behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable
from typing import Literal

import anyio

from asyncup import MemoryBudget, upload
from tests.fakes.memory_vault import MemoryVault
from tests.pipeline.files import ENOUGH_S, LocalFile, open_and_close
from tests.pipeline.leftovers import mappings_of, open_files, opened_since, other_tasks, threads_at_work
from tests.pipeline.uploads import OPTIONS

__all__ = ["Cancellable", "How", "Leftovers", "finish"]

How = Literal["scope", "task", "timeout"]


class Cancellable:
    """Work that can be cancelled in each of the ways that there are."""

    def __init__(self, work: Callable[[], Awaitable[object]], how: How) -> None:
        self._work = work
        self._how = how
        self._scope = anyio.CancelScope()
        self._timeout = asyncio.Timeout(None)
        self._task: asyncio.Task[bool] | None = asyncio.create_task(self._run())

    async def _run(self) -> bool:
        """Return True when the work ended by itself."""
        match self._how:
            case "scope":
                with self._scope:
                    await self._work()
                    return True
            case "timeout":
                with contextlib.suppress(TimeoutError):
                    async with self._timeout:
                        await self._work()
                        return True
            case "task":
                await self._work()
                return True
        # A scope's or a timeout's own exception was taken back.
        return False

    def cancel(self) -> None:
        """Cancel it now."""
        match self._how:
            case "scope":
                self._scope.cancel()
            case "timeout":
                try:
                    self._timeout.reschedule(asyncio.get_running_loop().time())
                except RuntimeError:  # not begun, or over
                    self._timeout = asyncio.Timeout(0)
            case "task":
                assert self._task is not None
                self._task.cancel()

    def done(self) -> bool:
        """Whether it has ended."""
        return self._task is None or self._task.done()

    async def ended_by_itself(self) -> bool:
        """Wait for its end, and forget its exception."""
        assert self._task is not None
        with anyio.fail_after(ENOUGH_S):
            try:
                return await self._task
            except asyncio.CancelledError:
                assert self._how == "task", "a scope and a timeout take back what they threw in"
                return False
            finally:
                self._task = None


class Leftovers:
    """What there was before, to be compared with."""

    def __init__(self, file: LocalFile, budget: MemoryBudget, memory: MemoryVault) -> None:
        self._file = file
        self._budget = budget
        self._memory = memory
        self._files = open_files()
        self._tasks = other_tasks()

    def assert_none(self) -> None:
        assert other_tasks() == self._tasks
        assert threads_at_work() == 0
        assert self._budget.taken == 0
        assert self._memory.in_flight == 0
        assert self._memory.violations == []
        if mappings_of(self._file.path) or opened_since(self._files):
            gc.collect()  # tracebacks of what was cancelled
        assert mappings_of(self._file.path) == 0
        assert opened_since(self._files) == []
        # No lease keeps a writer waiting.
        open_and_close(self._file.path)


async def finish(file: LocalFile, memory: MemoryVault) -> None:
    """Continue what was cancelled, and find the file in Vault at the end."""
    memory.closed = False
    async with memory.vault() as vault:
        for session_id in list(memory.sessions):
            await upload(file.path, session_id, vault=vault, options=OPTIONS, commit=True)
    for job in memory.jobs.values():
        assert job.session.content == file.content
    assert memory.jobs or not memory.effects
    assert memory.violations == []
