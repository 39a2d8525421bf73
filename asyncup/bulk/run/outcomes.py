"""From what became of files to records and results: first the journal has it on the disk, then the caller is told.

Outcomes are recorded in groups, beside the lanes; a caller that takes results slowly slows the run down, so that
neither grows. Must not know how files are sent.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import anyio

from asyncup.bulk.journal.entry import Done, Entry, Failed, Skipped, State
from asyncup.bulk.journal.journal import Journal
from asyncup.bulk.report.file_result import FileResult

__all__ = ["Outcome", "Outcomes"]

Outcome = Done | Failed | Skipped

_AT_ONCE = 256


class Outcomes:
    """Records what became of files, and hands out results.

    Args:
        journal: where.
        on_result: told of each result, once it is recorded.
    """

    def __init__(self, journal: Journal, on_result: Callable[[FileResult], None]) -> None:
        self._journal = journal
        self._on_result = on_result
        self._put, self._take = anyio.create_memory_object_stream[tuple[Entry, Outcome | None]](_AT_ONCE)
        self._results, self.results = anyio.create_memory_object_stream[FileResult](_AT_ONCE)

    async def tell(self, entry: Entry, outcome: Outcome | None) -> None:
        """Say what became of an entry; None when the journal has it already. May wait."""
        await self._put.send((entry, outcome))

    def close(self) -> None:
        """Say that nothing more comes."""
        self._put.close()

    def end(self) -> None:
        """Hand out nothing more. Called once `run` has ended, or will not be called."""
        self._put.close()
        self._take.close()
        self._results.close()

    async def run(self) -> None:
        """Record and hand out until `close`; when it is cancelled, record what was told, and hand nothing out."""
        try:
            async for first in self._take:
                batch = [first, *self._waiting(_AT_ONCE - 1)]
                await self._record(batch)
                for entry, outcome in batch:
                    await self._hand_out(entry if outcome is None else _ended(entry, outcome))
        finally:
            with anyio.CancelScope(shield=True):
                await self._record(self._waiting(_AT_ONCE))

    def _waiting(self, most: int) -> list[tuple[Entry, Outcome | None]]:
        found: list[tuple[Entry, Outcome | None]] = []
        try:
            while len(found) < most:
                found.append(self._take.receive_nowait())
        except (anyio.WouldBlock, anyio.EndOfStream, anyio.ClosedResourceError):
            pass
        return found

    async def _record(self, batch: list[tuple[Entry, Outcome | None]]) -> None:
        changes = [(entry.id, outcome) for entry, outcome in batch if outcome is not None]
        if changes:
            await self._journal.record_all(changes)

    async def _hand_out(self, entry: Entry) -> None:
        result = FileResult.of(entry)
        self._on_result(result)
        with suppress(anyio.BrokenResourceError):  # nobody wants results: the run goes on
            await self._results.send(result)


def _ended(entry: Entry, outcome: Outcome) -> Entry:
    """Return the entry as the journal has it now."""
    match outcome:
        case Done():
            return replace(
                entry,
                state=State.DONE,
                size=outcome.size,
                md5s=outcome.md5s,
                parts=outcome.parts,
                seconds=outcome.seconds,
                calls=outcome.calls,
                bytes_written=outcome.bytes_written,
                session_id=None,
                error_type=None,
                error=None,
            )
        case Skipped():
            return replace(
                entry, state=State.SKIPPED, calls=outcome.calls, session_id=None, error_type=None, error=outcome.reason
            )
        case Failed():
            return replace(
                entry,
                state=State.FAILED,
                seconds=outcome.seconds,
                calls=outcome.calls,
                bytes_written=outcome.bytes_written,
                session_id=outcome.session_id,
                error_type=outcome.error_type,
                error=outcome.error,
            )
