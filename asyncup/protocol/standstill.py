"""Does an exchange with Vault stand still, or did this machine sleep? Decided by looking at it now and then. Pure.

Rule 1. What counts as movement is a byte that the network took or brought, not a slice that was written.
Rule 2. While the exchange waits for us (for the body's next slice, held back by a bandwidth cap or a slow disk, or for
        a connection of our own pool), the network is not to blame: nothing is counted.
Rule 3. Bytes that still wait in this machine to be sent are a matter of the network, even when all is written.
Rule 4. Time in which nobody looked, because the event loop was not run, is not counted as stillness. When it was long,
        or the wall clock ran ahead of the other one, this machine slept: the connection is in doubt, and not the Vault.

Must not know sockets, timers or clocks: what they say is an argument.
"""

from __future__ import annotations

import enum

__all__ = ["Finding", "Standstill", "Waiting", "look_every_s"]

_SLEPT_S = 20.0
"""No event loop is busy for so long, and no clock is set right by so much, without something being wrong."""

_SOONEST_LOOK_S, _LATEST_LOOK_S = 0.02, 1.0
_LOOKS = 10


class Waiting(enum.Enum):
    """What an exchange waits for."""

    OURSELVES = enum.auto()
    """The body's next slice, or a free connection."""
    NETWORK = enum.auto()
    """A connection, or that what was written is taken."""
    ANSWER = enum.auto()
    """Everything is written."""


class Finding(enum.Enum):
    """What one look at an exchange says."""

    MOVES = enum.auto()
    STALLED = enum.auto()
    """The network takes nothing."""
    UNANSWERED = enum.auto()
    """Everything was sent, and no answer comes."""
    SLEPT = enum.auto()
    """This machine slept, or its clock jumped."""


def look_every_s(stall_s: float, answer_s: float) -> float:
    """Return the seconds between two looks: a standstill is noticed at most a tenth too late."""
    return min(max(min(stall_s, answer_s) / _LOOKS, _SOONEST_LOOK_S), _LATEST_LOOK_S)


class Standstill:
    """What is known of one exchange.

    Args:
        stall_s: how long the network may take nothing.
        answer_s: how long the answer may take.
        now: seconds of a clock that never goes back, at the beginning.
        wall: Unix seconds at the beginning.

    Attributes:
        look_every_s: the seconds between two looks.
        slept: whether this machine slept since the beginning.
    """

    def __init__(self, stall_s: float, answer_s: float, *, now: float, wall: float) -> None:
        self._stall_s = stall_s
        self._answer_s = answer_s
        self.look_every_s = look_every_s(stall_s, answer_s)
        self._now = now
        self._wall = wall
        self._waiting = Waiting.NETWORK
        self._moved = 0
        self._still_s = 0.0
        self.slept = False

    def look(self, waiting: Waiting, moved: int, *, unsent: bool, now: float, wall: float) -> Finding:
        """Look at the exchange.

        Args:
            waiting: what it waits for.
            moved: a number that grows with every byte that the network took or brought.
            unsent: whether bytes wait in this machine to be sent.
            now: as at the beginning.
            wall: as at the beginning.
        """
        gap_s = now - self._now
        if self.check_sleep(now=now, wall=wall):
            return Finding.SLEPT
        if waiting is Waiting.OURSELVES or waiting is not self._waiting or moved > self._moved:
            self._still_s = 0.0
        else:
            self._still_s += min(gap_s, self.look_every_s)
        self._waiting = waiting
        self._moved = max(moved, self._moved)
        sending = waiting is not Waiting.ANSWER or unsent
        if self._still_s < (self._stall_s if sending else self._answer_s):
            return Finding.MOVES
        return Finding.STALLED if sending else Finding.UNANSWERED

    def check_sleep(self, *, now: float, wall: float) -> bool:
        """Tell whether this machine slept since the beginning: also for an exchange that broke before the next look."""
        gap_s, wall_gap_s = now - self._now, wall - self._wall
        self._now, self._wall = now, wall
        self.slept = self.slept or gap_s >= _SLEPT_S or wall_gap_s - gap_s >= _SLEPT_S
        return self.slept
