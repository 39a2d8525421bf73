"""Is Vault away altogether? Counted over all lanes of one Vault, so that an outage is met once and not by each. Pure.

Rule 1. Every sign of life closes it: an answer that Vault gave, be it a refusal.
Rule 2. It opens when that many failures in a row, whoever met them, go on for that long.
Rule 3. While it is open, one call at a time goes out to try; everybody else waits, which costs no attempt.
Rule 4. When Vault stays away for longer than an outage may last, nobody waits any more: each lane is told so, once.
        A call that comes later still may try, when it is time for one: so a Vault that comes back is noticed.
Rule 5. When several lanes meet the outage, it alone decides when to end; a single lane still has its own attempts.

Must not know how waiting is done, nor who the lanes are.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable
from http import HTTPStatus

from asyncup.errors import (
    AsyncupError,
    LoginError,
    MalformedAnswer,
    ProxyRefused,
    TlsRefused,
    TransportError,
    VaultAway,
    VaultError,
)
from asyncup.protocol.pacing import STATUS_BUSY
from asyncup.protocol.retry import RetryPolicy

__all__ = ["Breaker", "Sign", "sign_of"]

_TRY_EVERY_S = 5.0
"""From the end of one trial to the next one: soon enough to lose little of a night, seldom enough to burden nobody."""

_ITS_OWN_TROUBLE = frozenset({"OPERATION_IN_PROGRESS", "RACE_CONDITION"})
"""Vault is well, and busy with this very item."""


class Sign(enum.Enum):
    """What a failed call says of the Vault as a whole."""

    ALIVE = enum.auto()
    AWAY = enum.auto()
    NOTHING = enum.auto()


def sign_of(error: AsyncupError) -> Sign:
    """Say whether `error` is a sign of life, a sign of an outage, or neither."""
    if isinstance(error, TransportError):
        # A certificate, a proxy that refuses, or a laptop that slept are no news of the Vault.
        from_here = isinstance(error, TlsRefused | ProxyRefused | VaultAway) or error.slept
        return Sign.NOTHING if from_here else Sign.AWAY
    return _sign_of_refusal(error) if isinstance(error, VaultError) else Sign.NOTHING


def _sign_of_refusal(error: VaultError) -> Sign:
    fault_of_server = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(error, MalformedAnswer):
        return Sign.AWAY
    if error.response_status is None and not isinstance(error, LoginError):
        # Not Vault's own words: a server, or a proxy, before it.
        return Sign.AWAY if error.status in STATUS_BUSY or fault_of_server else Sign.NOTHING
    if error.error_type in _ITS_OWN_TROUBLE:
        return Sign.ALIVE
    if error.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return Sign.AWAY
    if error.response_status == "EXCEPTION" or error.error_type == "UNEXPECTED_ERROR":
        # It may be about one item, or about everything: with a status of success it counts for neither.
        return Sign.AWAY if fault_of_server else Sign.NOTHING
    return Sign.ALIVE


class Breaker:
    """What is known of one Vault. Times are seconds of one clock that never goes back.

    Args:
        policy: how many failures, over how long, and how long an outage may last.

    Attributes:
        failures: signs of an outage since the last sign of life.
        is_open: whether calls go out one at a time only.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._since: float | None = None
        self._lanes: set[Hashable] = set()
        self._trying = False
        self._try_at = 0.0
        self.failures = 0
        self.is_open = False

    @property
    def is_shared(self) -> bool:
        """True when it is open, and more than one lane met the outage."""
        return self.is_open and len(self._lanes) > 1

    def away_s(self, now: float) -> float:
        """Return for how long Vault has been away, from the first failure on; 0 when it is not."""
        return 0.0 if self._since is None else now - self._since

    def has_ended_run(self, now: float) -> bool:
        """True when Vault has been away for longer than is waited for."""
        return self.is_open and self.away_s(now) >= self._policy.outage_s

    def wait_s(self, now: float) -> float:
        """Return the seconds until a call may ask again, 0 when it may go out."""
        if not self.is_open:
            return 0.0
        return _TRY_EVERY_S if self._trying else max(0.0, self._try_at - now)

    def begin(self) -> bool:
        """A call goes out. Return True when it is the trial, whose end must be told."""
        first = self.is_open and not self._trying
        self._trying = self._trying or first
        return first

    def trial_ended(self, now: float) -> None:
        """The trial is over, whatever became of it."""
        self._trying = False
        self._try_at = now + _TRY_EVERY_S

    def alive(self) -> bool:
        """Vault gave a sign of life. Return True when that ends an outage."""
        was_open, self.is_open = self.is_open, False
        self._since = None
        self._lanes.clear()
        self.failures = 0
        return was_open

    def away(self, now: float, lane: Hashable) -> bool:
        """A call of `lane` failed as in an outage. Return True when that is what opens it."""
        if self._since is None:
            self._since = now
        self._lanes.add(lane)
        self.failures += 1
        enough = self.failures >= self._policy.breaker_failures and self.away_s(now) >= self._policy.breaker_after_s
        opens = enough and not self.is_open
        if opens:
            self.is_open = True
            self._try_at = now + _TRY_EVERY_S
        return opens
