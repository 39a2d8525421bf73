"""A program that uploads, for tests that look at a process from outside: `python -m tests.loopback.uploader PLAN`.

PLAN is JSON: `path`, and what `Order` has. It prints one line of JSON for every upload: how it ended, and what the
process has cost so far. With `measure_loop` it also tells how long every callback held the event loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import threading
import time
from asyncio import events
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from asyncup import AsyncupError, TokenLogin, UploadOptions, Vault, upload
from asyncup.events import BuffersChanged, BytesWritten, Event, PartAcknowledged, PartRead, UploadStarted

LONG_S = 0.02
"""A callback that holds the loop for longer is told."""


@dataclass
class Order:
    """What is to be done.

    Attributes:
        path: the file.
        rounds: how often it is uploaded, each time into a new upload session.
        part_size, memory, buffers: as in `UploadOptions`.
        truncate_at: for each round, at which event of a kind the file is truncated to zero by another thread.
        measure_loop: whether callbacks are timed.
    """

    path: str
    rounds: int = 1
    part_size: int = 5_242_880
    memory: int = 64 * 2**20
    buffers: Literal["auto", "copied"] = "auto"
    truncate_at: list[tuple[str, int]] | None = None
    measure_loop: bool = False


@dataclass
class Ended:
    """How an upload ended. `truncated_before`: the file was truncated before the last part was acknowledged."""

    error: str | None = None
    message: str = ""
    size: int = 0
    bytes_written: int = 0
    elapsed_s: float = 0.0
    buffers: str = ""
    changed_buffers: bool = False
    truncated_before: bool = False
    peak_rss: int = 0


class Truncation:
    """Another program that takes everything out of the file, at a moment that is given in events."""

    KINDS: ClassVar[dict[str, type[Event]]] = {"start": UploadStarted, "read": PartRead, "written": BytesWritten}

    def __init__(self, path: str, kind: str, nth: int) -> None:
        self._kind = self.KINDS[kind]
        self._left = nth
        self._now = threading.Event()
        self.over_before_the_end = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(path,))
        self._thread.start()

    def __call__(self, event: Event) -> None:
        if isinstance(event, self._kind):
            self._left -= 1
            if self._left == 0:
                self._now.set()
        if isinstance(event, PartAcknowledged):
            self.over_before_the_end = self._over.is_set()

    def end(self) -> None:
        """Let it happen now, if it has not happened yet, and wait for its end."""
        self._now.set()
        self._thread.join()

    def _run(self, path: str) -> None:
        self._now.wait()
        os.truncate(path, 0)
        self._over.set()


async def run(order: Order) -> None:
    content = Path(order.path).read_bytes() if order.truncate_at else b""
    authority = os.environ.get("AUTHORITY")
    trust = ssl.create_default_context(cafile=authority) if authority else None
    options = UploadOptions(part_size=order.part_size, memory_budget=order.memory, buffers=order.buffers)
    async with Vault(os.environ["VAULT_URL"], TokenLogin(os.environ["VAULT_TOKEN"]), ssl_context=trust) as vault:
        for number in range(order.rounds):
            if content:
                Path(order.path).write_bytes(content)
            size = Path(order.path).stat().st_size
            session = await vault.create_upload_session(f"/u1/{os.getpid()}-{number}", size)
            ended = Ended(size=size)
            truncation = None
            if order.truncate_at is not None:
                truncation = Truncation(order.path, *order.truncate_at[number])
            hook = partial(_tell, ended, truncation)
            try:
                result = await upload(order.path, session.id, vault=vault, options=options, on_event=hook)
                ended.bytes_written, ended.elapsed_s = result.bytes_written, result.elapsed_s
            except AsyncupError as error:
                ended.error, ended.message = type(error).__name__, str(error)
            if truncation is not None:
                truncation.end()
                ended.truncated_before = truncation.over_before_the_end
            await vault.abort_upload_session(session.id)
            ended.peak_rss = _peak_rss()
            print(json.dumps(asdict(ended)), flush=True)  # noqa: T201 - whoever started it reads that


def _tell(ended: Ended, truncation: Truncation | None, event: Event) -> None:
    if truncation is not None:
        truncation(event)
    if isinstance(event, UploadStarted):
        ended.buffers = event.buffers.value
    elif isinstance(event, BuffersChanged):
        ended.changed_buffers = True


def _peak_rss() -> int:
    """Not `ru_maxrss`: that one remembers the parent's memory from before the exec."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


class LoopTimes:
    """How long callbacks hold the loop: on the clock, and on the processor (which a busy machine does not lengthen)."""

    def __init__(self) -> None:
        self.callbacks = 0
        self.long: list[tuple[float, float, str]] = []

    def install(self) -> None:
        """Time every callback from now on."""
        real = events.Handle._run

        def timed(handle: events.Handle) -> None:
            begun, begun_cpu = time.perf_counter(), time.thread_time()
            real(handle)
            wall_s, cpu_s = time.perf_counter() - begun, time.thread_time() - begun_cpu
            self.callbacks += 1
            if wall_s > LONG_S:
                self.long.append((wall_s, cpu_s, repr(handle)[:300]))

        events.Handle._run = timed  # type: ignore[method-assign, assignment]  # that is how it is measured


def main() -> None:
    settings: dict[str, Any] = json.loads(sys.argv[1])
    order = Order(**settings)
    times = LoopTimes()
    if order.measure_loop:
        times.install()

    async def debugged() -> None:
        if order.measure_loop:
            loop = asyncio.get_running_loop()
            loop.set_debug(True)
            loop.slow_callback_duration = LONG_S
        await run(order)

    asyncio.run(debugged())
    if order.measure_loop:
        told = {"callbacks": times.callbacks, "long": times.long}
        print(json.dumps(told), flush=True)  # noqa: T201 - whoever started it reads that


if __name__ == "__main__":
    main()
