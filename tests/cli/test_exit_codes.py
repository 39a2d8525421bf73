"""Every kind of error has its exit code, and every exit code its line in the help."""

import inspect

import pytest

from asyncup import errors
from asyncup.cli.exit_codes import _CODES, ExitCode, exit_code_for, exit_codes_help
from asyncup.errors import (
    AsyncupError,
    LimitExceeded,
    LoginError,
    MalformedAnswer,
    SourceNotFound,
    SourceUnreadable,
    TransportError,
    VaultError,
    VaultUnreachable,
)

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, AsyncupError)]


def test_there_are_kinds_of_errors() -> None:
    assert {AsyncupError, LoginError, SourceUnreadable} <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_error_has_a_code_of_its_own_in_the_table(kind: type[AsyncupError]) -> None:
    assert kind in _CODES


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not AsyncupError])
def test_only_what_is_a_bug_ends_as_one(kind: type[AsyncupError]) -> None:
    assert _CODES[kind] not in (ExitCode.OK, ExitCode.BUG)


@pytest.mark.parametrize("error_type", ["CONFIGURATION_MODE_ENABLED", "UNEXPECTED_ERROR", "API_LIMIT_EXCEEDED"])
def test_a_vault_that_is_configured_or_busy_is_away(error_type: str) -> None:
    error = errors.VaultError("uploading a part", status=200, error_type=error_type)
    assert exit_code_for(error) is ExitCode.VAULT_AWAY


def test_a_kind_that_is_derived_later_ends_like_its_family() -> None:
    class ConnectionLost(TransportError):
        pass

    error = ConnectionLost("uploading a part", errors.Phase.WRITE, "reset by peer")
    assert exit_code_for(error) is ExitCode.VAULT_AWAY


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SourceNotFound("a", "is not there"), 10),
        (SourceUnreadable("a", "permission denied"), 12),
        (SourceUnreadable("a", "I/O error").locate(part=7), 4),
        (LimitExceeded("max_file_size", 2, 1, "too large"), 7),
        (VaultUnreachable("logging in", errors.Phase.CONNECT, "refused"), 5),
        (
            VaultError("committing", status=200, response_status="FAILURE", error_type="INVALID_DATA"),
            9,
        ),
        (VaultError("committing", status=429), 5),
        (VaultError("committing", status=503), 5),
        (VaultError("committing", status=200, response_status="EXCEPTION"), 5),
        (
            VaultError("committing", status=200, response_status="FAILURE", error_type="API_LIMIT_EXCEEDED"),
            5,
        ),
        (MalformedAnswer("committing", status=200), 9),
        (LoginError("logging in", status=200, error_type="USER_LOCKED_OUT"), 6),
    ],
)
def test_a_script_can_tell_what_to_do_from_the_code(error: AsyncupError, code: int) -> None:
    assert exit_code_for(error) == code


def test_the_help_names_every_code_once() -> None:
    rows = [line for line in exit_codes_help().splitlines() if line.startswith("| ")][1:]
    assert [int(row.split("|")[1]) for row in rows] == sorted(ExitCode)
    assert all(code.when in row for code, row in zip(ExitCode, rows, strict=True))
