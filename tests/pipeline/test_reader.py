"""The producer: parts in order, no further ahead than allowed, and nothing kept when it fails."""

import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream
from hypothesis import given, strategies as st

from asyncup import MemoryBudget
from asyncup.errors import SourceError, SourceUnreadable
from asyncup.pipeline import reader
from asyncup.pipeline.buffers import QUICKLY_S, Buffers, Loaded, open_buffers
from asyncup.pipeline.hasher import Hasher
from asyncup.pipeline.open_source import open_source
from asyncup.pipeline.reader import ReadPart, next_part, read_parts
from asyncup.protocol.plan import Part, Plan
from tests.pipeline.files import ENOUGH_S, LocalFile, break_disk_at, md5
from tests.pipeline.leftovers import threads_at_work

PART_SIZE = 10_000


@dataclass
class Reading:
    """A reader at work, and the taker's end of its queue."""

    take: MemoryObjectReceiveStream[ReadPart]
    buffers: Buffers
    memory: MemoryBudget
    read: list[int] = field(default_factory=list)
    bytes_read: int = 0
    bytes_released: int = 0

    @property
    def loads(self) -> bool:
        """Whether a part is being loaded: it has its memory, and is not read yet."""
        return self.memory.taken > self.bytes_read - self.bytes_released

    def release(self, item: ReadPart) -> None:
        """Give a part back; of copied parts, so that the memory is free at once."""
        self.bytes_released += item.buffer.length
        self.buffers.release(item.buffer, reusable=True)


@asynccontextmanager
async def reading(
    file: LocalFile,
    *,
    ahead: int,
    budget: int = 100 * PART_SIZE,
    first: int = 1,
    may_map: bool = False,
    now: Callable[[], float] = lambda: 0.0,
) -> AsyncIterator[Reading]:
    """Read a file from part `first` on, and see that nothing is left whatever happens."""
    memory = MemoryBudget(budget)
    plan = Plan(len(file.content), PART_SIZE)
    put, take = anyio.create_memory_object_stream[ReadPart](ahead)
    try:
        async with (
            open_source(file.path) as source,
            open_buffers(source, memory, may_map=may_map, on_copying=lambda *_: None, now=now) as buffers,
            anyio.create_task_group() as tasks,
        ):
            with Hasher(tasks, 2, lambda *_: None) as hasher, take:
                scene = Reading(take, buffers, memory)

                def on_read(part: Part, seconds: float) -> None:
                    assert seconds >= 0
                    scene.read.append(part.number)
                    scene.bytes_read += part.length

                tasks.start_soon(read_parts, plan.parts_from(first), buffers, hasher, put, on_read)
                yield scene
    finally:
        assert memory.taken == 0
        assert threads_at_work() == 0


@pytest.mark.parametrize("may_map", [True, False], ids=["mapped", "copied"])
@pytest.mark.parametrize("first", [1, 4, 10])
async def test_every_part_comes_in_order_with_its_digest(local_file: LocalFile, first: int, *, may_map: bool) -> None:
    numbers = []
    async with reading(local_file, ahead=3, first=first, may_map=may_map) as scene:
        async for item in scene.take:
            numbers.append(item.part.number)
            wanted = local_file.part(item.part.number, PART_SIZE)
            assert b"".join([bytes(view) async for view in item.buffer.slices()]) == wanted
            assert await item.digest.wait() == md5(wanted)
            scene.release(item)
    assert numbers == list(range(first, 11))
    assert scene.read == numbers


def seen_visits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many parts every visit was asked for, as they come."""
    asked, load_some = list[int](), Buffers.load_some

    async def witness(buffers: Buffers, parts: Sequence[Part]) -> list[Loaded]:
        asked.append(len(parts))
        return await load_some(buffers, parts)

    monkeypatch.setattr(Buffers, "load_some", witness)
    return asked


async def take_all(scene: Reading) -> None:
    items = [item async for item in scene.take]
    assert [item.part.number for item in items] == list(range(1, 11))
    for item in items:
        await item.digest.wait()
        scene.release(item)


@pytest.mark.parametrize(("together", "visits"), [(4, [1, 4, 4, 1]), (1, [1] * 10), (0.5, [1] * 10), (20, [1, 9])])
async def test_small_parts_are_read_together_and_the_first_one_alone(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch, together: float, visits: list[int]
) -> None:
    """One by one, a reader never gets ahead of a loop that is busy with sending."""
    monkeypatch.setattr(reader, "_READ_TOGETHER", int(together * PART_SIZE))
    asked = seen_visits(monkeypatch)
    async with reading(local_file, ahead=12) as scene:
        await take_all(scene)
    assert asked == visits


async def test_a_disk_that_is_not_quick_is_asked_for_one_part_at_a_time(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender would wait for all of them, the memory would be held for all of them."""
    asked, looks = seen_visits(monkeypatch), itertools.count()
    async with reading(local_file, ahead=12, now=lambda: next(looks) * 1.1 * QUICKLY_S) as scene:
        await take_all(scene)
    assert asked == [1] * 10


async def test_nothing_is_read_when_nothing_is_missing(local_file: LocalFile) -> None:
    async with reading(local_file, ahead=1, first=11) as scene:
        assert [item async for item in scene.take] == []
    assert scene.read == []


@given(ahead=st.integers(1, 12), parts_in_memory=st.integers(1, 12), taken=st.integers(0, 9))
async def test_it_runs_ahead_as_far_as_queue_and_memory_allow(
    tmp_path_factory: pytest.TempPathFactory, ahead: int, parts_in_memory: int, taken: int
) -> None:
    file = LocalFile.write(tmp_path_factory.getbasetemp() / "ahead.bin", bytes(95_000))
    async with reading(file, ahead=ahead, budget=parts_in_memory * PART_SIZE) as scene:
        for _ in range(taken):
            scene.release(await scene.take.receive())
        # In the queue, and one that waits for a place in it; every one of them has its memory.
        expected = min(taken + min(ahead + 1, parts_in_memory), 10)
        await until_idle(scene)
        assert scene.read == list(range(1, expected + 1))
        assert scene.memory.taken == min((expected - taken) * PART_SIZE, 95_000 - taken * PART_SIZE)
        async for item in scene.take:
            await item.digest.wait()
            scene.release(item)
    assert scene.read == list(range(1, 11))


async def until_idle(scene: Reading) -> None:
    """Wait until the reader can go no further: nothing is being loaded, and turns of the loop change nothing."""
    idle_turns, read = 0, -1
    while idle_turns < 20:
        await anyio.lowlevel.checkpoint()
        moved = scene.loads or len(scene.read) != read
        idle_turns, read = 0 if moved else idle_turns + 1, len(scene.read)


async def test_a_part_that_is_there_is_taken_at_once_and_another_one_is_waited_for(local_file: LocalFile) -> None:
    async with reading(local_file, ahead=2, budget=2 * PART_SIZE) as scene:
        await until_idle(scene)
        taking = next_part(scene.take)
        with pytest.raises(StopIteration) as at_once:
            taking.send(None)
        first = at_once.value.value
        assert first.part.number == 1
        await first.digest.wait()
        scene.release(first)
        for number in range(2, 11):
            item = await next_part(scene.take)
            assert item is not None
            assert item.part.number == number
            await item.digest.wait()
            scene.release(item)
        assert await next_part(scene.take) is None


async def test_behind_the_last_part_nothing_is_put_off(local_file: LocalFile) -> None:
    """Nobody asks for a digest here."""
    async with reading(local_file, ahead=12) as scene:
        items = [item async for item in scene.take]
        with anyio.fail_after(ENOUGH_S):
            while not all(item.digest.known for item in items):
                await anyio.lowlevel.checkpoint()
        for item in items:
            scene.release(item)
    assert len(items) == 10


async def test_a_taker_that_fails_stops_the_reader(local_file: LocalFile) -> None:
    async def take_one_and_fail() -> None:
        async with reading(local_file, ahead=2) as scene:
            await scene.take.receive()
            raise LookupError

    with pytest.raises(ExceptionGroup) as raised:
        await take_one_and_fail()
    assert raised.group_contains(LookupError)


async def test_a_taker_that_leaves_stops_the_reader(local_file: LocalFile) -> None:
    async with reading(local_file, ahead=2) as scene:
        scene.release(await scene.take.receive())
    assert len(scene.read) < 10


@pytest.mark.parametrize("bad", [1, 2, 5, 10])
async def test_a_part_that_cannot_be_read_ends_the_work(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch, bad: int
) -> None:
    break_disk_at(monkeypatch, (bad - 1) * PART_SIZE)
    taken = []

    async def take_all() -> None:
        async with reading(local_file, ahead=2) as scene:
            async for item in scene.take:
                taken.append(item.part.number)
                scene.release(item)
            await anyio.sleep_forever()

    with pytest.raises(ExceptionGroup) as raised:
        await take_all()
    assert raised.group_contains(SourceUnreadable)
    assert all(isinstance(error, SourceError) for error in _leaves(raised.value))
    assert taken == list(range(1, len(taken) + 1))
    assert len(taken) < bad


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves
