"""The plots, as SVG on white panels, so that they can be read on a light and on a dark page.

Each is one module with a pure part (what is shown) and a drawing part. Must not know how anything was measured.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.plots.clients import draw_clients
from benchmarks.plots.link import draw_links
from benchmarks.plots.memory import draw_memory
from benchmarks.plots.style import save
from benchmarks.plots.timeline import draw_timeline
from benchmarks.report import Report
from benchmarks.trace import Trace

__all__ = ["write_plots"]


def write_plots(report: Report, trace: Trace | None, folder: Path, *, suffix: str = "svg") -> list[Path]:
    """Write every plot that there are figures for, and return the files."""
    drawn = {
        "throughput": draw_clients(report),
        "link": draw_links(report),
        "memory": draw_memory(report),
        "timeline": draw_timeline(trace) if trace else None,
    }
    folder.mkdir(parents=True, exist_ok=True)
    return [save(figure, folder / f"{name}.{suffix}") for name, figure in drawn.items() if figure is not None]
