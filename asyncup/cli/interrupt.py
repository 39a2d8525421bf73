"""Ctrl-C and SIGTERM: the first ends the work in order, the second ends the process at once.

In order means: the work is asked to end by itself, has a grace time for what is on its way, and is
cancelled when that is over. Neither way harms an upload session: it stays as it is, resumable;
saying how is the command's business. Must not know what the work is.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from types import FrameType

import anyio
from anyio.abc import TaskStatus

from asyncup.cli.event_loop import run_in_event_loop
from asyncup.cli.exit_codes import ExitCode

__all__ = ["run_interruptible"]

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
_SHOW_CURSOR = b"\x1b[?25h"


def run_interruptible(
    work: Callable[[], Awaitable[int | None]],
    on_interrupt: Callable[[], None],
    *,
    drain: Callable[[], None] | None = None,
    grace_s: float = 0.0,
) -> int:
    """Run `work` in an event loop, and return its exit code.

    Args:
        work: returns an exit code; None when it ended early because `drain` asked for it.
        on_interrupt: called after `work` has ended because of a signal, to say what is left. Then
            the exit code is that of the signal.
        drain: called on the event loop by the first SIGINT or SIGTERM, to ask the work to end.
        grace_s: seconds that the work then has, before it is cancelled.
    """
    try:
        code = run_in_event_loop(lambda: _work_or_signal(work, drain, grace_s))
    except KeyboardInterrupt:
        # Windows, whose event loops cannot listen for signals: asyncio.run cancelled the work, and
        # raises this.
        code = ExitCode.INTERRUPTED
    if code in _CODES.values():
        on_interrupt()
    return code


async def _work_or_signal(
    work: Callable[[], Awaitable[int | None]], drain: Callable[[], None] | None, grace_s: float
) -> int:
    if sys.platform == "win32":
        ended = await work()
        code = ExitCode.INTERRUPTED if ended is None else ended
    else:
        code = await _listening_work(work, drain, grace_s)
    return code


async def _listening_work(
    work: Callable[[], Awaitable[int | None]], drain: Callable[[], None] | None, grace_s: float
) -> int:
    received: list[signal.Signals] = []
    code: int | None = None
    error: Exception | None = None
    async with anyio.create_task_group() as group:
        await group.start(_end_on_signal, group.cancel_scope, received, drain, grace_s)
        try:
            code = await work()
        except Exception as raised:  # noqa: BLE001 - raised again below: the group would wrap it
            error = raised
        group.cancel_scope.cancel()
    if error is not None:
        raise error
    if code is not None:
        return code  # done before the signal could stop it
    return _CODES[received[0]]


async def _end_on_signal(
    scope: anyio.CancelScope,
    received: list[signal.Signals],
    drain: Callable[[], None] | None,
    grace_s: float,
    *,
    task_status: TaskStatus[None],
) -> None:
    with anyio.open_signal_receiver(*_CODES) as signals:
        task_status.started()
        async for signum in signals:
            received.append(signum)
            break
    # The loop's own handlers are gone here; from now on a signal does not wait for the loop either.
    for listened in _CODES:
        signal.signal(listened, _end_at_once)
    if drain is not None and grace_s > 0:
        drain()
        await anyio.sleep(grace_s)
    scope.cancel()


def _end_at_once(signum: int, _frame: FrameType | None) -> None:
    """End the process without any cleaning up, but for the cursor that a live display hides."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), _SHOW_CURSOR)
    os._exit(_CODES[signal.Signals(signum)])
