"""The lanes of a run: which file goes into which lane when, and what is waited for beside them.

A lane is a task with one file. It is free again as soon as Vault has every byte: the job of a commit, and the pause
before a second attempt, are waited for beside the lanes. Must not know how a file is sent, or how many lanes there
should be.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from asyncup.bulk.jobs.polling import JobWatcher
from asyncup.bulk.journal.entry import Entry, Released, State
from asyncup.bulk.journal.journal import Journal
from asyncup.bulk.lanes.lane_classes import ClassLoad, LaneClass, LaneSplit, next_class, split_lanes
from asyncup.bulk.lanes.meter import LaneMeter
from asyncup.bulk.lanes.tools import CommitTaken, LaneTools
from asyncup.bulk.run.file_attempts import Again, Attempts
from asyncup.bulk.run.outcomes import Outcomes
from asyncup.bulk.run.progress import RunProgress
from asyncup.errors import UploadInterrupted

__all__ = ["Lanes"]

_MOST_CLAIMED = 256
_MOST_BESIDE = 1000
"""Files whose job or next attempt may be waited for at once; more of them hold their lanes."""
_WEIGHT = 0.2
"""Of the latest file, in the mean seconds that a file of its class takes."""


@dataclass(slots=True)
class _Class:
    """One lane class: its files that were taken from the journal, and how many of them are being sent."""

    waiting: deque[Entry] = field(default_factory=deque)
    busy: int = 0
    dry: bool = False
    """The journal has no pending file of this class, as far as is known."""
    file_s: float | None = None


class Lanes:
    """Sends what is pending in the journal, until nothing is and nothing more comes.

    Args:
        tools: what files are sent with.
        attempts: sends them.
        outcomes: told what became of each.
        progress: shows what is on its way.
        meter: measures for the lane controller.
        allowed: how many files may be sent at once to begin with.

    Attributes:
        allowed: how many may be now; call `changed` after it was changed.
        source_read: whether nothing more is added to the journal; call `changed` after it was set.
    """

    def __init__(
        self,
        tools: LaneTools,
        attempts: Attempts,
        outcomes: Outcomes,
        progress: RunProgress,
        meter: LaneMeter,
        *,
        allowed: int,
    ) -> None:
        self._tools = tools
        self._journal: Journal = tools.journal
        self._attempts = attempts
        self._outcomes = outcomes
        self._progress = progress
        self._meter = meter
        self._classes = {LaneClass.SMALL: _Class(), LaneClass.LARGE: _Class()}
        self._beside = anyio.CapacityLimiter(_MOST_BESIDE)
        self._changed = anyio.Event()
        self.allowed = allowed
        self.source_read = False

    @property
    def not_begun(self) -> list[int]:
        """Entries that were taken from the journal and not begun."""
        return [entry.id for each in self._classes.values() for entry in each.waiting]

    @property
    def busy(self) -> int:
        """Lanes that have a file."""
        return sum(each.busy for each in self._classes.values())

    @property
    def has_small(self) -> bool:
        """Whether there are small files, as far as is known."""
        return self._load(LaneClass.SMALL).files > 0

    @property
    def files_left(self) -> int:
        """Files that wait for a lane, or have one, as far as is known."""
        return sum(self._load(which).files for which in LaneClass)

    def split(self) -> LaneSplit:
        """Return how many lanes each class may have now."""
        return split_lanes(
            self.allowed,
            small=self._load(LaneClass.SMALL),
            large=self._load(LaneClass.LARGE),
            session_slots=self._tools.slots.allowed,
        )

    def changed(self) -> None:
        """Look again: there may be more to do, more lanes, or an end."""
        for each in self._classes.values():
            each.dry = False
        self._changed.set()

    def put_first(self, entries: list[Entry]) -> None:
        """Send these entries, which are claimed already, before all others."""
        for entry in entries:
            self._classes[LaneClass.LARGE if entry.large else LaneClass.SMALL].waiting.append(entry)

    async def run(self, jobs: JobWatcher) -> None:
        """Send everything. Return when all has come to its end, or when the drain was requested and nothing is sent.

        Raises:
            AsyncupError: the run cannot go on. Comes inside an exception group.
        """
        async with anyio.create_task_group() as tasks:
            for entry in await self._journal.committing():
                await self._start_beside(tasks, jobs, entry, None)
            with suppress(UploadInterrupted), self._tools.drain.lane():
                await self._dispatch(tasks, jobs)

    async def _dispatch(self, tasks: TaskGroup, jobs: JobWatcher) -> None:
        while True:
            self._changed = anyio.Event()
            await self._start_what_may(tasks, jobs)
            if self._is_done():
                return
            await self._changed.wait()

    def _is_done(self) -> bool:
        idle = all(each.dry and not each.waiting and not each.busy for each in self._classes.values())
        return self.source_read and idle and not self._beside.borrowed_tokens

    async def _start_what_may(self, tasks: TaskGroup, jobs: JobWatcher) -> None:
        small, large = self._classes[LaneClass.SMALL], self._classes[LaneClass.LARGE]
        while not (small.dry and large.dry) or small.waiting or large.waiting:
            which = next_class(self.split(), small_busy=small.busy, large_busy=large.busy)
            if which is None:
                if self.files_left:
                    return
                # Nothing is known to be there: only the journal can tell.
                which = LaneClass.LARGE if small.dry else LaneClass.SMALL
            entry = await self._next(which)
            if entry is not None:
                self._classes[which].busy += 1
                tasks.start_soon(self._lane, tasks, jobs, entry, which)

    async def _next(self, which: LaneClass) -> Entry | None:
        lane_class = self._classes[which]
        if not lane_class.waiting and not lane_class.dry:
            # Before the journal is asked: what is added meanwhile makes it look again.
            lane_class.dry = True
            small = which is LaneClass.SMALL
            most = _MOST_CLAIMED if small else max(1, self.allowed)
            lane_class.waiting.extend(await self._journal.claim(large=not small, most=most))
            if lane_class.waiting:
                lane_class.dry = False
        return lane_class.waiting.popleft() if lane_class.waiting else None

    def _load(self, which: LaneClass) -> ClassLoad:
        lane_class, tally = self._classes[which], self._journal.tally
        counts = tally.small if which is LaneClass.SMALL else tally.large
        pending = 0 if lane_class.dry else counts[State.PENDING].files
        return ClassLoad(files=pending + len(lane_class.waiting) + lane_class.busy, file_s=lane_class.file_s)

    async def _lane(self, tasks: TaskGroup, jobs: JobWatcher, entry: Entry, which: LaneClass) -> None:
        lane_class, began_s = self._classes[which], time.monotonic()
        try:
            with self._meter.lane(), self._progress.file(entry) as track:
                outcome = await self._attempts.send(entry, track)
            if isinstance(outcome, CommitTaken | Again):
                await self._start_beside(tasks, jobs, entry, outcome)
            elif outcome is not None:
                # May wait for a caller who takes results slowly, and then holds the lane.
                await self._outcomes.tell(entry, outcome)
        finally:
            lane_class.busy -= 1
            self._changed.set()
        took_s = time.monotonic() - began_s
        before_s = took_s if lane_class.file_s is None else lane_class.file_s
        lane_class.file_s = before_s + _WEIGHT * (took_s - before_s)

    async def _start_beside(
        self, tasks: TaskGroup, jobs: JobWatcher, entry: Entry, what: CommitTaken | Again | None
    ) -> None:
        place = object()
        await self._beside.acquire_on_behalf_of(place)

        async def wait() -> None:
            try:
                after = what if isinstance(what, Again) else await self._finish(jobs, entry, what)
                if after is not None:
                    await self._begin_again(entry, after)
            finally:
                self._beside.release_on_behalf_of(place)
                self._changed.set()

        tasks.start_soon(wait)

    async def _finish(self, jobs: JobWatcher, entry: Entry, taken: CommitTaken | None) -> Again | None:
        with self._progress.file(entry) as track:
            outcome = await self._attempts.finish(entry, track, taken, jobs)
        if outcome is None or isinstance(outcome, Again):
            return outcome
        await self._outcomes.tell(entry, outcome)
        return None

    async def _begin_again(self, entry: Entry, after: Again) -> None:
        with suppress(UploadInterrupted), self._tools.drain.lane():
            await self._tools.vault.calls.wait(after.pause_s)
            await self._journal.record(entry.id, Released(begun=True))
            self.changed()
