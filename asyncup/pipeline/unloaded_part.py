"""A part that is hashed before it is loaded: from the page cache, through a window, under the read lease.

What is loaded takes memory for as long as it is sent, and the budget holds few of the largest parts; but MD5 of many
parts together costs little more than of one. Of a part in here only the piece that is being hashed is mapped in. It is
a part for nobody but the hasher: where anything is in the way it ends with `NotHashedAhead`, and the part is hashed as
soon as it is loaded. It seldom waits for the disk: where only some of a window is in the page cache. Must not know
which parts are hashed, nor the event loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from asyncup.pipeline.lease import ReadLease
from asyncup.pipeline.memory_map import FilePages
from asyncup.protocol.plan import Part

__all__ = ["WINDOW", "NotHashedAhead", "UnloadedPages", "UnloadedPart"]

WINDOW = 2**21
"""Bytes of a part that are mapped in at once. Smaller ones need the interpreter's lock more often."""


class NotHashedAhead(Exception):
    """The part's bytes are not to be had before it is loaded."""


class UnloadedPages:
    """The pages of a part that is not loaded, while the kernel promises that nobody writes to the file.

    Args:
        fd: the open file.
        part: which range of it.
        lease: the promise. It must be held when this is called.

    Raises:
        OSError: the range cannot be mapped.
    """

    def __init__(self, fd: int, part: Part, lease: ReadLease) -> None:
        self._part = part
        self._pages = FilePages(fd, part.offset, part.length)
        self._lease = lease
        self._changing = threading.Lock()
        self._is_lost = False

    def pieces(self) -> Iterator[memoryview]:
        """Yield the part's bytes, in order. Each piece leaves memory when the next one is asked for.

        Raises:
            NotHashedAhead: they are not in the page cache, or do not leave memory, or the lease is gone: so may be the
                piece that was last.
        """
        for begin in range(0, self._part.length, WINDOW):
            end = min(begin + WINDOW, self._part.length)
            if not self._may_touch(begin, end):
                raise NotHashedAhead
            yield self._pages.view[begin:end]
            with self._changing:
                if self._is_lost:
                    raise NotHashedAhead
                # The kernel keeps pages together, in groups that end where a window of the file's own would, and maps
                # in all of a group that it is asked a part of: of the last group more is wanted.
                if not self._pages.drop(end - (self._part.offset + end) % WINDOW):
                    raise NotHashedAhead  # the budget holds one window, not the part

    def let_go(self) -> None:
        """Leave the file's pages: after this the lease may be given back."""
        with self._changing:
            self._is_lost = True
            self._pages.abandon()

    def close(self) -> None:
        """Unmap. Nothing may be asked of it after this, nor at the same time."""
        self._pages.close()

    def _may_touch(self, begin: int, end: int) -> bool:
        if self._is_lost or not self._lease.protects():
            return False
        try:
            # The last page stands for all: to ask for each takes a tenth as long as hashing them.
            return self._pages.in_page_cache(end - 1, end) and self._pages.make_present(begin, end)
        except OSError:
            return False  # who loads the part finds out, and says so


class UnloadedPart:
    """A part for the hasher, before it is loaded.

    Args:
        part: which.
        open_pages: returns its pages, or None when they are not to be had.
        close_pages: takes them back.
    """

    def __init__(
        self,
        part: Part,
        open_pages: Callable[[Part], UnloadedPages | None],
        close_pages: Callable[[UnloadedPages], None],
    ) -> None:
        self.part = part
        self._open_pages = open_pages
        self._close_pages = close_pages

    def pieces(self) -> Iterator[memoryview]:
        """Yield the bytes for hashing, in order. Blocking, but not for the disk: for a worker thread.

        Raises:
            NotHashedAhead: see there.
        """
        pages = self._open_pages(self.part)
        if pages is None:
            raise NotHashedAhead
        try:
            yield from pages.pieces()
        finally:
            self._close_pages(pages)
