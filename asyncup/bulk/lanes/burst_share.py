"""How many calls per second we may use of the Vault's burst limit, so that others who use the Vault get theirs.

The limit counts for the whole Vault in fixed windows of five minutes, and beyond it every call of everybody is delayed
by 500 ms (documented). Alone, the delay is ours to bear: more lanes make up for it. When calls vanish from the budget
that we did not make, somebody else is there: then our share is what is left of the window after their needs and a
reserve. Pure. Must not know lanes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from asyncup.bulk.lanes.sample import LaneSample

__all__ = ["BurstShare"]

_WINDOW_S = 300.0
_RESERVE = 0.1
"""The share of the limit that is left alone when others are there: they may come with a burst of their own."""

_SOMEBODY_PER_S = 0.5
_SOMEBODY_SHARE = 0.25
"""Others count when they make this many calls per second, and this share of ours: our own calls on their way when the
budget is read are counted with an error."""

_MEMORY_S = 20.0


@dataclass(frozen=True, slots=True)
class BurstShare:
    """What is known of the window and of others.

    Attributes:
        window_began_s: when the remaining calls were last seen to rise; the first sight counts as the beginning.
        remaining: calls left at the last look; None before the first.
        ours_per_s: our own calls per second, smoothed.
        others_per_s: everybody else's.
    """

    window_began_s: float = 0.0
    remaining: int | None = None
    ours_per_s: float = 0.0
    others_per_s: float = 0.0

    def observe(self, sample: LaneSample) -> BurstShare:
        """Return what is known after one sample more."""
        if sample.burst_limit is None or sample.burst_remaining is None or sample.seconds <= 0:
            return self
        weight = min(1.0, sample.seconds / _MEMORY_S)
        ours = sample.calls / sample.seconds
        ours_per_s = self.ours_per_s + weight * (ours - self.ours_per_s)
        share = replace(self, remaining=sample.burst_remaining, ours_per_s=ours_per_s)
        if self.remaining is None or sample.burst_remaining > self.remaining:
            return replace(share, window_began_s=sample.at_s)
        if sample.burst_remaining == 0:
            return share  # nobody's calls can be seen any more
        others = (self.remaining - sample.burst_remaining) / sample.seconds - ours
        return replace(share, others_per_s=self.others_per_s + weight * (others - self.others_per_s))

    @property
    def others_are_there(self) -> bool:
        """True when somebody else uses the Vault."""
        return self.others_per_s > max(_SOMEBODY_PER_S, _SOMEBODY_SHARE * self.ours_per_s)

    def calls_per_s(self, now_s: float, limit: int | None) -> float | None:
        """Return the calls per second that we may make from now on, or None when there is no need to hold back."""
        if self.remaining is None or limit is None or not self.others_are_there:
            return None
        left_s = _WINDOW_S - (now_s - self.window_began_s) % _WINDOW_S
        return max(0.0, (self.remaining - _RESERVE * limit) / left_s - self.others_per_s)
