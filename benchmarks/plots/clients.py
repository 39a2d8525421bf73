"""Throughput of each client against the roofline, one panel for plain HTTP and one for TLS."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from benchmarks.plots.style import BLUE, GREY, INK, ORANGE, panel
from benchmarks.report import Measured, Report
from benchmarks.workloads import MINIMAL, OURS, PEERS

__all__ = ["draw_clients"]

_PANELS = {"plain": "HTTP, 50 MB parts, MD5", "TLS": "HTTPS, 50 MB parts, MD5"}


def draw_clients(report: Report) -> Drawing | None:
    """Draw it; None when nothing of it was measured."""
    found = [(title, measured) for name, title in _PANELS.items() if (measured := report.of(name)) is not None]
    if not found:
        return None
    figure, panels = panel(len(found), width=4.9 * len(found), height=3.4)
    for axes, (title, measured) in zip(panels, found, strict=True):
        _draw(axes, title, measured)
    return figure


def _draw(axes: Axes, title: str, measured: Measured) -> None:
    shown = [figures for figures in measured.figures if figures.client in (OURS, MINIMAL, *PEERS)]
    shown.sort(key=lambda figures: figures.rate.median)
    rates = [figures.rate.median for figures in shown]
    spread = [
        [figures.rate.median - figures.rate.low for figures in shown],
        [figures.rate.high - figures.rate.median for figures in shown],
    ]
    names = ["minimal program" if figures.client == MINIMAL else figures.client for figures in shown]
    colours = [BLUE if figures.client == OURS else GREY for figures in shown]
    axes.barh(names, rates, xerr=spread, color=colours, ecolor=INK, capsize=2, height=0.65)
    most = max([*(figures.rate.high for figures in shown), *([measured.limit.roofline] if measured.limit else [])])
    for row, rate in enumerate(rates):  # in a column of their own, clear of bars, spreads and the roofline
        axes.text(most * 1.18, row, f"{rate:.2f}", ha="right", va="center")
    if measured.limit is not None:
        axes.axvline(measured.limit.roofline, color=ORANGE, linewidth=1.5)
        label = f" roofline {measured.limit.roofline:.2f} \n with hashlib "  # short: it fits on one side of the line
        side = "left" if measured.limit.roofline < most / 2 else "right"
        axes.text(measured.limit.roofline, -1.05, label, color=ORANGE, ha=side, va="center", fontsize=10)
        axes.set_ylim(-1.6, len(shown) - 0.4)
    axes.set_xlim(0, most * 1.18)
    axes.set_xlabel("GB/s")
    axes.set_title(title, fontsize=11)
