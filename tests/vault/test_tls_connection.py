"""TLS over a socket: against asyncio's own TLS on the other side, a peer of raw bytes, and scripted answers."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import cast

import anyio
import pytest
import trustme
from hypothesis import given, settings, strategies as st

from asyncup.vault.tls_connection import TlsConnection

MIB = 2**20
HOST = "127.0.0.1"
AUTHORITY = trustme.CA()


class Protocol(asyncio.Protocol):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.came = asyncio.Event()
        self.told: list[str] = []
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        del transport
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        assert data
        self.received += data
        self.came.set()

    def eof_received(self) -> None:
        self.told.append("eof")

    def pause_writing(self) -> None:
        assert self.may_write.is_set()
        self.told.append("pause")
        self.may_write.clear()

    def resume_writing(self) -> None:
        assert not self.may_write.is_set()
        self.told.append("resume")
        self.may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append("lost")
        self.lost.set_result(exc)

    async def until(self, length: int) -> bytes:
        """What came, when it is that long."""
        while len(self.received) < length:
            self.came.clear()
            await self.came.wait()
        return bytes(self.received)


def hashed(content: bytes | bytearray) -> tuple[int, str]:
    """What can be compared without a screenful when it differs."""
    return len(content), hashlib.sha256(content).hexdigest()


class Peer:
    """The other side: asyncio's own streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer


def server_context(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert(HOST).configure_cert(context)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


SERVER = server_context()


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


TRUSTING = trusting()


async def socket_to(port: int) -> socket.socket:
    connected = socket.socket()
    connected.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connected, (HOST, port))
    return connected


@asynccontextmanager
async def peers(context: ssl.SSLContext = SERVER) -> AsyncIterator[tuple[TlsConnection, Protocol, Peer]]:
    """A connection, its protocol, and the other side."""
    arrived: asyncio.Queue[Peer] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await arrived.put(Peer(reader, writer))

    server = await asyncio.start_server(serve, HOST, 0, ssl=context, limit=2**16)
    try:
        protocol = Protocol()
        connected = await socket_to(server.sockets[0].getsockname()[1])
        connection = await TlsConnection.opened(connected, TRUSTING, HOST, protocol)
        peer = await arrived.get()
        try:
            yield connection, protocol, peer
        finally:
            connection.abort()
            peer.writer.transport.abort()
            with suppress(OSError, ssl.SSLError):
                await peer.writer.wait_closed()
        await protocol.lost
    finally:
        server.close()
        await server.wait_closed()


def reset(peer: Peer) -> None:
    """End the peer's side with a reset."""
    descriptor = os.dup(peer.writer.get_extra_info("socket").fileno())
    with socket.socket(fileno=descriptor) as twin:
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.writer.transport.abort()


@asynccontextmanager
async def raw_peer(serve: Callable[[socket.socket], Awaitable[None]]) -> AsyncIterator[int]:
    """The port of a server that treats its only connection as told; the connection is seen to be closed by us."""
    with socket.create_server((HOST, 0)) as listener:
        listener.setblocking(False)
        loop = asyncio.get_running_loop()

        async def run() -> None:
            accepted, _ = await loop.sock_accept(listener)
            with accepted:
                accepted.setblocking(False)
                await serve(accepted)
                with suppress(OSError):
                    while accepted.fileno() >= 0 and await loop.sock_recv(accepted, MIB):
                        pass

        serving = asyncio.create_task(run())
        try:
            yield listener.getsockname()[1]
            async with asyncio.timeout(10):
                await serving
        finally:
            serving.cancel()


def in_thread(do: Callable[[ssl.SSLSocket], None]) -> Callable[[socket.socket], Awaitable[None]]:
    """What serves a connection with blocking TLS."""

    def shake_hands(accepted: socket.socket) -> None:
        copied = accepted.dup()
        copied.setblocking(True)
        with SERVER.wrap_socket(copied, server_side=True, suppress_ragged_eofs=False) as secured:
            do(secured)

    return lambda accepted: asyncio.to_thread(shake_hands, accepted)


# Bytes


@pytest.mark.both_loops
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
async def test_large_writes_arrive_while_the_writer_heeds_the_flow_control(version: ssl.TLSVersion) -> None:
    content = os.urandom(16 * MIB)
    async with peers(server_context(version)) as (connection, protocol, peer), asyncio.TaskGroup() as tasks:
        arrived = tasks.create_task(peer.reader.readexactly(len(content)))
        view = memoryview(content)
        for begin in range(0, len(content), MIB):
            connection.write(view[begin : begin + MIB])
            await protocol.may_write.wait()
            assert connection.get_write_buffer_size() <= 2**16
        assert hashed(await arrived) == hashed(content)
        peer.writer.write(content)
        assert hashed(await protocol.until(len(content))) == hashed(content)
        assert connection.get_write_buffer_size() == 0
        assert not connection.is_closing()


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from([b"we", b"they", b"hold"]), st.integers(0, 300_000), st.integers(0, 300_000)),
        max_size=12,
    )
)
async def test_every_byte_arrives_in_order_in_both_directions(steps: list[tuple[bytes, int, int]]) -> None:
    """Whoever writes how much, however much the peer reads in between, and whether we read at all."""
    async with peers() as (connection, protocol, peer):
        ours, theirs, arrived = bytearray(), bytearray(), bytearray()
        for kind, length, then_read in steps:
            content = os.urandom(length)
            if kind == b"hold":
                (connection.pause_reading if connection.is_reading() else connection.resume_reading)()
            elif kind == b"we":
                connection.write(content)
                ours += content
            else:
                peer.writer.write(content)
                theirs += content
            arrived += await peer.reader.readexactly(min(then_read, len(ours) - len(arrived)))
        connection.resume_reading()
        arrived += await peer.reader.readexactly(len(ours) - len(arrived))
        assert hashed(arrived) == hashed(ours)
        assert hashed(await protocol.until(len(theirs))) == hashed(theirs)


@pytest.mark.both_loops
@pytest.mark.parametrize("content", [b"abc", bytearray(b"abc"), memoryview(b"xabcx")[1:4]], ids=type)
async def test_any_kind_of_bytes_is_gone_when_write_returns(content: bytes | bytearray | memoryview) -> None:
    async with peers() as (connection, _, peer):
        connection.write(b"")
        connection.write(content)
        assert connection.get_write_buffer_size() == 0
        assert await peer.reader.readexactly(3) == b"abc"


@pytest.mark.both_loops
async def test_nothing_is_read_while_reading_is_paused() -> None:
    async with peers() as (connection, protocol, peer):
        connection.pause_reading()
        connection.pause_reading()
        peer.writer.write(b"later")
        connection.write(b"now")
        assert await peer.reader.readexactly(3) == b"now", "so the other direction had its time"
        assert not protocol.received
        assert not connection.is_reading()
        connection.resume_reading()
        connection.resume_reading()
        assert await protocol.until(5) == b"later"


async def test_a_protocol_that_pauses_amid_a_record_gets_the_rest_when_it_resumes() -> None:
    """What OpenSSL has decrypted already, no socket announces."""
    async with peers() as (connection, protocol, peer):
        secured = connection.get_extra_info("socket")

        def read_little(_: int) -> bytes:
            return ssl.SSLSocket.recv(secured, 1)

        def take_and_pause(data: bytes) -> None:
            Protocol.data_received(protocol, data)
            connection.pause_reading()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(secured, "recv", read_little)
            patch.setattr(protocol, "data_received", take_and_pause)
            peer.writer.write(b"record")
            for length in range(1, 7):
                assert await protocol.until(length) == b"record"[:length]
                connection.resume_reading()


async def test_much_that_comes_at_once_leaves_other_tasks_their_turn() -> None:
    async with peers() as (connection, protocol, peer):
        connection.pause_reading()
        peer.writer.write(bytes(4 * MIB))
        connection.write(b"x")
        await peer.reader.readexactly(1)
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            if len(protocol.received) < 4 * MIB:
                asyncio.get_running_loop().call_soon(turn)

        connection.resume_reading()
        turn()
        await protocol.until(4 * MIB)
        assert turns > 8


# Flow control


@pytest.mark.both_loops
async def test_a_writer_is_paused_when_the_peer_does_not_read_and_goes_on_when_it_does() -> None:
    content = os.urandom(24 * MIB)
    async with peers() as (connection, protocol, peer):
        connection.write(content)
        assert protocol.told == ["made", "pause"]
        waiting = connection.get_write_buffer_size()
        assert 2**16 < waiting <= len(content), "OpenSSL says of a piece that it took all of it or nothing"
        connection.write(b"more")
        assert connection.get_write_buffer_size() == waiting + 4, "in its turn"
        assert hashed(await peer.reader.readexactly(len(content) + 4)) == hashed(content + b"more")
        await protocol.may_write.wait()
        assert protocol.told == ["made", "pause", "resume"]
        assert connection.get_write_buffer_size() == 0


async def test_the_limits_can_be_set_as_asyncio_says() -> None:
    async with peers() as (connection, protocol, _):
        assert connection.get_write_buffer_limits() == (2**14, 2**16)
        connection.set_write_buffer_limits(high=400)
        assert connection.get_write_buffer_limits() == (100, 400)
        connection.set_write_buffer_limits(low=10)
        assert connection.get_write_buffer_limits() == (10, 40)
        for high, low in ((1, 2), (-1, None), (5, -1)):
            with pytest.raises(ValueError, match="must be at least"):
                connection.set_write_buffer_limits(high, low)
        connection.set_write_buffer_limits(high=32 * MIB)
        connection.write(bytes(24 * MIB))
        assert "pause" not in protocol.told
        connection.set_write_buffer_limits()
        assert connection.get_write_buffer_limits() == (2**14, 2**16)


# The end


@pytest.mark.both_loops
async def test_closing_sends_what_waits_and_says_goodbye() -> None:
    content = os.urandom(24 * MIB)
    may_read, arrived = threading.Event(), bytearray()

    def read(secured: ssl.SSLSocket) -> None:
        may_read.wait()
        while piece := secured.recv(MIB):  # raises at an end without a goodbye
            arrived.extend(piece)

    async with raw_peer(in_thread(read)) as port:
        protocol = Protocol()
        connection = await TlsConnection.opened(await socket_to(port), TRUSTING, HOST, protocol)
        connection.write(content)
        connection.close()
        connection.close()
        connection.write(b"too late")
        assert connection.is_closing()
        assert not connection.is_reading()
        connection.resume_reading()
        assert not connection.is_reading()
        may_read.set()
        assert await protocol.lost is None
        assert protocol.told == ["made", "pause", "resume", "lost"]
        assert connection.get_extra_info("socket").fileno() < 0
    assert hashed(arrived) == hashed(content)


@pytest.mark.both_loops
async def test_an_abort_drops_what_waits_and_lets_its_memory_go() -> None:
    memory = bytearray(24 * MIB)
    async with peers() as (connection, protocol, _):
        connection.write(memory)
        with pytest.raises(BufferError):
            memory.clear()
        connection.abort()
        memory.clear()
        connection.abort()
        connection.write(b"too late")
        assert await protocol.lost is None
        assert protocol.told == ["made", "pause", "lost"]
        assert connection.get_write_buffer_size() == 0


@pytest.mark.both_loops
async def test_the_peers_goodbye_ends_it() -> None:
    async with peers() as (_, protocol, peer):
        peer.writer.write(b"last words")
        peer.writer.close()
        assert await protocol.lost is None
        assert protocol.received == b"last words"
        assert protocol.told == ["made", "eof", "lost"]


@pytest.mark.both_loops
async def test_a_peer_that_vanishes_without_goodbye_ends_it() -> None:
    async with peers() as (_, protocol, peer):
        with socket.socket(fileno=os.dup(peer.writer.get_extra_info("socket").fileno())) as twin:
            twin.shutdown(socket.SHUT_WR)
            assert isinstance(await protocol.lost, ConnectionResetError)
        assert protocol.told == ["made", "lost"]


@pytest.mark.both_loops
@pytest.mark.parametrize("waiting", [0, 24 * MIB])
async def test_a_reset_is_told_with_its_reason(waiting: int) -> None:
    async with peers() as (connection, protocol, peer):
        connection.write(bytes(waiting))
        reset(peer)
        lost = await protocol.lost
        assert isinstance(lost, ConnectionError)
        assert not isinstance(lost, ssl.SSLError), "a reset is no matter of TLS"
        assert protocol.told[-1] == "lost"
        assert connection.is_closing()
        assert connection.get_write_buffer_size() == 0


async def test_a_write_into_a_broken_connection_raises_nothing() -> None:
    async with peers() as (connection, protocol, peer):
        connection.pause_reading()
        reset(peer)
        with suppress(OSError):
            await peer.writer.wait_closed()
        while not connection.is_closing():
            connection.write(b"x" * 100)
        assert protocol.told == ["made"], "told in a turn of its own"
        assert isinstance(await protocol.lost, OSError)


async def test_bytes_that_are_no_tls_end_it() -> None:
    async with peers() as (_, protocol, peer):
        with socket.socket(fileno=os.dup(peer.writer.get_extra_info("socket").fileno())) as twin:
            twin.send(b"HTTP/1.1 200 OK\r\n\r\n" * 10)
        assert isinstance(await protocol.lost, ssl.SSLError)


# What is asked of a transport


@pytest.mark.both_loops
async def test_what_it_knows_of_the_connection() -> None:
    async with peers() as (connection, protocol, peer):
        secured = connection.get_extra_info("socket")
        assert secured.version() == "TLSv1.3"
        assert connection.get_extra_info("ssl_object") is secured
        assert connection.get_extra_info("sslcontext") is TRUSTING
        assert connection.get_extra_info("peername") == peer.writer.get_extra_info("sockname")
        assert connection.get_extra_info("sockname") == peer.writer.get_extra_info("peername")
        assert connection.get_extra_info("cipher", "unknown") == "unknown"
        assert not connection.can_write_eof()
        assert connection.get_protocol() is protocol
        connection.abort()
        await protocol.lost
        await asyncio.sleep(0)
        assert connection.get_extra_info("peername", "gone") == "gone"


async def test_another_protocol_gets_what_comes_later() -> None:
    async with peers() as (connection, protocol, peer):
        other = Protocol()
        connection.set_protocol(other)
        peer.writer.write(b"abc")
        assert await other.until(3) == b"abc"
        assert not protocol.received
        connection.set_protocol(protocol)


# The handshake


async def hello(accepted: socket.socket) -> None:
    assert await asyncio.get_running_loop().sock_recv(accepted, MIB)


async def ends(accepted: socket.socket) -> None:
    await hello(accepted)
    accepted.shutdown(socket.SHUT_RDWR)


async def resets(accepted: socket.socket) -> None:
    await hello(accepted)
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    accepted.close()


async def speaks_http(accepted: socket.socket) -> None:
    await hello(accepted)
    await asyncio.get_running_loop().sock_sendall(accepted, b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.both_loops
@pytest.mark.parametrize(
    ("serve", "kind"), [(ends, ConnectionResetError), (resets, ConnectionResetError), (speaks_http, ssl.SSLError)]
)
async def test_a_handshake_that_fails_leaves_no_connection(
    serve: Callable[[socket.socket], Awaitable[None]], kind: type[Exception]
) -> None:
    async with raw_peer(serve) as port:
        protocol = Protocol()
        with pytest.raises(kind):
            await TlsConnection.opened(await socket_to(port), TRUSTING, HOST, protocol)
        assert protocol.told == []


@pytest.mark.both_loops
async def test_the_certificates_name_is_checked() -> None:
    async def refused(accepted: socket.socket) -> None:
        with pytest.raises(ssl.SSLError, match="BAD_CERTIFICATE"):
            await in_thread(lambda _: None)(accepted)

    async with raw_peer(refused) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await TlsConnection.opened(await socket_to(port), TRUSTING, "vault.example.com", Protocol())


@pytest.mark.both_loops
async def test_a_cancelled_handshake_leaves_no_connection() -> None:
    waits = asyncio.Event()

    async def silent(accepted: socket.socket) -> None:
        await hello(accepted)
        waits.set()

    async with raw_peer(silent) as port:
        opening = asyncio.create_task(TlsConnection.opened(await socket_to(port), TRUSTING, HOST, Protocol()))
        await waits.wait()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening


# OpenSSL has messages of its own to send and to receive


class Scripted:
    """A socket whose next operations raise what is wanted, and then work."""

    def __init__(self, real: ssl.SSLSocket) -> None:
        self.real = real
        self.on_send: list[Exception] = []
        self.on_recv: list[Exception] = []
        self.calls: list[str] = []

    def send(self, view: memoryview) -> int:
        self.calls.append("send")
        if self.on_send:
            raise self.on_send.pop(0)
        return self.real.send(view)

    def recv(self, length: int) -> bytes:
        self.calls.append("recv")
        if self.on_recv:
            raise self.on_recv.pop(0)
        return self.real.recv(length)

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Scripted]]:
    """The sockets of connections that are made, as scripted ones."""
    made: list[Scripted] = []
    original = TlsConnection.__init__

    def init(self: TlsConnection, secured: ssl.SSLSocket, context: ssl.SSLContext, protocol: asyncio.Protocol) -> None:
        made.append(Scripted(secured))
        original(self, cast("ssl.SSLSocket", made[-1]), context, protocol)

    with monkeypatch.context() as patch:
        patch.setattr(TlsConnection, "__init__", init)
        yield made


@pytest.mark.both_loops
async def test_a_write_that_must_read_first_goes_on_when_something_came(scripted: list[Scripted]) -> None:
    async with peers() as (connection, protocol, peer):
        scripted[0].on_send = [ssl.SSLWantReadError()]
        connection.write(b"question")
        connection.write(b", the next")
        await anyio.wait_all_tasks_blocked()
        assert scripted[0].calls.count("send") == 1, "it does not try again and again"
        assert connection.get_write_buffer_size() == 18
        peer.writer.write(b"key update")
        assert await peer.reader.readexactly(18) == b"question, the next"
        assert await protocol.until(10) == b"key update"


@pytest.mark.both_loops
async def test_a_write_goes_on_when_what_it_waits_for_was_the_last_that_came(scripted: list[Scripted]) -> None:
    async with peers() as (connection, protocol, peer):
        # It is tried before what came is read, and then nothing more comes.
        scripted[0].on_send = [ssl.SSLWantReadError(), ssl.SSLWantReadError()]
        connection.write(b"question")
        peer.writer.write(b"key update")
        assert await protocol.until(10) == b"key update"
        assert await peer.reader.readexactly(8) == b"question"


@pytest.mark.both_loops
@pytest.mark.parametrize("end", ["pause", "close"])
async def test_a_write_that_must_read_first_goes_on_also_when_nobody_reads(end: str, scripted: list[Scripted]) -> None:
    async with peers() as (connection, protocol, peer):
        scripted[0].on_send = [ssl.SSLWantReadError()]
        connection.write(b"question")
        connection.pause_reading() if end == "pause" else connection.close()
        peer.writer.write(b"key update")
        assert await peer.reader.readexactly(8) == b"question"
        assert protocol.received == b""
        if end == "close":
            assert await protocol.lost is None


@pytest.mark.both_loops
async def test_a_read_that_waits_for_room_does_not_try_again_and_again(scripted: list[Scripted]) -> None:
    content = bytes(24 * MIB)
    async with peers() as (connection, protocol, peer):
        connection.write(content)
        scripted[0].on_recv = [ssl.SSLWantWriteError()] * 100
        peer.writer.write(b"answer")
        for _ in range(50):
            await asyncio.sleep(0.001)
        assert scripted[0].calls.count("recv") <= scripted[0].calls.count("send") + 1, "only when there was some room"
        scripted[0].on_recv.clear()
        assert await peer.reader.readexactly(len(content)) == content
        assert await protocol.until(6) == b"answer"


@pytest.mark.both_loops
async def test_a_read_that_must_write_first_goes_on_when_there_is_room(scripted: list[Scripted]) -> None:
    async with peers() as (connection, protocol, peer):
        scripted[0].on_recv = [ssl.SSLWantWriteError()]
        peer.writer.write(b"answer")
        assert await protocol.until(6) == b"answer"
        connection.write(b"next")
        assert await peer.reader.readexactly(4) == b"next"


@pytest.mark.both_loops
async def test_a_broken_connection_lets_the_memory_go(scripted: list[Scripted]) -> None:
    """Although somebody keeps the error, whose traceback has the frame that was sending."""
    memory = bytearray(MIB)
    async with peers() as (connection, protocol, _):
        scripted[0].on_send = [ssl.SSLWantWriteError(), BrokenPipeError()]
        connection.write(memory)
        assert isinstance(await protocol.lost, BrokenPipeError)
        memory.clear()


@pytest.mark.both_loops
@pytest.mark.parametrize("interruption", [ssl.SSLWantWriteError(), BlockingIOError(), InterruptedError()], ids=repr)
async def test_a_full_socket_is_waited_for(interruption: OSError, scripted: list[Scripted]) -> None:
    async with peers() as (connection, _, peer):
        scripted[0].on_send = [interruption, interruption]
        connection.write(b"abc")
        assert connection.get_write_buffer_size() == 3
        connection.write(b"def")
        assert await peer.reader.readexactly(6) == b"abcdef"
