"""How all plots look: colours, sizes, the white panel, and a file that is the same for the same figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["BLUE", "GREEN", "GREY", "INK", "ORANGE", "YELLOW", "panel", "save"]

# Of Okabe and Ito's palette, which people who see colours differently can tell apart.
BLUE, ORANGE, GREEN, YELLOW, GREY, INK = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#9AA0A6", "#202124"

_SETTINGS: dict[Any, Any] = {
    "font.size": 11,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
    "svg.hashsalt": "asyncup",  # the same ids every time: a plot changes when its figures do
}


def panel(columns: int = 1, *, width: float = 8.0, height: float = 4.0) -> tuple[Figure, Sequence[Axes]]:
    """Return a white figure with so many panels side by side."""
    mpl.rcParams.update(_SETTINGS)
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, columns, squeeze=False)[0]
    return figure, list(axes)


def save(figure: Figure, path: Path) -> Path:
    """Write a figure, without the date."""
    figure.savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)
    return path
