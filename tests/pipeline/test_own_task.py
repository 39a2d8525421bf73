"""A task of its own for every call: what it returns and raises stays the same."""

import asyncio
import inspect
import traceback

import anyio
import pytest

from asyncup import upload, upload_file
from asyncup.errors import AsyncupError
from asyncup.pipeline.own_task import in_own_task
from tests.pipeline.files import ENOUGH_S
from tests.pipeline.leftovers import other_tasks


async def test_what_is_returned_is_returned() -> None:
    caller = asyncio.current_task()

    @in_own_task
    async def work(first: int, *, second: str) -> tuple[int, str]:
        assert asyncio.current_task() is not caller
        await anyio.lowlevel.checkpoint()
        return first, second

    assert await work(1, second="2") == (1, "2")


@pytest.mark.parametrize("error", [AsyncupError("failed"), ZeroDivisionError(), ExceptionGroup("theirs", [KeyError()])])
async def test_what_is_raised_is_raised_as_it_is(error: Exception) -> None:
    @in_own_task
    async def work() -> None:
        raise error from OSError("the disk is broken")

    with pytest.raises(type(error)) as raised:
        await work()
    assert raised.value is error
    assert isinstance(error.__cause__, OSError)
    shown = "".join(traceback.format_exception(error))
    assert "the disk is broken" in shown
    assert "unhandled errors in a TaskGroup" not in shown


@pytest.mark.parametrize("times", [1, 2])
async def test_a_cancelled_caller_waits_for_what_is_shielded(times: int) -> None:
    shielded, may_end, ended = anyio.Event(), anyio.Event(), anyio.Event()
    tasks_before = other_tasks()

    @in_own_task
    async def work() -> None:
        with anyio.CancelScope(shield=True):
            shielded.set()
            await may_end.wait()
        ended.set()
        await anyio.sleep_forever()

    task = asyncio.create_task(work())
    with anyio.fail_after(ENOUGH_S):
        await shielded.wait()
        for _ in range(times):
            task.cancel()
            for _ in range(10):
                await anyio.lowlevel.checkpoint()
        assert not task.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert ended.is_set()
    assert other_tasks() == tasks_before


async def test_a_timeout_of_asyncios_is_a_timeout() -> None:
    @in_own_task
    async def work() -> None:
        await anyio.sleep_forever()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await work()
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0


def test_the_public_functions_look_like_what_they_are() -> None:
    for function in (upload, upload_file):
        assert inspect.iscoroutinefunction(function)
        assert function.__doc__
        assert next(iter(inspect.signature(function).parameters)) == "path"
