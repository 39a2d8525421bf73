"""Comparing what should be in Vault with what is there: by the sizes that it lists, or by every byte.

Every input gets its record, whatever is wrong with it, in the order of the inputs. Must not know where the inputs come
from, or what is done with the records.
"""

from __future__ import annotations

import enum
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import anyio
import anyio.to_thread

from asyncup.bulk.in_vault.read_back import Downloads, md5_read_back
from asyncup.bulk.in_vault.vault_listing import ListsItems, VaultListing
from asyncup.bulk.inputs.item import BrokenInput, Input, UploadItem
from asyncup.errors import AsyncupError, LoginError, SourceError, SourceUnreadable, TlsRefused, VaultUnreachable

__all__ = ["Check", "Verified", "VerifiedVault", "verify"]

_ABOUT_THE_VAULT = (LoginError, TlsRefused, VaultUnreachable)
"""The next question would end alike, and repeating it can lock a user out."""

_AT_ONCE = 8
_BATCH = 256
_READ_BYTES = 4 * 1024 * 1024


class Check(enum.StrEnum):
    """How a comparison ended."""

    SAME = "SAME"
    DIFFERS = "DIFFERS"
    MISSING = "MISSING"
    UNKNOWN = "UNKNOWN"
    """Here is nothing to compare with: the manifest does not tell, and the local file cannot be read."""
    BROKEN = "BROKEN"
    """The row is none that names a file."""
    FAILED = "FAILED"
    """Vault did not tell."""


class VerifiedVault(ListsItems, Downloads, Protocol):
    """What of a `Vault` is needed here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """One comparison.

    Attributes:
        check: how it ended.
        file: the local file.
        path: its place in Vault; None when the row is broken.
        row: its line in the manifest, counted from 1.
        size: bytes that it should have, as far as they are known.
        vault_size: bytes that Vault lists; None when it lists no such file, or was not asked.
        md5: the MD5 that it should have; None when sizes were enough.
        vault_md5: the MD5 of what Vault sent back.
        reason: in words why it is not SAME; empty when it is.
        error: what Vault answered, when the check FAILED.
    """

    check: Check
    file: str
    path: str | None
    row: int | None = None
    size: int | None = None
    vault_size: int | None = None
    md5: str | None = None
    vault_md5: str | None = None
    reason: str = ""
    error: AsyncupError | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the keys of a line of JSON, in their order."""
        names = ("check", "row", "file", "path", "size", "vault_size", "md5", "vault_md5", "reason")
        return {name: getattr(self, name) for name in names}


async def verify(
    inputs: AsyncIterable[Input], vault: VerifiedVault, *, every_byte: bool, at_once: int = _AT_ONCE
) -> AsyncGenerator[Verified]:
    """Yield a record for every input, in their order; close it when it is not read to the end.

    A size or MD5 that the input does not tell is taken from the local file.

    Args:
        inputs: what should be in Vault.
        vault: where to look.
        every_byte: download every file and compare its MD5; otherwise sizes are enough.
        at_once: files that are looked at together.

    Raises:
        AsyncupError: the inputs cannot be read on; or the Vault is away or refuses the login, so that every further
            question would end alike.
    """
    compared = _Comparison(vault, every_byte=every_byte, at_once=at_once)
    async for batch in _batches(inputs):
        for verified in await compared.batch(batch):
            yield verified
            if isinstance(verified.error, _ABOUT_THE_VAULT):
                raise verified.error


async def _batches(inputs: AsyncIterable[Input]) -> AsyncGenerator[list[Input]]:
    batch: list[Input] = []
    async for one in inputs:
        batch.append(one)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class _Comparison:
    def __init__(self, vault: VerifiedVault, *, every_byte: bool, at_once: int) -> None:
        self._vault = vault
        self._listing = VaultListing(vault)
        self._every_byte = every_byte
        self._free = anyio.CapacityLimiter(at_once)

    async def batch(self, batch: list[Input]) -> list[Verified]:
        """Return the records of a batch, in its order; only those that there are when the Vault is away."""
        records: dict[int, Verified] = {}

        async def verify_one(number: int, one: Input) -> None:
            async with self._free:
                records[number] = await _verified(one, self._vault, self._listing, every_byte=self._every_byte)
            if isinstance(records[number].error, _ABOUT_THE_VAULT):
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for number, one in enumerate(batch):
                group.start_soon(verify_one, number, one)
        return [records[number] for number in sorted(records)]


async def _verified(one: Input, vault: VerifiedVault, listing: VaultListing, *, every_byte: bool) -> Verified:
    if isinstance(one, BrokenInput):
        return Verified(check=Check.BROKEN, file=one.name, path=None, row=one.row, reason=one.reason)
    record = Verified(check=Check.SAME, file=one.file, path=one.path, row=one.row, size=one.size)
    try:
        record = await _compare_sizes(one, record, listing)
        if record.check is Check.SAME and every_byte:
            record = await _compare_bytes(one, record, vault)
    except SourceError as error:
        record = replace(record, check=Check.UNKNOWN, reason=f"there is nothing to compare with: {error}")
    except AsyncupError as error:
        record = replace(record, check=Check.FAILED, reason=str(error), error=error)
    return record


async def _compare_sizes(item: UploadItem, record: Verified, listing: VaultListing) -> Verified:
    vault_size = await listing.size_of(item.path)
    if vault_size is None:
        return replace(record, check=Check.MISSING, reason="Vault lists no such file")
    size = item.size if item.size is not None else await anyio.to_thread.run_sync(_size_here, item.file)
    record = replace(record, size=size, vault_size=vault_size)
    if size == vault_size:
        return record
    return replace(record, check=Check.DIFFERS, reason=f"it should have {size} bytes, and Vault lists {vault_size}")


async def _compare_bytes(item: UploadItem, record: Verified, vault: VerifiedVault) -> Verified:
    md5 = item.md5 if item.md5 is not None else await anyio.to_thread.run_sync(_md5_here, item.file)
    vault_md5 = await md5_read_back(vault, item.path, record.size or 0)
    record = replace(record, md5=md5, vault_md5=vault_md5)
    if md5 == vault_md5:
        return record
    reason = f"its MD5 should be {md5}, and what Vault sent back has {vault_md5}"
    return replace(record, check=Check.DIFFERS, reason=reason)


def _size_here(file: str) -> int:
    try:
        return os.stat(file).st_size  # noqa: PTH116 - names that are not Unicode stay as they are
    except (OSError, ValueError) as error:
        raise SourceUnreadable(file, f"{file} cannot be looked at: {error}") from error


def _md5_here(file: str) -> str:
    md5 = hashlib.md5(usedforsecurity=False)
    try:
        with open(file, "rb") as opened:  # noqa: PTH123 - see above
            while content := opened.read(_READ_BYTES):
                md5.update(content)
    except (OSError, ValueError) as error:
        raise SourceUnreadable(file, f"{file} cannot be read: {error}") from error
    return md5.hexdigest()
