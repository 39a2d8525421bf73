"""A server on loopback that speaks bytes: what it does with a connection is a function, as wrong as one likes.

async with raw_server(answering(SUCCESS)) as server:       # reads whole requests, answers each the same
... AiohttpTransport(server.url) ...
server.requests[0].body
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener

SUCCESS = b'HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n{"responseStatus":"SUCCESS"}'
_LONGEST_HEAD = 2**17


@dataclass(frozen=True)
class RawRequest:
    """A request as it came. `headers` is the text after the request line."""

    line: str
    headers: str = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        """The value of a header that must not come twice."""
        found = [line.split(": ", 1)[1] for line in self.headers.split("\r\n") if line.lower().startswith(f"{name}: ")]
        assert len(found) <= 1, found
        return found[0] if found else None


@dataclass
class Connection:
    """One connection, for the function that serves it."""

    stream: ByteStream
    server: RawServer
    _reader: BufferedByteReceiveStream

    async def read_head(self) -> tuple[str, str]:
        """Read a request's line and headers."""
        head = (await self._reader.receive_until(b"\r\n\r\n", _LONGEST_HEAD)).decode("latin-1")
        line, _, headers = head.partition("\r\n")
        return line, headers

    async def read_request(self) -> RawRequest:
        """Read a whole request and note it."""
        return await self.read_rest(*await self.read_head())

    async def read_rest(self, line: str, headers: str) -> RawRequest:
        """Read the body of a request whose head is read, and note the request."""
        length = int(RawRequest(line, headers, b"").header("content-length") or 0)
        request = RawRequest(line, headers, await self._reader.receive_exactly(length) if length else b"")
        self.server.requests.append(request)
        return request

    async def receive(self) -> bytes:
        """Read whatever is there."""
        return await self._reader.receive()

    async def send(self, content: bytes) -> None:
        """Send these bytes."""
        await self.stream.send(content)

    async def read_to_the_end(self) -> None:
        """Read until the client closes its side."""
        while True:
            try:
                await self._reader.receive()
            except anyio.EndOfStream:
                return


Serve = Callable[[Connection], Awaitable[None]]


@dataclass
class RawServer:
    """What is seen of the clients.

    Attributes:
        port: on 127.0.0.1.
        scheme: http or https.
        requests: every request that was read whole.
        opened: how many connections were made.
        open: how many there are now.
        one_closed: set when the next one ends.
        given_up: for a test to set, when those who stand still may end.
    """

    port: int
    scheme: str
    requests: list[RawRequest] = field(default_factory=list)
    opened: int = 0
    open: int = 0
    one_closed: anyio.Event = field(default_factory=anyio.Event)
    given_up: anyio.Event = field(default_factory=anyio.Event)

    @property
    def url(self) -> str:
        """For a transport."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def all_closed(self) -> None:
        """Wait, for a moment at most, until the clients have closed every connection."""
        with anyio.fail_after(5):
            while self.open:
                await self.one_closed.wait()


def answering(*answers: bytes, then_close: bool = False) -> Serve:
    """Read whole requests and give the answers in turn, the last one again and again."""

    async def serve(connection: Connection) -> None:
        left = list(answers)
        while True:
            try:
                await connection.read_request()
            except (anyio.EndOfStream, anyio.IncompleteRead):
                return
            await connection.send(left.pop(0) if len(left) > 1 else left[0])
            if then_close:
                return

    return serve


@asynccontextmanager
async def raw_server(
    serve: Serve, *, tls: ssl.SSLContext | None = None, receive_buffer: int | None = None
) -> AsyncIterator[RawServer]:
    """Serve each connection with `serve`, and close it when that returns.

    With a small `receive_buffer`, in bytes, what the server does not read stays with the client.
    """
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    if receive_buffer is not None:
        for each in listener.listeners:
            each.extra(SocketAttribute.raw_socket).setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)  # noqa: S610 - anyio's
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
    server = RawServer(port, "http" if tls is None else "https")

    async def serve_one(stream: ByteStream) -> None:
        server.opened += 1
        server.open += 1
        try:
            async with stream:
                await serve(Connection(stream, server, BufferedByteReceiveStream(stream)))
        except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead, OSError):
            pass  # the client went away, as many of these tests want it to
        finally:
            server.open -= 1
            server.one_closed.set()
            server.one_closed = anyio.Event()

    secured = listener if tls is None else TLSListener(listener, tls, standard_compatible=False)
    async with secured, anyio.create_task_group() as tasks:
        tasks.start_soon(secured.serve, serve_one)
        yield server
        tasks.cancel_scope.cancel()
