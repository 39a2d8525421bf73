"""Counts how often the tasks of some work wait for anything, and acts at the n-th time: at that very await.

with AwaitCounter(at=7, act=scope.cancel) as counter:     # tasks that are created in here are counted
    task = asyncio.create_task(work())
...
counter.count                                              # how many there were, if it ran to its end
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Self

__all__ = ["AwaitCounter"]


class AwaitCounter:
    """A task factory for a running loop. `act` is called inside of the task that is about to wait."""

    def __init__(self, *, at: int, act: Callable[[], object]) -> None:
        self.count = 0
        self._at = at
        self._act = act

    def __enter__(self) -> Self:
        asyncio.get_running_loop().set_task_factory(self._new_task)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().set_task_factory(None)

    def waits(self) -> None:
        """A task waits."""
        self.count += 1
        if self.count == self._at:
            self._act()

    def _new_task(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        *,
        context: contextvars.Context | None = None,
        **options: Any,  # noqa: ANN401 - asyncio's, which differ between versions
    ) -> asyncio.Task[Any]:
        assert isinstance(work, Coroutine)

        async def counted() -> object:
            return await _Stepped(work, self)

        return asyncio.Task(counted(), loop=loop, context=context, **options)


class _Stepped:
    """Runs a coroutine step by step, as an await does, and tells of each step after which it waits."""

    def __init__(self, work: Coroutine[Any, Any, Any], counter: AwaitCounter) -> None:
        self._work = work
        self._counter = counter

    def __await__(self) -> Generator[Any, None, object]:
        step = self._next
        while True:
            try:
                waits_for = step()
            except StopIteration as end:
                return end.value
            self._counter.waits()
            try:
                yield waits_for
                step = self._next
            except BaseException as error:  # noqa: BLE001 - cancellations, above all
                step = self._throwing(error)

    def _next(self) -> object:
        return self._work.send(None)

    def _throwing(self, error: BaseException) -> Callable[[], object]:
        return lambda: self._work.throw(error)
