"""A part as the file's own pages, and what becomes of it when a writer knocks at any moment."""

import errno
import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from asyncup.errors import SourceChanged, SourceError, SourceUnreadable
from asyncup.pipeline import mapped_buffer as mapped_buffer_module, memory_map, source as source_module
from asyncup.pipeline.lease import ReadLease
from asyncup.pipeline.mapped_buffer import MappedBuffer
from asyncup.pipeline.memory_map import FilePages, can_swap_pages
from asyncup.pipeline.part_buffer import LoadGivenUp, PiecesWithdrawn, slice_bounds
from asyncup.pipeline.positional_read import read_into
from asyncup.pipeline.source import Source
from asyncup.protocol.plan import Part
from asyncup.vault.slice_size import SLICE
from tests.pipeline.files import (
    ENOUGH_S,
    LocalFile,
    append,
    knock,
    open_and_close,
    overwrite_a_byte,
    require_leases,
    truncate,
)
from tests.pipeline.leftovers import mappings_of

pytestmark = pytest.mark.skipif(not can_swap_pages(), reason="pages are swapped on Linux only")

REPOSITORY = Path(__file__).parents[2]
OFFSET = 4_097
LENGTH = 5 * 2**20
PART = Part(1, OFFSET, LENGTH)
SLICES = len(list(slice_bounds(LENGTH)))
HELD_BY_TRANSPORT = 2 * SLICE
"""What a transport may still hold; the same promise as the module's, in a number of the test's own."""


@pytest.fixture(autouse=True)
def with_leases(tmp_path: Path) -> None:
    require_leases(tmp_path)


@dataclass
class Scene:
    """A mapped part, and the watcher's part of the play."""

    path: Path
    wanted: bytes
    source: Source
    lease: ReadLease
    buffer: MappedBuffer

    def let_writer_in(self, act: Callable[[Path], None] | None = None) -> int:
        """What the watcher does first; then the writer, who is in now, acts."""
        knock(self.path)
        copied = self.buffer.let_go()
        self.lease.release()
        if act is not None:
            act(self.path)
        return copied


@pytest.fixture
def scene(large_file: LocalFile) -> Iterator[Scene]:
    with large_file.opened() as source:
        lease = ReadLease.take(source.fd)
        assert lease is not None
        buffer = MappedBuffer(source, PART, lease)
        try:
            yield Scene(large_file.path, large_file.content[OFFSET:][:LENGTH], source, lease, buffer)
        finally:
            lease.release()
            buffer.close()


@asynccontextmanager
async def sending(scene: Scene) -> AsyncIterator[AsyncIterator[memoryview]]:
    """Take slices, and close the generator at the end."""
    slices = scene.buffer.slices()
    assert isinstance(slices, AsyncGenerator)
    async with aclosing(slices):
        yield slices


async def take(slices: AsyncIterator[memoryview], number: int) -> list[memoryview]:
    """Take some slices, and keep them."""
    return [await anext(slices) for _ in range(number)]


def as_a_transport_holds(taken: list[memoryview], sent: int) -> tuple[int, bytes]:
    """Return where the bytes begin that a transport may still hold, and what they are now."""
    begin = max(0, sent - HELD_BY_TRANSPORT)
    return begin, b"".join(taken)[begin:]


async def test_undisturbed_it_is_the_file(scene: Scene) -> None:
    await anyio.to_thread.run_sync(scene.buffer.load, threading.Event())
    assert mappings_of(scene.path) == 1
    assert b"".join(map(bytes, scene.buffer.pieces())) == scene.wanted
    for _ in range(2):
        assert b"".join([bytes(view) async for view in scene.buffer.slices()]) == scene.wanted
    assert scene.buffer.length == LENGTH


@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "loading"])
@pytest.mark.parametrize("after", range(SLICES + 1))
async def test_a_writer_that_changes_nothing_may_come_at_every_slice(scene: Scene, after: int, *, loaded: bool) -> None:
    if loaded:
        await anyio.to_thread.run_sync(scene.buffer.load, threading.Event())
    async with sending(scene) as slices:
        taken = await take(slices, after)
        sent = sum(view.nbytes for view in taken)
        copied = scene.let_writer_in(open_and_close)
        assert mappings_of(scene.path) == 0
        begin, held = as_a_transport_holds(taken, sent)
        assert held == scene.wanted[begin:sent]
        assert copied == sent - begin, "only that: the writer waits"
        scene.buffer.refill()
        rest = [view async for view in slices]
    assert b"".join([*taken, *rest]) == scene.wanted
    assert b"".join([bytes(view) async for view in scene.buffer.slices()]) == scene.wanted, "a second attempt"
    assert b"".join(map(bytes, scene.buffer.pieces())) == scene.wanted


async def test_of_larger_slices_a_writer_leaves_the_last_and_the_end_of_the_one_before(scene: Scene) -> None:
    await anyio.to_thread.run_sync(scene.buffer.load, threading.Event())
    slices = scene.buffer.slices()
    taken = [await anext(slices), *[await slices.asend(3 * SLICE // 2) for _ in range(3)]]
    copied = scene.let_writer_in(truncate)
    assert copied == SLICE + taken[-1].nbytes > HELD_BY_TRANSPORT
    end = sum(view.nbytes for view in taken)
    assert b"".join(map(bytes, taken))[-copied:] == scene.wanted[end - copied : end]
    scene.buffer.refill()
    await slices.aclose()
    for view in taken:
        view.release()


@pytest.mark.parametrize("act", [truncate, append, overwrite_a_byte])
@pytest.mark.parametrize("after", range(SLICES + 1))
async def test_a_writer_that_changes_the_file_is_noticed_at_every_slice(
    scene: Scene, after: int, act: Callable[[Path], None]
) -> None:
    await anyio.to_thread.run_sync(scene.buffer.load, threading.Event())
    async with sending(scene) as slices:
        taken = await take(slices, after)
        sent = sum(view.nbytes for view in taken)
        scene.let_writer_in(act)
        begin, held = as_a_transport_holds(taken, sent)
        assert held == scene.wanted[begin:sent], "what was handed out goes out as it was"
        scene.buffer.refill()
        if after < SLICES:
            with pytest.raises(SourceChanged) as raised:
                await anext(slices)
            assert raised.value.path == str(scene.path)
    for view in taken:
        view.release()  # the exception's traceback keeps this list
    with pytest.raises(SourceChanged):
        await take(scene.buffer.slices(), 1)
    with pytest.raises(SourceChanged):
        list(scene.buffer.pieces())


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten pieces of the part, and not two."""
    monkeypatch.setattr(mapped_buffer_module, "_PIECE", 2**19)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("after", [0, 1, 5, 9, 10])
def test_hashing_begins_again_when_a_writer_came_while_it_looked(scene: Scene, after: int) -> None:
    pieces = scene.buffer.pieces()
    taken = [bytes(next(pieces)) for _ in range(after)]
    scene.let_writer_in(open_and_close)
    if after > 0:
        with pytest.raises(PiecesWithdrawn):
            next(pieces)
        pieces, taken = scene.buffer.pieces(), []
    assert b"".join([*taken, *map(bytes, pieces)]) == scene.wanted


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("act", [truncate, append, overwrite_a_byte])
@pytest.mark.parametrize("after", [0, 1, 5, 10])
def test_a_change_while_hashing_gives_no_digest(scene: Scene, after: int, act: Callable[[Path], None]) -> None:
    pieces = scene.buffer.pieces()
    for _ in range(after):
        next(pieces)
    scene.let_writer_in(act)
    with pytest.raises(SourceChanged if after == 0 else PiecesWithdrawn):
        list(pieces)
    with pytest.raises(SourceChanged):
        list(scene.buffer.pieces())


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("after", range(11))
def test_hashing_reads_the_file_once_the_lease_may_be_over(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """A process that stood still for long must not touch the pages, and has not been told yet."""
    pieces = scene.buffer.pieces()
    taken = [bytes(next(pieces)) for _ in range(after)]
    monkeypatch.setattr(ReadLease, "protects", lambda _: False)
    monkeypatch.setattr(FilePages, "make_present", lambda *_: pytest.fail("the pages were touched"))
    assert b"".join([*taken, *map(bytes, pieces)]) == scene.wanted


async def test_hashing_reads_the_file_where_pages_cannot_be_made_present(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FilePages, "make_present", lambda *_: False)
    await anyio.to_thread.run_sync(scene.buffer.load, threading.Event())
    assert b"".join(map(bytes, scene.buffer.pieces())) == scene.wanted


async def test_whoever_sends_waits_while_it_is_hollow(scene: Scene) -> None:
    await anyio.to_thread.run_sync(scene.buffer.load, threading.Event())
    received = bytearray()

    async def send() -> None:
        async for view in scene.buffer.slices():
            received.extend(view)

    scene.let_writer_in()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        while anyio.to_thread.current_default_thread_limiter().borrowed_tokens == 0:
            await anyio.lowlevel.checkpoint()
        assert received == b""
        scene.buffer.refill()
    assert received == scene.wanted


async def test_closing_ends_the_wait(scene: Scene) -> None:
    scene.let_writer_in()

    async def send() -> None:
        with pytest.raises(SourceError):
            await take(scene.buffer.slices(), 1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send)
        while anyio.to_thread.current_default_thread_limiter().borrowed_tokens == 0:
            await anyio.lowlevel.checkpoint()
        scene.buffer.close()


async def test_it_is_not_touched_when_a_writer_may_have_got_in(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process stood still (a suspended laptop) for longer than the kernel keeps a writer waiting."""
    await anyio.to_thread.run_sync(scene.buffer.load, threading.Event())
    async with sending(scene) as slices:
        await take(slices, 2)
        monkeypatch.setattr(scene.lease, "protects", lambda: False, raising=True)
        with pytest.raises(SourceChanged, match="standing still"):
            await anext(slices)


def test_only_a_mapped_part_lets_go(scene: Scene) -> None:
    scene.buffer.refill()
    assert mappings_of(scene.path) == 1
    scene.let_writer_in()
    assert scene.buffer.let_go() == 0
    scene.buffer.refill()
    assert scene.buffer.let_go() == 0
    scene.buffer.close()
    assert scene.buffer.let_go() == 0
    scene.buffer.refill()


@pytest.mark.parametrize("happened", ["shrunk", "broken"])
async def test_pages_that_cannot_be_read_are_noticed_when_loading(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, happened: str
) -> None:
    if happened == "shrunk":
        # Without the lease: as if the kernel had let the writer in by force.
        scene.lease.release()
        truncate(scene.path)
        with pytest.raises(SourceChanged, match="0 bytes now"):
            await anyio.to_thread.run_sync(scene.buffer.load, threading.Event())
    else:

        def populate(_: FilePages, begin: int, end: int) -> None:
            raise OSError(errno.EFAULT, "Bad address")

        monkeypatch.setattr(FilePages, "populate", populate)
        with pytest.raises(SourceUnreadable, match="Bad address"):
            await anyio.to_thread.run_sync(scene.buffer.load, threading.Event())


def test_a_load_that_is_given_up_ends_with_the_piece_in_progress(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part on a slow disk must not hold up a cancellation until all of it is read."""
    given_up = threading.Event()
    begun: list[int] = []

    def populate(_: FilePages, begin: int, end: int) -> None:
        begun.append(begin)
        if len(begun) == 2:
            given_up.set()

    monkeypatch.setattr(source_module, "_PIECE", 2**20)
    monkeypatch.setattr(FilePages, "populate", populate)
    with pytest.raises(LoadGivenUp):
        scene.buffer.load(given_up)
    assert begun == [0, 2**20]


@pytest.mark.parametrize("reading", ["hashing pages", "hashing what is read", "refilling"])
async def test_a_disk_that_fails_is_an_error_for_whoever_needs_the_bytes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, reading: str
) -> None:
    def fail(fd: int, view: memoryview, offset: int) -> int:
        raise OSError(errno.EIO, "the disk is broken")

    if reading == "hashing pages":

        def populate(*_: object) -> bool:
            raise OSError(errno.EFAULT, "the disk is broken")

        monkeypatch.setattr(FilePages, "make_present", populate)
        with pytest.raises(SourceUnreadable, match="the disk is broken"):
            list(scene.buffer.pieces())
        return
    if reading == "hashing what is read":
        scene.let_writer_in()
        monkeypatch.setattr(source_module, "read_into", fail)
        with pytest.raises(SourceUnreadable, match="the disk is broken"):
            list(scene.buffer.pieces())
        return
    scene.let_writer_in()
    monkeypatch.setattr(memory_map, "read_into", fail)
    scene.buffer.refill()
    for _ in range(2):
        with pytest.raises(SourceUnreadable, match="the disk is broken"):
            await take(scene.buffer.slices(), 1)


async def test_without_memory_for_the_copy_the_part_is_lost(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(pages: FilePages, begin: int, end: int) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    monkeypatch.setattr(FilePages, "hollow_out", fail)
    async with sending(scene) as slices:
        await take(slices, 1)
        assert scene.let_writer_in() == 0
        scene.buffer.refill()
        with pytest.raises(SourceUnreadable, match="no memory"):
            await anext(slices)


LOSE_A_PART = """
import errno, os, sys, asyncio
from asyncup.pipeline.lease import ReadLease
from asyncup.pipeline.mapped_buffer import MappedBuffer
from asyncup.pipeline.memory_map import FilePages
from asyncup.pipeline.source import Source, SourceIdentity
from asyncup.protocol.plan import Part

def fail(pages, begin, end):
    raise OSError(errno.ENOMEM, "no memory")

path = sys.argv[1]
FilePages.hollow_out = fail
fd = os.open(path, os.O_RDONLY)
lease = ReadLease.take(fd)
buffer = MappedBuffer(Source(path, fd, SourceIdentity.of(os.fstat(fd))), Part(1, 4097, 5 * 2**20), lease)

async def first_slice():
    async for view in buffer.slices():
        return view

view = asyncio.run(first_slice())
buffer.let_go()
lease.release()
os.truncate(path, 0)
print(len(bytes(view)))
"""


def test_a_lost_part_kills_nobody_who_still_holds_a_slice_of_it(large_file: LocalFile) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOSE_A_PART, str(large_file.path)], cwd=REPOSITORY, capture_output=True, check=False
    )
    assert ended.returncode != -signal.SIGBUS
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stdout.strip() == b"16384"


@contextmanager
def refilling_stops_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Let a refill wait before it reads: the first event says that it is there, the second lets it go on."""
    there, go_on = threading.Event(), threading.Event()

    def wait_and_read(fd: int, view: memoryview, offset: int) -> int:
        there.set()
        assert go_on.wait(ENOUGH_S)
        return read_into(fd, view, offset)

    with monkeypatch.context() as patched:
        patched.setattr(memory_map, "read_into", wait_and_read)
        yield there, go_on
        go_on.set()


def test_memory_that_is_being_refilled_is_not_unmapped_under_the_refill(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part may be acknowledged, or given up, while it is refilled: writing into unmapped memory hits anybody's."""
    errors: list[OSError] = []

    def refill() -> None:
        real = FilePages.refill

        def watched(pages: FilePages, begin: int, end: int) -> int:
            try:
                return real(pages, begin, end)
            except OSError as error:
                errors.append(error)
                raise

        with monkeypatch.context() as patched:
            patched.setattr(FilePages, "refill", watched)
            scene.buffer.refill()

    scene.let_writer_in()
    with refilling_stops_at(monkeypatch) as (there, go_on):
        thread = threading.Thread(target=refill)
        thread.start()
        assert there.wait(ENOUGH_S)
        scene.buffer.close()
        go_on.set()
        thread.join(ENOUGH_S)
    assert errors == []
    assert scene.buffer._pages._map.closed, "and in the end it is unmapped"


async def test_a_lost_part_that_was_closed_is_held_by_nothing(scene: Scene) -> None:
    """Not until the garbage collector comes: what was being sent of it would keep its memory."""

    async def lose_and_close() -> weakref.ref[MappedBuffer]:
        buffer = MappedBuffer(scene.source, PART, scene.lease)
        knock(scene.path)
        for each in (buffer, scene.buffer):
            each.let_go()
        scene.lease.release()
        truncate(scene.path)
        buffer.refill()
        with pytest.raises(SourceChanged, match="it is shorter now"):
            await anext(aiter(buffer.slices()))
        buffer.close()
        return weakref.ref(buffer)

    gc.disable()
    try:
        buffer = await lose_and_close()
        assert buffer() is None
    finally:
        gc.enable()


async def test_sending_hashing_and_a_writer_at_once(scene: Scene) -> None:
    """No order is given here: the threads meet as they like. Afterwards the bytes are right."""
    received = bytearray()
    hashed = bytearray()

    async def send() -> None:
        async for view in scene.buffer.slices():
            await anyio.lowlevel.checkpoint()
            received.extend(view)
            await anyio.lowlevel.checkpoint()

    def hash_it() -> None:
        try:
            for piece in scene.buffer.pieces():
                hashed.extend(piece)
        except PiecesWithdrawn:
            hashed.clear()
            for piece in scene.buffer.pieces():
                hashed.extend(piece)

    def watch() -> None:
        scene.let_writer_in(open_and_close)
        scene.buffer.refill()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, scene.buffer.load, threading.Event())
        tasks.start_soon(anyio.to_thread.run_sync, hash_it)
        tasks.start_soon(send)
        tasks.start_soon(anyio.to_thread.run_sync, watch)
    assert received == scene.wanted
    assert hashed == scene.wanted


def test_a_range_that_is_gone_cannot_become_a_buffer(scene: Scene) -> None:
    with pytest.raises(OSError, match="map"):
        MappedBuffer(scene.source, Part(2, 2**40, 10), scene.lease)
    assert os.fstat(scene.source.fd).st_size > 0
