"""One visit to a thread, for what a disk may hold up: opening a file, reading one or a part of it, closing it.

However the caller is cancelled, by a scope or by asyncio's `Task.cancel`, it is not before the thread has done its
work: what would go on there is an open file that nobody closes, or memory that is somebody else's by then. Visits about
a file are made by the event loop's own threads, see `gathered_visits`. Those about a part by an upload's own: the
loop's may be busy for as long as the program likes, and other uploads wait for the memory. Must not know files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar, TypeVarTuple, Unpack

import anyio

__all__ = ["Threads", "Visit", "to_its_end"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Threads:
    """Some threads, which are started when there is work for them, and end after `end` or with this object.

    Args:
        most: how many.
        name: what theirs begin with.
    """

    def __init__(self, most: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(most, name)
        self._has_one = False

    def submit(self, work: Callable[[Unpack[Ts]], object], *arguments: *Ts) -> None:
        """Let the first thread that has time do `work`.

        Raises:
            RuntimeError: there is no thread, and the system has no more; or `end` was called.
        """
        try:
            self._pool.submit(work, *arguments)
        except RuntimeError as error:
            # That is said when the work is in the queue already: a thread that there is will come to it.
            if not self._has_one or "can't start new thread" not in str(error):
                raise
        self._has_one = True

    def begin(self, work: Callable[[Unpack[Ts]], T], *arguments: *Ts) -> asyncio.Future[T]:
        """As `submit`, and return what will have the work's result. Who cancels that lets the work go on.

        As the event loop's `run_in_executor` does, but without a pair of futures that tell each other of everything,
        which takes the loop dozens of calls for each part.
        """
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            self.submit(Visit(result, partial(work, *arguments)).make)
        except RuntimeError:
            result.cancel()  # a later thread may come to it: nobody waits for its error
            raise
        return result

    def end(self) -> None:
        """Let the threads end, after the work that was submitted."""
        self._pool.shutdown(wait=False)


class Visit(Generic[T]):
    """What a thread is to do, once, and what becomes known by it."""

    def __init__(self, result: asyncio.Future[T], work: Callable[[], T]) -> None:
        self._result = result
        self._work = work

    def make(self) -> None:
        """Do the work, and tell the event loop. In a thread."""
        # An error's traceback has this frame, and the one that called it, which has this object: with the result or the
        # work in either there would be a circle, which holds whatever the work held.
        result, work = self._result, self._work
        del self._result, self._work
        try:
            tell: Callable[[], None] = partial(_succeed, result, work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is waited for
            tell = partial(_fail, result, error)
        result.get_loop().call_soon_threadsafe(tell)
        del result, work, tell

    def fail(self, error: BaseException) -> None:
        """Say that no thread will make this visit, and why. On the event loop."""
        _fail(self._result, error)


def _succeed(result: asyncio.Future[T], value: T) -> None:
    if not result.done():
        result.set_result(value)


def _fail(result: asyncio.Future[T], error: BaseException) -> None:
    if not result.done():
        result.set_exception(error)


async def to_its_end(visit: asyncio.Future[T], *, on_cancelled: Callable[[], object] = lambda: None) -> T:
    """Return the result of a visit, and let it end, however the caller is cancelled meanwhile.

    The scope is opened by who is cancelled only: it takes as long as the rest of this.

    Args:
        visit: what ends soon, at least after `on_cancelled`.
        on_cancelled: called when the caller is cancelled before that, so that it ends sooner.
    """
    try:
        await _until_done(visit)
    except asyncio.CancelledError:
        on_cancelled()
        with anyio.CancelScope(shield=True):
            while not visit.done():
                with suppress(asyncio.CancelledError):
                    await _until_done(visit)
        visit.exception()  # seen: else the event loop complains that nobody looked
        raise
    try:
        return visit.result()
    finally:
        del visit  # it has the error, whose traceback has this frame: a circle, which holds what the work held


async def _until_done(visit: asyncio.Future[T]) -> None:
    """Wait for a visit, which goes on when the caller is cancelled.

    Not by `asyncio.wait`, which takes three times as long, nor by `asyncio.shield`, which from Python 3.14 on complains
    of an error that comes after a cancellation.
    """
    told: asyncio.Future[None] = visit.get_loop().create_future()
    visit.add_done_callback(lambda _: None if told.done() else told.set_result(None))
    await told
