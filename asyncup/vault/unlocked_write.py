"""Writing a slice without holding the interpreter's lock: the kernel takes it straight from the part's memory.

uvloop writes to a socket with the lock held, and a mebibyte takes the kernel a quarter of a millisecond. A thread that
hashes needs the lock every few milliseconds, for a moment; asking for it again and again while the loop sends a whole
part, it stood still for most of that time, and with it a core: a tenth of the throughput on two cores. A socket's own
`send` lets go of the lock. So whatever the kernel takes at once goes that way, and only the rest through the transport,
which waits for room.

The order of bytes is kept because it is done only while nothing waits in the transport. Under TLS the bytes are not the
connection's own, and Windows may be in the middle of a write of the transport's: there it is never done. Must not know
HTTP.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import suppress
from types import TracebackType
from typing import Self

__all__ = ["UnlockedWrite"]


class UnlockedWrite:
    """Writes to one connection's socket. A context manager: from the first write on it has a descriptor of its own.

    Args:
        connection: asyncio's or uvloop's transport; None, like one that it cannot be done with, takes nothing.
    """

    def __init__(self, connection: asyncio.WriteTransport | None) -> None:
        self._connection = connection
        self._has_looked = False
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            self._socket.close()

    def write(self, view: memoryview) -> int:
        """Return how many bytes from the beginning of `view` were taken, at once; the transport is to write the rest.

        A connection that is broken takes nothing: the transport will find out, and say so to whom it may concern.
        """
        connection = self._connection
        if connection is None or connection.is_closing() or connection.get_write_buffer_size():
            return 0
        if not self._has_looked:
            self._has_looked, self._socket = True, _twin(connection)
        if self._socket is not None:
            with suppress(OSError):
                return self._socket.send(view)
        return 0


def _twin(connection: asyncio.WriteTransport) -> socket.socket | None:
    """Return a second socket object for a connection, because uvloop's own can only be looked at."""
    if sys.platform == "win32" or connection.get_extra_info("sslcontext") is not None:
        return None
    seen = connection.get_extra_info("socket")
    descriptor = -1 if seen is None else seen.fileno()
    if descriptor < 0:
        return None
    try:
        twin = socket.socket(fileno=os.dup(descriptor))
    except OSError:  # no descriptor left: it goes without
        return None
    twin.setblocking(False)  # noqa: FBT003 - the only way to say it
    return twin
