"""Exit codes: one table, which also makes the help; and which error ends with which code.

A script tells from the code alone what to do next: run it again (5, 130, 143), repair the
call (2, 14, 16), repair the file (4, 10, 11, 12), or call somebody. Must not know how errors are
shown.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Self

from asyncup import errors
from asyncup.protocol.requests import Operation
from asyncup.protocol.retry import Verdict, classify

__all__ = ["ExitCode", "exit_code_for", "exit_codes_help"]


class ExitCode(enum.IntEnum):
    """What the process ends with, and when."""

    when: str

    def __new__(cls, code: int, when: str) -> Self:
        """Make the member `code`, with its meaning as an attribute."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.when = when
        return member

    OK = 0, "everything asked for is done and verified"
    BUG = 1, "a bug in asyncup; please report the traceback"
    USAGE = 2, "the command line, the configuration (VEEVA_VAULT_...), a manifest or a journal is not usable"
    SOME_FAILED = 3, "some of several files failed; each has its line on stderr, or its record in the report"
    SOURCE_CHANGED = (
        4,
        "the file changed, or could not be read, on the way; of many files, some did, and nothing else failed",
    )
    VAULT_AWAY = 5, "Vault could not be reached, was too busy or did not answer; run it again"
    ACCESS = 6, "the login or a permission was refused"
    LIMIT = 7, "a limit of Vault does not allow it, such as a file that is too large"
    VERIFICATION = 8, "size or MD5 here and in Vault disagree"
    REFUSED = 9, "Vault refused for another reason"
    SOURCE_MISSING = 10, "the file does not exist"
    SOURCE_NOT_A_FILE = 11, "it is a directory, or no regular file"
    SOURCE_UNREADABLE = 12, "the file cannot be opened or read"
    UPLOAD_SESSION_UNKNOWN = 13, "the upload session is unknown, expired, committed or aborted"
    DESTINATION = 14, "the destination cannot name a file in Vault"
    TLS_REFUSED = 15, "the server's certificate was not accepted, or it does not speak TLS"
    EXISTS = 16, "the destination exists already, and --overwrite was not given"
    JOB_FAILED = 17, "Vault took all bytes, but the job that makes the file appear failed"
    RESULTS_LOST = 18, "everything was uploaded, but a result could not be written to stdout"
    INTERRUPTED = 130, "interrupted by Ctrl-C (SIGINT); resumable, stderr says how"
    TERMINATED = 143, "ended by SIGTERM; resumable, stderr says how"


_CODES: Mapping[type[errors.AsyncupError], ExitCode] = MappingProxyType(
    {
        # Never raised by itself; a kind that nobody put into this table is our mistake.
        errors.AsyncupError: ExitCode.BUG,
        errors.ConfigurationError: ExitCode.USAGE,
        errors.DestinationError: ExitCode.DESTINATION,
        errors.LimitExceeded: ExitCode.LIMIT,
        errors.SourceError: ExitCode.SOURCE_CHANGED,
        errors.SourceNotFound: ExitCode.SOURCE_MISSING,
        errors.SourceNotAFile: ExitCode.SOURCE_NOT_A_FILE,
        errors.SourceUnreadable: ExitCode.SOURCE_UNREADABLE,
        errors.SourceChanged: ExitCode.SOURCE_CHANGED,
        errors.TransportError: ExitCode.VAULT_AWAY,
        errors.VaultUnreachable: ExitCode.VAULT_AWAY,
        errors.VaultAway: ExitCode.VAULT_AWAY,
        errors.ProxyRefused: ExitCode.ACCESS,
        errors.TlsRefused: ExitCode.TLS_REFUSED,
        errors.VaultError: ExitCode.REFUSED,
        errors.LoginError: ExitCode.ACCESS,
        errors.AccessRefused: ExitCode.ACCESS,
        errors.ItemExists: ExitCode.EXISTS,
        errors.UploadSessionNotFound: ExitCode.UPLOAD_SESSION_UNKNOWN,
        errors.MalformedAnswer: ExitCode.REFUSED,
        errors.JobFailed: ExitCode.JOB_FAILED,
        errors.IntegrityError: ExitCode.VERIFICATION,
        errors.SizeMismatch: ExitCode.VERIFICATION,
        errors.ChecksumMismatch: ExitCode.VERIFICATION,
        errors.UploadSessionConflict: ExitCode.VERIFICATION,
        errors.UploadInterrupted: ExitCode.INTERRUPTED,
    }
)


def exit_code_for(error: errors.AsyncupError) -> ExitCode:
    """Return the code that `error` ends with."""
    code = next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
    if code is ExitCode.SOURCE_UNREADABLE and error.part is not None:
        # It could be opened, and failed on the way: that is a disk, not a permission.
        return ExitCode.SOURCE_CHANGED
    if code is ExitCode.REFUSED and type(error) is errors.VaultError and _is_passing(error):
        return ExitCode.VAULT_AWAY
    return code


def exit_codes_help() -> str:
    """Return the table for `--help`, as Markdown."""
    rows = [f"| {code.value} | {code.when} |" for code in ExitCode]
    return "\n".join(["**Exit codes**", "", "| Code | When |", "|---|---|", *rows])


def _is_passing(error: errors.VaultError) -> bool:
    """Return whether it goes away by itself: Vault is busy, faulty, or being configured (documented: for a while)."""
    is_configured = error.error_type == "CONFIGURATION_MODE_ENABLED"
    return is_configured or classify(Operation.PUT_PART, error) is not Verdict.GIVE_UP
