"""Memory maps as part buffers need them: anonymous ones, a file's own pages, and the swap of the second for the first.

The swap is what makes mapping safe. When a writer knocks, `FilePages.hollow_out` moves anonymous memory, by `mremap`,
over the mapped pages: in one step, at the same address, beneath every memoryview that exists, wherever a transport or a
thread may hold one. Nobody has to let go of anything, and after it the file may shrink without harm. Only the bytes
that are being sent at that moment are copied before; `refill` reads the rest when the writer need not wait any more.

The C library is called through ctypes because Python's own `mmap` module has no `mremap` to a fixed address and holds
the GIL during `madvise`. Must not know leases, parts or uploads.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import mmap
import os
import sys

from asyncup.pipeline.positional_read import read_into

__all__ = ["FilePages", "anonymous", "can_swap_pages"]

_MADV_DONTNEED = 4
_MADV_HUGEPAGE = 14
_MADV_POPULATE_READ = 22
"""Since Linux 5.14: map all pages for reading now; EFAULT instead of SIGBUS where that cannot be done (madvise(2))."""

_MREMAP_MAYMOVE_FIXED = 1 | 2
_MAP_FIXED = 0x10
_WORD_64 = 8
"""Bytes of a pointer on the systems whose system calls are declared below."""

_MAP_FAILED = ctypes.c_void_p(-1).value


def anonymous(length: int) -> mmap.mmap:
    """Return anonymous memory of `length` bytes, zeroed."""
    return mmap.mmap(-1, length)


@functools.cache
def can_swap_pages() -> bool:
    """True where a file's pages can be mapped and swapped: Linux with a C library that has `mremap`."""
    return sys.platform == "linux" and ctypes.sizeof(ctypes.c_void_p) == _WORD_64 and _libc() is not None


class FilePages:
    """The file's own pages of one range, mapped for reading.

    Everything but `close` may wait for the disk: for worker threads.

    Args:
        fd: the open file.
        offset: where the range begins, at any byte.
        length: its bytes.

    Raises:
        OSError: the range cannot be mapped.
    """

    def __init__(self, fd: int, offset: int, length: int) -> None:
        self._fd = fd
        self._offset = offset
        self._lead = lead = offset % mmap.ALLOCATIONGRANULARITY
        # Private and writable in name only: nothing ever writes, but ctypes gives no address of a read-only buffer.
        try:
            self._map = mmap.mmap(fd, lead + length, access=mmap.ACCESS_COPY, offset=offset - lead)
        except ValueError as error:
            # Python compares with the file's size first: it has become shorter since it was planned.
            raise OSError(errno.EINVAL, f"cannot map the file: {error}") from error
        anchor = ctypes.c_char.from_buffer(self._map)
        self._address = ctypes.addressof(anchor)
        del anchor
        self.view = memoryview(self._map).toreadonly()[lead:]

    def populate(self, begin: int, end: int) -> None:
        """Bring the pages from `begin` to `end` into memory and into the page tables: nobody waits for the disk later.

        Raises:
            OSError: the disk failed, or the file has become shorter than that.
        """
        if self.make_present(begin, end):
            return
        # Reading the range brings it into the page cache at least.
        scratch = memoryview(bytearray(2**20))
        for position in range(begin, end, len(scratch)):
            read_into(self._fd, scratch[: end - position], self._offset + position)

    def make_present(self, begin: int, end: int) -> bool:
        """Bring the pages from `begin` to `end` into the page tables; False where the kernel cannot (before 5.14).

        It costs next to nothing where they are there already.

        Raises:
            OSError: the disk failed, or the file has become shorter than that.
        """
        if _libc_required().madvise(*self._whole_pages(begin, end), _MADV_POPULATE_READ) == 0:
            return True
        failed = ctypes.get_errno()
        if failed == errno.EINVAL:
            return False
        raise OSError(failed, f"cannot read mapped pages: {os.strerror(failed)}")

    def in_page_cache(self, begin: int, end: int) -> bool:
        """True when the file's pages from `begin` to `end` are in memory: to make them present waits for no disk.

        Raises:
            OSError: the kernel does not say.
        """
        address, length = self._whole_pages(begin, end)
        seen = bytearray(-(-length // mmap.PAGESIZE))
        if _libc_required().mincore(address, length, (ctypes.c_char * len(seen)).from_buffer(seen)) != 0:
            failed = ctypes.get_errno()
            raise OSError(failed, f"cannot ask for pages in memory: {os.strerror(failed)}")
        return seen.count(b"\1") == len(seen)

    def drop(self, end: int) -> bool:
        """Take the pages before `end` out of the page tables; they stay in the page cache.

        Return False where they stay in the tables, too: in a program that locks its memory (mlockall(2)).
        """
        length = (self._lead + end) // mmap.PAGESIZE * mmap.PAGESIZE
        return length <= 0 or _libc_required().madvise(self._address, length, _MADV_DONTNEED) == 0

    def hollow_out(self, begin: int, end: int) -> None:
        """Swap the file's pages for anonymous memory in which only the bytes from `begin` to `end` are kept.

        Takes about a millisecond, whatever the range's length, so that a waiting writer can go on at once; `refill`
        brings the rest. Every view of the range stays valid.

        Raises:
            OSError: there is no memory for it.
        """
        libc = _libc_required()
        length = len(self._map)
        protection, flags = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        spare = libc.mmap(None, length, protection, flags, -1, 0)
        if spare == _MAP_FAILED:
            raise OSError(ctypes.get_errno(), "no memory to copy mapped pages")
        libc.madvise(spare, -(-length // mmap.PAGESIZE) * mmap.PAGESIZE, _MADV_HUGEPAGE)
        try:
            read_into(self._fd, _writable(spare + self._lead + begin, end - begin), self._offset + begin)
        except OSError:
            libc.munmap(spare, length)
            raise
        if libc.mremap(spare, length, length, _MREMAP_MAYMOVE_FIXED, self._address) == _MAP_FAILED:
            failed = ctypes.get_errno()
            libc.munmap(spare, length)
            raise OSError(failed, "cannot swap mapped pages")

    def abandon(self) -> None:
        """Swap the file's pages for zeros: the way out when there is no memory, or no disk, to keep anything of them.

        It takes no memory, and the addresses are ours, so there is nothing that it could fail of.
        """
        protection, flags = mmap.PROT_READ, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_FIXED
        _libc_required().mmap(self._address, len(self._map), protection, flags, -1, 0)

    def refill(self, begin: int, end: int) -> int:
        """Read the bytes from `begin` to `end` into a hollow range; return how many the file still had.

        Raises:
            OSError: the disk failed.
        """
        return read_into(self._fd, _writable(self._address + self._lead + begin, end - begin), self._offset + begin)

    def _whole_pages(self, begin: int, end: int) -> tuple[int, int]:
        """Return the address of the page that has `begin`, and how many bytes it is from there to `end`."""
        first = (self._lead + begin) // mmap.PAGESIZE * mmap.PAGESIZE
        return self._address + first, self._lead + end - first

    def close(self) -> None:
        """Unmap. Where a transport still holds a view, the pages stay until it lets go."""
        self.view.release()
        try:
            self._map.close()
        except BufferError:
            # The last view's end unmaps it: the map closes itself when it is collected.
            return


def _writable(address: int, length: int) -> memoryview:
    return memoryview((ctypes.c_char * length).from_address(address)).cast("B")


@functools.cache
def _libc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        word = ctypes.c_size_t
        pointer = ctypes.c_void_p
        libc.mmap.restype = libc.mremap.restype = pointer
        libc.mmap.argtypes = [pointer, word, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
        libc.mremap.argtypes = [pointer, word, word, ctypes.c_int, pointer]
        libc.munmap.argtypes = [pointer, word]
        libc.madvise.argtypes = [pointer, word, ctypes.c_int]
        libc.mincore.argtypes = [pointer, word, pointer]
    except (OSError, AttributeError, TypeError):
        return None
    return libc


def _libc_required() -> ctypes.CDLL:
    libc = _libc()
    if libc is None:
        raise OSError(errno.ENOSYS, "this system cannot swap mapped pages")
    return libc
