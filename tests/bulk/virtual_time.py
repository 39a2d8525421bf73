"""An event loop whose clock jumps to the next timer whenever everybody waits: an hour passes in no time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` is virtual. Not for threads, files or the network: nothing is waited for but timers."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual_s = 0.0

    def time(self) -> float:
        """See `AbstractEventLoop.time`."""
        return self._virtual_s

    def _run_once(self) -> None:
        self_any: Any = self
        if not self_any._ready and self_any._scheduled:
            self._virtual_s = max(self._virtual_s, self_any._scheduled[0]._when)
        super()._run_once()  # type: ignore[misc]


def run_virtually(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work` in virtual time."""
    return anyio.run(work, backend_options={"loop_factory": VirtualLoop})
