"""Reading a range of an open file without moving its position, on every system. Blocking: for worker threads only."""

from __future__ import annotations

import os
import threading

__all__ = ["read_into"]

_seek_and_read = threading.Lock()
"""Windows has no positional read: there, seeking and reading must not be interleaved by two threads."""


def read_into(fd: int, view: memoryview, offset: int) -> int:
    """Fill `view` from `offset` on; return the bytes read, fewer than asked for only at the end of the file.

    Raises:
        OSError: the system cannot read.
    """
    done = 0
    while done < len(view):
        got = _read_some(fd, view[done:], offset + done)
        if got == 0:
            break
        done += got
    return done


if hasattr(os, "preadv"):

    def _read_some(fd: int, view: memoryview, offset: int) -> int:
        return os.preadv(fd, [view], offset)

else:

    def _read_some(fd: int, view: memoryview, offset: int) -> int:
        with _seek_and_read:
            os.lseek(fd, offset, os.SEEK_SET)
            content = os.read(fd, min(len(view), 2**20))
        view[: len(content)] = content
        return len(content)
