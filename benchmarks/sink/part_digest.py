"""The MD5 of a part as it arrives, in a thread of its own, so that the event loop goes on receiving.

For the sink that checks. Must not know HTTP. What waits for the thread is bounded: the connection is paused.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["PartDigest"]

_PAUSE_ABOVE = 16 * 2**20
_RESUME_BELOW = 4 * 2**20


class PartDigest:
    """The MD5 of one part of one connection.

    Args:
        threads: where it is computed; one part uses one thread at a time, as MD5 is sequential.
        transport: paused while too many bytes wait.
    """

    def __init__(self, threads: ThreadPoolExecutor, transport: asyncio.ReadTransport) -> None:
        self._threads = threads
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._busy = False
        self._then: Callable[[str], None] | None = None
        self._closed = False

    def update(self, content: bytes) -> None:
        """Add the next bytes."""
        self._waiting.append(content)
        self._waiting_bytes += len(content)
        if self._waiting_bytes > _PAUSE_ABOVE:
            self._transport.pause_reading()
        self._go_on()

    def finish(self, then: Callable[[str], None]) -> None:
        """Call `then` with the MD5 in hex, on the event loop, when all is hashed."""
        self._then = then
        self._go_on()

    def close(self) -> None:
        """Nobody waits any more."""
        self._closed = True

    def _go_on(self) -> None:
        if self._busy or self._closed:
            return
        if self._waiting:
            self._busy = True
            contents, self._waiting = self._waiting, []
            hashed = self._loop.run_in_executor(self._threads, self._hash, contents)
            hashed.add_done_callback(lambda future: self._hashed(future.result()))
        elif self._then is not None:
            self._then(self._md5.hexdigest())

    def _hash(self, contents: list[bytes]) -> int:
        for content in contents:
            self._md5.update(content)
        return sum(map(len, contents))

    def _hashed(self, length: int) -> None:
        self._busy = False
        before, self._waiting_bytes = self._waiting_bytes, self._waiting_bytes - length
        if before > _RESUME_BELOW >= self._waiting_bytes and not self._closed:
            self._transport.resume_reading()
        self._go_on()
