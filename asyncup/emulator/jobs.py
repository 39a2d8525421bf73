"""Jobs: what is to be done, when it may be seen as done, and who asked too often.

Must not know disks, HTTP or a clock. A job's status is a function of the instant: QUEUED, then
RUNNING, then what its outcome says once `workers` has done it (vault-api.md 1.5).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from .config import User
from .refusal import Refusal
from .switches import Switches

Outcome = Literal["SUCCESS", "ERRORS_ENCOUNTERED", "CANCELLED"]


@dataclass(frozen=True, slots=True)
class CommitUpload:
    """Assemble a session's parts and show the file."""

    session_id: str
    path: str
    size: int
    overwrite: bool


@dataclass(frozen=True, slots=True)
class MoveItem:
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class DeleteItem:
    path: str
    recursive: bool


@dataclass(frozen=True, slots=True)
class ListToCsv:
    path: str
    recursive: bool
    viewer: int


Effect = CommitUpload | MoveItem | DeleteItem | ListToCsv
# Vault has titles for its jobs; which ones these have is a guess.
TITLES: dict[type[Effect], str] = {
    CommitUpload: "Commit Upload Session",
    MoveItem: "Update Folder or File",
    DeleteItem: "Delete File or Folder",
    ListToCsv: "List Items at a Path",
}


@dataclass(slots=True)
class Job:
    id: int
    effect: Effect
    method: str
    created_by: int
    created_at: float
    starts_at: float
    ends_at: float
    outcome: Outcome | None = None
    """What was decided. Until `done`, disk and listings do not show it yet."""
    done: bool = False
    fails: bool = False
    """A scripted fault: it will end with ERRORS_ENCOUNTERED."""
    result: str = ""
    """The text behind the `results` link."""
    last_asked_at: float | None = None

    @property
    def title(self) -> str:
        return TITLES[type(self.effect)]

    def status(self, now: float) -> str:
        if self.done and self.outcome is not None:
            return self.outcome
        return "QUEUED" if now < self.starts_at else "RUNNING"

    def touches(self) -> tuple[str, ...]:
        """The paths of items that this job changes."""
        effect = self.effect
        if isinstance(effect, MoveItem):
            return (effect.source, effect.target)
        if isinstance(effect, DeleteItem):
            return (effect.path,)
        return ()

    def end(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.done = True


class JobBook:
    """Every job of one Vault."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._jobs: dict[int, Job] = {}
        self._last_id = 100_000

    def add(self, effect: Effect, method: str, created_by: int, now: float) -> Job:
        starts_at = now + self._switches.job_queued_s
        ends_at = max(starts_at, now + self._switches.job_duration_s)
        job = Job(self._last_id + 1, effect, method, created_by, now, starts_at, ends_at)
        self.restore(job)
        return job

    def restore(self, job: Job) -> None:
        """Take in a job as it is: new, or from before a restart."""
        self._jobs[job.id] = job
        self._last_id = max(self._last_id, job.id)

    def find(self, job_id: int, user: User) -> Job:
        job = self._jobs.get(job_id)
        if job is None or not self._may_see(job, user):
            # A guess: the answer for an unknown job is not documented.
            raise Refusal("INVALID_DATA", f"The job [{job_id}] cannot be found")
        return job

    def all(self, user: User, *, ended: bool) -> list[Job]:
        """The jobs that have ended, or those that have not; the newest first."""
        jobs = [j for j in self._jobs.values() if j.done == ended and self._may_see(j, user)]
        return sorted(jobs, key=lambda job: -job.id)

    def pending(self) -> Iterable[Job]:
        return [job for job in self._jobs.values() if not job.done]

    def ask(self, job_id: int, user: User, now: float) -> Job:
        """The job, unless it was asked for less than 10 s ago (documented, per job id).

        Whether a refused question counts as one is unknown; here it does not.
        """
        job = self.find(job_id, user)
        since = None if job.last_asked_at is None else now - job.last_asked_at
        least = self._switches.job_poll_min_s
        if since is not None and since < least:
            raise Refusal(
                "API_LIMIT_EXCEEDED",
                f"Job [{job_id}] was asked for {since:.1f} s ago; wait {least:g} s (emulator switch job_poll_min_s)",
                retry_after_s=least - since,
            )
        job.last_asked_at = now
        return job

    def cancel(self, job_id: int, user: User, now: float) -> Job:
        """Cancel a job that still waits (rule and text documented, 26.2 cancel-job)."""
        job = self.find(job_id, user)
        if job.done or job.status(now) != "QUEUED":
            raise Refusal("INVALID_DATA", f"Job [{job_id}] is not found in QUEUED or QUEUEING state")
        job.end("CANCELLED")
        return job

    def _may_see(self, job: Job, user: User) -> bool:
        anyone = self._switches.job_visible_to == "anyone"
        return anyone or user.is_admin or job.created_by == user.id
