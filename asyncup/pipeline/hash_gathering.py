"""When to begin to hash the parts that are loaded: several together, but never so late that the sender waits.

Together they cost little more than one, and the cores have other things to do. So parts are gathered for as long as the
sender has more parts before it than behind it there are waiting; not when it had to wait lately, and not when no more
come. Pure rules, in numbers of parts: must not know threads, time or bytes.
"""

from __future__ import annotations

__all__ = ["Gathering"]

_NO_WAIT_FOR = 4
"""Parts that are begun at once after the sender had to wait: about as many as the memory holds of the largest."""


class Gathering:
    """How far the hashing is ahead of the sender."""

    def __init__(self) -> None:
        self._ahead = 0
        self._asked = 0
        self._hurried = 0
        self._all_loaded = False

    def asked(self, *, known: bool) -> None:
        """Note that the sender came to its next part, whose digest is `known` already or not."""
        self._ahead -= 1
        self._asked += 1
        if known:
            self._hurried = max(0, self._hurried - 1)
        elif self._asked > 1:  # nothing could be done about the first
            self._hurried = _NO_WAIT_FOR

    def all_loaded(self) -> None:
        """Note that no more parts come."""
        self._all_loaded = True

    def begun(self, parts: int) -> None:
        """Note that the hashing of so many parts begins."""
        self._ahead += parts

    def is_due(self, waiting: int, *, more_is_coming: bool = False) -> bool:
        """Return whether the parts that wait should be begun now.

        Args:
            waiting: how many.
            more_is_coming: True when there is room for another part, which then is a moment away.
        """
        if waiting == 0:
            return False
        enough = self._ahead <= 0 if more_is_coming else waiting > self._ahead
        return enough or self._all_loaded or self._hurried > 0
