"""How far one upload is, fed only by its events.

The events come on the event loop and only change plain fields; what is shown is read by a thread, a
few times a second. So neither drawing nor a terminal that does not take its bytes ever holds the
loop. Must not know terminals.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from asyncup import events
from asyncup.cli.sizes import show_bytes

__all__ = ["Progress", "ProgressView"]

_RATE_WINDOW_S = 15.0
"""The rate is that of the last so many seconds: a few parts, and short enough to see a change."""

_STAGE_WORDS = {
    events.Stage.DISK: "disk",
    events.Stage.HASH: "hash",
    events.Stage.WIRE: "wire",
    events.Stage.VAULT: "Vault",
}


@dataclass(frozen=True, slots=True)
class ProgressView:
    """What there is to show at one moment.

    Attributes:
        path: the local file.
        size: its bytes; None until the plan is made.
        acknowledged: how many of them Vault has confirmed. Never falls, never passes `size`.
        rate: acknowledged bytes per second, of late.
        part: the part on offer, counted from 1; 0 before the first.
        parts: how many the file has in all; 0 until the plan is made.
        waits_for: what the upload is waiting for, in words.
    """

    path: str
    size: int | None
    acknowledged: int
    rate: float
    part: int
    parts: int
    waits_for: str

    @property
    def share(self) -> float:
        """The acknowledged share, 0 to 1."""
        return self.acknowledged / self.size if self.size else 0.0

    def line(self) -> str:
        """Return all of it as one plain line."""
        if self.size is None:
            return f"{self.path}: waiting for {self.waits_for}"
        facts = [
            f"{show_bytes(self.acknowledged)} of {show_bytes(self.size)}",
            f"{int(self.share * 100)} %",
            f"{self.rate / 1e6:.1f} MB/s",
            f"part {self.part} of {self.parts}",
            f"waiting for {self.waits_for}",
        ]
        return f"{self.path}: {', '.join(facts)}"


class Progress:
    """The state of one upload: its `on_event`; `view()` and `notices()` may be read from any thread.

    Args:
        path: the local file.
        finds_sessions: True when an upload session that is continued was not named by the user, who is told then.
        clock: in seconds; an argument for tests.

    Attributes:
        session_id: the upload session, once there is one; None again when it is done with.
        job_id: the job of the commit, once Vault has accepted that.
        buffers: the kinds of part buffer that were used, in order.
        sending_s: seconds from the plan to the last acknowledged part; what follows is the commit.
    """

    def __init__(self, path: str, *, finds_sessions: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._finds_sessions = finds_sessions
        self._continued = False
        self._notices: deque[str] = deque()
        self.session_id: str | None = None
        self.job_id: int | None = None
        self.buffers: list[events.BufferKind] = []
        self.sending_s = 0.0
        self._planned_at = 0.0
        self._clock = clock
        self._size: int | None = None
        self._parts = 0
        self._part = 0
        self._acknowledged = 0
        self._stage = events.Stage.VAULT
        self._note: str | None = None
        self._samples: deque[tuple[float, int]] = deque()
        self._window_start = (clock(), 0)

    def __call__(self, event: events.Event) -> None:
        """Take what happened. On the event loop only."""
        self._notices.extend(_said_of(event))
        match event:
            case events.UploadSessionOpened():
                self.session_id = event.session_id
                self._continued = self._finds_sessions and not event.created
            case events.UploadStarted():
                self._start(event)
            case events.StageEntered():
                self._stage = event.stage
            case events.PartStarted():
                self._part, self._note = event.part, None
            case events.PartAcknowledged():
                self._acknowledge(event.acknowledged)
            case events.BuffersChanged():
                self.buffers.append(event.buffers)
            case events.RetryScheduled():
                attempt = f"attempt {event.attempt + 1}, in {event.delay_s:.1f} s"
                self._note = f"{attempt}, after: {event.reason}"
            case events.JobStatusSeen():
                self.job_id, self._note = (
                    event.job_id,
                    f"Vault's job {event.job_id}: {event.status}",
                )
            case events.UploadFinished():
                self.session_id = None
            case _:
                pass  # what only measurements need

    def view(self) -> ProgressView:
        """Return what there is to show now."""
        since, base = self._window_start
        elapsed = self._clock() - since
        return ProgressView(
            path=self.path,
            size=self._size,
            acknowledged=self._acknowledged,
            rate=(self._acknowledged - base) / elapsed if elapsed > 0 else 0.0,
            part=self._part,
            parts=self._parts,
            waits_for=self._note or _STAGE_WORDS[self._stage],
        )

    def notices(self) -> Iterator[str]:
        """Yield, once, what a person should read that is no progress; each is one line."""
        while self._notices:
            yield f"{self.path}: {self._notices.popleft()}"

    def _start(self, event: events.UploadStarted) -> None:
        if self._continued:
            self._notices.append(
                f"continuing upload session {event.session_id}: {event.resumed_parts} of {event.parts} parts "
                "are in Vault already"
            )
        self._size, self._parts = event.size, event.parts
        self._part = min(event.resumed_parts + 1, event.parts)
        self._acknowledged = event.resumed_bytes
        self._planned_at = self._clock()
        self._window_start = (self._planned_at, event.resumed_bytes)
        self._samples.append(self._window_start)
        self.buffers.append(event.buffers)

    def _acknowledge(self, acknowledged: int) -> None:
        now = self._clock()
        self._acknowledged, self._note = acknowledged, None
        self.sending_s = now - self._planned_at
        self._samples.append((now, acknowledged))
        # The oldest sample stays until the next one is as old as the window.
        while len(self._samples) > 1 and self._samples[1][0] <= now - _RATE_WINDOW_S:
            self._samples.popleft()
        self._window_start = self._samples[0]


def _said_of(event: events.Event) -> Iterator[str]:
    match event:
        case events.SourceTouched():
            yield f"{event.how}; going on, and comparing its bytes at the end"
        case events.UnfinishedSessionSeen(aborted=True):
            yield f"aborted the unfinished upload session {event.session_id}"
        case events.UnfinishedSessionSeen():
            yield (
                f"the unfinished upload session {event.session_id} for the same destination holds other bytes "
                "and is left alone (--restart aborts it)"
            )
        case _:
            pass
