"""How long an answer may take, learned from those that came: a Vault that is silent is noticed sooner. Pure.

The turnaround is smoothed as TCP does it (RFC 6298: the mean and its deviation), once for each kind of operation and
size of payload: a commit may take longer than a part, and a large part longer than a small one. A deadline that has
passed is doubled for the next attempt, until an answer comes: a Vault that became slower is not given up for ever.
Must not know clocks or requests.
"""

from __future__ import annotations

from asyncup.protocol.requests import Operation

__all__ = ["AnswerDeadline"]

_FEWEST = 5
"""Answers that must have come before they are relied on."""

_GAIN = 1 / 8
_DEVIATION_GAIN = 1 / 4
_TURNAROUNDS = 3.0
_DEVIATIONS = 4.0
_MIB = 2**20


class _Learned:
    def __init__(self) -> None:
        self.answers = 0
        self.mean_s = 0.0
        self.deviation_s = 0.0
        self.doublings = 0

    def learn(self, turnaround_s: float) -> None:
        self.answers += 1
        self.doublings = 0
        if self.answers == 1:
            self.mean_s, self.deviation_s = turnaround_s, turnaround_s / 2
            return
        self.deviation_s += _DEVIATION_GAIN * (abs(turnaround_s - self.mean_s) - self.deviation_s)
        self.mean_s += _GAIN * (turnaround_s - self.mean_s)


class AnswerDeadline:
    """The deadlines of one Vault.

    Args:
        floor_s: no deadline is shorter, unless its cap is.
    """

    def __init__(self, floor_s: float = 30.0) -> None:
        self._floor_s = floor_s
        self._learned: dict[tuple[Operation, int], _Learned] = {}

    def deadline_s(self, operation: Operation, length: int, *, cap_s: float) -> float:
        """Return the seconds to wait for an answer once everything is sent; `cap_s` while little is known."""
        learned = self._learned.get(_kind(operation, length))
        if learned is None or learned.answers < _FEWEST:
            return cap_s
        expected_s = _TURNAROUNDS * learned.mean_s + _DEVIATIONS * learned.deviation_s
        return min(cap_s, max(self._floor_s, expected_s) * 2.0 ** min(learned.doublings, 30))

    def answered(self, operation: Operation, length: int, turnaround_s: float) -> None:
        """Learn from an answer that came so long after everything was sent."""
        self._learned.setdefault(_kind(operation, length), _Learned()).learn(max(0.0, turnaround_s))

    def unanswered(self, operation: Operation, length: int) -> None:
        """No answer came within the deadline: the next one is twice as long."""
        self._learned.setdefault(_kind(operation, length), _Learned()).doublings += 1


def _kind(operation: Operation, length: int) -> tuple[Operation, int]:
    """Payloads whose sizes are within a factor of two are alike."""
    return operation, (length // _MIB).bit_length()
