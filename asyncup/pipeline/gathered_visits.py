"""Visits to the event loop's own threads that come together are made by one thread, one after the other.

Opening, reading and hashing a small file takes twenty microseconds; to wake a thread for it, and to have the
interpreter's lock go there and back, takes a hundred. With many lanes there is always somebody else with a visit to
make, so a thread that is awake makes all of them; but not for longer than a few milliseconds, because others have work
for the loop's threads, too. Where the disk is slow there is nothing to be gained: each visit is a job of its own. Where
one is held up while others wait, so are those, after a few milliseconds.

By the event loop's own threads and not by anyio's, which take the loop three turns more. Must not know files.
"""

from __future__ import annotations

import asyncio
import math
import time
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

_TURN_S = 0.01
"""How long a thread makes visits, one after the other."""

_HELD_UP_S = 0.004
"""How long a visit waits for a thread that is held up by another one."""

_SLOW_S, _SLOW_IN_A_ROW = 0.001, 4
"""The disk is slow when visits take so long, again and again. To wait for the interpreter's lock takes one in five of
them as long.
"""


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

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._waiting: deque[tuple[float, Visit[Any]]] = deque()
        self._not_begun: deque[None] = deque()
        """One for each job that no thread has begun. Not a number, which two threads cannot count down."""
        self._jobs = 0
        self._slow_in_a_row = 0
        self._look: asyncio.TimerHandle | None = None

    def begin(self, work: Callable[[Unpack[Ts]], T], *arguments: *Ts) -> asyncio.Future[T]:
        """Let a thread do `work` soon, and return what will have its result. Who cancels that lets the work go on.

        Raises:
            RuntimeError: the system has no thread for it, or the event loop's threads were ended.
        """
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._now(), Visit(result, partial(work, *arguments))))
        if not self._jobs:
            try:
                self._start()
            except RuntimeError:
                self._waiting.clear()  # it is the only one: nobody else is left waiting without a thread
                result.cancel()
                raise
        elif self._disk_is_slow():
            self._start_for_each()
        else:
            self._look_later(_HELD_UP_S)
        return result

    def _disk_is_slow(self) -> bool:
        return self._slow_in_a_row >= _SLOW_IN_A_ROW

    def _start(self) -> None:
        self._not_begun.append(None)
        try:
            job = asyncio.get_running_loop().run_in_executor(None, self._make_some)
        except RuntimeError:
            with suppress(IndexError):  # it is in the queue, and a thread that there is may have come to it
                self._not_begun.popleft()
            raise
        self._jobs += 1
        job.add_done_callback(self._ended)

    def _start_for_each(self) -> None:
        """Give each visit that waits a job of its own."""
        with suppress(RuntimeError):  # the threads that there are will come to them
            while len(self._waiting) > len(self._not_begun):
                self._start()

    def _make_some(self) -> None:
        """Make visits that wait, and those that come meanwhile, until the turn is over. In a thread."""
        with suppress(IndexError):  # a start that failed was begun all the same
            self._not_begun.popleft()
        moment = self._now()
        until = moment + _TURN_S
        while moment < until:
            try:
                _, visit = self._waiting.popleft()
            except IndexError:
                return
            begun = moment
            try:
                visit.make()
            except RuntimeError:
                # The loop was closed, and gives nobody another turn. What is left may be files to be closed.
                self._look, until = None, math.inf
            moment = self._now()
            self._slow_in_a_row = self._slow_in_a_row + 1 if moment - begun > _SLOW_S else 0
            if self._disk_is_slow() and until < math.inf:
                return

    def _ended(self, job: asyncio.Future[None]) -> None:
        self._jobs -= 1
        if job.cancelled() or job.exception() is not None:
            # The loop's threads were ended, or are broken: no thread has begun it.
            with suppress(IndexError):
                self._not_begun.popleft()
        if not self._waiting and self._look is not None:
            self._look.cancel()
            self._look = None  # it holds the loop
        if len(self._waiting) <= len(self._not_begun):
            return
        # Its turn was over, or they came when it had looked for the last time.
        try:
            self._start()
        except RuntimeError as error:
            while self._waiting and not self._jobs:
                self._waiting.popleft()[1].fail(error)

    def _look_later(self, seconds: float) -> None:
        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(seconds, self._help_out)

    def _help_out(self) -> None:
        """Give each visit a job of its own when the first has waited for too long."""
        self._look = None
        try:
            left_s = self._waiting[0][0] + _HELD_UP_S - self._now()
        except IndexError:
            return
        if left_s <= 0:
            self._start_for_each()
        self._look_later(left_s if left_s > 0 else _HELD_UP_S)


_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, GatheredVisits] = WeakKeyDictionary()
