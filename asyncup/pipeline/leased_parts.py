"""The parts of one file that are the file's own pages, under its read lease, and the letting in of a writer.

A thread takes the lease and sleeps until a writer knocks; then every part leaves the file's pages, and those that come
later are not mapped at all. Must not know memory budgets, hashing or sending.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import anyio
import anyio.from_thread
import anyio.to_thread

from asyncup.pipeline.lease import ReadLease
from asyncup.pipeline.lease_watch import watched
from asyncup.pipeline.mapped_buffer import MappedBuffer
from asyncup.pipeline.source import Source
from asyncup.pipeline.unloaded_part import UnloadedPages, UnloadedPart
from asyncup.protocol.plan import Part

__all__ = ["LeasedParts"]


class LeasedParts:
    """The parts that are mapped, loaded or not, and whose thread is `watch`.

    Attributes:
        decided: set, on the event loop, when `watch` has got the lease or not.

    Args:
        source: the file.
        on_copying: called on the event loop when a writer made us give the lease back, with the bytes copied first
            and the seconds that the writer waited for us.
    """

    def __init__(self, source: Source, on_copying: Callable[[int, float], None]) -> None:
        self._source = source
        self._on_copying = on_copying
        self._lease: ReadLease | None = None
        self._mapped: set[MappedBuffer] = set()
        self._unloaded: set[UnloadedPages] = set()
        self._changing = threading.Lock()
        self._awake = threading.Event()
        self._leaving = False
        self._loop = asyncio.get_running_loop()
        self.decided = asyncio.Event()

    @property
    def are_leased(self) -> bool:
        """Whether the next part will be mapped."""
        return self._lease is not None

    def map(self, part: Part) -> MappedBuffer | None:
        """Map a part; None where there is no lease, or no room for it. After this you must `forget` it."""
        with self._changing:
            if self._lease is None:
                return None
            try:
                buffer = MappedBuffer(self._source, part, self._lease)
            except OSError:
                return None
            self._mapped.add(buffer)
            return buffer

    def forget(self, buffer: MappedBuffer) -> None:
        """Say that nobody uses a mapped part any more."""
        with self._changing:
            self._mapped.discard(buffer)

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

    async def watch_in_thread(self) -> None:
        """Let a thread of its own `watch`, until that ends."""
        try:
            # A limiter of its own: the watcher holds its thread for the whole upload.
            await anyio.to_thread.run_sync(self.watch, limiter=anyio.CapacityLimiter(1))
        finally:
            # Also when it was cancelled before it began: somebody waits for this.
            self.decided.set()

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
