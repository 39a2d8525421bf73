"""When a call may go out, and what its ending means for the others: what all lanes of one Vault share.

The protocol decides (`pacing`, `breaker`, `retry_budget`, `answer_deadline`); this module waits for it, and tells it
what happened. Must not know requests' contents, logins or transports.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from asyncup.errors import AsyncupError, Phase, TransportError, VaultAway
from asyncup.events import BreakerClosed, BreakerOpened, BurstBudgetLow, CallDelayed, Event
from asyncup.protocol.answer_deadline import AnswerDeadline
from asyncup.protocol.breaker import Breaker, Sign, sign_of
from asyncup.protocol.pacing import Pace, read_rate_facts
from asyncup.protocol.requests import Operation
from asyncup.protocol.retry import RetryPolicy
from asyncup.protocol.retry_budget import RetryBudget

__all__ = ["Clock", "Turns"]


class Clock(Protocol):
    """Time and chance, so that tests need neither."""

    def now(self) -> float:
        """Return seconds of a clock that never goes back."""
        ...

    def wall(self) -> float:
        """Return Unix seconds."""
        ...

    def jitter(self) -> float:
        """Return a random number from 0 to 1."""
        ...

    def wait(self, delay_s: float) -> Awaitable[None]:
        """Let time pass."""
        ...


class Turns:
    """The turns of one Vault's calls.

    Args:
        policy: the Vault's own.
        clock: time and chance.
        emit: told of what concerns the lane that calls.
        announce: told of what concerns everybody.

    Attributes:
        pace: how fast Vault may be asked.
        deadlines: how long answers may take.
        reached: whether this Vault has given a good answer.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        clock: Clock,
        *,
        emit: Callable[[Event], None],
        announce: Callable[[Event], None],
    ) -> None:
        self._clock = clock
        self._emit = emit
        self._announce = announce
        self._breaker = Breaker(policy)
        self._budget = RetryBudget(policy.shared_retries, policy.shared_retries_per_s, policy.cap_s)
        self.pace = Pace()
        self.deadlines = AnswerDeadline()
        self.reached = False

    @property
    def outage_is_shared(self) -> bool:
        """True when Vault is away for several lanes: then a failed attempt says nothing of what was attempted."""
        return self._breaker.is_shared

    async def take(self, operation: Operation) -> None:
        """Wait while Vault wants to be left alone or is away, and with a login until it cannot be one too many.

        Raises:
            VaultAway: it has been away for too long.
        """
        clock = self._clock
        while True:
            trial_s = self._breaker.wait_s(clock.now())
            if trial_s > 0 and self._breaker.has_ended_run(clock.now()):
                raise self._away(operation)
            # Lanes that wait for the same trial do not come back together.
            wait_s = max(trial_s * (1 + clock.jitter()) if trial_s else 0.0, self.pace.wait_s(clock.now()))
            if operation is Operation.LOG_IN and wait_s <= 0:
                wait_s = self.pace.login_wait_s(clock.now())
            if wait_s <= 0:
                break
            await clock.wait(wait_s)
        if operation is Operation.LOG_IN:
            self.pace.login_sent(clock.now())

    @contextmanager
    def exchange(self, operation: Operation, length: int, lane: Hashable) -> Iterator[None]:
        """Learn from one exchange how the Vault is. `length` is the payload's."""
        trial = self._breaker.begin()
        try:
            yield
            self.reached = True
            self._budget.succeeded(self._clock.now())
            self._alive()
        except AsyncupError as error:
            if isinstance(error, TransportError) and error.unanswered:
                self.deadlines.unanswered(operation, length)
            self._learn(error, lane)
            raise
        finally:
            if trial:
                self._breaker.trial_ended(self._clock.now())

    def observe(self, operation: Operation, headers: Mapping[str, str]) -> None:
        """Note what an answer's headers say of Vault's limits."""
        facts = read_rate_facts(headers)
        if self.pace.observe(facts) and facts.limit is not None and facts.remaining is not None:
            self._emit(BurstBudgetLow(facts.limit, facts.remaining))
        if facts.delay_s:
            self._emit(CallDelayed(operation.value, facts.delay_s))

    def retry_wait_s(self) -> float:
        """Return the seconds that a retry must wait at least, so that all lanes together do not make a storm."""
        return self._budget.take_s(self._clock.now()) if self.reached else 0.0

    def refuse_outage(self, operation: Operation, error: AsyncupError) -> None:
        """Raise when `error` is one more sign of an outage that lasts for too long.

        Raises:
            VaultAway: instead of `error`.
        """
        if sign_of(error) is Sign.AWAY and self._breaker.has_ended_run(self._clock.now()):
            away = self._away(operation, error)
            raise away.locate(path=error.path, part=error.part, session_id=error.session_id) from error

    def _learn(self, error: AsyncupError, lane: Hashable) -> None:
        sign = sign_of(error)
        if sign is Sign.ALIVE:
            self._alive()
        elif sign is Sign.AWAY and self._breaker.away(self._clock.now(), lane):
            away_s = self._breaker.away_s(self._clock.now())
            self._announce(BreakerOpened(self._breaker.failures, away_s, error.message))

    def _alive(self) -> None:
        away_s = self._breaker.away_s(self._clock.now())
        if self._breaker.alive():
            self._announce(BreakerClosed(away_s))

    def _away(self, operation: Operation, last: AsyncupError | None = None) -> VaultAway:
        away_s = self._breaker.away_s(self._clock.now())
        since = datetime.fromtimestamp(self._clock.wall() - away_s, UTC)
        reason = f"no good answer for {away_s:.0f} s, since {since:%Y-%m-%d %H:%M:%S} UTC"
        if last is not None:
            reason += f"; at last: {last.message}"
        error = VaultAway(operation.value, Phase.CONNECT, reason, hint=_AGAIN)
        error.away_s = away_s
        return error


_AGAIN = "Run it again when Vault is back: it goes on where this run ended"
