"""A program that starts clients by forking, in milliseconds: `python -m tests.loopback.nursery`.

Each line of its stdin is an `Errand`; a child of its own runs it, with stderr in the errand's progress file plus
`.err`. On stdout it answers with one line of JSON when a child has begun, `{"client": ..., "pid": ...}`, and one when
it has ended, `{"client": ..., "code": ...}`, negative for a signal. It ends with its stdin.

It has no threads and no event loop, because a fork would copy half of them.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import traceback
from types import FrameType

from tests.loopback.lanes import Errand, main as run_lanes

CRASHED = 70


class Nursery:
    """Children and who they are."""

    def __init__(self) -> None:
        self._clients: dict[int, str] = {}
        self._input = b""
        # A child's end wakes the select.
        self._awake, wake = os.pipe()
        os.set_blocking(self._awake, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, _ignored)

    def run(self) -> None:
        is_open = True
        while is_open or self._clients:
            ready, _, _ = select.select([self._awake, *([0] if is_open else [])], [], [])
            if self._awake in ready:
                os.read(self._awake, 4096)
                self._reap()
            if 0 in ready:
                is_open = self._obey()

    def _obey(self) -> bool:
        data = os.read(0, 1 << 16)
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            self._start(line.decode())
        return bool(data)

    def _start(self, text: str) -> None:
        errand = Errand.read(text)
        pid = os.fork()
        if pid == 0:
            _be_a_child(text, f"{errand.progress}.err")
        self._clients[pid] = errand.client_id
        _tell(client=errand.client_id, pid=pid)

    def _reap(self) -> None:
        while self._clients:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            _tell(client=self._clients.pop(pid), code=os.waitstatus_to_exitcode(status))


def _ignored(number: int, frame: FrameType | None) -> None:
    """The wakeup file descriptor tells; a handler is needed for it to be told at all."""


def _be_a_child(text: str, errors: str) -> None:
    """Never returns."""
    code = CRASHED
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        told = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for fd, to in ((0, nothing), (1, nothing), (2, told)):
            os.dup2(to, fd)
        code = run_lanes(text)
    except BaseException:  # noqa: BLE001 - the end of the process
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _tell(**facts: object) -> None:
    os.write(1, (json.dumps(facts) + "\n").encode())


if __name__ == "__main__":
    Nursery().run()
