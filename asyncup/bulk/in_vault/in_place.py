"""What is in Vault's destination folders already, each listed at most once per run, and only when a file goes there.

Below the run's destination the parent is listed before the folder: of a tree that is not there yet one call tells.
Large folders are kept in a temporary table beside the journal, small ones in memory. Must not know what is concluded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Final

import anyio

from asyncup.bulk.journal.entry import Matching
from asyncup.bulk.journal.journal import Journal
from asyncup.bulk.journal.rows import destination_key
from asyncup.errors import AccessRefused, LoginError, VaultError
from asyncup.protocol.paths import is_inside, join, name_of, parent_of, same_path
from asyncup.protocol.requests import Operation
from asyncup.protocol.responses import Item
from asyncup.protocol.retry import Verdict, classify
from asyncup.vault.client import Vault

__all__ = ["A_FOLDER", "InPlace"]

A_FOLDER: Final = -1
"""What stands for a size where a folder has the name."""

_MOST_IN_MEMORY = 20_000
"""Items over all folders; what is listed beyond them goes into the table."""

_TABLE = "CREATE TEMP TABLE IF NOT EXISTS listed (item BLOB PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID"

_Listed = dict[bytes, int] | None
"""Sizes by key; None for a folder that is in the table."""


class InPlace:
    """Answers what Vault has at a path.

    Args:
        vault: the Vault.
        journal: beside which large folders are kept.
        on_listed: told of every folder that was listed, with its number of items; None when there is no such folder.
    """

    def __init__(self, vault: Vault, journal: Journal, on_listed: Callable[[str, int | None], None]) -> None:
        self._vault = vault
        self._journal = journal
        self._on_listed = on_listed
        # Upper and lower case are told apart: of two names that differ only there, one is not the other in place.
        self._matching = Matching.EXACT if journal.key.matching is Matching.EXACT else Matching.NFC
        self._folders: dict[str, _Listed] = {}
        self._missing: set[str] = set()
        self._looking: dict[str, anyio.Lock] = {}
        self._in_memory = 0

    async def size_of(self, path: str) -> int | None:
        """Return the size of the file that is at `path`, `A_FOLDER`, or None when nothing is, or nothing can be seen.

        Raises:
            AsyncupError: Vault is away, or the login is not accepted.
        """
        folder = parent_of(path)
        await self._look(folder)
        return None if folder in self._missing else await self._find(folder, path)

    async def look_again(self, path: str) -> int | None:
        """Return what `size_of` returns, as it is at this moment."""
        async with aclosing(self._vault.item_pages(parent_of(path))) as pages:
            try:
                async for page in pages:
                    for item in page:
                        if same_path(item.path, path):
                            return _size(item)
            except VaultError as error:
                _refuse_other_trouble(error)
        return None

    async def _find(self, folder: str, path: str) -> int | None:
        listed = self._folders[folder]
        if listed is not None and not listed:
            return None
        key = self._key(path)
        if listed is not None:
            return listed.get(key)

        def find(connection: sqlite3.Connection) -> int | None:
            row = connection.execute("SELECT size FROM listed WHERE item = ?", (key,)).fetchone()
            return None if row is None else int(row[0])

        return await self._journal.beside(find)

    async def _look(self, folder: str) -> None:
        if folder in self._folders or folder in self._missing:
            return
        async with self._alone(folder):
            if folder in self._folders or folder in self._missing:
                return
            if await self._is_there(folder):
                await self._list(folder)
            else:
                self._missing.add(folder)

    async def _is_there(self, folder: str) -> bool:
        """Tell what the parent says of a folder; True when it is not to be asked: a home folder may be anything."""
        top, parent = self._journal.key.destination, parent_of(folder)
        if not is_inside(folder, top) or parent.count("/") == 1:
            return True
        await self._look(parent)
        return parent not in self._missing and await self._find(parent, folder) == A_FOLDER

    async def _list(self, folder: str) -> None:
        items = 0
        listed: dict[bytes, int] = {}
        try:
            async with aclosing(self._vault.item_pages(folder)) as pages:
                async for page in pages:
                    found = {self._key(join(folder, name_of(item.path))): _size(item) for item in page}
                    items += len(found)
                    listed |= found
                    if self._in_memory + len(listed) > _MOST_IN_MEMORY:
                        await self._spill(listed)
                        listed = {}
        except VaultError as error:
            _refuse_other_trouble(error)
            self._missing.add(folder)
            self._on_listed(folder, None)
            return
        if len(listed) < items:
            await self._spill(listed)
            self._folders[folder] = None
        else:
            self._in_memory += items
            self._folders[folder] = listed
        self._on_listed(folder, items)

    async def _spill(self, listed: dict[bytes, int]) -> None:
        def keep(connection: sqlite3.Connection) -> None:
            connection.execute(_TABLE)
            connection.executemany("INSERT OR REPLACE INTO temp.listed VALUES (?, ?)", listed.items())

        await self._journal.beside(keep)

    @asynccontextmanager
    async def _alone(self, folder: str) -> AsyncIterator[None]:
        """Let one lane list a folder, and the others wait for it."""
        lock = self._looking.setdefault(folder, anyio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.statistics().tasks_waiting:
                self._looking.pop(folder, None)

    def _key(self, path: str) -> bytes:
        return destination_key(path, self._matching)


def _size(item: Item) -> int:
    return (item.size or 0) if item.is_file else A_FOLDER


def _refuse_other_trouble(error: VaultError) -> None:
    """Raise what says nothing of the folder. What Vault answers for one that is not there is unknown."""
    if isinstance(error, LoginError) or error.operation != Operation.LIST_ITEMS.value:
        raise error
    if not isinstance(error, AccessRefused) and classify(Operation.LIST_ITEMS, error) is not Verdict.GIVE_UP:
        raise error
