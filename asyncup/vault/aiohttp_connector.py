"""How aiohttp connects: as it does, but who asks is told, and TLS is a `TlsConnection`, where the system allows that.

The socket is found and connected by aiohttp, as for plain HTTP; only what it would then leave to the event loop is done
here. Through a proxy, on Windows, and where certificates are checked by another library than OpenSSL, all of it is
aiohttp's. Must not know requests or Vault.
"""

from __future__ import annotations

import asyncio
import encodings.idna  # noqa: F401 - the first connection asks for it, and would read it from disk on the event loop
import os
import socket
import ssl
import sys
from collections.abc import Callable
from typing import Any, cast

import aiohttp

from asyncup.vault.tls_connection import TlsConnection

__all__ = ["DirectConnector", "TellingConnector"]


_HANDSHAKE_S = 60.0
"""As long as asyncio waits for a TLS handshake."""


class TellingConnector(aiohttp.TCPConnector):
    """Says when a request has its connection. To hear of that by aiohttp's tracing cost 20 us of CPU a request more.

    Attributes:
        told: by the task that asks for a connection, what is called as soon as it has one.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - aiohttp's
        super().__init__(**options)
        self.told: dict[asyncio.Task[Any] | None, Callable[[], None]] = {}

    async def connect(self, *args: Any, **kwargs: Any) -> aiohttp.connector.Connection:  # noqa: ANN401 - aiohttp's
        """See `aiohttp.BaseConnector`."""
        connection = await super().connect(*args, **kwargs)
        tell = self.told.get(asyncio.current_task())
        if tell is not None:
            try:
                tell()
            except BaseException:
                connection.close()
                raise
        return connection


class DirectConnector(TellingConnector):
    """For connections without a proxy in between."""

    # aiohttp names no better place. Should it be called otherwise one day, TLS is the event loop's own again.
    async def _wrap_create_connection(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:  # noqa: ANN401 - aiohttp's
        context = kwargs.get("ssl")
        if not isinstance(context, ssl.SSLContext) or not _is_ours_to_do(context):
            return await super()._wrap_create_connection(*args, **kwargs)
        make_protocol, *others = args
        hostname, key = kwargs["server_hostname"], kwargs["req"].connection_key
        plain = kwargs | {"ssl": None, "server_hostname": None}
        transport, _ = await super()._wrap_create_connection(_ReadsNothing, *others, **plain)
        protocol = make_protocol()
        try:
            async with asyncio.timeout(kwargs["timeout"].sock_connect or _HANDSHAKE_S):
                return await TlsConnection.opened(_taken_from(transport), context, hostname, protocol), protocol
        except TimeoutError:
            raise  # as aiohttp does, which tries the next address then
        except ssl.CertificateError as error:
            raise aiohttp.ClientConnectorCertificateError(key, error) from error
        except ssl.SSLError as error:
            raise aiohttp.ClientConnectorSSLError(key, error) from error
        except OSError as error:
            raise aiohttp.ClientConnectorError(key, error) from error


class _ReadsNothing(asyncio.Protocol):
    """Leaves what comes to who takes the socket."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        cast("asyncio.ReadTransport", transport).pause_reading()


def _is_ours_to_do(context: ssl.SSLContext) -> bool:
    """Whether the event loop can watch sockets, and OpenSSL alone checks certificates, as in the handshake."""
    return sys.platform != "win32" and type(context).__module__ == ssl.__name__


def _taken_from(transport: asyncio.Transport) -> socket.socket:
    """Return a connection's socket, and end the transport that had it: nothing went through it."""
    try:
        taken = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
    finally:
        transport.abort()
    taken.setblocking(False)  # noqa: FBT003 - the only way to say it
    return taken
