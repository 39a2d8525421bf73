"""Writing a slice without holding the interpreter's lock: the kernel takes it straight from the part's memory.

uvloop writes to a socket with the lock held, and a mebibyte takes the kernel a quarter of a millisecond. A thread that
hashes needs the lock every few milliseconds, for a moment; asking for it again and again while the loop sends a whole
part, it stood still for most of that time, and with it a core: a tenth of the throughput on two cores. `os.write` lets
go of the lock. So whatever the kernel takes at once goes that way, and only the rest through the transport, which waits
for room.

The order of bytes is kept because it is done only while nothing waits in the transport, and the descriptor is the
transport's own because the transport says that it is open. Under TLS the bytes are not the connection's own, and
Windows may be in the middle of a write of the transport's: there it is never done. Must not know HTTP.
"""

from __future__ import annotations

import asyncio
import os
import sys

__all__ = ["UnlockedWrite"]


class UnlockedWrite:
    """Writes to one connection's socket.

    Args:
        connection: asyncio's or uvloop's transport; None, like one that it cannot be done with, takes nothing.
    """

    def __init__(self, connection: asyncio.WriteTransport | None) -> None:
        self._connection = None if connection is None or not _is_bare(connection) else connection
        self._descriptor: int | None = None

    def write(self, view: memoryview) -> int:
        """Return how many bytes from the beginning of `view` were taken, at once; the transport is to write the rest.

        A connection that is broken takes nothing: the transport will find out, and say so to whom it may concern.
        """
        connection = self._connection
        if connection is None or connection.is_closing() or connection.get_write_buffer_size():
            return 0
        if self._descriptor is None:
            seen = connection.get_extra_info("socket")
            self._descriptor = -1 if seen is None else seen.fileno()
        if self._descriptor < 0:
            return 0
        try:
            return os.write(self._descriptor, view)
        except OSError:
            return 0


def _is_bare(connection: asyncio.WriteTransport) -> bool:
    """Whether what is written to a connection is what its socket sends, and a socket may be written to at any time."""
    return sys.platform != "win32" and connection.get_extra_info("sslcontext") is None
