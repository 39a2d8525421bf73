"""A token bucket: how long a byte must wait so that all together keep a rate. Pure: the time is an argument."""

from __future__ import annotations

__all__ = ["TokenBucket"]

_BURST_S = 0.1
"""What may be made up for after a wait that took longer than asked for: sleeping is not exact."""

_NO_TIME_S = 1e-6
"""Less is no wait, but what is left of a sum of fractions: a clock might not move by it at all."""


class TokenBucket:
    """Bytes per second. Whoever is let through may take any number: it is paid for by those who come after."""

    def __init__(self, rate: float, now_s: float) -> None:
        self.rate = rate
        self._level = 0.0
        self._at_s = now_s

    def change(self, rate: float, now_s: float) -> None:
        """Go on at another rate. A debt is paid in seconds, not in bytes: nobody waits longer for a faster rate."""
        self._fill(now_s)
        if self._level < 0:
            self._level *= min(1.0, rate / self.rate)
        self.rate = rate

    def wait_s(self, now_s: float) -> float:
        """Return the seconds until somebody may be let through, 0 when that is now."""
        self._fill(now_s)
        wait_s = -self._level / self.rate
        return wait_s if wait_s > _NO_TIME_S else 0.0

    def take(self, length: int, now_s: float) -> None:
        """Let `length` bytes through."""
        self._fill(now_s)
        self._level -= length

    def _fill(self, now_s: float) -> None:
        passed_s, self._at_s = max(0.0, now_s - self._at_s), now_s
        self._level = min(self._level + passed_s * self.rate, _BURST_S * self.rate)
