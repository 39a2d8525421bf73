"""The part buffers of one upload: takes memory from the budget, chooses mapped or copied, and watches the lease.

Must not know hashing, sending or Vault.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import mmap
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import anyio.from_thread
import anyio.to_thread

from asyncup.events import BufferKind
from asyncup.pipeline.lease import ReadLease
from asyncup.pipeline.lease_watch import watched
from asyncup.pipeline.mapped_buffer import MappedBuffer
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.memory_map import anonymous, can_swap_pages
from asyncup.pipeline.part_buffer import CopiedBuffer, PartBuffer, go_on_unless
from asyncup.pipeline.source import Source
from asyncup.pipeline.thread_visit import Threads, to_its_end
from asyncup.pipeline.unloaded_part import UnloadedPages, UnloadedPart
from asyncup.pipeline.unmapping import Unmapping
from asyncup.protocol.plan import Part

__all__ = ["Buffers", "Loaded", "open_buffers"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A part in memory, and the seconds that reading it took."""

    buffer: PartBuffer
    seconds: float


class Buffers:
    """Makes part buffers for one file. Use `open_buffers`.

    Attributes:
        decided: set, on the event loop, when `watch` has got the lease or not.

    Args:
        source: the file.
        memory: the budget, possibly shared with other uploads.
        on_copying: called on the event loop when a writer made us give the lease back, with the bytes copied first
            and the seconds that the writer waited for us.
    """

    def __init__(self, source: Source, memory: MemoryBudget, on_copying: Callable[[int, float], None]) -> None:
        self._source = source
        self._memory = memory
        self._lease: ReadLease | None = None
        self._on_copying = on_copying
        self._spare: list[mmap.mmap] = []
        self._in_use: set[PartBuffer] = set()
        self._mapped: set[MappedBuffer] = set()
        self._unloaded: set[UnloadedPages] = set()
        self._changing = threading.Lock()
        # Its own: the program's may be busy for as long as it likes. One loads, the other unmaps meanwhile.
        self._threads = Threads(2, "asyncup-memory")
        self._unmapping = Unmapping(self._threads, memory, self._close)
        self._awake = threading.Event()
        self._leaving = False
        self._loop = asyncio.get_running_loop()
        self.decided = asyncio.Event()

    @property
    def kind(self) -> BufferKind:
        """Which kind the next buffer will be."""
        return BufferKind.COPIED if self._lease is None else BufferKind.MAPPED

    async def load(self, part: Part) -> PartBuffer:
        """Wait for memory, read a part and return its buffer. After this you should `release` it as soon as possible.

        Raises:
            SourceError: the part cannot be read, or the file has changed.
        """
        return (await self.load_some([part]))[0].buffer

    async def load_some(self, parts: Sequence[Part]) -> list[Loaded]:
        """As `load`, for the first of some parts, and for as many behind it as there is memory for without waiting."""
        if not self._memory.take_now(parts[0].length):
            self._unmapping.hurry()
            await self._memory.take(parts[0].length)
        some = [parts[0], *itertools.takewhile(lambda part: self._memory.take_now(part.length), parts[1:])]
        given_up = threading.Event()
        try:
            # Not kept in a name: an error's traceback has this frame, and its future has the error.
            return await to_its_end(self._threads.begin(self._load_each, some, given_up), on_cancelled=given_up.set)
        except BaseException:
            given_up.set()  # where the system has no more threads, it waits for one all the same
            # A buffer that was made is given back at the end, with the others that are in use.
            made = [buffer.part for buffer in self._in_use]
            for part in some:
                if all(part is not each for each in made):
                    self._memory.give_back(part.length)
            raise

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
            with self._changing:
                self._mapped.discard(buffer)
            self._unmapping.add(buffer)
            return
        assert isinstance(buffer, CopiedBuffer)  # noqa: S101 - `load` makes no third kind
        if reusable:
            self._spare.append(buffer.memory)
        else:
            _free(buffer.memory)
        self._memory.give_back(buffer.length)

    def _load_each(self, parts: Sequence[Part], given_up: threading.Event) -> list[Loaded]:
        loaded = []
        for part in parts:
            begun = time.perf_counter()
            loaded.append(Loaded(self._load(part, given_up), time.perf_counter() - begun))
        return loaded

    def _load(self, part: Part, given_up: threading.Event) -> PartBuffer:
        go_on_unless(given_up)
        buffer = self._map(part) or CopiedBuffer(self._source, part, self._spare_memory(part.length))
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

    def _map(self, part: Part) -> MappedBuffer | None:
        with self._changing:
            if self._lease is None:
                return None
            try:
                buffer = MappedBuffer(self._source, part, self._lease)
            except OSError:
                return None
            self._mapped.add(buffer)
            return buffer

    # -- parts that are hashed before they are loaded

    def unloaded(self, part: Part) -> UnloadedPart:
        """Return a part that is not loaded, for the hasher. Its pieces take no more memory than a window each."""
        return UnloadedPart(part, self._open_unloaded, self._close_unloaded)

    def _open_unloaded(self, part: Part) -> UnloadedPages | None:
        with self._changing:
            if self._lease is None:
                return None
            try:
                pages = UnloadedPages(self._source.fd, part, self._lease)
            except OSError:
                return None
            self._unloaded.add(pages)
            return pages

    def _close_unloaded(self, pages: UnloadedPages) -> None:
        with self._changing:
            self._unloaded.remove(pages)
        pages.close()

    # -- the watcher's thread

    def watch(self) -> None:
        """Take the lease, and sleep until `stop_watching`; let go when a writer knocks. For a thread of its own.

        A thread, not a task: a program that opens the file for writing on the event loop's own thread is kept waiting
        there, and could never be let in by a task. It may come as soon as there is a lease: so the thread that takes
        the lease is the one that watches it.
        """
        lease = self._lease = ReadLease.take(self._source.fd)
        self._loop.call_soon_threadsafe(self.decided.set)  # and not waited for: a writer may hold the loop
        if lease is None:
            return
        try:
            with watched(lease, self._awake):
                self._awake.wait()
                if not self._leaving:
                    self._let_the_writer_in(lease)
        finally:
            lease.release()

    def stop_watching(self) -> None:
        """End `watch`, and give the lease back: no mapped page may be touched after this."""
        self._leaving = True
        self._awake.set()

    def _let_the_writer_in(self, lease: ReadLease) -> None:
        knocked = time.monotonic()
        with self._changing:
            # From here on no part is mapped any more: parts that are loaded later are copied.
            self._lease = None
            for pages in self._unloaded:
                pages.let_go()
            mapped = sorted(self._mapped, key=lambda buffer: buffer.part.number)
            copied = sum(buffer.let_go() for buffer in mapped)
        lease.release()
        waited_s = time.monotonic() - knocked
        for buffer in mapped:
            buffer.refill()
        if not self._leaving:
            anyio.from_thread.run_sync(self._on_copying, copied, waited_s)


@asynccontextmanager
async def open_buffers(
    source: Source, memory: MemoryBudget, *, may_map: bool, on_copying: Callable[[int, float], None]
) -> AsyncIterator[Buffers]:
    """Open the part buffers of one upload, and give the lease back at the end.

    Args:
        source: the file.
        memory: the budget, possibly shared with other uploads.
        may_map: False copies from the start.
        on_copying: see `Buffers`.
    """
    async with anyio.create_task_group() as tasks:
        buffers = Buffers(source, memory, on_copying)
        try:
            if may_map and can_swap_pages() and source.size > 0:
                tasks.start_soon(_watch, buffers)
                await buffers.decided.wait()
            yield buffers
        finally:
            try:
                await buffers.release_all()
            finally:
                buffers.stop_watching()


def _free(memory: mmap.mmap) -> None:
    """Unmap now: an exception's traceback may keep the buffer, and with it as much memory as the whole budget."""
    with contextlib.suppress(BufferError):
        # Where a transport still holds a view, the memory stays until it lets go.
        memory.close()


async def _watch(buffers: Buffers) -> None:
    try:
        # A limiter of its own: the watcher holds its thread for the whole upload.
        await anyio.to_thread.run_sync(buffers.watch, limiter=anyio.CapacityLimiter(1))
    finally:
        # Also when it was cancelled before it began: somebody waits for this.
        buffers.decided.set()
