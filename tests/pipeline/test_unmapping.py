"""Parts that were sent: unmapped together by a thread, and at once where somebody waits for their memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import TypeVarTuple, Unpack, cast

import anyio
import pytest

from asyncup import MemoryBudget
from asyncup.pipeline.mapped_buffer import MappedBuffer
from asyncup.pipeline.thread_visit import Threads
from asyncup.pipeline.unmapping import Unmapping
from tests.pipeline.files import ENOUGH_S
from tests.pipeline.leftovers import all_given_back
from tests.pipeline.thread_work import Gate

Ts = TypeVarTuple("Ts")

LENGTH = 2**23
"""A quarter of what is worth a visit."""

NEVER_S = 3600.0
"""A part that waits for so long waits for ever, as far as a test goes."""


class Sent:
    """A part that was sent."""

    length = LENGTH

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails


class CountedThreads(Threads):
    """Real ones, which count the visits, or a system that has no more of them."""

    def __init__(self, *, has_some: bool = True) -> None:
        super().__init__(1, "test-unmapping")
        self.visits = 0
        self._has_some = has_some

    def submit(self, work: Callable[[Unpack[Ts]], object], *arguments: *Ts) -> None:
        if not self._has_some:
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")
        self.visits += 1
        super().submit(work, *arguments)


class Scene:
    """Parts that take all of a memory, and what becomes of them."""

    def __init__(self, threads: CountedThreads, *, together_s: float = NEVER_S, parts: int = 3) -> None:
        self.threads = threads
        self.memory = MemoryBudget(parts * LENGTH)
        self.closed: list[Sent] = []
        self.closed_in: set[threading.Thread] = set()
        self.unmapping = Unmapping(threads, self.memory, self._close, together_s=together_s)
        for _ in range(parts):
            assert self.memory.take_now(LENGTH)

    def _close(self, part: MappedBuffer) -> None:
        sent = cast("Sent", part)
        self.closed_in.add(threading.current_thread())
        self.closed.append(sent)
        if sent.fails:
            raise ZeroDivisionError

    def add(self, *parts: Sent) -> None:
        for part in parts:
            self.unmapping.add(cast("MappedBuffer", part))


@pytest.fixture
def threads() -> Iterator[CountedThreads]:
    made = CountedThreads()
    yield made
    made.end()


async def test_parts_that_come_together_are_unmapped_by_one_visit(threads: CountedThreads) -> None:
    play, parts = Scene(threads), [Sent(), Sent(), Sent()]
    play.add(*parts)
    assert (threads.visits, play.memory.taken) == (0, 3 * LENGTH)
    play.unmapping.hurry()
    await all_given_back(play.memory)
    assert play.closed == parts
    assert threads.visits == 1
    assert threading.current_thread() not in play.closed_in


async def test_a_part_does_not_wait_for_longer_than_that(threads: CountedThreads) -> None:
    play = Scene(threads, together_s=0.0, parts=2)
    for left in (LENGTH, 0):
        play.add(Sent())
        with anyio.fail_after(ENOUGH_S):
            while play.memory.taken > left:
                await anyio.lowlevel.checkpoint()
    assert threads.visits == 2


async def test_as_many_bytes_as_a_large_part_has_are_not_put_off(threads: CountedThreads) -> None:
    """Others may come to wait for the memory at any moment."""
    play = Scene(threads, parts=4)
    play.add(Sent(), Sent(), Sent())
    assert threads.visits == 0
    play.add(Sent())
    assert threads.visits == 1
    with anyio.fail_after(ENOUGH_S):
        await play.memory.take(4 * LENGTH)
    assert len(play.closed) == 4
    play.add(Sent(), Sent(), Sent())
    assert threads.visits == 1, "what is unmapped does not count again"
    play.add(Sent())
    assert threads.visits == 2
    await play.unmapping.end()


async def test_the_end_waits_for_all_of_them_and_not_for_more(threads: CountedThreads) -> None:
    play = Scene(threads, parts=2)
    play.add(Sent())
    play.unmapping.hurry()
    play.add(Sent())
    with anyio.fail_after(ENOUGH_S):
        await play.unmapping.end()
    assert (len(play.closed), play.memory.taken) == (2, 0)


async def test_a_cancelled_end_waits_for_them_all_the_same(threads: CountedThreads) -> None:
    play = Scene(threads, parts=1)
    play.add(Sent())
    with anyio.CancelScope() as scope:
        scope.cancel()
        await play.unmapping.end()
    assert (len(play.closed), play.memory.taken) == (1, 0)


async def test_so_does_one_whose_task_is_cancelled() -> None:
    """A part that is unmapped later would have its file's descriptor, which is another's by then."""
    threads, gate = CountedThreads(), Gate(fails=False)
    play = Scene(threads, parts=1)
    threads.submit(gate.work)  # the only thread is held up
    play.add(Sent())
    ending = asyncio.create_task(play.unmapping.end())
    with anyio.fail_after(ENOUGH_S):
        await gate.begun.wait()
        for _ in range(2):
            ending.cancel()
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
            assert not ending.done()
        gate.may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await ending
    assert (len(play.closed), play.memory.taken) == (1, 0)
    threads.end()


async def test_one_that_cannot_be_unmapped_keeps_no_other(threads: CountedThreads) -> None:
    play = Scene(threads)
    play.add(Sent(), Sent(fails=True), Sent())
    with pytest.raises(ZeroDivisionError):
        await play.unmapping.end()
    assert (len(play.closed), play.memory.taken) == (3, 0)


async def test_where_there_are_no_threads_any_more_it_is_done_on_the_spot() -> None:
    threads = CountedThreads(has_some=False)
    play = Scene(threads, parts=2)
    play.add(Sent(), Sent())
    play.unmapping.hurry()
    assert (len(play.closed), play.memory.taken) == (2, 0)
    threads.end()
    await play.unmapping.end()


async def test_what_goes_wrong_on_the_spot_is_raised_and_keeps_no_memory() -> None:
    threads = CountedThreads(has_some=False)
    play = Scene(threads, parts=2)
    play.add(Sent(fails=True))
    with pytest.raises(ZeroDivisionError):
        play.unmapping.hurry()
    assert play.memory.taken == LENGTH
    threads.end()
