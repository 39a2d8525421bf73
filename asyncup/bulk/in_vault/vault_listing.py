"""What Vault's folders list, asked once per folder and remembered while there is room: for many questions about files.

A listing costs a call per thousand rows, and a question per file one call each: so a folder is listed as a whole.
Must not know why somebody asks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import anyio

from asyncup.errors import AccessRefused, LoginError, VaultError
from asyncup.protocol.paths import parent_of
from asyncup.protocol.requests import Operation
from asyncup.protocol.responses import Item
from asyncup.protocol.retry import Verdict, classify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["ListsItems", "VaultListing"]

_REMEMBERED_ROWS = 200_000
"""About 30 MB. The folder that is asked about is remembered in any case."""


class ListsItems(Protocol):
    """What a `Vault` can be asked about its folders."""

    async def list_items(self, folder: str) -> list[Item]:
        """Return what a folder holds."""
        ...


class VaultListing:
    """Sizes of files as Vault lists them. What changes there after a folder was listed is not seen.

    Args:
        vault: where.
        remembered_rows: how many rows are kept.
    """

    def __init__(self, vault: ListsItems, *, remembered_rows: int = _REMEMBERED_ROWS) -> None:
        self._vault = vault
        self._remembered_rows = remembered_rows
        self._folders: OrderedDict[str, Mapping[str, int]] = OrderedDict()
        self._asking: dict[str, anyio.Lock] = {}

    async def size_of(self, path: str) -> int | None:
        """Return the size that is listed for a file; None when there is no such file.

        Raises:
            AsyncupError: Vault is away, or shows nothing to this user.
        """
        folder = parent_of(path)
        async with self._one_at_a_time(folder):
            sizes = self._folders.get(folder)
            if sizes is None:
                sizes = await self._list(folder)
                self._remember(folder, sizes)
            else:
                self._folders.move_to_end(folder)
        return sizes.get(path.strip("/"))

    @asynccontextmanager
    async def _one_at_a_time(self, folder: str) -> AsyncIterator[None]:
        """Let others who ask about a folder wait until it is listed."""
        lock = self._asking.setdefault(folder, anyio.Lock())
        async with lock:
            try:
                yield
            finally:
                if not lock.statistics().tasks_waiting:
                    self._asking.pop(folder, None)

    async def _list(self, folder: str) -> Mapping[str, int]:
        try:
            items = await self._vault.list_items(folder)
        except (LoginError, AccessRefused):
            raise
        except VaultError as error:
            if classify(Operation.LIST_ITEMS, error) is not Verdict.GIVE_UP:
                raise
            # What Vault answers for a folder that is not there is unknown; a file is not there either, then.
            return {}
        return {item.path.strip("/"): item.size or 0 for item in items if item.is_file}

    def _remember(self, folder: str, sizes: Mapping[str, int]) -> None:
        self._folders[folder] = sizes
        while len(self._folders) > 1 and sum(map(len, self._folders.values())) > self._remembered_rows:
            self._folders.popitem(last=False)
