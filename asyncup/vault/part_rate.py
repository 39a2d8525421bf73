"""How fast parts have reached a Vault of late, over all of its uploads. Must not know files or clocks."""

from __future__ import annotations

__all__ = ["PartRate"]

_WEIGHT = 0.3
"""Of the latest part, in the mean: a line that has become slow is believed after a few parts."""


class PartRate:
    """The mean rate of single parts.

    Attributes:
        bytes_per_s: the mean; None before the first part.
    """

    def __init__(self) -> None:
        self.bytes_per_s: float | None = None

    def observe(self, length: int, seconds: float) -> None:
        """Note that a part of so many bytes was handed to the network within so many seconds."""
        if seconds <= 0.0:
            return  # too fast for the clock
        rate = length / seconds
        before = rate if self.bytes_per_s is None else self.bytes_per_s
        self.bytes_per_s = before + _WEIGHT * (rate - before)
