"""What is measured, as data: every workload of `make bench` and `make bench-quick` in one table.

A workload that compares names its clients; they run in turn, and the bars of the issue are in `bars.py`. Must not know
how anything is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FULL", "QUICK", "Link", "Workload", "named"]

MIB, GIB = 2**20, 2**30
PART, SMALL_PART = 50_000_000, 8 * MIB
PEERS = ("curl + split", "requests", "httpx", "aiohttp", "veevatools")
BARE, MD5, SENDALL, MINIMAL, OURS = "bare socket", "MD5, all cores", "sendall", "minimal", "asyncup"
NEAR = "sendall, near buffer"
TOGETHER = "MD5, parts together"
LIMITS = (MD5, SENDALL, MINIMAL)


@dataclass(frozen=True, slots=True)
class Link:
    """A line to a server: its round trip, its rate, and the server's time for a part. Seconds and bytes per second."""

    round_trip_s: float
    bytes_per_s: float
    server_s: float = 0.3

    @property
    def turnaround_s(self) -> float:
        """The seconds between a part's last byte and the next one's first."""
        return self.round_trip_s + self.server_s

    def __str__(self) -> str:
        return f"{self.bytes_per_s / 1e6:.0f} MB/s, {self.round_trip_s * 1e3:.0f} ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One thing to measure.

    Attributes:
        name: short, and unique.
        size: bytes of the file, or of each file.
        files: how many; several go in one request each, `lanes` at once.
        part_size: bytes of every part but the last.
        md5: whether parts are hashed.
        tls: whether the connection is encrypted.
        clients: who does it, in turn; the first of them warms up.
        rotating: who run in one round each, so that slow ones are measured without a long wait.
        rounds: how often, after one run to warm up where the file was not read before.
        sparse: whether the file is a hole, which takes no disk.
        cold: whether the file is put out of the page cache before every run.
        link: the line in between; None is the loopback interface.
    """

    name: str
    size: int = GIB
    files: int = 1
    lanes: int = 1
    part_size: int = PART
    md5: bool = True
    tls: bool = False
    clients: tuple[str, ...] = (*LIMITS, OURS)
    rotating: tuple[str, ...] = ()
    rounds: int = 5
    sparse: bool = False
    cold: bool = False
    link: Link | None = None

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return self.size * self.files


QUICK = (
    Workload(name="plain", clients=(SENDALL, OURS), rotating=(MD5, MINIMAL, TOGETHER, *PEERS), rounds=2),
    Workload(
        name="plain, 8 MiB parts",
        size=GIB // 2,
        part_size=SMALL_PART,
        clients=(SENDALL, OURS),
        rotating=(MD5, TOGETHER),
        rounds=2,
    ),
    Workload(name="plain, no MD5", md5=False, clients=(SENDALL, OURS), rotating=(NEAR,), rounds=3),
    Workload(name="TLS", tls=True, size=GIB // 2, clients=(SENDALL, OURS), rotating=(MD5, MINIMAL, *PEERS), rounds=2),
    Workload(name="TLS, no MD5", tls=True, md5=False, clients=(SENDALL, OURS), rounds=3),
    Workload(name="small files", size=4096, files=1000, lanes=16, clients=("aiohttp posts", OURS), rounds=2),
)

_LINKS = tuple(Link(round_trip_s, rate) for round_trip_s in (0.02, 0.08) for rate in (50e6, 125e6))
_SIZES = (
    ("1 B", 1, 5),
    ("1 MiB", MIB, 5),
    ("64 MiB", 64 * MIB, 5),
    ("256 MiB", 256 * MIB, 3),
    ("1 GiB sparse", GIB, 3),
    ("4 GiB sparse", 4 * GIB, 2),
    ("10 GiB sparse", 10 * GIB, 2),
)

FULL = (
    Workload(name="plain", clients=(*LIMITS, TOGETHER, OURS, *PEERS)),
    Workload(name="plain, 8 MiB parts", part_size=SMALL_PART, clients=(*LIMITS, TOGETHER, OURS, *PEERS), rounds=3),
    Workload(name="plain, no MD5", md5=False, clients=(BARE, SENDALL, NEAR, OURS), rounds=9),
    Workload(
        name="plain, no MD5, 8 MiB parts", md5=False, part_size=SMALL_PART, clients=(SENDALL, NEAR, OURS), rounds=15
    ),
    Workload(name="TLS", tls=True, clients=(*LIMITS, TOGETHER, OURS, *PEERS), rounds=3),
    Workload(name="TLS, 8 MiB parts", tls=True, part_size=SMALL_PART, rotating=(TOGETHER,)),
    Workload(name="TLS, no MD5", tls=True, md5=False, clients=(SENDALL, OURS)),
    Workload(name="cold cache", cold=True, clients=("cold read", *LIMITS, OURS), rounds=3),
    Workload(name="small files", size=4096, files=10_000, lanes=16, clients=("aiohttp posts", OURS), rounds=3),
    *(
        Workload(name=f"file of {name}", size=size, clients=(OURS,), rounds=rounds, sparse="sparse" in name)
        for name, size, rounds in _SIZES
    ),
    *(
        Workload(name=f"link {link}, {name}", size=size, part_size=part, link=link, clients=(OURS,), rounds=2)
        for link in _LINKS
        for name, part, size in (("50 MB parts", PART, 500_000_000), ("8 MiB parts", SMALL_PART, 200_000_000))
    ),
)


def named(workloads: tuple[Workload, ...], wanted: str) -> tuple[Workload, ...]:
    """Return the workloads whose name begins so.

    Raises:
        LookupError: there is none.
    """
    found = tuple(workload for workload in workloads if workload.name.startswith(wanted))
    if not found:
        raise LookupError(f"no workload {wanted!r}; there are {', '.join(w.name for w in workloads)}")
    return found
