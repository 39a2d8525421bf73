"""A server that begins to answer before it has read everything: what is raised while the rest is sent is not lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field

import anyio
import pytest

from asyncup.errors import SourceChanged, TransportError
from asyncup.vault.aiohttp_transport import AiohttpTransport
from asyncup.vault.transport import HttpRequest
from tests.pipeline.files import ENOUGH_S

SLICE = 1000
pytestmark = pytest.mark.both_loops


class TheCallers(Exception):
    """What a caller's hook raises."""


class Halting:
    """Two slices; the second one waits until the server has answered the first, and may be an error instead."""

    length = 2 * SLICE

    def __init__(
        self, answered: anyio.Event, error: Exception | None = None, failing: anyio.Event | None = None
    ) -> None:
        self._answered = answered
        self._error = error
        self._failing = failing

    async def slices(self) -> AsyncIterator[memoryview]:
        yield memoryview(bytes(SLICE))
        await self._answered.wait()
        for _ in range(20):  # the client's turns to read the answer
            await anyio.lowlevel.checkpoint()
        if self._error is not None and self._failing is not None:
            self._failing.set()
            raise self._error
        yield memoryview(bytes(SLICE))


@dataclass
class Hasty:
    """A server that answers as soon as a byte of a body is there; half of the answer, until it may end it."""

    url: str = ""
    answered: anyio.Event = field(default_factory=anyio.Event)
    may_end: anyio.Event = field(default_factory=anyio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(SLICE)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{")
        await writer.drain()
        self.answered.set()
        await self.may_end.wait()
        writer.write(b"}")
        await reader.read()
        writer.close()


@asynccontextmanager
async def hasty_server() -> AsyncIterator[Hasty]:
    hasty = Hasty()
    async with await asyncio.start_server(hasty.answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        hasty.url = f"http://{host}:{port}"
        with anyio.fail_after(ENOUGH_S):
            yield hasty


async def test_an_answer_that_comes_early_is_an_answer() -> None:
    async with hasty_server() as hasty, aclosing(AiohttpTransport(hasty.url)) as transport:
        hasty.may_end.set()
        answer = await transport.send(HttpRequest("testing", "PUT", "/", {}, Halting(hasty.answered)))
        assert answer.body == b"{}"


async def test_an_exception_of_a_hook_is_raised_all_the_same() -> None:
    lengths: list[int] = []

    def on_written(length: int) -> None:
        lengths.append(length)
        if len(lengths) == 2:
            hasty.may_end.set()
            raise TheCallers

    async with hasty_server() as hasty, aclosing(AiohttpTransport(hasty.url)) as transport:
        request = HttpRequest("testing", "PUT", "/", {}, Halting(hasty.answered), on_written=on_written)
        with pytest.raises(TheCallers):
            await transport.send(request)
    assert lengths == [SLICE, SLICE]


async def test_a_source_that_fails_is_told_all_the_same() -> None:
    async with hasty_server() as hasty, aclosing(AiohttpTransport(hasty.url)) as transport:
        body = Halting(hasty.answered, SourceChanged("file", "file changed"), hasty.may_end)
        with pytest.raises(SourceChanged):
            await transport.send(HttpRequest("testing", "PUT", "/", {}, body))


class Endless:
    """More than the kernel takes while nobody reads."""

    length = 32 * 2**20

    async def slices(self) -> AsyncIterator[memoryview]:
        for _ in range(32):
            yield memoryview(bytes(2**20))


async def test_a_connection_that_the_server_ends_in_mid_body_is_a_broken_exchange() -> None:
    """It ends it, and only then reads the rest: the client's loop closes the connection, writes, and forgets it."""
    ended = anyio.Event()

    async def end_and_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write_eof()
        with suppress(ConnectionError):
            while await reader.read(2**20):
                pass
        writer.close()
        ended.set()

    async with await asyncio.start_server(end_and_read, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        async with aclosing(AiohttpTransport(f"http://{host}:{port}")) as transport:
            with anyio.fail_after(ENOUGH_S), pytest.raises(TransportError):
                await transport.send(HttpRequest("testing", "PUT", "/", {}, Endless()))
            await ended.wait()
