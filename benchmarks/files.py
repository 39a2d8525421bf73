"""Files to upload: random bytes or holes, one or many, in the page cache or put out of it. Must not know clients."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["evict", "make_file", "make_files"]

_AT_ONCE = 8 * 2**20


def make_file(path: Path, size: int, *, sparse: bool = False) -> None:
    """Make a file of random bytes, or of one hole, which takes no disk."""
    with path.open("xb") as file:
        if sparse:
            file.truncate(size)
            return
        content = memoryview(os.urandom(min(_AT_ONCE, size)))
        for offset in range(0, size, _AT_ONCE):  # the same bytes again: nobody here compresses, and it is soon made
            file.write(content[: size - offset])


def make_files(folder: Path, count: int, size: int) -> None:
    """Make a folder with `count` files of random bytes."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:06}.bin").write_bytes(os.urandom(size))


def evict(path: Path) -> None:
    """Put a file out of the page cache.

    Raises:
        OSError: this system cannot do that.
    """
    if not hasattr(os, "posix_fadvise"):
        raise OSError("this system cannot put a file out of the page cache")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # what is not on disk yet cannot be dropped
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
