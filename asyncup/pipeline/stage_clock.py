"""What an upload is waiting for, and for how long: at every instant exactly one stage, so the sums are exact.

Must not know what the stages mean, nor which clock it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from asyncup.events import Stage

__all__ = ["StageClock"]


class StageClock:
    """Adds up the seconds per stage.

    Args:
        now: a clock in seconds that never goes back.
        on_stage: told of every change.
    """

    def __init__(self, now: Callable[[], float], on_stage: Callable[[Stage], None]) -> None:
        self._now = now
        self._on_stage = on_stage
        self._stage = Stage.DISK
        self._since = self._begun = now()
        self._seconds = dict.fromkeys(Stage, 0.0)

    def enter(self, stage: Stage) -> None:
        """From now on the upload waits for `stage`."""
        if stage is self._stage:
            return
        moment = self._now()
        self._seconds[self._stage] += moment - self._since
        self._since = moment
        self._stage = stage
        self._on_stage(stage)

    def stop(self) -> tuple[float, Mapping[Stage, float]]:
        """Return the seconds since the beginning, and the same split by stage."""
        moment = self._now()
        self._seconds[self._stage] += moment - self._since
        self._since = moment
        return moment - self._begun, dict(self._seconds)
