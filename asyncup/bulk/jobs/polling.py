"""Waiting for many jobs with few calls: the lanes wait, one poller asks for all of them.

    async with watch_jobs(vault) as watcher:
        await watcher.wait(job_id)       # from any number of tasks, and cancellable

When to ask is `schedule`'s word. Must not know files or what a job was for.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import anyio

from asyncup.bulk.jobs.schedule import JobSchedule
from asyncup.errors import AsyncupError, VaultError
from asyncup.protocol.limits import Limits
from asyncup.protocol.responses import JobStatus
from asyncup.vault.jobs import job_failed

__all__ = ["JobWatcher", "ShowsJobs", "watch_jobs"]

_MISSING_TO_LIST = 2
"""From so many jobs on that have not ended, one more list is cheaper than asking for each."""

_NEVER_EARLY_S = 0.01
"""A timer may ring a moment early, and Vault refuses whoever asks a moment early."""


class ShowsJobs(Protocol):
    """What a `Vault` can be asked about jobs."""

    limits: Limits

    async def job_status(self, job_id: int) -> JobStatus:
        """Ask for one job."""
        ...

    async def ended_jobs(self) -> list[JobStatus]:
        """Return the jobs that ended last."""
        ...

    async def running_jobs(self) -> list[JobStatus]:
        """Return the jobs that have not ended."""
        ...


class _Waiting:
    """What the waiters for one job share."""

    def __init__(self) -> None:
        self.ended = anyio.Event()
        self.waiters = 0
        self.status = "not seen yet"
        self.error: AsyncupError | None = None


class JobWatcher:
    """Waits for jobs. Use `watch_jobs`, which runs its poller.

    Attributes:
        calls: how often Vault was asked.
    """

    def __init__(
        self,
        vault: ShowsJobs,
        *,
        within_s: float,
        on_status: Callable[[int, str], None] | None,
        now: Callable[[], float],
    ) -> None:
        self._vault = vault
        self._within_s = within_s
        self._on_status = on_status
        self._now = now
        self._schedule = JobSchedule(vault.limits.job_poll_interval_s)
        self._waiting: dict[int, _Waiting] = {}
        self._lists_work = True
        self._came = anyio.Event()
        self.calls = 0

    @property
    def pending(self) -> int:
        """Jobs that are waited for now."""
        return len(self._waiting)

    async def wait(self, job_id: int) -> None:
        """Wait until a job has succeeded.

        Raises:
            JobFailed: it ended otherwise, or not in time.
            AsyncupError: it cannot be asked for.
        """
        waiting = self._waiting.setdefault(job_id, _Waiting())
        waiting.waiters += 1
        self._schedule.add(job_id, self._now())
        self._came.set()
        try:
            await waiting.ended.wait()
        finally:
            waiting.waiters -= 1
            if not waiting.waiters and self._waiting.get(job_id) is waiting:
                self._forget(job_id)
        if waiting.error is not None:
            raise waiting.error

    async def run(self) -> None:
        """Ask for what is waited for, until cancelled."""
        while True:
            self._came = anyio.Event()
            next_s = self._schedule.next_s()
            wait_s = math.inf if next_s is None else max(0.0, next_s - self._now()) + _NEVER_EARLY_S
            with anyio.move_on_after(wait_s):
                await self._came.wait()
            if due := self._schedule.due(self._now()):
                await self._round(due)

    async def _round(self, due: list[int]) -> None:
        left = due
        if len(left) > 1 and self._lists_work:
            left = await self._look(left, self._vault.ended_jobs)
            if len(left) >= _MISSING_TO_LIST and self._lists_work:
                left = await self._look(left, self._vault.running_jobs)
        for job_id in left:
            if self._schedule.may_ask(job_id, self._now()):
                await self._ask(job_id)
        self._schedule.looked(self._now())
        for job_id in self._schedule.overdue(self._within_s, self._now()):
            status = self._waiting[job_id].status
            self._end(job_id, job_failed(job_id, status, f"is still {status} after {self._within_s:g} s"))

    async def _look(self, job_ids: list[int], listed: Callable[[], Awaitable[list[JobStatus]]]) -> list[int]:
        """Read a list, settle what it shows, and return the jobs that it does not show."""
        self.calls += 1
        try:
            shown = {job.id: job for job in await listed()}
        except VaultError:
            # Whoever may upload need not be allowed to read the lists of jobs.
            self._lists_work = False
            return job_ids
        except AsyncupError:
            return job_ids
        for job_id in job_ids:
            if job_id in shown:
                self._saw(job_id, shown[job_id])
        return [job_id for job_id in job_ids if job_id not in shown]

    async def _ask(self, job_id: int) -> None:
        self.calls += 1
        try:
            job = await self._vault.job_status(job_id)
        except AsyncupError as error:
            self._end(job_id, error)
            return
        finally:
            self._schedule.asked(job_id, self._now())
        self._saw(job_id, job)

    def _saw(self, job_id: int, job: JobStatus) -> None:
        waiting = self._waiting.get(job_id)
        if waiting is None:
            return
        status = job.status
        if status != waiting.status and self._on_status is not None:
            self._on_status(job_id, status)
        waiting.status = status
        if job.ended:
            self._end(job_id, None if job.succeeded else job_failed(job_id, status, f"ended with {status}"))

    def _end(self, job_id: int, error: AsyncupError | None) -> None:
        waiting = self._waiting.get(job_id)
        if waiting is not None:
            waiting.error = error
            waiting.ended.set()
            self._forget(job_id)

    def _forget(self, job_id: int) -> None:
        self._waiting.pop(job_id, None)
        self._schedule.remove(job_id)


@asynccontextmanager
async def watch_jobs(
    vault: ShowsJobs,
    *,
    within_s: float = 3600.0,
    on_status: Callable[[int, str], None] | None = None,
    now: Callable[[], float] = anyio.current_time,
) -> AsyncIterator[JobWatcher]:
    """Run a poller for as long as jobs may be waited for.

    Args:
        vault: the Vault, or what shows its jobs.
        within_s: how long a job is waited for; one that has not ended then counts as failed.
        on_status: told of every new status of a job.
        now: a clock in seconds that never goes back.
    """
    watcher = JobWatcher(vault, within_s=within_s, on_status=on_status, now=now)
    async with anyio.create_task_group() as polling:
        polling.start_soon(watcher.run)
        yield watcher
        polling.cancel_scope.cancel()
