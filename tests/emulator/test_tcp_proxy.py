"""The proxy between sockets that are real, on both event loops."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest
from anyio.abc import SocketStream

from asyncup.emulator.tcp_proxy import Link, Loss, TcpProxy, tcp_proxy

ENOUGH_S = 30.0
pytestmark = pytest.mark.both_loops


@dataclass
class Echo:
    """A server that sends back what it gets, and ends when its client does."""

    port: int = 0
    got: list[bytearray] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    ended: anyio.Event = field(default_factory=anyio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = bytearray()
        self.got.append(got)
        try:
            while data := await reader.read(1 << 16):
                got += data
                writer.write(data)
                await writer.drain()
            writer.write_eof()
            writer.close()
            await writer.wait_closed()
        except ConnectionError as error:
            self.errors.append(error)
            writer.transport.abort()
        self.ended.set()


@asynccontextmanager
async def echo_server() -> AsyncIterator[Echo]:
    echo = Echo()
    server = await asyncio.start_server(echo.answer, "127.0.0.1", 0)
    try:
        echo.port = server.sockets[0].getsockname()[1]
        with anyio.fail_after(ENOUGH_S):
            yield echo
    finally:
        server.close()


async def connect(proxy: TcpProxy) -> SocketStream:
    return await anyio.connect_tcp(proxy.host, proxy.port)


async def echoed(client: SocketStream, data: bytes) -> bytes:
    """Send, and read as much back."""
    got = bytearray()
    async with anyio.create_task_group() as group:
        group.start_soon(client.send, data)
        while len(got) < len(data):
            got += await client.receive()
    return bytes(got)


@asynccontextmanager
async def two_clients() -> AsyncIterator[tuple[Echo, TcpProxy, SocketStream, SocketStream]]:
    async with (
        echo_server() as echo,
        tcp_proxy("127.0.0.1", echo.port) as proxy,
        await connect(proxy) as first,
        await connect(proxy) as second,
    ):
        await echoed(first, b"a")
        await echoed(second, b"a")
        yield echo, proxy, first, second


async def test_bytes_go_both_ways_unchanged_and_an_end_is_an_end() -> None:
    content = random.Random(1).randbytes(3_000_000)
    async with echo_server() as echo, tcp_proxy("127.0.0.1", echo.port) as proxy, await connect(proxy) as client:
        assert await echoed(client, content) == content
        await client.send(b"last")
        await client.send_eof()
        assert await client.receive() == b"last"
        with pytest.raises(anyio.EndOfStream):
            await client.receive()
        await echo.ended.wait()
        assert (proxy.bytes_up, proxy.bytes_down) == (3_000_004, 3_000_004)
        assert (proxy.accepted, proxy.lost) == (1, 0)
    assert echo.got == [content + b"last"]
    assert echo.errors == []


async def test_the_same_with_a_link() -> None:
    content = random.Random(2).randbytes(1_000_000)
    link = Link(round_trip_s=0.02, bandwidth_bytes_s=20e6)
    async with echo_server() as echo, tcp_proxy("127.0.0.1", echo.port, link=link) as proxy:
        begun = time.monotonic()
        async with await connect(proxy) as client:
            assert await echoed(client, content) == content
        # It may take longer, on a machine with other things to do, but never less.
        assert time.monotonic() - begun >= 0.02 + 0.02 + 1_000_000 / 20e6 - 0.02


async def test_connecting_and_asking_takes_two_round_trips() -> None:
    async with echo_server() as echo, tcp_proxy("127.0.0.1", echo.port, link=Link(round_trip_s=0.05)) as proxy:
        begun = time.monotonic()
        async with await connect(proxy) as client:
            await echoed(client, b"a")
            assert time.monotonic() - begun >= 0.1 - 0.002
            begun = time.monotonic()
            await echoed(client, b"b")
            assert time.monotonic() - begun >= 0.05 - 0.002


async def test_a_reset_resets_both_ends() -> None:
    async with echo_server() as echo, tcp_proxy("127.0.0.1", echo.port) as proxy, await connect(proxy) as client:
        await echoed(client, b"a")
        proxy.reset()
        with pytest.raises(anyio.BrokenResourceError) as broken:
            await client.receive()
        assert isinstance(broken.value.__cause__, ConnectionResetError)
        await echo.ended.wait()
        assert len(echo.errors) == 1
        assert isinstance(echo.errors[0], ConnectionResetError)
        while proxy.connections:
            await anyio.lowlevel.checkpoint()


async def test_one_connection_is_reset_and_another_is_not() -> None:
    async with two_clients() as (_, proxy, first, second):
        proxy.connections[0].reset()
        with pytest.raises(anyio.BrokenResourceError):
            await first.receive()
        assert await echoed(second, b"b") == b"b"


async def test_a_stalled_connection_moves_nothing_and_then_everything() -> None:
    content = random.Random(3).randbytes(200_000)
    async with two_clients() as (echo, proxy, stalled, other):
        proxy.connections[0].stall()
        async with anyio.create_task_group() as group:
            group.start_soon(stalled.send, content)
            for _ in range(50):
                await echoed(other, content)  # as much time as it takes when nothing is stalled
            assert echo.got[0] == b"a"
            proxy.connections[0].resume()
            got = b""
            while len(got) < len(content):
                got += await stalled.receive()
        assert got == content


async def test_a_stalled_proxy_lets_clients_connect_and_wait() -> None:
    async with echo_server() as echo, tcp_proxy("127.0.0.1", echo.port) as proxy:
        proxy.stall()
        async with await connect(proxy) as client:
            await client.send(b"a")
            for _ in range(50):
                async with await anyio.connect_tcp("127.0.0.1", echo.port) as direct:
                    await echoed(direct, b"b")
            assert proxy.bytes_up == 0
            proxy.resume()
            assert await client.receive() == b"a"


async def test_who_is_refused_is_refused_and_who_is_in_stays_in() -> None:
    async with echo_server() as echo, tcp_proxy("127.0.0.1", echo.port) as proxy, await connect(proxy) as client:
        await echoed(client, b"a")
        for _ in range(3):
            proxy.refuse()
            with pytest.raises(OSError, match=r"(?i)connect"):
                await connect(proxy)
            assert await echoed(client, b"b") == b"b"
            await proxy.admit()
            await proxy.admit()
            async with await connect(proxy) as again:
                assert await echoed(again, b"c") == b"c"


async def test_a_server_that_is_away_breaks_the_connection() -> None:
    async with echo_server() as echo:
        port = echo.port
    async with tcp_proxy("127.0.0.1", port) as proxy, await connect(proxy) as client:
        with anyio.fail_after(ENOUGH_S), pytest.raises(anyio.BrokenResourceError):
            await client.receive()


async def test_a_server_may_move() -> None:
    async with echo_server() as first, echo_server() as second, tcp_proxy("127.0.0.1", first.port) as proxy:
        async with await connect(proxy) as client:
            await echoed(client, b"a")
            proxy.to = ("127.0.0.1", second.port)
            assert await echoed(client, b"b") == b"b"
        async with await connect(proxy) as client:
            await echoed(client, b"c")
        assert first.got == [b"ab"]
        assert second.got == [b"c"]


async def test_a_reset_of_the_server_reaches_the_client_behind_its_answer() -> None:
    async def answer_and_break(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"answer")
        await writer.drain()
        await reader.read(4)  # the client has it
        writer.transport.abort()  # with a byte unread: that is a reset

    async with await asyncio.start_server(answer_and_break, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with tcp_proxy("127.0.0.1", port, link=Link(round_trip_s=0.01)) as proxy, await connect(proxy) as client:
            with anyio.fail_after(ENOUGH_S):
                await client.send(b"a")
                assert await client.receive() == b"answer"
                await client.send(b"b" * 100_000)
                with pytest.raises((anyio.BrokenResourceError, anyio.EndOfStream)):
                    await client.receive()


async def test_bytes_can_be_awaited() -> None:
    async with echo_server() as echo, tcp_proxy("127.0.0.1", echo.port) as proxy, await connect(proxy) as client:
        async with anyio.create_task_group() as group:
            group.start_soon(proxy.until_bytes_up, 5)
            group.start_soon(client.send, b"hello")
        await proxy.until_bytes_up(3)
        assert proxy.bytes_up == 5


async def test_a_line_that_loses_connections() -> None:
    """Every one of them, at the latest after so many bytes that no life is that long."""
    loss = Loss(seed=4, mean_bytes=10_000)
    async with echo_server() as echo, tcp_proxy("127.0.0.1", echo.port, loss=loss) as proxy:
        for number in range(1, 6):
            async with await connect(proxy) as client:
                with pytest.raises(anyio.BrokenResourceError):
                    await echoed_for_ever(client)
            assert proxy.lost == number


async def echoed_for_ever(client: SocketStream) -> None:
    while True:
        await client.send(bytes(1000))
        await client.receive()


async def test_a_burst_takes_others_with_it_and_time_alone_is_enough() -> None:
    loss = Loss(seed=5, mean_s=0.01, mean_burst=1000)
    async with echo_server() as echo, tcp_proxy("127.0.0.1", echo.port, loss=loss) as proxy:
        clients = [await connect(proxy) for _ in range(5)]
        for client in clients:
            with pytest.raises((anyio.BrokenResourceError, anyio.EndOfStream)):
                await client.receive()
            await client.aclose()
        assert proxy.lost == 5


async def test_the_end_of_the_proxy_breaks_what_is_open_and_frees_the_port() -> None:
    async with echo_server() as echo:
        async with tcp_proxy("127.0.0.1", echo.port) as proxy:
            client = await connect(proxy)
            await echoed(client, b"a")
        assert proxy.connections == []
        with pytest.raises(anyio.BrokenResourceError):
            await client.receive()
        await client.aclose()
        async with tcp_proxy("127.0.0.1", echo.port, port=proxy.port) as again, await connect(again) as client:
            assert await echoed(client, b"b") == b"b"


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with tcp_proxy("127.0.0.1", 1):
            raise ZeroDivisionError


async def test_a_port_in_use_is_an_os_error() -> None:
    async with tcp_proxy("127.0.0.1", 1) as proxy:
        with pytest.raises(OSError, match="in use"):
            async with tcp_proxy("127.0.0.1", 1, port=proxy.port):
                pass
