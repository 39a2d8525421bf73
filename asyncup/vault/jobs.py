"""The endpoints of jobs: what Vault does after a commit."""

from __future__ import annotations

from collections.abc import Callable

from asyncup.errors import JobFailed
from asyncup.protocol import requests
from asyncup.protocol.responses import JobStatus, read_job_status, read_jobs
from asyncup.vault.endpoints import Endpoints

__all__ = ["JobEndpoints", "job_failed"]

_FIRST_JOB_POLL_S = 1.0
"""Jobs end within a few seconds (seen), and the second question must wait 10 s: so the first one waits a little."""

_JOBS_AT_ONCE = 200
"""The most that one answer holds (documented)."""


class JobEndpoints(Endpoints):
    """Ask for jobs."""

    async def job_status(self, job_id: int) -> JobStatus:
        """Ask once how a job stands. Vault refuses a second question for the same job within 10 s (documented)."""
        return await self.calls.ask(requests.job_status(job_id), read_job_status)

    async def ended_jobs(self, *, limit: int = _JOBS_AT_ONCE, offset: int = 0) -> list[JobStatus]:
        """Return jobs that have ended, the newest first: one call for many jobs, free of the 10 s rule."""
        request = requests.job_histories(limit=limit, offset=offset)
        page = await self.calls.ask(request, lambda answer: read_jobs(request.operation, answer))
        return list(page.rows)

    async def running_jobs(self, *, limit: int = _JOBS_AT_ONCE, offset: int = 0) -> list[JobStatus]:
        """Return jobs that are scheduled, queued or running."""
        request = requests.job_monitors(limit=limit, offset=offset)
        page = await self.calls.ask(request, lambda answer: read_jobs(request.operation, answer))
        return list(page.rows)

    async def wait_for_job(
        self, job_id: int, *, within_s: float = 3600.0, on_status: Callable[[str], None] | None = None
    ) -> None:
        """Wait until a job has succeeded, asking no more often than Vault allows.

        Args:
            job_id: the job.
            within_s: how long to wait; a job that has not ended then counts as failed.
            on_status: told of every status seen.

        Raises:
            JobFailed: it ended otherwise, or not in time.
        """
        await self.calls.wait(_FIRST_JOB_POLL_S)
        waited_s = _FIRST_JOB_POLL_S
        while True:
            job = await self.job_status(job_id)
            if on_status is not None:
                on_status(job.status)
            if job.succeeded:
                return
            if job.ended:
                raise job_failed(job_id, job.status, f"ended with {job.status}")
            if waited_s >= within_s:
                raise job_failed(job_id, job.status, f"is still {job.status} after {waited_s:g} s")
            await self.calls.wait(self.limits.job_poll_interval_s)
            waited_s += self.limits.job_poll_interval_s


def job_failed(job_id: int, status: str, what: str) -> JobFailed:
    """Return the exception for a job that did not succeed; `what` says how it ended."""
    failed = JobFailed(
        "waiting for the job",
        status=200,
        vault_message=f"job {job_id} {what}",
        hint="Look at it in Vault's Admin > Operations > Job Status; after an upload, send the file again",
    )
    failed.job_id = job_id
    failed.job_status = status
    return failed
