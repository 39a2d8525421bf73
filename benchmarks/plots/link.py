"""Throughput against the round trip for two part sizes: what was measured on the model's curve `S / (S / r + L)`."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from benchmarks.plots.style import BLUE, GREY, ORANGE, panel
from benchmarks.report import Measured, Report
from benchmarks.roofline.model import link_rate
from benchmarks.workloads import OURS, PART, SMALL_PART, Link

__all__ = ["draw_links"]

_PARTS = {PART: ("50 MB parts", BLUE, "o"), SMALL_PART: ("8 MiB parts", ORANGE, "s")}
_FARTHEST_MS = 120


def draw_links(report: Report) -> Drawing | None:
    """Draw it, one panel for each rate of the line; None when nothing of it was measured."""
    found: dict[float, list[tuple[Link, Measured]]] = {}
    for measured in report.measured:
        link = measured.workload.link
        if link is not None and measured.of(OURS) is not None:
            found.setdefault(link.bytes_per_s, []).append((link, measured))
    if not found:
        return None
    figure, panels = panel(len(found), width=4.9 * len(found), height=4.0)
    for axes, (rate, points) in zip(panels, sorted(found.items()), strict=True):
        _draw(axes, rate, points)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=10)
    return figure


def _draw(axes: Axes, rate: float, points: list[tuple[Link, Measured]]) -> None:
    server_s = points[0][0].server_s
    axes.axhline(rate / 1e6, color=GREY, linewidth=1, linestyle="--")
    axes.text(_FARTHEST_MS, rate / 1e6 * 0.985, "the line", color=GREY, ha="right", va="top", fontsize=10)
    for part_size, (label, colour, marker) in _PARTS.items():
        milliseconds = list(range(_FARTHEST_MS + 1))
        curve = [link_rate(part_size, bytes_per_s=rate, turnaround_s=ms / 1e3 + server_s) / 1e6 for ms in milliseconds]
        axes.plot(milliseconds, curve, color=colour, linewidth=1.2, label=f"model, {label}")
        mine = [(link, m.of(OURS)) for link, m in points if m.workload.part_size == part_size]
        axes.plot(
            [link.round_trip_s * 1e3 for link, _ in mine],
            [figures.rate.median * 1e3 for _, figures in mine if figures is not None],
            marker,
            color=colour,
            label=f"asyncup, {label}",
        )
    axes.set_xlim(0, _FARTHEST_MS)
    axes.set_ylim(0, rate / 1e6 * 1.08)
    axes.set_xlabel("round trip, ms")
    axes.set_ylabel("MB/s")
    axes.set_title(f"a line of {rate / 1e6:.0f} MB/s, server time {server_s * 1e3:.0f} ms", fontsize=11)
