"""Whole uploads of files that somebody touches, writes to, replaces or deletes meanwhile, under both policies."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from asyncup import upload, upload_file
from asyncup.errors import AsyncupError, ChecksumMismatch, SourceChanged
from asyncup.events import BuffersChanged, PartHashed, SourceTouched
from asyncup.pipeline.memory_map import FilePages, can_swap_pages
from asyncup.pipeline.options import BufferPolicy, SourceChanges
from asyncup.pipeline.results import UploadedFile
from asyncup.pipeline.unloaded_part import NotHashedAhead, UnloadedPages
from tests.fakes.memory_vault import Endpoint, MemoryVault, do, flipped
from tests.pipeline.files import (
    ENOUGH_S,
    LocalFile,
    Writer,
    append,
    open_and_close,
    overwrite_a_byte,
    require_leases,
    truncate,
)
from tests.pipeline.test_hashing_together import needs_it
from tests.pipeline.uploads import ATTEMPTS, OPTIONS, PART_SIZE, PARTS, Witness, outcome, succeeded

PATH = "/u1/local.bin"


def chmod(path: Path) -> None:
    path.chmod(0o640 if path.stat().st_mode & 0o777 != 0o640 else 0o600)


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def link(path: Path) -> None:
    path.with_name("another name").hardlink_to(path)


def write_and_hide_it(path: Path) -> None:
    """A program that sets the time of writing back, as tar and rsync do."""
    status = path.stat()
    overwrite_a_byte(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def rewrite_the_same(path: Path) -> None:
    content = path.read_bytes()
    with path.open("r+b") as file:
        file.write(content)


def replace_it(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def rename(path: Path) -> None:
    path.rename(path.with_name("renamed"))


@pytest.fixture(autouse=True)
def _any_change_gets_another_time(local_file: LocalFile, tmp_path: Path) -> None:
    """Wait for the next tick of the file system's clock: what happens in one tick cannot be told apart."""
    probe = tmp_path / "probe"
    probe.touch()
    while probe.stat().st_ctime_ns <= local_file.path.stat().st_ctime_ns:
        os.utime(probe)


HARMLESS = [chmod, touch, link, rewrite_the_same]
WRITTEN = [overwrite_a_byte, write_and_hide_it]
NEVER = [truncate, append, replace_it, Path.unlink, rename]
BUFFERS = pytest.mark.parametrize("buffers", ["auto", "copied"])


async def send(
    file: LocalFile, memory: MemoryVault, changes: SourceChanges, buffers: BufferPolicy
) -> tuple[UploadedFile | AsyncupError, Witness]:
    witness = Witness()
    options = replace(OPTIONS, source_changes=changes, buffers=buffers)
    async with memory.vault() as vault:
        result = await outcome(upload_file(file.path, PATH, vault=vault, options=options, on_event=witness))
    memory.assert_clean()
    memory.closed = False
    return result, witness


@BUFFERS
@pytest.mark.parametrize("at", [1, 4, PARTS])
@pytest.mark.parametrize("act", HARMLESS)
async def test_what_left_the_bytes_alone_is_only_told(
    local_file: LocalFile, act: Callable[[Path], None], at: int, buffers: BufferPolicy
) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.PUT_PART, do(lambda _: act(local_file.path)), nth=at)
    result, witness = await send(local_file, memory, "warn", buffers)
    assert succeeded(result).md5s
    assert memory.items == {PATH: local_file.content}
    assert len(witness.of(SourceTouched)) == 1
    assert memory.effects.count(Endpoint.PUT_PART) == PARTS
    witness.assert_consistent()


@BUFFERS
@pytest.mark.parametrize("at", [1, 4, PARTS])
@pytest.mark.parametrize("act", WRITTEN)
@pytest.mark.parametrize("changes", ["fail", "warn"])
async def test_other_bytes_are_never_committed(
    local_file: LocalFile, act: Callable[[Path], None], at: int, buffers: BufferPolicy, changes: SourceChanges
) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.PUT_PART, do(lambda _: act(local_file.path)), nth=at)
    result, _ = await send(local_file, memory, changes, buffers)
    assert type(result) is SourceChanged
    assert memory.items == {}
    if changes == "warn":
        assert memory.sessions == {}


@pytest.mark.skipif(not can_swap_pages(), reason="pages are swapped on Linux only")
async def test_pages_that_are_read_again_after_a_write_are_not_blamed_on_the_network(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_leases(local_file.path.parent)
    written = threading.Event()
    refill = FilePages.refill

    def refill_late(pages: FilePages, begin: int, end: int) -> int:
        assert written.wait(ENOUGH_S)
        return refill(pages, begin, end)

    def write(_: object) -> None:
        write_and_hide_it(local_file.path)
        written.set()

    monkeypatch.setattr(FilePages, "refill", refill_late)
    memory = MemoryVault()
    memory.fail(Endpoint.PUT_PART, do(write))
    result, witness = await send(local_file, memory, "warn", "auto")
    assert type(result) is SourceChanged
    assert result.part == 1
    assert "than when it was hashed" in str(result)
    assert len(witness.of(BuffersChanged)) == 1, "there was a lease"
    assert memory.items == {}
    assert memory.sessions == {}


class Knocking:
    """Somebody who comes while a part is hashed that is not loaded yet, and goes on when it is let in.

    Attributes:
        lost: the parts that could not be hashed like that, and how many pieces of each had been.
    """

    def __init__(self, patch: pytest.MonkeyPatch, writer: Writer, *, part: int, piece: int) -> None:
        self.lost: dict[int, int] = {}
        pieces = UnloadedPages.pieces

        def knock(pages: UnloadedPages) -> Iterator[memoryview]:
            number, given = pages._part.number, 0
            try:
                for each in pieces(pages):
                    yield each
                    given += 1
                    if (number, given) == (part, piece):
                        writer.knock()
                        assert writer.let_in.wait(ENOUGH_S)
            except NotHashedAhead:
                self.lost[number] = given
                raise

        patch.setattr(UnloadedPages, "pieces", knock)


@needs_it
@pytest.mark.skipif(not can_swap_pages(), reason="pages are swapped on Linux only")
@pytest.mark.parametrize("part", [1, 5, PARTS])
@pytest.mark.parametrize("piece", [1, 2])
async def test_a_writer_that_changes_nothing_while_parts_are_hashed_ahead_changes_nothing(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch, part: int, piece: int
) -> None:
    require_leases(local_file.path.parent)
    memory = MemoryVault()
    with Writer(lambda: open_and_close(local_file.path)) as writer:
        knocking = Knocking(monkeypatch, writer, part=part, piece=piece)
        result, witness = await send(local_file, memory, "fail", "auto")
    assert knocking.lost[part] == piece
    sent = succeeded(result)
    assert memory.items == {PATH: local_file.content}
    assert list(sent.md5s) == [local_file.md5(number, PART_SIZE) for number in range(1, PARTS + 1)]
    assert memory.effects.count(Endpoint.PUT_PART) == PARTS
    assert len(witness.of(BuffersChanged)) == 1
    assert {event.part for event in witness.of(PartHashed)} == set(range(1, PARTS + 1))
    witness.assert_consistent()


@needs_it
@pytest.mark.skipif(not can_swap_pages(), reason="pages are swapped on Linux only")
@pytest.mark.parametrize("part", [1, 5, PARTS])
@pytest.mark.parametrize(
    ("act", "changes"),
    [
        (overwrite_a_byte, "fail"),
        (truncate, "fail"),
        (truncate, "warn"),
        (append, "fail"),
        (append, "warn"),
    ],
)
async def test_a_writer_that_comes_while_parts_are_hashed_ahead_is_told(
    local_file: LocalFile,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Path], None],
    part: int,
    changes: SourceChanges,
) -> None:
    require_leases(local_file.path.parent)
    memory = MemoryVault()
    with Writer(lambda: act(local_file.path)) as writer:
        knocking = Knocking(monkeypatch, writer, part=part, piece=1)
        result, witness = await send(local_file, memory, changes, "auto")
    assert knocking.lost[part] == 1
    assert type(result) is SourceChanged
    assert memory.items == {}
    assert len(witness.of(BuffersChanged)) <= 1


@needs_it
@pytest.mark.skipif(not can_swap_pages(), reason="pages are swapped on Linux only")
@pytest.mark.parametrize("part", [1, 5, PARTS])
@pytest.mark.parametrize("act", WRITTEN)
@pytest.mark.parametrize("changes", ["fail", "warn"])
async def test_a_write_while_parts_are_hashed_ahead_is_told_or_all_of_it_is_sent(
    local_file: LocalFile,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Path], None],
    part: int,
    changes: SourceChanges,
) -> None:
    """It is in the first part, which may be loaded after it: then there is one file only that was ever sent."""
    require_leases(local_file.path.parent)
    memory = MemoryVault()
    with Writer(lambda: act(local_file.path)) as writer:
        knocking = Knocking(monkeypatch, writer, part=part, piece=1)
        result, _ = await send(local_file, memory, changes, "auto")
    assert knocking.lost[part] == 1
    assert local_file.path.read_bytes() != local_file.content
    if isinstance(result, AsyncupError):
        assert type(result) is SourceChanged
        assert memory.items == {}
    else:
        assert changes == "warn"
        assert memory.items == {PATH: local_file.path.read_bytes()}


@BUFFERS
@pytest.mark.parametrize("act", NEVER)
@pytest.mark.parametrize("changes", ["fail", "warn"])
async def test_what_the_path_does_not_show_is_never_committed(
    local_file: LocalFile, act: Callable[[Path], None], buffers: BufferPolicy, changes: SourceChanges
) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.PUT_PART, do(lambda _: act(local_file.path)), nth=4)
    result, _ = await send(local_file, memory, changes, buffers)
    assert type(result) is SourceChanged
    assert memory.items == {}
    assert result.attributes_only == (changes == "fail" and act is rename)
    assert len(memory.sessions) == result.attributes_only


@BUFFERS
@pytest.mark.parametrize("act", [chmod, link])
@pytest.mark.parametrize("at", [1, 4, PARTS])
async def test_attributes_alone_leave_a_session_that_is_continued(
    local_file: LocalFile, act: Callable[[Path], None], at: int, buffers: BufferPolicy
) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.PUT_PART, do(lambda _: act(local_file.path)), nth=at)
    result, _ = await send(local_file, memory, "fail", buffers)
    assert type(result) is SourceChanged
    assert result.attributes_only
    assert [result.session_id] == list(memory.sessions)
    async with memory.vault() as vault:
        await upload(local_file.path, result.session_id or "", vault=vault, options=OPTIONS, commit=True)
    assert memory.items == {PATH: local_file.content}
    assert memory.effects.count(Endpoint.PUT_PART) == PARTS


async def test_what_was_written_to_since_it_was_sent_is_told_with_its_part(local_file: LocalFile) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.PUT_PART, do(lambda _: overwrite_a_byte(local_file.path)), nth=4)
    result, _ = await send(local_file, memory, "warn", "copied")
    assert type(result) is SourceChanged
    assert result.part == 1


async def test_a_network_that_damages_is_not_called_a_writer(local_file: LocalFile) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.PUT_PART, *[flipped("store")] * ATTEMPTS, nth=4)
    result, _ = await send(local_file, memory, "warn", "auto")
    assert type(result) is ChecksumMismatch


async def test_attributes_that_hide_a_write_do_not_survive_the_continuation(local_file: LocalFile) -> None:
    memory = MemoryVault()
    # With the last part nothing is read any more: nobody looks between the write and its hiding.
    memory.fail(Endpoint.PUT_PART, do(lambda _: write_and_hide_it(local_file.path)), nth=PARTS)
    result, _ = await send(local_file, memory, "fail", "copied")
    assert type(result) is SourceChanged
    assert result.attributes_only, "only the time of the change tells it"
    async with memory.vault() as vault:
        again = await outcome(
            upload(local_file.path, result.session_id or "", vault=vault, options=OPTIONS, commit=True)
        )
    assert isinstance(again, AsyncupError)
    assert again.part == 1
    assert memory.items == {}


@pytest.mark.parametrize("act", [chmod, touch])
async def test_a_small_file_that_is_touched_is_compared_again(
    local_file: LocalFile, act: Callable[[Path], None]
) -> None:
    small = LocalFile.write(local_file.path, local_file.content[:400])
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_ITEM, do(lambda _: act(small.path)))
    result, witness = await send(small, memory, "warn", "auto")
    assert succeeded(result).size == 400
    assert len(witness.of(SourceTouched)) == 1


async def test_a_small_file_that_is_written_to_is_told(local_file: LocalFile) -> None:
    small = LocalFile.write(local_file.path, local_file.content[:400])
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_ITEM, do(lambda _: overwrite_a_byte(small.path)))
    result, _ = await send(small, memory, "warn", "auto")
    assert type(result) is SourceChanged


async def test_an_empty_file_that_is_touched_has_no_bytes_to_compare(local_file: LocalFile) -> None:
    empty = LocalFile.write(local_file.path, b"")
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_ITEM, do(lambda _: chmod(empty.path)))
    result, witness = await send(empty, memory, "warn", "auto")
    assert succeeded(result).size == 0
    assert len(witness.of(SourceTouched)) == 1
