"""Payloads: which slices they are written in, past whom, and what they know of each other."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from types import SimpleNamespace

import anyio
import pytest
import trustme

from asyncup.errors import SourceUnreadable
from asyncup.vault import payloads
from asyncup.vault.slice_size import SliceSize
from asyncup.vault.unlocked_write import UnlockedWrite
from tests.fakes.memory_body import SLICE, MemoryBody
from tests.fakes.raw_server import SUCCESS, answering, raw_server
from tests.vault.loopback_transport import certified, request, transport_for


@pytest.mark.both_loops
async def test_slices_go_past_the_transport_and_the_head_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    write, past = UnlockedWrite.write, list[int]()

    def counting(unlocked: UnlockedWrite, view: memoryview, *, waits: bool) -> int:
        past.append(write(unlocked, view, waits=waits))
        return past[-1]

    monkeypatch.setattr(UnlockedWrite, "write", counting)
    content = os.urandom(20 * SLICE)
    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        await transport.send(request(body=MemoryBody(content)))
    assert [arrived.body for arrived in server.requests] == [content]
    assert len(past) == 19, "the first slice is written together with the head"
    assert sum(past) > 0


@dataclass
class Obliging:
    """A body whose slices are as long as they are wanted, and which remembers that."""

    content: bytes
    wanted: list[int | None] = field(default_factory=list)

    @property
    def length(self) -> int:
        return len(self.content)

    async def slices(self) -> AsyncGenerator[memoryview, int | None]:
        begin, end = 0, 1
        while begin < self.length:
            self.wanted.append((yield memoryview(self.content)[begin:end]))
            begin, end = end, end + (self.wanted[-1] or SLICE)


@pytest.mark.both_loops
@pytest.mark.parametrize(("tls", "past_the_transport"), [(False, True), (True, False), (False, False)])
async def test_longer_slices_are_asked_for_where_they_go_straight_to_the_kernel(
    authority: trustme.CA,
    trusting: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    *,
    tls: bool,
    past_the_transport: bool,
) -> None:
    if not past_the_transport:
        monkeypatch.setattr("asyncup.vault.unlocked_write._descriptor_of", lambda _: -1)
    monkeypatch.setattr(SliceSize, "took", lambda size, length, _: setattr(size, "bytes", 2 * max(length, SLICE)))
    body = Obliging(os.urandom(1 + 6 * 2**20))
    async with (
        raw_server(answering(SUCCESS), tls=certified(authority) if tls else None) as server,
        transport_for(server.url, trusting if tls else None) as transport,
    ):
        await transport.send(request(body=body))
    assert [arrived.body for arrived in server.requests] == [body.content]
    larger = [wanted for wanted in body.wanted if wanted is not None]
    assert larger[:2] == ([2 * SLICE, 4 * SLICE] if tls or past_the_transport else [])


def learn_one_more(size: SliceSize, *_: object) -> None:
    size.bytes += 1
    size.is_learned = True


async def test_the_next_payload_begins_with_slices_of_the_size_that_the_last_one_ended_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SliceSize, "took", learn_one_more)
    bodies = [Obliging(os.urandom(1 + 3 * SLICE)) for _ in range(2)]
    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        for body in bodies:
            await transport.send(request(body=body))
    assert [arrived.body for arrived in server.requests] == [body.content for body in bodies]
    first, second = ([wanted for wanted in body.wanted if wanted is not None] for body in bodies)
    assert first[0] == SliceSize().bytes + 1
    assert second[0] > first[-1]


async def test_also_when_that_one_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that became slow may break before a payload is through: the same slices again would be too long again."""

    @dataclass
    class Breaking(Obliging):
        async def slices(self) -> AsyncGenerator[memoryview, int | None]:
            yield memoryview(self.content)[:1]
            raise SourceUnreadable("file", "the disk is broken")

    monkeypatch.setattr(SliceSize, "took", learn_one_more)
    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        with pytest.raises(SourceUnreadable):
            await transport.send(request(body=Breaking(bytes(SLICE))))
        assert transport._payloads.slice_bytes == SliceSize().bytes + 1


async def test_a_payload_that_is_too_short_to_tell_anything_leaves_it_as_it_is() -> None:
    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        transport._payloads.slice_bytes = 8 * 2**20
        await transport.send(request(body=MemoryBody(bytes(3 * SLICE))))
        assert transport._payloads.slice_bytes == 8 * 2**20


async def test_room_is_waited_for_on_the_spot_by_who_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other they would keep the loop from everybody else."""
    alone, seen, all_write = list[bool](), list[bool](), anyio.Event()

    def witness(_: UnlockedWrite, __: memoryview, *, waits: bool) -> int:
        seen.append(waits)
        return 0

    @dataclass
    class Waiting(MemoryBody):
        async def slices(self) -> AsyncGenerator[memoryview, int | None]:
            yield memoryview(self.content)[:1]
            await all_write.wait()
            yield memoryview(self.content)[1:]

    monkeypatch.setattr(UnlockedWrite, "write", witness)
    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        await transport.send(request(body=MemoryBody(bytes(3 * SLICE))))
        alone, seen = seen, []
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(transport.send, request(body=Waiting(b"abc")))
            with anyio.fail_after(30):
                while transport._payloads.under_way < 2:
                    await anyio.lowlevel.checkpoint()
            all_write.set()
    assert alone == [True, True]
    assert seen[0] is False


async def test_an_answer_that_comes_at_once_needs_no_second_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[float] = []

    async def long_turn(seconds: float) -> None:
        turns.append(seconds)
        for _ in range(50):  # the server has answered by then, if it has everything
            await asyncio.sleep(0)

    monkeypatch.setattr(payloads, "_HOLD_LOOP_S", -1.0)
    monkeypatch.setattr(payloads, "asyncio", SimpleNamespace(sleep=long_turn))
    content = os.urandom(3 * SLICE)
    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        for _ in range(3):
            await transport.send(request(body=MemoryBody(content)))
    assert [arrived.body for arrived in server.requests] == [content] * 3
    assert server.opened == 1
    assert len(turns) == 3 * 2, "after each slice but the last"
