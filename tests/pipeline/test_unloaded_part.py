"""Parts that are not loaded: their bytes through a window, or none where anything is in the way."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from asyncup.pipeline import unloaded_part
from asyncup.pipeline.lease import ReadLease
from asyncup.pipeline.memory_map import FilePages, can_swap_pages
from asyncup.pipeline.multi_md5 import HashlibMessage
from asyncup.pipeline.part_hashing import PartHashing
from asyncup.pipeline.pending_digest import PendingDigest
from asyncup.pipeline.unloaded_part import WINDOW, NotHashedAhead, UnloadedPages, UnloadedPart
from asyncup.protocol.plan import Part
from tests.pipeline.files import ENOUGH_S, LocalFile, md5
from tests.pipeline.leftovers import bytes_present, mappings_of
from tests.pipeline.test_page_cache import resident

pytestmark = pytest.mark.skipif(not can_swap_pages(), reason="pages are swapped on Linux only")

PAGE = 2**12
CONTENT = random.Random(4).randbytes(100_000)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file for tests that leave it as it is."""
    path = tmp_path_factory.mktemp("unloaded") / "file"
    path.write_bytes(CONTENT)
    return path


@contextmanager
def reading(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)
        assert mappings_of(path) == 0


class Clock:
    """A time of the test's making."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@contextmanager
def opened(
    path: Path, part: Part, *, clock: Callable[[], float] = lambda: 0.0
) -> Iterator[tuple[UnloadedPages, ReadLease]]:
    """Open a part's pages, under a promise that the kernel knows nothing of: it holds until the clock goes on."""
    with reading(path) as fd:
        lease = ReadLease(fd, ENOUGH_S, clock)
        pages = UnloadedPages(fd, part, lease)
        try:
            yield pages, lease
        finally:
            pages.close()


@st.composite
def parts(draw: st.DrawFn) -> Part:
    """Any range of the file, with its ends around those of pages, too."""
    around_pages = st.builds(lambda page, odd: max(0, page * PAGE + odd), st.integers(0, 23), st.integers(-2, 2))
    offset = draw(st.integers(0, len(CONTENT) - 1) | around_pages)
    ends = st.integers(offset + 1, len(CONTENT)) | around_pages.filter(lambda end: end > offset)
    return Part(1, offset, draw(ends) - offset)


@given(parts(), st.sampled_from([PAGE, 2 * PAGE, 8 * PAGE, 64 * PAGE, 1000, 5000]))
def test_the_pieces_are_the_part_a_window_each(file: Path, part: Part, window: int) -> None:
    wanted = CONTENT[part.offset : part.offset + part.length]
    with pytest.MonkeyPatch.context() as patch, opened(file, part) as (pages, _):
        patch.setattr(unloaded_part, "WINDOW", window)
        lengths: list[int] = []
        for piece in pages.pieces():
            begin = sum(lengths)
            assert piece.readonly
            assert piece == wanted[begin : begin + len(piece)]
            lengths.append(len(piece))
            piece.release()
    assert sum(lengths) == part.length
    assert all(length == window for length in lengths[:-1]), "so that many parts are hashed in step"
    assert 0 < lengths[-1] <= window


def test_what_was_given_leaves_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unloaded_part, "WINDOW", WINDOW)  # the real one: of that is said how much there is at most
    large = LocalFile.write(tmp_path / "large", random.Random(5).randbytes(6 * WINDOW + 5000))
    part = Part(1, 1_000_001, 5 * WINDOW)
    with opened(large.path, part) as (pages, _):
        present = []
        for piece in pages.pieces():
            present.append(bytes_present(large.path))
            piece.release()
        assert len(present) == 5
        assert min(present) >= WINDOW, "the piece itself is there"
        assert max(present) <= 2 * WINDOW
        assert bytes_present(large.path) <= WINDOW


def given_before_the_end(pages: UnloadedPages) -> list[bytes]:
    """Return the pieces that are given until there are no more to be had."""
    given: list[bytes] = []
    pieces = pages.pieces()
    with pytest.raises(NotHashedAhead):
        given.extend(map(bytes, pieces))
    return given


THREE = Part(1, PAGE, 3 * PAGE)
"""A part in three pieces of the small windows."""


def refuse(*_: object) -> bool:
    raise OSError("the disk is broken")


@pytest.mark.parametrize("name", ["in_page_cache", "make_present"])
@pytest.mark.parametrize("answer", [lambda *_: False, refuse], ids=["no", "an error"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_it_ends_at_pages_that_are_not_to_be_had(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, answer: Callable[..., bool], at: int
) -> None:
    """Not in the page cache, or the kernel does not say, or it cannot bring them, or the disk fails."""
    real, asked = getattr(FilePages, name), 0

    def ask(pages: FilePages, begin: int, end: int) -> bool:
        nonlocal asked
        asked += 1
        there: bool = answer() if asked > at else real(pages, begin, end)
        return there

    monkeypatch.setattr(FilePages, name, ask)
    with opened(file, THREE) as (pages, _):
        assert b"".join(given_before_the_end(pages)) == CONTENT[PAGE : (1 + at) * PAGE]
    assert asked == at + 1


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system takes no advice")
@pytest.mark.parametrize("cached", [0, 2**16])
def test_it_never_waits_for_the_disk(tmp_path: Path, cached: int) -> None:
    uncached = LocalFile.write(tmp_path / "uncached", random.Random(6).randbytes(2**17))
    with uncached.path.open("rb") as reading:
        os.fsync(reading.fileno())
        os.posix_fadvise(reading.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        if resident(uncached.path):
            pytest.skip("this file system keeps its pages in any case")
        if cached:
            os.posix_fadvise(reading.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # nothing is read ahead
            os.pread(reading.fileno(), cached, 0)
            if resident(uncached.path) != cached // PAGE:
                pytest.skip("this file system reads more than it is asked for")
    with opened(uncached.path, Part(1, 0, 2**17)) as (pages, _):
        assert b"".join(given_before_the_end(pages)) == uncached.content[:cached]
    assert resident(uncached.path) == cached // PAGE


def test_a_file_that_has_shrunk_is_no_signal(tmp_path: Path) -> None:
    """It cannot while the promise holds; but a kernel may take that by force."""
    shrinking = LocalFile.write(tmp_path / "shrinking", CONTENT)
    with opened(shrinking.path, THREE) as (pages, _):
        os.truncate(shrinking.path, 2 * PAGE)
        assert given_before_the_end(pages) == [CONTENT[PAGE : 2 * PAGE]]


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("how", ["given back", "not seen for long"])
def test_without_the_promise_nothing_is_touched(file: Path, at: int, how: str) -> None:
    clock = Clock()
    with opened(file, THREE, clock=clock) as (pages, lease):
        pieces = pages.pieces()
        for _ in range(at):
            next(pieces)
        if how == "given back":
            lease.release()
        else:
            clock.now_s = ENOUGH_S / 2  # the kernel is asked then, and has never heard of it
        with pytest.raises(NotHashedAhead):
            next(pieces)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_piece_that_is_out_can_be_touched_after_the_pages_are_left(tmp_path: Path, at: int) -> None:
    shrinking = LocalFile.write(tmp_path / "shrinking", CONTENT)
    with opened(shrinking.path, THREE) as (pages, _):
        pieces = pages.pieces()
        piece = [next(pieces) for _ in range(at)][-1]
        assert piece == CONTENT[at * PAGE : (1 + at) * PAGE]
        pages.let_go()
        assert mappings_of(shrinking.path) == 0
        os.truncate(shrinking.path, 0)
        assert piece == bytes(PAGE), "no more the file's"
        with pytest.raises(NotHashedAhead):
            next(pieces)
        piece.release()


def outcome(part: UnloadedPart) -> bytes | BaseException | None:
    """Hash it."""
    return PartHashing(part, PendingDigest(), HashlibMessage).go_on(threading.Event())


class Opened:
    """Opens a part's pages, and counts how often they are taken back."""

    def __init__(self, fd: int) -> None:
        self.lease = ReadLease(fd, ENOUGH_S, lambda: 0.0)
        self.open: list[UnloadedPages] = []
        self.closed = 0
        self._fd = fd

    def part(self, part: Part = THREE) -> UnloadedPart:
        return UnloadedPart(part, self._open, self._close)

    def _open(self, part: Part) -> UnloadedPages:
        self.open.append(UnloadedPages(self._fd, part, self.lease))
        return self.open[-1]

    def _close(self, pages: UnloadedPages) -> None:
        self.open.remove(pages)
        self.closed += 1
        pages.close()


@given(parts())
def test_it_has_the_digest_of_its_bytes(file: Path, part: Part) -> None:
    with reading(file) as fd:
        pages = Opened(fd)
        assert outcome(pages.part(part)) == md5(CONTENT[part.offset : part.offset + part.length])
        assert (pages.open, pages.closed) == ([], 1)


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("moment", ["before it is asked for", "when it is there", "while it is hashed"])
def test_there_is_no_digest_when_the_pages_are_left(
    file: Path, monkeypatch: pytest.MonkeyPatch, at: int, moment: str
) -> None:
    """By another thread, at any moment: a digest of zeros would look like somebody else's bytes."""
    reached = 0

    def leave(pages: Opened) -> None:
        nonlocal reached
        reached += 1
        if reached == at:
            leaving = threading.Thread(target=pages.open[0].let_go)
            leaving.start()
            leaving.join(ENOUGH_S)
            assert not leaving.is_alive()

    class Message(HashlibMessage):
        def give(self, piece: memoryview) -> None:
            if moment == "while it is hashed":
                leave(pages)
            super().give(piece)

    make_present = FilePages.make_present

    def make(mapped: FilePages, begin: int, end: int) -> bool:
        if moment == "before it is asked for":
            leave(pages)
        there = make_present(mapped, begin, end)
        if moment == "when it is there":
            leave(pages)
        return there

    monkeypatch.setattr(FilePages, "make_present", make)
    with reading(file) as fd:
        pages = Opened(fd)
        hashing = PartHashing(pages.part(), PendingDigest(), Message)
        assert isinstance(hashing.go_on(threading.Event()), NotHashedAhead)
        assert (pages.open, pages.closed) == ([], 1)
    assert reached == at


def test_pages_that_cannot_be_opened_are_not_taken_back() -> None:
    part = UnloadedPart(THREE, lambda _: None, lambda _: pytest.fail("there are none"))
    assert isinstance(outcome(part), NotHashedAhead)


@pytest.mark.parametrize("given_out", [0, 1, 2, 3])
@pytest.mark.parametrize("how", ["ended", "failed", "given up"])
def test_pages_are_taken_back_once(file: Path, given_out: int, how: str) -> None:
    with reading(file) as fd:
        pages = Opened(fd)
        pieces = pages.part().pieces()
        for _ in range(given_out):
            next(pieces)
            assert len(pages.open) == 1
        if how == "ended":
            assert len(list(pieces)) == 3 - given_out
        elif how == "failed":
            pages.lease.release()
            if pages.open:
                pages.open[0].let_go()
            with pytest.raises(NotHashedAhead):
                next(pieces)
        del pieces
        begun = given_out > 0 or how != "given up"
        assert (pages.open, pages.closed) == ([], int(begun))


def test_a_part_whose_windows_do_not_leave_memory_is_not_hashed_ahead(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that locks its memory: the windows together would be the whole part."""
    monkeypatch.setattr("asyncup.pipeline.memory_map._MADV_DONTNEED", -1)  # refused, as it is for locked pages
    with opened(file, Part(1, 0, len(CONTENT))) as (pages, _):
        pieces = pages.pieces()
        assert next(pieces)
        with pytest.raises(NotHashedAhead):
            next(pieces)
