"""Every exception asyncup raises, with the facts a person or a program needs to act on it.

An exception says *what happened*: which file and part, what Vault answered, how often it was tried. It holds no
policy: whether to try again is decided by `asyncup.protocol.retry.classify`, from the facts kept here. This module
knows nothing of HTTP libraries, files or event loops, and imports nothing but the root of the tree.

    AsyncupError
    ├── ConfigurationError        no Vault or no credentials were given, or they make no sense
    ├── DestinationError          the path asked for in Vault cannot name a file
    ├── LimitExceeded             a limit of Vault does not allow this file
    ├── UploadInterrupted         it was asked to end before the file was done
    ├── SourceError               the local file
    │   ├── SourceNotFound
    │   ├── SourceNotAFile
    │   ├── SourceUnreadable
    │   └── SourceChanged
    ├── TransportError            no complete answer arrived
    │   ├── VaultUnreachable      nothing was sent
    │   │   ├── VaultAway         for longer than a run may wait
    │   │   └── ProxyRefused      trying again cannot help
    │   └── TlsRefused            nothing was sent, and trying again cannot help
    ├── VaultError                Vault answered, and refused
    │   ├── LoginError            credentials, or an expired login
    │   ├── AccessRefused
    │   ├── ItemExists
    │   ├── UploadSessionNotFound
    │   ├── MalformedAnswer       an answer that is none of Vault's
    │   └── JobFailed
    └── IntegrityError            bytes here and bytes there are not the same
        ├── SizeMismatch
        ├── ChecksumMismatch
        └── UploadSessionConflict
"""

from __future__ import annotations

import enum

from asyncup.errors.root import AsyncupError

__all__ = [
    "AccessRefused",
    "AsyncupError",
    "ChecksumMismatch",
    "ConfigurationError",
    "DestinationError",
    "IntegrityError",
    "ItemExists",
    "JobFailed",
    "LimitExceeded",
    "LoginError",
    "MalformedAnswer",
    "Phase",
    "ProxyRefused",
    "SizeMismatch",
    "SourceChanged",
    "SourceError",
    "SourceNotAFile",
    "SourceNotFound",
    "SourceUnreadable",
    "TlsRefused",
    "TransportError",
    "UploadInterrupted",
    "UploadSessionConflict",
    "UploadSessionNotFound",
    "VaultAway",
    "VaultError",
    "VaultUnreachable",
]


class ConfigurationError(AsyncupError):
    """The Vault's name or the credentials are missing or make no sense. Nothing was sent."""


class DestinationError(AsyncupError):
    """The path asked for in Vault cannot name a file. Nothing was sent."""

    def __init__(self, destination: str, reason: str) -> None:
        super().__init__(f"destination {destination!r} {reason}", hint="Give a path such as /u42/folder/video.mp4")
        self.destination = destination


class LimitExceeded(AsyncupError):
    """One of Vault's limits does not allow this. Nothing was sent.

    Attributes:
        limit: the field of `asyncup.protocol.limits.Limits` that says no.
        asked: what would be needed.
        allowed: what the limit allows.
    """

    def __init__(self, limit: str, asked: int, allowed: int, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message} [{limit} is {allowed}, asked for {asked}]", hint=hint)
        self.limit = limit
        self.asked = asked
        self.allowed = allowed


class UploadInterrupted(AsyncupError):
    """It was asked to end early: no failure. `session_id` can be continued; or `job_id` finishes the file by itself."""

    job_id: int | None = None


class SourceError(AsyncupError):
    """The local file cannot be used."""

    def __init__(self, path: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class SourceNotFound(SourceError):
    """There is no such file."""


class SourceNotAFile(SourceError):
    """It is a directory, a pipe, a device: not a regular file."""


class SourceUnreadable(SourceError):
    """The operating system refuses to open or read it."""


class SourceChanged(SourceError):
    """The file was changed, replaced or shortened while it was being uploaded. Nothing wrong was committed."""

    attributes_only: bool = False
    """Its size and its time of writing are the same, so that its bytes may be, too: continuing compares them."""


class Phase(enum.Enum):
    """How far an HTTP exchange had come when it broke."""

    CONNECT = "connecting"
    TLS = "the TLS handshake"
    WRITE = "sending the request"
    ANSWER = "waiting for the answer"


class TransportError(AsyncupError):
    """The exchange broke before a complete answer arrived: what Vault did with the request is not known.

    Attributes:
        operation: what was being asked of Vault, in words.
        phase: how far the exchange had come.
        reason: what broke it.
        unanswered: True when everything was sent, and no answer came within its deadline.
        slept: True when this machine slept meanwhile, or its clock jumped: no fault of the Vault's.
    """

    unanswered: bool = False
    slept: bool = False

    def __init__(self, operation: str, phase: Phase, reason: str, *, hint: str = "") -> None:
        super().__init__(f"{operation}: broke while {phase.value}: {reason}", hint=hint)
        self.operation = operation
        self.phase = phase
        self.reason = reason


class VaultUnreachable(TransportError):
    """No connection: the name is unknown, the port is closed, the network is away. Nothing was sent."""


class VaultAway(VaultUnreachable):
    """No lane has had a good answer from this Vault for longer than an outage is waited for.

    Attributes:
        away_s: seconds since the first failure.
    """

    away_s: float = 0.0

    def __init__(self, operation: str, phase: Phase, reason: str, *, hint: str = "") -> None:
        super().__init__(operation, phase, reason, hint=hint)
        AsyncupError.__init__(self, f"{operation}: Vault is away: {reason}", hint=hint)


class ProxyRefused(VaultUnreachable):
    """The proxy between here and Vault does not let us through: its login, or its rules."""


class TlsRefused(TransportError):
    """The server's certificate was not accepted, or it does not speak TLS. Nothing was sent."""


class VaultError(AsyncupError):
    """Vault answered, and the answer is not a success.

    Attributes:
        operation: what was asked of Vault, in words.
        status: the HTTP status.
        response_status: Vault's `responseStatus` (FAILURE, EXCEPTION), or None when the body had none.
        error_type: Vault's error type, such as INVALID_DATA, or None. Stable within an API version (documented).
        vault_message: Vault's own words, or None. Not contractual (documented).
        retry_after_s: seconds that Vault asked to wait, or None.
        execution_id: the answer's X-VaultAPI-ExecutionId, for Veeva's support, or None.
    """

    def __init__(
        self,
        operation: str,
        *,
        status: int,
        response_status: str | None = None,
        error_type: str | None = None,
        vault_message: str | None = None,
        retry_after_s: float | None = None,
        execution_id: str | None = None,
        hint: str = "",
    ) -> None:
        said = f"{error_type or f'HTTP {status}'}: {vault_message}" if vault_message else error_type or f"HTTP {status}"
        trace = f" [execution {execution_id}]" if execution_id else ""
        super().__init__(f"{operation}: Vault said {said}{trace}", hint=hint)
        self.operation = operation
        self.status = status
        self.response_status = response_status
        self.error_type = error_type
        self.vault_message = vault_message
        self.retry_after_s = retry_after_s
        self.execution_id = execution_id


class LoginError(VaultError):
    """The credentials or the login are not accepted.

    Attributes:
        expired: True when a login that may have been good before is not valid (any more); False when the
            credentials themselves were refused, which must never be tried again (a user gets locked out).
    """

    expired: bool = False


class AccessRefused(VaultError):
    """The user is known, but lacks a permission."""


class ItemExists(VaultError):
    """Something with that name is there, and overwriting was not asked for."""


class UploadSessionNotFound(VaultError):
    """The upload session is unknown, expired (72 hours after its creation), committed or aborted."""


class MalformedAnswer(VaultError):
    """What came is not an answer of Vault: no JSON, cut off, or without what the API promises.

    Attributes:
        beginning: the first bytes of it, for a person to recognise a proxy's page by.
    """

    beginning: str = ""


class JobFailed(VaultError):
    """Vault took all bytes, but the job that makes the file appear ended without success.

    Attributes:
        job_id: the job.
        job_status: its last status, such as ERRORS_ENCOUNTERED.
    """

    job_id: int = 0
    job_status: str = ""


class IntegrityError(AsyncupError):
    """The bytes in Vault are not, or would not be, the bytes of the file. Never reported as a success."""


class SizeMismatch(IntegrityError):
    """The file's size is not the size that Vault was told, or holds."""


class ChecksumMismatch(IntegrityError):
    """Vault received other bytes than were sent: the MD5 that it returned is not ours."""


class UploadSessionConflict(IntegrityError):
    """The upload session holds bytes that are not this file's: another file, or somebody else is writing to it."""
