"""How the sockets of connections are set before they connect: the send buffer, and TCP's congestion control.

The send buffer holds what was written until the peer has it. For a long line it must hold a whole round trip's bytes,
and the kernel makes it as large as the line needs: several MB. A peer at a loopback address, such as a proxy, a tunnel
or the emulator, has no round trip, and what lies in between is more than a core's cache holds: then every byte goes to
the main memory and back. With 640 KiB instead a plain blocking loop may send 1.4 times as much, and with more the time
that an upload takes varies. 416 KiB, the most that many systems allow (`net.core.wmem_max`), is nearly as good; where
less is allowed, it stays the kernel's.

The congestion control decides how fast a line is filled, and how much of it is given up after a lost packet: on a long
line that loses some, "bbr" may carry many times what "cubic" does. Must not know who connects, or why.
"""

from __future__ import annotations

import functools
import ipaddress
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from asyncup.errors import ConfigurationError

__all__ = ["SocketFactory", "is_loopback", "set_send_buffer", "sockets_with"]

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""Family, type, protocol, canonical name and address, as `socket.getaddrinfo` tells them."""

SocketFactory = Callable[[Any], socket.socket]

_NEAR_SEND_BUFFERS = (5 * 2**16, 13 * 2**14)
"""For a loopback address, the first that is allowed. Linux counts its own records, too, and makes it twice as much
(socket(7)). The second is the most that Linux allows by default for programs that were not given more.
"""


def sockets_with(congestion_control: str | None) -> SocketFactory:
    """Return what makes sockets with that congestion control, such as "bbr" or "cubic"; None is the system's own.

    Raises:
        ConfigurationError: this system has none of that name, or lets nobody choose.
    """
    if congestion_control is None:
        return lambda address: _made(address, None)
    if not hasattr(socket, "TCP_CONGESTION"):
        raise ConfigurationError("this system lets no program choose the congestion control", hint="Leave it out")
    # The kernel reads a name to its first null.
    name = congestion_control.encode("ascii", "replace").replace(b"\0", b"?")
    try:
        _made((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ()), name).close()
    except OSError as error:
        raise ConfigurationError(
            f"the congestion control {congestion_control!r} cannot be used: {error.strerror}",
            hint="`sysctl net.ipv4.tcp_allowed_congestion_control` lists what there is; `modprobe tcp_bbr` loads bbr",
        ) from error
    return lambda address: _made(address, name)


def _made(address: AddressInfo, congestion_control: bytes | None) -> socket.socket:
    family, kind, protocol, _, where = address
    made = socket.socket(family, kind, protocol)
    try:
        if congestion_control is not None:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion_control)
        if sys.platform == "linux" and is_loopback(where):
            set_send_buffer(made, *_NEAR_SEND_BUFFERS)
    except OSError:
        made.close()
        raise
    made.setblocking(False)  # noqa: FBT003 - the only way to say it
    return made


def is_loopback(address: tuple[Any, ...]) -> bool:
    """Whether an Internet address, as `socket.getaddrinfo` and `getpeername` tell it, is this machine's own."""
    try:
        seen = ipaddress.ip_address(str(address[0]).partition("%")[0])
    except (ValueError, IndexError):
        return False
    mapped = seen.ipv4_mapped if isinstance(seen, ipaddress.IPv6Address) else None
    return (mapped or seen).is_loopback  # Python 3.13 looks into it itself


def set_send_buffer(connected: socket.socket, *sizes: int) -> None:
    """Set a socket's send buffer to the first of some sizes that the system allows; leave it as it is if none is."""
    size = next((size for size in sizes if _allows(size)), None)
    if size is not None:
        with suppress(OSError):  # a connection that broke says so when it is written to
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


@functools.cache
def _allows(send_buffer: int) -> bool:
    """Whether a socket gets a buffer of that size: one that was asked for what it does not get, keeps the less."""
    try:
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
            return tried.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= 2 * send_buffer
    except OSError:  # a sandbox may refuse it, and it was nobody's wish
        return False
