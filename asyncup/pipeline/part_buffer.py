"""A part's bytes in memory: what the reader, the hasher and the sender may ask of it, and the plain kind of it.

Must not know leases, the network or Vault.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Protocol

from asyncup.pipeline.source import Source
from asyncup.protocol.plan import Part
from asyncup.vault.slice_size import SLICE

__all__ = [
    "CopiedBuffer",
    "LoadGivenUp",
    "PartBuffer",
    "PartBytes",
    "PiecesWithdrawn",
    "WholeBuffer",
    "go_on_unless",
    "next_bound",
    "slice_bounds",
]

_FIRST_SLICE = 2**14
"""The first slice is joined with the request's head into one write, which copies it: so it is small."""


class LoadGivenUp(Exception):
    """Nobody wants the part any more: its loading ended early."""


class PiecesWithdrawn(Exception):
    """The piece that was given last lost its bytes while it was looked at: begin again with new `pieces`."""


class PartBytes(Protocol):
    """The bytes of one part, as far as they are hashed."""

    part: Part

    def pieces(self) -> Iterator[memoryview]:
        """Yield the bytes for hashing, in order. Blocking: for a worker thread.

        Raises:
            SourceError: they cannot be read, or the file has changed.
            PiecesWithdrawn: what was given last may not have been the part's bytes. At most once for a part.
        """
        ...


class PartBuffer(PartBytes, Protocol):
    """The bytes of one part, in memory. It is also the `Body` that the transport sends."""

    @property
    def length(self) -> int:
        """The part's bytes."""
        ...

    def load(self, given_up: threading.Event) -> None:
        """Bring the bytes into memory. Blocking: for a worker thread.

        Raises:
            SourceError: they cannot be read, or the file has changed.
            LoadGivenUp: `given_up` was set meanwhile.
        """
        ...

    def slices(self) -> AsyncIterator[memoryview]:
        """Yield the bytes for sending, from the beginning. Raises `SourceError`."""
        ...


def slice_bounds(length: int) -> Generator[tuple[int, int], int | None, None]:
    """Yield begin and end of every slice of a part: a small one, then of `SLICE` bytes, or of as many as it is sent."""
    begin, end = 0, min(_FIRST_SLICE, length)
    while begin < length:
        wanted = yield begin, end
        begin, end = end, min(end + (wanted or SLICE), length)


async def slices_of(view: memoryview) -> AsyncGenerator[memoryview, int | None]:
    """Yield every slice of a part whose bytes stay where they are. See `Body.slices`."""
    bounds = slice_bounds(view.nbytes)
    bound = next(bounds, None)
    while bound is not None:
        wanted = yield view[bound[0] : bound[1]]
        bound = next_bound(bounds, wanted)


def next_bound(bounds: Generator[tuple[int, int], int | None, None], wanted: int | None) -> tuple[int, int] | None:
    """Return the next of `slice_bounds`, of about `wanted` bytes; None behind the last one."""
    try:
        return bounds.send(wanted)
    except StopIteration:
        return None


def go_on_unless(given_up: threading.Event) -> None:
    """Raise `LoadGivenUp` when loading goes on for nobody: to be called before each piece that a disk may hold up."""
    if given_up.is_set():
        raise LoadGivenUp


class CopiedBuffer:
    """A part in anonymous memory, which nobody else can change.

    Args:
        source: the file.
        part: which range of it.
        memory: at least as long as the part; the caller may use it again after the part is acknowledged.
    """

    def __init__(self, source: Source, part: Part, memory: mmap.mmap) -> None:
        self.part = part
        self.memory = memory
        self._source = source

    @property
    def length(self) -> int:
        """See `PartBuffer`."""
        return self.part.length

    def load(self, given_up: threading.Event) -> None:
        """See `PartBuffer`. Reads the file, then makes sure that it was not changed meanwhile."""
        # Released also by an exception, whose traceback may live long: a view keeps the memory from being freed.
        with memoryview(self.memory)[: self.part.length] as view:
            for begin, end in self._source.in_pieces(self.part.offset, self.part.length):
                go_on_unless(given_up)
                with view[begin:end] as piece:
                    self._source.read(piece, self.part.offset + begin)
        self._source.verify_unchanged()

    def pieces(self) -> Iterator[memoryview]:
        """See `PartBuffer`."""
        view = memoryview(self.memory)[: self.part.length]
        return (view[begin : begin + SLICE] for begin in range(0, self.part.length, SLICE))

    def slices(self) -> AsyncIterator[memoryview]:
        """See `PartBuffer`."""
        return slices_of(memoryview(self.memory)[: self.part.length])


class WholeBuffer:
    """The only part of a small file, read in one go; or of one without bytes.

    Args:
        part: the whole file.
        content: its bytes.
    """

    def __init__(self, part: Part, content: bytes | bytearray) -> None:
        self.part = part
        self._content = content

    @property
    def length(self) -> int:
        """See `PartBuffer`."""
        return self.part.length

    def load(self, given_up: threading.Event) -> None:
        """See `PartBuffer`. It is loaded."""

    def pieces(self) -> Iterator[memoryview]:
        """See `PartBuffer`."""
        view = memoryview(self._content)
        return (view[begin : begin + SLICE] for begin in range(0, self.part.length, SLICE))

    def slices(self) -> AsyncIterator[memoryview]:
        """See `PartBuffer`."""
        return slices_of(memoryview(self._content)[: self.part.length])
