"""A payload between two pieces of text: the multipart body of a small file, without copying a larger file's bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from asyncup.vault.transport import Body

__all__ = ["FramedBody"]

_JOINED = 2**16
"""A payload up to this size goes out in one piece: copying it is cheaper than two more writes."""


@dataclass(frozen=True, slots=True)
class FramedBody:
    """`before`, then the slices of `body`, then `behind`: itself a `Body`."""

    before: bytes
    body: Body
    behind: bytes

    @property
    def length(self) -> int:
        """Bytes in all."""
        return len(self.before) + self.body.length + len(self.behind)

    async def slices(self) -> AsyncIterator[memoryview]:
        """See `Body.slices`."""
        if self.length <= _JOINED:
            yield memoryview(b"".join([self.before, *[view async for view in self.body.slices()], self.behind]))
            return
        yield memoryview(self.before)
        async for view in self.body.slices():
            yield view
        yield memoryview(self.behind)
