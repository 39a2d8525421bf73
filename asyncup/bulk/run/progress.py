"""What a bulk run has done so far, added up from its files' events, and what each lane is at.

Cheap per event, because a fast run has thousands of them in a second. Must not know who looks at it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from asyncup.bulk.journal.entry import Entry
from asyncup.bulk.run.events import RunEvent, RunHook
from asyncup.bulk.run.snapshot import LaneSnapshot
from asyncup.events import BytesWritten, Event, PartAcknowledged, PartStarted, Stage, StageEntered, UploadStarted

__all__ = ["LaneTrack", "Rate", "RunProgress"]

_RATE_S = 10


class Rate:
    """An amount per second, over the last ten seconds. `now` is a clock that never goes back."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began_s = now()
        self._seconds: deque[tuple[int, float]] = deque()
        self.total = 0.0

    def add(self, amount: float) -> None:
        """Note that so much more is done."""
        self.total += amount
        second = int(self._now())
        if self._seconds and self._seconds[-1][0] == second:
            amount += self._seconds.pop()[1]
        self._seconds.append((second, amount))
        while self._seconds[0][0] < second - _RATE_S:
            self._seconds.popleft()

    @property
    def of_late(self) -> float:
        """Per second, of late."""
        now_s = self._now()
        seconds = min(_RATE_S, max(1.0, now_s - self._began_s))
        return sum(amount for second, amount in self._seconds if second > now_s - _RATE_S - 1) / seconds

    @property
    def mean(self) -> float:
        """Per second, since the beginning."""
        return self.total / max(1e-3, self._now() - self._began_s)


class LaneTrack:
    """One file on its way. Its `emit` is the hook for the file's events."""

    def __init__(self, entry: Entry, progress: RunProgress) -> None:
        self.file = entry.file
        self._entry = entry
        self._progress = progress
        self._part = self._parts = 0
        self.acknowledged = 0
        self.has_acknowledged = False
        self.bytes_written = 0
        self.stage: Stage | None = None
        self.job_id: int | None = None

    def emit(self, event: Event) -> None:
        """Take one event in, and pass it on."""
        match event:
            case StageEntered():
                self.stage = event.stage
            case BytesWritten():
                self.bytes_written += event.length
            case PartAcknowledged():
                self.acknowledged, self.has_acknowledged = event.acknowledged, True
                self._progress.acknowledged.add(event.length)
            case PartStarted():
                self._part = event.part
            case UploadStarted():
                self._parts, self.acknowledged = event.parts, event.resumed_bytes
            case _:
                pass
        self._progress.emit(event)

    def snapshot(self) -> LaneSnapshot:
        """Return what is known of it."""
        return LaneSnapshot(
            file=self._entry.file,
            destination=self._entry.destination or "",
            size=self._entry.size or 0,
            acknowledged=self.acknowledged,
            part=self._part,
            parts=self._parts,
            stage=self.stage,
            job_id=self.job_id,
        )


class RunProgress:
    """The sums of a run.

    Args:
        now: a clock in seconds that never goes back.
        hook: told of every event; None when nobody listens.

    Attributes:
        lanes: files on their way, by their id in the journal.
        acknowledged: bytes that Vault has confirmed.
        ended: inputs that came to their end.
        last_failure: the last failure in a line.
    """

    def __init__(self, now: Callable[[], float], hook: RunHook | None) -> None:
        self._hook = hook
        self.lanes: dict[int, LaneTrack] = {}
        self.acknowledged = Rate(now)
        self.ended = Rate(now)
        self.last_failure = ""

    def emit(self, event: Event | RunEvent) -> None:
        """Pass an event on to whoever listens."""
        if self._hook is not None:
            self._hook(event)

    @contextmanager
    def file(self, entry: Entry) -> Iterator[LaneTrack]:
        """Show a file as being on its way."""
        track = self.lanes[entry.id] = LaneTrack(entry, self)
        try:
            yield track
        finally:
            self.lanes.pop(entry.id, None)

    def stages(self) -> Counter[Stage | None]:
        """Return how many lanes wait for what."""
        return Counter(track.stage for track in self.lanes.values() if track.job_id is None)
