"""Whether an earlier attempt has brought a file to its destination, although nobody was there to hear so.

Decided on what Vault shows, and only where nothing else can be of the same size. Must not know what is concluded.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread

from asyncup.bulk.journal.entry import Entry
from asyncup.bulk.lanes.same_file import is_outdated, md5_of
from asyncup.bulk.lanes.tools import LaneTools
from asyncup.errors import LoginError, VaultError
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.transfer import Transfer

__all__ = ["Arrival"]

_LOOKS_FOR_COMMITTED_FILE = 2
"""A session that is gone without our knowing was committed just before a kill, or expired long ago."""


class Arrival:
    """What the destination of one file shows.

    Args:
        entry: the file.
        tools: what it is sent with.
        transfer: the file, open.
        overwrite: whether it may replace what is there.
    """

    def __init__(self, entry: Entry, tools: LaneTools, transfer: Transfer, *, overwrite: bool) -> None:
        self._entry = entry
        self._tools = tools
        self._transfer = transfer
        self._overwrite = overwrite
        self._destination = entry.destination or ""

    async def was_committed(self) -> bool:
        """Tell whether the file is visible whose session is gone: an earlier run may have died behind its commit."""
        vault = self._tools.vault
        for look in range(_LOOKS_FOR_COMMITTED_FILE):
            if look:
                await vault.calls.wait(vault.limits.job_poll_interval_s)
            if await self._is_visible():
                return True
        return False

    async def is_this_file(self) -> bool:
        """Tell whether what has the name is this very file, which a killed run may have sent unheard.

        Read back: a listing of the folder may be a thousand calls long, and shows sizes only.
        """
        transfer, size = self._transfer, self._transfer.source.size
        if not size:
            return await self._is_visible()
        if not await self._may_be():
            return False
        async with _taken(transfer.memory, size):
            try:
                # One byte more than it has, where that may be asked for, shows that this is all.
                length = min(size + 1, transfer.vault.limits.max_item_size)
                there = await transfer.vault.download(self._destination, offset=0, length=length)
            except VaultError as refusal:
                if isinstance(refusal, LoginError):
                    raise
                return await self._is_visible()
            if len(there) != size:
                return False
            return await md5_of(transfer.source) == await anyio.to_thread.run_sync(_md5_of, there)

    async def _is_visible(self) -> bool:
        if not await self._may_be():
            return False
        return await self._tools.in_place.look_again(self._destination) == self._transfer.source.size

    async def _may_be(self) -> bool:
        if not self._tools.look_first and (self._entry.attempts <= 1 or self._overwrite):
            # Nobody has looked what was there before: another file of that size, perhaps.
            return False
        return not await is_outdated(self._entry, self._transfer.source.identity)


@asynccontextmanager
async def _taken(memory: MemoryBudget, length: int) -> AsyncIterator[None]:
    await memory.take(length)
    try:
        yield
    finally:
        memory.give_back(length)


def _md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
