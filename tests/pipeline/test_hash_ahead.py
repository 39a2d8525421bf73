"""Which parts are hashed before they are loaded, how many, and when the memory for it is held."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from asyncup import MemoryBudget
from asyncup.events import BufferKind
from asyncup.pipeline import hash_ahead, multi_md5
from asyncup.pipeline.buffers import Buffers
from asyncup.pipeline.hash_ahead import HashAhead, hashing_ahead
from asyncup.pipeline.multi_md5 import HashlibMessage
from asyncup.pipeline.part_buffer import PartBuffer
from asyncup.pipeline.part_hashing import PartHashing
from asyncup.pipeline.pending_digest import PendingDigest
from asyncup.pipeline.unloaded_part import UnloadedPart
from asyncup.protocol.plan import Part, Plan
from tests.pipeline.pieces import MappedPieces, Pieces

MAPPED_IN, LEFT_FOR_PARTS = hash_ahead._MAPPED_IN, hash_ahead._LEFT_FOR_PARTS
"""What they are where no test makes them small."""


def unloaded(part: Part) -> UnloadedPart:
    """Return a part that nobody hashes here."""
    return UnloadedPart(part, lambda _: None, lambda _: None)


class Order(RuleBasedStateMachine):
    """A hasher that begins all that it is given, a reader that loads in order, and parts that cannot be hashed."""

    @initialize(parts=st.integers(0, 40), at_once=st.integers(1, 5))
    def begin_with(self, parts: int, at_once: int) -> None:
        """Know all parts."""
        self.ahead = HashAhead([Part(number, 0, 1) for number in range(1, parts + 1)], unloaded, at_once)
        self.at_once = at_once
        self.untouched = list(range(1, parts + 1))
        self.not_loaded = list(self.untouched)
        self.begun: dict[int, PartHashing] = {}
        self.given_up: set[int] = set()
        self.loaded: dict[int, tuple[PartHashing, PartBuffer]] = {}

    @rule()
    def begin_what_may_be_begun(self) -> None:
        """Nothing while more than half is left of what was begun; else as many as there may be."""
        begun = []
        while (part := self.ahead.next()) is not None:
            hashing = PartHashing(part, PendingDigest(), HashlibMessage)
            self.ahead.begun(hashing)
            begun.append(part.part.number)
            self.begun[part.part.number] = hashing
            assert len(self.begun) <= 2 * self.at_once
        room = 2 * self.at_once - len(self.begun) + len(begun)
        expected = self.untouched[:room] if room >= self.at_once else []
        assert begun == expected
        del self.untouched[: len(begun)]

    @precondition(lambda self: self.not_loaded)
    @rule(kind=st.sampled_from([MappedPieces, Pieces]))
    def load(self, kind: type[Pieces | MappedPieces]) -> None:
        """Only the very same bytes have the digest that was begun; and what is loaded is not begun any more."""
        number = self.not_loaded.pop(0)
        if self.untouched[:1] == [number]:
            del self.untouched[0]
        buffer = kind(number=number)
        hashing = self.begun.pop(number, None)
        expected = None if number in self.given_up or kind is Pieces else hashing
        assert self.ahead.loaded(buffer) is expected
        if expected is not None:
            assert expected.loaded is buffer
            self.loaded[number] = (expected, buffer)

    @precondition(lambda self: set(self.begun) - self.given_up)
    @rule(data=st.data())
    def give_up_before_it_is_loaded(self, data: st.DataObject) -> None:
        """Nothing is begun after that."""
        number = data.draw(st.sampled_from(sorted(set(self.begun) - self.given_up)))
        assert self.ahead.ended(self.begun[number]) is None
        self.given_up.add(number)
        self.untouched.clear()

    @precondition(lambda self: self.loaded)
    @rule(data=st.data())
    def give_up_after_it_was_loaded(self, data: st.DataObject) -> None:
        """It is hashed from its buffer."""
        hashing, buffer = self.loaded.pop(data.draw(st.sampled_from(sorted(self.loaded))))
        assert self.ahead.ended(hashing) is buffer
        assert hashing.loaded is None, "it holds the part's memory no longer"
        self.untouched.clear()


TestOrder = Order.TestCase


class Kind(Buffers):
    """Buffers of one kind, without a file."""

    def __init__(self, kind: BufferKind) -> None:
        self._kind = kind

    @property
    def kind(self) -> BufferKind:
        return self._kind

    def unloaded(self, part: Part) -> UnloadedPart:
        return unloaded(part)


@pytest.fixture(autouse=True)
def _as_large_as_they_are(monkeypatch: pytest.MonkeyPatch, small_windows: None) -> None:
    """Undo what makes parts and memory small, with or without a compiler."""
    monkeypatch.setattr(hash_ahead, "_MAPPED_IN", MAPPED_IN)
    monkeypatch.setattr(hash_ahead, "_LEFT_FOR_PARTS", LEFT_FOR_PARTS)
    monkeypatch.setattr(multi_md5, "AT_ONCE", AT_ONCE)


AT_ONCE = 16
HELD = AT_ONCE * MAPPED_IN
PART_SIZE = 50_000_000
PLAN = Plan(10 * PART_SIZE, PART_SIZE)
PARTS = tuple(PLAN.parts_from(1))
MEMORY = 192 * 2**20


def begun_in(
    memory: MemoryBudget,
    *,
    parts: Sequence[Part] = PARTS,
    plan: Plan = PLAN,
    kind: BufferKind = BufferKind.MAPPED,
    threads: int = 1,
    shared: bool = False,
) -> list[int] | None:
    """Return which parts are begun first, or None when none is; see that the memory is as it was afterwards."""
    before = memory.taken
    with hashing_ahead(parts, plan, Kind(kind), memory, threads, shared=shared) as ahead:
        if ahead is None:
            assert memory.taken == before
            return None
        assert memory.taken == before + threads * HELD
        begun = []
        while (part := ahead.next()) is not None:
            ahead.begun(PartHashing(part, PendingDigest(), HashlibMessage))
            begun.append(part.part.number)
    assert memory.taken == before
    return begun


def test_the_memory_is_held_meanwhile() -> None:
    assert begun_in(MemoryBudget(MEMORY)) == list(range(1, 11))


def test_what_is_left_is_one_part_to_send_and_one_to_load() -> None:
    assert LEFT_FOR_PARTS == 2 * PART_SIZE
    assert begun_in(MemoryBudget(HELD + LEFT_FOR_PARTS)) is not None
    assert begun_in(MemoryBudget(HELD + LEFT_FOR_PARTS - 1)) is None
    assert begun_in(MemoryBudget(2 * HELD + LEFT_FOR_PARTS), threads=2) is not None
    assert begun_in(MemoryBudget(2 * HELD + LEFT_FOR_PARTS - 1), threads=2) is None


def test_memory_that_holds_enough_parts_anyway_is_left_to_them() -> None:
    enough = 2 * AT_ONCE * PART_SIZE
    assert begun_in(MemoryBudget(enough - 1)) is not None
    assert begun_in(MemoryBudget(enough)) is None
    assert begun_in(MemoryBudget(2 * enough - 1), threads=2) is not None
    assert begun_in(MemoryBudget(2 * enough), threads=2) is None


@pytest.mark.parametrize(
    "change",
    [{"shared": True}, {"parts": PARTS[:1]}, {"parts": ()}, {"kind": BufferKind.COPIED}],
    ids=["other uploads use the memory, too", "one part", "no part", "nobody promises anything"],
)
def test_nothing_is_hashed_ahead_where(change: dict[str, Any]) -> None:
    assert begun_in(MemoryBudget(MEMORY), **change) is None


def test_nothing_is_hashed_ahead_where_a_thread_hashes_one_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multi_md5, "AT_ONCE", 1)
    assert begun_in(MemoryBudget(MEMORY)) is None


def test_nobody_waits_for_memory_that_is_taken() -> None:
    memory = MemoryBudget(MEMORY)
    assert memory.take_now(MEMORY - HELD + 1)
    assert begun_in(memory) is None
    memory.give_back(MEMORY - HELD + 1)
    assert memory.take_now(MEMORY - HELD)
    assert begun_in(memory) is not None
    memory.give_back(MEMORY - HELD)


def test_after_an_exception_the_memory_is_given_back() -> None:
    memory = MemoryBudget(MEMORY)

    def fail() -> None:
        with hashing_ahead(PARTS, PLAN, Kind(BufferKind.MAPPED), memory, 1, shared=False) as ahead:
            assert ahead is not None
            assert memory.taken == HELD
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert memory.taken == 0


@given(st.integers(0, len(PARTS)), st.booleans(), st.randoms())
def test_the_memory_is_given_back_when_nothing_is_hashed_ahead_any_more(
    loaded: int,
    gives_up: bool,
    luck: Random,
) -> None:
    """Else a file that is not in the page cache would have a part less in memory, and its last parts, too."""
    memory = MemoryBudget(MEMORY)
    with hashing_ahead(PARTS, PLAN, Kind(BufferKind.MAPPED), memory, 1, shared=False) as ahead:
        assert ahead is not None
        under_way: list[PartHashing] = []
        for part in PARTS[:loaded]:  # the first are loaded at once: they need not be
            ahead.loaded(Pieces(b"", number=part.number))
        assert memory.taken == (0 if loaded == len(PARTS) else HELD)
        while (early := ahead.next()) is not None:
            under_way.append(PartHashing(early, PendingDigest(), HashlibMessage))
            ahead.begun(under_way[-1])
        luck.shuffle(under_way)
        for left, hashing in enumerate(under_way, start=1 - len(under_way)):
            ahead.settled(hashing)
            if gives_up:
                ahead.ended(hashing)
            assert memory.taken == (HELD if left < 0 else 0)
    assert memory.taken == 0


def test_parts_larger_than_what_is_left_do_not_wait_for_it() -> None:
    plan = Plan(40 * 210_000_000, 210_000_000)
    for total, may in ((HELD + 2 * plan.part_size, True), (HELD + 2 * plan.part_size - 1, False)):
        parts, memory = list(plan.parts_from(1)), MemoryBudget(total)
        with hashing_ahead(parts, plan, Kind(BufferKind.MAPPED), memory, 1, shared=False) as ahead:
            assert (ahead is not None) is may


@given(st.integers(1, 2**32), st.integers(5_000_000, PART_SIZE), st.integers(1, 40), st.integers(1, 4))
def test_two_of_the_largest_parts_always_fit_beside_it(total: int, part_size: int, count: int, threads: int) -> None:
    memory, plan = MemoryBudget(total), Plan(count * part_size, part_size)
    with hashing_ahead(list(plan.parts_from(1)), plan, Kind(BufferKind.MAPPED), memory, threads, shared=False) as ahead:
        assert memory.taken == (0 if ahead is None else threads * HELD)
        if ahead is not None:
            assert memory.total - memory.taken >= 2 * PART_SIZE
            assert count > 1
    assert memory.taken == 0
