"""One thread that looks at every lease of the process, however many files are being uploaded.

Every few milliseconds it asks the kernel of each lease whether a writer knocks, and wakes the thread that can let the
writer in; that one sleeps until then. A thread of its own for each upload to do the asking would cost a fifth of a
percent of a core each, and the interpreter's lock. The thread lives while there are leases. Must not know buffers.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from asyncup.pipeline.lease import ReadLease

__all__ = ["watched"]

_EVERY_S = 0.005
"""How often the leases are looked at: the longest that a writer waits for our noticing."""


class _Watcher:
    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._watched: dict[ReadLease, threading.Event] = {}
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def add(self, lease: ReadLease, knocked: threading.Event) -> None:
        with self._changing:
            if self._thread is None:
                ended = threading.Event()
                thread = threading.Thread(target=self._watch, args=(ended,), name="asyncup leases", daemon=True)
                thread.start()  # may fail: then the next lease tries again
                self._thread, self._ended = thread, ended
            self._watched[lease] = knocked

    def remove(self, lease: ReadLease) -> None:
        thread = None
        with self._changing:
            del self._watched[lease]
            if not self._watched:
                thread, self._thread = self._thread, None
                self._ended.set()
        if thread is not None:
            thread.join()

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(_EVERY_S):
            with self._changing:
                watched = tuple(self._watched.items())
            for lease, knocked in watched:
                if not knocked.is_set() and not _undisturbed(lease):
                    knocked.set()


def _undisturbed(lease: ReadLease) -> bool:
    try:
        return lease.undisturbed()
    except OSError:  # its file was closed a moment ago: nobody waits for the answer
        return False


_watcher = _Watcher()


def _forget_the_parents_thread() -> None:
    """A process that was forked has the leases' list, and not the thread, nor whoever held the lock."""
    global _watcher  # noqa: PLW0603 - one per process
    _watcher = _Watcher()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_the_parents_thread)


@contextmanager
def watched(lease: ReadLease, knocked: threading.Event) -> Iterator[None]:
    """Set `knocked` when a writer waits for the lease, or when it is gone. May be called from any thread."""
    watcher = _watcher
    watcher.add(lease, knocked)
    try:
        yield
    finally:
        watcher.remove(lease)
