"""The plots can be drawn, the same each time. How they look is for people to see."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.figures import Figures
from benchmarks.report import Measured, Report
from benchmarks.statistics import spread
from benchmarks.trace import Trace, spans_of
from benchmarks.workloads import OURS, Link, Workload
from tests.benchmarks.reports import measured, report
from tests.benchmarks.test_trace import RECORDS

plots = pytest.importorskip("benchmarks.plots", reason="matplotlib is not installed", exc_type=ImportError)


def full_report() -> Report:
    """One of everything that is drawn."""
    ours = Figures(OURS, spread([0.06]), None, None, 1.5, 0.2, 0.0, 200 * 2**20)
    over_a_link = Measured(Workload(name="link", size=10**8, link=Link(0.02, 125e6)), None, (ours,), {})
    sizes = [Measured(Workload(name=f"file of {size}", size=size), None, (ours,), {}) for size in (1, 2**20, 2**30)]
    tls = replace(measured(), workload=replace(measured().workload, name="TLS", tls=True))
    return report(tls, over_a_link, *sizes)


def test_every_plot_is_drawn_and_the_same_again(tmp_path: Path) -> None:
    trace = Trace("one upload", tuple(spans_of(RECORDS)))
    drawn = [plots.write_plots(full_report(), trace, tmp_path / folder) for folder in ("once", "again")]
    assert [path.name for path in drawn[0]] == ["throughput.svg", "link.svg", "memory.svg", "timeline.svg"]
    digests = [[hashlib.sha256(path.read_bytes()).hexdigest() for path in paths] for paths in drawn]
    assert digests[0] == digests[1]


def test_what_was_not_measured_is_not_drawn(tmp_path: Path) -> None:
    nothing = replace(report(), measured=())
    assert plots.write_plots(nothing, None, tmp_path) == []
