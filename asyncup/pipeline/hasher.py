"""MD5 of parts in worker threads, several parts at once.

MD5 is the wall (about 0.75 GB/s on one core), so it runs beside reading and sending, and never on the event loop. The
threads are the upload's own, and take the next part themselves: while the loop is busy sending it takes milliseconds to
hand out work, and a core would stand still for as long after every part. Must not know the network or Vault.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from asyncup.errors import AsyncupError
from asyncup.pipeline.part_buffer import PartBuffer, PiecesWithdrawn
from asyncup.pipeline.thread_visit import Threads

__all__ = ["Hasher", "PendingDigest"]


class PendingDigest:
    """The MD5 of a part, as soon as it is known."""

    def __init__(self) -> None:
        self._becomes_known: anyio.Event | None = None  # made for who waits: most digests are known before
        self._digest: bytes | None = None
        self._error: BaseException | None = None

    @property
    def known(self) -> bool:
        """True when `wait` returns at once."""
        return self._digest is not None or self._error is not None

    async def wait(self) -> bytes:
        """Return the 16 bytes of the digest.

        Raises:
            AsyncupError: the part could not be read for hashing.
            Exception: whatever `on_hashed` raised.
        """
        if not self.known:
            if self._becomes_known is None:
                self._becomes_known = anyio.Event()
            await self._becomes_known.wait()
        if self._error is not None:
            raise self._error
        assert self._digest is not None  # noqa: S101 - known means one of the two
        return self._digest

    def settle(self, outcome: bytes | BaseException) -> None:
        """Make the digest, or why there is none, known."""
        if isinstance(outcome, bytes):
            self._digest = outcome
        else:
            self._error = outcome
        if self._becomes_known is not None:
            self._becomes_known.set()


_STOPPED = "hashing was stopped before this part's digest was known"


class _Stopped(RuntimeError):
    """The hasher was left. Whoever still waits for a digest then has a bug."""


async def _raise(error: BaseException) -> None:
    raise error


class Hasher:
    """Hashes parts in the order in which they are given. A context manager: leaving it stops hashing soon.

    Args:
        tasks: the task group that the work belongs to: it does not end before the threads have.
        threads: how many parts are hashed at once.
        on_hashed: called on the event loop with a part's buffer and the seconds that it took.
    """

    def __init__(self, tasks: TaskGroup, threads: int, on_hashed: Callable[[PartBuffer, float], None]) -> None:
        self._tasks = tasks
        self._threads = Threads(threads, "asyncup-hash")
        self._loop = asyncio.get_running_loop()
        self._on_hashed = on_hashed
        self._stopped = threading.Event()
        self._under_way = 0
        self._all_done = anyio.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._threads.end()
        if self._under_way:
            self._tasks.start_soon(self._until_all_done)

    def start(self, buffer: PartBuffer) -> PendingDigest:
        """Begin to hash a loaded part. Its buffer must not be released before the digest is known."""
        pending = PendingDigest()
        if self._stopped.is_set():  # the reader has not heard of it yet
            pending.settle(_Stopped(_STOPPED))
            return pending
        self._threads.submit(self._hash, buffer, pending)
        self._under_way += 1
        return pending

    async def _until_all_done(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._all_done.wait()

    def _hash(self, buffer: PartBuffer, pending: PendingDigest) -> None:
        """Hash a part, and tell the event loop. In a worker thread."""
        begun = time.perf_counter()
        outcome = self._outcome(buffer)
        self._loop.call_soon_threadsafe(self._settle, buffer, pending, outcome, time.perf_counter() - begun)

    def _outcome(self, buffer: PartBuffer) -> bytes | BaseException:
        while True:
            try:
                return self._digest(buffer)
            except PiecesWithdrawn:
                continue  # not again in here: a later error would keep this one, and so a piece of the part
            except BaseException as error:  # noqa: BLE001 - it is raised where the digest is waited for
                # Its traceback holds frames that hold the part's bytes.
                return error.with_traceback(None)

    def _settle(
        self, buffer: PartBuffer, pending: PendingDigest, outcome: bytes | BaseException, seconds: float
    ) -> None:
        self._under_way -= 1
        if self._stopped.is_set() and not self._under_way:
            self._all_done.set()
        if isinstance(outcome, bytes):
            try:
                self._on_hashed(buffer, seconds)
            except BaseException as error:  # noqa: BLE001 - it is raised by the task group
                outcome = error
        if not isinstance(outcome, bytes | AsyncupError | _Stopped):
            # A bug, or the listener's: it must not wait for somebody to ask for this digest.
            self._tasks.start_soon(_raise, outcome)
        pending.settle(outcome)

    def _digest(self, buffer: PartBuffer) -> bytes:
        """Hash a buffer. A digest of less than the whole part never leaves this function."""
        md5 = hashlib.md5(usedforsecurity=False)
        for piece in buffer.pieces():
            if self._stopped.is_set():
                # Nobody should wait for this digest any more: do not hold up a cancellation.
                raise _Stopped(_STOPPED)
            md5.update(piece)
        return md5.digest()
