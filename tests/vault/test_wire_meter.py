"""What the network has really taken: on real sockets whose other end reads as much as the test wants."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from asyncup.vault.wire_meter import WireMeter

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


async def read_from(peer: socket.socket, length: int) -> None:
    loop = asyncio.get_running_loop()
    while length > 0:
        length -= len(await loop.sock_recv(peer, min(length, 65536)))


async def test_nothing_to_write_to_moves_only_with_what_is_handed() -> None:
    meter = WireMeter(None)
    assert meter.read() == (0, False)
    meter.handed += 5
    assert meter.read() == (5, False)


@pytest.mark.both_loops
async def test_it_moves_with_what_the_peer_reads_and_stands_still_with_it() -> None:
    async with connected() as (transport, peer):
        meter = WireMeter(transport)
        transport.write(bytes(32 * MIB))
        meter.handed += 32 * MIB
        for _ in range(200):
            before = meter.read()
            await asyncio.sleep(0.005)
            if meter.read() == before:
                break
        moved, unsent = meter.read()
        assert unsent
        assert meter.read() == (moved, True), "nobody reads, nothing moves"
        await read_from(peer, 8 * MIB)
        assert meter.read()[0] > moved
        await read_from(peer, 24 * MIB)
        for _ in range(200):
            if not meter.read()[1]:
                break
            await asyncio.sleep(0.005)
        moved, unsent = meter.read()
        assert moved >= 32 * MIB
        assert not unsent


@pytest.mark.both_loops
async def test_a_connection_that_is_gone_is_no_trouble() -> None:
    async with connected() as (transport, _):
        meter = WireMeter(transport)
        transport.write(bytes(32 * MIB))
        transport.abort()
        await asyncio.sleep(0)
        meter.read()
        await asyncio.sleep(0.01)
        assert meter.read() == (0, False)


async def test_a_kernel_that_does_not_count_what_arrived_shows_what_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux is asked")
    monkeypatch.setattr("asyncup.vault.wire_meter._TCP_INFO_SIZE", 104)
    async with connected() as (transport, peer):
        meter = WireMeter(transport)
        transport.write(bytes(1000))
        meter.handed += 1000
        await read_from(peer, 1000)
        for _ in range(200):
            if not meter.read()[1]:
                break
            await asyncio.sleep(0.005)
        assert meter.read() == (1000, False)


async def test_a_socket_that_cannot_be_asked_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> int:
        raise OSError("no more descriptors")

    async with connected() as (transport, _):
        meter = WireMeter(transport)
        meter.handed += 7
        monkeypatch.setattr("asyncup.vault.wire_meter.os", SimpleNamespace(dup=refuse))
        assert meter.read() == (7, False)


async def test_another_system_has_what_python_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncup.vault.wire_meter.sys", SimpleNamespace(platform="darwin"))
    async with connected() as (transport, _):
        meter = WireMeter(transport)
        transport.write(bytes(32 * MIB))
        meter.handed += 32 * MIB
        waiting = transport.get_write_buffer_size()
        assert 0 < waiting < 32 * MIB
        assert meter.read() == (32 * MIB - waiting, True)
