"""What a run would send, and how long that would take: arithmetic only.

The minutes are the longest of four, because each of them is a wall of its own: the line, the lanes (each waits one
turnaround for every call), the Vault's calls per five minutes, and the largest file, whose parts go one by one. One
lane's rate is S / (S/r + L), for parts of S bytes, a line of r bytes per second, and a turnaround of L. Must not know
files, Vault or the clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from asyncup.errors import LimitExceeded
from asyncup.protocol.limits import Limits
from asyncup.protocol.paths import parent_of
from asyncup.protocol.plan import make_plan

__all__ = ["DryRun", "Estimate"]

CALLS_AROUND_PARTS = 4
"""Of an upload session: create it, list its parts before the commit, commit, and ask once for the job."""

BURST_WINDOW_S = 300.0
"""Documented (API limits): calls are counted in windows of five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What would be sent.

    Attributes:
        small_files, small_bytes: what goes in one request each.
        large_files, large_bytes: what goes through upload sessions.
        unknown_sizes: of the small files, those whose size is not known.
        too_large: files that Vault's limits do not allow; they are counted nowhere else.
        parts: parts of the upload sessions.
        folders: calls that make folders, at most.
        calls: all API calls, these among them. Waiting long for a job, and anything that goes wrong, costs more.
        largest_seconds: how long the file takes that takes longest.
        seconds: how long all of it takes.
        limited_by: what that is because of: "line", "turnaround", "calls" or "largest file"; "nothing" for no files.
    """

    small_files: int
    small_bytes: int
    large_files: int
    large_bytes: int
    unknown_sizes: int
    too_large: int
    parts: int
    folders: int
    calls: int
    largest_seconds: float
    seconds: float
    limited_by: str

    @property
    def minutes(self) -> float:
        """The same seconds in minutes."""
        return self.seconds / 60.0


class DryRun:
    """Adds up files one by one, in constant memory.

    Args:
        limits: Vault's.
        small_file_max: bytes up to which a file goes in one request.
        memory_budget: bytes of part buffers of one lane: it decides on the part size, with `part_size`.
        part_size, least_parts: as in `UploadOptions`.
        bytes_per_s: the rate of the line.
        turnaround_s: from a request's last byte to the next one's first.
        lanes: how many files at once.
        calls_per_window: the Vault's burst limit, None when it is unknown.
    """

    def __init__(  # noqa: PLR0913 - all of them decide
        self,
        *,
        limits: Limits,
        small_file_max: int,
        memory_budget: int,
        part_size: int | None = None,
        least_parts: int = 1,
        bytes_per_s: float,
        turnaround_s: float,
        lanes: int,
        calls_per_window: int | None = None,
    ) -> None:
        self._limits = limits
        self._small_file_max = small_file_max
        self._memory_budget = memory_budget
        self._part_size = part_size
        self._least_parts = least_parts
        self._bytes_per_s = bytes_per_s
        self._turnaround_s = turnaround_s
        self._lanes = lanes
        self._calls_per_window = calls_per_window
        self._small = [0, 0]
        self._large = [0, 0]
        self._unknown = self._too_large = self._parts = self._folders = 0
        self._folder: str | None = None
        self._largest_s = 0.0

    def add(self, destination: str, size: int | None) -> None:
        """Add a file. Folders are counted right when their files come one behind the other, and else too high."""
        calls = 1
        if size is None or size <= self._small_file_max:
            self._unknown += size is None
            self._small = [self._small[0] + 1, self._small[1] + (size or 0)]
        else:
            try:
                plan = make_plan(
                    size,
                    self._limits,
                    memory_budget=self._memory_budget,
                    part_size=self._part_size,
                    least_parts=self._least_parts,
                )
            except LimitExceeded:
                self._too_large += 1
                return
            calls = plan.parts + CALLS_AROUND_PARTS
            self._parts += plan.parts
            self._large = [self._large[0] + 1, self._large[1] + size]
        folder = parent_of(destination)
        self._folders += folder not in (self._folder, "/")
        self._folder = folder
        self._largest_s = max(self._largest_s, (size or 0) / self._bytes_per_s + calls * self._turnaround_s)

    def estimate(self) -> Estimate:
        """Return the sums so far."""
        (small_files, small_bytes), (large_files, large_bytes) = self._small, self._large
        calls = small_files + large_files * CALLS_AROUND_PARTS + self._parts + self._folders
        line_s = (small_bytes + large_bytes) / self._bytes_per_s
        walls = {
            "line": line_s,
            "turnaround": (line_s + calls * self._turnaround_s) / self._lanes,
            "calls": calls / self._calls_per_window * BURST_WINDOW_S if self._calls_per_window else 0.0,
            "largest file": self._largest_s,
        }
        limited_by = max(walls, key=walls.__getitem__)
        return Estimate(
            small_files=small_files,
            small_bytes=small_bytes,
            large_files=large_files,
            large_bytes=large_bytes,
            unknown_sizes=self._unknown,
            too_large=self._too_large,
            parts=self._parts,
            folders=self._folders,
            calls=calls,
            largest_seconds=self._largest_s,
            seconds=walls[limited_by],
            limited_by=limited_by if calls else "nothing",
        )
