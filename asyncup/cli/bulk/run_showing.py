"""Showing a bulk run on stderr while it runs: live on a terminal, else a plain line every few seconds.

It draws in a thread of its own from the newest view that it was handed, so that neither drawing nor a terminal that
takes nothing ever holds the event loop. Must not know where views come from.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TextIO

from asyncup.cli.bulk.run_view import RunView, plain_line
from asyncup.cli.messages import one_line
from asyncup.cli.progress_display import every

__all__ = ["Shown", "showing_run"]

_PLAIN_INTERVAL_S = 5.0
_LIVE_INTERVAL_S = 0.25


class Shown:
    """What is to be shown: the newest view, and notices that are shown once each. Hand over on any thread."""

    def __init__(self) -> None:
        self.view: RunView | None = None
        self._notices: deque[str] = deque()

    def say(self, notice: str) -> None:
        """Show a line that is no progress."""
        self._notices.append(notice)

    def notices(self) -> Iterator[str]:
        """Yield, once, what was said since the last call."""
        while self._notices:
            yield f"asyncup: {one_line(self._notices.popleft())}"


def showing_run(
    shown: Shown, *, quiet: bool, interval_s: float = _PLAIN_INTERVAL_S, stream: TextIO | None = None
) -> AbstractContextManager[None]:
    """Show `shown` while inside: live on a terminal, else in plain lines; when `quiet`, only what is said."""
    stream = sys.stderr if stream is None else stream
    if not quiet and stream.isatty() and os.environ.get("TERM") != "dumb":
        return _live(shown, stream)
    return _plain_lines(shown, stream, interval_s, quiet=quiet)


@contextmanager
def _plain_lines(shown: Shown, stream: TextIO, interval_s: float, *, quiet: bool) -> Iterator[None]:
    look_s = min(interval_s, _LIVE_INTERVAL_S)  # what is said is said soon
    looks = itertools.cycle(range(round(interval_s / look_s)))
    next(looks)

    def show() -> None:
        _print_notices(shown, stream)
        if next(looks) == 0 and shown.view is not None and not quiet:
            print(f"asyncup: {one_line(plain_line(shown.view))}", file=stream, flush=True)

    try:
        with every(look_s, show):
            yield
    finally:
        _print_notices(shown, stream)


def _print_notices(shown: Shown, stream: TextIO) -> None:
    with contextlib.suppress(OSError):
        for line in shown.notices():
            print(line, file=stream, flush=True)


@contextmanager
def _live(shown: Shown, stream: TextIO) -> Iterator[None]:
    # Here, because rich costs time that scripts and pipes need not pay.
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from asyncup.cli.bulk.run_drawing import draw  # noqa: PLC0415

    console = Console(file=stream)
    live = Live(
        console=console,
        get_renderable=lambda: Text("") if shown.view is None else draw(shown.view, height=console.height),
        auto_refresh=False,  # its own thread may outlive it by a moment
        transient=True,
        redirect_stdout=False,  # it may be a file that takes the log
        redirect_stderr=False,
    )

    def refresh() -> None:
        for line in shown.notices():
            console.print(Text(line), soft_wrap=True)
        live.refresh()

    try:
        with live, every(_LIVE_INTERVAL_S, refresh):
            yield
    finally:
        _print_notices(shown, stream)
