"""Measuring what the lane controller is told: the one place where its samples come from.

Looks at every call at the transport's seam, and at the lanes through `lane()`. Must not know what is concluded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus

from asyncup.bulk.lanes.sample import LaneSample
from asyncup.errors import TransportError
from asyncup.protocol.answers import Answer
from asyncup.protocol.pacing import RateFacts, read_rate_facts
from asyncup.vault.transport import HttpRequest, Transport

__all__ = ["LaneMeter", "MeteredTransport"]

_TROUBLE_STATUS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_LIMIT = b"API_LIMIT_EXCEEDED"


class LaneMeter:
    """Adds up what happens between two samples.

    Args:
        now: a clock in seconds that never goes back.

    Attributes:
        busy: lanes that have a file now.
        facts: what Vault last said of its burst limit.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began_s = self._busy_since_s = now()
        self._busy_s = 0.0
        self._bytes = self._calls = self._trouble = self._answers = 0
        self._turnarounds_s = 0.0
        self.busy = 0
        self.facts = RateFacts()

    @contextmanager
    def lane(self) -> Iterator[None]:
        """Count a lane as busy for as long as it has a file."""
        self._change_busy(1)
        try:
            yield
        finally:
            self._change_busy(-1)

    def written(self, length: int) -> None:
        """Note bytes that the network took."""
        self._bytes += length

    def ended(self, *, trouble: bool, turnaround_s: float | None) -> None:
        """Note a call that ended; without a turnaround when it had no answer."""
        self._calls += 1
        self._trouble += trouble
        if turnaround_s is not None:
            self._answers += 1
            self._turnarounds_s += turnaround_s

    def sample(self) -> LaneSample:
        """Return what happened since the last sample."""
        self._change_busy(0)
        now_s = self._now()
        seconds = max(now_s - self._began_s, 1e-3)
        sample = LaneSample(
            at_s=now_s,
            seconds=seconds,
            bytes_sent=self._bytes,
            calls=self._calls,
            trouble=self._trouble,
            busy_lanes=self._busy_s / seconds,
            turnaround_s=self._turnarounds_s / self._answers if self._answers else None,
            burst_limit=self.facts.limit,
            burst_remaining=self.facts.remaining,
        )
        self._began_s, self._busy_s = now_s, 0.0
        self._bytes = self._calls = self._trouble = self._answers = 0
        self._turnarounds_s = 0.0
        return sample

    def _change_busy(self, change: int) -> None:
        now_s = self._now()
        self._busy_s += self.busy * (now_s - self._busy_since_s)
        self._busy_since_s = now_s
        self.busy += change


@dataclass(frozen=True, slots=True)
class MeteredTransport:
    """A `Transport` that is looked at by a meter. `now` is the meter's clock."""

    transport: Transport
    meter: LaneMeter
    now: Callable[[], float]

    async def send(self, request: HttpRequest) -> Answer:
        """See `Transport`."""
        sent_s = self.now()

        def written(length: int) -> None:
            self.meter.written(length)
            if request.on_written is not None:
                request.on_written(length)

        def sent() -> None:
            nonlocal sent_s
            sent_s = self.now()
            if request.on_sent is not None:
                request.on_sent()

        try:
            answer = await self.transport.send(replace(request, on_written=written, on_sent=sent))
        except TransportError:
            self.meter.ended(trouble=True, turnaround_s=None)
            raise
        self.meter.ended(trouble=_is_trouble(answer), turnaround_s=self.now() - sent_s)
        facts = read_rate_facts(answer.headers)
        if facts.limit is not None:
            self.meter.facts = facts
        return answer

    async def aclose(self) -> None:
        """See `Transport`."""
        await self.transport.aclose()


def _is_trouble(answer: Answer) -> bool:
    """Tell whether an answer says that the Vault, or what stands before it, is away or busy."""
    busy = answer.status in _TROUBLE_STATUS or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return busy or (len(answer.body) < _SHORT and _LIMIT in answer.body)


_SHORT = 4096
"""A refusal is short; a listing, which may hold any name, need not be searched."""
