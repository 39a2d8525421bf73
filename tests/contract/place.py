"""A folder of our own in some Vault: all that a contract test is given, whatever Vault it is.

Against the emulator, time is virtual: it passes while the client waits. Against a live Vault it is the machine's.
"""

from __future__ import annotations

import itertools
import random
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from asyncup import UploadedFile, UploadOptions, Vault, VaultError, upload_file
from asyncup.emulator import RunningEmulator
from asyncup.protocol import requests
from asyncup.protocol.paths import same_path
from asyncup.protocol.requests import Request
from asyncup.protocol.responses import HeldPart, Item, UploadSession, read_items, read_parts

__all__ = ["BytesBody", "Place"]


@dataclass(frozen=True, slots=True)
class BytesBody:
    """Bytes in memory as a payload."""

    content: bytes

    @property
    def length(self) -> int:
        """Bytes in all."""
        return len(self.content)

    async def slices(self) -> AsyncIterator[memoryview]:
        """See `asyncup.vault.transport.Body.slices`."""
        yield memoryview(self.content)


@dataclass(frozen=True)
class Place:
    """Where a contract test works.

    Attributes:
        vault: the client.
        user_id: who is logged in.
        folder: a folder that is empty at first, without a slash at its end, so that the root is "".
        part: the bytes of a part: the least that this Vault takes for one that is not the last.
        local: a folder on this machine.
        emulator: the Vault, when it is the emulator.
        ssl_context: for another client of the same Vault.
    """

    vault: Vault
    user_id: int
    folder: str
    part: int
    local: Path
    emulator: RunningEmulator | None
    ssl_context: ssl.SSLContext | None
    _contents: Iterator[int] = field(default_factory=itertools.count, repr=False)

    @property
    def through_session(self) -> UploadOptions:
        """Upload through an upload session, whatever the size, in parts of the least size."""
        return UploadOptions(part_size=self.part, small_file_max=0)

    def path(self, *names: str) -> str:
        """Return a path in our folder."""
        return "/".join([self.folder, *names])

    def content(self, length: int) -> bytes:
        """Return bytes that no other call returns."""
        return random.Random(next(self._contents)).randbytes(length)

    def file(self, content: bytes) -> Path:
        """Return a local file."""
        path = self.local / f"{next(self._contents)}.bin"
        path.write_bytes(content)
        return path

    async def upload(
        self, path: str, content: bytes, *, overwrite: bool = False, options: UploadOptions | None = None
    ) -> UploadedFile:
        """Upload bytes to a path, through an upload session unless the options say otherwise."""
        options = options or self.through_session
        return await upload_file(self.file(content), path, vault=self.vault, overwrite=overwrite, options=options)

    async def upload_small(self, path: str, content: bytes, *, overwrite: bool = False) -> UploadedFile:
        """Upload bytes to a path in one request."""
        return await self.upload(path, content, overwrite=overwrite, options=UploadOptions())

    async def session(self, name: str, size: int, *, overwrite: bool = False) -> UploadSession:
        """Open an upload session for a file in our folder."""
        return await self.vault.create_upload_session(self.path(name), size, overwrite=overwrite)

    async def put(
        self, session: UploadSession, number: int, content: bytes, content_md5: str | None = None
    ) -> HeldPart:
        """Send one part, once."""
        return await self.vault.put_part(session.id, number, BytesBody(content), content_md5=content_md5)

    async def commit(self, session: UploadSession) -> int | None:
        """Commit, and wait for the job."""
        job_id = await self.vault.commit_upload_session(session)
        if job_id is not None:
            await self.vault.wait_for_job(job_id)
        return job_id

    async def settle(self, job_id: int | None) -> None:
        """Wait for the job of a move or deletion."""
        assert job_id is not None
        await self.vault.wait_for_job(job_id)

    async def listed(self, folder: str | None = None, *, recursive: bool = False) -> list[Item]:
        """Return what a folder holds, ours by default."""
        return await self.vault.list_items(self.folder if folder is None else folder, recursive=recursive)

    async def names(self, folder: str | None = None) -> list[str]:
        """Return the names of what a folder holds, sorted."""
        return sorted(item.path.rstrip("/").rpartition("/")[2] for item in await self.listed(folder))

    async def item(self, path: str) -> Item | None:
        """Return what the listing of its folder says of a path."""
        listed = await self.listed(path.rpartition("/")[0])
        return next((item for item in listed if same_path(item.path, path)), None)

    async def stored(self, path: str) -> bytes:
        """Return a file's bytes. It must be listed, with the size that it has."""
        item = await self.item(path)
        assert item is not None, f"{path} is not listed"
        assert item.is_file
        assert item.size is not None
        if not item.size:
            return b""
        content = await self.vault.download(path, offset=0, length=item.size)
        assert len(content) == item.size
        return content

    async def is_missing(self, path: str) -> bool:
        """Tell whether a path is neither listed nor to be downloaded."""
        with suppress(VaultError):  # the folder may be missing, too
            if await self.item(path) is not None:
                return False
        with suppress(VaultError):
            await self.vault.download(path, offset=0, length=1)
            return False
        return True

    async def state(self, session: UploadSession) -> tuple[UploadSession, list[HeldPart]]:
        """Return all that Vault says of an upload session."""
        return await self.vault.upload_session(session.id), await self.vault.list_parts(session.id)

    async def paged_items(self, folder: str, *, limit: int) -> list[Item]:
        """Return what a folder holds, asked for in pages of `limit`."""
        return await self.vault.all_pages(_in_pages(requests.list_items(folder, recursive=False), limit), read_items)

    async def paged_parts(self, session: UploadSession, *, limit: int) -> list[HeldPart]:
        """Return the parts of an upload session, asked for in pages of `limit`."""
        return await self.vault.all_pages(_in_pages(requests.list_parts(session.id), limit), read_parts)

    @contextmanager
    def refused(self) -> Iterator[None]:
        """Expect that Vault says no. Which type and text it says it with is unknown for most refusals."""
        with pytest.raises(VaultError):
            yield


def _in_pages(request: Request, limit: int) -> Request:
    assert "limit=1000" in request.target
    return replace(request, target=request.target.replace("limit=1000", f"limit={limit}"))
