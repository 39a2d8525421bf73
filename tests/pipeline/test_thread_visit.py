"""A visit to a thread of one's own: what it returns and raises, and that what is not wanted any more is dropped."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator

import anyio
import anyio.lowlevel
import pytest

from asyncup.pipeline.thread_visit import Threads, to_its_end
from tests.pipeline.files import ENOUGH_S
from tests.pipeline.thread_work import Gate


async def test_who_is_cancelled_says_so_at_once() -> None:
    gate = Gate(fails=False)
    visit = asyncio.get_running_loop().run_in_executor(None, gate.work)
    caller = asyncio.create_task(to_its_end(visit, on_cancelled=gate.may_end.set))
    with anyio.fail_after(ENOUGH_S):
        await gate.begun.wait()
        assert not gate.may_end.is_set()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    assert gate.ended


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Threads of a test's own."""
    threads = Threads(1, "test-visits")
    yield threads
    threads.end()


async def test_the_work_is_done_by_one_of_the_threads(threads: Threads) -> None:
    def work(*given: int) -> tuple[str, tuple[int, ...]]:
        return threading.current_thread().name, given

    assert await threads.begin(work, 1, 2) == ("test-visits_0", (1, 2))


async def test_an_error_of_the_work_is_raised_and_holds_nothing(threads: Threads) -> None:
    class Held:
        """What the work had in its hands."""

    def fail(held: Held) -> None:
        raise ZeroDivisionError

    async def visit() -> weakref.ref[Held]:
        held = Held()
        try:
            await to_its_end(threads.begin(fail, held))
        except ZeroDivisionError:
            return weakref.ref(held)
        raise AssertionError

    gc.disable()
    try:
        forgotten = await visit()
        with anyio.fail_after(ENOUGH_S):
            # The thread may need a moment to forget what it has done.
            while forgotten() is not None:
                await anyio.lowlevel.checkpoint()
    finally:
        gc.enable()


@pytest.mark.parametrize("fails", [False, True])
async def test_a_result_that_nobody_wants_any_more_is_dropped(threads: Threads, *, fails: bool) -> None:
    gate = Gate(fails=fails)
    visit = threads.begin(gate.work)
    with anyio.fail_after(ENOUGH_S):
        await gate.begun.wait()
        visit.cancel()
        gate.may_end.set()
        # The same thread comes to it when the first work is done, and tells of it later.
        await threads.begin(lambda: None)
    assert gate.ended
    assert visit.cancelled()


def no_more_threads(_: threading.Thread) -> None:
    """In the place of `Thread.start`."""
    raise RuntimeError("can't start new thread")


async def test_without_a_thread_it_is_said_at_once_and_nobody_waits_for_an_error(
    threads: Threads, monkeypatch: pytest.MonkeyPatch, complaints: list[object]
) -> None:
    later = Gate(fails=True)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more_threads)
        with pytest.raises(RuntimeError, match="can't start"):
            threads.begin(later.work)
    later.may_end.set()
    await threads.begin(lambda: None)
    gc.collect()
    assert later.ended, "it was in the queue all the same"
    assert complaints == []


async def test_without_a_second_thread_the_first_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    first, threads = Gate(fails=False), Threads(2, "test-visits")
    with anyio.fail_after(ENOUGH_S):
        under_way = threads.begin(first.work)
        await first.begun.wait()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_more_threads)
            waiting = threads.begin(lambda: 5)
        first.may_end.set()
        await under_way
        assert await waiting == 5
    threads.end()


async def test_after_the_end_there_is_no_visit(threads: Threads) -> None:
    await threads.begin(lambda: None)
    threads.end()
    with pytest.raises(RuntimeError, match="shutdown"):
        threads.begin(lambda: None)
