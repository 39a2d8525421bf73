"""One upload as bars over time: when each part was read, hashed, sent, and waited for. The overlap is to be seen."""

from __future__ import annotations

from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Patch

from benchmarks.plots.style import BLUE, GREEN, GREY, YELLOW, panel
from benchmarks.trace import Doing, Trace

__all__ = ["draw_timeline"]

_COLOURS = {Doing.READ: GREEN, Doing.HASH: YELLOW, Doing.SEND: BLUE, Doing.WAIT: GREY}
_LABELS = {
    Doing.READ: "read",
    Doing.HASH: "MD5",
    Doing.SEND: "send",
    Doing.WAIT: "wait for the answer",
}
_HEIGHT = 0.2


def draw_timeline(trace: Trace) -> Drawing:
    """Draw it: a row for each part, in it a lane for each thing that is done to it."""
    parts = max(span.part for span in trace.spans)
    figure, [axes] = panel(width=9.0, height=1.6 + 0.42 * parts)
    for lane, (doing, colour) in enumerate(_COLOURS.items()):
        spans = [span for span in trace.spans if span.doing is doing]
        axes.barh(
            [span.part + (lane - 1.5) * _HEIGHT for span in spans],
            [span.end_s - span.begin_s for span in spans],
            left=[span.begin_s for span in spans],
            height=_HEIGHT,
            color=colour,
            edgecolor=colour,  # so that a few milliseconds are seen, too
            linewidth=1.5,
        )
    axes.set_yticks(range(1, parts + 1), [f"part {number}" for number in range(1, parts + 1)])
    axes.set_ylim(parts + 0.6, 0.4)
    axes.set_xlim(0, max(span.end_s for span in trace.spans) * 1.01)
    axes.set_xlabel("seconds")
    axes.set_title(trace.title, fontsize=11)
    patches = [Patch(color=colour, label=_LABELS[doing]) for doing, colour in _COLOURS.items()]
    axes.legend(handles=patches, loc="upper right", fontsize=9)
    return figure
