"""What is demanded of asyncup, as bars that a run passes or not. Pure.

A bar that cannot be looked at, because a workload or a client is missing in the run, is not there at all: the table
names the missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.figures import Figures
from benchmarks.report import Measured, Report
from benchmarks.roofline.model import link_seconds
from benchmarks.workloads import BARE, NEAR, OURS, PEERS, SENDALL

__all__ = ["Bar", "bars_of"]

MIB = 2**20
OF_ROOFLINE = 0.90
OF_BARE_LOOP = 0.90
OF_LINK = 0.97
OF_COLD = 0.95
TIMES_PEERS, TIMES_PEERS_TLS = 3.0, 2.2
CPU_OVER_STEPS = 1.15
MEMORY_MIB = 256 + 60
SMALL_FILE_US = 300.0
GROWTH_MIB = 10.0
SINK_OF_BARE = 0.90


@dataclass(frozen=True, slots=True)
class Bar:
    """A demand. `at_least` says on which side of `bar` the value must be."""

    claim: str
    value: float
    bar: float
    at_least: bool = True

    @property
    def holds(self) -> bool:
        """Whether the run passes it."""
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def __str__(self) -> str:
        verdict, side = ("ok  " if self.holds else "FAIL"), ("at least" if self.at_least else "at most")
        return f"{verdict} {self.claim}: {self.value:.2f} ({side} {self.bar:g})"


def bars_of(report: Report) -> list[Bar]:
    """Return every bar that the run can be held to."""
    bars = [bar for measured in report.measured for bar in _bars(measured)]
    return bars + list(_growth(report))


def _bars(measured: Measured) -> Iterator[Bar]:
    name, ours = measured.workload.name, measured.of(OURS)
    if ours is None:
        return
    if measured.workload.files > 1:
        yield from _small_files(measured, ours)
    elif measured.workload.link is not None:
        yield _link(measured, ours)
    elif measured.workload.cold:
        yield from _cold(measured, ours)
    elif measured.limit is not None:
        yield from _against_machine(measured, ours)
    times = TIMES_PEERS_TLS if measured.workload.tls else TIMES_PEERS
    for peer in PEERS:
        figures = measured.of(peer)
        if figures is not None and figures.ours_is is not None:
            yield Bar(f"{name}: times {peer}", figures.ours_is.median, times)


def _against_machine(measured: Measured, ours: Figures) -> Iterator[Bar]:
    name, bare = measured.workload.name, measured.of(SENDALL)
    if measured.workload.md5:
        if ours.of_roofline is not None:
            yield Bar(f"{name}: share of the roofline", ours.of_roofline, OF_ROOFLINE)
        if measured.limit is not None:
            steps = measured.limit.costs.md5 + measured.limit.costs.send
            yield Bar(
                f"{name}: CPU, times MD5 and bare send", ours.cpu_s_per_gb / steps, CPU_OVER_STEPS, at_least=False
            )
        yield Bar(f"{name}: peak memory, MiB", ours.peak_rss_bytes / MIB, MEMORY_MIB, at_least=False)
    elif bare is not None and bare.ours_is is not None:
        yield Bar(f"{name}: share of the bare loop", bare.ours_is.median, OF_BARE_LOOP)
    wire, near = measured.of(BARE), measured.of(NEAR)
    if wire is not None and near is not None:
        # The same buffer, and the quicker one of two: what the sink takes from it, it takes from no slower one.
        yield Bar(
            f"{name}: sendall into the sink, share of a bare socket", near.rate.median / wire.rate.median, SINK_OF_BARE
        )


def _small_files(measured: Measured, ours: Figures) -> Iterator[Bar]:
    bare = measured.of("aiohttp posts")
    if bare is not None:
        above = ours.cpu_us_per_file - bare.cpu_us_per_file
        yield Bar(f"{measured.workload.name}: CPU above a bare POST, us a file", above, SMALL_FILE_US, at_least=False)


def _link(measured: Measured, ours: Figures) -> Bar:
    link = measured.workload.link
    assert link is not None  # noqa: S101 - the caller has looked
    workload = measured.workload
    model_s = link_seconds(
        workload.size,
        workload.part_size,
        bytes_per_s=link.bytes_per_s,
        round_trip_s=link.round_trip_s,
        server_s=link.server_s,
    )
    share = ours.rate.median * 1e9 / (workload.size / model_s)
    return Bar(f"{workload.name}: share of the model", share, OF_LINK)


def _cold(measured: Measured, ours: Figures) -> Iterator[Bar]:
    disk = measured.of("cold read")
    if disk is not None and measured.limit is not None:
        slower = min(disk.rate.median, measured.limit.roofline)
        yield Bar(
            f"{measured.workload.name}: share of the slower of disk and roofline", ours.rate.median / slower, OF_COLD
        )


def _growth(report: Report) -> Iterator[Bar]:
    small, large = report.of("file of 1 GiB sparse"), report.of("file of 10 GiB sparse")
    if small is None or large is None:
        return
    one, ten = small.of(OURS), large.of(OURS)
    if one is not None and ten is not None:
        grown = (ten.peak_rss_bytes - one.peak_rss_bytes) / MIB
        yield Bar("10 GiB: peak memory above that of 1 GiB, MiB", grown, GROWTH_MIB, at_least=False)
