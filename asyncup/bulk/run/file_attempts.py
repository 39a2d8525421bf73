"""Beginning files, as often as it takes: what comes after each attempt, and what all attempts of a file have cost.

Must not know lanes, or which file comes next.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import anyio

from asyncup.bulk.budgets.call_counter import calls_of_file
from asyncup.bulk.errors import UnexpectedMd5
from asyncup.bulk.jobs.polling import JobWatcher
from asyncup.bulk.journal.entry import Done, Entry, Failed, Skipped, State
from asyncup.bulk.lanes.file_failure import Meaning, error_type_of, keeps_session, meaning_of
from asyncup.bulk.lanes.tools import CommitTaken, LaneTools, Sent
from asyncup.bulk.lanes.work import LaneWork
from asyncup.bulk.run.events import FileToBeRepeated
from asyncup.bulk.run.outcomes import Outcome
from asyncup.bulk.run.progress import LaneTrack, RunProgress
from asyncup.errors import (
    AccessRefused,
    AsyncupError,
    ChecksumMismatch,
    JobFailed,
    SourceChanged,
    UploadInterrupted,
    UploadSessionNotFound,
)
from asyncup.protocol.paths import parent_of

__all__ = ["Again", "Attempts"]

_ABORT_WITHIN_S = 10.0
_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_REFUSED_FILES, _REFUSED_FOLDERS, _REFUSED_AT_MOST = 10, 3, 100
"""So many files in so many folders that a permission is missing for, or so many in all, and none that ever arrived: the
next million would be refused, too."""


@dataclass(frozen=True, slots=True)
class Again:
    """The file is to be begun again, so many seconds from now."""

    pause_s: float


@dataclass(slots=True)
class _Effort:
    """What was done for one file in this run."""

    attempts: int = 0
    seconds: float = 0.0
    calls: int = 0
    bytes_written: int = 0
    damaged: bool = False
    """What arrived of an attempt of this run is in Vault, and is not the file."""


class Attempts:
    """Sends files, each as often as it may be begun.

    Args:
        tools: what they are sent with.
        progress: told of failures.
        most: how often a file is begun.

    Attributes:
        found_sessions: upload sessions that the journal does not name, by the entry that they are for.
    """

    def __init__(self, tools: LaneTools, progress: RunProgress, *, most: int) -> None:
        self._tools = tools
        self._progress = progress
        self._most = most
        self._efforts: dict[int, _Effort] = {}
        self._has_access = False
        self._refused = 0
        self._refused_in: set[str] = set()
        self.found_sessions: dict[int, str] = {}

    async def send(self, entry: Entry, track: LaneTrack) -> Outcome | CommitTaken | Again | None:
        """Send a file, once. None when the lanes were asked to end.

        Raises:
            AsyncupError: the run cannot go on.
        """
        with self._effort(entry, track) as effort:
            effort.attempts += 1
            found = self.found_sessions.pop(entry.id, None)
            work = LaneWork(entry, self._tools, track.emit, found_session=found, over_damaged=effort.damaged)
            sent: Sent | CommitTaken | Skipped | Failed | Again
            try:
                sent = await work.run()
            except UploadInterrupted:
                return None
            except AsyncupError as error:
                if _is_damage(error, work, track):
                    effort.damaged = True
                    await work.note_damage()
                sent = self._again(entry, error, effort) or await self._given_up(work, error, damaged=effort.damaged)
        return sent if isinstance(sent, CommitTaken | Again) else self._ended(entry, sent)

    async def finish(
        self, entry: Entry, track: LaneTrack, taken: CommitTaken | None, jobs: JobWatcher
    ) -> Outcome | Again | None:
        """Wait for the job of a commit; of one that an earlier run made when `taken` is None.

        Raises:
            AsyncupError: the run cannot go on.
        """
        job_id = entry.job_id if taken is None else taken.job_id
        sent = Sent(entry.size or 0, entry.md5s, entry.parts or 1) if taken is None else taken.sent
        track.job_id, track.acknowledged = job_id, sent.size
        with self._effort(entry, track) as effort:
            effort.attempts = max(1, effort.attempts)
            try:
                with self._tools.drain.lane():
                    await jobs.wait(job_id or 0)
            except UploadInterrupted:
                return None
            except AsyncupError as error:
                if taken is not None or not await self._is_in_place(entry, error):
                    again = self._again(entry, error, effort)
                    failed = Failed(error_type=error_type_of(error), error=error.message)
                    return again or self._ended(entry, failed)
        return self._ended(entry, sent)

    @contextmanager
    def _effort(self, entry: Entry, track: LaneTrack) -> Iterator[_Effort]:
        effort, began_s = self._efforts.setdefault(entry.id, _Effort()), time.monotonic()
        with calls_of_file() as calls:
            try:
                yield effort
            finally:
                effort.seconds += time.monotonic() - began_s
                effort.calls += calls.total
                effort.bytes_written += track.bytes_written

    def _again(self, entry: Entry, error: AsyncupError, effort: _Effort) -> Again | None:
        """Say whether a file that failed is begun again.

        Raises:
            AsyncupError: `error`, when it is the run's.
        """
        meaning = meaning_of(error)
        if isinstance(error, AccessRefused):
            self._stop_without_access(entry, error)
        if meaning is Meaning.STOPS_RUN:
            raise error
        if meaning is Meaning.FINAL or effort.attempts >= self._most:
            return None
        self._progress.emit(FileToBeRepeated(entry.file, effort.attempts, error.message))
        return Again(min(_LONGEST_PAUSE_S, _PAUSE_S * 2.0 ** (effort.attempts - 1)))

    def _stop_without_access(self, entry: Entry, error: AccessRefused) -> None:
        self._refused += 1
        self._refused_in.add(parent_of(entry.destination or ""))
        widely = self._refused >= _REFUSED_FILES and len(self._refused_in) >= _REFUSED_FOLDERS
        if not widely and self._refused < _REFUSED_AT_MOST:
            return
        if self._has_access or self._tools.journal.tally.of(State.DONE).files:
            return
        error.hint = (
            f"{self._refused} files were refused so and none has arrived, so the run ends. "
            "Get the permission, or leave out what may not be written"
        )
        raise error

    async def _given_up(self, work: LaneWork, error: AsyncupError, *, damaged: bool) -> Failed:
        if isinstance(error, UploadSessionNotFound):
            await work.forget_session()
        elif damaged or not keeps_session(error):
            with anyio.move_on_after(_ABORT_WITHIN_S, shield=True), suppress(AsyncupError):
                await work.abort()
                if damaged:
                    await work.remove_damaged()
        if work.open_session is not None:
            self._tools.slots.left_open()
        text = f"{error.message}. {error.hint}" if error.hint else error.message
        return Failed(error_type=error_type_of(error), error=text, session_id=work.open_session)

    def _ended(self, entry: Entry, sent: Sent | Skipped | Failed) -> Outcome:
        """Return what the journal is told, with what it has cost."""
        effort = self._efforts.pop(entry.id)
        if isinstance(sent, Skipped):
            return Skipped(reason=sent.reason, calls=effort.calls)
        seconds, calls, written = effort.seconds, effort.calls, effort.bytes_written
        if isinstance(sent, Failed):
            self._progress.last_failure = f"{entry.file}: {sent.error}"
            return replace(sent, seconds=seconds, calls=calls, bytes_written=written)
        self._has_access = True
        return Done(
            size=sent.size,
            md5s=sent.md5s,
            parts=sent.parts,
            seconds=seconds,
            calls=calls,
            bytes_written=written,
            identity=sent.identity,
        )

    async def _is_in_place(self, entry: Entry, error: AsyncupError) -> bool:
        """Tell whether a file is visible whose job is too old to be asked for."""
        if isinstance(error, JobFailed) or entry.leftover is not None:
            return False  # what is there is what was there before
        overwrites = self._tools.overwrite if entry.overwrite is None else entry.overwrite
        if overwrites and not self._tools.look_first:
            return False
        return await self._tools.in_place.look_again(entry.destination or "") == entry.size


def _is_damage(error: AsyncupError, work: LaneWork, track: LaneTrack) -> bool:
    """Tell whether what one request has brought to the destination is not the file.

    It was damaged on its way, or the file was changed while it was sent. Parts of an upload session are no file yet.
    """
    if work.open_session is not None:
        return False
    if isinstance(error, SourceChanged):
        return track.has_acknowledged and not error.attributes_only
    return isinstance(error, ChecksumMismatch) and not isinstance(error, UnexpectedMd5)
