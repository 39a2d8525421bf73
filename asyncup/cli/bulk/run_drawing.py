"""The live display of a bulk run: a pure function from what there is to see to what rich draws.

Made for 80 columns; narrower terminals break its lines between figures, never inside one, and shorten names. Must not
know where the values come from, or when it is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from asyncup.cli.bulk.run_view import LaneView, RunView, show_seconds
from asyncup.cli.messages import one_line
from asyncup.cli.sizes import show_bytes

__all__ = ["draw"]

_LABEL_WIDTH = 7
_GAP = "   "
_LINES_BESIDE_LANES = 15
_FEWEST_LANES, _MOST_LANES = 3, 16
_WIDE = 64
"""From so many columns on there is room for what a lane waits for."""


def draw(view: RunView, *, height: int = 24) -> RenderableType:
    """Return the display for a terminal of `height` lines."""
    rows = max(_FEWEST_LANES, min(_MOST_LANES, height - _LINES_BESIDE_LANES))
    return Group(*_overall(view), Text(""), _Lanes(view.lanes, rows), *_below(view))


def _overall(view: RunView) -> Iterator[RenderableType]:
    yield Text(
        f"{one_line(view.source)} → {one_line(view.destination)}", style="bold", no_wrap=True, overflow="ellipsis"
    )
    bar = Table.grid(padding=(0, 1), expand=True)
    bar.add_column(ratio=1)
    bar.add_column(justify="right", no_wrap=True)
    bar.add_row(ProgressBar(total=1.0, completed=view.share), f"{int(view.share * 100)} %")
    yield bar
    more = "" if view.counted else ", still counting"
    yield _Figures("Data", _data(view))
    yield _Figures(
        "Files",
        [
            _figure(f"{view.files_done:,}", f"of {view.files:,}{more}"),
            _figure(f"{view.files_per_s:,.1f}", "per second"),
            _figure(f"{view.skipped:,}", "skipped"),
            _figure(f"{view.failed:,}", "failed", style="bold red" if view.failed else "bold"),
            _figure(f"{view.broken:,}", "broken", style="bold yellow" if view.broken else "bold"),
        ],
    )
    yield _Figures("Vault", _vault(view))
    yield _Figures("Speed", _speed(view))


def _data(view: RunView) -> list[Text]:
    figures = [
        _figure(show_bytes(view.bytes_done), f"of {show_bytes(view.bytes)}"),
        _figure(f"{view.rate_now / 1e6:.1f} MB/s", "now"),
        _figure(f"{view.rate_mean / 1e6:.1f} MB/s", "mean"),
    ]
    if view.left_s is not None:
        figures.append(_figure(show_seconds(view.left_s), "left"))
    return figures


def _vault(view: RunView) -> list[Text]:
    figures = []
    if view.burst is not None:
        low = view.burst.remaining * 10 < view.burst.limit
        style = "bold red" if low else "bold"
        figures.append(_figure(f"{view.burst.remaining:,}", f"of {view.burst.limit:,} calls left", style=style))
    allowed = "" if view.sessions_allowed is None else f"of {view.sessions_allowed} "
    figures.append(_figure(f"{view.sessions}", f"{allowed}upload sessions"))
    if view.calls_per_file is not None:
        figures.append(_figure(f"{view.calls_per_file:.1f}", "calls per file"))
    return figures


def _speed(view: RunView) -> list[Text]:
    figures = [_figure(f"{len(view.lanes)}", f"lanes busy, {view.lanes_allowed} allowed")]
    if view.waiting_for_jobs:
        figures.append(_figure(f"{view.waiting_for_jobs}", "wait for Vault's job"))
    if view.limited_by:
        figures.append(Text.assemble("limited by ", (view.limited_by, "bold yellow")))
    figures.append(_figure(show_seconds(view.elapsed_s), "so far"))
    return figures


def _below(view: RunView) -> Iterator[RenderableType]:
    if view.last_failure:
        yield _Failure(view.last_failure)
    if view.ending:
        yield Text("Ending: waiting for the parts on their way. Ctrl-C again cuts them off.", style="yellow")
    else:
        yield Text("Ctrl-C ends in order; the same command goes on later.", style="dim")


def _figure(number: str, words: str, *, style: str = "bold") -> Text:
    return Text.assemble((number, style), " ", words)


class _Figures:
    """A label and figures behind it, on as many lines as they need."""

    def __init__(self, label: str, figures: Sequence[Text]) -> None:
        self._label = label
        self._figures = figures

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines."""
        width = options.max_width
        line = Text(self._label.ljust(_LABEL_WIDTH), style="")
        line.stylize("cyan", 0, _LABEL_WIDTH)
        used = 0
        for figure in self._figures:
            if used and line.cell_len + len(_GAP) + figure.cell_len > width:
                yield from _one_line(line, console, options)
                line, used = Text(" " * _LABEL_WIDTH), 0
            line.append(_GAP if used else "").append_text(figure)
            used += 1
        yield from _one_line(line, console, options)


def _one_line(line: Text, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
    line.no_wrap, line.overflow = True, "ellipsis"
    for segments in console.render_lines(line, options, pad=False):
        yield from segments
        yield Segment.line()


class _Failure:
    """The last failure, on two lines at most."""

    def __init__(self, failure: str) -> None:
        self._failure = failure

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines."""
        text = Text.assemble(("Last failure: ", "red"), one_line(self._failure))
        lines = text.wrap(console, options.max_width, overflow="fold")
        for line in lines:
            line.rstrip()
        first, second = lines[0], Text(" ").join(lines[1:])
        yield first
        if second:
            second.no_wrap, second.overflow = True, "ellipsis"
            yield second


class _Lanes:
    """The files on their way, the largest first; those that find no room are counted."""

    def __init__(self, lanes: Sequence[LaneView], most: int) -> None:
        self._lanes = sorted(lanes, key=lambda lane: (-lane.size, lane.file))
        self._most = most

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield a table that fits."""
        wide = options.max_width >= _WIDE
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for _ in range(3 if wide else 2):
            table.add_column(justify="right", no_wrap=True)
        if wide:
            table.add_column(no_wrap=True, overflow="ellipsis", width=14)
        headings = ("File", "Size", "Part", "Done", "Waits for") if wide else ("File", "Part", "Done")
        table.add_row(*(Text(heading, style="cyan") for heading in headings))
        for lane in self._lanes[: self._most]:
            table.add_row(*_cells(lane, wide=wide))
        yield table
        hidden = len(self._lanes) - self._most
        if hidden > 0:
            yield Text(f"and {hidden} more files on their way", style="dim")


def _cells(lane: LaneView, *, wide: bool) -> list[Text]:
    part = f"{max(1, lane.part)} of {lane.parts}" if lane.parts else "-"
    done = f"{int(100 * lane.acknowledged / lane.size)} %" if lane.size else "-"
    name = Text(one_line(lane.file))
    if wide:
        return [name, Text(show_bytes(lane.size)), Text(part), Text(done), Text(lane.waits_for, style="yellow")]
    return [name, Text(part), Text(done)]
