"""Bytes on disk."""

from pathlib import Path

import pytest

from asyncup.emulator.store import DiskStore, Sink, Store
from asyncup.emulator.uploads import Part
from tests.emulator.plain_vault import md5


@pytest.fixture
async def store(tmp_path: Path) -> DiskStore:
    store = DiskStore(tmp_path)
    await store.open()
    return store


async def put(store: Store, upload: str, number: int, body: bytes) -> Part:
    sink = await store.sink(None)
    await sink.take([body[:3], body[3:]])
    part = Part(number, len(body), await sink.finish())
    await store.keep_part(sink, upload, part, 100.0)
    await sink.drop()
    return part


async def test_parts_are_found_again_in_order_and_joined(store: DiskStore, tmp_path: Path) -> None:
    second = await put(store, "s", 2, b"world")
    await put(store, "s", 1, b"hallo ")
    first = await put(store, "s", 1, b"hello ")
    assert first.md5 == md5(b"hello ")
    assert await store.held_parts("s") == [(first, 100.0), (second, 100.0)]
    assert len(list((tmp_path / "sessions/s").iterdir())) == 2
    await store.assemble("s", "job-1")
    assert (tmp_path / "incoming/job-1").read_bytes() == b"hello world"
    await store.show_assembled("job-1", "/a/b", 200.0)
    assert store.location("/a/b").read_bytes() == b"hello world"
    assert store.location("/a/b").stat().st_mtime == 200.0
    await store.show_assembled("job-1", "/a/b", 300.0)  # a second time: nothing is left to show
    await store.forget_upload("s")
    assert await store.held_parts("s") == []


async def test_a_session_without_parts_is_an_empty_file(store: DiskStore) -> None:
    await store.assemble("none", "job-1")
    await store.show_assembled("job-1", "/empty", 1.0)
    assert store.location("/empty").read_bytes() == b""


async def test_what_is_dropped_leaves_nothing(store: DiskStore, tmp_path: Path) -> None:
    sink = await store.sink(None)
    await sink.take([b"x"])
    await sink.drop()
    await sink.drop()
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_items_are_found_again(store: DiskStore) -> None:
    await store.make_folder("/a: b/c")
    sink = await store.sink(None)
    await sink.take([b"123"])
    await sink.finish()
    name = "%" * 218
    await store.keep_file(sink, f"/a: b/{name}", 7.0)
    found = {path: size for path, size, _ in await store.held_items()}
    assert found == {"/a: b": None, "/a: b/c": None, f"/a: b/{name}": 3}
    await store.move("/a: b", "/x")
    await store.delete("/x/c")
    await store.delete("/x/none")
    await store.move("/none", "/y")
    assert {path for path, *_ in await store.held_items()} == {"/x", f"/x/{name}"}


async def test_a_sink_of_another_store_is_refused(store: DiskStore) -> None:
    with pytest.raises(TypeError):
        await store.keep_file(Sink(), "/a", 1.0)


async def test_the_store_that_keeps_nothing() -> None:
    store = Store()
    await store.open()
    part = await put(store, "s", 1, b"hello")
    assert part.md5 == md5(b"hello")
    known = await store.sink("0" * 32)
    assert not known.wants_bytes
    assert await known.finish() == "0" * 32
    await store.assemble("s", "n")
    await store.show_assembled("n", "/a", 1.0)
    await store.keep_file(known, "/a", 1.0)
    await store.make_folder("/a")
    await store.move("/a", "/b")
    await store.delete("/b")
    await store.forget_assembled("n")
    await store.forget_upload("s")
    assert await store.held_parts("s") == []
    assert await store.held_items() == []
    with pytest.raises(LookupError):
        store.location("/a")
