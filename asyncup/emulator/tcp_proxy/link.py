"""When a byte arrives at the far end of a line: delay and bandwidth. Pure, the time is an argument.

Must not know connections or sockets.
"""

from dataclasses import dataclass

PIECE_BYTES = 1 << 18
LEAST_PIECE_BYTES = 1 << 12
PIECE_S = 0.005
"""On a slow line, the time that one piece takes: what is read at once leaves and arrives at once."""

BURST_S = 0.01
"""How late its turn may be noticed without a loss of bandwidth: the depth of the token bucket."""

QUEUE_S = 0.02
"""How much is let onto the line ahead of its time; the rest waits in the sender's kernel."""

KERNEL_BYTES = 4 << 20
"""What Linux buffers for one connection, by default and at most (tcp_wmem)."""

FASTEST_BYTES_S = 1.25e9
"""Of a line without a given bandwidth, for the reckoning of how much it holds: 10 Gbit/s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A line between client and server, the same in both directions.

    Attributes:
        round_trip_s: from the first byte sent to the first byte of an answer that took no time;
            each direction delays by half of it. Connecting costs one of them, as a handshake does.
        bandwidth_bytes_s: of each direction, shared by all connections; None is no limit.
        window_bytes: most bytes on their way in one connection and direction; None is what the line
            holds in a round trip, and what a kernel buffers.
    """

    round_trip_s: float = 0.0
    bandwidth_bytes_s: float | None = None
    window_bytes: int | None = None

    def __post_init__(self) -> None:
        if not self.round_trip_s >= 0:
            raise ValueError(f"a round trip takes no time at least, not {self.round_trip_s} s")
        if self.bandwidth_bytes_s is not None and not self.bandwidth_bytes_s > 0:
            raise ValueError(f"a bandwidth is more than 0, not {self.bandwidth_bytes_s}")
        if self.window_bytes is not None and self.window_bytes < 1:
            raise ValueError(f"a window holds a byte at least, not {self.window_bytes}")

    @property
    def window(self) -> int:
        """Most bytes on their way in one connection and direction."""
        if self.window_bytes is not None:
            return self.window_bytes
        return int(self.round_trip_s * (self.bandwidth_bytes_s or FASTEST_BYTES_S)) + KERNEL_BYTES

    @property
    def piece_bytes(self) -> int:
        """How much is read at once."""
        most = min(PIECE_BYTES, self.window)
        if self.bandwidth_bytes_s is None:
            return most
        return min(most, max(LEAST_PIECE_BYTES, int(self.bandwidth_bytes_s * PIECE_S)))


class Line:
    """One direction of a link: a token bucket, and a delay behind it."""

    def __init__(self, link: Link) -> None:
        self._delay_s = link.round_trip_s / 2
        self._byte_s = 0.0 if link.bandwidth_bytes_s is None else 1 / link.bandwidth_bytes_s
        self._free_at = float("-inf")

    def send(self, now: float, length: int) -> float:
        """Let bytes onto the line, behind those before them. Returns when the last one arrives."""
        if self._byte_s:
            self._free_at = max(self._free_at, now - BURST_S) + length * self._byte_s
        return max(self._free_at, now) + self._delay_s

    def wait_s(self, now: float) -> float:
        """Seconds until more may be let onto the line; 0 when it may at once."""
        return max(0.0, self._free_at - now - QUEUE_S)
