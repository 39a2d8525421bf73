"""Writing past the transport: on real sockets, with a peer that reads as much as the test wants."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given, strategies as st

from asyncup.vault import unlocked_write
from asyncup.vault.unlocked_write import UnlockedWrite

MIB = 2**20


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.Transport, socket.socket]]:
    """A transport to a peer that reads only when told to."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport, _ = await loop.create_connection(asyncio.Protocol, *listener.getsockname())
        peer, _ = listener.accept()
    with peer:
        peer.setblocking(False)
        yield transport, peer
        transport.abort()


async def read_from(peer: socket.socket, length: int) -> bytes:
    """The next bytes that arrive."""
    received = bytearray()
    while len(received) < length:
        received += await asyncio.get_running_loop().sock_recv(peer, length - len(received))
    return bytes(received)


def write_both_ways(transport: asyncio.Transport, unlocked: UnlockedWrite, content: bytes) -> int:
    """Write as the payload does; return how much went past the transport."""
    view = memoryview(content)
    taken = unlocked.write(view)
    if taken < len(content):
        transport.write(view[taken:])
    return taken


@pytest.mark.both_loops
async def test_what_the_kernel_takes_at_once_goes_past_the_transport() -> None:
    async with connected() as (transport, peer):
        unlocked = UnlockedWrite(transport)
        assert unlocked.write(memoryview(b"abc")) == 3
        assert transport.get_write_buffer_size() == 0
        assert await read_from(peer, 3) == b"abc"


@pytest.mark.both_loops
async def test_nothing_overtakes_what_waits_in_the_transport() -> None:
    first, second = os.urandom(32 * MIB), os.urandom(MIB)
    async with connected() as (transport, peer):
        unlocked = UnlockedWrite(transport)
        assert 0 < write_both_ways(transport, unlocked, first) < len(first), "the kernel takes no 32 MiB"
        assert transport.get_write_buffer_size() > 0
        assert unlocked.write(memoryview(second)) == 0
        transport.write(second)
        assert await read_from(peer, len(first) + len(second)) == first + second
        assert unlocked.write(memoryview(b"again")) == 5, "as soon as nothing waits"
        assert await read_from(peer, 5) == b"again"


@given(st.lists(st.tuples(st.integers(1, 400_000), st.integers(0, 400_000)), max_size=12))
async def test_the_peer_gets_every_byte_in_order(steps: list[tuple[int, int]]) -> None:
    """Whatever is written, and however much the peer reads in between."""
    async with connected() as (transport, peer):
        written, received = bytearray(), bytearray()
        unlocked = UnlockedWrite(transport)
        for length, then_read in steps:
            content = os.urandom(length)
            write_both_ways(transport, unlocked, content)
            written += content
            received += await read_from(peer, min(then_read, len(written) - len(received)))
        received += await read_from(peer, len(written) - len(received))
        assert received == written


@contextmanager
def reading(peer: socket.socket, length: int) -> Iterator[bytearray]:
    """What a thread reads, as fast as it can; all of `length` bytes when this is left."""
    received = bytearray()

    def read() -> None:
        peer.setblocking(True)
        while len(received) < length and (piece := peer.recv(MIB)):
            received.extend(piece)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield received
    except BaseException:
        peer.shutdown(socket.SHUT_RDWR)  # the rest does not come
        raise
    finally:
        thread.join()


@pytest.mark.both_loops
async def test_room_that_a_quick_peer_makes_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlocked_write, "_QUICK_MS", 60_000)
    content = os.urandom(32 * MIB)
    async with connected() as (transport, peer):
        with reading(peer, len(content)) as received:
            assert UnlockedWrite(transport, now=lambda: 0.0).write(memoryview(content)) == len(content)
        assert received == content


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For how many milliseconds room was waited for; it never came."""
    milliseconds: list[int] = []

    class Poll:
        def register(self, *_: int) -> None:
            pass

        def poll(self, timeout: int) -> list[tuple[int, int]]:
            milliseconds.append(timeout)
            return []

    monkeypatch.setattr("select.poll", Poll)
    return milliseconds


@pytest.mark.both_loops
async def test_the_loop_is_not_held_for_longer_than_it_may_be(waited: list[int]) -> None:
    async with connected() as (transport, peer):
        moments = itertools.count()  # seconds: writing alone takes too long
        taken = UnlockedWrite(transport, now=lambda: next(moments)).write(memoryview(bytes(32 * MIB)))
        assert 0 < taken < 32 * MIB
        assert waited == []
        assert len(await read_from(peer, taken)) == taken


@pytest.mark.both_loops
async def test_a_slow_peer_is_waited_for_once(waited: list[int]) -> None:
    async with connected() as (transport, peer):
        unlocked = UnlockedWrite(transport, now=lambda: 0.0)
        taken = unlocked.write(memoryview(bytes(32 * MIB)))
        assert 0 < taken < 32 * MIB
        assert unlocked.write(memoryview(bytes(MIB))) == 0
        assert waited == [1], "within a millisecond the peer made no room: the loop waits better"
        await read_from(peer, taken)
        assert unlocked.write(memoryview(b"abc")) == 3


@pytest.mark.both_loops
async def test_who_may_not_wait_does_not(waited: list[int]) -> None:
    async with connected() as (transport, _):
        assert 0 < UnlockedWrite(transport, now=lambda: 0.0).write(memoryview(bytes(32 * MIB)), waits=False) < 32 * MIB
    assert waited == []


@pytest.mark.both_loops
async def test_a_full_socket_takes_nothing() -> None:
    async with connected() as (transport, _):
        unlocked = UnlockedWrite(transport)
        while unlocked.write(memoryview(bytes(MIB))):
            pass
        assert transport.get_write_buffer_size() == 0, "all of it went past the transport"
        assert unlocked.write(memoryview(b"x")) == 0


@pytest.mark.both_loops
async def test_a_connection_that_broke_takes_nothing_and_the_transport_finds_out() -> None:
    async with connected() as (transport, peer):
        unlocked = UnlockedWrite(transport)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()  # a reset, which the loop has not seen yet
        assert unlocked.write(memoryview(b"abc")) == 0
        transport.abort()
        assert unlocked.write(memoryview(b"abc")) == 0


async def test_without_a_connection_nothing_is_taken() -> None:
    unlocked = UnlockedWrite(None)
    assert unlocked.write(memoryview(b"abc")) == 0


@pytest.mark.parametrize(
    "extra",
    [
        {"socket": None},
        {"socket": SimpleNamespace(fileno=lambda: -1)},
        {"socket": SimpleNamespace(fileno=lambda: 0), "sslcontext": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)},
    ],
    ids=["no socket", "closed", "tls"],
)
def test_a_connection_that_it_cannot_be_done_with(extra: dict[str, object]) -> None:
    connection = SimpleNamespace(get_extra_info=extra.get, is_closing=lambda: False, get_write_buffer_size=lambda: 0)
    unlocked = UnlockedWrite(cast("asyncio.WriteTransport", connection))
    assert unlocked.write(memoryview(b"abc")) == 0
    assert not unlocked.possible


@pytest.mark.both_loops
async def test_it_never_writes_to_a_descriptor_that_is_somebody_elses_by_now() -> None:
    """A closed connection's number is given to whatever is opened next."""
    async with connected() as (transport, _):
        unlocked = UnlockedWrite(transport)
        assert unlocked.write(memoryview(b"abc")) == 3
        number = transport.get_extra_info("socket").fileno()
        transport.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        read, write = os.pipe()
        try:
            assert number in (read, write), "the system gives the lowest number that is free"
            assert unlocked.write(memoryview(b"abc")) == 0
        finally:
            os.close(read)
            os.close(write)
