"""Reading a run's inputs into its journal, while lanes are at work already.

Whatever has come is added at once, so that a slow source holds nothing back, and a fast one is added in large batches.
Must not know what becomes of the inputs.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from typing import TypeAlias

import anyio
import anyio.to_thread

from asyncup.bulk.inputs.in_thread import MOST_AT_ONCE, in_thread
from asyncup.bulk.inputs.item import BrokenInput, Input, Trouble, UploadItem
from asyncup.bulk.inputs.looked_at import look_at_all
from asyncup.bulk.inputs.row import printable
from asyncup.bulk.journal.entry import Entry, State
from asyncup.bulk.journal.journal import Journal
from asyncup.errors import DestinationError
from asyncup.protocol.paths import file_destination

__all__ = ["Feeder", "RunInput", "RunInputs"]

RunInput: TypeAlias = Input | tuple[str | os.PathLike[str], str]
RunInputs: TypeAlias = Iterable[RunInput] | AsyncIterable[RunInput]


class Feeder:
    """Adds inputs to a journal.

    Args:
        inputs: items, broken inputs, or pairs of a file and its destination, which are numbered from 1 as rows.
        journal: where they are added.
        on_added: told after each batch.
    """

    def __init__(self, inputs: RunInputs, journal: Journal, on_added: Callable[[], None]) -> None:
        self._inputs = inputs
        self._journal = journal
        self._on_added = on_added
        self._batch: list[RunInput] = []
        self._came = anyio.Event()
        self._taken = anyio.Event()
        self._at_end = False
        self._number = 0
        self.added = 0
        self.broken = 0

    async def run(self) -> None:
        """Add all inputs.

        Raises:
            JournalMismatch: the inputs are not those that the journal was begun with.
            AsyncupError: the source cannot be read.
        """
        async with anyio.create_task_group() as reading:
            reading.start_soon(self._read)
            while batch := await self._next_batch():
                await self._add(batch)
        await self._journal.mark_source_read()

    async def broken_inputs(self) -> AsyncIterator[Entry]:
        """Yield the entries that are BROKEN, for they end as soon as they are read."""
        if self.broken:
            async for entry in self._journal.entries((State.BROKEN,)):
                yield entry

    async def _read(self) -> None:
        source = _as_async(self._inputs)
        try:
            async for found in source:
                self._batch.append(found)
                self._came.set()
                if len(self._batch) >= MOST_AT_ONCE:
                    self._taken = anyio.Event()
                    await self._taken.wait()
        finally:
            self._at_end = True
            self._came.set()
            if isinstance(source, AsyncGenerator):
                with anyio.CancelScope(shield=True):
                    await source.aclose()

    async def _next_batch(self) -> list[RunInput]:
        if not self._batch and not self._at_end:
            await self._came.wait()
        batch, self._batch = self._batch, []
        self._came = anyio.Event()
        if self._at_end:
            self._came.set()
        self._taken.set()
        return batch

    async def _add(self, batch: list[RunInput]) -> None:
        items = [self._as_input(found) for found in batch]
        added = await self._journal.add(await anyio.to_thread.run_sync(look_at_all, items))
        self.added += len(items)
        self.broken += added.broken
        self._on_added()

    def _as_input(self, found: RunInput) -> Input:
        self._number += 1
        if isinstance(found, UploadItem | BrokenInput):
            return found
        file, destination = os.fspath(found[0]), found[1]
        try:
            return UploadItem(file=file, path=file_destination(destination), row=self._number)
        except DestinationError as error:
            name = printable(file)
            return BrokenInput(
                name=name, trouble=Trouble.DESTINATION, reason=printable(error.message), row=self._number
            )


def _as_async(inputs: RunInputs) -> AsyncIterable[RunInput]:
    if isinstance(inputs, AsyncIterable):
        return inputs
    return in_thread(found for found in inputs)
