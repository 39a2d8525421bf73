"""What a failure means for the request that met it. Pure: facts in, verdict out; jitter is an argument.

Vault has no idempotency key (none is documented), so the question is always whether Vault may have done what was
asked. Reading changes nothing and is simply asked again; after a doubtful change, Vault is asked what it holds. Error
types are Veeva's documented list; what is said of an unknown one is a definite refusal. Must not know how waiting and
repeating are done.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from http import HTTPStatus

from asyncup.errors import (
    AccessRefused,
    AsyncupError,
    ConfigurationError,
    ItemExists,
    LoginError,
    MalformedAnswer,
    ProxyRefused,
    TlsRefused,
    TransportError,
    VaultAway,
    VaultError,
    VaultUnreachable,
)
from asyncup.protocol.pacing import STATUS_BUSY
from asyncup.protocol.requests import Operation

__all__ = ["RetryPolicy", "Verdict", "allowed_attempts", "backoff_s", "classify", "counts"]


class Verdict(enum.Enum):
    """What to do about a failure."""

    RETRY = "wait, then send the same again: Vault did nothing"
    RECONCILE = "ask Vault what it holds: it may have done it"
    LOG_IN = "log in again, then send the same again"
    GIVE_UP = "tell the caller: the same again would fail the same"


READING = frozenset(
    {
        Operation.SESSION_DETAILS,
        Operation.LIST_PARTS,
        Operation.LIST_SESSIONS,
        Operation.LIST_ITEMS,
        Operation.DOWNLOAD,
        Operation.JOB_STATUS,
        Operation.JOB_HISTORIES,
        Operation.JOB_MONITORS,
        Operation.KEEP_ALIVE,
        Operation.WHO_AM_I,
        Operation.API_VERSIONS,
    }
)
"""Operations that change nothing: a doubt about them is settled by asking again."""

_ONCE = frozenset(
    {
        Operation.CREATE_SESSION,
        Operation.COMMIT,
        Operation.ABORT,
        Operation.CREATE_FILE,
        Operation.CREATE_FOLDER,
        Operation.MOVE_ITEM,
        Operation.DELETE_ITEM,
    }
)
"""Done twice, they are refused or leave something behind. A proxy's 503 is a doubt for them: it may be the answer that
the proxy did not get. Others may simply be repeated: a part of the same number overwrites."""

_BUSY = frozenset({"API_LIMIT_EXCEEDED", "OPERATION_IN_PROGRESS", "RACE_CONDITION"})
"""Refused before anything was done; the same may work a little later."""

_FAULT = frozenset({"UNEXPECTED_ERROR"})
"""A fault in Vault: what was done is not known."""

_DEFINITE = frozenset(
    {
        "ATTRIBUTE_NOT_SUPPORTED",
        "CONFIGURATION_MODE_ENABLED",
        "EXCEEDS_FILE_MAX_SIZE",
        "INCORRECT_QUERY_SYNTAX",
        "INCORRECT_QUERY_SYNTAX_ERROR",
        "INVALID_DATA",
        "INVALID_FILTER",
        "MALFORMED_URL",
        "METHOD_NOT_SUPPORTED",
        "OPERATION_NOT_ALLOWED",
        "PARAMETER_REQUIRED",
        "SDK_ERROR",
    }
)
"""The request itself is wrong, whatever the status (documented types)."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how long to wait.

    The first five are followed by each upload for itself; the others are about all lanes of a Vault together, and are
    taken from the policy that the `Vault` was made with.

    Attributes:
        max_attempts: attempts for the same thing in all, the first included; 1 never repeats. A part that is
            acknowledged starts the count anew. With the default pauses, 20 attempts outlast about six minutes of a
            network or a Vault that is away.
        first_contact_attempts: attempts while this Vault has not given a single good answer yet, and no connection or
            somebody else's page is what comes: then a wrong name is likelier than an outage.
        base_s: the longest first pause, in seconds; it doubles with each failure.
        cap_s: the longest pause, in seconds. A `Retry-After` is honoured up to `retry_after_cap_s` instead.
        retry_after_cap_s: the longest `Retry-After` that is waited for, in seconds.
        shared_retries: retries that all lanes together make without waiting for each other; every success gives a
            tenth of one back.
        shared_retries_per_s: how many more in a second. A retry that is too many waits, up to `cap_s`.
        breaker_failures: failures in a row, of all lanes, without one sign of life ...
        breaker_after_s: ... and the seconds they must go on for, until Vault counts as away: from then on one call at
            a time tries, and the others wait, which costs them no attempt.
        outage_s: how long Vault may be away, in seconds, before every lane ends with `VaultAway`. A single upload may
            end earlier, by `max_attempts`.
    """

    max_attempts: int = 20
    first_contact_attempts: int = 3
    base_s: float = 0.5
    cap_s: float = 60.0
    retry_after_cap_s: float = 300.0
    shared_retries: float = 20.0
    shared_retries_per_s: float = 1.0
    breaker_failures: int = 10
    breaker_after_s: float = 30.0
    outage_s: float = 900.0

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: no attempt at all, a negative time, or no retry ever.
        """
        times_s = (self.base_s, self.cap_s, self.retry_after_cap_s, self.breaker_after_s, self.outage_s)
        counts_from_one = min(self.max_attempts, self.first_contact_attempts, self.breaker_failures) >= 1
        # Written so that no comparison with NaN lets it through.
        if not counts_from_one or not all(time_s >= 0 for time_s in times_s):
            raise ConfigurationError(f"a retry policy needs one attempt and no negative times, not {self}")
        if not self.shared_retries >= 0 or not self.shared_retries_per_s > 0:
            raise ConfigurationError(f"a retry policy needs retries that come back, not {self}")


def classify(operation: Operation, error: AsyncupError) -> Verdict:
    """Say what `error` means for a request of this kind.

    Logging in comes before any other request and is repeated by itself: when that has failed, so has the request.
    """
    verdict = Verdict.GIVE_UP
    if _of_login(error) and operation is not Operation.LOG_IN:
        return verdict
    if isinstance(error, TransportError):
        verdict = _of_transport(error)
    elif isinstance(error, LoginError):
        verdict = Verdict.LOG_IN if error.expired and operation is not Operation.LOG_IN else Verdict.GIVE_UP
    elif isinstance(error, VaultError):
        verdict = _of_refusal(operation, error)
    if verdict is Verdict.RECONCILE and operation in READING:
        return Verdict.RETRY
    return verdict


def allowed_attempts(policy: RetryPolicy, error: AsyncupError, *, reached: bool) -> int:
    """Return how many attempts there are in all. `reached` tells whether this Vault gave a good answer before."""
    if isinstance(error, VaultUnreachable | MalformedAnswer) and not reached:
        return min(policy.max_attempts, policy.first_contact_attempts)
    return policy.max_attempts


def counts(error: AsyncupError) -> bool:
    """Tell whether an attempt that ended so is one of those allowed: not when this machine slept meanwhile."""
    return not (isinstance(error, TransportError) and error.slept)


def backoff_s(policy: RetryPolicy, attempt: int, *, jitter: float, retry_after_s: float | None = None) -> float:
    """Return the seconds to wait after failed attempt number `attempt` (from 1).

    Full jitter: a random share `jitter` (0 to 1) of an exponentially growing pause, so that many uploads that failed
    together do not come back together. A `Retry-After` is the least that is waited, up to the policy's cap for it.
    """
    ceiling = min(policy.cap_s, policy.base_s * 2.0 ** min(attempt - 1, 30))
    pause = ceiling * jitter
    if retry_after_s is None:
        return pause
    return min(retry_after_s, policy.retry_after_cap_s) + pause


def _of_login(error: AsyncupError) -> bool:
    return isinstance(error, TransportError | VaultError) and error.operation == Operation.LOG_IN.value


def _of_transport(error: TransportError) -> Verdict:
    if isinstance(error, TlsRefused | ProxyRefused | VaultAway):
        return Verdict.GIVE_UP
    return Verdict.RETRY if isinstance(error, VaultUnreachable) else Verdict.RECONCILE


def _of_refusal(operation: Operation, error: VaultError) -> Verdict:
    if isinstance(error, MalformedAnswer):
        return Verdict.RECONCILE
    if error.error_type in _BUSY:
        return Verdict.RETRY
    if error.error_type in _FAULT or error.response_status == "EXCEPTION":
        return Verdict.RECONCILE
    if error.response_status is not None:
        # During an upgrade Vault answers with a body of its own, and says how long to wait.
        busy = error.retry_after_s is not None or (error.status in STATUS_BUSY and error.error_type not in _DEFINITE)
        return Verdict.RETRY if busy and not isinstance(error, AccessRefused | ItemExists) else Verdict.GIVE_UP
    return _of_status(operation, error.status)


def _of_status(operation: Operation, status: int) -> Verdict:
    """Say what a status alone means, which is not Vault's own word but a server's, or a proxy's, before it."""
    if status == HTTPStatus.SERVICE_UNAVAILABLE and operation in _ONCE:
        return Verdict.RECONCILE
    if status in STATUS_BUSY:
        return Verdict.RETRY
    return Verdict.RECONCILE if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Verdict.GIVE_UP
