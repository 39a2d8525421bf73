"""Adds up, from the events of many uploads, how long their parts waited for what. The clock is an argument.

Only the time between an upload's plan and its last acknowledgement counts: not the calls before, and not the commit.
Must not know how uploads are made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from asyncup.events import Event, PartAcknowledged, Stage, StageEntered, UploadStarted

__all__ = ["StageRecorder"]


@dataclass(slots=True)
class _Lane:
    stage: Stage
    since_s: float
    pending_s: dict[Stage, float] = field(default_factory=lambda: dict.fromkeys(Stage, 0.0))


class StageRecorder:
    """An event hook for any number of uploads, one after the other or at once.

    Args:
        now: a clock in seconds that never goes back.

    Attributes:
        waits_s: seconds of each stage, of all uploads together.
        part_size: bytes of a part of the last upload that began.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._stages: dict[int, Stage] = {}
        self._lanes: dict[int, _Lane] = {}
        self._begun_s: float | None = None
        self._ended_s = 0.0
        self.waits_s = dict.fromkeys(Stage, 0.0)
        self.part_size = 0

    @property
    def elapsed_s(self) -> float:
        """Seconds from the first plan to the last acknowledgement."""
        return 0.0 if self._begun_s is None else self._ended_s - self._begun_s

    def hook(self, upload: int) -> Callable[[Event], None]:
        """Return the hook for one upload, which has a number of its own."""
        return lambda event: self._on_event(upload, event)

    def _on_event(self, upload: int, event: Event) -> None:
        moment = self._now()
        match event:
            case StageEntered(stage=stage):
                self._pass_time(upload, moment)
                self._stages[upload] = stage
                if upload in self._lanes:
                    self._lanes[upload].stage = stage
            case UploadStarted(part_size=part_size):
                self.part_size = part_size
                self._begun_s = moment if self._begun_s is None else self._begun_s
                self._lanes[upload] = _Lane(self._stages.get(upload, Stage.VAULT), moment)
            case PartAcknowledged() if upload in self._lanes:
                self._pass_time(upload, moment)
                self._ended_s = moment
                self._keep(self._lanes[upload])
            case _:
                pass

    def _pass_time(self, upload: int, moment: float) -> None:
        lane = self._lanes.get(upload)
        if lane is not None:
            lane.pending_s[lane.stage] += moment - lane.since_s
            lane.since_s = moment

    def _keep(self, lane: _Lane) -> None:
        """Count what has passed up to an acknowledgement: what follows the last one is not about parts."""
        for stage, seconds in lane.pending_s.items():
            self.waits_s[stage] += seconds
            lane.pending_s[stage] = 0.0
