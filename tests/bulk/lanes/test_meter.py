"""The meter: lanes over time, bytes, calls, trouble and turnarounds, as the transport's seam shows them."""

from __future__ import annotations

import pytest

from asyncup.bulk.lanes.meter import LaneMeter, MeteredTransport
from asyncup.errors import Phase, VaultUnreachable
from asyncup.protocol.answers import Answer
from asyncup.vault.transport import HttpRequest
from tests.fakes.memory_body import MemoryBody

RATES = {"x-vaultapi-burstlimit": "2000", "x-vaultapi-burstlimitremaining": "1500"}


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Scripted:
    """Takes a body in 2 s and answers 0.5 s later."""

    def __init__(self, clock: Clock, answer: Answer | Exception) -> None:
        self.clock = clock
        self.answer = answer
        self.closed = False

    async def send(self, request: HttpRequest) -> Answer:
        if isinstance(self.answer, Exception):
            raise self.answer
        self.clock.now_s += 2.0
        if isinstance(request.body, MemoryBody) and request.on_written is not None:
            request.on_written(request.body.length)
        if request.on_sent is not None:
            request.on_sent()
        self.clock.now_s += 0.5
        return self.answer

    async def aclose(self) -> None:
        self.closed = True


def test_lanes_are_averaged_over_the_time() -> None:
    clock = Clock()
    meter = LaneMeter(clock)
    with meter.lane():
        clock.now_s += 1
        with meter.lane():
            clock.now_s += 1
    clock.now_s += 2
    sample = meter.sample()
    assert (sample.at_s, sample.seconds, sample.busy_lanes) == (104.0, 4.0, 0.75)
    clock.now_s += 1
    assert meter.sample().busy_lanes == 0.0


async def test_a_call_is_measured_from_its_last_byte_and_its_hooks_are_still_told() -> None:
    clock, told = Clock(), list[object]()
    meter = LaneMeter(clock)
    inner = Scripted(clock, Answer(200, RATES, b"{}", 0.0))
    transport = MeteredTransport(inner, meter, clock)
    body = MemoryBody(b"x" * 7)
    await transport.send(
        HttpRequest("a", "PUT", "/", {}, body, on_written=told.append, on_sent=lambda: told.append("sent"))
    )
    await transport.send(HttpRequest("a", "PUT", "/", {}, body))
    sample = meter.sample()
    assert told == [7, "sent"]
    assert (sample.bytes_sent, sample.calls, sample.trouble, sample.turnaround_s) == (14, 2, 0, 0.5)
    assert (sample.burst_limit, sample.burst_remaining) == (2000, 1500)
    await transport.aclose()
    assert inner.closed
    clock.now_s += 1
    empty = meter.sample()
    assert (empty.calls, empty.bytes_sent, empty.turnaround_s, empty.burst_remaining) == (0, 0, None, 1500)


@pytest.mark.parametrize(
    ("status", "content", "trouble"),
    [
        (200, b'{"responseStatus":"SUCCESS"}', 0),
        (200, b'{"responseStatus":"FAILURE","errors":[{"type":"API_LIMIT_EXCEEDED"}]}', 1),
        (200, b"API_LIMIT_EXCEEDED" + b" " * 5000, 0),
        (200, b'{"responseStatus":"FAILURE","errors":[{"type":"INVALID_DATA"}]}', 0),
        (404, b"", 0),
        (408, b"", 1),
        (429, b"", 1),
        (500, b"", 1),
        (503, b"<html>", 1),
    ],
)
async def test_what_counts_as_trouble(status: int, content: bytes, trouble: int) -> None:
    clock = Clock()
    meter = LaneMeter(clock)
    await MeteredTransport(Scripted(clock, Answer(status, {}, content, 0.0)), meter, clock).send(
        HttpRequest("a", "GET", "/", {})
    )
    assert meter.sample().trouble == trouble


async def test_no_answer_is_trouble_without_a_turnaround() -> None:
    clock = Clock()
    meter = LaneMeter(clock)
    away = VaultUnreachable("a", Phase.CONNECT, "refused")
    with pytest.raises(VaultUnreachable):
        await MeteredTransport(Scripted(clock, away), meter, clock).send(HttpRequest("a", "GET", "/", {}))
    sample = meter.sample()
    assert (sample.calls, sample.trouble, sample.turnaround_s) == (1, 1, None)
