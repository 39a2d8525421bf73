"""Who does TLS for aiohttp: we, or the event loop."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import trustme

from asyncup.vault.aiohttp_connector import DirectConnector, TellingConnector
from asyncup.vault.tls_connection import TlsConnection
from tests.fakes.raw_server import SUCCESS, Connection, RawServer, answering, raw_server

AUTHORITY = trustme.CA()


def certified() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    return context


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


class Connector(DirectConnector):
    """Remembers what it made."""

    made: list[asyncio.Transport]

    async def _wrap_create_connection(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:  # noqa: ANN401 - aiohttp's
        transport, protocol = await super()._wrap_create_connection(*args, **kwargs)
        self.made.append(transport)
        return transport, protocol


@asynccontextmanager
async def session(
    context: ssl.SSLContext | bool,
) -> AsyncIterator[tuple[aiohttp.ClientSession, list[asyncio.Transport]]]:
    """A session, and the connections that it makes."""
    connector = Connector(ssl=context)
    connector.made = []
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as opened:
        yield opened, connector.made


async def ask(opened: aiohttp.ClientSession, server: RawServer) -> None:
    async with opened.post(server.url, data=b"abc") as response:
        assert (await response.read()) == SUCCESS.partition(b"\r\n\r\n")[2]


@pytest.mark.both_loops
async def test_tls_is_ours_and_the_connection_is_kept_warm() -> None:
    async with raw_server(answering(SUCCESS), tls=certified()) as server, session(trusting()) as (opened, made):
        await ask(opened, server)
        await ask(opened, server)
    assert [type(each) for each in made] == [TlsConnection]
    assert [request.body for request in server.requests] == [b"abc", b"abc"]


@pytest.mark.both_loops
async def test_plain_http_is_the_event_loops() -> None:
    async with raw_server(answering(SUCCESS)) as server, session(True) as (opened, made):
        await ask(opened, server)
    assert len(made) == 1
    assert not isinstance(made[0], TlsConnection)


async def test_on_windows_tls_is_the_event_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_server(answering(SUCCESS), tls=certified()) as server, session(trusting()) as (opened, made):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "platform", "win32")
            await ask(opened, server)
    assert len(made) == 1
    assert not isinstance(made[0], TlsConnection)


class Elsewhere(ssl.SSLContext):
    """As truststore's, which asks the system after the handshake, in ways of its own."""


async def test_where_another_library_checks_certificates_tls_is_the_event_loops() -> None:
    context = Elsewhere(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    async with raw_server(answering(SUCCESS), tls=certified()) as server, session(context) as (opened, made):
        await ask(opened, server)
    assert len(made) == 1
    assert not isinstance(made[0], TlsConnection)


@pytest.mark.both_loops
async def test_a_certificate_of_a_stranger_is_aiohttps_own_error() -> None:
    async with (
        raw_server(answering(SUCCESS), tls=certified()) as server,
        session(ssl.create_default_context()) as (opened, _),
    ):
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await opened.get(server.url)
        await server.all_closed()


@pytest.mark.both_loops
async def test_a_server_that_speaks_no_tls_is_aiohttps_own_error() -> None:
    async def plain(connection: Connection) -> None:
        await connection.stream.receive()
        await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with raw_server(plain) as server, session(trusting()) as (opened, _):
        with pytest.raises(aiohttp.ClientConnectorSSLError):
            await opened.get(server.url.replace("http:", "https:"))


@pytest.mark.both_loops
async def test_a_server_that_hangs_up_in_the_handshake_is_one_that_is_away() -> None:
    async def hang_up(connection: Connection) -> None:
        await connection.stream.receive()

    async with raw_server(hang_up) as server, session(trusting()) as (opened, _):
        with pytest.raises(aiohttp.ClientConnectorError) as raised:
            await opened.get(server.url.replace("http:", "https:"))
    assert type(raised.value) is aiohttp.ClientConnectorError


@pytest.mark.both_loops
async def test_a_cancelled_handshake_leaves_no_connection() -> None:
    greeted = asyncio.Event()

    async def silent(connection: Connection) -> None:
        await connection.stream.receive()
        greeted.set()
        await connection.read_to_the_end()

    async with raw_server(silent) as server, session(trusting()) as (opened, _):
        asking = asyncio.ensure_future(opened.get(server.url.replace("http:", "https:")))
        await greeted.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await server.all_closed()


@pytest.mark.both_loops
async def test_a_server_that_speaks_first_and_no_tls_is_found_out() -> None:
    """What it says must not be lost between aiohttp's connecting and our handshake."""

    async def greet(connection: Connection) -> None:
        await connection.send(b"220 this is not the service that you look for\r\n")
        await connection.read_to_the_end()

    async with raw_server(greet) as server, session(trusting()) as (opened, _):
        with pytest.raises(aiohttp.ClientConnectorSSLError):
            await opened.get(server.url.replace("http:", "https:"))


@pytest.mark.both_loops
async def test_a_handshake_that_takes_too_long_is_given_up() -> None:
    async def silent(connection: Connection) -> None:
        await connection.read_to_the_end()

    async with raw_server(silent) as server, session(trusting()) as (opened, _):
        with pytest.raises(TimeoutError):
            await opened.get(
                server.url.replace("http:", "https:"), timeout=aiohttp.ClientTimeout(total=None, sock_connect=0.05)
            )
        await server.all_closed()


@pytest.mark.both_loops
async def test_another_certificate_than_the_expected_one_is_named() -> None:
    """aiohttp closes the connection, and looks at its socket then."""
    async with raw_server(answering(SUCCESS), tls=certified()) as server, session(trusting()) as (opened, _):
        with pytest.raises(aiohttp.ServerFingerprintMismatch):
            await opened.get(server.url, ssl=aiohttp.Fingerprint(bytes(32)))


async def test_who_asks_is_told_of_a_new_connection_and_of_a_warm_one() -> None:
    heard: list[int] = []
    connector = TellingConnector()
    async with raw_server(answering(SUCCESS)) as server, aiohttp.ClientSession(connector=connector) as opened:
        connector.told[asyncio.current_task()] = lambda: heard.append(len(server.requests))
        await ask(opened, server)
        await ask(opened, server)
        assert heard == [0, 1], "before anything of the request is sent"
        del connector.told[asyncio.current_task()]
        await ask(opened, server)
    assert heard == [0, 1]
    assert server.opened == 1


async def test_nobody_is_told_when_there_is_no_connection() -> None:
    connector = TellingConnector()
    async with raw_server(answering(SUCCESS)) as server:
        nobody = server
    async with aiohttp.ClientSession(connector=connector) as opened:
        connector.told[asyncio.current_task()] = lambda: pytest.fail("told of a connection")
        with pytest.raises(aiohttp.ClientConnectorError):
            await ask(opened, nobody)


async def test_a_connection_is_not_kept_when_who_asked_fails() -> None:
    connector = TellingConnector()
    async with raw_server(answering(SUCCESS)) as server, aiohttp.ClientSession(connector=connector) as opened:

        def fail() -> None:
            raise LookupError

        connector.told[asyncio.current_task()] = fail
        with pytest.raises(LookupError):
            await ask(opened, server)
        connector.told.clear()
        await ask(opened, server)
    assert server.opened == 2
    assert len(server.requests) == 1
