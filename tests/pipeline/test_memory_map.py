"""Mapped pages, their swap for anonymous memory, and that nobody dies of a file that shrinks beneath them."""

import ctypes
import errno
import mmap
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st

from asyncup.pipeline import memory_map
from asyncup.pipeline.memory_map import FilePages, anonymous, can_swap_pages
from tests.pipeline.files import LocalFile
from tests.pipeline.leftovers import bytes_present, mappings_of, open_files, opened_since
from tests.pipeline.test_page_cache import resident

pytestmark = pytest.mark.skipif(not can_swap_pages(), reason="pages are swapped on Linux only")

REPOSITORY = Path(__file__).parents[2]
CONTENT = random.Random(3).randbytes(200_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@contextmanager
def pages_of(path: Path, offset: int, length: int) -> Iterator[FilePages]:
    fd = os.open(path, os.O_RDONLY)
    try:
        pages = FilePages(fd, offset, length)
        try:
            yield pages
        finally:
            pages.close()
    finally:
        os.close(fd)


@st.composite
def ranges(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Offset and length of a range of the file, and begin and end of what is kept of it."""
    around_pages = st.builds(
        lambda page, odd: min(max(0, page * 4096 + odd), 199_999), st.integers(0, 40), st.integers(-3, 3)
    )
    offset = draw(st.integers(0, 199_999) | around_pages)
    length = draw(st.integers(1, 200_000 - offset))
    end = draw(st.integers(0, length))
    return offset, length, draw(st.integers(0, end)), end


@given(ranges())
def test_pages_are_swapped_beneath_every_view(folder: Path, chosen: tuple[int, int, int, int]) -> None:
    offset, length, begin, end = chosen
    wanted = CONTENT[offset : offset + length]
    file = LocalFile.write(folder / "swapped", CONTENT)
    with pages_of(file.path, offset, length) as pages:
        slices = [pages.view[at : at + 10_000] for at in range(0, length, 10_000)]
        pages.populate(0, length)
        assert pages.view == wanted
        assert pages.view.readonly

        pages.hollow_out(begin, end)
        assert pages.view[begin:end] == wanted[begin:end]
        assert pages.view[:begin] == bytes(begin)
        assert pages.view[end:] == bytes(length - end)
        assert mappings_of(file.path) == 0

        assert pages.refill(0, begin) + pages.refill(end, length) == length - (end - begin)
        os.truncate(file.path, 0)
        assert pages.view == wanted
        assert b"".join(slices) == wanted
        for view in slices:
            view.release()


@given(ranges(), st.data())
def test_refilling_says_how_much_the_file_still_had(
    folder: Path, chosen: tuple[int, int, int, int], data: st.DataObject
) -> None:
    offset, length, _, _ = chosen
    file = LocalFile.write(folder / "shrunk", CONTENT)
    with pages_of(file.path, offset, length) as pages:
        pages.hollow_out(0, 0)
        left = data.draw(st.integers(0, len(CONTENT)))
        os.truncate(file.path, left)
        there = max(0, min(length, left - offset))
        assert pages.refill(0, length) == there
        assert pages.view[:there] == CONTENT[offset : offset + there]
        assert pages.view[there:] == bytes(length - there)


def test_a_view_outlives_the_closing_and_unmaps_at_its_end(local_file: LocalFile) -> None:
    with pages_of(local_file.path, 5_000, 20_000) as pages:
        held_by_a_transport = pages.view[100:200]
        assert mappings_of(local_file.path) == 1
    assert held_by_a_transport == local_file.content[5_100:5_200]
    assert mappings_of(local_file.path) == 1
    held_by_a_transport.release()
    del pages, held_by_a_transport
    assert mappings_of(local_file.path) == 0


@pytest.mark.parametrize(("offset", "length"), [(0, 95_001), (90_000, 5_001), (100_000, 10), (2**40, 10)])
def test_what_the_file_does_not_have_cannot_be_mapped(local_file: LocalFile, offset: int, length: int) -> None:
    before = open_files()
    with local_file.opened() as source, pytest.raises(OSError, match="map"):
        FilePages(source.fd, offset, length)
    assert opened_since(before) == []


def test_populating_what_is_gone_is_an_error_and_no_signal(local_file: LocalFile) -> None:
    with pages_of(local_file.path, 0, 95_000) as pages:
        os.truncate(local_file.path, 4096)
        with pytest.raises(OSError, match="cannot read mapped pages") as raised:
            pages.populate(0, 95_000)
        assert raised.value.errno == errno.EFAULT


@given(ranges())
def test_a_part_of_a_range_can_be_made_present(folder: Path, chosen: tuple[int, int, int, int]) -> None:
    offset, length, begin, end = chosen
    file = LocalFile.write(folder / "present", CONTENT)
    with pages_of(file.path, offset, length) as pages:
        if begin == end or not pages.make_present(begin, end):
            return
        os.truncate(file.path, (offset + begin) // 4096 * 4096)
        with pytest.raises(OSError, match="cannot read mapped pages"):
            pages.make_present(max(begin, end - 1), end)


class Libc:
    """The C library, with calls that fail; `mapped` is what was mapped through it and neither moved nor unmapped."""

    def __init__(self, **failing: int) -> None:
        self._real = memory_map._libc_required()
        self._failing = failing
        self.mapped: set[int] = set()

    def __getattr__(self, name: str) -> Callable[..., int | None]:
        def call(*arguments: int) -> int | None:
            if name in self._failing:
                ctypes.set_errno(self._failing[name])
                return -1 if name in ("madvise", "mincore") else memory_map._MAP_FAILED
            answer: int = getattr(self._real, name)(*arguments)
            if name == "mmap":
                self.mapped.add(answer)
            elif name in ("munmap", "mremap"):
                self.mapped.remove(arguments[0])
            return answer

        return call


def test_what_was_mapped_for_the_swap_is_not_left(local_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    libc = Libc()
    monkeypatch.setattr(memory_map, "_libc_required", lambda: libc)
    with pages_of(local_file.path, 5_000, 50_000) as pages:
        pages.hollow_out(10, 20)
        assert libc.mapped == set()


def test_a_kernel_without_populating_reads_the_range_instead(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[int, int]] = []

    def read_into(fd: int, view: memoryview, offset: int) -> int:
        read.append((offset, len(view)))
        return len(view)

    libc = Libc(madvise=errno.EINVAL)
    monkeypatch.setattr(memory_map, "_libc_required", lambda: libc)
    monkeypatch.setattr(memory_map, "read_into", read_into)
    length = 2 * 2**20 + 77
    with pages_of(large_file.path, 1_000_000, length + 1) as pages:
        pages.populate(1, length + 1)
    assert read[0][0] == 1_000_001
    assert sum(got for _, got in read) == length
    assert all(at + got == following for (at, got), (following, _) in pairwise(read))


@pytest.mark.parametrize("call", ["mmap", "mremap"])
def test_without_memory_nothing_is_swapped_and_nothing_is_lost(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with pages_of(local_file.path, 5_000, 50_000) as pages:
        libc = Libc(**{call: errno.ENOMEM})
        with monkeypatch.context() as patched:
            patched.setattr(memory_map, "_libc_required", lambda: libc)
            with pytest.raises(OSError, match="mapped pages") as raised:
                pages.hollow_out(10, 20)
        assert raised.value.errno == errno.ENOMEM
        assert libc.mapped == set()
        assert pages.view == local_file.content[5_000:55_000]


def test_a_disk_that_fails_while_swapping_leaks_nothing(local_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int, view: memoryview, offset: int) -> int:
        raise OSError(errno.EIO, "the disk is broken")

    with pages_of(local_file.path, 0, 95_000) as pages:
        libc = Libc()
        with monkeypatch.context() as patched:
            patched.setattr(memory_map, "_libc_required", lambda: libc)
            patched.setattr(memory_map, "read_into", fail)
            with pytest.raises(OSError, match="the disk is broken"):
                pages.hollow_out(0, 95_000)
        assert libc.mapped == set()


@given(ranges(), st.integers(0, len(CONTENT)))
def test_pages_are_in_the_page_cache_as_far_as_the_file_goes(
    folder: Path, chosen: tuple[int, int, int, int], left: int
) -> None:
    offset, length, begin, end = chosen
    file = LocalFile.write(folder / "cached", CONTENT)
    with pages_of(file.path, offset, length) as pages:
        assert pages.in_page_cache(begin, end)
        os.truncate(file.path, left)
        last_page = (offset + end - 1) // 4096 * 4096
        first_page = (offset + begin) // 4096 * 4096
        assert pages.in_page_cache(begin, end) == (left > last_page or offset + end <= first_page)


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system takes no advice")
def test_pages_that_left_the_page_cache_are_not_in_it(local_file: LocalFile) -> None:
    with local_file.path.open("rb") as file, pages_of(local_file.path, 5_000, 90_000) as pages:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if resident(local_file.path):
            pytest.skip("this file system keeps its pages in any case")
        assert not pages.in_page_cache(0, 90_000)
        assert not pages.in_page_cache(89_999, 90_000)
        assert resident(local_file.path) == 0, "to ask brings nothing"
        pages.populate(0, 10)
        assert pages.in_page_cache(0, 10)


def test_one_page_that_is_not_there_is_enough(local_file: LocalFile) -> None:
    with pages_of(local_file.path, 0, 95_000) as pages:
        os.truncate(local_file.path, 94_208 - 4096)  # its last two
        assert pages.in_page_cache(0, 94_208 - 4096)
        assert not pages.in_page_cache(0, 94_208 - 4095)
        assert not pages.in_page_cache(94_208, 95_000)


@pytest.mark.parametrize("failed", [errno.EAGAIN, errno.ENOMEM])
def test_a_kernel_that_does_not_say_what_is_in_memory_is_an_error(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch, failed: int
) -> None:
    libc = Libc(mincore=failed)
    with pages_of(local_file.path, 5_000, 50_000) as pages:
        monkeypatch.setattr(memory_map, "_libc_required", lambda: libc)
        with pytest.raises(OSError, match="cannot ask for pages in memory") as raised:
            pages.in_page_cache(0, 10)
        assert raised.value.errno == failed


@given(ranges())
def test_dropped_pages_leave_the_page_tables_and_can_be_had_again(
    folder: Path, chosen: tuple[int, int, int, int]
) -> None:
    offset, length, _, end = chosen
    path = folder / "dropped"
    path.write_bytes(CONTENT)
    with pages_of(path, offset, length) as pages:
        pages.populate(0, length)
        whole = bytes_present(path)
        lead = offset % 4096
        assert whole == -(-(lead + length) // 4096) * 4096
        pages.drop(end)
        assert bytes_present(path) == whole - (lead + end) // 4096 * 4096, "not the page that only begins before it"
        assert pages.in_page_cache(0, length)
        assert pages.view == CONTENT[offset : offset + length]


def test_pages_that_cannot_be_dropped_stay(local_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing depends on it but the memory."""
    libc = Libc(madvise=errno.EINVAL)
    with pages_of(local_file.path, 5_000, 50_000) as pages:
        pages.populate(0, 50_000)
        before = bytes_present(local_file.path)
        with monkeypatch.context() as patched:
            patched.setattr(memory_map, "_libc_required", lambda: libc)
            pages.drop(50_000)
        assert bytes_present(local_file.path) == before > 0
        assert pages.view == local_file.content[5_000:55_000]


def test_there_is_no_swapping_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    can_swap_pages.cache_clear()
    monkeypatch.setattr(memory_map, "sys", SimpleNamespace(platform="win32"))
    try:
        assert not can_swap_pages()
    finally:
        can_swap_pages.cache_clear()


@pytest.fixture
def _asks_for_the_c_library_again() -> Iterator[None]:
    for known in (can_swap_pages, memory_map._libc):
        known.cache_clear()
    yield
    for known in (can_swap_pages, memory_map._libc):
        known.cache_clear()


@pytest.mark.usefixtures("_asks_for_the_c_library_again")
@pytest.mark.parametrize("failed", [OSError, AttributeError, TypeError])
def test_without_the_c_library_nothing_is_swapped_and_nothing_is_lost(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch, failed: type[Exception]
) -> None:
    """Not to be opened, as in a static build of Python; or without `mremap`."""

    def refuse(name: None, *, use_errno: bool) -> ctypes.CDLL:
        raise failed

    with pages_of(local_file.path, 5_000, 50_000) as pages, monkeypatch.context() as patched:
        patched.setattr(ctypes, "CDLL", refuse)
        assert not can_swap_pages()
        with pytest.raises(OSError, match="cannot swap mapped pages") as raised:
            pages.hollow_out(10, 20)
        assert raised.value.errno == errno.ENOSYS
        assert pages.view == local_file.content[5_000:55_000]


def test_anonymous_memory_is_zeroed() -> None:
    memory = anonymous(10_000)
    assert memory[:] == bytes(10_000)
    memory.close()


TOUCH_AFTER_TRUNCATION = """
import os, sys
from asyncup.pipeline.memory_map import FilePages
path, hollow = sys.argv[1], sys.argv[2] == "hollow"
fd = os.open(path, os.O_RDONLY)
pages = FilePages(fd, 4097, 60_000)
view = pages.view[100:50_000]
pages.populate(0, 60_000)
if hollow:
    pages.hollow_out(1000, 2000)
os.truncate(path, 0)
kept = bytes(view[900:1900])      # touches pages that the file does not have any more
assert sum(bytes(pages.view)) >= 0
sys.stdout.buffer.write(kept)
"""


@pytest.mark.parametrize("how", ["hollow", "mapped"])
def test_hollow_pages_survive_a_truncation_that_kills_otherwise(local_file: LocalFile, how: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", TOUCH_AFTER_TRUNCATION, str(local_file.path), how],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    if how == "mapped":
        assert ended.returncode == -signal.SIGBUS, "the danger that all this is about"
    else:
        assert ended.returncode == 0, ended.stderr.decode()
        assert ended.stdout == local_file.content[5_097:6_097]


def test_the_map_begins_at_a_page(local_file: LocalFile) -> None:
    with pages_of(local_file.path, mmap.ALLOCATIONGRANULARITY + 1, 10) as pages:
        assert pages.view.nbytes == 10
