"""Visits to the event loop's threads: what they return and raise, who makes them, and that nobody leaves one alone."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import uvloop
from hypothesis import given, strategies as st

from asyncup.pipeline import gathered_visits
from asyncup.pipeline.gathered_visits import _SLOW_IN_A_ROW, _SLOW_S, _TURN_S, GatheredVisits, visit_thread
from tests.pipeline.files import ENOUGH_S
from tests.pipeline.thread_work import Gate


@given(arguments=st.lists(st.integers()))
async def test_what_is_returned_is_returned_from_another_thread(arguments: list[int]) -> None:
    def work(*given: int) -> tuple[int, tuple[int, ...]]:
        return threading.get_ident(), given

    thread, given = await visit_thread(work, *arguments)
    assert thread != threading.get_ident()
    assert given == tuple(arguments)


async def test_what_is_raised_is_raised() -> None:
    error = ZeroDivisionError()

    def fail() -> None:
        raise error

    with pytest.raises(ZeroDivisionError) as raised:
        await visit_thread(fail)
    assert raised.value is error


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_cancelled_task_waits_for_the_thread(times: int, *, fails: bool) -> None:
    gate = Gate(fails=fails)
    caller = asyncio.create_task(visit_thread(gate.work))
    with anyio.fail_after(ENOUGH_S):
        await gate.begun.wait()
        for _ in range(times):
            caller.cancel()
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
            assert not caller.done()
        gate.may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await caller
    assert gate.ended


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancelled_scope_waits_for_the_thread(*, fails: bool) -> None:
    gate = Gate(fails=fails)
    after: list[str] = []

    async def visit() -> None:
        with contextlib.suppress(ZeroDivisionError):
            await visit_thread(gate.work)
        after.append("more")

    with anyio.fail_after(ENOUGH_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(visit)
            await gate.begun.wait()
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                for _ in range(5):
                    await anyio.lowlevel.checkpoint()
            assert after == []
            gate.may_end.set()
    assert after == [], "what it returned or raised is lost"
    assert gate.ended


async def test_nobody_complains_of_an_error_after_a_cancellation(complaints: list[object]) -> None:
    gate = Gate(fails=True)
    caller = asyncio.create_task(visit_thread(gate.work))
    with anyio.fail_after(ENOUGH_S):
        await gate.begun.wait()
        caller.cancel()
        await anyio.wait_all_tasks_blocked()
        gate.may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await caller
    del caller
    gc.collect()
    assert complaints == []


class Inline(ThreadPoolExecutor):
    """An event loop's threads that do their work at once, in the caller's. Only for `most` times, if that is given."""

    def __init__(self, most: int = 2**31) -> None:
        super().__init__(1)
        self.left = most
        self.times = 0

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:  # noqa: ANN401 - the base class's
        """See `ThreadPoolExecutor.submit`."""
        if not self.left:
            raise RuntimeError("no thread is left")
        self.left -= 1
        self.times += 1
        done: Future[Any] = Future()
        done.set_result(work(*arguments, **named))
        return done


async def together(visits: int) -> list[int]:
    """Begin some visits at once. Return the threads that made them."""
    with anyio.fail_after(ENOUGH_S):
        return await asyncio.gather(*(visit_thread(threading.get_ident) for _ in range(visits)))


class Counted(ThreadPoolExecutor):
    """An event loop's threads, and how often one was asked for."""

    times = 0

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:  # noqa: ANN401 - the base class's
        """See `ThreadPoolExecutor.submit`."""
        self.times += 1
        return super().submit(work, *arguments, **named)


def steps_of(seconds: float) -> Callable[[], float]:
    """Return a clock that goes on by so much whenever it is looked at."""
    looks = itertools.count()
    return lambda: next(looks) * seconds


async def test_visits_that_wait_are_made_by_the_thread_that_is_awake() -> None:
    gate, visits, executor = Gate(fails=False), GatheredVisits(now=steps_of(0.0)), Counted()
    asyncio.get_running_loop().set_default_executor(executor)
    first = visits.begin(gate.work)
    with anyio.fail_after(ENOUGH_S):
        await gate.begun.wait()
        others = [visits.begin(threading.get_ident) for _ in range(40)]
        gate.may_end.set()
        await first
        assert len(set(await asyncio.gather(*others))) == 1
    assert executor.times == 1


async def test_where_the_disk_is_slow_each_visit_is_a_job_of_its_own() -> None:
    """Made by one thread they would wait for each other, and everybody else for all of them."""
    visits, executor = GatheredVisits(now=steps_of(1.1 * _SLOW_S)), Counted()
    asyncio.get_running_loop().set_default_executor(executor)
    with anyio.fail_after(ENOUGH_S):
        for _ in range(_SLOW_IN_A_ROW):
            await visits.begin(threading.get_ident)
            while visits._jobs:  # the thread looks at its clock after it has told the loop
                await anyio.lowlevel.checkpoint()
        gates = [Gate(fails=False) for _ in range(3)]
        making = [visits.begin(gate.work) for gate in gates]
        for gate in gates:
            await gate.begun.wait()
        for gate in gates:
            gate.may_end.set()
        await asyncio.gather(*making)
    assert executor.times == _SLOW_IN_A_ROW + 3


async def test_others_have_their_turn_of_the_loops_threads() -> None:
    """A program's own work comes after a turn, however many visits there are."""
    loop, made = asyncio.get_running_loop(), list[str]()
    gate, visits, executor = Gate(fails=False), GatheredVisits(now=steps_of(_SLOW_S / 2)), Counted(1)
    loop.set_default_executor(executor)
    first = visits.begin(gate.work)
    with anyio.fail_after(ENOUGH_S):
        await gate.begun.wait()
        many = [visits.begin(made.append, "a visit") for _ in range(40)]
        other = loop.run_in_executor(None, made.append, "another's")
        gate.may_end.set()
        await asyncio.gather(first, other, *many)
    assert made.index("another's") <= 20
    assert made.count("a visit") == 40


async def test_a_thread_that_is_awake_has_its_turn_again_when_visits_are_left() -> None:
    visits, executor = GatheredVisits(now=steps_of(_SLOW_S / 2)), Counted()
    asyncio.get_running_loop().set_default_executor(executor)
    gate = Gate(fails=False)
    first = visits.begin(gate.work)
    with anyio.fail_after(ENOUGH_S):
        await gate.begun.wait()
        others = [visits.begin(threading.get_ident) for _ in range(40)]
        gate.may_end.set()
        await asyncio.gather(first, *others)
    assert 40 / (_TURN_S / (_SLOW_S / 2)) <= executor.times < 40


@pytest.mark.parametrize("new_event_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.filterwarnings("ignore:coroutine")
def test_visits_are_made_when_the_loop_is_closed_before_and_it_is_forgotten(
    new_event_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """They may be files that are to be closed."""
    begun, may_go_on, all_made = threading.Event(), threading.Event(), threading.Event()

    def held_up() -> None:
        begun.set()
        assert may_go_on.wait(ENOUGH_S)

    async def begin() -> None:
        visits = gathered_visits._of_loop.setdefault(asyncio.get_running_loop(), GatheredVisits())
        for work in (held_up, lambda: None, all_made.set):
            visits.begin(work).add_done_callback(lambda _: None)
        assert await asyncio.get_running_loop().run_in_executor(None, begun.wait, ENOUGH_S)

    loop = new_event_loop()
    loop.run_until_complete(begin())
    loop.close()
    may_go_on.set()
    assert all_made.wait(ENOUGH_S)
    forgotten = weakref.ref(loop)
    del loop
    deadline = time.monotonic() + ENOUGH_S
    while forgotten() is not None and time.monotonic() < deadline:  # the thread may not have ended yet
        gc.collect()
    assert forgotten() is None


async def test_what_waits_behind_a_slow_disk_gets_a_thread_of_its_own() -> None:
    gates = [Gate(fails=False) for _ in range(3)]
    with anyio.fail_after(ENOUGH_S):
        async with asyncio.TaskGroup() as tasks:
            for gate in gates:
                tasks.create_task(visit_thread(gate.work))
                await anyio.lowlevel.checkpoint()
            for gate in gates:
                await gate.begun.wait()
            assert await together(3)
            for gate in gates:
                gate.may_end.set()
    assert all(gate.ended for gate in gates)


@given(bursts=st.lists(st.integers(1, 5), min_size=1, max_size=20))
async def test_no_visit_is_forgotten(bursts: list[int]) -> None:
    """A thread ends when it finds nothing: what comes in that moment needs another one."""
    made: list[int] = []
    with anyio.fail_after(ENOUGH_S):
        async with asyncio.TaskGroup() as tasks:
            for burst in bursts:
                for _ in range(burst):
                    tasks.create_task(visit_thread(made.append, burst))
                await anyio.lowlevel.checkpoint()
    assert sorted(made) == sorted(burst for burst in bursts for _ in range(burst))


async def test_what_came_when_the_thread_had_ended_is_made_by_the_next() -> None:
    visits, executor = GatheredVisits(), Inline()
    asyncio.get_running_loop().set_default_executor(executor)
    first = visits.begin(lambda: 1)
    assert executor.times == 1, "it has been made, and nobody knows that the thread has ended"
    later = [visits.begin(lambda: 2), visits.begin(lambda: 3)]
    with anyio.fail_after(ENOUGH_S):
        assert await asyncio.gather(first, *later) == [1, 2, 3]
    assert executor.times == 2


async def test_without_a_thread_it_is_said_at_once() -> None:
    visits, executor = GatheredVisits(), Inline(most=0)
    asyncio.get_running_loop().set_default_executor(executor)
    with pytest.raises(RuntimeError, match="no thread"):
        visits.begin(lambda: 1)
    executor.left = 1
    assert await visits.begin(lambda: 2) == 2, "the first one is not made any more"


async def test_who_waits_hears_when_there_is_no_thread_any_more() -> None:
    visits, executor = GatheredVisits(), Inline(most=1)
    asyncio.get_running_loop().set_default_executor(executor)
    first, second, third = visits.begin(lambda: 1), visits.begin(lambda: 2), visits.begin(lambda: 3)
    with anyio.fail_after(ENOUGH_S):
        assert await first == 1
        for each in (second, third):
            with pytest.raises(RuntimeError, match="no thread"):
                await each
    executor.left = 1
    assert await visits.begin(lambda: 4) == 4


async def test_threads_that_cannot_begin_leave_nobody_waiting() -> None:
    """As where a program's own threads have something to do first, and fail."""

    def fail() -> None:
        raise ZeroDivisionError

    visits = GatheredVisits()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1, initializer=fail))
    making = [visits.begin(lambda: 1), visits.begin(lambda: 2)]
    with anyio.fail_after(ENOUGH_S):
        for each in making:
            with pytest.raises(RuntimeError):
                await each


async def test_threads_that_are_ended_leave_nobody_waiting() -> None:
    gate, visits, executor = Gate(fails=False), GatheredVisits(), ThreadPoolExecutor(1)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(executor)
    other = loop.run_in_executor(None, gate.work)
    with anyio.fail_after(ENOUGH_S):
        await gate.begun.wait()
        making = [visits.begin(lambda: 1), visits.begin(lambda: 2)]
        executor.shutdown(wait=False, cancel_futures=True)
        gate.may_end.set()
        await other
        for each in making:
            with pytest.raises(RuntimeError):
                await each


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_an_event_loop_is_forgotten_with_its_visits(run: Callable[[Any], Any]) -> None:
    async def visit() -> weakref.ref[asyncio.AbstractEventLoop]:
        await together(3)
        loop = asyncio.get_running_loop()
        assert loop in gathered_visits._of_loop
        return weakref.ref(loop)

    forgotten = run(visit())
    gc.collect()
    assert forgotten() is None
