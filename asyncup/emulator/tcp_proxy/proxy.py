"""The proxy itself: it listens, joins each client to the server, and does to them what it is told.

Must not know bytes. It runs on any event loop of asyncio's kind, and installs none.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from .connection import Connection, Side
from .link import Line, Link
from .loss import Loss, Losses

BACKLOG = 1024


class TcpProxy:
    """A running proxy.

    Attributes:
        to: the server, for connections still to come; may be set, when it has moved.
        host, port: where it listens.
        accepted: connections taken so far.
        lost: connections that the line's `Loss` has cost so far.
        bytes_up: written to the server so far.
        bytes_down: written to clients so far.
    """

    def __init__(self, to: tuple[str, int], link: Link, loss: Loss | None, group: TaskGroup) -> None:
        self.to = to
        self._link = link
        self._up, self._down = Line(link), Line(link)
        self._losses = Losses(loss)
        self._group = group
        self._server: asyncio.Server | None = None
        self._held: socket.socket | None = None
        self._connections: dict[Connection, None] = {}
        self._awaited: list[tuple[int, anyio.Event]] = []
        self._is_stalled = False
        self.host = ""
        self.port = 0
        self.accepted = self.lost = self.bytes_up = self.bytes_down = 0

    @property
    def connections(self) -> list[Connection]:
        """Those that are open, the oldest first."""
        return list(self._connections)

    def stall(self) -> None:
        """Move no byte any more, of connections still to come neither, and tell nobody."""
        self._is_stalled = True
        for connection in self._connections:
            connection.stall()

    def resume(self) -> None:
        """Go on after a stall."""
        self._is_stalled = False
        for connection in self._connections:
            connection.resume()

    def reset(self) -> None:
        """Break every connection."""
        for connection in self._connections:
            connection.reset()

    def refuse(self) -> None:
        """Take no new connections: whoever tries is refused. Those that are open stay open."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def admit(self) -> None:
        """Take new connections again, on the same port."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._client_side, self.host, self.port, backlog=BACKLOG)

    async def until_bytes_up(self, total: int) -> None:
        """Wait until so many bytes in all have been written to the server."""
        if self.bytes_up < total:
            event = anyio.Event()
            self._awaited.append((total, event))
            await event.wait()

    async def open(self, host: str, port: int) -> None:
        """Begin to listen."""
        self.host = host
        # A second socket, which does not listen, keeps the port while nobody does.
        self._held = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        if sys.platform != "win32":  # there it would let others take the port
            self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind((host, port))
        self.port = self._held.getsockname()[1]
        await self.admit()

    def close(self) -> None:
        """Break everything and stop."""
        self.refuse()
        self.reset()
        if self._held is not None:
            self._held.close()

    def made(self, connection: Connection) -> None:
        """A client has come."""
        self.accepted += 1
        self._connections[connection] = None
        self._group.start_soon(self._serve, connection)

    def moved(self, *, up: int = 0, down: int = 0) -> None:
        """Bytes were written."""
        self.bytes_up += up
        self.bytes_down += down
        for total, event in self._awaited:
            if self.bytes_up >= total:
                event.set()
        self._awaited = [awaited for awaited in self._awaited if not awaited[1].is_set()]

    def due(self, connection: Connection) -> None:
        """The time of a connection has come; a burst takes others with it."""
        alive = [other for other in self._connections if other is not connection and not other.is_reset]
        others = self._losses.others(len(alive))
        doomed = [connection, *(alive.pop(self._losses.pick(len(alive))) for _ in range(others))]
        for one in doomed:
            self.lost += 1
            one.reset()

    def _client_side(self) -> Side:
        connection = Connection(self._link, self._up, self._down, self._losses.lifetime(), self)
        if self._is_stalled:
            connection.stall()
        return connection.client

    async def _serve(self, connection: Connection) -> None:
        try:
            await connection.run(self.to)
        finally:
            del self._connections[connection]


@asynccontextmanager
async def tcp_proxy(
    to_host: str,
    to_port: int,
    *,
    link: Link | None = None,
    loss: Loss | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[TcpProxy]:
    """Run a proxy to a server while inside.

    Args:
        to_host: the server.
        to_port: its port.
        link: the line to it; None is as fast as it goes.
        loss: how the line loses connections; None is never.
        host: the address to listen on.
        port: 0 takes a free one.
    """
    failure: BaseException | None = None
    async with anyio.create_task_group() as group:
        proxy = TcpProxy((to_host, to_port), link or Link(), loss, group)
        try:
            await proxy.open(host, port)
            yield proxy
        except (anyio.get_cancelled_exc_class(), GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - raised again below
            failure = error
        finally:
            proxy.close()
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure  # as it was raised, not wrapped by the group
