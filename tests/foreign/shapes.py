"""The answers in Veeva's documents as shapes: which fields there are, of which type and form. No more and no less.

Source: Veeva's reference 26.2, "File Staging", "Jobs" and "Authentication": the sample answers.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = [
    "ABORTED",
    "COMMITTED",
    "CREATED_FILE",
    "CREATED_FOLDER",
    "DISCOVERED",
    "FAILED",
    "FEW_FIELDS",
    "HISTORIES",
    "HISTORIES_GO_ON",
    "ITEMS",
    "ITEMS_GO_ON",
    "JOB",
    "LOGGED_IN",
    "MONITORS",
    "PART",
    "PARTS",
    "PARTS_GO_ON",
    "SESSION",
    "SESSIONS",
    "STARTED",
    "VERSIONS",
    "differences",
]

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
MD5 = re.compile(r"[0-9a-f]{32}")
PATH = re.compile(r"(/[^/]+)+")
FOLDER_PATH = re.compile(r"(/[^/]+)+/")
NAME = re.compile(r"[^/\x00-\x1f]+")
URL = re.compile(r"https?://[^/ ]+/api(/.*)?")
VERSION = re.compile(r"v\d+\.\d+")
TEXT = re.compile(r".+")
JOB_URL = re.compile(r"/api/v\d+\.\d+/services/jobs/\d+")
JOBS_URL = re.compile(r"/api/v\d+\.\d+/services/jobs/(histories|monitors)\?limit=\d+&offset=\d+")

SUCCESS = {"responseStatus": "SUCCESS"}
ABORTED = SUCCESS

_FEW = {
    "path": PATH,
    "id": TEXT,
    "expiration_date": DATE,
    "created_date": DATE,
    "last_uploaded_date": DATE,
    "owner": int,
    "uploaded_parts": int,
    "size": int,
    "uploaded": int,
}
_ALL = {**_FEW, "name": NAME, "overwrite": bool}
SESSION = {**SUCCESS, "data": _ALL}
SESSIONS = {**SUCCESS, "data": [_ALL]}
FEW_FIELDS = {**SUCCESS, "data": _FEW}
"""The samples of list and details lack `name` and `overwrite`, which Veeva's own tests expect there."""

_PART = {"size": int, "part_number": int, "part_content_md5": MD5}
PART = {**SUCCESS, "data": _PART}
PARTS = {**SUCCESS, "data": [_PART]}
_GOES_ON = {"responseDetails": {"next_page": URL}}
PARTS_GO_ON = {**PARTS, **_GOES_ON}

COMMITTED = {**SUCCESS, "data": {"job_id": int}}
STARTED = {**SUCCESS, "data": {"job_id": int, "url": JOB_URL}}
_LINK = {"rel": "self", "href": JOB_URL, "method": "GET", "accept": "application/json"}
JOB = {
    **SUCCESS,
    "responseMessage": "OK",
    "data": {
        "id": int,
        "status": "SUCCESS",
        "method": re.compile("POST|PUT|DELETE"),
        "links": [_LINK],
        "created_by": int,
        "created_date": DATE,
        "run_start_date": DATE,
        "run_end_date": DATE,
    },
}
_JOB_ROW = {
    "job_id": int,
    "title": TEXT,
    "status": "SUCCESS",
    "created_by": int,
    "created_date": DATE,
    "modified_by": int,
    "modified_date": DATE,
    "run_start_date": DATE,
    "run_end_date": DATE,
}
_JOB_PAGE = {"total": int, "limit": int, "offset": int}
HISTORIES: dict[str, Any] = {
    **SUCCESS,
    "responseMessage": "OK",
    "url": JOBS_URL,
    "responseDetails": _JOB_PAGE,
    "jobs": [_JOB_ROW],
}
HISTORIES_GO_ON = {**HISTORIES, "responseDetails": {**_JOB_PAGE, "next_page": JOBS_URL}}
MONITORS = {**HISTORIES, "jobs": []}

_FILE = {"kind": "file", "path": PATH, "name": NAME, "size": int, "modified_date": DATE}
_FOLDER = {"kind": "folder", "path": re.compile(r"(/[^/]+)+/?"), "name": NAME}
ITEMS = {**SUCCESS, "data": [{"folder": _FOLDER, "file": _FILE}]}
ITEMS_GO_ON = {**ITEMS, **_GOES_ON}
CREATED_FILE = {**SUCCESS, "data": {"kind": "file", "path": PATH, "name": NAME, "size": int, "file_content_md5": MD5}}
CREATED_FOLDER = {**SUCCESS, "data": {"kind": "folder", "path": FOLDER_PATH, "name": NAME}}

LOGGED_IN = {
    **SUCCESS,
    "sessionId": re.compile(r"[0-9A-F]{128}"),
    "userId": int,
    "vaultIds": [{"id": int, "name": TEXT, "url": URL}],
    "vaultId": int,
}
VERSIONS = {**SUCCESS, "values": {VERSION: URL}}
DISCOVERED = {**SUCCESS, "errors": [], "data": {"auth_type": "password"}}
FAILED = {
    "responseStatus": "FAILURE",
    "responseMessage": TEXT,
    "errors": [{"type": re.compile("[A-Z_]+"), "message": TEXT}],
}


def differences(value: object, shape: object, where: str = "answer") -> list[str]:  # noqa: PLR0911 - a table of kinds
    """Return where a JSON value does not have a shape.

    A type wants a value of it, a pattern a text that matches as a whole, a dictionary exactly its fields, a list at
    least one row and all of its one shape, and anything else itself. A row that has a `kind` is of the shape of it.
    """
    match shape:
        case type():
            return [] if type(value) is shape else [f"{where}: {value!r} is no {shape.__name__}"]
        case re.Pattern():
            fits = isinstance(value, str) and shape.fullmatch(value)
            return [] if fits else [f"{where}: {value!r} is not like {shape.pattern}"]
        case dict():
            if not isinstance(value, dict):
                return [f"{where}: {value!r} is no object"]
            return _of_fields(value, shape, where)
        case [row_shape]:
            if not isinstance(value, list) or not value:
                return [f"{where}: {value!r} is no list with rows"]
            return [
                d for n, row in enumerate(value) for d in differences(row, _of_kind(row, row_shape), f"{where}[{n}]")
            ]
        case _:
            return [] if value == shape else [f"{where}: {value!r} is not {shape!r}"]


def _of_fields(value: dict[str, Any], shape: dict[Any, Any], where: str) -> list[str]:
    [(first, each), *_] = shape.items()
    if isinstance(first, re.Pattern):
        odd = [f"{where}: {name!r} is not like {first.pattern}" for name in value or [""] if not first.fullmatch(name)]
        return odd + [d for name, inner in value.items() for d in differences(inner, each, f"{where}.{name}")]
    odd = [f"{where}.{name} is missing" for name in shape if name not in value]
    odd += [f"{where}.{name} is not documented" for name in value if name not in shape]
    return odd + [d for n in shape if n in value for d in differences(value[n], shape[n], f"{where}.{n}")]


def _of_kind(row: object, shape: object) -> object:
    if isinstance(shape, dict) and set(shape) == {"folder", "file"} and isinstance(row, dict):
        return shape["folder" if row.get("kind") == "folder" else "file"]
    return shape
