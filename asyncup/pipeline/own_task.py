"""Running an upload in a task of its own, so that every way of cancelling it is the same.

asyncio's `Task.cancel`, which `asyncio.timeout` and asyncio's task groups use too, throws into whatever the caller's
task is awaiting at that moment, and knows nothing of anyio's shields: a thread that is opening or reading the file
would be left alone, with an open file or with memory that is given to somebody else. A task of a task group is
cancelled by the group's scope only, which waits for the thread. Must not know uploads.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import anyio

from asyncup.pipeline.single_error import raise_as_it_was

__all__ = ["in_own_task"]

P = ParamSpec("P")
T = TypeVar("T")


def in_own_task(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let every call of an async function run in a task of its own, and end when that has ended."""

    @functools.wraps(work)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        results: list[T] = []

        async def run() -> None:
            results.append(await work(*args, **kwargs))

        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run)
        except BaseExceptionGroup as group:
            raise_as_it_was(group.exceptions[0])
        return results[0]

    return call
