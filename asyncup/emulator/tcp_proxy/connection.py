"""One connection through the proxy: two sockets, a flow in each direction, and what can be done to it.

Must not know who decides to do it, nor what it is told about (that is `Watcher`).
"""

import asyncio
import math
import os
import socket
import struct
import time
from typing import Protocol, cast

import anyio

from .flow import Cut, Flow
from .link import Line, Link
from .loss import Lifetime

NO_LINGER = struct.pack("ii", 1, 0)
SLOW_LINE_S = 0.05
SMALL_BUFFER_BYTES = 1 << 17
"""Below what Linux allows everybody (rmem_max); a fast line's buffers are left to the kernel."""


class Watcher(Protocol):
    """Whoever wants to know what happens to a connection."""

    def made(self, connection: "Connection") -> None:
        """A client is there."""

    def moved(self, *, up: int = 0, down: int = 0) -> None:
        """So many bytes were written to the server, or to the client."""

    def due(self, connection: "Connection") -> None:
        """Its life is over: it may be reset now."""


class Side(asyncio.BufferedProtocol):
    """One of the two sockets."""

    def __init__(self, connection: "Connection", outgoing: Flow, incoming: Flow) -> None:
        self._connection = connection
        self._outgoing = outgoing
        self._incoming = incoming
        self.transport: asyncio.Transport | None = None
        self.lost = anyio.Event()

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.lost.is_set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # a socket's, whatever the loop calls it
        self.transport.pause_reading()
        self.transport.set_write_buffer_limits(high=0)  # what waits, waits in the flow, where it is counted
        self._connection.side_made(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - of the interface
        return self._outgoing.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        self._outgoing.received(nbytes)
        if self.transport is not None and not self._outgoing.has_begun:
            self.transport.pause_reading()  # for uvloop, connection_made was too soon

    def eof_received(self) -> bool:
        self._outgoing.cut(Cut.END)
        return True

    def pause_writing(self) -> None:
        self._incoming.sink_is_full(full=True)

    def resume_writing(self) -> None:
        self._incoming.sink_is_full(full=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        self._incoming.close()
        if exc is not None:
            self._outgoing.cut(Cut.RESET)

    def end(self) -> None:
        """Write no more."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write_eof()

    def close(self) -> None:
        """End when everything is written."""
        if self.transport is not None:
            self.transport.close()

    def reset(self) -> None:
        """Break it so that the other end sees a reset, not an end."""
        if self.transport is not None and not self.lost.is_set():
            self.set_option(socket.SO_LINGER, NO_LINGER)
            self.transport.abort()

    def set_option(self, option: int, value: int | bytes) -> None:
        """Of the socket; through a copy, because event loops lend theirs reluctantly."""
        found = None if self.transport is None else self.transport.get_extra_info("socket")
        if found is not None and found.fileno() >= 0:
            with socket.socket(fileno=os.dup(found.fileno())) as same:
                same.setsockopt(socket.SOL_SOCKET, option, value)


class Connection:
    """A client's connection.

    Attributes:
        client: the protocol of the client's socket.
        bytes_up: written to the server.
        bytes_down: written to the client.
        is_reset: whether it was broken.
    """

    def __init__(self, link: Link, up: Line, down: Line, lifetime: Lifetime, watcher: Watcher) -> None:
        self._link = link
        self._life = lifetime
        self._watcher = watcher
        self._directions_open = 2
        self.is_reset = False
        self.bytes_up = self.bytes_down = 0
        loop = asyncio.get_running_loop()
        clock = time.monotonic  # uvloop's own counts milliseconds
        self._up = Flow(link, up, loop, clock, on_written=self._written_up, on_cut=self._cut_up)
        self._down = Flow(link, down, loop, clock, on_written=self._written_down, on_cut=self._cut_down)
        self.client = Side(self, self._up, self._down)
        self._server = Side(self, self._down, self._up)

    def side_made(self, side: Side) -> None:
        """One of the sockets is there."""
        wanted = math.inf if self._link.bandwidth_bytes_s is None else self._link.bandwidth_bytes_s * SLOW_LINE_S
        if wanted < SMALL_BUFFER_BYTES:
            # A slow line's bytes wait at the sender, where they are felt, and not for seconds here.
            side.set_option(socket.SO_RCVBUF, int(wanted))
        if side is self.client:
            self._watcher.made(self)

    async def run(self, to: tuple[str, int]) -> None:
        """From the client's arrival to the end, however it comes."""
        loop = asyncio.get_running_loop()
        due = None
        if self._life.life_s != math.inf:
            due = loop.call_later(self._life.life_s, self._end_of_life)
        try:
            await self._shake_hands()
            await loop.create_connection(lambda: self._server, *to)
            if not self.is_reset and self.client.is_open and self._server.is_open:
                self._join()
                await self.client.lost.wait()
                await self._server.lost.wait()
        except OSError:  # nobody is there: what the client sees is a broken connection
            pass
        finally:
            if due is not None:
                due.cancel()
            self.reset()
            with anyio.CancelScope(shield=True):  # the loop does it in its next turn
                for side in (self.client, self._server):
                    if side.transport is not None:
                        await side.lost.wait()

    def stall(self) -> None:
        """Move no byte any more, and tell nobody."""
        self._up.stall(stalled=True)
        self._down.stall(stalled=True)

    def resume(self) -> None:
        """Go on after a stall."""
        self._up.stall(stalled=False)
        self._down.stall(stalled=False)

    def reset(self) -> None:
        """Break both sides at once; what was on its way is lost."""
        self.is_reset = True
        self._up.close()
        self._down.close()
        self.client.reset()
        self._server.reset()

    async def _shake_hands(self) -> None:
        """Wait for a round trip, by the clock that everything else goes by: a loop's timers may be early."""
        until = time.monotonic() + self._link.round_trip_s
        while (left_s := until - time.monotonic()) > 0:  # noqa: ASYNC110 - it sleeps once, or a little again
            await anyio.sleep(left_s)

    def _join(self) -> None:
        assert self.client.transport is not None  # noqa: S101 - is_open
        assert self._server.transport is not None  # noqa: S101 - is_open
        self._up.join(self.client.transport, self._server.transport)
        self._down.join(self._server.transport, self.client.transport)

    def _written_up(self, length: int) -> None:
        self.bytes_up += length
        self._watcher.moved(up=length)
        self._live()

    def _written_down(self, length: int) -> None:
        self.bytes_down += length
        self._watcher.moved(down=length)
        self._live()

    def _live(self) -> None:
        if self.bytes_up + self.bytes_down >= self._life.life_bytes:
            self._end_of_life()

    def _end_of_life(self) -> None:
        if not self.is_reset:
            self._watcher.due(self)

    def _cut_up(self, cut: Cut) -> None:
        self._cut(self._server, cut)

    def _cut_down(self, cut: Cut) -> None:
        self._cut(self.client, cut)

    def _cut(self, told: Side, cut: Cut) -> None:
        self._directions_open -= 1
        if cut is Cut.RESET:
            told.reset()
        elif self._directions_open:
            told.end()
        else:
            self.client.close()
            self._server.close()
