"""The byte budget: how much memory part buffers may take at once, over all files that share it.

Memory is taken before a byte is read into it and given back in a `finally`. First come, first served, so that a large
part is not starved by small ones. Must not know what the memory is for.
"""

from __future__ import annotations

from collections import deque

import anyio

from asyncup.errors import ConfigurationError

__all__ = ["MemoryBudget"]


class MemoryBudget:
    """A number of bytes to be shared. A request for more than all of it gets all of it: one part must fit."""

    def __init__(self, total: int) -> None:
        _refuse_nothing(total)
        self.total = total
        self._free = total
        self._waiting: deque[tuple[int, anyio.Event]] = deque()
        self._cut: dict[int, list[int]] = {}
        """What was really taken for a length that was more than all there was: the total may have changed since."""

    @property
    def taken(self) -> int:
        """Bytes in use now. More than the total for as long as it takes after `resize` made that smaller."""
        return self.total - self._free

    def resize(self, total: int) -> None:
        """Share another number of bytes from now on. What is taken stays taken; less than that frees up in time."""
        _refuse_nothing(total)
        self._free += total - self.total
        self.total = total
        self._serve()

    async def take(self, length: int) -> None:
        """Wait until `length` bytes are free and take them. After this you must `give_back` the same length."""
        if self.take_now(length):
            return
        turn = (length, anyio.Event())
        self._waiting.append(turn)
        try:
            await turn[1].wait()
        except BaseException:
            if turn in self._waiting:
                self._waiting.remove(turn)
                self._serve()
            else:
                # Our turn came in the same moment as the cancellation.
                self.give_back(length)
            raise

    def take_now(self, length: int) -> bool:
        """Take `length` bytes if they are free and nobody waits; tell whether they were. Else as `take`."""
        if self._waiting or min(length, self.total) > self._free:
            return False
        self._grant(length)
        return True

    def give_back(self, length: int) -> None:
        """Return what `take` took."""
        cut = self._cut.get(length)
        self._free += cut.pop() if cut else length
        if cut is not None and not cut:
            del self._cut[length]
        self._serve()

    def _grant(self, length: int) -> None:
        if length > self.total:
            self._cut.setdefault(length, []).append(self.total)
        self._free -= min(length, self.total)

    def _serve(self) -> None:
        while self._waiting and min(self._waiting[0][0], self.total) <= self._free:
            length, turn = self._waiting.popleft()
            self._grant(length)
            turn.set()


def _refuse_nothing(total: int) -> None:
    if total < 1:
        raise ConfigurationError(f"a memory budget needs at least one byte, not {total}")
