"""Deciding every second how many lanes there are, and saying what a run is limited by.

Feeds the lane controller with what was measured and with the bounds that hold now. Must not know how either is used.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio

from asyncup.bulk.budgets.bandwidth import Throttle
from asyncup.bulk.budgets.session_slots import SessionSlots
from asyncup.bulk.lanes.controller import Phase, decide, start
from asyncup.bulk.lanes.meter import LaneMeter
from asyncup.bulk.lanes.sample import Bounds
from asyncup.bulk.run.lanes import Lanes
from asyncup.bulk.run.progress import RunProgress
from asyncup.events import Stage
from asyncup.pipeline.memory import MemoryBudget

__all__ = ["Tuning"]

_EVERY_S = 1.0
_STEP_S = 0.1
_FULL = 0.9
"""From this share of the bandwidth limit on, that is what limits."""

_WAITS_FOR = {
    Stage.DISK: "the disk",
    Stage.HASH: "hashing",
    Stage.WIRE: "the network",
    Stage.VAULT: "Vault's answers",
}


class Tuning:
    """Changes the number of lanes of a run.

    Args:
        lanes: what is changed.
        meter: what happened.
        progress: what lanes wait for.
        memory: the byte budget.
        slots: upload sessions.
        throttle: the bandwidth limit.
        part_size: bytes of a large file's part, about.
        on_change: told of a new number of lanes, and of what limits it.

    Attributes:
        most_lanes: what the user allows; may be changed at any time.
    """

    def __init__(  # noqa: PLR0913 - all of them decide
        self,
        lanes: Lanes,
        meter: LaneMeter,
        progress: RunProgress,
        *,
        memory: MemoryBudget,
        slots: SessionSlots,
        throttle: Throttle,
        part_size: int,
        most_lanes: int,
        on_change: Callable[[int, str], None],
    ) -> None:
        self._lanes = lanes
        self._meter = meter
        self._progress = progress
        self._memory = memory
        self._slots = slots
        self._throttle = throttle
        self._part_size = part_size
        self._on_change = on_change
        self._state = start(min(lanes.allowed, most_lanes))
        self.most_lanes = most_lanes

    async def run(self) -> None:
        """Decide every second, until cancelled."""
        target = self._lanes.allowed
        while True:
            before = self._lanes.allowed
            for step in range(1, round(_EVERY_S / _STEP_S) + 1):
                # New lanes come one after the other, so that they do not keep step with each other.
                self._allow(min(target, before + max(0, target - before) * step * _STEP_S / _EVERY_S))
                await anyio.sleep(_STEP_S)
            self._state, decided = decide(self._state, self._meter.sample(), self._bounds())
            if decided != target:
                target = decided
                self._on_change(target, self.limited_by)

    @property
    def limited_by(self) -> str:  # noqa: PLR0911 - one return for each
        """What the run would have to have more of to be faster, in words; empty when that is not known."""
        lanes, rate = self._lanes, self._throttle.rate
        if rate is not None and self._progress.acknowledged.of_late >= _FULL * rate:
            return "the bandwidth limit"
        if lanes.busy < lanes.allowed:
            if lanes.files_left > lanes.busy and self._slots.held >= self._slots.allowed:
                return "upload sessions"
            return "the number of files left" if lanes.source_read else "the source"
        if lanes.allowed < self._state.lanes:
            return "Vault's burst limit"
        if lanes.allowed >= self._bounds().cap:
            return self._bound()
        if self._state.phase is Phase.RAMP:
            return ""
        stages = self._progress.stages()
        stage = stages.most_common(1)[0][0] if stages else None
        return "" if stage is None else _WAITS_FOR[stage]

    def _bound(self) -> str:
        bounds = self._bounds()
        if bounds.cap >= bounds.lanes:
            return "the number of lanes allowed"
        slots = bounds.session_slots
        return "upload sessions" if slots is not None and bounds.cap >= slots else "memory"

    def _bounds(self) -> Bounds:
        split = self._lanes.split()
        # A large file needs two parts to make progress, one on the wire and one being read; a small one hardly any.
        share = split.large / max(1, split.large + split.small)
        return Bounds(
            lanes=self.most_lanes,
            memory_bytes=self._memory.total,
            lane_bytes=max(1, round(2 * self._part_size * share)),
            session_slots=None if self._lanes.has_small else self._slots.allowed,
        )

    def _allow(self, lanes: float) -> None:
        allowed = max(1, int(lanes))
        if allowed != self._lanes.allowed:
            self._lanes.allowed = allowed
            self._lanes.changed()
