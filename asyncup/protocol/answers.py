"""Reading one answer: the body first, the HTTP status second; a success comes back as JSON, all else as an exception.

Veeva documents that API errors come with status 200 and a `responseStatus` in the body; live, unknown endpoints were
answered with 404 and JSON, and field code handles plain 401, 429 and 5xx without a body of Vault's. So a body that is
Vault's decides, and the status speaks only where there is none. Must not know what is done about a refusal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from asyncup.errors import AccessRefused, ItemExists, LoginError, MalformedAnswer, VaultError
from asyncup.protocol.requests import Operation

__all__ = ["Answer", "read_bytes", "read_json", "read_range"]

_BEGINNING = 120
"""How many characters of an answer that is not Vault's are shown."""

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/(?:[0-9]{1,18}|\*)")

_LOGIN_EXPIRED = frozenset({"INVALID_SESSION_ID"})
_LOGIN_REFUSED = frozenset(
    {
        "AUTHENTICATION_FAILED",
        "INACTIVE_USER",
        "NO_PASSWORD_PROVIDED",
        "PASSWORD_CHANGE_REQUIRED",
        "USERNAME_OR_PASSWORD_INCORRECT",
        "USER_LOCKED_OUT",
    }
)

_PASSING = frozenset({"API_LIMIT_EXCEEDED", "OPERATION_IN_PROGRESS", "RACE_CONDITION", "UNEXPECTED_ERROR"})
"""What says nothing of the credentials when a login is refused so. Any other type does, an unknown one included."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came over HTTP. `headers` have lower-case names; `now_s` is the time of its arrival (Unix seconds).

    Its repr leaves the body out: the answer to a login holds a secret.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    now_s: float = 0.0


def read_json(operation: Operation, answer: Answer) -> dict[str, Any]:
    """Return the answer's JSON object when Vault reports a success.

    Raises:
        LoginError: the login has expired or the credentials are refused.
        AccessRefused: a permission is missing.
        ItemExists: the name is taken and overwriting was not asked for.
        MalformedAnswer: the answer is not one of Vault's.
        VaultError: any other refusal.
    """
    document = _document(answer.body)
    if document is None:
        raise _without_document(operation, answer)
    if document["responseStatus"] in ("SUCCESS", "WARNING"):
        if answer.status < HTTPStatus.BAD_REQUEST:
            return document
        raise malformed(operation, answer, f"HTTP status {answer.status} with a body that reports a success")
    raise _refusal(operation, answer, document)


def read_bytes(operation: Operation, answer: Answer) -> bytes:
    """Return a download's bytes. Errors arrive as JSON instead of bytes (seen), so the content type decides.

    Raises:
        VaultError: as `read_json`.
    """
    if answer.status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT) and "json" not in answer.headers.get(
        "content-type", ""
    ):
        return answer.body
    document = _document(answer.body)
    if document is None and answer.status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return answer.body
    if document is None:
        raise _without_document(operation, answer)
    raise _refusal(operation, answer, document)


def read_range(operation: Operation, answer: Answer, *, offset: int, length: int) -> bytes:
    """Return a download's bytes when they are the range that was asked for, or less of it at the file's end.

    Raises:
        VaultError: as `read_json`; MalformedAnswer for another range, or a page of somebody else's.
    """
    content = read_bytes(operation, answer)
    told = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    whole = answer.status == HTTPStatus.OK and told is None and offset == 0
    asked = told is not None and int(told[1]) == offset and int(told[2]) - offset + 1 == len(content)
    untold = answer.status == HTTPStatus.PARTIAL_CONTENT and "content-range" not in answer.headers
    if not (whole or asked or untold) or len(content) > length or "html" in answer.headers.get("content-type", ""):
        raise malformed(operation, answer, f"not the {length} bytes from {offset} on")
    return content


def malformed(operation: Operation, answer: Answer, what: str) -> MalformedAnswer:
    """Return the exception for an answer that Vault would not give; it shows the beginning of what came."""
    beginning = _beginning(operation, answer)
    seen = f"; it begins {beginning!r}" if beginning else "" if answer.body else "; it is empty"
    error = MalformedAnswer(
        operation.value,
        status=answer.status,
        vault_message=what + seen,
        retry_after_s=_retry_after_s(answer),
        hint="Is this a Vault, and is there a proxy in between?",
    )
    error.beginning = beginning
    return error


def _beginning(operation: Operation, answer: Answer) -> str:
    """Return what may be shown of an answer: nothing of the one to a login, which holds a secret, whole or cut off."""
    if operation is Operation.LOG_IN:
        return ""
    return answer.body[: 4 * _BEGINNING].decode("utf-8", "replace")[:_BEGINNING]


def _document(body: bytes) -> dict[str, Any] | None:
    """Return the body when it is a JSON object with a `responseStatus`, as every answer of Vault is."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(document, dict) and isinstance(document.get("responseStatus"), str):
        return document
    return None


def _without_document(operation: Operation, answer: Answer) -> VaultError:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return _expired(LoginError(operation.value, status=answer.status, vault_message="the login is not valid"))
    if answer.status == HTTPStatus.FORBIDDEN:
        return AccessRefused(operation.value, status=answer.status, vault_message="forbidden")
    if answer.status < HTTPStatus.BAD_REQUEST:
        return malformed(operation, answer, "not an answer of Vault's")
    return VaultError(
        operation.value,
        status=answer.status,
        vault_message=" ".join(_beginning(operation, answer).split()) or None,
        retry_after_s=_retry_after_s(answer),
        execution_id=answer.headers.get("x-vaultapi-executionid"),
        hint=_PROXY if answer.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED else "",
    )


def _refusal(operation: Operation, answer: Answer, document: Mapping[str, Any]) -> VaultError:
    error_type, message = _first_error(document)
    kind: type[VaultError] = VaultError
    if error_type in _LOGIN_EXPIRED or error_type in _LOGIN_REFUSED:
        kind = LoginError
    elif operation is Operation.LOG_IN:
        passing = error_type in _PASSING or document["responseStatus"] == "EXCEPTION"
        kind = VaultError if passing else LoginError
    elif error_type == "INSUFFICIENT_ACCESS":
        kind = AccessRefused
    elif error_type == "ITEM_NAME_EXISTS":
        kind = ItemExists
    elif answer.status == HTTPStatus.UNAUTHORIZED:
        kind = LoginError
    error = kind(
        operation.value,
        status=answer.status,
        response_status=str(document["responseStatus"]),
        error_type=error_type,
        vault_message=message,
        retry_after_s=_retry_after_s(answer),
        execution_id=answer.headers.get("x-vaultapi-executionid"),
        hint=_HINTS.get(error_type or "", ""),
    )
    if isinstance(error, LoginError) and error_type not in _LOGIN_REFUSED and operation is not Operation.LOG_IN:
        return _expired(error)
    return error


_PROXY = "Give the proxy's user and password as http_proxy=http://user:password@proxy:port"

_HINTS = {
    "CONFIGURATION_MODE_ENABLED": "The Vault is closed to all but administrators: run it again later",
    "INSUFFICIENT_ACCESS": "The user's security profile needs File Staging: Access and API: Access API",
    "ITEM_NAME_EXISTS": "Choose another name, or allow overwriting",
    "USERNAME_OR_PASSWORD_INCORRECT": "Check the credentials first: Vault locks a user out after a few refusals",
    "USER_LOCKED_OUT": "Ask a Vault administrator to unlock the user",
    "PASSWORD_CHANGE_REQUIRED": "Change the password in the browser first",
}


def _expired(error: LoginError) -> LoginError:
    error.expired = True
    error.hint = error.hint or "Log in again, or give a valid VEEVA_VAULT_TOKEN"
    return error


def _first_error(document: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return type and message of the first error. One documented page shows `errors` as an object, not a list."""
    errors = document.get("errors")
    if isinstance(errors, Mapping):
        errors = [errors]
    first = next((e for e in errors if isinstance(e, Mapping)), {}) if isinstance(errors, Sequence) else {}
    error_type = first.get("type") or document.get("errorType")
    message = first.get("message") or document.get("responseMessage")
    return (str(error_type) if error_type else None, str(message) if message else None)


def _retry_after_s(answer: Answer) -> float | None:
    """Return the seconds to wait, from `Retry-After` in its number or its date form (RFC 9110, 10.2.3).

    During an upgrade of Vault, its own header tells the minutes that it is expected to take (documented).
    """
    value = answer.headers.get("retry-after", "").strip()
    if not value:
        minutes = answer.headers.get("x-vaultapi-downtimeexpecteddurationminutes", "").strip()
        return float(minutes) * 60 if minutes.isascii() and minutes.isdigit() else None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
        # A zone of -0000 comes without one, and would be taken for ours.
        date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        return max(0.0, date.timestamp() - answer.now_s)
    except (ValueError, OverflowError):
        return None
