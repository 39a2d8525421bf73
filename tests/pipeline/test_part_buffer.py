"""Slices that cover a part exactly, and copied parts that nobody else can change."""

import errno
import os
import random
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from hypothesis import given, strategies as st

from asyncup.errors import SourceChanged, SourceUnreadable
from asyncup.pipeline import source as source_module
from asyncup.pipeline.memory_map import anonymous
from asyncup.pipeline.part_buffer import CopiedBuffer, LoadGivenUp, WholeBuffer, next_bound, slice_bounds
from asyncup.pipeline.positional_read import read_into
from asyncup.protocol.plan import Part
from asyncup.vault.slice_size import SLICE
from tests.pipeline.files import LocalFile, append, overwrite_a_byte, truncate

CONTENT = random.Random(4).randbytes(3 * 2**20 + 5)


@given(
    st.integers(0, 60_000_000)
    | st.integers(0, 40_000)
    | st.builds(lambda n, odd: n * SLICE + odd, st.integers(1, 9), st.integers(0, 20_000))
)
def test_slices_cover_a_part_exactly_and_are_small(length: int) -> None:
    bounds = list(slice_bounds(length))
    ends = [0, *(end for _, end in bounds)]
    assert [begin for begin, _ in bounds] == ends[:-1]
    assert ends[-1] == length
    assert all(0 < end - begin <= SLICE for begin, end in bounds)
    if bounds:
        # It is copied together with the request's head.
        assert bounds[0][1] <= 16 * 1024


@given(st.integers(0, 30_000_000), st.lists(st.none() | st.integers(1, 2**23)))
def test_a_slice_is_as_long_as_was_asked_for(length: int, wishes: list[int | None]) -> None:
    bounds = slice_bounds(length)
    bound, covered, wanted = next(bounds, None), 0, 16 * 1024
    wished = iter(wishes)
    while bound is not None:
        assert bound == (covered, min(covered + wanted, length))
        covered = bound[1]
        wish = next(wished, None)
        bound, wanted = next_bound(bounds, wish), wish or SLICE
    assert covered == length


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> LocalFile:
    return LocalFile.write(tmp_path_factory.mktemp("copied") / "file", CONTENT)


@given(offset=st.integers(0, len(CONTENT) - 1), length=st.integers(1, len(CONTENT)), spare=st.integers(0, 5000))
async def test_a_copy_has_the_parts_bytes_for_both_readers(
    file: LocalFile, offset: int, length: int, spare: int
) -> None:
    length = min(length, len(CONTENT) - offset)
    with file.opened() as source:
        buffer = CopiedBuffer(source, Part(1, offset, length), anonymous(length + spare))
        await anyio.to_thread.run_sync(buffer.load, threading.Event())
        assert b"".join(map(bytes, buffer.pieces())) == CONTENT[offset : offset + length]
        # A second attempt sends the same again.
        for _ in range(2):
            assert b"".join([bytes(view) async for view in buffer.slices()]) == CONTENT[offset : offset + length]
        assert buffer.length == length


async def test_a_copy_stays_what_it_was(local_file: LocalFile) -> None:
    with local_file.opened() as source:
        buffer = CopiedBuffer(source, Part(2, 10_000, 10_000), anonymous(10_000))
        await anyio.to_thread.run_sync(buffer.load, threading.Event())
        truncate(local_file.path)
        sent = b"".join([bytes(view) async for view in buffer.slices()])
        assert b"".join(map(bytes, buffer.pieces())) == sent
        assert sent == local_file.part(2, 10_000)


@pytest.mark.parametrize("act", [truncate, append, overwrite_a_byte])
async def test_a_file_that_changed_before_the_copy_is_refused(
    local_file: LocalFile, act: Callable[[Path], None]
) -> None:
    with local_file.opened() as source:
        act(local_file.path)
        buffer = CopiedBuffer(source, Part(2, 10_000, 10_000), anonymous(10_000))
        with pytest.raises(SourceChanged) as raised:
            await anyio.to_thread.run_sync(buffer.load, threading.Event())
    assert raised.value.path == str(local_file.path)


async def test_a_file_that_changes_in_the_middle_of_the_copy_is_refused(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_and_change(fd: int, view: memoryview, offset: int) -> int:
        got = read_into(fd, view, offset)
        overwrite_a_byte(large_file.path)
        return got

    with large_file.opened() as source:
        monkeypatch.setattr(source_module, "read_into", read_and_change)
        buffer = CopiedBuffer(source, Part(1, 0, 5 * 2**20), anonymous(5 * 2**20))
        with pytest.raises(SourceChanged):
            await anyio.to_thread.run_sync(buffer.load, threading.Event())


def test_a_load_that_is_given_up_ends_with_the_read_in_progress(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part on a slow disk must not hold up a cancellation until all of it is read."""
    given_up = threading.Event()
    reads: list[int] = []

    def read(fd: int, view: memoryview, offset: int) -> int:
        reads.append(offset)
        if len(reads) == 2:
            given_up.set()
        return read_into(fd, view, offset)

    monkeypatch.setattr(source_module, "_PIECE", 2**20)
    monkeypatch.setattr(source_module, "read_into", read)
    with large_file.opened() as source:
        buffer = CopiedBuffer(source, Part(1, 0, 5 * 2**20), anonymous(5 * 2**20))
        with pytest.raises(LoadGivenUp):
            buffer.load(given_up)
    assert reads == [0, 2**20]


async def test_a_disk_that_fails_is_named(local_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int, view: memoryview, offset: int) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(source_module, "read_into", fail)
    with local_file.opened() as source:
        buffer = CopiedBuffer(source, Part(1, 0, 10_000), anonymous(10_000))
        with pytest.raises(SourceUnreadable, match="Input/output error") as raised:
            await anyio.to_thread.run_sync(buffer.load, threading.Event())
    assert isinstance(raised.value.__cause__, OSError)
    assert raised.value.path == str(local_file.path)


@pytest.mark.parametrize("length", [1, 2**14, 2**14 + 1, SLICE, SLICE + 2**14 + 1])
async def test_a_small_file_is_one_part(length: int) -> None:
    content = CONTENT[:length]
    buffer = WholeBuffer(Part(1, 0, len(content)), content)
    assert b"".join(map(bytes, buffer.pieces())) == content
    for _ in range(2):
        assert b"".join([bytes(view) async for view in buffer.slices()]) == content
    assert buffer.length == len(content)


async def test_the_part_of_an_empty_file_has_nothing() -> None:
    buffer = WholeBuffer(Part(1, 0, 0), b"")
    buffer.load(threading.Event())
    assert list(buffer.pieces()) == []
    assert [view async for view in buffer.slices()] == []
    assert buffer.length == 0


@pytest.mark.parametrize("kind", ["copied", "whole"])
async def test_slices_grow_when_they_are_asked_to(file: LocalFile, kind: str) -> None:
    part = Part(1, 0, len(CONTENT))
    with file.opened() as source:
        copied = CopiedBuffer(source, part, anonymous(part.length + 1))
        await anyio.to_thread.run_sync(copied.load, threading.Event())
        slices = (copied if kind == "copied" else WholeBuffer(part, CONTENT)).slices()
        assert isinstance(slices, AsyncGenerator)
        views = [await anext(slices), await slices.asend(len(CONTENT))]
        with pytest.raises(StopAsyncIteration):
            await slices.asend(1)
        assert views[0].nbytes < views[1].nbytes
        assert b"".join(map(bytes, views)) == CONTENT
        for view in views:
            view.release()
