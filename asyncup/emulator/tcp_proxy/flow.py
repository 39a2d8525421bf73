"""One direction of one connection: bytes read from one side, written to the other when they arrive there.

A byte that is read is on its way at once, whatever is on its way before it: the delay is pipelined.
Reading stops when the window is full or the line is taken, and so TCP's own flow control reaches
back to the sender. Must not know sockets, HTTP, or why something is stalled.
"""

import asyncio
import enum
from collections import deque
from collections.abc import Callable
from typing import Protocol

from .link import Line, Link

LEAST_READ_BYTES = 1 << 14
SOON_S = 0.0005
"""Two moments that are no farther apart are one."""


class Cut(enum.Enum):
    """What may come after the last byte."""

    END = "no more bytes"
    RESET = "the connection is broken"


class Timers(Protocol):
    """What is needed of an event loop."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> asyncio.TimerHandle: ...


class Flow:
    """Bytes from a source to a sink, each a transport."""

    def __init__(
        self,
        link: Link,
        line: Line,
        timers: Timers,
        clock: Callable[[], float],
        *,
        on_written: Callable[[int], object],
        on_cut: Callable[[Cut], object],
    ) -> None:
        self._line = line
        self._window = link.window
        self._piece_bytes = link.piece_bytes
        self._timers = timers
        self._clock = clock
        self._on_written = on_written
        self._on_cut = on_cut
        self._source: asyncio.ReadTransport | None = None
        self._sink: asyncio.WriteTransport | None = None
        self._buffer = memoryview(bytearray(self._piece_bytes))
        self._filled = 0
        self._queue: deque[tuple[float, memoryview | Cut]] = deque()
        self._early: list[memoryview | Cut] = []
        self._on_the_way = 0
        self._sink_is_full = self._is_stalled = self._is_over = self._is_cut = False
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at = float("inf")

    @property
    def has_begun(self) -> bool:
        return self._source is not None

    def join(self, source: asyncio.ReadTransport, sink: asyncio.WriteTransport) -> None:
        """Begin; the source does not read yet."""
        self._source, self._sink = source, sink
        for item in self._early:
            self._send(item)
        self._early.clear()
        self.advance()

    def buffer(self) -> memoryview:
        """Where the source reads to next."""
        if not self._queue and not self._early and not self._sink_is_full:
            self._filled = 0  # nobody else looks at it any more
        if len(self._buffer) - self._filled < min(LEAST_READ_BYTES, self._piece_bytes):
            self._buffer = memoryview(bytearray(self._piece_bytes))
            self._filled = 0
        return self._buffer[self._filled :]

    def received(self, length: int) -> None:
        """The source has read so much into the buffer. Before the flow begins, it is then not asked for more."""
        view = self._buffer[self._filled : self._filled + length]
        self._filled += length
        self._on_the_way += length
        self._send(view)
        self.advance()

    def cut(self, cut: Cut) -> None:
        """The source has ended or is broken: the sink learns it behind the last byte."""
        if not self._is_cut:
            self._is_cut = True
            self._send(cut)
            self.advance()

    def sink_is_full(self, *, full: bool) -> None:
        """The sink takes nothing for now, or takes something again."""
        self._sink_is_full = full
        if not full:
            self.advance()

    def stall(self, *, stalled: bool) -> None:
        """Stop moving bytes, or go on. What was on its way has arrived meanwhile."""
        self._is_stalled = stalled
        self.advance()

    def close(self) -> None:
        """Move nothing any more."""
        self._is_over = True
        self._queue.clear()
        if self._wake is not None:
            self._wake.cancel()

    def advance(self) -> None:
        """Write what has arrived, read if there is room, and see to it that this happens again in time."""
        if self._is_over or self._source is None:
            return
        now = self._clock()
        if not self._write(now):
            return
        may_read = not self._is_stalled and not self._is_cut and self._on_the_way < self._window
        line_wait_s = self._line.wait_s(now) if may_read else 0.0
        self._read(may_read and line_wait_s == 0.0)
        moments = [now + line_wait_s] if line_wait_s else []
        if self._queue and not self._is_stalled and not self._sink_is_full:
            moments.append(self._queue[0][0])
        if moments:
            self._wake_up(now, min(moments))

    def _send(self, item: memoryview | Cut) -> None:
        """Let it onto the line, as soon as there is one."""
        if self._source is None:
            self._early.append(item)
        else:
            length = 0 if isinstance(item, Cut) else len(item)
            self._queue.append((self._line.send(self._clock(), length), item))

    def _write(self, now: float) -> bool:
        """Write what has arrived. Returns whether the flow goes on: who is told of its bytes may close it."""
        while self._queue and self._queue[0][0] <= now + SOON_S and not self._sink_is_full and not self._is_stalled:
            _, item = self._queue.popleft()
            if isinstance(item, Cut):
                self._on_cut(item)
            else:
                self._on_the_way -= len(item)
                assert self._sink is not None  # noqa: S101 - joined, or there were no bytes
                self._sink.write(item)  # calls sink_is_full if that was more than it could take
                self._on_written(len(item))
        return not self._is_over

    def _read(self, wanted: bool) -> None:  # noqa: FBT001 - a state, not an option
        assert self._source is not None  # noqa: S101 - advance looks before
        if self._source.is_closing() or wanted == self._source.is_reading():
            return
        if wanted:
            self._source.resume_reading()
        else:
            self._source.pause_reading()

    def _wake_up(self, now: float, at: float) -> None:
        if self._wake is not None:
            if self._wake_at <= at + SOON_S:
                return
            self._wake.cancel()
        self._wake_at = at
        self._wake = self._timers.call_later(max(0.0, at - now), self._woken)

    def _woken(self) -> None:
        self._wake = None
        self.advance()
