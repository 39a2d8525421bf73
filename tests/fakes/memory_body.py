"""A `Body` of bytes in memory, which can fail between two slices."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio.lowlevel

SLICE = 2**20


@dataclass
class MemoryBody:
    """`content`, in slices of `slice_size`.

    Attributes:
        fails_with: raised when `fails_at` bytes were given out.
        begun: how often the slices were asked for.
    """

    content: bytes | bytearray
    slice_size: int = SLICE
    fails_at: int = -1
    fails_with: Exception | None = None
    begun: int = 0

    @property
    def length(self) -> int:
        """See `Body.length`."""
        return len(self.content)

    @property
    def md5(self) -> bytes:
        """The digest of the whole content."""
        return hashlib.md5(self.content, usedforsecurity=False).digest()

    async def slices(self) -> AsyncIterator[memoryview]:
        """See `Body.slices`."""
        self.begun += 1
        view = memoryview(self.content)
        for begin in range(0, len(view), self.slice_size):
            if self.fails_with is not None and begin >= self.fails_at:
                raise self.fails_with
            yield view[begin : begin + self.slice_size]
            await anyio.lowlevel.checkpoint()
