"""Full packets out of many small writes in a row: TCP_CORK, on a loopback interface (Linux).

OpenSSL writes each record of 16 KiB on its own, and with TCP_NODELAY each becomes a packet, where the interface's hold
64 KiB. With a cork the kernel waits for full ones; taken out, it sends what is left at once. So the cork is in for as
long as one call writes, and never while anybody waits. TLS over loopback takes a tenth less CPU by it.

There is a second, slow way for the two ends to fall in step, in which the peer is woken for every packet and both need
up to 1.6 times as much. It came with a send buffer of 1 MiB in every second upload, with 512 KiB in one of thirty, and
with 8 MiB in one corked call in every upload of parts of that size; with 256 KiB and a MiB in none of thirty. Elsewhere
the buffer is the kernel's own to choose, so there it is not done. Must not know what is sent.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress

from asyncup.vault.sockets import is_loopback, set_send_buffer

__all__ = ["Cork"]

_SEND_BUFFER = 2**17
"""Linux makes it twice as much (socket(7))."""

_AT_ONCE = 2**20
"""Bytes that are sent before the cork is taken out."""

_RECORD = 2**14
"""The most that OpenSSL encrypts, and writes to the socket, in one piece (RFC 8446, 5.1)."""


class Cork:
    """The cork of one connection: in while something is sent.

    Args:
        connected: whose; where it does not help, it has none.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._fits = _is_near(connected)
        if self._fits:
            set_send_buffer(connected, _SEND_BUFFER)

    def send(self, view: memoryview) -> int:
        """As the connection's own `send`, by which several records may go out; of many bytes the first."""
        if not self._fits or view.nbytes <= _RECORD:
            return self._socket.send(view)
        self._put(1)
        try:
            return self._socket.send(view[:_AT_ONCE])
        finally:
            self._put(0)

    def _put(self, where: int) -> None:
        if sys.platform == "linux":
            with suppress(OSError):  # a connection that broke says so when it is written to
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, where)


def _is_near(connected: socket.socket) -> bool:
    if sys.platform != "linux" or connected.family not in {socket.AF_INET, socket.AF_INET6}:
        return False
    try:
        return is_loopback(connected.getpeername())
    except OSError:
        return False
