"""What happens between us and a Vault, whatever file it is for: retries, pauses, outages. Values only."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "BreakerClosed",
    "BreakerOpened",
    "BurstBudgetLow",
    "CallDelayed",
    "RetryScheduled",
    "VaultHeld",
]


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """Something will be tried again.

    Attributes:
        operation: what, in words.
        attempt: the number of the attempt that failed, counted from 1.
        delay_s: seconds until the next attempt.
        reason: what went wrong, in one line.
        path: the local file, when the retry concerns one.
        part: the part, when the retry concerns one.
        asked_s: seconds that Vault asked to wait (`Retry-After`); more than `delay_s` when that was too long for us.
    """

    operation: str
    attempt: int
    delay_s: float
    reason: str
    path: str | None = None
    part: int | None = None
    asked_s: float | None = None


@dataclass(frozen=True, slots=True)
class BurstBudgetLow:
    """Less than a tenth of the Vault's calls in this five-minute window is left; it is shared by everybody."""

    limit: int
    remaining: int


@dataclass(frozen=True, slots=True)
class CallDelayed:
    """Vault held an answer back, because its calls in this window are used up."""

    operation: str
    delay_s: float


@dataclass(frozen=True, slots=True)
class VaultHeld:
    """Vault asked to be left alone: no call goes out for so many seconds, whatever it is for.

    Attributes:
        delay_s: seconds that are waited.
        reason: what Vault said.
        asked_s: seconds that Vault asked for (`Retry-After`); None when it did not say.
    """

    delay_s: float
    reason: str
    asked_s: float | None = None


@dataclass(frozen=True, slots=True)
class BreakerOpened:
    """Vault is away: from now on one call at a time tries, and everything else waits.

    Attributes:
        failures: failures in a row, of all lanes.
        away_s: seconds since the first of them.
        reason: the last of them, in one line.
    """

    failures: int
    away_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class BreakerClosed:
    """Vault is back. `away_s` is how long it was away."""

    away_s: float
