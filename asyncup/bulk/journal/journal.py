"""The journal of a bulk run: what became of every input, on the disk before it is believed.

It is a SQLite file. One run at a time may write it (`open_journal`), and anybody may look at it meanwhile
(`JournalView`). Together with what Vault says it is all that is needed to go on after `kill -9` at any instant. Nothing
here touches the disk on the event loop, and nothing holds more than a batch of entries in memory.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import anyio
import anyio.to_thread

from asyncup.bulk.inputs.item import Input
from asyncup.bulk.journal.connection import checked_place, connected
from asyncup.bulk.journal.entry import Added, Change, Entry, Order, RunKey, State, Tally
from asyncup.bulk.journal.intake import Intake
from asyncup.bulk.journal.lock import locked
from asyncup.bulk.journal.mounts import network_file_system
from asyncup.bulk.journal.rows import ENTRY, destination_key, entries_behind, entry_of, tally_of
from asyncup.bulk.journal.steps import begin_run, change, claim, claim_these, release_all, reopen, withdraw
from asyncup.bulk.journal.writer import JournalWriter, Operation

__all__ = ["Journal", "open_journal"]

T = TypeVar("T")

_NETWORK = (
    "The journal {place} is on a network file system ({kind}): it is slow there, and two runs may not see each other. "
    "Put it on a disk of this machine."
)


class Journal:
    """An open journal. See `open_journal`.

    Attributes:
        path: its file.
        key: what the run is.
        warnings: what a person should know about where it is, in whole sentences.
    """

    def __init__(self, path: str, key: RunKey, intake: Intake, warnings: tuple[str, ...]) -> None:
        self.path = path
        self.key = key
        self.warnings = warnings
        self._intake = intake
        self._tally = Tally({}, {})
        self._writer = JournalWriter(self._connect, self._see_tally)

    @property
    def tally(self) -> Tally:
        """How many entries are in which state. A plain attribute: ask as often as you like."""
        return self._tally

    async def add(self, inputs: Sequence[Input]) -> Added:
        """Add a batch of inputs, in order: some hundreds at a time. What is known already is not added twice.

        Raises:
            JournalMismatch: a row that was begun is another one now.
        """
        return await self._writer.run(lambda connection: self._intake.add(connection, inputs))

    async def mark_source_read(self) -> None:
        """Say that every input was added: `source_was_read` is true from now on."""
        await self._writer.run(lambda connection: connection.execute("UPDATE run SET source_read = 1"))

    async def source_was_read(self) -> bool:
        """Tell whether some run has added every input."""
        rows = await self._writer.run(lambda connection: connection.execute("SELECT source_read FROM run").fetchall())
        return bool(rows[0][0])

    async def began_s(self) -> float:
        """Return when the first run on this journal began, in seconds since 1970."""
        rows = await self._writer.run(
            lambda connection: connection.execute("SELECT first_begun_at_s FROM run").fetchall()
        )
        return float(rows[0][0])

    async def claim(self, *, large: bool, most: int) -> list[Entry]:
        """Take up to `most` pending entries, in the run's order: they are SENDING, until something else is recorded."""
        return await self._writer.run(lambda connection: claim(connection, large=large, most=most))

    async def record(self, entry_id: int, what: Change) -> None:
        """Record what happened to an entry. When this returns, it is on the disk.

        A caller that is cancelled while it waits: the change is recorded all the same.

        Raises:
            JournalUnusable: the journal's disk failed.
        """
        await self._writer.run(lambda connection: change(connection, entry_id, what))

    async def record_all(self, changes: Sequence[tuple[int, Change]]) -> None:
        """Record what happened to several entries, as `record` does, all or none.

        Raises:
            JournalUnusable: the journal's disk failed.
        """

        def change_all(connection: sqlite3.Connection) -> None:
            for entry_id, what in changes:
                change(connection, entry_id, what)

        await self._writer.run(change_all)

    async def claim_these(self, ids: Collection[int]) -> list[Entry]:
        """Take some pending entries before all others."""
        return await self._writer.run(lambda connection: claim_these(connection, ids))

    async def release_all(self, not_begun: Collection[int]) -> None:
        """Make what is SENDING pending again, at the end of a run. For `not_begun` it counts as no attempt."""
        await self._writer.run(lambda connection: release_all(connection, not_begun))

    async def entry_at(self, destination: str) -> Entry | None:
        """Return the entry that goes to a path in Vault."""
        key = destination_key(destination, self.key.matching)

        def find(connection: sqlite3.Connection) -> Entry | None:
            row = connection.execute(f"{ENTRY} WHERE destination_key = ?", (key,)).fetchone()
            return None if row is None else entry_of(row)

        return await self._writer.run(find)

    async def beside(self, operation: Operation[T]) -> T:
        """Run an operation of somebody who keeps something in temporary tables beside the journal's."""
        return await self._writer.run(operation)

    async def reopen(self, states: Collection[State]) -> int:
        """Make all entries that are FAILED, SKIPPED or DONE, as is asked for, PENDING again; return their number."""
        return await self._writer.run(lambda connection: reopen(connection, states))

    async def withdraw(self, ids: Collection[int]) -> int:
        """Forget inputs that are PENDING, FAILED or BROKEN, as if they had never come; return how many.

        Kept are those that have an upload session, and small ones that may have come to Vault unheard.
        """
        return await self._writer.run(lambda connection: withdraw(connection, ids))

    async def committing(self) -> list[Entry]:
        """Return the entries whose commit's job was not seen to end: after a restart, ask Vault about those jobs."""
        where = "state IN ('SENDING', 'COMMITTING') AND state = 'COMMITTING'"
        return await self._select(f"{ENTRY} WHERE {where} ORDER BY id")

    async def with_sessions(self) -> list[Entry]:
        """Return the entries that have an upload session open, in whatever state: those sessions are ours."""
        # The sign keeps SQLite from reading all entries in their order instead of the few in the index.
        return await self._select(f"{ENTRY} WHERE session_id IS NOT NULL ORDER BY +id")

    async def entries(self, states: Collection[State] = tuple(State)) -> AsyncGenerator[Entry]:
        """Yield all entries that are in some states, in the order of their inputs."""
        last = 0
        while batch := await self._select(entries_behind(last, states)):
            for entry in batch:
                yield entry
            last = batch[-1].id

    async def _select(self, query: str) -> list[Entry]:
        return await self._writer.run(lambda connection: [entry_of(row) for row in connection.execute(query)])

    # In the journal's thread.

    def _connect(self) -> sqlite3.Connection:
        return connected(self.path, migrating=True)

    def _see_tally(self, connection: sqlite3.Connection) -> None:
        self._tally = tally_of(connection)

    async def _begin(self, order: Order, large_from: int, now_s: float) -> None:
        await self._writer.start()
        await self._writer.run(
            lambda connection: begin_run(connection, self.key, order=order, large_from=large_from, now_s=now_s)
        )


@asynccontextmanager
async def open_journal(
    path: str | os.PathLike[str],
    key: RunKey,
    *,
    order: Order = Order.AS_GIVEN,
    large_from: int,
    now_s: float,
    source_folder: str | os.PathLike[str] | None = None,
) -> AsyncIterator[Journal]:
    """Open a journal for a run, new or begun earlier, and keep all others out until it is closed.

    Args:
        path: its file; its folder is there already. SQLite puts two files beside it, and a lock is a third.
        key: what the run is.
        order: which pending entry comes next; it may be another one than last time.
        large_from: files of this many bytes and more are large ones.
        now_s: the time, in seconds since 1970.
        source_folder: the folder that is uploaded, if one is: the journal must not be in it.

    Raises:
        JournalInUse: another run has it open.
        JournalMismatch: it is another run's.
        JournalUnusable: it is no journal, is inside the source, or cannot be read or written.
    """
    place = await anyio.to_thread.run_sync(checked_place, os.fspath(path), source_folder)
    intake = Intake(matching=key.matching, order=order, large_from=large_from)
    async with AsyncExitStack() as opened:
        lock = locked(place)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lock.__enter__)
        opened.callback(lock.__exit__, None, None, None)
        kind = await anyio.to_thread.run_sync(network_file_system, place)
        warnings = () if kind is None else (_NETWORK.format(place=place, kind=kind),)
        journal = Journal(place, key, intake, warnings)
        opened.push_async_callback(journal._writer.close)  # noqa: SLF001 - of one module
        await journal._begin(order, large_from, now_s)  # noqa: SLF001 - of one module
        yield journal
