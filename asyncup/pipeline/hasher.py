"""MD5 of parts in worker threads, several parts at once.

MD5 is the wall (about 0.75 GB/s on one core), so it runs beside reading and sending, and never on the event loop. Some
more threads than may hash stand ready with the next parts: while the loop is busy sending it takes milliseconds to hand
out work, and a core would stand still for as long after every part. Must not know the network or Vault.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from asyncup.errors import AsyncupError
from asyncup.pipeline.part_buffer import PartBuffer, PiecesWithdrawn

__all__ = ["Hasher", "PendingDigest"]


class PendingDigest:
    """The MD5 of a part, as soon as it is known."""

    def __init__(self) -> None:
        self._known = anyio.Event()
        self._digest: bytes | None = None
        self._error: Exception | None = None

    @property
    def known(self) -> bool:
        """True when `wait` returns at once."""
        return self._known.is_set()

    async def wait(self) -> bytes:
        """Return the 16 bytes of the digest.

        Raises:
            AsyncupError: the part could not be read for hashing.
        """
        await self._known.wait()
        if self._error is not None:
            raise self._error
        assert self._digest is not None  # noqa: S101 - known means one of the two
        return self._digest

    def settle(self, outcome: bytes | Exception) -> None:
        """Make the digest, or why there is none, known."""
        if isinstance(outcome, bytes):
            self._digest = outcome
        else:
            self._error = outcome
        self._known.set()


class _Stopped(RuntimeError):
    """The hasher was left. Whoever still waits for a digest then has a bug."""


class Hasher:
    """Hashes parts in the order in which they are given. A context manager: leaving it stops hashing soon.

    Args:
        tasks: the task group that the work belongs to.
        threads: how many parts are hashed at once.
        on_hashed: called on the event loop with a part's buffer and the seconds that it took.
    """

    def __init__(self, tasks: TaskGroup, threads: int, on_hashed: Callable[[PartBuffer, float], None]) -> None:
        self._tasks = tasks
        self._limiter = anyio.CapacityLimiter(2 * threads)
        self._turn = threading.Semaphore(threads)
        self._waiting = deque[tuple[PartBuffer, PendingDigest]]()
        self._on_hashed = on_hashed
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()

    def start(self, buffer: PartBuffer) -> PendingDigest:
        """Begin to hash a loaded part. Its buffer must not be released before the digest is known."""
        pending = PendingDigest()
        self._waiting.append((buffer, pending))
        self._tasks.start_soon(self._hash_next)
        return pending

    async def _hash_next(self) -> None:
        buffer, pending, outcome, seconds = await anyio.to_thread.run_sync(self._take_turn, limiter=self._limiter)
        if not isinstance(outcome, Exception):
            self._on_hashed(buffer, seconds)
        pending.settle(outcome)

    def _take_turn(self) -> tuple[PartBuffer, PendingDigest, bytes | Exception, float]:
        """Wait until fewer than `threads` others hash, then hash the part that has waited longest. In a worker thread.

        There is one call of this for each part, but not this call for this part: the order is the parts' own.
        """
        with self._turn:
            buffer, pending = self._waiting.popleft()
            begun = time.perf_counter()
            outcome: bytes | Exception
            try:
                try:
                    outcome = self._digest(buffer)
                except PiecesWithdrawn:
                    outcome = self._digest(buffer)
            except (AsyncupError, _Stopped) as error:
                # Its traceback holds this frame, and so `pending`, and the part's bytes: a circle.
                outcome = error.with_traceback(None)
        return buffer, pending, outcome, time.perf_counter() - begun

    def _digest(self, buffer: PartBuffer) -> bytes:
        """Hash a buffer. A digest of less than the whole part never leaves this function."""
        md5 = hashlib.md5(usedforsecurity=False)
        for piece in buffer.pieces():
            if self._stopped.is_set():
                # Nobody should wait for this digest any more: do not hold up a cancellation.
                raise _Stopped("hashing was stopped before this part's digest was known")
            md5.update(piece)
        return md5.digest()
