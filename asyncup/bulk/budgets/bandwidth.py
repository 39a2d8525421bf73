"""Keeping all lanes together below the bandwidth that is allowed at the moment, `--bwlimit`.

The throttle stands at the transport's seam: it cuts the slices of every payload into pieces and lets each piece wait
for its turn. First come, first served, so lanes share evenly. A change of the limit wakes whoever waits. Must not know
files, parts or where the limit comes from.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime

import anyio

from asyncup.bulk.budgets.bandwidth_timetable import Timetable
from asyncup.bulk.budgets.token_bucket import TokenBucket
from asyncup.protocol.answers import Answer
from asyncup.vault.transport import Body, HttpRequest, Transport

__all__ = ["Throttle", "ThrottledBody", "ThrottledTransport"]

_PIECE_S = 0.02
"""How long one piece may last at the rate: short pieces are what makes a slow rate smooth."""
_LEAST_PIECE, _LARGEST_PIECE = 4096, 2**20
_LOOK_AGAIN_S = 1.0
"""How soon after it the next entry of a timetable is noticed by someone who waits."""


class Throttle:
    """Lets bytes through at the rate that a timetable allows.

    Args:
        timetable: rates by the time of the week; None is no limit.
        clock: seconds that never go back.
        wall_clock: the local time.
    """

    def __init__(
        self,
        timetable: Timetable | None = None,
        *,
        clock: Callable[[], float] = anyio.current_time,
        wall_clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._timetable = timetable
        self._clock = clock
        self._wall_clock = wall_clock
        self._bucket: TokenBucket | None = None
        self._changed = anyio.Event()
        self._turn = anyio.Lock()

    @property
    def rate(self) -> float | None:
        """Bytes per second that are allowed now; None is no limit."""
        return None if self._timetable is None else self._timetable.rate_at(self._wall_clock())

    def change(self, timetable: Timetable | None) -> None:
        """Keep another limit from now on, also for those who wait already."""
        self._timetable = timetable
        self._changed.set()
        self._changed = anyio.Event()

    def piece(self, left: int) -> int:
        """Return how many bytes to ask for next, of `left`."""
        rate = self.rate
        largest = _LARGEST_PIECE if rate is None else math.floor(rate * _PIECE_S)
        return min(left, max(_LEAST_PIECE, min(largest, _LARGEST_PIECE)))

    async def take(self, length: int) -> None:
        """Wait until `length` bytes may go out. Cancelled, nothing was taken."""
        if self.rate is None and not self._turn.locked():
            return
        async with self._turn:
            while (wait_s := self._wait_s()) > 0:
                with anyio.move_on_after(min(wait_s, _LOOK_AGAIN_S)):
                    await self._changed.wait()
            if self._bucket is not None:
                self._bucket.take(length, self._clock())

    def _wait_s(self) -> float:
        rate, now_s = self.rate, self._clock()
        if rate is None:
            self._bucket = None
            return 0.0
        if self._bucket is None:
            self._bucket = TokenBucket(rate, now_s)
        elif self._bucket.rate != rate:
            self._bucket.change(rate, now_s)
        return self._bucket.wait_s(now_s)


@dataclass(frozen=True, slots=True)
class ThrottledBody:
    """A `Body` whose slices wait for a throttle."""

    body: Body
    throttle: Throttle

    @property
    def length(self) -> int:
        """See `Body`."""
        return self.body.length

    async def slices(self) -> AsyncIterator[memoryview]:
        """See `Body`."""
        async for view in self.body.slices():
            begin = 0
            while begin < view.nbytes:
                length = self.throttle.piece(view.nbytes - begin)
                await self.throttle.take(length)
                yield view[begin : begin + length]
                begin += length


@dataclass(frozen=True, slots=True)
class ThrottledTransport:
    """A `Transport` whose payloads wait for a throttle. Small bodies (forms) do not."""

    transport: Transport
    throttle: Throttle

    async def send(self, request: HttpRequest) -> Answer:
        """See `Transport`."""
        body = request.body
        if body is not None and not isinstance(body, bytes) and not self._may_pass(body):
            request = replace(request, body=ThrottledBody(body, self.throttle))
        return await self.transport.send(request)

    async def aclose(self) -> None:
        """See `Transport`."""
        await self.transport.aclose()

    def _may_pass(self, body: Body) -> bool:
        """Tell whether a payload is so small that a limit which comes while it is sent need not be kept for it."""
        return self.throttle.rate is None and body.length <= _LARGEST_PIECE
