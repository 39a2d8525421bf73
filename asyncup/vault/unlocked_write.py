"""Writing a slice without holding the interpreter's lock: the kernel takes it straight from the part's memory.

uvloop writes to a socket with the lock held, and a mebibyte takes the kernel a quarter of a millisecond. A thread that
hashes needs the lock every few milliseconds, for a moment; asking for it again and again while the loop sends a whole
part, it stood still for most of that time, and with it a core: a tenth of the throughput on two cores. `os.write` lets
go of the lock. So whatever the kernel takes at once goes that way, and only the rest through the transport, which waits
for room.

A quick peer makes room within microseconds. To wait for that on the spot, without the lock, takes less than a turn of
the event loop; a peer that took a millisecond once is left to the loop for the rest of the payload. Who has other
payloads to send does not wait on the spot: one after the other they would keep the loop from everybody else.

The order of bytes is kept because it is done only while nothing waits in the transport, and the descriptor is the
transport's own because the transport says that it is open. Under TLS the bytes are not the connection's own, and
Windows may be in the middle of a write of the transport's: there it is never done. Must not know HTTP.
"""

from __future__ import annotations

import asyncio
import os
import select
import sys
import time
from collections.abc import Callable

__all__ = ["UnlockedWrite"]

_QUICK_MS = 1
"""A peer that makes room within this is quick."""

_HOLD_LOOP_S = 0.004
"""How long room is waited for in one call, again and again: the event loop has others to serve."""


class UnlockedWrite:
    """Writes one payload to one connection's socket.

    Args:
        connection: asyncio's or uvloop's transport; None, like one that it cannot be done with, takes nothing.
        now: seconds of a clock that never goes back; an argument so that tests need no clock.
    """

    def __init__(self, connection: asyncio.WriteTransport | None, now: Callable[[], float] = time.perf_counter) -> None:
        self._connection = connection
        self._now = now
        self._descriptor = -1 if connection is None else _descriptor_of(connection)
        self._room: select.poll | None = None
        self._is_quick = True

    @property
    def possible(self) -> bool:
        """Whether it can be done with this connection at all."""
        return self._descriptor >= 0

    def write(self, view: memoryview, *, waits: bool = True) -> int:
        """Return how many bytes from the beginning of `view` were taken, at once; the transport is to write the rest.

        A connection that is broken takes nothing: the transport will find out, and say so to whom it may concern.

        Args:
            view: what to write.
            waits: whether room may be waited for on the spot.
        """
        connection = self._connection
        if not self.possible or connection is None or connection.is_closing() or connection.get_write_buffer_size():
            return 0
        taken, length, begun = 0, view.nbytes, self._now()
        while taken < length:
            try:
                taken += os.write(self._descriptor, view[taken:])
            except BlockingIOError:
                if not (waits and self._makes_room(begun)):
                    break
            except OSError:
                break
        return taken

    def _makes_room(self, begun: float) -> bool:
        if not self._is_quick or self._now() - begun > _HOLD_LOOP_S:
            return False
        if self._room is None:
            self._room = select.poll()
            self._room.register(self._descriptor, select.POLLOUT)
        self._is_quick = bool(self._room.poll(_QUICK_MS))
        return self._is_quick


def _descriptor_of(connection: asyncio.WriteTransport) -> int:
    """Return the descriptor of a socket that sends just what is written to it, at any time; -1 where there is none."""
    if sys.platform == "win32" or connection.get_extra_info("sslcontext") is not None:
        return -1
    seen = connection.get_extra_info("socket")
    return -1 if seen is None else int(seen.fileno())
