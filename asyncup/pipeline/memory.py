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
        if total < 1:
            raise ConfigurationError(f"a memory budget needs at least one byte, not {total}")
        self.total = total
        self._free = total
        self._waiting: deque[tuple[int, anyio.Event]] = deque()

    @property
    def taken(self) -> int:
        """Bytes in use now."""
        return self.total - self._free

    async def take(self, length: int) -> None:
        """Wait until `length` bytes are free and take them. After this you must `give_back` the same length."""
        need = min(length, self.total)
        if not self._waiting and need <= self._free:
            self._free -= need
            return
        turn = (need, anyio.Event())
        self._waiting.append(turn)
        try:
            await turn[1].wait()
        except BaseException:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                # Our turn came in the same moment as the cancellation.
                self._free += need
            self._serve()
            raise

    def give_back(self, length: int) -> None:
        """Return what `take` took."""
        self._free += min(length, self.total)
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            need, turn = self._waiting.popleft()
            self._free -= need
            turn.set()
