"""Unmapping parts that were sent, by a thread, and those of a few milliseconds by one visit to it.

To unmap a part takes up to a millisecond. To have a thread do it takes the event loop a tenth of one, most of it to
have the interpreter's lock go there and back: with small parts on a fast network up to a twentieth of the time. The
memory of a part stays taken from the budget until it is unmapped, and others may wait for that: so no large part waits,
nor do small ones that are as much together. Must not know files, hashing or sending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from asyncup.pipeline.mapped_buffer import MappedBuffer
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.thread_visit import Threads, to_its_end

__all__ = ["Unmapping"]

_TOGETHER_S = 0.01
"""Parts that are sent within this are unmapped by one visit: some four of 8 MiB, where that is worth it."""

_WORTH_A_VISIT = 2**25
"""Bytes, which are unmapped at once."""


class Unmapping:
    """The parts of one file that are to be unmapped. On the event loop.

    Args:
        threads: make the visits.
        memory: the budget that the parts were taken from.
        close: unmaps a part. Called in a thread.
        together_s: how long a part waits for others.
    """

    def __init__(
        self,
        threads: Threads,
        memory: MemoryBudget,
        close: Callable[[MappedBuffer], None],
        *,
        together_s: float = _TOGETHER_S,
    ) -> None:
        self._threads = threads
        self._memory = memory
        self._close = close
        self._together_s = together_s
        self._waiting: list[MappedBuffer] = []
        self._waiting_bytes = 0
        self._due: asyncio.TimerHandle | None = None
        self._visits: set[asyncio.Future[None]] = set()

    def add(self, part: MappedBuffer) -> None:
        """Unmap a part soon, and give its memory back then. Nobody may use it any more."""
        self._waiting.append(part)
        self._waiting_bytes += part.length
        if self._waiting_bytes >= _WORTH_A_VISIT:
            self.hurry()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_later(self._together_s, self.hurry)

    def hurry(self) -> None:
        """Wait for no more parts: somebody needs the memory, or will."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        parts, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if parts:
            self._begin(parts)

    async def end(self) -> None:
        """Return when every part is unmapped, however the caller is cancelled.

        Raises:
            BaseException: what went wrong with one of them.
        """
        self.hurry()
        left = list(self._visits)
        try:
            if left:
                await to_its_end(asyncio.ensure_future(asyncio.wait(left)))
        finally:
            for visit in left:
                visit.result()

    def _begin(self, parts: Sequence[MappedBuffer]) -> None:
        def give_back() -> None:
            for part in parts:
                self._memory.give_back(part.length)

        def done(visit: asyncio.Future[None]) -> None:
            give_back()
            if visit.exception() is None:  # else `end` raises it
                self._visits.remove(visit)

        try:
            visit = self._threads.begin(self._close_each, parts)
        except RuntimeError:  # the interpreter is ending: its threads take no more work, and others wait for the memory
            try:
                self._close_each(parts)
            finally:
                give_back()
            return
        self._visits.add(visit)
        visit.add_done_callback(done)

    def _close_each(self, parts: Sequence[MappedBuffer]) -> None:
        with ExitStack() as all_of_them:  # whatever goes wrong with one of them
            for part in reversed(parts):
                all_of_them.callback(self._close, part)
