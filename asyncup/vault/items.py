"""The endpoints of file staging's items: small files, folders, listings, downloads."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from asyncup.errors import ConfigurationError
from asyncup.protocol import requests
from asyncup.protocol.answers import read_json, read_range
from asyncup.protocol.limits import Limits
from asyncup.protocol.paths import is_inside, join, name_of, parent_of
from asyncup.protocol.responses import Item, read_created_item, read_items, read_started_job
from asyncup.vault.calls import Calls
from asyncup.vault.endpoints import Endpoints
from asyncup.vault.folders import Folders
from asyncup.vault.reconcile import find_created_file, find_created_folder, is_deleted, is_moved
from asyncup.vault.small_body import FramedBody
from asyncup.vault.transport import DEFAULT_PATIENCE, Body, Patience

__all__ = ["ItemEndpoints"]


class ItemEndpoints(Endpoints):
    """Create, list and download items.

    Attributes:
        folders: makes the folders that a file needs, each once.
    """

    def __init__(self, calls: Calls, limits: Limits) -> None:
        super().__init__(calls, limits)
        self.folders = Folders(self.create_folder)
        self._boundary_key, self._boundary_count = secrets.token_bytes(16), itertools.count()

    async def create_file(  # noqa: PLR0913 - the hooks are keyword-only and have a default
        self,
        path: str,
        body: Body,
        md5: bytes,
        *,
        overwrite: bool = False,
        content_md5: str | None = None,
        patience: Patience = DEFAULT_PATIENCE,
        on_started: Callable[[], None] | None = None,
        on_written: Callable[[int], None] | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> Item:
        """Send a small file in one request. `md5` is the digest of `body`; it settles a lost answer."""
        request, before, behind = requests.create_file(
            path, overwrite=overwrite, content_md5=content_md5, boundary=self._boundary()
        )
        framed = FramedBody(before, body, behind)
        return await self.calls.repeat(
            request.operation,
            lambda: self.calls.once(
                request,
                lambda answer: read_created_item(request.operation, answer),
                body=framed,
                patience=patience,
                on_started=on_started,
                on_written=on_written,
                on_sent=on_sent,
            ),
            lambda: find_created_file(self, path, body.length, md5),
        )

    async def find_file(self, path: str, size: int, md5: bytes) -> Item | None:
        """Return a file's row when it is there with these bytes, which are read back; None otherwise."""
        return await find_created_file(self, path, size, md5)

    async def move_item(self, item: str, *, parent: str | None = None, name: str | None = None) -> int | None:
        """Give an item another folder, another name, or both. Return the job that does it, if Vault names one.

        When the answer is lost, the item is looked for in both places before the same is asked again.

        Raises:
            ConfigurationError: neither is given.
        """
        if parent is None and name is None:
            raise ConfigurationError("moving an item needs another folder or another name")
        request = requests.move_item(item, parent=parent, name=name)
        target = join(parent_of(item) if parent is None else parent, name_of(item) if name is None else name)
        return await self._start_job(item, request, lambda: is_moved(self, item, target))

    async def delete_item(self, item: str, *, recursive: bool = False) -> int | None:
        """Delete a file or folder; one that is not empty needs `recursive`. Return the job, if Vault names one.

        When the answer is lost, the item is looked for before the same is asked again.
        """
        request = requests.delete_item(item, recursive=recursive)
        return await self._start_job(item, request, lambda: is_deleted(self, item))

    async def create_folder(self, path: str) -> None:
        """Create one folder, whose parent must exist. `folders.ensure` makes the parents, too.

        Raises:
            ItemExists: there is a folder or file of that name, and no attempt of ours may have made it.
        """
        request = requests.create_folder(path)
        await self.calls.repeat(
            request.operation,
            lambda: self.calls.once(request, lambda answer: read_json(request.operation, answer)),
            lambda: self._settle_folder(path),
        )

    async def list_items(self, folder: str, *, recursive: bool = False) -> list[Item]:
        """Return what a folder holds.

        Veeva's sample of a listing has rows of a neighbour whose name only begins alike, so what is not inside the
        folder is left out here.
        """
        return [item async for item in self.each_item(folder, recursive=recursive)]

    async def each_item(self, folder: str, *, recursive: bool = False) -> AsyncGenerator[Item, None]:
        """Yield what a folder holds, in Vault's order and page by page: for folders of which no list should be made."""
        async with aclosing(self.item_pages(folder, recursive=recursive)) as pages:
            async for items in pages:
                for item in items:
                    yield item

    async def item_pages(self, folder: str, *, recursive: bool = False) -> AsyncGenerator[list[Item], None]:
        """Yield what a folder holds page by page: for folders that may be too large to be held."""
        async with aclosing(self.each_page(requests.list_items(folder, recursive=recursive), read_items)) as pages:
            async for rows in pages:
                yield [item for item in rows if is_inside(item.path, folder)]

    async def download(self, item: str, *, offset: int, length: int) -> bytes:
        """Return `length` bytes of a file from `offset` on, fewer only at its end; at most 50 MB (documented).

        Raises:
            ConfigurationError: there is no such range.
            MalformedAnswer: what came is not the range that was asked for.
        """
        if offset < 0 or length < 1:
            raise ConfigurationError(f"there is no range of {length} bytes from {offset} on")
        request = requests.download(item, offset=offset, length=length)
        return await self.calls.ask(
            request, lambda answer: read_range(request.operation, answer, offset=offset, length=length)
        )

    def _boundary(self) -> str:
        """Return what no file holds. To ask the system for so much chance for every small file takes longer."""
        count = next(self._boundary_count).to_bytes(8, "big")
        return hashlib.blake2b(count, key=self._boundary_key, digest_size=16).hexdigest()

    async def _settle_folder(self, path: str) -> dict[str, object] | None:
        return None if await find_created_folder(self, path) is None else {}

    async def _start_job(
        self, item: str, request: requests.Request, is_done: Callable[[], Awaitable[bool]]
    ) -> int | None:
        async def once() -> int:
            return await self.calls.once(request, lambda answer: read_started_job(request.operation, answer)) or 0

        async def settle() -> int | None:
            return 0 if await is_done() else None

        self.folders.forget(item)
        return await self.calls.repeat(request.operation, once, settle) or None
