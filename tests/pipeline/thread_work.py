"""Work for a thread that begins and ends when a test says so."""

from __future__ import annotations

import asyncio
import threading

from tests.pipeline.files import ENOUGH_S

__all__ = ["Gate"]


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
