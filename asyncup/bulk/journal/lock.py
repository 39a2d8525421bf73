"""One run per journal: a lock that the system takes back when the process ends, however it ends.

The lock is on a file beside the journal: closing any handle of the journal itself would drop SQLite's own locks. The
file stays, because removing it would let two processes lock two files of one name. Must not know what is locked.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager

from asyncup.bulk.errors import JournalInUse, JournalUnusable

__all__ = ["lock_path", "locked"]

_LONGEST_OWNER = 100
_LOCKED_BYTE = 1_000_000
"""Windows locks bytes, and keeps others from reading them: one far behind the text."""


def lock_path(journal: str) -> str:
    """Return the path of the file that is locked for a journal."""
    return f"{journal}.lock"


@contextmanager
def locked(journal: str) -> Generator[None]:
    """Hold the lock of a journal. Blocks, but never waits for another run.

    Raises:
        JournalInUse: another run has it.
        JournalUnusable: the lock's file cannot be made.
    """
    path = lock_path(journal)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError as error:
        raise JournalUnusable(
            f"{path} cannot be written: {error.strerror}", hint="Choose a journal in a folder that you may write to"
        ) from error
    try:
        try:
            _lock(fd)
        except OSError as error:
            raise JournalInUse(
                f"{journal} is in use by another run{_owner(fd)}",
                hint="Let it end, or give this run a journal of its own",
            ) from error
        with contextlib.suppress(OSError):  # the text is for people only
            os.ftruncate(fd, 0)
            os.write(fd, str(os.getpid()).encode())
        yield
    finally:
        os.close(fd)


def _owner(fd: int) -> str:
    try:
        text = os.read(fd, _LONGEST_OWNER).decode("ascii", "replace").strip()
    except OSError:
        return ""
    return f" (process {text})" if text.isdigit() else ""


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(fd, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
