"""Choosing the TCP congestion control of connections, where the kernel lets a program choose: Linux.

It decides how fast a line is filled, and how much of it is given up after a lost packet: on a long line that loses
some, "bbr" may carry many times what "cubic" does. Must not know who connects, or to what.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from asyncup.errors import ConfigurationError

__all__ = ["SocketFactory", "sockets_with"]

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""Family, type, protocol, canonical name and address, as `socket.getaddrinfo` tells them."""

SocketFactory = Callable[[Any], socket.socket]


def sockets_with(congestion_control: str) -> SocketFactory:
    """Return what makes sockets with that congestion control, such as "bbr" or "cubic".

    Raises:
        ConfigurationError: this system has none of that name, or lets nobody choose.
    """
    option = getattr(socket, "TCP_CONGESTION", None)
    if option is None:
        raise ConfigurationError("this system lets no program choose the congestion control", hint="Leave it out")

    def make(address: AddressInfo) -> socket.socket:
        family, kind, protocol, *_ = address
        made = socket.socket(family, kind, protocol)
        try:
            # The kernel reads a name to its first null.
            made.setsockopt(
                socket.IPPROTO_TCP, option, congestion_control.encode("ascii", "replace").replace(b"\0", b"?")
            )
        except OSError:
            made.close()
            raise
        made.setblocking(False)  # noqa: FBT003 - the only way to say it
        return made

    try:
        make((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ())).close()
    except OSError as error:
        raise ConfigurationError(
            f"the congestion control {congestion_control!r} cannot be used: {error.strerror}",
            hint="`sysctl net.ipv4.tcp_allowed_congestion_control` lists what there is; `modprobe tcp_bbr` loads bbr",
        ) from error
    return make
