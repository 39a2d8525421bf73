"""The commands' event loop: uvloop where there is one. Must not know what it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

__all__ = ["run_in_event_loop"]

_T = TypeVar("_T")


def run_in_event_loop(work: Callable[[], Coroutine[object, object, _T]]) -> _T:
    """Run `work` to its end in a new event loop, and return what it returns.

    Raises:
        KeyboardInterrupt: SIGINT came, and nobody else was listening for it.
    """
    with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
        return runner.run(work())


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes a loop; None: asyncio's own. Windows and PyPy have no uvloop."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return None
    return uvloop.new_event_loop
