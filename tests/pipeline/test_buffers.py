"""The buffers of one upload: mapped or copied, within the budget, and every writer let in at once."""

import asyncio
import contextlib
import itertools
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from asyncup import MemoryBudget
from asyncup.errors import SourceChanged, SourceUnreadable
from asyncup.events import BufferKind
from asyncup.pipeline import buffers as buffers_module, source as source_module
from asyncup.pipeline.buffers import QUICKLY_S, Buffers, open_buffers
from asyncup.pipeline.lease import ReadLease
from asyncup.pipeline.leased_parts import LeasedParts
from asyncup.pipeline.mapped_buffer import MappedBuffer
from asyncup.pipeline.memory_map import FilePages
from asyncup.pipeline.open_source import open_source
from asyncup.pipeline.part_buffer import CopiedBuffer, PartBuffer, PiecesWithdrawn
from asyncup.pipeline.source import Source
from asyncup.pipeline.unloaded_part import NotHashedAhead
from asyncup.pipeline.unmapping import Unmapping
from asyncup.protocol.plan import Plan
from tests.pipeline.files import (
    LocalFile,
    Writer,
    append,
    break_disk_at,
    open_and_close,
    overwrite_a_byte,
    require_leases,
    truncate,
)
from tests.pipeline.leftovers import all_given_back, mappings_of, open_files, opened_since, other_tasks, threads_at_work

PART_SIZE = 2**20
BOUNDED_S = 5.0
"""Far more than the watcher needs, far less than the 45 s after which the kernel lets a writer in by force."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")


@dataclass
class Scene:
    """The buffers of one file, and what they told."""

    file: LocalFile
    plan: Plan
    source: Source
    memory: MemoryBudget
    buffers: Buffers
    told: list[tuple[int, float]] = field(default_factory=list)

    async def load(self, number: int) -> PartBuffer:
        return await self.buffers.load(self.plan.part(number))

    async def until_told(self) -> None:
        """Wait until the listener has heard of the writer."""
        with anyio.fail_after(BOUNDED_S):
            while not self.told:
                await anyio.lowlevel.checkpoint()

    async def bytes_of(self, buffer: PartBuffer) -> bytes:
        return b"".join([bytes(view) async for view in buffer.slices()])

    async def assert_right(self, buffer: PartBuffer) -> None:
        wanted = self.file.part(buffer.part.number, PART_SIZE)
        assert await self.bytes_of(buffer) == wanted
        try:
            pieces = b"".join(map(bytes, buffer.pieces()))
        except PiecesWithdrawn:  # a writer was let in meanwhile: at most once for a part
            pieces = b"".join(map(bytes, buffer.pieces()))
        assert pieces == wanted


@asynccontextmanager
async def scene(
    file: LocalFile, *, may_map: bool, budget: int = 8 * PART_SIZE, now: Callable[[], float] = lambda: 0.0
) -> AsyncIterator[Scene]:
    """Open the buffers, and see to it that afterwards everything is given back, whatever happened."""
    memory = MemoryBudget(budget)
    before = open_files()
    told: list[tuple[int, float]] = []
    try:
        async with (
            open_source(file.path) as source,
            open_buffers(
                source,
                memory,
                may_map=may_map,
                on_copying=lambda copied, seconds: told.append((copied, seconds)),
                now=now,
            ) as buffers,
        ):
            yield Scene(file, Plan(len(file.content), PART_SIZE), source, memory, buffers, told)
    finally:
        assert memory.taken == 0
        assert threads_at_work() == 0
        assert mappings_of(file.path) == 0
        assert opened_since(before) == []
        # Nobody keeps a writer waiting any more.
        os.close(os.open(file.path, os.O_WRONLY | os.O_NONBLOCK | os.O_CREAT))


@pytest.fixture
def require_lease(tmp_path: Path) -> None:
    require_leases(tmp_path)


@pytest.mark.parametrize("may_map", [pytest.param(True, marks=linux), False], ids=["mapped", "copied"])
@pytest.mark.usefixtures("require_lease")
async def test_every_part_is_the_files(large_file: LocalFile, *, may_map: bool) -> None:
    async with scene(large_file, may_map=may_map) as play:
        kind = MappedBuffer if may_map else CopiedBuffer
        assert play.buffers.kind is (BufferKind.MAPPED if may_map else BufferKind.COPIED)
        for number in range(1, play.plan.parts + 1):
            buffer = await play.load(number)
            assert type(buffer) is kind
            assert play.memory.taken == buffer.length
            await play.assert_right(buffer)
            play.buffers.release(buffer, reusable=True)
            await all_given_back(play.memory)
        assert play.told == []


@linux
async def test_a_file_that_is_open_for_writing_is_copied(large_file: LocalFile) -> None:
    with large_file.path.open("r+b"):
        async with scene(large_file, may_map=True) as play:
            assert play.buffers.kind is BufferKind.COPIED
            await play.assert_right(await play.load(1))


@pytest.mark.usefixtures("require_lease")
async def test_where_pages_cannot_be_swapped_parts_are_copied(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers_module, "can_swap_pages", lambda: False)
    async with scene(large_file, may_map=True) as play:
        open_and_close(large_file.path)
        assert play.buffers.kind is BufferKind.COPIED
        await play.assert_right(await play.load(1))


async def test_a_file_without_bytes_needs_no_lease(tmp_path: Path) -> None:
    async with scene(LocalFile.write(tmp_path / "empty", b""), may_map=True) as play:
        assert play.buffers.kind is BufferKind.COPIED


@linux
@pytest.mark.usefixtures("require_lease")
async def test_a_part_that_cannot_be_mapped_is_copied(large_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(pages: FilePages, fd: int, offset: int, length: int) -> None:
        raise OSError("no more maps")

    monkeypatch.setattr(FilePages, "__init__", fail)
    async with scene(large_file, may_map=True) as play:
        buffer = await play.load(2)
        assert type(buffer) is CopiedBuffer
        await play.assert_right(buffer)


@linux
@pytest.mark.usefixtures("require_lease")
async def test_a_file_that_shrank_before_it_could_be_leased(large_file: LocalFile) -> None:
    """Between the opening and the lease lie calls to Vault: everything may happen to the file."""
    async with open_source(large_file.path) as source:
        truncate(large_file.path)
        memory = MemoryBudget(PART_SIZE)
        async with open_buffers(source, memory, may_map=True, on_copying=lambda *_: None) as buffers:
            with pytest.raises(SourceChanged, match="0 bytes now"):
                await buffers.load(Plan(source.size, PART_SIZE).part(2))
        assert memory.taken == 0


async def test_memory_is_used_again_only_when_nobody_else_can_hold_it(large_file: LocalFile) -> None:
    async with scene(large_file, may_map=False) as play:
        used = []
        sending = memoryview(b"")
        for number, reusable in enumerate([True, True, False, True], start=1):
            buffer = await play.load(number)
            assert isinstance(buffer, CopiedBuffer)
            used.append(buffer.memory)
            await play.assert_right(buffer)
            if not reusable:
                sending = memoryview(buffer.memory)[10:20]
            play.buffers.release(buffer, reusable=reusable)
        assert used[0] is used[1]
        assert used[1] is used[2]
        assert used[2] is not used[3]
        assert sending == large_file.part(3, PART_SIZE)[10:20], "a transport may still be sending it"
        sending.release()


async def test_memory_that_nobody_can_use_any_more_is_unmapped_at_once(large_file: LocalFile) -> None:
    async with scene(large_file, may_map=False) as play:
        memories = []
        for number in (1, 2, 3):
            buffer = await play.load(number)
            assert isinstance(buffer, CopiedBuffer)
            memories.append(buffer.memory)
            if number == 1:
                play.buffers.release(buffer, reusable=False)
        assert [memory.closed for memory in memories] == [True, False, False]
    assert [memory.closed for memory in memories] == [True, True, True]


async def test_shorter_memory_is_not_used_for_a_longer_part(large_file: LocalFile) -> None:
    async with scene(large_file, may_map=False) as play:
        last = await play.load(play.plan.parts)
        play.buffers.release(last, reusable=True)
        await play.assert_right(await play.load(1))


async def test_a_part_waits_for_memory(large_file: LocalFile) -> None:
    async with scene(large_file, may_map=False, budget=2 * PART_SIZE) as play:
        first, second = await play.load(1), await play.load(2)
        loaded: list[PartBuffer] = []

        async def load() -> None:
            loaded.append(await play.load(3))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(load)
            await anyio.wait_all_tasks_blocked()
            assert loaded == []
            assert play.memory.taken == 2 * PART_SIZE
            play.buffers.release(first, reusable=True)
        await play.assert_right(loaded[0])
        await play.assert_right(second)


@pytest.mark.parametrize("may_map", [pytest.param(True, marks=linux), False], ids=["mapped", "copied"])
@pytest.mark.parametrize(("budget", "loaded"), [(1, 1), (2, 2), (3, 3), (8, 3)])
async def test_some_parts_are_loaded_together_as_far_as_there_is_memory_now(
    large_file: LocalFile, budget: int, loaded: int, *, may_map: bool
) -> None:
    async with scene(large_file, may_map=may_map, budget=budget * PART_SIZE) as play:
        some = await play.buffers.load_some([play.plan.part(number) for number in (2, 3, 4)])
        assert [each.buffer.part.number for each in some] == [2, 3, 4][:loaded]
        assert play.memory.taken == loaded * PART_SIZE
        for each in some:
            assert each.seconds >= 0
            await play.assert_right(each.buffer)


@pytest.mark.parametrize("may_map", [pytest.param(True, marks=linux), False], ids=["mapped", "copied"])
@pytest.mark.parametrize(
    ("part_s", "loaded"), [(0.0, 3), (QUICKLY_S * 0.4, 3), (QUICKLY_S * 0.6, 2), (QUICKLY_S * 1.1, 1)]
)
async def test_nobody_waits_for_more_parts_when_the_disk_is_not_quick(
    large_file: LocalFile, part_s: float, loaded: int, *, may_map: bool
) -> None:
    looks = itertools.count()
    async with scene(large_file, may_map=may_map, now=lambda: next(looks) * part_s) as play:
        some = await play.buffers.load_some([play.plan.part(number) for number in (2, 3, 4)])
        assert [each.seconds for each in some] == [pytest.approx(part_s)] * loaded
        assert play.memory.taken == loaded * PART_SIZE


@pytest.mark.parametrize("bad", [1, 2, 3])
async def test_one_of_some_parts_that_cannot_be_read_keeps_no_other(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch, bad: int
) -> None:
    """What was read before it is sent: then it needs no reading when the file is continued."""
    break_disk_at(monkeypatch, (bad - 1) * PART_SIZE)
    async with scene(large_file, may_map=False) as play:
        parts = [play.plan.part(number) for number in (1, 2, 3)]
        if bad > 1:
            some = await play.buffers.load_some(parts)
            assert [each.buffer.part.number for each in some] == [1, 2, 3][: bad - 1]
            assert play.memory.taken == (bad - 1) * PART_SIZE
        with pytest.raises(SourceUnreadable):
            await play.buffers.load_some(parts[bad - 1 :])
        # The one that failed is in use until the end; `scene` looks whether all of it is given back then.
        assert play.memory.taken == bad * PART_SIZE


@pytest.mark.parametrize("may_map", [pytest.param(True, marks=linux), False], ids=["mapped", "copied"])
async def test_what_is_in_use_at_the_end_is_given_back(large_file: LocalFile, *, may_map: bool) -> None:
    async def load_and_fail() -> None:
        async with scene(large_file, may_map=may_map) as play:
            await play.load(1)
            await play.load(2)
            raise LookupError

    with pytest.raises(ExceptionGroup) as raised:
        await load_and_fail()
    assert raised.group_contains(LookupError)


# -- a writer comes


WRITERS: list[tuple[Callable[[Path], None], bool]] = [
    (open_and_close, True),
    (truncate, False),
    (append, False),
    (overwrite_a_byte, False),
]


@linux
@pytest.mark.usefixtures("require_lease")
@pytest.mark.parametrize(("act", "harmless"), WRITERS, ids=lambda value: getattr(value, "__name__", None))
async def test_a_writer_is_let_in_at_once(
    large_file: LocalFile, act: Callable[[Path], None], *, harmless: bool
) -> None:
    with Writer(lambda: act(large_file.path)) as writer:
        async with scene(large_file, may_map=True) as play:
            loaded = [await play.load(number) for number in (1, 2, 3)]
            sending = loaded[0].slices()
            sent = [await anext(sending)]
            came = time.monotonic()
            writer.knock()
            assert await anyio.to_thread.run_sync(writer.let_in.wait, BOUNDED_S)
            assert time.monotonic() - came < BOUNDED_S
            await play.until_told()
            ((copied, seconds),) = play.told
            assert copied == sent[0].nbytes
            assert 0 <= seconds < BOUNDED_S
            assert play.buffers.kind is BufferKind.COPIED
            if harmless:
                sent += [view async for view in sending]
                assert b"".join(sent) == large_file.part(1, PART_SIZE)
                for buffer in loaded:
                    await play.assert_right(buffer)
                later = await play.load(4)
                assert type(later) is CopiedBuffer
                await play.assert_right(later)
            else:
                # What was read back before the writer was quick enough to change it is right, and may still be sent.
                with contextlib.suppress(SourceChanged):
                    assert b"".join([*sent, *[view async for view in sending]]) == large_file.part(1, PART_SIZE)
                with pytest.raises(SourceChanged):
                    await play.load(4)
            for view in sent:
                view.release()


@linux
@pytest.mark.usefixtures("require_lease")
async def test_a_writer_on_the_event_loops_own_thread_is_let_in(large_file: LocalFile) -> None:
    """Its `open` blocks the loop, so that no task could let it in: only a thread can."""
    async with scene(large_file, may_map=True) as play:
        loaded = [await play.load(number) for number in (1, 2, 3)]
        assert play.buffers.kind is BufferKind.MAPPED
        came = time.monotonic()
        with large_file.path.open("r+b"):
            waited_s = time.monotonic() - came
        assert waited_s < BOUNDED_S
        for buffer in loaded:
            await play.assert_right(buffer)
        await play.until_told()


@linux
@pytest.mark.usefixtures("require_lease")
async def test_a_writer_on_the_loop_is_let_in_from_the_first_moment_of_the_lease(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other tasks run between the taking of the lease and the next step of ours."""
    loop = asyncio.get_running_loop()
    waited_s: list[float] = []
    take = ReadLease.take

    def want_to_write() -> None:
        came = time.monotonic()
        open_and_close(large_file.path)
        waited_s.append(time.monotonic() - came)

    def take_when_a_writer_is_there(fd: int) -> ReadLease | None:
        lease = take(fd)
        assert lease is not None
        loop.call_soon_threadsafe(want_to_write)
        return lease

    monkeypatch.setattr(ReadLease, "take", take_when_a_writer_is_there)
    async with scene(large_file, may_map=True) as play:
        await play.assert_right(await play.load(1))
    assert len(waited_s) == 1
    assert waited_s[0] < BOUNDED_S


@linux
@pytest.mark.usefixtures("require_lease")
@pytest.mark.parametrize("moment", ["before it is mapped", "while it is loaded"])
async def test_a_writer_may_come_while_a_part_is_loaded(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    name = "__init__" if moment == "before it is mapped" else "populate"
    real = getattr(FilePages, name)

    with Writer(lambda: open_and_close(large_file.path)) as writer:

        def come_and_go_on(*arguments: object) -> None:
            with monkeypatch.context() as patched:
                patched.setattr(FilePages, name, real)
                writer.knock()
                if name == "populate":
                    assert writer.let_in.wait(BOUNDED_S)
                real(*arguments)

        async with scene(large_file, may_map=True) as play:
            monkeypatch.setattr(FilePages, name, come_and_go_on)
            buffer = await play.load(2)
            monkeypatch.undo()
            assert type(buffer) is MappedBuffer
            await play.assert_right(buffer)
            assert await anyio.to_thread.run_sync(writer.let_in.wait, BOUNDED_S)


@linux
@pytest.mark.usefixtures("require_lease")
async def test_many_writers_and_many_rounds(large_file: LocalFile) -> None:
    """No order is given: writers come while parts are loaded, sent and released. The bytes stay right."""
    told = 0
    for round_number in range(15):
        async with scene(large_file, may_map=True) as play:
            with Writer(lambda: open_and_close(large_file.path)) as writer:

                async def come(after: int, writer: Writer = writer) -> None:
                    for _ in range(after * 3):
                        await anyio.lowlevel.checkpoint()
                    writer.knock()

                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(come, round_number)
                    for number in range(1, play.plan.parts + 1):
                        buffer = await play.load(number)
                        await play.assert_right(buffer)
                        play.buffers.release(buffer, reusable=True)
                assert await anyio.to_thread.run_sync(writer.let_in.wait, BOUNDED_S)
            told += len(play.told)
    assert told > 0, "writers came before the end in some rounds at least"


@linux
@pytest.mark.usefixtures("require_lease")
async def test_an_exception_of_the_listener_ends_the_work(large_file: LocalFile) -> None:
    class TheCallers(Exception):
        pass

    def listener(copied: int, seconds: float) -> None:
        raise TheCallers

    async def let_a_writer_in() -> None:
        async with (
            open_source(large_file.path) as source,
            open_buffers(source, MemoryBudget(PART_SIZE), may_map=True, on_copying=listener),
        ):
            open_and_close(large_file.path)
            await anyio.sleep_forever()

    with pytest.raises(ExceptionGroup) as raised:
        await let_a_writer_in()
    assert raised.group_contains(TheCallers)


@linux
@pytest.mark.usefixtures("require_lease")
async def test_the_lease_ends_with_the_buffers_and_not_with_the_file(large_file: LocalFile) -> None:
    """What follows may take long: Vault's job, for instance."""
    async with open_source(large_file.path) as source:
        async with open_buffers(source, MemoryBudget(1), may_map=True, on_copying=lambda *_: None) as buffers:
            assert buffers.kind is BufferKind.MAPPED
        os.close(os.open(large_file.path, os.O_WRONLY | os.O_NONBLOCK))


@linux
@pytest.mark.usefixtures("require_lease")
async def test_a_writer_at_the_very_end_is_let_in(large_file: LocalFile) -> None:
    with Writer(lambda: truncate(large_file.path)) as writer:
        async with scene(large_file, may_map=True) as play:
            await play.load(1)
            writer.knock()
    assert writer.let_in.is_set()


@linux
@pytest.mark.usefixtures("require_lease")
async def test_who_is_let_in_when_the_upload_is_over_is_not_told_of(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody sends any more, so nothing goes on with copies."""
    let_in, leaving = threading.Event(), threading.Event()
    refill, stop_watching = MappedBuffer.refill, LeasedParts.stop_watching

    def refill_when_leaving(buffer: MappedBuffer) -> None:
        let_in.set()
        assert leaving.wait(BOUNDED_S)
        refill(buffer)

    def leave(leased: LeasedParts) -> None:
        stop_watching(leased)
        leaving.set()

    monkeypatch.setattr(MappedBuffer, "refill", refill_when_leaving)
    monkeypatch.setattr(LeasedParts, "stop_watching", leave)
    with Writer(lambda: open_and_close(large_file.path)) as writer:
        async with scene(large_file, may_map=True) as play:
            await play.load(1)
            writer.knock()
            assert await anyio.to_thread.run_sync(let_in.wait, BOUNDED_S)
            assert await anyio.to_thread.run_sync(writer.let_in.wait, BOUNDED_S)
        assert play.told == []


# -- parts that are hashed before they are loaded


@linux
@pytest.mark.usefixtures("require_lease")
async def test_a_part_that_is_not_loaded_is_the_files_and_takes_no_memory(large_file: LocalFile) -> None:
    async with scene(large_file, may_map=True) as play:
        for part in play.plan.parts_from(1):
            pieces = play.buffers.unloaded(part).pieces()
            assert b"".join(map(bytes, pieces)) == large_file.part(part.number, PART_SIZE)
        assert play.memory.taken == 0
        assert mappings_of(large_file.path) == 0


@linux
@pytest.mark.usefixtures("require_lease")
@pytest.mark.parametrize(("act", "harmless"), WRITERS, ids=lambda value: getattr(value, "__name__", None))
@pytest.mark.parametrize("is_last", [True, False], ids=["last piece", "first piece"])
async def test_a_writer_is_let_in_while_a_part_is_hashed_that_is_not_loaded(
    large_file: LocalFile, act: Callable[[Path], None], *, harmless: bool, is_last: bool
) -> None:
    """Two of them; and the piece that is being hashed at that moment counts no more."""
    with Writer(lambda: act(large_file.path)) as writer:
        async with scene(large_file, may_map=True) as play:
            parts = [play.plan.part(number) for number in (2, 5)]
            open_pieces = [play.buffers.unloaded(part).pieces() for part in parts]
            given = [
                [next(pieces) for _ in range(part.length // 2**12 if is_last else 1)]
                for part, pieces in zip(parts, open_pieces, strict=True)
            ]
            assert mappings_of(large_file.path) == 2
            writer.knock()
            assert await anyio.to_thread.run_sync(writer.let_in.wait, BOUNDED_S)
            assert mappings_of(large_file.path) == 0
            for pieces, views in zip(open_pieces, given, strict=True):
                assert views[-1] == bytes(len(views[-1])), "no more the file's, and no signal"
                with pytest.raises(NotHashedAhead):
                    next(pieces)
                for view in views:
                    view.release()
            await play.until_told()
            assert [copied for copied, _ in play.told] == [0]
            with pytest.raises(NotHashedAhead):
                next(play.buffers.unloaded(play.plan.part(3)).pieces())
            if harmless:
                later = await play.load(2)
                assert type(later) is CopiedBuffer
                await play.assert_right(later)
            else:
                with pytest.raises(SourceChanged):
                    await play.load(2)


async def test_without_a_lease_no_part_is_hashed_that_is_not_loaded(large_file: LocalFile) -> None:
    async with scene(large_file, may_map=False) as play:
        with pytest.raises(NotHashedAhead):
            next(play.buffers.unloaded(play.plan.part(1)).pieces())


@linux
@pytest.mark.usefixtures("require_lease")
async def test_nor_is_one_that_cannot_be_mapped(large_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def fail(pages: FilePages, fd: int, offset: int, length: int) -> None:
        asked.append(offset)
        raise OSError("no more maps")

    monkeypatch.setattr(FilePages, "__init__", fail)
    async with scene(large_file, may_map=True) as play:
        assert play.buffers.kind is BufferKind.MAPPED
        with pytest.raises(NotHashedAhead):
            next(play.buffers.unloaded(play.plan.part(2)).pieces())
    assert asked == [PART_SIZE]


# -- cancellation


@pytest.mark.parametrize("may_map", [pytest.param(True, marks=linux), False], ids=["mapped", "copied"])
async def test_a_cancelled_load_is_given_up_between_two_pieces(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch, *, may_map: bool
) -> None:
    reading, go_on = threading.Event(), threading.Event()
    begun: list[int] = []
    in_pieces = Source.in_pieces

    def slowly(source: Source, offset: int, length: int) -> Iterator[tuple[int, int]]:
        for begin, end in in_pieces(source, offset, length):
            begun.append(begin)
            reading.set()
            assert go_on.wait(BOUNDED_S)
            yield begin, end

    monkeypatch.setattr(source_module, "_PIECE", PART_SIZE // 4)
    monkeypatch.setattr(Source, "in_pieces", slowly)
    async with scene(large_file, may_map=may_map) as play:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(play.load, 1)
            assert await anyio.to_thread.run_sync(reading.wait, BOUNDED_S)
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await anyio.wait_all_tasks_blocked()
            go_on.set()
        assert begun == [0]


@pytest.mark.parametrize("may_map", [pytest.param(True, marks=linux), False], ids=["mapped", "copied"])
async def test_cancelled_at_any_moment_nothing_is_left(large_file: LocalFile, *, may_map: bool) -> None:
    ended = False
    moments = 0
    tasks_before = other_tasks()
    while not ended:
        with anyio.CancelScope() as scope:

            async def cancel(after: int, scope: anyio.CancelScope = scope) -> None:
                for _ in range(after):
                    await anyio.lowlevel.checkpoint()
                scope.cancel()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(cancel, moments)
                async with scene(large_file, may_map=may_map) as play:
                    for number in (1, 2):
                        await play.load(number)
                tasks.cancel_scope.cancel()
        ended = not scope.cancelled_caught
        assert other_tasks() == tasks_before
        moments = moments + 1 + moments // 8
    assert moments > 5


@linux
@pytest.mark.usefixtures("require_lease")
async def test_a_busy_program_does_not_keep_the_memory(large_file: LocalFile) -> None:
    """Its threads may be blocked for as long as it likes."""
    loop, may_end = asyncio.get_running_loop(), threading.Event()
    async with scene(large_file, may_map=True) as play:
        buffer = await play.load(1)
        busy = [loop.run_in_executor(None, may_end.wait, 60) for _ in range(40)]
        try:
            play.buffers.release(buffer, reusable=True)
            await all_given_back(play.memory)
        finally:
            may_end.set()
            await asyncio.wait(busy)


class HeldUp:
    """What one of the upload's own threads does, held up until it may go on."""

    def __init__(self) -> None:
        self.begun, self.may_go_on = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.may_go_on.wait(BOUNDED_S)


@linux
@pytest.mark.usefixtures("require_lease")
async def test_a_part_is_unmapped_while_the_disk_holds_up_another(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other uploads may wait for its memory."""
    disk = HeldUp()
    in_pieces = Source.in_pieces

    def slowly(source: Source, offset: int, length: int) -> Iterator[tuple[int, int]]:
        disk()
        return in_pieces(source, offset, length)

    async with scene(large_file, may_map=True) as play, anyio.create_task_group() as tasks:
        buffer = await play.load(1)
        monkeypatch.setattr(Source, "in_pieces", slowly)
        try:
            tasks.start_soon(play.load, 2)
            await anyio.to_thread.run_sync(disk.begun.wait, BOUNDED_S)
            assert play.memory.taken == 2 * PART_SIZE
            play.buffers.release(buffer, reusable=True)
            with anyio.fail_after(BOUNDED_S):
                while play.memory.taken > PART_SIZE:
                    await anyio.lowlevel.checkpoint()
        finally:
            disk.may_go_on.set()


@linux
@pytest.mark.usefixtures("require_lease")
async def test_who_loads_does_not_wait_for_memory_that_only_waits_for_other_parts(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffers_module, "Unmapping", partial(Unmapping, together_s=3600.0))
    async with scene(large_file, may_map=True, budget=2 * PART_SIZE) as play:
        for buffer in [await play.load(1), await play.load(2)]:
            play.buffers.release(buffer, reusable=True)
        assert play.memory.taken == 2 * PART_SIZE
        with anyio.fail_after(BOUNDED_S):
            await play.assert_right(await play.load(3))


@linux
@pytest.mark.usefixtures("require_lease")
async def test_without_a_second_thread_the_first_does_the_work(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    unmapping = HeldUp()
    unmap = FilePages.close

    def slowly(pages: FilePages) -> None:
        unmapping()
        unmap(pages)

    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with scene(large_file, may_map=True) as play:
        buffer = await play.load(1)
        loaded: list[PartBuffer] = []

        async def load() -> None:
            loaded.append(await play.load(2))

        with monkeypatch.context() as patch:
            patch.setattr(FilePages, "close", slowly)
            patch.setattr(threading.Thread, "start", none_left)
            play.buffers.release(buffer, reusable=True)
            with anyio.fail_after(BOUNDED_S):
                while not unmapping.begun.is_set():  # no thread of anyio's can be had to wait for it
                    await anyio.lowlevel.checkpoint()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(load)
                await anyio.wait_all_tasks_blocked()
                assert loaded == []
                unmapping.may_go_on.set()
        await play.assert_right(loaded[0])
        assert play.memory.taken == PART_SIZE


@linux
@pytest.mark.usefixtures("require_lease")
async def test_while_the_interpreter_ends_the_memory_is_given_back_all_the_same(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another upload, in a thread that the interpreter waits for, may wait for it."""

    def refuse(*_: object) -> None:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    async with scene(large_file, may_map=True) as play:
        buffers = [await play.load(number) for number in (1, 2)]
        with monkeypatch.context() as patch:
            patch.setattr(ThreadPoolExecutor, "submit", refuse)
            play.buffers.release(buffers[0], reusable=True)
            with anyio.fail_after(BOUNDED_S):
                while play.memory.taken > buffers[1].length:
                    await anyio.lowlevel.checkpoint()
            assert mappings_of(large_file.path) == 1
        play.buffers.release(buffers[1], reusable=True)
        await all_given_back(play.memory)


@linux
@pytest.mark.usefixtures("require_lease")
async def test_what_no_thread_could_load_is_not_loaded_later(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits in the queue for the next thread that there is: its memory is others' by then."""

    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with scene(large_file, may_map=True) as play:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", none_left)
            with pytest.raises(RuntimeError, match="new thread"):
                await play.load(1)
        assert play.memory.taken == 0
        buffer = await play.load(2)
        assert mappings_of(large_file.path) == 1
        assert play.memory.taken == buffer.length
        await play.assert_right(buffer)


@linux
@pytest.mark.usefixtures("require_lease")
async def test_what_goes_wrong_when_a_part_is_unmapped_is_raised_at_the_end(
    large_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a thread that nobody waits for: a bug there must not be lost, nor the share of the budget."""
    unmap = FilePages.close

    def unmap_and_fail(pages: FilePages) -> None:
        unmap(pages)
        raise LookupError("a bug")

    monkeypatch.setattr(FilePages, "close", unmap_and_fail)
    with pytest.RaisesGroup(pytest.RaisesExc(LookupError, match="a bug")):
        async with scene(large_file, may_map=True) as play:
            play.buffers.release(await play.load(1), reusable=True)
            await all_given_back(play.memory)
