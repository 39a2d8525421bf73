"""The local file: opening it off the event loop, and noticing that it is not the same file any more.

What is compared, at the opening, with every part and at the end: device, inode, size, the time of the last write and
the time of the last change. A program that writes and then sets the time of writing back is betrayed by the second,
which no program can set. What can deceive both is a file system whose times are coarse (two writes within one tick of
its clock look like one) or wrong (some network file systems). Then nothing wrong is *reported*, because the MD5 that
Vault confirms is that of the very bytes that were sent; but the parts may be of two versions of the file. Where that
can happen, upload a snapshot.

What a change means, `SourceChanges` says:

* "fail": any change ends the upload. One that leaves size and time of writing alone (permissions, another hard link)
  says so (`SourceChanged.attributes_only`), because the file can be continued with.
* "warn": a change that leaves the size alone is noted and the upload goes on; `touched` tells that the bytes have to be
  proven to be the same at the end, by reading them once more. What is not noticed then is only what was changed and
  changed back.

With both, a file of another size, one that ends early, one that was deleted, and a path that names another file now
fail: what would be committed is not what a reader of the path finds.

Must not know parts, sessions or Vault.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from asyncup.errors import SourceChanged, SourceUnreadable
from asyncup.pipeline import whole_file
from asyncup.pipeline.options import PageCachePolicy, SourceChanges
from asyncup.pipeline.positional_read import read_into

__all__ = ["Source", "SourceIdentity", "WholeFile"]

_CLOSED = -1
_HASHED_AT_ONCE = 2047
"""hashlib lets go of the interpreter's lock for more, and to get it back costs as much as hashing dozens of these."""

_HASHED_HOLDING = 2**16
"""The most that is hashed with that lock, a tenth of a millisecond."""

_PIECE = 8 * 2**20
"""A cancelled upload waits for the read in progress: this bounds how long."""

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
class WholeFile:
    """All bytes of a small file, as they were at one moment, their MD5, and the seconds that hashing took."""

    content: bytearray
    md5: bytes
    hashed_s: float


class Source:
    """An open file, with the identity that it had when it was opened. Its methods block: for worker threads.

    Args:
        path: as the caller named it.
        fd: open for reading.
        identity: of the open file.
        changes: what a change means that leaves the size alone.
        page_cache: whether what was read stays in the system's page cache.

    Attributes:
        whole: what the file holds, when it was read by the same visit to a thread that opened it.
        read_at_once: whether that was by `whole_file`, and its end may be, too.
    """

    def __init__(
        self,
        path: str,
        fd: int,
        identity: SourceIdentity,
        *,
        changes: SourceChanges = "fail",
        page_cache: PageCachePolicy = "keep",
    ) -> None:
        self.path = path
        self.fd = fd
        self.identity = identity
        self._changes = changes
        self._page_cache = page_cache
        self._seen = identity
        self._touches: list[str] = []
        self._told = 0
        self.whole: WholeFile | None = None
        self.read_at_once = False

    @property
    def size(self) -> int:
        """Its bytes when it was opened."""
        return self.identity.size

    @property
    def touched(self) -> bool:
        """True when it was changed in a way that is only warned of: its bytes may be others, too."""
        return bool(self._touches)

    def new_touches(self) -> list[str]:
        """Return what was noticed since the last call, in words. On the event loop only."""
        new = self._touches[self._told :]
        self._told += len(new)
        return new

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

    def read_whole(self) -> WholeFile:
        """Read and hash all of the file: of a small one, since the thread cannot be called back.

        Raises:
            SourceChanged: it was changed meanwhile.
            SourceUnreadable: the disk failed.
        """
        content = bytearray(self.size)
        self.read(memoryview(content), 0)
        self.verify_unchanged()
        return self.hash_whole(content)

    def hash_whole(self, content: bytearray) -> WholeFile:
        """Return all of the file, of which `content` are the bytes, with its MD5; it is not read again."""
        self.done_with(0, self.size)
        begun = time.perf_counter()
        piece = _HASHED_AT_ONCE if self.size <= _HASHED_HOLDING else self.size
        md5 = hashlib.md5(usedforsecurity=False)
        with memoryview(content) as view:
            for offset in range(0, self.size, piece):
                md5.update(view[offset : offset + piece])
        return WholeFile(content, md5.digest(), time.perf_counter() - begun)

    def in_pieces(self, offset: int, length: int) -> Iterator[tuple[int, int]]:
        """Yield where each piece of a range that is to be read now begins and ends, counted from `offset`.

        The disk is told of the next piece before it is asked for the present one. Telling it of a whole part at once
        was much worse (0.55 instead of 0.9 GB/s, in a virtual machine): of memory that is filled so far ahead, every
        page was slow to be touched for the first time.
        """
        self._advise(offset, min(_PIECE, length), "POSIX_FADV_WILLNEED")
        for begin in range(0, length, _PIECE):
            end = min(begin + _PIECE, length)
            self._advise(offset + end, min(_PIECE, length - end), "POSIX_FADV_WILLNEED")
            yield begin, end

    def done_with(self, offset: int, length: int) -> None:
        """Say that a range is not read again: its pages leave the page cache, if that was asked for."""
        if self._page_cache == "drop":
            self._advise(offset, length, "POSIX_FADV_DONTNEED")

    def _advise(self, offset: int, length: int, advice: str) -> None:
        # Advice may be refused (a file system without a page cache), and not every system takes any.
        if length and hasattr(os, "posix_fadvise"):
            with suppress(OSError):
                os.posix_fadvise(self.fd, offset, length, getattr(os, advice))

    def verify_unchanged(self) -> None:
        """Compare the open file with what it was.

        Raises:
            SourceChanged: it was written to, or changed otherwise, and that is not only warned of.
        """
        try:
            status = os.fstat(self.fd)
        except OSError as error:
            raise self.unreadable(error) from error
        now = SourceIdentity.of(status)
        if now.size != self.size:
            raise self.changed(f"it has {now.size} bytes now, {self.size} when it was opened")
        if now == self._seen:
            return
        if status.st_nlink == 0:
            raise self.changed("it was deleted, or another file took its place")
        written = now.mtime_ns != self.identity.mtime_ns
        how = "it was written to, or its time of writing was set" if written else "its attributes were changed"
        if self._changes == "fail":
            change = self.changed(how)
            change.attributes_only = not written
            raise change
        self._seen = now
        self._touches.append(how)

    def verify_in_place(self) -> None:
        """Compare what the path names now with the open file, and do as `verify_unchanged`.

        Raises:
            SourceChanged: the path names another file now, or none.
        """
        try:
            now = os.stat(self.path)  # noqa: PTH116 - five times as fast, and for every small file
        except OSError as error:
            self.verify_unchanged()
            raise self.changed(f"the path names no file any more ({error.strerror})") from error
        if SourceIdentity.of(now) == self._seen:
            return
        self.verify_unchanged()
        if (now.st_dev, now.st_ino) != (self.identity.device, self.identity.inode):
            raise self.changed("the path names another file now")

    def verify_at_end(self) -> None:
        """Do as `verify_in_place`, and close a file that was read whole and that nothing touched: it is done with."""
        seen = self.identity
        if self.read_at_once and whole_file.close_unchanged(
            self.path, self.fd, (seen.device, seen.inode, seen.size, seen.mtime_ns, seen.ctime_ns)
        ):
            self.fd = _CLOSED
            return
        self.verify_in_place()
        if self.whole is not None and not self.touched:
            self.close()

    @property
    def is_open(self) -> bool:
        """Whether `close` was not called yet."""
        return self.fd != _CLOSED

    def close(self) -> None:
        """Close the file, if it is open."""
        fd, self.fd = self.fd, _CLOSED
        if fd != _CLOSED:
            os.close(fd)

    def changed(self, how: str) -> SourceChanged:
        """Return the exception for a file that is not what it was."""
        return SourceChanged(self.path, f"{self.path} changed while it was uploaded: {how}", hint=_AGAIN)

    def unreadable(self, error: OSError) -> SourceUnreadable:
        """Return the exception for a file that the system cannot read."""
        return SourceUnreadable(
            self.path, f"{self.path} cannot be read: {error.strerror or error}", hint="Check the disk or the mount"
        )
