"""A TCP proxy that makes a fast local network slow, far away or unreliable: for tests and benchmarks.

    async with tcp_proxy("127.0.0.1", port, link=Link(round_trip_s=0.08, bandwidth_bytes_s=125e6)) as proxy:
        ...                     # any client, at proxy.host and proxy.port
        proxy.stall()           # nothing moves any more, and nobody is told
        proxy.refuse()          # the network is gone for new connections, too

As a process of its own: `python -m asyncup.emulator.tcp_proxy --to HOST:PORT --round-trip-ms 80`.

Bytes go through unread: it knows nothing of HTTP or of Vault. What it does not imitate is TCP's own
reaction to a long line: slow start and congestion control see the local network only.
"""

from .connection import Connection
from .link import Link
from .loss import Loss
from .proxy import TcpProxy, tcp_proxy

__all__ = ["Connection", "Link", "Loss", "TcpProxy", "tcp_proxy"]
