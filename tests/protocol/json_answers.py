"""Answers for tests: any at all, and those that look like Vault's."""

import json
from typing import Any

from hypothesis import strategies as st

from asyncup.protocol.answers import Answer

ERROR_TYPES = [
    "API_LIMIT_EXCEEDED",
    "ATTRIBUTE_NOT_SUPPORTED",
    "AUTHENTICATION_FAILED",
    "CONFIGURATION_MODE_ENABLED",
    "EXCEEDS_FILE_MAX_SIZE",
    "FEDERATED_ID_ALREADY_EXISTS",
    "INACTIVE_USER",
    "INCORRECT_QUERY_SYNTAX",
    "INCORRECT_QUERY_SYNTAX_ERROR",
    "INSUFFICIENT_ACCESS",
    "INVALID_DATA",
    "INVALID_FILTER",
    "INVALID_SESSION_ID",
    "ITEM_NAME_EXISTS",
    "MALFORMED_URL",
    "METHOD_NOT_SUPPORTED",
    "NO_PASSWORD_PROVIDED",
    "OPERATION_IN_PROGRESS",
    "OPERATION_NOT_ALLOWED",
    "PARAMETER_REQUIRED",
    "PASSWORD_CHANGE_REQUIRED",
    "RACE_CONDITION",
    "SDK_ERROR",
    "UNEXPECTED_ERROR",
    "USERNAME_OR_PASSWORD_INCORRECT",
    "USER_LOCKED_OUT",
    "USER_NOT_FOUND",
]
"""Every error type of the fact sheet's section 4."""

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**17, 10**30)
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["1", "0", "-1", "\ud800", "SUCCESS", "FAILURE", "EXCEPTION", "\u0661", "9" * 400])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)

_FIELDS = [
    *["id", "path", "name", "size", "uploaded", "uploaded_parts", "owner", "created_date", "expiration_date"],
    *["part_number", "part_content_md5", "part_content_MD5", "kind", "file_content_md5", "job_id", "status", "url"],
    *["user", "user_name__v", "security_profile__v", "type", "message", "next_page"],
]
ROW = st.dictionaries(st.sampled_from(_FIELDS), SCALARS, max_size=8)
USERS = st.lists(st.fixed_dictionaries({"user": ROW | SCALARS}), max_size=2)

VAULT_LIKE = st.fixed_dictionaries(
    {"responseStatus": st.sampled_from(["SUCCESS", "WARNING", "FAILURE", "EXCEPTION", "success", "", 1, None])},
    optional={
        "data": ROW | st.lists(ROW, max_size=3) | JSON,
        "jobs": st.lists(ROW, max_size=3) | JSON,
        "users": USERS | JSON,
        "values": ROW | JSON,
        "vaultIds": st.lists(ROW, max_size=3) | JSON,
        "sessionId": SCALARS,
        "vaultId": SCALARS,
        "userId": SCALARS,
        "responseDetails": ROW | JSON,
        "responseMessage": SCALARS,
        "errors": st.lists(ROW | JSON, max_size=3) | ROW | JSON,
        "errorType": SCALARS | st.sampled_from(ERROR_TYPES),
    },
)

BODIES = (
    st.binary(max_size=60)
    | JSON.map(lambda value: json.dumps(value).encode())
    | VAULT_LIKE.map(lambda value: json.dumps(value).encode())
    | VAULT_LIKE.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass"))
    | st.tuples(VAULT_LIKE, st.integers(1, 40)).map(lambda cut: json.dumps(cut[0]).encode()[: -cut[1]])
    | st.sampled_from([b"", b"null", b"[" * 5_000, b"9" * 10_000, b"<html>\r\n<h1>Bad Gateway</h1>", b"\xef\xbb\xbf{}"])
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["retry-after", "content-type", "x-vaultapi-executionid", "x-vaultapi-downtimeexpecteddurationminutes"]
    ),
    st.text(max_size=12)
    | st.sampled_from(
        ["5", "-1", "1.5", "\u0661", "9" * 5000, "application/json", "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct"]
    ),
)
STATUSES = st.sampled_from([200, 206, 301, 302, 400, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504]) | st.integers(
    100, 999
)

ANSWERS = st.builds(Answer, STATUSES, HEADERS, BODIES, st.floats(0, 4e9))


def answer(status: int = 200, *, headers: dict[str, str] | None = None, now_s: float = 0.0, **document: Any) -> Answer:  # noqa: ANN401 - JSON
    """An answer as Vault writes it."""
    return Answer(status, headers or {}, json.dumps(document).encode(), now_s)


def success(**document: Any) -> Answer:  # noqa: ANN401 - JSON
    """A success with these fields."""
    return answer(responseStatus="SUCCESS", **document)


def failure(
    error_type: str, message: str = "no", *, status: int = 200, headers: dict[str, str] | None = None
) -> Answer:
    """A documented refusal."""
    errors = [{"type": error_type, "message": message}]
    return answer(status, headers=headers, responseStatus="FAILURE", errors=errors)


SUCCESSES = VAULT_LIKE.map(
    lambda document: Answer(200, {}, json.dumps({**document, "responseStatus": "SUCCESS"}).encode())
)
"""Answers that report a success, with fields of any type and content."""
