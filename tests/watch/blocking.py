"""While tests run, a blocking call of asyncup's own code on an event loop raises.

blockbuster replaces the calls that block (files, sockets that wait, sleeping, locks that are taken) by ones that look
whether an event loop runs in their thread, and who called. Here the nearest caller decides: what asyncup calls itself
or has a library call for it must not block; a test, and a fake that stands in for something, may. The emulator is held
to it like the rest.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from blockbuster import BlockBusterFunction, BlockingError, blockbuster_ctx

__all__ = ["BlockingError", "watching_blocking_calls"]

_MAY_BLOCK = (
    # Its thread draws one last line, at the end, when nothing else is under way on the command line's own loop.
    ("asyncup/cli/progress_display.py", "every"),
)


@contextmanager
def watching_blocking_calls(ours: Path, theirs: Path) -> Iterator[None]:
    """Let no code below `ours` block an event loop, unless code below `theirs` is nearer to the call."""
    with blockbuster_ctx() as buster:
        for function in buster.functions.values():
            _judge_by_caller(function, f"{ours}{os.sep}", f"{theirs}{os.sep}")
        yield


def _judge_by_caller(function: BlockBusterFunction, ours: str, theirs: str) -> None:
    harmless = function.can_block_predicate

    def may_block(*arguments: object, **options: object) -> bool:
        return harmless(*arguments, **options) or not _called_by(ours, theirs)

    for place, name in _MAY_BLOCK:
        function.can_block_in(place, name)
    function.deactivate()
    function.can_block_predicate = may_block
    function.activate()


def _called_by(ours: str, theirs: str) -> bool:
    """Tell whether the nearest caller of either kind is one of ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(ours):
            return True
        if name.startswith(theirs) and name != __file__:
            return False
        frame = frame.f_back
    return False
