"""One part's way to its digest: piece by piece, again where bytes were withdrawn, and no trace of it left."""

import mmap
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from asyncup.pipeline import multi_md5
from asyncup.pipeline.multi_md5 import AT_ONCE
from asyncup.pipeline.part_buffer import PiecesWithdrawn
from asyncup.pipeline.part_hashing import HashingStopped, PartHashing
from asyncup.pipeline.pending_digest import PendingDigest
from asyncup.protocol.plan import Part
from tests.pipeline.files import md5

CONTENT = bytes(range(256))
KINDS = [multi_md5.HashlibMessage, *([multi_md5.Message] if AT_ONCE > 1 else [])]


class Mapped:
    """A part in memory that can be unmapped when nobody holds a piece of it; in two pieces."""

    def __init__(self, withdrawals: int = 0) -> None:
        self.part = Part(1, 0, 2 * len(CONTENT))
        self.memory = mmap.mmap(-1, 2 * len(CONTENT))
        self.memory[:] = 2 * CONTENT
        self.withdrawals = withdrawals

    @property
    def length(self) -> int:
        return self.part.length

    def load(self, given_up: threading.Event) -> None:
        raise AssertionError("it is loaded")

    def pieces(self) -> Iterator[memoryview]:
        view = memoryview(self.memory)
        yield view[: len(CONTENT)]
        if self.withdrawals:
            self.withdrawals -= 1
            raise PiecesWithdrawn
        yield view[len(CONTENT) :]

    def slices(self) -> AsyncIterator[memoryview]:
        raise AssertionError("nobody sends")


def outcome(hashing: PartHashing, stopped: threading.Event | None = None) -> bytes | BaseException:
    """Compute what is ready until there is an outcome."""
    while (found := hashing.go_on(stopped or threading.Event())) is None:
        multi_md5.advance([hashing.message], 128)
    return found


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> type[multi_md5.Message]:
    """How it is hashed."""
    found: type[multi_md5.Message] = request.param
    return found


@pytest.mark.parametrize("withdrawals", [0, 1, 2])
def test_the_whole_part_is_hashed(kind: type[multi_md5.Message], withdrawals: int) -> None:
    buffer = Mapped(withdrawals)
    hashing = PartHashing(buffer, PendingDigest(), kind)
    assert outcome(hashing) == md5(2 * CONTENT)
    hashing.let_go()
    buffer.memory.close()


def test_stopped_it_has_no_digest_and_lets_go(kind: type[multi_md5.Message]) -> None:
    buffer, stopped = Mapped(), threading.Event()
    hashing = PartHashing(buffer, PendingDigest(), kind)
    if hashing.go_on(stopped) is None:
        multi_md5.advance([hashing.message], 64)
    stopped.set()
    assert isinstance(hashing.go_on(stopped), HashingStopped)
    hashing.let_go()
    buffer.memory.close()


def test_an_error_is_returned_without_what_it_went_through(kind: type[multi_md5.Message]) -> None:
    class Failing(Mapped):
        def pieces(self) -> Iterator[memoryview]:
            yield memoryview(self.memory)
            raise OSError("disk")

    buffer = Failing()
    hashing = PartHashing(buffer, PendingDigest(), kind)
    error = outcome(hashing)
    assert isinstance(error, OSError)
    assert error.__traceback__ is None
    hashing.let_go()
    buffer.memory.close()


def test_its_seconds_begin_with_it(kind: type[multi_md5.Message]) -> None:
    hashing = PartHashing(Mapped(), PendingDigest(), kind)
    hashing.begin()
    assert 0 <= hashing.seconds <= hashing.seconds
