"""Many lanes wait for jobs, in virtual time; Vault is asked seldom, and never too soon."""

from __future__ import annotations

import anyio
import pytest

from asyncup.bulk.jobs.polling import JobWatcher, watch_jobs
from asyncup.errors import AsyncupError, JobFailed, Phase, TransportError, VaultError
from asyncup.protocol.limits import LIMITS_2000_PARTS
from asyncup.protocol.responses import JobStatus
from tests.bulk.virtual_time import run_virtually


class Jobs:
    """Jobs that end at a time, and a Vault that refuses to be asked twice in 10 s."""

    def __init__(self) -> None:
        self.limits = LIMITS_2000_PARTS
        self.ends: dict[int, tuple[float, str]] = {}
        self.hidden: set[int] = set()
        self.asked: list[tuple[float, int]] = []
        self.listed: list[str] = []
        self.lists_fail: AsyncupError | None = None
        self.status_fails: AsyncupError | None = None

    def start(self, job_id: int, takes_s: float, ending: str = "SUCCESS") -> int:
        self.ends[job_id] = (anyio.current_time() + takes_s, ending)
        return job_id

    def _status(self, job_id: int) -> JobStatus:
        ends_s, ending = self.ends[job_id]
        return JobStatus(job_id, ending if anyio.current_time() >= ends_s else "RUNNING")

    async def job_status(self, job_id: int) -> JobStatus:
        now_s = anyio.current_time()
        assert all(now_s - at_s >= 10 for at_s, other in self.asked if other == job_id), "asked too soon"
        self.asked.append((now_s, job_id))
        await anyio.sleep(0.3)
        if self.status_fails is not None:
            raise self.status_fails
        return self._status(job_id)

    async def _list(self, name: str, *, ended: bool) -> list[JobStatus]:
        self.listed.append(name)
        await anyio.sleep(0.3)
        if self.lists_fail is not None:
            raise self.lists_fail
        return [
            job for job_id in self.ends if job_id not in self.hidden and (job := self._status(job_id)).ended is ended
        ]

    async def ended_jobs(self) -> list[JobStatus]:
        return await self._list("ended", ended=True)

    async def running_jobs(self) -> list[JobStatus]:
        return await self._list("running", ended=False)


async def outcome(watcher: JobWatcher, job_id: int, outcomes: dict[int, str]) -> None:
    try:
        await watcher.wait(job_id)
        outcomes[job_id] = "done"
    except AsyncupError as error:
        outcomes[job_id] = type(error).__name__


def test_one_job_is_asked_about_by_itself() -> None:
    async def work() -> None:
        jobs, seen = Jobs(), list[tuple[int, str]]()
        async with watch_jobs(jobs, on_status=lambda job_id, status: seen.append((job_id, status))) as watcher:
            await watcher.wait(jobs.start(1, 15))
            assert watcher.pending == 0
        assert [round(at_s) for at_s, _ in jobs.asked] == [1, 11, 22]
        assert (jobs.listed, watcher.calls) == ([], 3)
        assert seen == [(1, "RUNNING"), (1, "SUCCESS")]

    run_virtually(work)


def test_a_hundred_lanes_cost_a_few_calls() -> None:
    async def work() -> None:
        jobs, outcomes = Jobs(), dict[int, str]()
        async with watch_jobs(jobs) as watcher:
            async with anyio.create_task_group() as lanes:
                for number in range(100):
                    lanes.start_soon(outcome, watcher, jobs.start(number, 3 + number / 10), outcomes)
            assert anyio.current_time() < 25
        assert outcomes == dict.fromkeys(range(100), "done")
        assert watcher.calls == len(jobs.asked) + len(jobs.listed) <= 12

    run_virtually(work)


def test_what_no_list_shows_is_asked_about_by_itself() -> None:
    async def work() -> None:
        jobs, outcomes = Jobs(), dict[int, str]()
        jobs.hidden = {2}
        async with watch_jobs(jobs) as watcher, anyio.create_task_group() as lanes:
            for number in range(4):
                lanes.start_soon(outcome, watcher, jobs.start(number, 12), outcomes)
        assert outcomes == dict.fromkeys(range(4), "done")
        assert {job_id for _, job_id in jobs.asked} == {2}

    run_virtually(work)


@pytest.mark.parametrize(
    ("error", "lists"),
    [
        (VaultError("listing the ended jobs", status=200, response_status="FAILURE"), 1),
        (TransportError("listing the ended jobs", Phase.ANSWER, "reset"), 6),
    ],
)
def test_without_lists_each_job_is_asked_about(error: AsyncupError, lists: int) -> None:
    async def work() -> None:
        jobs, outcomes = Jobs(), dict[int, str]()
        jobs.lists_fail = error
        async with watch_jobs(jobs) as watcher, anyio.create_task_group() as lanes:
            for number in range(5):
                lanes.start_soon(outcome, watcher, jobs.start(number, 12), outcomes)
        assert outcomes == dict.fromkeys(range(5), "done")
        assert 1 <= len(jobs.listed) <= lists
        assert {job_id for _, job_id in jobs.asked} == set(range(5))

    run_virtually(work)


@pytest.mark.parametrize("count", [1, 3])
def test_a_bad_ending_and_a_late_one_fail_with_the_jobs_name(count: int) -> None:
    async def work() -> None:
        jobs, outcomes = Jobs(), dict[int, str]()
        async with watch_jobs(jobs, within_s=60) as watcher:
            async with anyio.create_task_group() as lanes:
                for number in range(count):
                    lanes.start_soon(outcome, watcher, jobs.start(number, 5, "ERRORS_ENCOUNTERED"), outcomes)
            assert outcomes == dict.fromkeys(range(count), "JobFailed")
            with pytest.raises(JobFailed, match="is still RUNNING after 60 s") as late:
                await watcher.wait(jobs.start(77, 1000))
            assert late.value.job_id == 77

    run_virtually(work)


def test_a_job_that_cannot_be_asked_for_fails_its_waiters() -> None:
    async def work() -> None:
        jobs, outcomes = Jobs(), dict[int, str]()
        jobs.status_fails = TransportError("asking for the job's status", Phase.ANSWER, "reset")
        async with watch_jobs(jobs) as watcher, anyio.create_task_group() as lanes:
            lanes.start_soon(outcome, watcher, jobs.start(1, 5), outcomes)
        assert outcomes == {1: "TransportError"}

    run_virtually(work)


def test_whoever_is_cancelled_is_asked_for_no_longer() -> None:
    async def work() -> None:
        jobs, outcomes = Jobs(), dict[int, str]()
        async with watch_jobs(jobs) as watcher:
            jobs.start(1, 100)
            async with anyio.create_task_group() as lanes:
                lanes.start_soon(outcome, watcher, 1, outcomes)
                lanes.start_soon(outcome, watcher, 1, outcomes)
                await anyio.sleep(15)
                assert watcher.pending == 1
                lanes.cancel_scope.cancel()
            assert watcher.pending == 0
            asked = len(jobs.asked)
            await anyio.sleep(200)
            assert len(jobs.asked) == asked
        assert outcomes == {}

    run_virtually(work)
