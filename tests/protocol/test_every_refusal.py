"""Every error type of Vault's documents, in one table: which exception it is, and what is done about it.

Each is answered as Veeva documents it (status 200, FAILURE in the body), and with the HTTP status that such an error
has elsewhere: both were seen. The retry decision is asked for a request that reads, one that changes, and a login.
"""

from __future__ import annotations

import json

import pytest

from asyncup.errors import AccessRefused, ItemExists, LoginError, VaultError
from asyncup.protocol.answers import Answer, read_json
from asyncup.protocol.requests import Operation
from asyncup.protocol.retry import Verdict, classify

RETRY, RECONCILE, LOG_IN, GIVE_UP = Verdict.RETRY, Verdict.RECONCILE, Verdict.LOG_IN, Verdict.GIVE_UP

# type: (HTTP status elsewhere, exception, verdict when reading, when changing, when logging in)
TABLE: dict[str, tuple[int, type[VaultError], Verdict, Verdict, Verdict]] = {
    "INVALID_SESSION_ID": (401, LoginError, LOG_IN, LOG_IN, GIVE_UP),
    "API_LIMIT_EXCEEDED": (429, VaultError, RETRY, RETRY, RETRY),
    "OPERATION_IN_PROGRESS": (409, VaultError, RETRY, RETRY, RETRY),
    "RACE_CONDITION": (409, VaultError, RETRY, RETRY, RETRY),
    "UNEXPECTED_ERROR": (500, VaultError, RETRY, RECONCILE, RECONCILE),
    "CONFIGURATION_MODE_ENABLED": (503, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
    "SDK_ERROR": (500, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
    "AUTHENTICATION_FAILED": (401, LoginError, GIVE_UP, GIVE_UP, GIVE_UP),
    "INACTIVE_USER": (401, LoginError, GIVE_UP, GIVE_UP, GIVE_UP),
    "NO_PASSWORD_PROVIDED": (400, LoginError, GIVE_UP, GIVE_UP, GIVE_UP),
    "USERNAME_OR_PASSWORD_INCORRECT": (401, LoginError, GIVE_UP, GIVE_UP, GIVE_UP),
    "USER_LOCKED_OUT": (403, LoginError, GIVE_UP, GIVE_UP, GIVE_UP),
    "PASSWORD_CHANGE_REQUIRED": (401, LoginError, GIVE_UP, GIVE_UP, GIVE_UP),
    "INSUFFICIENT_ACCESS": (403, AccessRefused, GIVE_UP, GIVE_UP, GIVE_UP),
    "PARAMETER_REQUIRED": (400, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
    "INVALID_DATA": (400, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
    "ATTRIBUTE_NOT_SUPPORTED": (400, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
    "INVALID_FILTER": (400, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
    "METHOD_NOT_SUPPORTED": (405, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
    "MALFORMED_URL": (404, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
    "INCORRECT_QUERY_SYNTAX": (400, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
    "INCORRECT_QUERY_SYNTAX_ERROR": (400, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
    "OPERATION_NOT_ALLOWED": (403, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
    "ITEM_NAME_EXISTS": (409, ItemExists, GIVE_UP, GIVE_UP, GIVE_UP),
    "EXCEEDS_FILE_MAX_SIZE": (413, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
    "USER_NOT_FOUND": (404, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
    "FEDERATED_ID_ALREADY_EXISTS": (409, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
    "A_TYPE_OF_TOMORROW": (400, VaultError, GIVE_UP, GIVE_UP, GIVE_UP),
}
# What any request but a login may meet without a body of Vault's.
STATUSES: dict[int, tuple[type[VaultError], Verdict, Verdict]] = {
    400: (VaultError, GIVE_UP, GIVE_UP),
    401: (LoginError, LOG_IN, LOG_IN),
    403: (AccessRefused, GIVE_UP, GIVE_UP),
    404: (VaultError, GIVE_UP, GIVE_UP),
    408: (VaultError, RETRY, RETRY),
    429: (VaultError, RETRY, RETRY),
    500: (VaultError, RETRY, RECONCILE),
    502: (VaultError, RETRY, RECONCILE),
    503: (VaultError, RETRY, RECONCILE),
    504: (VaultError, RETRY, RECONCILE),
}


def refusal(operation: Operation, answer: Answer) -> VaultError:
    with pytest.raises(VaultError) as raised:
        read_json(operation, answer)
    return raised.value


@pytest.mark.parametrize("as_status", [False, True], ids=["200 and FAILURE", "its HTTP status"])
@pytest.mark.parametrize("error_type", TABLE)
def test_every_error_type(error_type: str, *, as_status: bool) -> None:
    status, kind, reading, changing, logging_in = TABLE[error_type]
    body = {"responseStatus": "FAILURE", "errors": [{"type": error_type, "message": "why"}]}
    answer = Answer(status if as_status else 200, {}, json.dumps(body).encode())
    for operation, verdict in ((Operation.LIST_PARTS, reading), (Operation.COMMIT, changing)):
        error = refusal(operation, answer)
        assert type(error) is kind
        assert (error.error_type, error.vault_message) == (error_type, "why")
        assert classify(operation, error) is verdict
    assert classify(Operation.LOG_IN, refusal(Operation.LOG_IN, answer)) is logging_in


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_alone(status: int) -> None:
    kind, reading, changing = STATUSES[status]
    for operation, verdict in ((Operation.LIST_PARTS, reading), (Operation.COMMIT, changing)):
        error = refusal(operation, Answer(status, {}, b"<html>no</html>"))
        assert type(error) is kind
        assert error.status == status
        assert classify(operation, error) is verdict


@pytest.mark.parametrize(
    "headers", [{"retry-after": "5"}, {"x-vaultapi-downtimeexpecteddurationminutes": "5"}], ids=["429", "maintenance"]
)
@pytest.mark.parametrize("status", [200, 429, 503])
def test_a_refusal_that_says_how_long_to_wait_is_waited_for(status: int, headers: dict[str, str]) -> None:
    body = json.dumps({"responseStatus": "FAILURE", "errors": [{"type": "SOMETHING_BUSY", "message": "later"}]})
    error = refusal(Operation.COMMIT, Answer(status, headers, body.encode()))
    assert error.retry_after_s in (5.0, 300.0)
    assert classify(Operation.COMMIT, error) is RETRY
