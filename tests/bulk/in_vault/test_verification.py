"""What should be in Vault compared with what is there: sizes by listings, bytes by their MD5."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import anyio.lowlevel
import pytest

from asyncup.bulk.in_vault.verification import Check, Verified, verify
from asyncup.bulk.inputs.item import BrokenInput, Input, Trouble, UploadItem
from asyncup.errors import Phase, TransportError, VaultError, VaultUnreachable
from asyncup.protocol.paths import parent_of
from asyncup.protocol.requests import Operation
from asyncup.protocol.responses import Item

pytestmark = pytest.mark.anyio


class FakeVault:
    """Files in folders; whatever is asked about a folder in `trouble` fails."""

    def __init__(self, **files: bytes) -> None:
        self.files = {f"/{name.replace('__', '/')}": content for name, content in files.items()}
        self.listed: Counter[str] = Counter()
        self.trouble: dict[str, Exception] = {}

    async def list_items(self, folder: str) -> list[Item]:
        self.listed[folder] += 1
        await anyio.lowlevel.checkpoint()
        if folder in self.trouble:
            raise self.trouble[folder]
        return [
            Item("file", path, len(content), None) for path, content in self.files.items() if parent_of(path) == folder
        ]

    async def download(self, item: str, *, offset: int, length: int) -> bytes:
        await anyio.lowlevel.checkpoint()
        return self.files[item][offset : offset + length]


async def records_of(
    inputs: Sequence[Input], vault: FakeVault, *, every_byte: bool = False, at_once: int = 8
) -> list[Verified]:
    async def given() -> AsyncIterator[Input]:
        for one in inputs:
            yield one

    return [record async for record in verify(given(), vault, every_byte=every_byte, at_once=at_once)]


def item(path: str, *, size: int | None = None) -> UploadItem:
    return UploadItem(file="/nowhere" + path, path=path, size=size)


async def test_sizes_cost_one_listing_per_folder() -> None:
    vault = FakeVault(a__1=b"x", a__2=b"xy", b__1=b"xyz")
    inputs = [item("/a/1", size=1), item("/b/1", size=3), item("/a/2", size=3), item("/a/3", size=1)]
    records = await records_of(inputs, vault)
    assert [record.check for record in records] == [Check.SAME, Check.SAME, Check.DIFFERS, Check.MISSING]
    assert records[2].reason == "it should have 3 bytes, and Vault lists 2"
    assert [record.path for record in records] == ["/a/1", "/b/1", "/a/2", "/a/3"]
    assert vault.listed == {"/a": 1, "/b": 1}


async def test_a_size_that_nobody_tells_is_the_local_files(tmp_path: Path) -> None:
    here = tmp_path / "1"
    here.write_bytes(b"xyz")
    vault = FakeVault(a__1=b"xyz", a__2=b"x")
    [same, unknown] = await records_of([UploadItem(file=str(here), path="/a/1"), item("/a/2")], vault)
    assert (same.check, same.size, same.vault_size) == (Check.SAME, 3, 3)
    assert unknown.check is Check.UNKNOWN
    assert "/nowhere/a/2" in unknown.reason


@pytest.mark.parametrize("told", [True, False], ids=["manifest's MD5", "local file's MD5"])
async def test_bytes_of_the_same_size_that_differ_are_found(tmp_path: Path, *, told: bool) -> None:
    here = tmp_path / "1"
    here.write_bytes(b"xyz")
    md5 = hashlib.md5(b"xyz", usedforsecurity=False).hexdigest()
    vault = FakeVault(a__1=b"xyz", a__2=b"xyZ")
    inputs = [UploadItem(file=str(here), path=f"/a/{n}", size=3, md5=md5 if told else None) for n in (1, 2)]
    assert [record.check for record in await records_of(inputs, vault)] == [Check.SAME, Check.SAME]
    [same, differs] = await records_of(inputs, vault, every_byte=True)
    assert (same.check, same.md5, same.vault_md5) == (Check.SAME, md5, md5)
    assert differs.check is Check.DIFFERS
    assert differs.vault_md5 not in {None, md5}
    assert md5 in differs.reason


async def test_a_file_that_is_not_here_cannot_be_compared_by_bytes() -> None:
    [record] = await records_of([item("/a/1", size=1)], FakeVault(a__1=b"x"), every_byte=True)
    assert record.check is Check.UNKNOWN


async def test_a_broken_row_has_its_record() -> None:
    broken = BrokenInput(name="what", trouble=Trouble.EMPTY_PATH, reason="the path is empty", row=7)
    [record] = await records_of([broken], FakeVault())
    assert (record.check, record.row, record.file) == (Check.BROKEN, 7, "what")
    assert record.as_json()["reason"] == "the path is empty"


async def test_one_folder_that_cannot_be_asked_is_no_end() -> None:
    vault = FakeVault(a__1=b"x", b__1=b"x")
    vault.trouble["/a"] = TransportError("listing", Phase.ANSWER, "reset")
    [failed, same] = await records_of([item("/a/1", size=1), item("/b/1", size=1)], vault)
    assert (failed.check, same.check) == (Check.FAILED, Check.SAME)
    assert failed.error is vault.trouble["/a"]


async def test_a_folder_that_is_not_there_holds_no_file() -> None:
    vault = FakeVault()
    vault.trouble["/a"] = VaultError(Operation.LIST_ITEMS.value, status=200, error_type="MALFORMED_URL")
    [record] = await records_of([item("/a/1", size=1)], vault)
    assert record.check is Check.MISSING


async def test_a_vault_that_is_away_ends_it() -> None:
    vault = FakeVault(a__1=b"x")
    vault.trouble["/b"] = away = VaultUnreachable("listing", Phase.CONNECT, "refused")
    inputs = [item("/a/1", size=1), *(item(f"/b/{n}", size=1) for n in range(1000))]
    with pytest.raises(VaultUnreachable) as caught:
        await records_of(inputs, vault, at_once=1)
    assert caught.value is away
    assert vault.listed["/b"] == 1


async def test_many_batches_keep_their_order() -> None:
    vault = FakeVault()
    vault.files = {f"/a/{n}": b"x" for n in range(1000)}
    records = await records_of([item(f"/a/{n}", size=1) for n in range(1000)], vault)
    assert [record.path for record in records] == [f"/a/{n}" for n in range(1000)]
    assert vault.listed == {"/a": 1}
