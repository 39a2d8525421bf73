"""Settling doubts: was it done, although no answer says so? Decided on what Vault shows, never on a guess.

Each function asks Vault and returns the result that the lost answer would have given, or None when Vault shows that
nothing was done, so that the same may be sent again. Must not know why there is a doubt.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Protocol

import anyio.to_thread

from asyncup.errors import AccessRefused, LoginError, UploadSessionNotFound, VaultError
from asyncup.protocol.fields import moment
from asyncup.protocol.limits import Limits
from asyncup.protocol.paths import parent_of, same_path
from asyncup.protocol.requests import Operation
from asyncup.protocol.responses import Item, UploadSession
from asyncup.protocol.retry import Verdict, classify

__all__ = [
    "DoubtfulCommit",
    "find_created_file",
    "find_created_folder",
    "find_created_session",
    "is_deleted",
    "is_moved",
]

_LOOKS_FOR_COMMITTED_FILE = 6
"""How often the folder is listed, one job poll interval apart, before a commit whose session is gone counts as lost."""


class ShowsItems(Protocol):
    """What a `Vault` can be asked about its files."""

    def each_item(self, folder: str) -> AsyncGenerator[Item, None]:
        """Yield what a folder holds, page by page."""
        ...

    async def download(self, item: str, *, offset: int, length: int) -> bytes:
        """Return a range of a file."""
        ...


class ShowsUploadSessions(ShowsItems, Protocol):
    """What a `Vault` can be asked about its upload sessions, and the files that they became."""

    limits: Limits

    async def own_user_id(self) -> int | None:
        """Return who is logged in, if Vault says so."""
        ...

    async def upload_session(self, session_id: str) -> UploadSession:
        """Return one upload session."""
        ...


async def find_created_session(
    vault: ShowsUploadSessions, listed: Sequence[UploadSession], path: str, size: int
) -> UploadSession | None:
    """Look for the upload session that a lost answer spoke of: same path, same size, ours, no parts yet, the newest.

    An administrator sees everybody's, but only a session's owner may upload into it (documented). An empty one of ours
    that was left by an earlier run is as good as the lost one.
    """
    fitting = [
        session
        for session in listed
        if session.path is not None
        and same_path(session.path, path)
        and session.size == size
        and not session.uploaded
        and not session.uploaded_parts
    ]
    if any(session.owner is not None for session in fitting):
        user_id = await vault.own_user_id()
        fitting = [session for session in fitting if user_id is None or session.owner in (None, user_id)]
    return max(fitting, key=lambda session: session.created_date or "", default=None)


async def find_created_folder(vault: ShowsItems, path: str) -> Item | None:
    """Look for the folder that a lost answer spoke of. Who made it is all the same."""
    item = await _listed(vault, path)
    return None if item is None or item.is_file else item


async def is_deleted(vault: ShowsItems, item: str) -> bool:
    """Tell whether an item is gone, after a deletion whose answer was lost. A refused listing proves nothing."""
    return await _row_of(vault, item) is None


async def is_moved(vault: ShowsItems, item: str, destination: str) -> bool:
    """Tell whether an item is in its new place and not in its old one, after a move whose answer was lost.

    While both or none of them are there, the answer is no: the same move again is then refused, or does the rest.
    """
    return await is_deleted(vault, item) and not await is_deleted(vault, destination)


async def find_created_file(vault: ShowsItems, path: str, size: int, md5: bytes) -> Item | None:
    """Look for a small file that a lost answer spoke of. A listing has no MD5, so the bytes are read back."""
    item = await _listed_file(vault, path)
    if item is None or item.size != size:
        return None
    content = await vault.download(path, offset=0, length=size) if size else b""
    digest = await anyio.to_thread.run_sync(lambda: hashlib.md5(content, usedforsecurity=False).digest())
    return item if digest == md5 else None


class DoubtfulCommit:
    """Finds out whether a commit was taken whose answer was lost. `wait` lets a number of seconds pass."""

    def __init__(
        self, vault: ShowsUploadSessions, session: UploadSession, wait: Callable[[float], Awaitable[None]]
    ) -> None:
        self._vault = vault
        self._session = session
        self._wait = wait

    async def settle(self) -> int | None:
        """Return 0, for a job without a known id, when the commit was taken; None when the session is still open.

        Raises:
            UploadSessionNotFound: the session is gone, and the file did not appear within a minute.
        """
        try:
            await self._vault.upload_session(self._session.id)
        except UploadSessionNotFound:
            for _ in range(_LOOKS_FOR_COMMITTED_FILE):
                if await self._visible():
                    return 0
                await self._wait(self._vault.limits.job_poll_interval_s)
            raise
        return None

    async def _visible(self) -> bool:
        if self._session.path is None:
            return False
        item = await _listed_file(self._vault, self._session.path)
        if item is None or item.size != self._session.size:
            return False
        # A file of that size may have been there before, to be overwritten: it proves nothing.
        modified, created = moment(item.modified_date), moment(self._session.created_date)
        return modified is None or created is None or modified >= created


async def _listed_file(vault: ShowsItems, path: str) -> Item | None:
    item = await _listed(vault, path)
    return item if item is not None and item.is_file else None


async def _listed(vault: ShowsItems, path: str) -> Item | None:
    try:
        return await _row_of(vault, path)
    except VaultError as error:
        if isinstance(error, LoginError | AccessRefused) or error.operation != Operation.LIST_ITEMS.value:
            raise
        if classify(Operation.LIST_ITEMS, error) is not Verdict.GIVE_UP:
            raise
        # What Vault answers for a folder that is not there is unknown; nothing is in it either, then.
        return None


async def _row_of(vault: ShowsItems, path: str) -> Item | None:
    """Look through the folder no further than to the item, and keep nothing of it: it may hold a million."""
    async with aclosing(vault.each_item(parent_of(path))) as items:
        async for item in items:
            if same_path(item.path, path):
                return item
    return None
