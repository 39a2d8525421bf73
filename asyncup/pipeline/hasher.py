"""MD5 of parts in worker threads, several parts at once.

MD5 is the wall (about 0.75 GB/s of one part on one core), so it runs beside reading and sending, and never on the event
loop. A thread hashes several parts together, where that costs little more than one (`multi_md5`). The threads are the
upload's own, and take the next part themselves: while the loop is busy sending it takes milliseconds to hand out work,
and a core would stand still for as long after every part. Parts that are not loaded yet are hashed, too, where they
are in the page cache (`hash_ahead`): the memory holds fewer than a thread can hash together. Must not know the network
or Vault.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from asyncup.errors import AsyncupError
from asyncup.pipeline import multi_md5
from asyncup.pipeline.hash_ahead import HashAhead
from asyncup.pipeline.hash_gathering import Gathering
from asyncup.pipeline.part_buffer import PartBuffer
from asyncup.pipeline.part_hashing import HashingStopped, PartHashing
from asyncup.pipeline.pending_digest import PendingDigest
from asyncup.pipeline.thread_visit import Threads
from asyncup.pipeline.unloaded_part import NotHashedAhead
from asyncup.protocol.plan import Part

__all__ = ["Hasher"]

_ROUND = 2**21
"""Bytes of each part that are hashed together before the thread looks round for a new part, or for the end: 3 ms."""


async def _raise(error: BaseException) -> None:
    raise error


class Hasher:
    """Hashes parts in the order in which they are given. A context manager: leaving it stops hashing soon.

    Args:
        tasks: the task group that the work belongs to: it does not end before the threads have.
        threads: how many hash.
        on_hashed: called on the event loop with a part and the seconds that it took.
        at_once: how many parts each thread hashes together. None (default) is `multi_md5.AT_ONCE`, which is the most.
        ahead: the parts that may be hashed before they are loaded; None: there are none.
    """

    def __init__(
        self,
        tasks: TaskGroup,
        threads: int,
        on_hashed: Callable[[Part, float], None],
        *,
        at_once: int | None = None,
        ahead: HashAhead | None = None,
    ) -> None:
        self._tasks = tasks
        self._threads = Threads(threads, "asyncup-hash")
        self._thread_count = threads
        self._loop = asyncio.get_running_loop()
        self._on_hashed = on_hashed
        self._at_once = at_once or multi_md5.AT_ONCE
        self._new_message = multi_md5.Message if self._at_once > 1 else multi_md5.HashlibMessage
        self._ahead = ahead
        self._gathering = Gathering()
        self._gathered: deque[PartHashing] = deque()
        self._waiting: deque[PartHashing] = deque()
        self._stopped = threading.Event()
        self._under_way = 0
        self._all_done = anyio.Event()

    def __enter__(self) -> Self:
        try:
            self._begin_ahead()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._stopped.set()
        self._threads.end()
        while self._gathered:
            self._gathered.popleft().pending.settle(HashingStopped())
        if self._under_way:
            self._tasks.start_soon(self._until_all_done)

    def start(self, buffer: PartBuffer) -> PendingDigest:
        """Begin to hash a loaded part. Its buffer must not be released before the digest is known."""
        if self._stopped.is_set():  # the reader has not heard of it yet
            pending = PendingDigest()
            pending.settle(HashingStopped())
            return pending
        begun = None if self._ahead is None else self._ahead.loaded(buffer)
        if begun is not None:
            self._gathering.begun(1)
            pending = begun.pending
        else:
            pending = PendingDigest(self._asked)
            self._gathered.append(PartHashing(buffer, pending, self._new_message))
            self._begin_if_due()
        self._begin_ahead()
        return pending

    def all_started(self) -> None:
        """Say that no more parts come: there is nothing to wait for with those that are here."""
        self._gathering.all_loaded()
        self._begin_if_due()

    def _asked(self, pending: PendingDigest) -> None:
        self._gathering.asked(known=pending.known)
        put_off = any(hashing.pending is pending for hashing in self._gathered)
        # Who comes to the next part has sent one, whose memory is for another.
        if put_off or self._gathering.is_due(len(self._gathered), more_is_coming=True):
            self._begin_all()

    def _begin_if_due(self) -> None:
        if self._at_once == 1 or self._gathering.is_due(len(self._gathered)):
            self._begin_all()

    def _begin_all(self) -> None:
        self._gathering.begun(len(self._gathered))
        while self._gathered:
            self._begin(self._gathered.popleft())

    def _begin_ahead(self) -> None:
        while self._ahead is not None and (part := self._ahead.next()) is not None:
            hashing = PartHashing(part, PendingDigest(self._asked), self._new_message)
            self._ahead.begun(hashing)
            self._begin(hashing)

    def _begin_loaded(self, ended: PartHashing) -> BaseException | None:
        """Hash a part from its buffer that could not be hashed before it was loaded; return why it will not be."""
        buffer = None if self._ahead is None else self._ahead.ended(ended)
        if self._stopped.is_set():
            return HashingStopped()
        if buffer is not None:
            try:
                self._begin(PartHashing(buffer, ended.pending, self._new_message))
            except RuntimeError as error:  # the interpreter is ending
                return error
        return None

    def _begin(self, hashing: PartHashing) -> None:
        self._waiting.append(hashing)
        self._under_way += 1
        try:
            self._threads.submit(self._hash)
        except RuntimeError:
            with contextlib.suppress(ValueError):  # a thread that there is may have taken it
                self._waiting.remove(hashing)
                self._under_way -= 1
            raise

    async def _until_all_done(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._all_done.wait()

    def _hash(self) -> None:
        """Hash the parts that wait, and those that come meanwhile, until there are none. In a worker thread."""
        together: list[PartHashing] = []
        while self._join(together):
            together = [each for each in together if self._has_more(each)]
            try:
                if together:
                    multi_md5.advance([each.message for each in together], _ROUND)
            except BaseException as error:  # noqa: BLE001 - it is raised where the digests are waited for
                for each in together:
                    self._tell(each, error.with_traceback(None))
                together = []

    def _join(self, together: list[PartHashing]) -> bool:
        """Add parts that wait: this thread's share of all, as far as there is room. False when there is no part."""
        share = -(-self._under_way // self._thread_count)
        while len(together) < min(max(1, share), self._at_once):
            try:
                hashing = self._waiting.popleft()
            except IndexError:
                break
            hashing.begin()
            together.append(hashing)
        return bool(together)

    def _has_more(self, hashing: PartHashing) -> bool:
        outcome = hashing.go_on(self._stopped)
        if outcome is not None:
            self._tell(hashing, outcome)
        return outcome is None

    def _tell(self, hashing: PartHashing, outcome: bytes | BaseException) -> None:
        hashing.let_go()
        self._loop.call_soon_threadsafe(self._settle, hashing, outcome, hashing.seconds)

    def _settle(self, hashing: PartHashing, outcome: bytes | BaseException, seconds: float) -> None:
        self._under_way -= 1
        if self._ahead is not None:
            self._ahead.settled(hashing)
        if self._stopped.is_set() and not self._under_way:
            self._all_done.set()
        if isinstance(outcome, NotHashedAhead):
            why_not = self._begin_loaded(hashing)
            if why_not is None:
                return
            outcome = why_not
        if isinstance(outcome, bytes):
            try:
                self._on_hashed(hashing.source.part, seconds)
            except BaseException as error:  # noqa: BLE001 - it is raised by the task group
                outcome = error
        if not isinstance(outcome, bytes | AsyncupError | HashingStopped):
            # A bug, or the listener's: it must not wait for somebody to ask for this digest.
            self._tasks.start_soon(_raise, outcome)
        hashing.pending.settle(outcome)
