"""Which parts are hashed before they are loaded, and when: as many at once as cost little more than one.

There is no need to be further ahead of the sender than twice as many, and one that hashed a part whenever another one
was sent would have none to hash it together with: so nothing is begun until no more than half of that is left. Must not
know how parts are hashed. On the event loop only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from asyncup.events import BufferKind
from asyncup.pipeline import multi_md5
from asyncup.pipeline.buffers import Buffers
from asyncup.pipeline.mapped_buffer import MappedBuffer
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.part_buffer import PartBuffer
from asyncup.pipeline.part_hashing import PartHashing
from asyncup.pipeline.unloaded_part import WINDOW, UnloadedPart
from asyncup.protocol.plan import Part, Plan

__all__ = ["HashAhead", "hashing_ahead"]

_MAPPED_IN = 2 * WINDOW
"""Bytes of each part that are in memory at most: the kernel maps in some more than it is asked for."""

_LEFT_FOR_PARTS = 2 * 50_000_000
"""Bytes of the memory that must be left at least: one of the largest parts to be sent, and one to be loaded."""


class HashAhead:
    """The parts that are not loaded yet, in their order.

    Args:
        parts: all that will be loaded.
        unloaded: makes what is hashed of a part.
        at_once: how many are hashed together.
        on_done: called once, when no part is hashed like that any more, nor will be.
    """

    def __init__(
        self,
        parts: Iterable[Part],
        unloaded: Callable[[Part], UnloadedPart],
        at_once: int,
        *,
        on_done: Callable[[], object] = lambda: None,
    ) -> None:
        self._untouched = deque(parts)
        self._on_done = on_done
        self._unloaded = unloaded
        self._at_once = at_once
        self._begun: dict[int, PartHashing] = {}
        self._under_way: set[PartHashing] = set()
        self._is_filling = False

    def next(self) -> UnloadedPart | None:
        """Return the next part to be begun now; None when there is none. After this you must call `begun`."""
        if not self._untouched:
            return None
        if len(self._begun) <= self._at_once:
            self._is_filling = True
        elif len(self._begun) >= 2 * self._at_once:
            self._is_filling = False
        return self._unloaded(self._untouched.popleft()) if self._is_filling else None

    def begun(self, hashing: PartHashing) -> None:
        """Note that a part's hashing was begun."""
        self._begun[hashing.source.part.number] = hashing
        self._under_way.add(hashing)

    def settled(self, hashing: PartHashing) -> None:
        """Note that a part, of these or others, is not being hashed any more."""
        self._under_way.discard(hashing)
        self._done_if_nothing_is_left()

    def loaded(self, buffer: PartBuffer) -> PartHashing | None:
        """Note that a part was loaded; return its hashing if that was begun before and is of the very same bytes."""
        if self._untouched and self._untouched[0].number == buffer.part.number:
            self._untouched.popleft()
            self._done_if_nothing_is_left()
        hashing = self._begun.pop(buffer.part.number, None)
        if hashing is None or hashing.has_ended or not isinstance(buffer, MappedBuffer):
            # A copy may have been made after the lease had ended: the file may be another one since.
            return None
        hashing.loaded = buffer
        return hashing

    def ended(self, hashing: PartHashing) -> PartBuffer | None:
        """Note that a part could not be hashed like that, and return its buffer if it was loaded meanwhile.

        No more parts are begun: the next ones would not be in the page cache either.
        """
        self._untouched.clear()
        self._done_if_nothing_is_left()
        hashing.has_ended = True
        buffer, hashing.loaded = hashing.loaded, None
        return buffer

    def _done_if_nothing_is_left(self) -> None:
        if not self._untouched and not self._under_way:
            on_done, self._on_done = self._on_done, lambda: None
            on_done()


@contextmanager
def hashing_ahead(
    parts: Sequence[Part], plan: Plan, buffers: Buffers, memory: MemoryBudget, threads: int, *, shared: bool
) -> Iterator[HashAhead | None]:
    """Hold the memory that it takes to hash parts before they are loaded, for as long as any may be, and return which.

    None: none may.

    Args:
        parts: those that will be loaded.
        plan: the file's parts.
        buffers: of the file.
        memory: the budget.
        threads: how many hash.
        shared: whether other uploads may use the budget, too. They would wait for what is held here, and where it was
            made smaller meanwhile this upload itself: nothing is hashed ahead then.
    """
    at_once = multi_md5.AT_ONCE * threads
    length = at_once * _MAPPED_IN
    gains = multi_md5.AT_ONCE > 1 and len(parts) > 1 and memory.total < 2 * at_once * plan.part_size
    spare = not shared and memory.total >= length + max(_LEFT_FOR_PARTS, 2 * plan.part_size)
    if not (gains and spare and buffers.kind is BufferKind.MAPPED and memory.take_now(length)):
        yield None
        return
    with ExitStack() as held:
        held.callback(memory.give_back, length)
        yield HashAhead(parts, buffers.unloaded, at_once, on_done=held.close)
