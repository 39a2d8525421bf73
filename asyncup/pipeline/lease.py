"""A read lease on a file: the kernel's promise that nobody writes to it behind our back. Linux only.

While we hold the lease, whoever opens the file for writing or truncates it blocks until we give the lease back, for at
most `/proc/sys/fs/lease-break-time` seconds (45 by default); only then the kernel takes it (fcntl(2), F_SETLEASE). So
the file's own pages may be mapped and touched: without the promise, a file that shrinks under a mapping kills the
process with SIGBUS.

The kernel tells of a knocking writer by a signal, SIGIO unless chosen otherwise, which would kill us; SIGURG is ignored
by default. The signal is not used: `F_GETLEASE` shows a lease that is being broken as F_UNLCK, and so it does for one
that was taken away. The two are told apart by time: a lease seen held less than the break time ago cannot be gone.

Must not know buffers or parts. Where there are no leases to be relied on (another system, a file system whose files
are changed from elsewhere, a file that is open for writing, another user's file), `take` returns None and the caller
copies.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from asyncup.pipeline.file_system import changes_are_seen_here

if sys.platform != "win32":  # pragma: no branch - Windows has neither leases nor this module
    import fcntl

__all__ = ["ReadLease"]

_BREAK_TIME = Path("/proc/sys/fs/lease-break-time")
_LEAST_BREAK_TIME_S = 2.0
"""With less time than this between a writer's knock and the forced entry, a busy process could miss the knock."""


class ReadLease:
    """A lease that is held since `take`. Every method may be called from any thread.

    Attributes:
        break_time_s: seconds that a writer waits at most.
    """

    def __init__(self, fd: int, break_time_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._fd = fd
        self._now = now
        self._seen_held = now()
        self._released = False
        self.break_time_s = break_time_s

    @classmethod
    def take(cls, fd: int) -> ReadLease | None:
        """Take a read lease on an open file, or return None where there is none to be had."""
        if not changes_are_seen_here(fd):
            return None
        break_time_s = _break_time_s()
        if break_time_s < _LEAST_BREAK_TIME_S:
            return None
        try:
            fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError:
            return None
        return cls(fd, break_time_s)

    def undisturbed(self) -> bool:
        """True while nobody knocks. Also notes the time, which `protects` needs."""
        moment = self._now()
        if self._released or fcntl.fcntl(self._fd, fcntl.F_GETLEASE) != fcntl.F_RDLCK:
            return False
        self._seen_held = moment
        return True

    def protects(self) -> bool:
        """True while mapped pages may be touched: nobody knocks, or whoever does is still kept waiting."""
        # The kernel is asked last: for every slice that takes long, and the watcher asks it all the time.
        return not self._released and (self._now() - self._seen_held < self.break_time_s / 2 or self.undisturbed())

    def release(self) -> None:
        """Give the lease back and let a waiting writer go on. May be called twice."""
        if self._released:
            return
        self._released = True
        # It may be gone: the kernel takes it from a process that stood still for too long.
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def _break_time_s() -> float:
    try:
        return float(_BREAK_TIME.read_text())
    except (OSError, ValueError):
        return 0.0
