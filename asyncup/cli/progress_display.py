"""Showing progress on stderr: live on a terminal, else a plain line every few seconds.

Both only read a `Progress`, from a thread of their own. Must not know events, files or what is done
with a result.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TextIO

from asyncup.cli.messages import one_line
from asyncup.cli.progress import Progress, ProgressView
from asyncup.cli.sizes import show_bytes

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["every", "showing"]

_PLAIN_INTERVAL_S = 5.0
_LIVE_INTERVAL_S = 0.125


def showing(
    progress: Progress,
    *,
    quiet: bool,
    interval_s: float = _PLAIN_INTERVAL_S,
    stream: TextIO | None = None,
) -> AbstractContextManager[None]:
    """Show `progress` while inside: live on a terminal, else in plain lines, never when `quiet`."""
    stream = sys.stderr if stream is None else stream
    if quiet:
        return nullcontext()
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return _live(progress, stream)
    return _plain_lines(progress, stream, interval_s)


@contextmanager
def every(interval_s: float, show: Callable[[], None]) -> Iterator[None]:
    """Call `show` every `interval_s` seconds, in a thread, while inside."""
    ended = threading.Event()

    def repeat() -> None:
        # Where nobody reads any more there is nothing to show.
        with contextlib.suppress(OSError):
            while not ended.wait(interval_s):
                show()

    # A daemon: a pipe that nobody reads must not keep the process from ending.
    thread = threading.Thread(target=repeat, name="asyncup progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=1)


@contextmanager
def _plain_lines(progress: Progress, stream: TextIO, interval_s: float) -> Iterator[None]:
    def show() -> None:
        _print_notices(progress, stream)
        print(f"asyncup: {one_line(progress.view().line())}", file=stream, flush=True)

    try:
        with every(interval_s, show):
            yield
    finally:
        _print_notices(progress, stream)


def _print_notices(progress: Progress, stream: TextIO) -> None:
    with contextlib.suppress(OSError):
        for line in progress.notices():
            print(f"asyncup: {one_line(line)}", file=stream, flush=True)


@contextmanager
def _live(progress: Progress, stream: TextIO) -> Iterator[None]:
    # Here, because rich costs time that scripts and pipes need not pay.
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    live = Live(
        console=Console(file=stream),
        get_renderable=lambda: _drawn(progress.view()),
        auto_refresh=False,  # its own thread may outlive it by a moment
        transient=True,
        redirect_stdout=False,  # it may be a file that takes the results
        redirect_stderr=False,
    )

    def refresh() -> None:
        for line in progress.notices():
            live.console.print(Text(f"asyncup: {one_line(line)}"), soft_wrap=True)
        live.refresh()

    try:
        with live, every(_LIVE_INTERVAL_S, refresh):
            yield
    finally:
        _print_notices(progress, stream)


def _drawn(view: ProgressView) -> Table:
    """Return two lines: name, bar and percentage; then the figures and what is waited for."""
    from rich.progress_bar import ProgressBar  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    first = Table.grid(padding=(0, 1), expand=True)
    first.add_column(no_wrap=True, overflow="ellipsis", max_width=40)
    first.add_column(ratio=1)
    first.add_column(justify="right", no_wrap=True)
    bar = ProgressBar(total=view.size or 1, completed=view.acknowledged, pulse=view.size is None)
    first.add_row(Text(view.path, style="bold"), bar, f"{int(view.share * 100)} %")

    waiting = Text.assemble("waiting for ", (view.waits_for, "yellow"))
    second = waiting
    if view.size is not None:
        figures = (
            f"{show_bytes(view.acknowledged)} of {show_bytes(view.size)}  "
            f"{view.rate / 1e6:.1f} MB/s  part {view.part} of {view.parts}  "
        )
        second = Text(figures, style="cyan").append_text(waiting)

    both = Table.grid(expand=True)
    both.add_column(no_wrap=True, overflow="ellipsis")
    both.add_row(first)
    both.add_row(second)
    return both
