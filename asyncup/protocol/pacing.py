"""How fast Vault may be asked: what its headers say of the budget that is left, and when the next call may go out.

One `Pace` is shared by all lanes of a Vault, because Vault counts per Vault. Pure: the time is an argument.

Documented ("API rate limits"): a number of calls per Vault in fixed windows of five minutes; `X-VaultAPI-BurstLimit`
and `X-VaultAPI-BurstLimitRemaining` tell it on every answer; beyond it, each call is delayed by 500 ms, and
`X-VaultAPI-ResponseDelay` (milliseconds) appears. Logins have a limit of their own, per user and minute, 20 in the
example, throttled from half of it on. Older versions answered API_LIMIT_EXCEEDED instead of delaying.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from asyncup.errors import AsyncupError, VaultError, VaultUnreachable
from asyncup.protocol.requests import Operation

__all__ = ["STATUS_BUSY", "Pace", "RateFacts", "holds_all_lanes", "least_gap_s", "least_wait_s", "read_rate_facts"]

STATUS_BUSY = frozenset({408, 425, 429, 503})
"""Statuses of a server, or of a proxy before it, that did not take the request on (RFC 9110, RFC 6585)."""

_LOW_SHARE = 0.1
"""The share of the burst limit below which what remains is worth an event."""

_LOGINS_PER_MINUTE = 10
_MINUTE_S = 60.0
_LIMIT_WAIT_S = {Operation.JOB_STATUS: 10.0, Operation.LOG_IN: _MINUTE_S}
"""Documented: a job may be asked for every 10 s, and the login limit ends with the minute."""

_LIMIT_WAIT_OTHERWISE_S = 30.0
"""A tenth of the five-minute window, which may begin anew at any moment. Derived."""


@dataclass(frozen=True, slots=True)
class RateFacts:
    """What an answer's headers say of Vault's limits. None where they say nothing.

    Attributes:
        limit: calls in a window.
        remaining: calls left in this one.
        delay_s: seconds by which this answer was held back.
    """

    limit: int | None = None
    remaining: int | None = None
    delay_s: float | None = None


def read_rate_facts(headers: Mapping[str, str]) -> RateFacts:
    """Read the rate headers; names are lower case. What is no number is not there."""
    delay_ms = _whole(headers.get("x-vaultapi-responsedelay"))
    return RateFacts(
        _whole(headers.get("x-vaultapi-burstlimit")),
        _whole(headers.get("x-vaultapi-burstlimitremaining")),
        None if delay_ms is None else delay_ms / 1000,
    )


def least_wait_s(operation: Operation, error: VaultError) -> float | None:
    """Return the seconds that Vault wants to be left alone for after this refusal, or None when it does not say."""
    if error.retry_after_s is not None:
        return error.retry_after_s
    if error.error_type == "API_LIMIT_EXCEEDED":
        return _LIMIT_WAIT_S.get(operation, _LIMIT_WAIT_OTHERWISE_S)
    return None


def least_gap_s(operation: Operation, error: AsyncupError, job_poll_interval_s: float) -> float:
    """Return the seconds that must pass before the same is asked again, whatever the policy.

    A job may be asked for at intervals only (`Limits`): also when the answer was lost, because Vault may have counted
    it.
    """
    sent = not isinstance(error, VaultUnreachable)
    return job_poll_interval_s if sent and operation is Operation.JOB_STATUS else 0.0


def holds_all_lanes(operation: Operation, error: VaultError) -> bool:
    """Tell whether a refusal is about the whole Vault, and not about one job or one user's logins."""
    if operation in _LIMIT_WAIT_S:
        return False
    limited = error.error_type == "API_LIMIT_EXCEEDED" or error.status == HTTPStatus.TOO_MANY_REQUESTS
    return limited or (error.status == HTTPStatus.SERVICE_UNAVAILABLE and error.retry_after_s is not None)


class Pace:
    """When the next call may go out. Times are seconds of one clock that never goes back."""

    def __init__(self) -> None:
        self._held_until = 0.0
        self._low = False
        self._logins: deque[float] = deque(maxlen=_LOGINS_PER_MINUTE)
        self.facts = RateFacts()

    def observe(self, facts: RateFacts) -> bool:
        """Note an answer's facts. Return True once each time that the remaining budget becomes low."""
        self.facts = facts
        if facts.limit is None or facts.remaining is None:
            return False
        was_low, self._low = self._low, facts.remaining < facts.limit * _LOW_SHARE
        return self._low and not was_low

    def hold(self, until: float) -> None:
        """No lane asks anything before `until`."""
        self._held_until = max(self._held_until, until)

    def wait_s(self, now: float) -> float:
        """Return the seconds that a call must wait, 0 when it may go out."""
        return max(0.0, self._held_until - now)

    def login_wait_s(self, now: float) -> float:
        """Return the seconds that a login must wait so that the user is not throttled, 0 when it may go out."""
        if len(self._logins) < _LOGINS_PER_MINUTE:
            return 0.0
        return max(0.0, self._logins[0] + _MINUTE_S - now)

    def login_sent(self, now: float) -> None:
        """Note that a login goes out."""
        self._logins.append(now)


def _whole(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


_MOST_DIGITS = 12
