"""The part buffers of one upload: takes memory from the budget, chooses mapped or copied, and reads.

Must not know hashing, sending or Vault.
"""

from __future__ import annotations

import contextlib
import itertools
import mmap
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from asyncup.errors import SourceUnreadable
from asyncup.events import BufferKind
from asyncup.pipeline.leased_parts import LeasedParts
from asyncup.pipeline.mapped_buffer import MappedBuffer
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.memory_map import anonymous, can_swap_pages
from asyncup.pipeline.part_buffer import CopiedBuffer, PartBuffer, go_on_unless
from asyncup.pipeline.source import Source
from asyncup.pipeline.thread_visit import Threads, to_its_end
from asyncup.pipeline.unloaded_part import UnloadedPart
from asyncup.pipeline.unmapping import Unmapping
from asyncup.protocol.plan import Part

__all__ = ["QUICKLY_S", "Buffers", "Loaded", "open_buffers"]

QUICKLY_S = 0.004
"""A small part that takes longer to read was not in the page cache: others are not waited for on top of it."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A part in memory, and the seconds that reading it took."""

    buffer: PartBuffer
    seconds: float


class Buffers:
    """Makes part buffers for one file. Use `open_buffers`.

    Args:
        source: the file.
        memory: the budget, possibly shared with other uploads.
        leased: makes those that are mapped.
        now: seconds of a clock that never goes back.
    """

    def __init__(
        self, source: Source, memory: MemoryBudget, leased: LeasedParts, now: Callable[[], float] = time.perf_counter
    ) -> None:
        self._source = source
        self._memory = memory
        self._leased = leased
        self._now = now
        self._spare: list[mmap.mmap] = []
        self._in_use: set[PartBuffer] = set()
        # Its own: the program's may be busy for as long as it likes. One loads, the other unmaps meanwhile.
        self._threads = Threads(2, "asyncup-memory")
        self._unmapping = Unmapping(self._threads, memory, self._close)

    @property
    def kind(self) -> BufferKind:
        """Which kind the next buffer will be."""
        return BufferKind.MAPPED if self._leased.are_leased else BufferKind.COPIED

    async def load(self, part: Part) -> PartBuffer:
        """Wait for memory, read a part and return its buffer. After this you should `release` it as soon as possible.

        Raises:
            SourceError: the part cannot be read, or the file has changed.
        """
        return (await self.load_some([part]))[0].buffer

    async def load_some(self, parts: Sequence[Part]) -> list[Loaded]:
        """As `load`, for the first of some parts, and for those behind it that can be had along with it.

        That is as many as there is memory for without waiting, and as are read within `QUICKLY_S`. One that cannot be
        read is left for the next call, which says so. One caller at a time.
        """
        if not self._memory.take_now(parts[0].length):
            self._unmapping.hurry()
            await self._memory.take(parts[0].length)
        some = [parts[0], *itertools.takewhile(lambda part: self._memory.take_now(part.length), parts[1:])]
        given_up = threading.Event()
        try:
            # Not kept in a name: an error's traceback has this frame, and its future has the error.
            loaded = await to_its_end(self._threads.begin(self._load_each, some, given_up), on_cancelled=given_up.set)
        except BaseException:
            given_up.set()  # where the system has no more threads, it waits for one all the same
            # A buffer that was made is given back at the end, with the others that are in use.
            self._give_back_without_buffer(some)
            raise
        if unread := some[len(loaded) :]:
            self._give_back_without_buffer(unread)
            for buffer in self._in_use_for(unread):
                self.release(buffer, reusable=True)
        return loaded

    def _in_use_for(self, parts: Sequence[Part]) -> list[PartBuffer]:
        return [buffer for buffer in self._in_use if any(buffer.part is part for part in parts)]

    def _give_back_without_buffer(self, parts: Sequence[Part]) -> None:
        made = [buffer.part for buffer in self._in_use_for(parts)]
        for part in parts:
            if all(part is not each for each in made):
                self._memory.give_back(part.length)

    def release(self, buffer: PartBuffer, *, reusable: bool) -> None:
        """Give a buffer's memory back, soon: unmapping a part takes milliseconds, which the event loop does not spend.

        Args:
            buffer: from `load`.
            reusable: True when no transport can still hold a view of it, because Vault acknowledged the part's only
                attempt or it was never sent. Otherwise the memory is left to the transport, and freed with its last
                view.
        """
        self._in_use.remove(buffer)
        if isinstance(buffer, MappedBuffer):
            self._leased.forget(buffer)
            self._unmapping.add(buffer)
            return
        assert isinstance(buffer, CopiedBuffer)  # noqa: S101 - `load` makes no third kind
        if reusable:
            self._spare.append(buffer.memory)
        else:
            _free(buffer.memory)
        self._memory.give_back(buffer.length)

    def _load_each(self, parts: Sequence[Part], given_up: threading.Event) -> list[Loaded]:
        loaded = list[Loaded]()
        first = begun = self._now()
        for part in parts:
            try:
                buffer = self._load(part, given_up)
            except SourceUnreadable:
                if not loaded:
                    raise
                break
            ended = self._now()
            loaded.append(Loaded(buffer, ended - begun))
            if ended - first > QUICKLY_S:
                break
            begun = ended
        return loaded

    def _load(self, part: Part, given_up: threading.Event) -> PartBuffer:
        go_on_unless(given_up)
        buffer = self._leased.map(part) or CopiedBuffer(self._source, part, self._spare_memory(part.length))
        self._in_use.add(buffer)
        buffer.load(given_up)
        if not isinstance(buffer, MappedBuffer):
            self._source.done_with(part.offset, part.length)
        return buffer

    def _close(self, buffer: MappedBuffer) -> None:
        buffer.close()
        self._source.done_with(buffer.part.offset, buffer.part.length)

    async def release_all(self) -> None:
        """Give back what is still in use, when no thread works on it any more."""
        for buffer in list(self._in_use):
            self.release(buffer, reusable=False)
        while self._spare:
            _free(self._spare.pop())
        try:
            await self._unmapping.end()
        finally:
            self._threads.end()

    def _spare_memory(self, length: int) -> mmap.mmap:
        """Return memory of at least `length` bytes: one that was used before, whose pages are there already."""
        for position, memory in enumerate(self._spare):
            if len(memory) >= length:
                return self._spare.pop(position)
        self._spare.clear()
        return anonymous(length)

    def unloaded(self, part: Part) -> UnloadedPart:
        """See `LeasedParts`."""
        return self._leased.unloaded(part)


@asynccontextmanager
async def open_buffers(
    source: Source,
    memory: MemoryBudget,
    *,
    may_map: bool,
    on_copying: Callable[[int, float], None],
    now: Callable[[], float] = time.perf_counter,
) -> AsyncIterator[Buffers]:
    """Open the part buffers of one upload, and give the lease back at the end.

    Args:
        source: the file.
        memory: the budget, possibly shared with other uploads.
        may_map: False copies from the start.
        on_copying: see `LeasedParts`.
        now: seconds of a clock that never goes back; an argument so that tests need none.
    """
    async with anyio.create_task_group() as tasks:
        leased = LeasedParts(source, on_copying)
        buffers = Buffers(source, memory, leased, now)
        try:
            if may_map and can_swap_pages() and source.size > 0:
                tasks.start_soon(leased.watch_in_thread)
                await leased.decided.wait()
            yield buffers
        finally:
            try:
                await buffers.release_all()
            finally:
                leased.stop_watching()


def _free(memory: mmap.mmap) -> None:
    """Unmap now: an exception's traceback may keep the buffer, and with it as much memory as the whole budget."""
    with contextlib.suppress(BufferError):
        # Where a transport still holds a view, the memory stays until it lets go.
        memory.close()
