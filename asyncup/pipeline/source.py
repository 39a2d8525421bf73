"""The local file: opening it off the event loop, and noticing that it is not the same file any more.

Must not know parts, sessions or Vault.
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiofiles
import anyio
import anyio.to_thread

from asyncup.errors import SourceChanged, SourceError, SourceNotAFile, SourceNotFound, SourceUnreadable
from asyncup.pipeline.positional_read import read_into

__all__ = ["Source", "SourceIdentity", "open_source"]

_AGAIN = "Let the program that writes it finish, then upload it again"


@dataclass(frozen=True, slots=True)
class SourceIdentity:
    """What tells one state of one file from another. Times are nanoseconds."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> SourceIdentity:
        """Return the identity that a `stat` shows."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Source:
    """An open file, with the identity that it had when it was opened. Its methods block: for worker threads."""

    path: str
    fd: int
    identity: SourceIdentity

    @property
    def size(self) -> int:
        """Its bytes when it was opened."""
        return self.identity.size

    def read(self, view: memoryview, offset: int) -> None:
        """Fill `view` from `offset` on.

        Raises:
            SourceChanged: the file ends before that.
            SourceUnreadable: the disk failed.
        """
        try:
            got = read_into(self.fd, view, offset)
        except OSError as error:
            raise self.unreadable(error) from error
        if got < len(view):
            self.verify_unchanged()  # says how long it is now, if it is not as long again
            raise self.changed(f"it ended after {offset + got} bytes")

    def verify_unchanged(self) -> None:
        """Compare the open file with what it was.

        Raises:
            SourceChanged: it was written to, or changed otherwise.
        """
        try:
            now = SourceIdentity.of(os.fstat(self.fd))
        except OSError as error:
            raise self.unreadable(error) from error
        if now.size != self.size:
            raise self.changed(f"it has {now.size} bytes now, {self.size} when it was opened")
        if now != self.identity:
            raise self.changed("it was written to, or its attributes were changed")

    def verify_in_place(self) -> None:
        """Compare what the path names now with the open file, after `verify_unchanged`.

        Raises:
            SourceChanged: the path names another file now, or none.
        """
        self.verify_unchanged()
        try:
            now = Path(self.path).stat()
        except OSError as error:
            raise self.changed(f"the path names no file any more ({error.strerror})") from error
        if (now.st_dev, now.st_ino) != (self.identity.device, self.identity.inode):
            raise self.changed("the path names another file now")

    def changed(self, how: str) -> SourceChanged:
        """Return the exception for a file that is not what it was."""
        return SourceChanged(self.path, f"{self.path} changed while it was uploaded: {how}", hint=_AGAIN)

    def unreadable(self, error: OSError) -> SourceUnreadable:
        """Return the exception for a file that the system cannot read."""
        return SourceUnreadable(
            self.path, f"{self.path} cannot be read: {error.strerror or error}", hint="Check the disk or the mount"
        )


@asynccontextmanager
async def open_source(path: str | os.PathLike[str]) -> AsyncIterator[Source]:
    """Open a regular file for reading, off the event loop, and close it at the end.

    Raises:
        SourceNotFound: there is no such file.
        SourceNotAFile: it is a directory, a pipe, a device.
        SourceUnreadable: the system refuses to open it.
    """
    name = os.fspath(path)
    # Shielded: a cancellation in the middle would leave an open file behind in the thread.
    with anyio.CancelScope(shield=True):
        try:
            file = await aiofiles.open(name, "rb", buffering=0, opener=_open_without_waiting)
        except OSError as error:
            raise await anyio.to_thread.run_sync(_cannot_open, name, error) from error
        except ValueError as error:
            # A null character, or one that the file system's encoding does not have.
            raise SourceNotFound(name, f"{name!r} cannot be the name of a file", hint="Check the path") from error
    try:
        status = await anyio.to_thread.run_sync(os.fstat, file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise _not_a_file(name)
        yield Source(name, file.fileno(), SourceIdentity.of(status))
    finally:
        with anyio.CancelScope(shield=True):
            await file.close()


def _open_without_waiting(path: str, flags: int) -> int:
    """A pipe without a writer would block the open for ever. A regular file is worth a wait: for its write lease."""
    try:
        return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    except BlockingIOError:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise
        return os.open(path, flags)


def _cannot_open(path: str, error: OSError) -> SourceError:
    """Return the exception for a file that cannot be opened. Looks at the path: for a worker thread."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return SourceNotFound(path, f"{path} does not exist", hint="Check the path")
    if isinstance(error, IsADirectoryError):
        return _not_a_file(path)
    if isinstance(error, PermissionError) and Path(path).is_dir():
        return _not_a_file(path)
    reason = error.strerror or str(error)
    return SourceUnreadable(path, f"{path} cannot be opened: {reason}", hint="Check its permissions")


def _not_a_file(path: str) -> SourceNotAFile:
    return SourceNotAFile(path, f"{path} is not a regular file", hint="Name a file, not a directory or a device")
