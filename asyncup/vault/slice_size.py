"""How many bytes of a payload are written at once: as many as hold the event loop for a few milliseconds. Pure.

Around each slice the loop has about as much to do whatever its length, and must fetch its own code back into the
processor's cache, which the slice has filled meanwhile. On a fast network larger slices save a twentieth of the time;
on a slow one a slice waits for the network, and small ones tell more often how far it is. Must not know what is
written, nor to whom.
"""

from __future__ import annotations

__all__ = ["LARGEST_SLICE", "SLICE", "SliceSize"]

SLICE = 2**20
"""Bytes written at once where nothing else is known: more may hold the loop while TLS encrypts them."""

LARGEST_SLICE = 2**23

_TOO_LONG_S = 0.006
_TOO_SHORT_S = _TOO_LONG_S / 2


class SliceSize:
    """The bytes of the next slice, from how long the last ones took.

    Args:
        bytes_: of the first one.

    Attributes:
        bytes: of the next one.
        is_learned: whether one that was long enough to tell something, or took too long, has been seen.
    """

    def __init__(self, bytes_: int = SLICE) -> None:
        self.bytes = bytes_
        self.is_learned = False

    def took(self, length: int, seconds: float) -> None:
        """Note how long a slice took until the network had it, or was about to."""
        self.is_learned = self.is_learned or length >= self.bytes or seconds > _TOO_LONG_S
        if seconds > _TOO_LONG_S:
            self.bytes = max(SLICE, self.bytes // 2)
        elif seconds < _TOO_SHORT_S and length >= self.bytes:
            self.bytes = min(2 * self.bytes, LARGEST_SLICE)
