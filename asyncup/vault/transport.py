"""The seam between the client and HTTP: what a transport must do, and the values that cross it.

There is one implementation, `aiohttp_transport`; tests have another in memory. Must not know Vault's endpoints.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from asyncup.protocol.answers import Answer

__all__ = ["DEFAULT_PATIENCE", "Body", "HttpRequest", "Patience", "Transport"]


class Body(Protocol):
    """A payload that can be sent more than once without being copied."""

    @property
    def length(self) -> int:
        """Bytes in all."""
        ...

    def slices(self) -> AsyncIterator[memoryview]:
        """Yield the payload from its beginning, in slices of at most 1 MiB, or of as many bytes as it is sent.

        That is for async generators, which may ignore it. May raise `SourceError` between two.
        """
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request may stand still, in seconds. There is no limit to its total time.

    Attributes:
        stall_s: without a byte taken by the network, while connecting or sending. Waiting for the body's own next
            slice does not count.
        answer_s: from the last byte sent to the answer, at most: `Calls` asks for less where Vault is known to be
            faster.
    """

    stall_s: float = 30.0
    answer_s: float = 300.0


DEFAULT_PATIENCE = Patience()


@dataclass(frozen=True, slots=True, repr=False)
class HttpRequest:
    """One HTTP request. It carries a login, so its repr shows the method and the target only.

    Attributes:
        operation: what it does, in words for messages.
        method: the HTTP method.
        target: path and query, percent-encoded.
        headers: all but Host and Content-Length.
        body: the payload, or small content, or None.
        patience: how long it may stand still.
        on_written: called with the number of bytes after each slice of a payload that the network took.
        on_sent: called once everything is handed over and only the answer is missing; for what is no payload, as soon
            as there is a connection for it.
        origin: scheme and host where they are not the Vault's own.
    """

    operation: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: Body | bytes | None = None
    patience: Patience = DEFAULT_PATIENCE
    on_written: Callable[[int], None] | None = None
    on_sent: Callable[[], None] | None = None
    origin: str | None = None

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.target})"


class Transport(Protocol):
    """Sends one request, once, and returns what came back, whatever its status."""

    async def send(self, request: HttpRequest) -> Answer:
        """Send a request and return the whole answer. Redirects are answers, and are not followed.

        Raises:
            VaultUnreachable: no connection could be made; nothing was sent. `ProxyRefused` when a proxy says no.
            TlsRefused: the TLS handshake failed; nothing was sent.
            TransportError: the exchange broke, or stood still for longer than its patience. Its `slept` tells that
                this machine slept meanwhile.
            SourceError: the body's own, from `Body.slices`.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection. May be called twice."""
        ...
