"""Made-up runs and reports for the tests of what is made of them."""

from __future__ import annotations

from benchmarks.figures import figures_of, limit_of
from benchmarks.report import Measured, Report
from benchmarks.runner import Run, Series
from benchmarks.workloads import LIMITS, MD5, MINIMAL, OURS, SENDALL, TOGETHER, Workload

GB = 10**9

COMPARED = Workload(name="plain", size=GB, clients=(*LIMITS, TOGETHER, OURS), rotating=("requests", "httpx"), rounds=2)


def run(client: str, round_: int, seconds: float, cpu_s: float = 1.5, peak_mib: int = 230) -> Run:
    """A run of one GB: `seconds` is also seconds per GB."""
    return Run(client, round_, seconds, cpu_s, 0.2, peak_mib * 2**20)


def series() -> Series:
    """Two rounds: asyncup at 1.0 GB/s, twice to five times what the others do."""
    made = Series(COMPARED, missing={"httpx": "httpx is not installed"})
    for round_ in (1, 2):
        made.runs += [run(MD5, round_, 1.35 / 2, 1.35), run(TOGETHER, round_, 0.2, 0.2)]
        made.runs += [run(SENDALL, round_, 0.4, 0.3), run(MINIMAL, round_, 0.95), run(OURS, round_, 1.0, 1.7)]
    made.runs += [run("requests", 1, 3.2)]
    return made


def measured() -> Measured:
    """The figures of `series`, on two cores and with 1.35 core-seconds of MD5 per GB."""
    made = series()
    limit = limit_of(made, cores=2)
    return Measured(made.workload, limit, tuple(figures_of(made, limit)), made.missing)


def report(*more: Measured) -> Report:
    """A report of it."""
    machine = {
        "processor": "A processor",
        "cores": "2",
        "memory": "4 GiB",
        "system": "Linux 6",
        "python": "CPython 3.11",
        "openssl": "OpenSSL 3",
        "aiohttp": "3.14",
        "revision": "abc1234",
    }
    return Report("make bench-quick", machine, 0.75, 1.5, 55.0, (measured(), *more))
