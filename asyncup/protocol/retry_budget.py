"""How many retries all lanes of one Vault may make together, so that an outage is not answered with a storm. Pure.

A token bucket. A retry takes a token; when there is none it takes the next one that will come, and waits for it: it
is never refused. Time gives tokens back, and so does every success, so that passing trouble in a run that otherwise
goes well costs no wait. Must not know what failed, nor how waiting is done.
"""

from __future__ import annotations

__all__ = ["RetryBudget"]

_PER_SUCCESS = 0.1
"""Tokens that a success gives back: one retry in ten calls costs no wait, however long the run."""


class RetryBudget:
    """The tokens of one Vault. Times are seconds of one clock that never goes back.

    Args:
        size: the most tokens there are, and how many there are at first.
        per_s: tokens that come back in a second.
        longest_wait_s: no retry waits longer for its token, however many wait before it.
    """

    def __init__(self, size: float, per_s: float, longest_wait_s: float) -> None:
        self._size = size
        self._per_s = per_s
        self._longest_wait_s = longest_wait_s
        self._tokens = size
        self._counted_at: float | None = None

    def take_s(self, now: float) -> float:
        """Take a token. Return the seconds until it is there, 0 when it was."""
        self._count(now)
        # Below zero are the tokens that were promised to others; more than the longest wait is promised to nobody.
        self._tokens = max(self._tokens - 1, -self._longest_wait_s * self._per_s)
        return max(0.0, -self._tokens / self._per_s)

    def succeeded(self, now: float) -> None:
        """Give a little back: Vault takes what it is asked for."""
        self._count(now)
        self._tokens = min(self._size, self._tokens + _PER_SUCCESS)

    def _count(self, now: float) -> None:
        since = now if self._counted_at is None else self._counted_at
        self._tokens = min(self._size, self._tokens + max(0.0, now - since) * self._per_s)
        self._counted_at = max(now, since)
