"""Items: small files, folders, listings, downloads, moves and deletions."""

import json

import pytest
from hypothesis import example, given, strategies as st

from asyncup.errors import ConfigurationError, DestinationError, ItemExists, SourceChanged, VaultError
from asyncup.protocol.responses import Item
from asyncup.vault.transport import Patience
from tests.fakes.memory_body import MemoryBody
from tests.fakes.memory_vault import Endpoint, MemoryVault, flipped, raw

NAME = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)


@given(name=NAME, content=st.binary(max_size=500), overwrite=st.booleans())
@example(name='a"; b=\r', content=b"\r\n--", overwrite=True)
async def test_a_small_file_arrives_with_its_name_and_bytes(name: str, content: bytes, overwrite: bool) -> None:
    memory = MemoryVault()
    body, path = MemoryBody(content, 100), f"/u1/{name}"
    written: list[int] = []
    sent: list[bool] = []
    async with memory.vault() as vault:
        item = await vault.create_file(
            path,
            body,
            body.md5,
            overwrite=overwrite,
            content_md5=body.md5.hex(),
            patience=Patience(1, 2),
            on_written=written.append,
            on_sent=lambda: sent.append(True),
        )
        assert await vault.list_items("/u1") == [
            Item("file", path, len(content), None, (await vault.list_items("/u1"))[0].modified_date)
        ]
        if content:
            assert await vault.download(path, offset=0, length=len(content)) == content
            assert await vault.download(path, offset=1, length=len(content)) == content[1:]
    assert item == Item("file", path, len(content), body.md5.hex())
    assert memory.items == {path: content}
    assert sent == [True]
    assert sum(written) == memory.seen[0].taken > len(content)
    assert memory.seen[0].headers["Content-MD5"] == body.md5.hex()
    memory.assert_clean()


async def test_a_name_that_is_taken_is_said_at_once() -> None:
    memory, body = MemoryVault(), MemoryBody(b"new")
    memory.items["/u1/a"] = b"old"
    async with memory.vault() as vault:
        with pytest.raises(ItemExists):
            await vault.create_file("/u1/a", body, body.md5)
        assert memory.items == {"/u1/a": b"old"}
        await vault.create_file("/u1/a", body, body.md5, overwrite=True)
    assert memory.items == {"/u1/a": b"new"}
    assert memory.count(Endpoint.CREATE_ITEM) == 2
    assert memory.count(Endpoint.LIST_ITEMS) == 0


async def test_the_receipt_tells_what_vault_holds_even_when_it_is_wrong() -> None:
    memory, body = MemoryVault(), MemoryBody(b"content")
    memory.fail(Endpoint.CREATE_ITEM, flipped("store"))
    async with memory.vault() as vault:
        item = await vault.create_file("/u1/a", body, body.md5)
    assert item.md5 not in (None, body.md5.hex())


async def test_a_source_that_changed_is_not_tried_again() -> None:
    memory = MemoryVault()
    changed = SourceChanged("a", "b")
    body = MemoryBody(b"content", 2, fails_at=4, fails_with=changed)
    async with memory.vault() as vault:
        with pytest.raises(SourceChanged) as raised:
            await vault.create_file("/u1/a", body, body.md5)
    assert raised.value is changed
    assert (body.begun, memory.items) == (1, {})


async def test_each_attempt_has_a_boundary_that_nobody_can_guess() -> None:
    memory, body = MemoryVault(), MemoryBody(b"content")
    async with memory.vault() as vault:
        for _ in range(3):
            await vault.create_file("/u1/a", body, body.md5, overwrite=True)
    boundaries = {seen.headers["Content-Type"].partition("boundary=")[2] for seen in memory.seen}
    assert len(boundaries) == 3
    assert all(len(boundary) == 32 for boundary in boundaries)


async def test_folders() -> None:
    memory = MemoryVault(page_size=1)
    async with memory.vault() as vault:
        await vault.create_folder("/u1/b")
        with pytest.raises(ItemExists):
            await vault.create_folder("/u1/b")
        with pytest.raises(VaultError, match="parent folder"):
            await vault.create_folder("/u1/c/d")
        memory.items |= {"/u1/b/x": b"x", "/u1/y": b"y"}
        assert [item.path for item in await vault.list_items("/u1")] == ["/u1/y", "/u1/b"]
        listed = await vault.list_items("/u1", recursive=True)
        assert [item.path for item in listed] == ["/u1/b/x", "/u1/y", "/u1/b"]
        assert [item.is_file for item in listed] == [True, True, False]
        assert [item.path for item in await vault.list_items("/")] == ["/u1"]


@pytest.mark.parametrize("path", ["/u1/../u2", "..", "/u1/.", "/u1/\udcff"])
async def test_a_path_never_leads_to_another_endpoint_or_folder(path: str) -> None:
    memory = MemoryVault()
    async with memory.vault() as vault:
        with pytest.raises(DestinationError):
            await vault.list_items(path)
        with pytest.raises(DestinationError):
            await vault.delete_item(path)
        with pytest.raises(DestinationError):
            await vault.move_item(path, name="x")
        with pytest.raises(DestinationError):
            await vault.download(path, offset=0, length=1)
    assert memory.seen == []


async def test_a_move_needs_somewhere_to_go() -> None:
    memory = MemoryVault()
    memory.items["/u1/a"] = b"x"
    async with memory.vault() as vault:
        with pytest.raises(ConfigurationError):
            await vault.move_item("/u1/a")
        assert memory.seen == []
        assert await vault.move_item("/u1/a", name="b") is not None
        await vault.move_item("/u1/b", parent="/u2")
    assert memory.items == {"/u2/b": b"x"}


async def test_a_deletion_of_what_is_not_empty_must_be_asked_for() -> None:
    memory = MemoryVault()
    memory.items |= {"/u1/a": b"x", "/u1/b": b"y"}
    async with memory.vault() as vault:
        assert await vault.delete_item("/u1/a") is not None
        with pytest.raises(VaultError, match="not empty"):
            await vault.delete_item("/u1")
        await vault.delete_item("/u1", recursive=True)
    assert memory.items == {}


async def test_a_job_that_is_not_named_is_none() -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.DELETE_ITEM, raw(200, '{"responseStatus": "SUCCESS"}'))
    async with memory.vault() as vault:
        assert await vault.delete_item("/u1/a") is None


async def test_a_refused_download_is_no_bytes() -> None:
    memory = MemoryVault()
    async with memory.vault() as vault:
        with pytest.raises(VaultError, match="no file"):
            await vault.download("/u1/a", offset=0, length=10)


@pytest.mark.parametrize(("offset", "length"), [(0, 0), (0, -1), (-1, 5)])
async def test_a_range_that_cannot_be_is_not_asked_for(offset: int, length: int) -> None:
    memory = MemoryVault()
    async with memory.vault() as vault:
        with pytest.raises(ConfigurationError, match="no range"):
            await vault.download("/u1/a", offset=offset, length=length)
    assert memory.seen == []


async def test_a_page_of_a_proxy_is_no_content() -> None:
    memory = MemoryVault()
    memory.items["/u1/a"] = b"content"
    memory.fail(Endpoint.DOWNLOAD, raw(200, "<html>", headers={"content-type": "text/html"}))
    async with memory.vault() as vault:
        assert await vault.download("/u1/a", offset=0, length=7) == b"content"
    memory.assert_clean()


async def test_rows_of_a_neighbour_are_left_out() -> None:
    memory = MemoryVault()
    rows = [{"kind": "file", "path": path, "size": 1} for path in ("/u1/a/x", "/u1/ab/x", "/u1/a", "/u2/x")]
    memory.fail(Endpoint.LIST_ITEMS, raw(200, json.dumps({"responseStatus": "SUCCESS", "data": rows})))
    async with memory.vault() as vault:
        assert [item.path for item in await vault.list_items("/u1/a")] == ["/u1/a/x"]
