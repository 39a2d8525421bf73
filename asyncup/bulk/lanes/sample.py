"""What the lane controller is told and what it may use: a second of measurements, and the bounds on lanes.

Also the epoch: samples added up until there is enough to judge by. Pure. Must not know what is concluded from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["Bounds", "Epoch", "LaneSample", "Level"]

_CALL_WEIGHT = 1_000_000
"""How many bytes one call is worth as work done: a run of tiny files moves calls, a run of large ones bytes, and a
lane sends about this much while another waits for the answer to a small call."""

_EPOCH_S = 2.0
_EPOCH_TURNAROUNDS = 3.0
_LONGEST_EPOCH_S = 20.0
"""An epoch sees several answers per lane; beyond that, parts are so slow that the bytes on the wire tell enough."""


_HARDLY_S = 0.05
"""Samples come about once a second: an epoch does not wait another second for the last few milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSample:
    """What happened since the last sample, about a second ago.

    Attributes:
        at_s: now, on a clock that never goes back.
        seconds: since the last sample.
        bytes_sent: bytes that the network took, of parts and of small files.
        calls: API calls that ended, however they ended.
        trouble: those among them that failed because the Vault is away or busy: no connection, broken off, 429, 5xx.
        busy_lanes: lanes that had a file, averaged over the time.
        turnaround_s: mean seconds from a call's last byte to its answer; None when no call ended.
        burst_limit: calls in Vault's window of five minutes, as the last answer said; None when it did not.
        burst_remaining: how many are left of them, for everybody.
    """

    at_s: float
    seconds: float
    bytes_sent: int
    calls: int
    trouble: int
    busy_lanes: float
    turnaround_s: float | None = None
    burst_limit: int | None = None
    burst_remaining: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How many lanes there may be at most; all of it may change between two samples.

    Attributes:
        lanes: the user's maximum.
        memory_bytes: the byte budget.
        lane_bytes: what one lane needs of it to make progress.
        session_slots: lanes that may hold an upload session; None where files need none.
    """

    lanes: int
    memory_bytes: int
    lane_bytes: int
    session_slots: int | None = None

    @property
    def cap(self) -> int:
        """The smallest of the bounds, and never less than one."""
        slots = self.lanes if self.session_slots is None else self.session_slots
        return max(1, min(self.lanes, slots, self.memory_bytes // max(1, self.lane_bytes)))


@dataclass(frozen=True, slots=True)
class Level:
    """What was achieved with a number of lanes: work per second, in bytes and their equivalent in calls."""

    lanes: float
    work_per_s: float

    @property
    def lane_work_per_s(self) -> float:
        """Work per second of one lane."""
        return self.work_per_s / max(1.0, self.lanes)


@dataclass(frozen=True, slots=True)
class Epoch:
    """Samples since the last judgement. Those before `from_s` do not count: a change needs time to show."""

    from_s: float = 0.0
    seconds: float = 0.0
    work: float = 0.0
    calls: int = 0
    trouble: int = 0
    lane_seconds: float = 0.0
    turnaround_s: float = 0.0
    """The latest known: it outlives the epoch."""

    def add(self, sample: LaneSample) -> Epoch:
        """Return the epoch with one sample more."""
        known = self.turnaround_s if sample.turnaround_s is None else sample.turnaround_s
        if self.turnaround_s and sample.turnaround_s is not None:
            known = (self.turnaround_s + sample.turnaround_s) / 2
        epoch = replace(
            self, turnaround_s=known, calls=self.calls + sample.calls, trouble=self.trouble + sample.trouble
        )
        if sample.at_s - sample.seconds < self.from_s:
            return epoch
        done = sample.bytes_sent + _CALL_WEIGHT * (sample.calls - sample.trouble)
        return replace(
            epoch,
            seconds=self.seconds + sample.seconds,
            work=self.work + done,
            lane_seconds=self.lane_seconds + sample.busy_lanes * sample.seconds,
        )

    def after_change(self, now_s: float) -> Epoch:
        """Return the next epoch, which waits until a change of the lanes can be seen."""
        return Epoch(from_s=now_s + min(self.turnaround_s, _LONGEST_EPOCH_S), turnaround_s=self.turnaround_s)

    def next(self) -> Epoch:
        """Return the next epoch, when nothing was changed."""
        return Epoch(turnaround_s=self.turnaround_s)

    def is_enough(self, times: int = 1) -> bool:
        """Tell whether there is something to judge by, or so many times as much."""
        one_s = min(_LONGEST_EPOCH_S, max(_EPOCH_S, _EPOCH_TURNAROUNDS * self.turnaround_s))
        return self.seconds >= times * one_s - _HARDLY_S

    @property
    def level(self) -> Level:
        """What was achieved, on average."""
        return Level(self.lane_seconds / self.seconds, self.work / self.seconds)

    @property
    def trouble_share(self) -> float:
        """The share of calls that failed because the Vault is away or busy."""
        return self.trouble / self.calls if self.calls else 0.0
