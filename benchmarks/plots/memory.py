"""Peak memory against the size of the file."""

from __future__ import annotations

from matplotlib.figure import Figure as Drawing

from benchmarks.plots.style import BLUE, ORANGE, panel
from benchmarks.report import Report
from benchmarks.workloads import OURS

__all__ = ["draw_memory", "sizes_and_peaks"]

MIB = 2**20
BUDGET_MIB = 256
_UNITS = ((2**30, "GiB"), (2**20, "MiB"), (1, "B"))


def draw_memory(report: Report) -> Drawing | None:
    """Draw it; None when fewer than two sizes were measured."""
    points = sizes_and_peaks(report)
    if len(points) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    figure, [axes] = panel(width=7.0, height=3.4)
    sizes, peaks = zip(*points, strict=True)
    axes.axhline(BUDGET_MIB, color=ORANGE, linewidth=1.2, linestyle="--")
    axes.text(0, BUDGET_MIB + 4, f"budget for parts, {BUDGET_MIB} MiB", color=ORANGE, va="bottom", fontsize=10)
    axes.plot(range(len(peaks)), peaks, "o-", color=BLUE, linewidth=1.2)
    axes.set_xticks(range(len(sizes)), [_show(size) for size in sizes])  # evenly: from bytes to gigabytes
    axes.set_ylim(0, max(*peaks, BUDGET_MIB) * 1.15)
    axes.set_xlabel("size of the file")
    axes.set_ylabel("peak memory of the process, MiB")
    return figure


def sizes_and_peaks(report: Report) -> list[tuple[int, float]]:
    """Return bytes and MiB of every workload that is about one file's size, the smallest first."""
    found = [
        (measured.workload.size, ours.peak_rss_bytes / MIB)
        for measured in report.measured
        if measured.workload.name.startswith("file of") and (ours := measured.of(OURS)) is not None
    ]
    return sorted(found)


def _show(size: int) -> str:
    unit, name = next((unit, name) for unit, name in _UNITS if size >= unit)
    return f"{size // unit} {name}"
