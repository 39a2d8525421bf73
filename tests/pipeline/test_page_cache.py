"""What an upload tells the system about the pages that it reads, and that nothing depends on being heard."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from asyncup import upload_file
from asyncup.pipeline import source as source_module
from asyncup.pipeline.options import BufferPolicy, PageCachePolicy
from asyncup.pipeline.source import Source, SourceIdentity
from tests.fakes.memory_vault import MemoryVault
from tests.pipeline.files import LocalFile
from tests.pipeline.uploads import OPTIONS, PART_SIZE, PARTS

PATH = "/u1/file.bin"
SIZE, SMALL = PART_SIZE * PARTS, 400

pytestmark = pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system takes no advice")


@pytest.fixture
def advice(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[tuple[int, int]]]:
    """Ranges by kind of advice."""
    given: dict[int, list[tuple[int, int]]] = {os.POSIX_FADV_WILLNEED: [], os.POSIX_FADV_DONTNEED: []}

    def posix_fadvise(_: int, offset: int, length: int, kind: int) -> None:
        given[kind].append((offset, length))

    monkeypatch.setattr(os, "posix_fadvise", posix_fadvise)
    return given


async def sent(tmp_path: Path, *, size: int = SIZE, **choices: object) -> None:
    content = os.urandom(size)
    file = LocalFile.write(tmp_path / "file.bin", content)
    memory = MemoryVault()
    options = replace(OPTIONS, small_file_max=SMALL, **choices)  # type: ignore[arg-type]
    async with memory.vault() as vault:
        await upload_file(file.path, PATH, vault=vault, options=options)
    assert memory.items == {PATH: content}


EVERY_PART = [(number * PART_SIZE, PART_SIZE) for number in range(PARTS)]


@pytest.mark.parametrize("buffers", ["auto", "copied"])
@pytest.mark.parametrize("policy", ["keep", "drop"])
async def test_every_part_is_announced_and_dropped_when_that_is_asked_for(
    tmp_path: Path, advice: dict[int, list[tuple[int, int]]], policy: PageCachePolicy, buffers: BufferPolicy
) -> None:
    await sent(tmp_path, page_cache=policy, buffers=buffers)
    assert sorted(advice[os.POSIX_FADV_WILLNEED]) == EVERY_PART
    assert sorted(advice[os.POSIX_FADV_DONTNEED]) == (EVERY_PART if policy == "drop" else [])


@given(st.integers(0, 2**40), st.integers(1, 60_000_000), st.integers(1_000_000, 20_000_000))
def test_a_part_is_read_in_pieces_and_the_next_one_announced_before_each(offset: int, length: int, piece: int) -> None:
    """Far enough ahead for the disk to be busy, and no further: memory that is filled long before is slow to touch."""
    announced: list[int] = []

    def posix_fadvise(_: int, begin: int, size: int, kind: int) -> None:
        assert kind == os.POSIX_FADV_WILLNEED
        assert begin == offset + sum(announced), "one after the other"
        announced.append(size)

    source = Source("file", 0, SourceIdentity(0, 0, 0, 0, 0), changes="fail", page_cache="keep")
    read = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_module, "_PIECE", piece)
        patch.setattr(os, "posix_fadvise", posix_fadvise)
        for begin, end in source.in_pieces(offset, length):
            assert begin == read
            assert 0 < end - begin <= piece
            read = end
            assert sum(announced) == min(end + piece, length)
    assert read == length


@pytest.mark.parametrize(("policy", "expected"), [("keep", []), ("drop", [(0, SMALL)])])
async def test_so_is_a_small_file(
    tmp_path: Path,
    advice: dict[int, list[tuple[int, int]]],
    policy: PageCachePolicy,
    expected: list[tuple[int, int]],
) -> None:
    await sent(tmp_path, size=SMALL, page_cache=policy)
    assert advice[os.POSIX_FADV_DONTNEED] == expected


def refuse(*_: object) -> None:
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setattr(os, "posix_fadvise", refuse),
        lambda patch: patch.delattr(os, "posix_fadvise"),
    ],
    ids=["refused", "not there"],
)
async def test_nothing_depends_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[pytest.MonkeyPatch], None]
) -> None:
    change(monkeypatch)
    await sent(tmp_path, page_cache="drop")


async def test_the_pages_really_leave_the_cache(tmp_path: Path) -> None:
    file = tmp_path / "file.bin"
    file.write_bytes(os.urandom(8192))
    fd = os.open(file, os.O_RDONLY)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        if resident(file):
            pytest.skip("this file system keeps its pages in any case")
        file.read_bytes()
        assert resident(file) > 0
        memory = MemoryVault()
        # One part: what the kernel keeps together (large folios) stays while a part of it may be wanted.
        options = replace(OPTIONS, part_size=8192, small_file_max=SMALL, page_cache="drop")
        async with memory.vault() as vault:
            await upload_file(file, PATH, vault=vault, options=options)
    finally:
        os.close(fd)
    assert resident(file) == 0


def resident(path: Path) -> int:
    """Return how many of a file's pages are in the page cache."""
    import ctypes  # noqa: PLC0415
    import mmap  # noqa: PLC0415

    size = path.stat().st_size
    pages = -(-size // mmap.PAGESIZE)
    access = mmap.PROT_READ | mmap.PROT_WRITE  # ctypes asks for both
    with path.open("rb") as file, mmap.mmap(file.fileno(), size, mmap.MAP_PRIVATE, access) as at:
        held = ctypes.c_char.from_buffer(at)
        found = (ctypes.c_ubyte * pages)()
        libc = ctypes.CDLL(None, use_errno=True)
        code = libc.mincore(ctypes.c_void_p(ctypes.addressof(held)), ctypes.c_size_t(size), found)
        del held
    assert code == 0
    return sum(each & 1 for each in found)
