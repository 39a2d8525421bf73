"""Looking at a journal from outside: from another process, while a run is writing it, or after it has ended."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from asyncup.bulk.journal.connection import connected, translated
from asyncup.bulk.journal.entry import Entry, RunKey, State, Tally
from asyncup.bulk.journal.rows import entries_behind, entry_of, tally_of
from asyncup.bulk.journal.steps import run_key

__all__ = ["JournalView"]


class JournalView:
    """Looking at a journal that some run may be writing at this moment. Blocks: for worker threads, or a command.

    Raises:
        JournalUnusable: there is none, or it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._connection = connected(self.path, migrating=False)

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    def key(self) -> RunKey | None:
        """Return what the run is."""
        with translated(self.path):
            return run_key(self._connection)

    def tally(self) -> Tally:
        """Return how many entries are in which state now."""
        with translated(self.path):
            return tally_of(self._connection)

    def entries(self, states: Collection[State] = tuple(State)) -> Iterator[Entry]:
        """Yield entries as `Journal.entries` does, with no transaction open in between."""
        last = 0
        while True:
            with translated(self.path):
                batch = [entry_of(row) for row in self._connection.execute(entries_behind(last, states))]
            if not batch:
                return
            yield from batch
            last = batch[-1].id
