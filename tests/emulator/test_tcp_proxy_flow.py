"""One direction, with a clock that is driven and with transports that only take notes."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from asyncup.emulator.tcp_proxy import Link
from asyncup.emulator.tcp_proxy.flow import SOON_S, Cut, Flow
from asyncup.emulator.tcp_proxy.link import Line

BANDWIDTH = 1e6


class Driven:
    """A clock and its timers."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._loop = asyncio.new_event_loop()
        self._loop.close()

    def call_later(self, delay: float, callback: Callable[[], object], /) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.now + delay, callback, (), self._loop)
        heapq.heappush(self._timers, (self.now + delay, next(self._order), handle))
        return handle

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            at, _, handle = heapq.heappop(self._timers)
            if not handle.cancelled():
                self.now = max(self.now, at)
                handle._run()
        self.now = end


class Source(asyncio.ReadTransport):
    """Reads from an endless supply, when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = False

    def is_closing(self) -> bool:
        return False

    def is_reading(self) -> bool:
        return self.reads

    def pause_reading(self) -> None:
        assert self.reads
        self.reads = False

    def resume_reading(self) -> None:
        assert not self.reads
        self.reads = True


class Sink(asyncio.WriteTransport):
    """Notes what is written, and when."""

    def __init__(self, time: Driven) -> None:
        super().__init__()
        self._time = time
        self.written: list[tuple[float, bytes]] = []
        self.on_write: Callable[[], object] = lambda: None

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written.append((self._time.now, bytes(data)))
        self.on_write()

    @property
    def content(self) -> bytes:
        return b"".join(data for _, data in self.written)


class Under:
    """A flow under test."""

    def __init__(self, link: Link) -> None:
        self.time = Driven()
        self.source, self.sink = Source(), Sink(self.time)
        self.cuts: list[tuple[float, Cut]] = []
        self.counted = 0
        self.read = b""
        self.flow = Flow(
            link,
            Line(link),
            self.time,
            lambda: self.time.now,
            on_written=self._count,
            on_cut=lambda cut: self.cuts.append((self.time.now, cut)),
        )
        self.flow.join(self.source, self.sink)

    def _count(self, length: int) -> None:
        self.counted += length

    def send(self, data: bytes) -> None:
        """What a transport does with bytes that come."""
        while data:
            assert self.source.reads
            buffer = self.flow.buffer()
            length = min(len(buffer), len(data))
            assert length > 0
            buffer[:length] = data[:length]
            self.flow.received(length)
            self.read += data[:length]
            data = data[length:]

    def send_all_that_is_taken(self) -> int:
        length = 0
        while self.source.is_reading():
            buffer = self.flow.buffer()
            buffer[:] = bytes([length % 251]) * len(buffer)
            self.read += bytes(buffer)
            length += len(buffer)
            self.flow.received(len(buffer))
        return length


def test_without_a_link_bytes_pass_at_once() -> None:
    under = Under(Link())
    under.send(b"abc")
    under.send(b"def")
    assert under.sink.written == [(1000.0, b"abc"), (1000.0, b"def")]
    assert under.counted == 6


def test_the_delay_is_the_same_for_every_byte_and_they_are_on_their_way_together() -> None:
    under = Under(Link(round_trip_s=0.2))
    under.send(b"abc")
    under.time.advance(0.05)
    under.send(b"def")
    under.time.advance(0.04)
    assert under.sink.written == []
    under.time.advance(0.2)
    assert [data for _, data in under.sink.written] == [b"abc", b"def"]
    assert [at for at, _ in under.sink.written] == pytest.approx([1000.1, 1000.15])


def test_the_bandwidth_is_kept_and_reading_stops_for_it() -> None:
    """The source has an endless supply and is asked for it again in time."""
    under = Under(Link(round_trip_s=0.1, bandwidth_bytes_s=BANDWIDTH))
    for _ in range(5000):
        under.send_all_that_is_taken()
        under.time.advance(0.001)
    assert len(under.sink.content) == pytest.approx(BANDWIDTH * (5 - 0.05), rel=0.01)
    assert under.read.startswith(under.sink.content)


def test_the_window_bounds_what_is_on_its_way() -> None:
    under = Under(Link(round_trip_s=0.2, window_bytes=1000))
    assert under.send_all_that_is_taken() == 1000
    under.time.advance(0.05)
    assert not under.source.is_reading()
    under.time.advance(0.06)
    assert under.source.is_reading()
    assert under.sink.content == under.read


def test_a_full_sink_stops_the_source() -> None:
    under = Under(Link(window_bytes=1000))
    under.sink.on_write = lambda: under.flow.sink_is_full(full=True)
    under.send(b"first")
    assert under.source.is_reading()
    assert under.send_all_that_is_taken() == 1000
    assert under.sink.content == b"first"
    for _ in range(10):
        under.flow.sink_is_full(full=False)
    assert under.sink.content == under.read


def test_a_stall_moves_nothing_and_what_was_on_its_way_has_arrived_meanwhile() -> None:
    under = Under(Link(round_trip_s=0.2))
    under.send(b"abc")
    under.flow.stall(stalled=True)
    assert not under.source.is_reading()
    under.time.advance(60)
    assert under.sink.written == []
    under.flow.stall(stalled=False)
    assert under.sink.written == [(1060.0, b"abc")]
    assert under.source.is_reading()


def test_what_came_before_the_beginning_is_sent_at_the_beginning() -> None:
    time = Driven()
    source, sink = Source(), Sink(time)
    link = Link(round_trip_s=0.2)
    cuts: list[Cut] = []
    flow = Flow(link, Line(link), time, lambda: time.now, on_written=lambda _: None, on_cut=cuts.append)
    for data in (b"ab", b"cd"):
        flow.buffer()[:2] = data
        flow.received(2)
    flow.cut(Cut.END)
    assert not flow.has_begun
    time.advance(5)
    flow.join(source, sink)
    assert sink.written == []
    time.advance(1)
    assert sink.content == b"abcd"
    assert sink.written[0][0] == pytest.approx(1005.1)
    assert cuts == [Cut.END]


@pytest.mark.parametrize("cut", list(Cut))
def test_an_end_comes_behind_the_last_byte(cut: Cut) -> None:
    under = Under(Link(round_trip_s=0.2, bandwidth_bytes_s=BANDWIDTH))
    under.send(b"x" * 5000)
    under.flow.cut(cut)
    under.flow.cut(Cut.RESET)
    assert not under.source.is_reading()
    under.time.advance(0.05)
    assert under.cuts == []
    under.time.advance(1)
    assert len(under.sink.content) == 5000
    [(at, found)] = under.cuts
    assert found is cut
    assert at >= under.sink.written[-1][0]


def test_a_closed_flow_moves_nothing() -> None:
    under = Under(Link(round_trip_s=0.2))
    under.send(b"abc")
    under.flow.close()
    under.time.advance(1)
    assert under.sink.written == []
    under.flow.advance()


def test_what_closes_the_flow_may_be_told_of_its_bytes() -> None:
    under = Under(Link(round_trip_s=0.2))
    under.sink.on_write = under.flow.close
    under.send(b"abc")
    under.send(b"def")
    under.time.advance(1)
    assert under.sink.content == b"abc"


_steps = st.one_of(
    st.binary(min_size=1, max_size=3000),
    st.sampled_from(["full", "free", "stall", "resume"]),
    st.floats(0, 0.05),
)
_links = st.builds(
    Link,
    round_trip_s=st.sampled_from([0.0, 0.01, 0.08]),
    bandwidth_bytes_s=st.sampled_from([None, 1e5, 1e7]),
    window_bytes=st.sampled_from([None, 100, 5000]),
)


@given(_links, st.lists(_steps, max_size=60))
def test_whatever_happens_the_bytes_are_the_same_and_not_too_early(
    link: Link, steps: list[bytes | str | float]
) -> None:
    under = Under(link)
    for step in steps:
        if isinstance(step, float):
            under.time.advance(step)
        elif isinstance(step, bytes):
            if under.source.reads:
                under.send(step[: len(under.flow.buffer())])
        else:
            under.flow.stall(stalled=step == "stall") if step in {"stall", "resume"} else under.flow.sink_is_full(
                full=step == "full"
            )
        assert under.read.startswith(under.sink.content)
        assert len(under.read) - len(under.sink.content) <= link.window
    under.flow.cut(Cut.END)
    under.flow.stall(stalled=False)
    under.flow.sink_is_full(full=False)
    under.time.advance(1000)
    assert under.sink.content == under.read
    assert under.counted == len(under.read)
    assert [cut for _, cut in under.cuts] == [Cut.END]
    if under.sink.written:
        assert under.sink.written[0][0] >= 1000.0 + link.round_trip_s / 2 - SOON_S - 1e-6
