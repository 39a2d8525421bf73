"""A visit to a thread: what it returns and raises, and that nobody who is cancelled leaves it alone."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, strategies as st

from asyncup.pipeline.thread_visit import to_its_end, visit_thread
from tests.pipeline.files import ENOUGH_S


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


class Gate:
    """Work that has begun in a thread, and goes on when it may; whether it fails or not."""

    def __init__(self, *, fails: bool) -> None:
        self.begun = asyncio.Event()
        self.may_end = threading.Event()
        self.ended = False
        self._fails = fails
        self._loop = asyncio.get_running_loop()

    def work(self) -> None:
        self._loop.call_soon_threadsafe(self.begun.set)
        assert self.may_end.wait(ENOUGH_S)
        self.ended = True
        if self._fails:
            raise ZeroDivisionError


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
