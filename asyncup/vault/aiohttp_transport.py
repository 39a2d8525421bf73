"""The transport over aiohttp: with its connector and its payloads, the only modules of the library that import aiohttp.

One connector per Vault keeps connections warm. There is no total timeout, but an exchange in which nothing moves is
ended, and whatever ends early is cut at once: a connection that is merely closed would go on sending, behind our back,
views of memory that is used again.

aiohttp would send an idempotent request once more when its connection ends without an answer. That is prevented: what
Vault holds is asked first, and an abort that was done would be refused the second time. Must not know Vault's
endpoints, logins or retries.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import cast

import aiohttp
import anyio
import anyio.to_thread

from asyncup.errors import ConfigurationError, Phase, ProxyRefused, TlsRefused, TransportError, VaultUnreachable
from asyncup.protocol.answers import Answer
from asyncup.vault.aiohttp_connector import DirectConnector, TellingConnector
from asyncup.vault.exchange import AGAIN, AWAY, Exchange
from asyncup.vault.payloads import Payloads
from asyncup.vault.proxy import environment_proxy
from asyncup.vault.sockets import sockets_with
from asyncup.vault.transport import HttpRequest
from asyncup.vault.trust import system_trust

__all__ = ["AiohttpTransport"]

_KEEPALIVE_S = 60.0
_CONNECTIONS = 100
_LARGEST_ANSWER = 64 * 1024 * 1024
"""No answer of Vault's is larger: a download is asked for in ranges of at most 50 MB (documented)."""


class AiohttpTransport:
    """A `Transport` for one Vault.

    Args:
        base_url: scheme, host and port, such as "https://myvault.veevavault.com".
        ssl_context: for TLS; None takes the operating system's own trust store, company CAs included.
        congestion_control: of TCP, such as "bbr"; None leaves it to the system.
        now: seconds of a clock that never goes back; an argument so that tests need no waiting.
        wall: Unix seconds; an argument for the same reason.
    """

    def __init__(
        self,
        base_url: str,
        *,
        ssl_context: ssl.SSLContext | None = None,
        congestion_control: str | None = None,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._base_url = base_url
        self._now = now
        self._wall = wall
        self._ssl_context = ssl_context
        self._socket_factory = sockets_with(congestion_control)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False
        self._opening = anyio.Lock()
        self._room = asyncio.Semaphore(_CONNECTIONS)
        self._payloads = Payloads()

    async def send(self, request: HttpRequest) -> Answer:
        """See `Transport.send`."""
        session = await self._open_session()
        exchange = Exchange(request, self._now, self._wall)
        answer: Answer | None = None
        broken: Exception | None = None
        try:
            with exchange.scope:
                if self._room.locked():
                    exchange.queued()
                async with self._room:
                    if self._closed:  # meanwhile
                        raise ConfigurationError(_CLOSED)
                    exchange.dequeued()
                    answer = await self._exchange(session, request, exchange)
        except (aiohttp.ClientError, OSError) as error:
            broken = _translate(error, request, exchange)
        except (RuntimeError, AssertionError) as error:
            if self._closed:
                raise ConfigurationError(_CLOSED) from error
            raise
        finally:
            exchange.end(answered=answer is not None)
        if exchange.body_error is not None:
            # Also when an answer came: it may come before everything was sent, and while a hook was being told.
            raise exchange.body_error
        if answer is None:
            # Outside of the `except`: what is raised in there carries aiohttp's exception along, secrets and all.
            raise broken or exchange.stood_still()
        return answer

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        self._closed = True
        self._room.release()  # who waits for it hears that this is closed, and makes room for the next to hear it
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _exchange(self, session: aiohttp.ClientSession, request: HttpRequest, exchange: Exchange) -> Answer:
        body = request.body
        told, task = cast("TellingConnector", session.connector).told, asyncio.current_task()
        told[task] = exchange.connected
        try:
            async with session.request(
                request.method,
                (request.origin or self._base_url) + request.target,
                headers=request.headers,
                data=body if isinstance(body, bytes) or body is None else self._payloads.of(body, exchange),
                allow_redirects=False,
            ) as response:
                exchange.received(0)
                content = bytearray()
                async for received in response.content.iter_any():
                    exchange.received(len(received))
                    content += received
                    if len(content) > _LARGEST_ANSWER:
                        reason = f"the answer is longer than {_LARGEST_ANSWER} bytes"
                        raise TransportError(request.operation, Phase.ANSWER, reason)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, headers, bytes(content), self._wall())
        finally:
            del told[task]

    async def _open_session(self) -> aiohttp.ClientSession:
        if self._session is not None:
            return self._session
        async with self._opening:
            if self._closed:
                raise ConfigurationError(_CLOSED)
            if self._session is None:
                # Reading certificates and settings takes tens of milliseconds of disk and CPU: not on the event loop.
                proxy = await anyio.to_thread.run_sync(environment_proxy, self._base_url)
                context: ssl.SSLContext | bool = self._ssl_context or True
                if self._ssl_context is None and self._base_url.startswith("https:"):
                    context = await anyio.to_thread.run_sync(system_trust)
                if self._closed:  # meanwhile
                    raise ConfigurationError(_CLOSED)
                connector = DirectConnector if proxy is None else TellingConnector
                self._session = aiohttp.ClientSession(
                    connector=connector(
                        ssl=context,
                        limit=0,  # that is `_room`'s: aiohttp would not say that a request has to wait
                        keepalive_timeout=_KEEPALIVE_S,
                        socket_factory=self._socket_factory,
                    ),
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=None, sock_read=None, connect=None),
                    # A cookie would carry a login beside the one that was chosen.
                    cookie_jar=aiohttp.DummyCookieJar(),
                    read_bufsize=2**18,
                    proxy=proxy,
                )
                # There is no argument for it. What may have been done is asked for above, not done once more down here.
                self._session._retry_connection = False  # noqa: SLF001
            return self._session


def _translate(error: Exception, request: HttpRequest, exchange: Exchange) -> Exception:
    """Return our exception for one of aiohttp's or of the operating system's, or the body's own.

    An exception of aiohttp's is not kept as the cause: it shows the request's headers, or a proxy's password.
    """
    if exchange.body_error is not None:
        return exchange.body_error
    operation, phase = request.operation, exchange.phase
    reason = _reason(error)
    if phase is not Phase.CONNECT:
        return exchange.marked(TransportError(operation, phase, reason, hint=AGAIN))
    if isinstance(error, aiohttp.ClientHttpProxyError) and error.status in _PROXY_SAYS_NO:
        return ProxyRefused(operation, phase, reason, hint=_PROXY)
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return TlsRefused(operation, Phase.TLS, reason, hint=_TLS)
    return exchange.marked(VaultUnreachable(operation, phase, reason, hint=AWAY))


def _reason(error: Exception) -> str:
    """Return what an exception says, where that cannot hold a header or a proxy's password."""
    if isinstance(error, aiohttp.ClientResponseError):
        return f"HTTP status {error.status} {error.message}" if error.status else error.message
    says_nothing_secret = OSError | aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError
    return (str(error) if isinstance(error, says_nothing_secret) else "") or type(error).__name__


_CLOSED = "this Vault was closed: make another one"
_TLS = "Check the DNS name and the date; add a company CA to the operating system's trust store"
_PROXY = "Give the proxy's user and password as https_proxy=http://user:password@proxy:port, or ask who runs it"
_PROXY_SAYS_NO = frozenset({403, 407})
"""Its rules, and its login: the same again would be refused again. It says others when Vault is away behind it."""
