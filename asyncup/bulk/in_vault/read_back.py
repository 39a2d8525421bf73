"""The MD5 of a file as Vault holds it. Must not know who compares it with what."""

from __future__ import annotations

import hashlib
from typing import Protocol

import anyio
import anyio.to_thread

from asyncup.errors import AsyncupError

__all__ = ["Downloads", "md5_read_back"]

_RANGE = 16 * 1024 * 1024
_RANGES_IN_FLIGHT = 4


class Downloads(Protocol):
    """What of a `Vault` is needed here."""

    async def download(self, item: str, *, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`."""
        ...


async def md5_read_back(vault: Downloads, item: str, size: int) -> str:
    """Return the MD5 (hex) of `item`: a few ranges are on their way at once, and hashed in order.

    Raises:
        AsyncupError: a range could not be read.
    """
    md5 = hashlib.md5(usedforsecurity=False)
    offsets = range(0, size, _RANGE)
    for first in range(0, len(offsets), _RANGES_IN_FLIGHT):
        for content in await _ranges(vault, item, size, offsets[first : first + _RANGES_IN_FLIGHT]):
            await anyio.to_thread.run_sync(md5.update, content)
    return md5.hexdigest()


async def _ranges(vault: Downloads, item: str, size: int, offsets: range) -> list[bytes]:
    """Return the ranges that begin at `offsets`, fetched at once."""
    contents: dict[int, bytes] = {}
    errors: list[AsyncupError] = []

    async def fetch(offset: int) -> None:
        try:
            contents[offset] = await vault.download(item, offset=offset, length=min(_RANGE, size - offset))
        except AsyncupError as error:
            # Kept, and raised outside of the task group, that would wrap it.
            errors.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for offset in offsets:
            group.start_soon(fetch, offset)
    if errors:
        raise errors[0]
    return [contents[offset] for offset in offsets]
