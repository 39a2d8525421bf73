"""A hasher that hashes parts before they are loaded: the digests are those of what is sent, and of nothing else."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import anyio
import anyio.from_thread
import pytest
from anyio.abc import TaskGroup
from hypothesis import given, strategies as st

from asyncup.pipeline.hash_ahead import HashAhead
from asyncup.pipeline.hasher import Hasher
from asyncup.pipeline.multi_md5 import AT_ONCE
from asyncup.pipeline.part_buffer import PartBuffer
from asyncup.pipeline.part_hashing import HashingStopped, PartHashing
from asyncup.pipeline.pending_digest import PendingDigest
from asyncup.pipeline.thread_visit import Threads
from asyncup.pipeline.unloaded_part import NotHashedAhead, UnloadedPages, UnloadedPart
from asyncup.protocol.plan import Part
from tests.pipeline.files import ENOUGH_S, md5
from tests.pipeline.leftovers import threads_at_work
from tests.pipeline.pieces import MappedPieces, Pieces
from tests.pipeline.test_hashing_together import needs_it

NEVER = 10**9


@dataclass
class Early:
    """A part as it is before it is loaded.

    Attributes:
        pieces: its bytes.
        ends_at: the piece at which it is found that it cannot be hashed yet.
        before: called, in the hasher's thread, with each piece's position before it is given; last with their number.
    """

    pieces: Sequence[bytes]
    ends_at: int = NEVER
    before: Callable[[int], None] = lambda _: None


class EarlyPages(UnloadedPages):
    """Pages of the test's making."""

    def __init__(self, early: Early) -> None:
        self._early = early

    def pieces(self) -> Iterator[memoryview]:
        for number, piece in enumerate(self._early.pieces):
            self._early.before(number)
            if number == self._early.ends_at:
                raise NotHashedAhead
            yield memoryview(piece)
        self._early.before(len(self._early.pieces))
        if self._early.ends_at == len(self._early.pieces):
            raise NotHashedAhead


class File(HashAhead):
    """All parts of a file, none of which is loaded yet; and what became of them."""

    def __init__(self, *parts: Early, at_once: int = AT_ONCE) -> None:
        self._early = dict(enumerate(parts, start=1))
        self._counting = threading.Lock()
        self.opened: Counter[int] = Counter()
        self.closed: Counter[int] = Counter()
        self.ended_without = anyio.Event()
        self.not_hashed: list[int] = []
        numbered = [Part(number, 0, sum(map(len, early.pieces))) for number, early in self._early.items()]
        super().__init__(numbered, lambda part: UnloadedPart(part, self._open, self._close_one_of(part)), at_once)

    def ended(self, hashing: PartHashing) -> PartBuffer | None:
        buffer = super().ended(hashing)
        self.not_hashed.append(hashing.source.part.number)
        self.ended_without.set()
        return buffer

    def _open(self, part: Part) -> UnloadedPages:
        with self._counting:
            self.opened[part.number] += 1
        return EarlyPages(self._early[part.number])

    def _close_one_of(self, part: Part) -> Callable[[UnloadedPages], None]:
        def close(_: UnloadedPages) -> None:
            with self._counting:
                self.closed[part.number] += 1

        return close

    def assert_closed(self) -> None:
        assert self.opened == self.closed
        assert set(self.opened.values()) <= {1}
        assert threads_at_work() == 0


class Gate:
    """A place in a hasher's thread: the test knows when it is reached, and says when it goes on there."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._loop = anyio.lowlevel.current_token()
        self.reached = anyio.Event()
        self.may_go_on = threading.Event()

    def __call__(self, piece: int) -> None:
        if piece == self._at:
            anyio.from_thread.run_sync(self.reached.set, token=self._loop)
            assert self.may_go_on.wait(ENOUGH_S)


@contextmanager
def opening(*gates: Gate) -> Iterator[None]:
    """Hold up no thread for a test that fails, nor the test for what never comes."""
    try:
        with anyio.fail_after(ENOUGH_S):
            yield
    finally:
        for gate in gates:
            gate.may_go_on.set()


BLOCK, OTHER = b"1" * 64, b"2" * 64
AT_ONCES = pytest.mark.parametrize("at_once", [1, pytest.param(AT_ONCE, marks=needs_it)])


def ignore(*_: object) -> None:
    """Listen to nothing."""


@dataclass(frozen=True)
class Fate:
    """What a part consists of, whether its bytes are to be had early, and how it is loaded."""

    pieces: tuple[bytes, ...]
    ends_at: int
    is_copied: bool


FATES = st.builds(
    Fate,
    st.lists(st.binary(max_size=150), max_size=4).map(tuple),
    st.just(NEVER) | st.just(NEVER) | st.integers(0, 4),
    st.booleans(),
)


@given(
    st.lists(FATES, max_size=20),
    st.integers(1, 3),
    st.sampled_from([1, AT_ONCE]),
    st.integers(1, 8),
    st.integers(1, 6),
)
async def test_every_part_has_the_digest_of_what_is_sent(
    fates: list[Fate], threads: int, at_once: int, ahead_at_once: int, in_memory: int
) -> None:
    """Whatever comes first: a part is hashed once, unless other bytes may be sent than were there."""
    hashed: Counter[int] = Counter()
    file = File(*[Early(fate.pieces, fate.ends_at) for fate in fates], at_once=ahead_at_once)
    buffers: list[Pieces | MappedPieces] = [
        Pieces(*fate.pieces, b"and more", number=number)
        if fate.is_copied
        else MappedPieces(*fate.pieces, number=number)
        for number, fate in enumerate(fates, start=1)
    ]
    wanted = [md5(b"".join(fate.pieces) + b"and more" * fate.is_copied) for fate in fates]
    digests: list[bytes] = []
    with anyio.fail_after(ENOUGH_S):
        async with anyio.create_task_group() as tasks:
            hasher = Hasher(
                tasks,
                threads,
                lambda part, _: hashed.update([part.number]),
                at_once=at_once,
                ahead=file,
            )
            with hasher:
                pending: list[PendingDigest] = []
                for buffer in buffers:
                    if len(pending) - len(digests) == in_memory:
                        digests.append(await pending[len(digests)].wait())
                    pending.append(hasher.start(buffer))
                hasher.all_started()
                digests += [await each.wait() for each in pending[len(digests) :]]
    assert digests == wanted
    file.assert_closed()
    for number, (fate, buffer) in enumerate(zip(fates, buffers, strict=True), start=1):
        was_early = file.opened[number] == 1 and fate.ends_at > len(fate.pieces)
        if fate.is_copied:
            assert buffer.given == len(fate.pieces) + 1
            assert 1 <= hashed[number] <= 1 + was_early
        else:
            assert hashed[number] == 1
            assert buffer.given == (0 if was_early else len(fate.pieces))


@AT_ONCES
@pytest.mark.parametrize("when", ["before it is loaded", "after it was loaded"])
async def test_a_part_that_is_loaded_later_is_hashed_once(at_once: int, when: str) -> None:
    gate, buffer = Gate(1), MappedPieces(BLOCK, OTHER)
    hashed: list[int] = []
    async with anyio.create_task_group() as tasks:
        file = File(Early([BLOCK, OTHER], before=gate))
        with (
            Hasher(tasks, 1, lambda part, _: hashed.append(part.number), at_once=at_once, ahead=file) as hasher,
            opening(gate),
        ):
            await gate.reached.wait()
            assert file.opened == {1: 1}
            if when == "before it is loaded":
                gate.may_go_on.set()
                while not hashed:
                    await anyio.lowlevel.checkpoint()
                pending = hasher.start(buffer)
                assert pending.known
            else:
                pending = hasher.start(buffer)
                assert not pending.known
                gate.may_go_on.set()
            assert await pending.wait() == md5(BLOCK + OTHER)
    assert hashed == [1]
    assert buffer.given == 0
    file.assert_closed()


@AT_ONCES
@pytest.mark.parametrize("ends_at", [0, 1, 2])
@pytest.mark.parametrize("when", ["before it is loaded", "after it was loaded"])
async def test_a_part_that_could_not_be_hashed_yet_is_hashed_from_its_buffer(
    at_once: int, ends_at: int, when: str
) -> None:
    gate, buffer = Gate(ends_at), MappedPieces(BLOCK, OTHER)
    async with anyio.create_task_group() as tasks:
        file = File(Early([BLOCK, BLOCK], ends_at, gate))
        with Hasher(tasks, 1, ignore, at_once=at_once, ahead=file) as hasher, opening(gate):
            await gate.reached.wait()
            if when == "before it is loaded":
                gate.may_go_on.set()
                await file.ended_without.wait()
                pending = hasher.start(buffer)
            else:
                pending = hasher.start(buffer)
                assert buffer.given == 0
                gate.may_go_on.set()
            assert await pending.wait() == md5(BLOCK + OTHER)
    assert file.not_hashed == [1]
    assert buffer.given == 2
    file.assert_closed()


@AT_ONCES
@pytest.mark.parametrize("when", ["while it is hashed", "after that"])
async def test_a_copy_is_hashed_anew(at_once: int, when: str) -> None:
    """The file may be another one since."""
    gate, buffer, known = Gate(1), Pieces(OTHER, OTHER), anyio.Event()
    async with anyio.create_task_group() as tasks:
        file = File(Early([BLOCK, BLOCK], before=gate))
        with (
            Hasher(tasks, 2, lambda *_: known.set(), at_once=at_once, ahead=file) as hasher,
            opening(gate),
        ):
            await gate.reached.wait()
            if when == "while it is hashed":
                pending = hasher.start(buffer)
                assert await pending.wait() == md5(2 * OTHER)
                assert file.closed == {}
            else:
                gate.may_go_on.set()
                await known.wait()
                assert await hasher.start(buffer).wait() == md5(2 * OTHER)
            gate.may_go_on.set()
    assert buffer.given == 2
    file.assert_closed()


@AT_ONCES
@pytest.mark.parametrize("how", ["left", "cancelled", "failed"])
@pytest.mark.parametrize("then", ["go on", "are not to be had"])
async def test_leaving_ends_what_is_under_way(at_once: int, how: str, then: str) -> None:
    gates = [Gate(1), Gate(1)]
    never = MappedPieces(BLOCK, number=1)
    ends_at = NEVER if then == "go on" else 1
    file = File(*[Early([BLOCK] * 3, ends_at, gate) for gate in gates], *[Early([BLOCK])] * 20)
    pending: list[PendingDigest] = []

    async def open_gates() -> None:
        await anyio.wait_all_tasks_blocked()  # until it was left
        for gate in gates:
            gate.may_go_on.set()

    async def leave(outer: TaskGroup) -> None:
        with anyio.CancelScope():
            async with anyio.create_task_group() as tasks:
                with Hasher(
                    tasks,
                    2,
                    lambda part, _: pytest.fail("it was hashed") if part.number < 3 else None,
                    at_once=at_once,
                    ahead=file,
                ) as hasher:
                    pending.append(hasher.start(never))
                    for gate in gates:
                        await gate.reached.wait()
                    outer.start_soon(open_gates)
                    if how == "failed":
                        raise LookupError
                    if how == "cancelled":
                        tasks.cancel_scope.cancel()

    with opening(*gates), anyio.fail_after(ENOUGH_S):
        async with anyio.create_task_group() as outer:
            if how == "failed":
                with pytest.raises(ExceptionGroup) as raised:
                    await leave(outer)
                assert raised.group_contains(LookupError)
            else:
                await leave(outer)
            assert all(gate.may_go_on.is_set() for gate in gates), "it waited for what was under way"
    assert file.opened[1] == file.opened[2] == 1
    file.assert_closed()
    assert never.given == 0
    with pytest.raises(HashingStopped):
        await pending[0].wait()


async def test_a_part_that_no_thread_can_hash_from_its_buffer_fails_and_does_not_hang(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The interpreter is ending: its threads take no more work."""
    gate = Gate(0)
    file = File(Early([BLOCK], 0, gate))
    pending: list[PendingDigest] = []

    def refuse(*_: object) -> None:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    async def hash_one() -> None:
        async with anyio.create_task_group() as tasks:
            with Hasher(tasks, 1, ignore, ahead=file) as hasher, opening(gate):
                await gate.reached.wait()
                pending.append(hasher.start(MappedPieces(BLOCK)))
                monkeypatch.setattr(Threads, "submit", refuse)
                gate.may_go_on.set()
                await pending[0].wait()

    with anyio.fail_after(ENOUGH_S), pytest.raises(ExceptionGroup) as raised:
        await hash_one()
    assert raised.group_contains(RuntimeError, match="shutdown")
    assert file.not_hashed == [1]
    file.assert_closed()
    with pytest.raises(RuntimeError, match="shutdown"):
        await pending[0].wait()


# -- how many threads


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 4), st.sampled_from([1, AT_ONCE]))
async def test_nothing_that_waits_is_forgotten(groups: list[int], threads: int, at_once: int) -> None:
    """However many threads there are; each group comes when the one before it is known."""
    with anyio.fail_after(ENOUGH_S):
        async with anyio.create_task_group() as tasks:
            with Hasher(tasks, threads, ignore, at_once=at_once) as hasher:
                pending: list[PendingDigest] = []
                for parts in groups:
                    before = pending[-1:]
                    pending += [hasher.start(Pieces(BLOCK, b"+", number=number)) for number in range(parts)]
                    for each in before:
                        await each.wait()
                hasher.all_started()
                for each in pending:
                    assert await each.wait() == md5(BLOCK + b"+")
                assert hasher._under_way == 0


async def test_no_thread_goes_on_when_the_hasher_could_not_be_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter is ending, after the first part was begun: there is no `__exit__` to stop that."""
    may_end, at_work = threading.Event(), threading.Event()

    def hold(_: int) -> None:
        at_work.set()
        assert may_end.wait(ENOUGH_S)

    file = File(Early([BLOCK] * 3, before=hold), Early([BLOCK]))
    submit, calls = Threads.submit, 0

    def submit_once(threads: Threads, work: Callable[[], object]) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            assert at_work.wait(ENOUGH_S)
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")
        submit(threads, work)

    monkeypatch.setattr(Threads, "submit", submit_once)
    async with anyio.create_task_group() as outer:

        async def let_it_end_later() -> None:
            await anyio.wait_all_tasks_blocked()
            may_end.set()

        async def enter() -> None:
            async with anyio.create_task_group() as tasks:
                with Hasher(tasks, 1, ignore, ahead=file):
                    pytest.fail("it was entered")

        outer.start_soon(let_it_end_later)
        with anyio.fail_after(ENOUGH_S), pytest.raises(ExceptionGroup) as raised:
            await enter()
        assert may_end.is_set(), "the task group ended while a thread was hashing"
    assert raised.group_contains(RuntimeError, match="shutdown")
    file.assert_closed()
