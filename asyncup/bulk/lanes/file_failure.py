"""What a failure means for the run that it happened in: a file's own, a passing one, or the end of everything. Pure.

What it means for the request that met it, and how often that is repeated, is `protocol.retry`'s word, and was said
before anything comes here.
"""

from __future__ import annotations

import enum

from asyncup.bulk.errors import UnexpectedMd5
from asyncup.errors import (
    AccessRefused,
    AsyncupError,
    ChecksumMismatch,
    ConfigurationError,
    ItemExists,
    JobFailed,
    LoginError,
    SourceChanged,
    SourceError,
    TlsRefused,
    TransportError,
    UploadSessionConflict,
    UploadSessionNotFound,
    VaultError,
    VaultUnreachable,
)
from asyncup.protocol.requests import Operation
from asyncup.protocol.retry import Verdict, classify

__all__ = ["Meaning", "error_type_of", "keeps_session", "meaning_of"]

_OF_THE_VAULT = frozenset({"CONFIGURATION_MODE_ENABLED"})
"""Error types that every other file would be refused with, too."""

_OPERATIONS = {operation.value: operation for operation in Operation}


class Meaning(enum.Enum):
    """What comes after a file's failure."""

    STOPS_RUN = "no other file would fare better"
    PASSING = "the same file may do better next time"
    FINAL = "the same file would fail the same"


def meaning_of(error: AsyncupError) -> Meaning:
    """Say what is to be done after a file failed."""
    if _stops_run(error):
        return Meaning.STOPS_RUN
    if isinstance(error, SourceChanged):
        return Meaning.PASSING if error.attributes_only else Meaning.FINAL
    if isinstance(error, ChecksumMismatch):
        return Meaning.FINAL if isinstance(error, UnexpectedMd5) else Meaning.PASSING
    if isinstance(error, TransportError | UploadSessionNotFound | JobFailed):
        return Meaning.PASSING
    if isinstance(error, VaultError) and not isinstance(error, ItemExists | AccessRefused):
        operation = _OPERATIONS.get(error.operation)
        passing = operation is not None and classify(operation, error) is not Verdict.GIVE_UP
        return Meaning.PASSING if passing else Meaning.FINAL
    return Meaning.FINAL


def keeps_session(error: AsyncupError) -> bool:
    """Tell whether a file that is given up leaves its upload session open: who tries again then goes on with it.

    One that holds what cannot become the file, or that Vault will have no more of, is aborted: a Vault has 50 of them.
    """
    if isinstance(error, UploadSessionNotFound | JobFailed):
        return False
    # In a conflict, somebody else is writing there.
    resumable = isinstance(error, SourceError | UploadSessionConflict) and not isinstance(error, SourceChanged)
    return resumable or meaning_of(error) is Meaning.PASSING


def error_type_of(error: AsyncupError) -> str:
    """Return the name of a failure for records: Vault's own where there is one."""
    vaults_own = error.error_type if isinstance(error, VaultError) else None
    return vaults_own or type(error).__name__


def _stops_run(error: AsyncupError) -> bool:
    if isinstance(error, VaultError) and error.error_type in _OF_THE_VAULT:
        return True
    # Nothing that can be said of one file is a `ConfigurationError`; the journal's failures are.
    return isinstance(error, LoginError | VaultUnreachable | TlsRefused | ConfigurationError)
