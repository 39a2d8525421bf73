"""When which job is to be asked about. Pure: the time is an argument.

Vault refuses a second question for one job within 10 s, but lists up to 200 ended or running jobs in one call, free of
that rule (documented). So one job alone is asked about by itself; several are looked for in the lists, in rounds, and
only those that no list shows are asked about by themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["JobSchedule"]

_FIRST_S = 1.0
"""Most jobs end within a few seconds (seen); asking sooner would cost a call for nothing."""
_ROUND_S = 5.0


@dataclass(slots=True)
class _Job:
    since_s: float
    look_s: float


class JobSchedule:
    """Which jobs are waited for, and when they were last asked about.

    Args:
        interval_s: least seconds between two questions for the same job.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._jobs: dict[int, _Job] = {}
        self._asked_s: dict[int, float] = {}
        """When each was last asked about by itself; also those waited for no longer, for somebody may again."""

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job_id: int, now_s: float) -> None:
        """Wait for a job from now on."""
        self._jobs.setdefault(job_id, _Job(now_s, now_s + _FIRST_S))

    def remove(self, job_id: int) -> None:
        """Wait for it no longer. No error when it is not waited for."""
        self._jobs.pop(job_id, None)

    def next_s(self) -> float | None:
        """Return when there will be something to ask, None when nothing is waited for."""
        return min((self._look_s(job_id) for job_id in self._jobs), default=None)

    def due(self, now_s: float) -> list[int]:
        """Return the jobs to be looked for now: all of them as soon as one is due, for a list shows all at once."""
        next_s = self.next_s()
        return list(self._jobs) if next_s is not None and next_s <= now_s else []

    def looked(self, now_s: float) -> None:
        """Note that the lists were read."""
        for job in self._jobs.values():
            job.look_s = max(job.look_s, now_s + _ROUND_S)

    def may_ask(self, job_id: int, now_s: float) -> bool:
        """Tell whether a job may be asked about by itself."""
        return job_id in self._jobs and now_s >= self._asked_s.get(job_id, -math.inf) + self._interval_s

    def asked(self, job_id: int, now_s: float) -> None:
        """Note that a job was asked about by itself."""
        self._asked_s = {job: at_s for job, at_s in self._asked_s.items() if now_s < at_s + self._interval_s}
        self._asked_s[job_id] = now_s
        if (job := self._jobs.get(job_id)) is not None:
            job.look_s = max(job.look_s, now_s + _ROUND_S)

    def overdue(self, within_s: float, now_s: float) -> list[int]:
        """Return the jobs that have been waited for longer than `within_s`."""
        return [job_id for job_id, job in self._jobs.items() if now_s - job.since_s >= within_s]

    def _look_s(self, job_id: int) -> float:
        look_s = self._jobs[job_id].look_s
        # One alone is asked about by itself, and that has to wait for its interval.
        return max(look_s, self._asked_s.get(job_id, -math.inf) + self._interval_s) if len(self._jobs) == 1 else look_s
