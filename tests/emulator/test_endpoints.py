"""Paths and methods to endpoints."""

import pytest

from asyncup.emulator import Endpoint
from asyncup.emulator.endpoints import match
from asyncup.emulator.refusal import Refusal

FILES = "/api/v25.2/services/file_staging"


@pytest.mark.parametrize(
    ("method", "path", "endpoint", "names"),
    [
        ("GET", "/api/", "versions", {}),
        ("GET", "/api", "versions", {}),
        ("POST", "/api/v9.0/auth", "auth", {}),
        ("POST", "/auth/oauth/session/_p", "oauth", {"profile": "_p"}),
        ("POST", FILES + "/upload/", "create_session", {}),
        ("GET", FILES + "/upload", "list_sessions", {}),
        ("PUT", FILES + "/upload/.a-b_c--", "put_part", {"upload_id": ".a-b_c--"}),
        ("POST", FILES + "/upload/x", "commit", {"upload_id": "x"}),
        ("DELETE", FILES + "/upload/x/", "abort", {"upload_id": "x"}),
        ("GET", FILES + "/upload/x/parts", "list_parts", {"upload_id": "x"}),
        ("GET", FILES + "/items", "list_items", {"item": ""}),
        ("GET", FILES + "/items/", "list_items", {"item": ""}),
        ("GET", FILES + "/items/a%2520b/%C3%BC+%2F", "list_items", {"item": "a%20b/ü+/"}),
        ("GET", FILES + "/items/content/a/b%0A", "download", {"item": "a/b\n"}),
        ("PUT", FILES + "/items/a", "move_item", {"item": "a"}),
        ("DELETE", FILES + "/items/a/b", "delete_item", {"item": "a/b"}),
        ("GET", "/api/v25.2/services/jobs/histories", "job_histories", {}),
        ("GET", "/api/v25.2/services/jobs/12", "job", {"job_id": "12"}),
        ("GET", "/api/v25.2/services/jobs/12/results", "job_results", {"job_id": "12"}),
    ],
)
def test_found(method: str, path: str, endpoint: str, names: dict[str, str]) -> None:
    found = match(method, path)
    assert found.endpoint == endpoint
    assert {k: v.rstrip("/") for k, v in found.names.items()} == {k: v.rstrip("/") for k, v in names.items()}


@pytest.mark.parametrize(
    ("method", "path", "error_type"),
    [
        ("GET", "/", "MALFORMED_URL"),
        ("GET", "/api/25.2/auth", "MALFORMED_URL"),
        ("GET", "/api/v25.2/nothing", "MALFORMED_URL"),
        ("GET", FILES + "/items/%FF", "MALFORMED_URL"),
        ("PATCH", FILES + "/upload/x", "METHOD_NOT_SUPPORTED"),
        ("GET", "/api/v25.2/auth", "METHOD_NOT_SUPPORTED"),
    ],
)
def test_not_found(method: str, path: str, error_type: str) -> None:
    with pytest.raises(Refusal, match=error_type):
        match(method, path)


def test_which_calls_are_about_file_staging() -> None:
    staging = {name for name in Endpoint if "item" in name or "session" in name or "part" in name}
    assert match("GET", FILES + "/items/x").is_file_staging
    assert match("PUT", FILES + "/upload/x").is_file_staging
    assert not match("DELETE", "/api/v25.2/session").is_file_staging
    assert staging
