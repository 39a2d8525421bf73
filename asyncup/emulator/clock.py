"""Time in the pretend Vault: the machine's clock, or one that a test drives.

A clock rules what Vault itself counts: job times, session and login lives, rate windows. It does
not rule how long an answer is held back on the wire (fault delays, the 500 ms of a spent burst
window): a client under test waits in real seconds, so those are real seconds too.
"""

import time
from datetime import UTC, datetime
from typing import Protocol

import anyio

FIRST_DRIVEN_INSTANT = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


class Clock(Protocol):
    """What the emulator asks of a clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep_until(self, instant: float) -> None:
        """Return as soon as `now() >= instant`."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        return time.time()

    async def sleep_until(self, instant: float) -> None:
        # More than once, because the machine's clock may be set back meanwhile.
        while (left := instant - time.time()) > 0:  # noqa: ASYNC110 - no event tells the time
            await anyio.sleep(left)


class DrivenClock:
    """Stands still until `advance` is called. Use `RunningEmulator.advance` to let due jobs end too."""

    def __init__(self, start: float = FIRST_DRIVEN_INSTANT) -> None:
        self._now = start
        self._moved = anyio.Event()

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self._now += seconds
        moved, self._moved = self._moved, anyio.Event()
        moved.set()

    async def sleep_until(self, instant: float) -> None:
        while self._now < instant:
            await self._moved.wait()


def iso(instant: float) -> str:
    """Vault's date form: UTC, milliseconds, `Z` (vault-api.md 1.3, documented)."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
