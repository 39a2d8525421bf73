"""Visits to the event loop's own threads that come together are made by one thread, one after the other.

Opening, reading and hashing a small file takes twenty microseconds; to wake a thread for it, and to have the
interpreter's lock go there and back, takes a hundred. With many lanes there is always somebody else with a visit to
make, so a thread that is awake makes all of them. Where a disk holds one up, those behind it do not wait for it: what
has waited for a few milliseconds gets a thread of its own.

By the event loop's own threads and not by anyio's, which take the loop three turns more. Must not know files.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar, TypeVarTuple, Unpack
from weakref import WeakKeyDictionary

from asyncup.pipeline.thread_visit import Visit, to_its_end

__all__ = ["GatheredVisits", "visit_thread"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_HELD_UP_S = 0.004
"""A visit that waits for longer is not behind others that are quick: those of a hundred lanes take half of this."""


async def visit_thread(work: Callable[[Unpack[Ts]], T], *arguments: *Ts) -> T:
    """Return what `work` returns in a thread of the event loop's, which ends with the loop.

    When the caller was cancelled meanwhile, that is lost, but the work has been done.

    Raises:
        RuntimeError: the system has no thread for it, or the event loop's threads were ended.
    """
    loop = asyncio.get_running_loop()
    visits = _of_loop.get(loop)
    if visits is None:
        visits = _of_loop[loop] = GatheredVisits()
    return await to_its_end(visits.begin(work, *arguments))


class GatheredVisits:
    """The visits of one event loop, on which its methods are called.

    It must not hold that loop: it is kept for as long as the loop lives, which would then be for ever.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, Visit[Any]]] = deque()
        self._threads = 0
        self._look: asyncio.TimerHandle | None = None

    def begin(self, work: Callable[[Unpack[Ts]], T], *arguments: *Ts) -> asyncio.Future[T]:
        """Let a thread do `work` soon, and return what will have its result. Who cancels that lets the work go on.

        Raises:
            RuntimeError: the system has no thread for it, or the event loop's threads were ended.
        """
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        self._waiting.append((loop.time(), Visit(result, partial(work, *arguments))))
        if not self._threads:
            try:
                self._start()
            except RuntimeError:
                self._waiting.clear()  # it is the only one: nobody else is left waiting without a thread
                result.cancel()
                raise
        elif self._look is None:
            self._look = loop.call_later(_HELD_UP_S, self._help_out)
        return result

    def _start(self) -> None:
        visiting = asyncio.get_running_loop().run_in_executor(None, self._make_all)
        self._threads += 1
        visiting.add_done_callback(lambda _: self._ended())

    def _make_all(self) -> None:
        """Make the visits that wait, and those that come meanwhile. In a thread."""
        while True:
            try:
                _, visit = self._waiting.popleft()
            except IndexError:
                return
            visit.make()

    def _ended(self) -> None:
        self._threads -= 1
        if self._threads:
            return
        if self._look is not None:
            self._look.cancel()
            self._look = None
        if not self._waiting:
            return
        # They came when the thread had looked for the last time.
        try:
            self._start()
        except RuntimeError as error:
            while self._waiting:
                self._waiting.popleft()[1].fail(error)

    def _help_out(self) -> None:
        """Give each visit a thread of its own when the first has waited for too long."""
        self._look = None
        loop = asyncio.get_running_loop()
        try:
            left_s = self._waiting[0][0] + _HELD_UP_S - loop.time()
        except IndexError:
            return
        if left_s > 0:
            self._look = loop.call_later(left_s, self._help_out)
            return
        with suppress(RuntimeError):  # the threads that there are will come to them
            for _ in range(len(self._waiting)):
                self._start()


_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, GatheredVisits] = WeakKeyDictionary()
