"""The best possible throughput with the cores there are, from what each step costs alone. Pure.

An upload in one lane does three things to every byte: somebody computes its MD5 (`md5` core-seconds per GB), the client
hands it to the kernel, through TLS or not (`send`), and the server takes it from there (`sink`), which on one machine
uses the same cores. Two bounds follow, and the lower one is the model:

* **The cores.** The three together keep `cores` cores busy: `cores / (md5 + send + sink)`. Reached only when no core is
  ever idle, so nobody can be faster with that MD5. How many cores there are is measured, too: as many
  as MD5 with a thread for each got (its CPU seconds by its seconds). On a quiet machine that is all of them; where
  others work, too, what they take is nobody's here, and the report says so.
* **The lane.** Parts of one file are sent in order over one connection: never faster than the bare `sendall` loop that
  was measured in the same run (`lane`, GB/s, in which sending and the sink overlap). Hashing several parts at once has
  no such bound but the cores.

With MD5 off the first bound does not bind, and the model is the bare loop.

**The roofline is that of hashlib's MD5**, one part at a time on a core, which is what every other program has. asyncup
computes several parts together on one core, and may be above it. What the cores allow then is told beside it
(`Limit.together`): the same model with MD5 as it costs where sixteen parts are hashed together, which takes the memory
of sixteen parts and more.

What the model leaves out makes it too high, never too low: the first part is hashed before anything can be sent, and
the last one is sent when there is nothing left to hash. What makes it too low are costs that shrink when steps share a
cache, as MD5 and sending of the same part do. A minimal program that does only the three steps (`threads`) is measured
in the same run; where it is faster than the model, the model was wrong, and **the roofline is the better of the two**.

Over a link, a part of `S` bytes at `r` bytes per second waits for one turnaround `L` (round trip and server time):
`S / (S / r + L)` bytes per second for one lane. A whole upload has two round trips more: to connect, and to ask for the
upload session.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Costs", "lane_rate", "link_rate", "link_seconds", "roofline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What was measured alone: core-seconds per GB, and the bare loop's GB/s. `md5` is 0 where nothing is hashed."""

    cores: float
    md5: float
    send: float
    sink: float
    lane: float


def lane_rate(costs: Costs) -> float:
    """Return the model's GB/s for one file in one lane."""
    return min(costs.cores / (costs.md5 + costs.send + costs.sink), costs.lane) if costs.md5 else costs.lane


def roofline(costs: Costs, minimal: float) -> float:
    """Return the better of the model and what the minimal program reached, in GB/s."""
    return max(lane_rate(costs), minimal)


def link_rate(part_size: int, *, bytes_per_s: float, turnaround_s: float) -> float:
    """Return the bytes per second of one lane whose every part waits for one turnaround."""
    return part_size / (part_size / bytes_per_s + turnaround_s)


def link_seconds(size: int, part_size: int, *, bytes_per_s: float, round_trip_s: float, server_s: float) -> float:
    """Return the seconds of a whole upload over a link."""
    parts = -(-size // part_size)
    return size / bytes_per_s + parts * (round_trip_s + server_s) + 2 * round_trip_s
