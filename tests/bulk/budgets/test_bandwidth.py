"""The throttle, in virtual time: exact, smooth, shared evenly, changeable, and without loss when cancelled."""

from __future__ import annotations

from datetime import datetime, timedelta

import anyio
import pytest

from asyncup.bulk.budgets.bandwidth import Throttle, ThrottledBody, ThrottledTransport
from asyncup.bulk.budgets.bandwidth_timetable import parse_bandwidth
from asyncup.protocol.answers import Answer
from asyncup.vault.transport import HttpRequest
from tests.bulk.virtual_time import run_virtually
from tests.fakes.memory_body import MemoryBody

MONDAY = datetime(2024, 1, 1)  # noqa: DTZ001 - the clock on the wall
MIB = 2**20


def wall_clock() -> datetime:
    return MONDAY + timedelta(seconds=anyio.current_time())


def throttle_at(text: str) -> Throttle:
    return Throttle(parse_bandwidth(text), wall_clock=wall_clock)


async def send(body: ThrottledBody, arrived: list[tuple[float, int]]) -> None:
    async for view in body.slices():
        arrived.append((anyio.current_time(), view.nbytes))  # noqa: PERF401 - others look at it meanwhile


@pytest.mark.parametrize("text", ["8K", "100K", "1M", "10M", "1G"])
@pytest.mark.parametrize("lanes", [1, 7])
def test_all_lanes_together_keep_the_cap(text: str, lanes: int) -> None:
    async def work() -> None:
        throttle = throttle_at(text)
        rate = throttle.rate
        assert rate is not None
        content = bytes(int(rate * 20) // lanes)
        arrived: list[tuple[float, int]] = []
        async with anyio.create_task_group() as tasks:
            for _ in range(lanes):
                tasks.start_soon(send, ThrottledBody(MemoryBody(content), throttle), arrived)
        took_s = arrived[-1][0]
        assert sum(length for _, length in arrived) == len(content) * lanes
        assert sum(length for _, length in arrived) / took_s == pytest.approx(rate, rel=0.06 if rate < 1e4 else 0.02)
        for second in range(19):
            in_it = sum(length for at_s, length in arrived if second <= at_s < second + 1)
            assert in_it == pytest.approx(rate, rel=0.03, abs=2 * 4096)

    run_virtually(work)


def test_lanes_share_evenly() -> None:
    async def work() -> None:
        throttle = throttle_at("1M")
        counts = [list[tuple[float, int]]() for _ in range(4)]
        with anyio.move_on_after(10):
            async with anyio.create_task_group() as tasks:
                for arrived in counts:
                    tasks.start_soon(send, ThrottledBody(MemoryBody(bytes(10 * MIB)), throttle), arrived)
        got = [sum(length for _, length in arrived) for arrived in counts]
        assert sum(got) == pytest.approx(10 * MIB, rel=0.02)
        assert max(got) - min(got) <= 2 * throttle.piece(MIB)

    run_virtually(work)


def test_without_a_limit_nothing_waits_and_slices_stay_whole() -> None:
    async def work() -> None:
        arrived: list[tuple[float, int]] = []
        await send(ThrottledBody(MemoryBody(bytes(3 * MIB + 1)), Throttle()), arrived)
        assert arrived == [(0.0, MIB)] * 3 + [(0.0, 1)]
        await send(ThrottledBody(MemoryBody(bytes(MIB)), throttle_at("off")), arrived)
        assert anyio.current_time() == 0.0

    run_virtually(work)


def test_a_change_wakes_whoever_waits() -> None:
    async def work() -> None:
        throttle = throttle_at("1K")
        arrived: list[tuple[float, int]] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send, ThrottledBody(MemoryBody(bytes(MIB)), throttle), arrived)
            await anyio.sleep(2.5)
            assert len(arrived) == 1
            throttle.change(parse_bandwidth("1M"))
            await anyio.sleep(0.5)
            assert 0.3 * MIB < sum(length for _, length in arrived) < 0.6 * MIB
            throttle.change(None)
        assert anyio.current_time() == 3.0
        assert sum(length for _, length in arrived) == MIB

    run_virtually(work)


def test_the_timetable_is_followed_while_it_runs() -> None:
    async def work() -> None:
        throttle = throttle_at("00:00,100K 00:01,1M")
        arrived: list[tuple[float, int]] = []
        await send(ThrottledBody(MemoryBody(bytes(6000 * 1024 + 30 * MIB)), throttle), arrived)
        assert arrived[-1][0] == pytest.approx(90, rel=0.02)
        before = sum(length for at_s, length in arrived if at_s < 60)
        assert before == pytest.approx(6000 * 1024, rel=0.02)

    run_virtually(work)


def test_who_is_cancelled_takes_nothing() -> None:
    async def work() -> None:
        throttle = throttle_at("1M")
        await throttle.take(MIB)
        for _ in range(10):
            with anyio.move_on_after(0.01):
                await throttle.take(100 * MIB)
        await throttle.take(1)
        assert anyio.current_time() == pytest.approx(1.0)

    run_virtually(work)


class Recorder:
    def __init__(self) -> None:
        self.seen: list[HttpRequest] = []
        self.closed = False

    async def send(self, request: HttpRequest) -> Answer:
        self.seen.append(request)
        return Answer(200, {}, b"", 0.0)

    async def aclose(self) -> None:
        self.closed = True


async def test_the_transport_throttles_payloads_only() -> None:
    inner = Recorder()
    transport = ThrottledTransport(inner, Throttle(parse_bandwidth("1G")))
    body = MemoryBody(b"abc")
    await transport.send(HttpRequest("a", "PUT", "/", {}, body))
    await transport.send(HttpRequest("a", "POST", "/", {}, b"form"))
    await transport.send(HttpRequest("a", "GET", "/", {}))
    await transport.aclose()
    assert inner.closed
    first, second, third = (request.body for request in inner.seen)
    assert isinstance(first, ThrottledBody)
    assert first.length == 3
    assert [bytes(view) async for view in first.slices()] == [b"abc"]
    assert (second, third) == (b"form", None)


async def test_without_a_limit_only_large_payloads_are_looked_at() -> None:
    inner = Recorder()
    transport = ThrottledTransport(inner, Throttle())
    small, large = MemoryBody(b"abc"), MemoryBody(bytes(2 * MIB))
    for body in (small, large):
        await transport.send(HttpRequest("a", "PUT", "/", {}, body))
    first, second = (request.body for request in inner.seen)
    assert first is small
    assert isinstance(second, ThrottledBody)
