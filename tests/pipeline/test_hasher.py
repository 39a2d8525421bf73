"""Hashing in threads: right digests, as many at once as asked for, and never a digest of half a part."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, strategies as st

from asyncup.errors import SourceChanged
from asyncup.pipeline import multi_md5
from asyncup.pipeline.hasher import Hasher
from asyncup.pipeline.multi_md5 import AT_ONCE
from asyncup.pipeline.part_buffer import PiecesWithdrawn
from asyncup.protocol.plan import Part
from tests.pipeline.files import ENOUGH_S, md5
from tests.pipeline.pieces import Pieces


@pytest.fixture(scope="module", autouse=True, params=sorted({1, AT_ONCE}), ids=lambda most: f"{most} at once")
def at_once(request: pytest.FixtureRequest) -> Iterator[None]:
    """Everything here holds with parts that are hashed together, and each on its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multi_md5, "AT_ONCE", request.param)
        yield


@given(st.lists(st.lists(st.binary(max_size=150), max_size=4), max_size=20), st.integers(1, 4))
async def test_every_part_gets_its_digest(parts: list[list[bytes]], threads: int) -> None:
    hashed: list[Part] = []
    loop_thread = threading.get_ident()

    def on_hashed(part: Part, seconds: float) -> None:
        assert threading.get_ident() == loop_thread
        assert seconds >= 0
        hashed.append(part)

    buffers = [Pieces(*pieces, number=number) for number, pieces in enumerate(parts, start=1)]
    async with anyio.create_task_group() as tasks:
        with Hasher(tasks, threads, on_hashed) as hasher:
            pending = [hasher.start(buffer) for buffer in buffers]
            digests = [await each.wait() for each in pending]
            assert all(each.known for each in pending)
    assert digests == [md5(b"".join(pieces)) for pieces in parts]
    assert sorted(part.number for part in hashed) == [buffer.part.number for buffer in buffers]


@pytest.mark.parametrize("threads", [1, 2, 3])
async def test_as_many_parts_at_once_as_asked_for_in_their_order(threads: int) -> None:
    begun: list[int] = []
    most = at_once = 0
    counting = threading.Lock()
    all_there = threading.Barrier(threads)

    def begin(number: int) -> Callable[[int], None]:
        def before(piece: int) -> None:
            nonlocal at_once, most
            with counting:
                if piece == 0:
                    begun.append(number)
                    at_once += 1
                    most = max(most, at_once)
                else:
                    at_once -= 1
            if piece == 0:
                all_there.wait(ENOUGH_S)

        return before

    async with anyio.create_task_group() as tasks:
        with Hasher(tasks, threads, lambda *_: None, at_once=1) as hasher:
            parts = range(1, 6 * threads + 1)
            pending = [hasher.start(Pieces(b"1", b"2", number=number, before=begin(number))) for number in parts]
            for each in pending:
                await each.wait()
    assert most == threads
    # The first to begin are the first to be given: in groups, since threads of one group may overtake each other.
    assert [sorted(begun[at : at + threads]) for at in range(0, len(begun), threads)] == [
        list(parts[at : at + threads]) for at in range(0, len(begun), threads)
    ]


async def test_a_part_that_cannot_be_read_has_an_error_instead() -> None:
    def fail(_: int) -> None:
        raise SourceChanged("file", "file changed")

    async with anyio.create_task_group() as tasks:
        with Hasher(tasks, 2, lambda *_: pytest.fail("it was not hashed")) as hasher:
            pending = hasher.start(Pieces(b"1", before=fail))
            for _ in range(2):
                with pytest.raises(SourceChanged, match="file changed"):
                    await pending.wait()
            assert pending.known


async def hash_one(
    buffer: Pieces, listener: Callable[[Part, float], None] = lambda *_: None, *, asked: bool = True
) -> None:
    """Hash a part; unless it is asked for, nobody ever asks for its digest."""
    async with anyio.create_task_group() as tasks:
        with Hasher(tasks, 2, listener) as hasher:
            pending = hasher.start(buffer)
            await (pending.wait() if asked else anyio.sleep_forever())


async def test_a_part_whose_bytes_were_withdrawn_is_hashed_from_its_beginning() -> None:
    class Withdrawn(Pieces):
        rounds = 0

        def pieces(self) -> Iterator[memoryview]:
            self.rounds += 1
            yield memoryview(b"right")
            if self.rounds == 1:
                yield memoryview(b"zeros, and not the part's bytes")
                raise PiecesWithdrawn
            yield memoryview(b" and left")

    buffer = Withdrawn(b"x")
    async with anyio.create_task_group() as tasks:
        with Hasher(tasks, 1, lambda *_: None) as hasher:
            assert await hasher.start(buffer).wait() == md5(b"right and left")
    assert buffer.rounds == 2


async def test_the_next_part_begins_while_the_loop_is_busy() -> None:
    """A core would stand still otherwise, for as long as a slice takes to be sent, after every part."""
    second_begun = threading.Event()
    second = Pieces(b"2", number=2, before=lambda _: second_begun.set())
    started = threading.Event()

    def wait_for_the_loop_to_be_busy(_: int) -> None:
        assert started.wait(ENOUGH_S)

    first = Pieces(b"1", number=1, before=wait_for_the_loop_to_be_busy)
    async with anyio.create_task_group() as tasks:
        with Hasher(tasks, 1, lambda *_: None) as hasher:
            pending = [hasher.start(first), hasher.start(second)]
            hasher.all_started()
            await anyio.wait_all_tasks_blocked()
            started.set()
            second_begun.wait(ENOUGH_S)  # the loop does nothing else
            assert second_begun.is_set()
            assert not pending[0].known
            for each in pending:
                await each.wait()


async def test_a_bug_while_hashing_ends_the_work() -> None:
    def fail(_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as raised:
        await hash_one(Pieces(b"1", before=fail))
    assert raised.group_contains(ZeroDivisionError)


class TheCallers(BaseException):
    pass


@pytest.mark.parametrize("kind", [ZeroDivisionError, TheCallers])
@pytest.mark.parametrize("asked", [True, False])
async def test_an_exception_of_the_listener_ends_the_work(kind: type[BaseException], *, asked: bool) -> None:
    """Also of one that is no `Exception`, and when nobody asks for the digest yet: the part was read ahead."""

    def listener(part: Part, seconds: float) -> None:
        raise kind

    with anyio.fail_after(ENOUGH_S), pytest.raises(BaseExceptionGroup) as raised:
        await hash_one(Pieces(b"1"), listener, asked=asked)
    assert raised.group_contains(kind)


async def test_a_bug_ends_the_work_before_anybody_asks() -> None:
    def fail(_: int) -> None:
        raise ZeroDivisionError

    with anyio.fail_after(ENOUGH_S), pytest.raises(ExceptionGroup) as raised:
        await hash_one(Pieces(b"1", before=fail), asked=False)
    assert raised.group_contains(ZeroDivisionError)


async def test_without_a_thread_it_fails_and_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch, anyio.fail_after(ENOUGH_S):
        patch.setattr(threading.Thread, "start", none_left)
        with pytest.raises(ExceptionGroup) as raised:
            await hash_one(Pieces(b"1"))
    assert raised.group_contains(RuntimeError, match="thread")


async def test_without_a_second_thread_the_first_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    may_begin = threading.Event()

    def wait(_: int) -> None:
        assert may_begin.wait(ENOUGH_S)

    with anyio.fail_after(ENOUGH_S):
        async with anyio.create_task_group() as tasks:
            with Hasher(tasks, 2, lambda *_: None) as hasher:
                first = hasher.start(Pieces(b"1", before=wait))
                with monkeypatch.context() as patch:
                    patch.setattr(threading.Thread, "start", none_left)
                    second = hasher.start(Pieces(b"2"))
                    hasher.all_started()
                may_begin.set()
                assert await first.wait() == md5(b"1")
                assert await second.wait() == md5(b"2")


async def test_a_part_that_comes_after_the_end_is_not_hashed() -> None:
    """The reader may not have heard of the end yet."""
    async with anyio.create_task_group() as tasks:
        with Hasher(tasks, 1, lambda *_: pytest.fail("it was not hashed")) as hasher:
            pass
        late = Pieces(b"late")
        pending = hasher.start(late)
        assert pending.known
        with pytest.raises(RuntimeError, match="stopped"):
            await pending.wait()
    assert late.given == 0


async def test_nothing_goes_on_after_the_task_group() -> None:
    """Whoever releases the buffers relies on it, however the work ends."""
    hashing, may_end = anyio.Event(), threading.Event()
    loop = anyio.lowlevel.current_token()
    ended = threading.Event()

    def hold(_: int) -> None:
        anyio.from_thread.run_sync(hashing.set, token=loop)
        assert may_end.wait(ENOUGH_S)
        ended.set()

    async with anyio.create_task_group() as outer:

        async def let_it_end_later() -> None:
            await anyio.wait_all_tasks_blocked()
            may_end.set()

        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                with Hasher(tasks, 1, lambda *_: None) as hasher:
                    hasher.start(Pieces(b"1", before=hold))
                    await hashing.wait()
                    outer.start_soon(let_it_end_later)
                    scope.cancel()
        assert ended.is_set()


@pytest.mark.parametrize("how", ["left", "cancelled"])
async def test_leaving_stops_soon_and_settles_no_half_digest(how: str) -> None:
    """A digest of half a part would be compared with Vault's, and look like somebody else's bytes."""
    hashing, left = anyio.Event(), threading.Event()
    loop = anyio.lowlevel.current_token()

    def wait_in_the_middle(number: int) -> None:
        if number == 2:
            anyio.from_thread.run_sync(hashing.set, token=loop)
            assert left.wait(ENOUGH_S)

    buffer = Pieces(*[b"piece"] * 10, before=wait_in_the_middle)
    waiting = Pieces(b"never begun")
    async with anyio.create_task_group() as tasks:
        with Hasher(tasks, 1, lambda *_: pytest.fail("it was not hashed")) as hasher:
            pending, next_one = hasher.start(buffer), hasher.start(waiting)
            await hashing.wait()
        if how == "cancelled":
            tasks.cancel_scope.cancel()
        left.set()
    assert buffer.given == 3
    for each in (pending, next_one):
        if each.known:
            with pytest.raises(RuntimeError, match="stopped"):
                await each.wait()


async def test_a_stopped_hashing_holds_no_buffer() -> None:
    """Not until the garbage collector comes: it would be a part's memory, for each that was being hashed."""

    async def hash_and_leave() -> weakref.ref[Pieces]:
        hashing, left = anyio.Event(), threading.Event()
        loop = anyio.lowlevel.current_token()

        def wait(number: int) -> None:
            if number == 1:
                anyio.from_thread.run_sync(hashing.set, token=loop)
                assert left.wait(ENOUGH_S)

        buffer = Pieces(b"1", b"2", b"3", before=wait)
        async with anyio.create_task_group() as tasks:
            with Hasher(tasks, 1, lambda *_: None) as hasher:
                pending = hasher.start(buffer)
                await hashing.wait()
            left.set()
        assert pending.known
        return weakref.ref(buffer)

    gc.disable()
    try:
        buffer = await hash_and_leave()
        with anyio.fail_after(ENOUGH_S):
            # The worker thread may need a moment to forget what it has done.
            while buffer() is not None:
                await anyio.lowlevel.checkpoint()
    finally:
        gc.enable()


async def test_an_error_after_withdrawn_bytes_holds_none_of_them() -> None:
    """Else a whole part stays mapped for as long as somebody keeps the error."""

    class Memory(bytearray):
        """Bytes that can be watched."""

    class Withdrawn(Pieces):
        memory: Memory | None = None

        def pieces(self) -> Iterator[memoryview]:
            memory, self.memory = self.memory, None
            if memory is None:
                raise SourceChanged("file", "file changed")
            withdrawn.append(weakref.ref(memory))
            yield memoryview(memory)
            raise PiecesWithdrawn

    withdrawn: list[weakref.ref[Memory]] = []
    buffer = Withdrawn(b"x")
    buffer.memory = Memory(b"not the part's bytes any more")
    gc.disable()
    try:
        async with anyio.create_task_group() as tasks:
            with Hasher(tasks, 1, lambda *_: None) as hasher:
                pending = hasher.start(buffer)
                with pytest.raises(SourceChanged):
                    await pending.wait()
        with anyio.fail_after(ENOUGH_S):
            # The worker thread may need a moment to forget what it has done.
            while withdrawn[0]() is not None:
                await anyio.lowlevel.checkpoint()
    finally:
        gc.enable()
