"""How much of what was written the network has really taken: finer than slices, and without asking the peer.

What is handed to a connection waits in three places: in Python, in the TLS layer, and in the kernel, whose buffer may
hold what a slow link needs half a minute for. Linux counts what the peer has acknowledged and what it has not;
elsewhere the part that Python can see must do. Read on a timer, never for each slice. Must not know HTTP.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys

__all__ = ["WireMeter"]

_TCP_INFO_SIZE = 192
_BYTES_ACKED = struct.Struct("@Q")
_BYTES_ACKED_AT = 120
"""Where `struct tcp_info` of <linux/tcp.h> has `tcpi_bytes_acked`; kernels before 4.1 answer with less."""


class WireMeter:
    """One connection's meter.

    Args:
        connection: asyncio's or uvloop's transport.

    Attributes:
        handed: bytes written to the connection so far; the writer adds to it.
    """

    def __init__(self, connection: asyncio.WriteTransport | None) -> None:
        self._connection = connection
        self.handed = 0

    def read(self) -> tuple[int, bool]:
        """Return a number that grows with what the network takes, and whether bytes still wait in this machine."""
        buffered = self._buffered()
        acknowledged, unacknowledged = self._kernel_counts()
        return self.handed - buffered + acknowledged, buffered + unacknowledged > 0

    def _buffered(self) -> int:
        connection = self._connection
        if connection is None or connection.is_closing():
            return 0
        # Under TLS, asyncio's own transport below it holds the encrypted bytes; uvloop does not show its own.
        below = getattr(getattr(connection, "_ssl_protocol", None), "_transport", None)
        sizes = [each.get_write_buffer_size() for each in (connection, below) if each is not None]
        return sum(sizes)

    def _kernel_counts(self) -> tuple[int, int]:
        """Return the bytes that the peer has acknowledged, and those that it has not; zeros where nobody counts."""
        if sys.platform != "linux" or self._connection is None:
            return 0, 0
        seen = self._connection.get_extra_info("socket")
        descriptor = -1 if seen is None else seen.fileno()
        if descriptor < 0:
            return 0, 0
        try:
            # uvloop's own socket object cannot be asked, so a second one is made for a moment.
            with socket.socket(fileno=os.dup(descriptor)) as twin:
                info = twin.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
                unacknowledged = _unacknowledged(twin)
        except OSError:
            return 0, 0
        if len(info) < _BYTES_ACKED_AT + _BYTES_ACKED.size:
            return -unacknowledged, unacknowledged
        return _BYTES_ACKED.unpack_from(info, _BYTES_ACKED_AT)[0], unacknowledged


if sys.platform == "linux":
    import fcntl
    import termios

    def _unacknowledged(connected: socket.socket) -> int:
        """Return the bytes in the kernel's send buffer (SIOCOUTQ, which has the number of TIOCOUTQ)."""
        return int(struct.unpack("i", fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, bytes(4)))[0])

else:  # pragma: no cover - another system

    def _unacknowledged(connected: socket.socket) -> int:  # noqa: ARG001 - as on Linux
        return 0
