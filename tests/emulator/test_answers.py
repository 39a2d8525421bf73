"""The text of answers and the status they travel under."""

import json
from xml.etree import ElementTree as ET

import pytest

from asyncup.emulator import Endpoint, Switches
from asyncup.emulator.answers import next_page, refused, render, success
from asyncup.emulator.refusal import LoginRefusal, Refusal, missing_parameter


def test_a_refusal_is_200_and_failure() -> None:
    reply = refused(missing_parameter("path"), Switches())
    assert reply.status == 200
    assert reply.headers["X-VaultAPI-Status"] == "FAILURE"
    assert json.loads(reply.body) == {
        "responseStatus": "FAILURE",
        "responseMessage": "Missing required parameter [path]",
        "errors": [{"type": "PARAMETER_REQUIRED", "message": "Missing required parameter [path]"}],
    }


def test_a_refused_login_says_so_once_more() -> None:
    reply = refused(LoginRefusal("USER_LOCKED_OUT", "x"), Switches())
    assert json.loads(reply.body)["errorType"] == "AUTHENTICATION_FAILED"


@pytest.mark.parametrize(
    ("refusal", "documented", "http"),
    [
        (Refusal("MALFORMED_URL", ""), 404, 404),
        (Refusal("INVALID_SESSION_ID", ""), 200, 401),
        (Refusal("API_LIMIT_EXCEEDED", "", 3.2), 200, 429),
        (LoginRefusal("USER_LOCKED_OUT", ""), 200, 401),
        (Refusal("INVALID_DATA", ""), 200, 400),
    ],
)
def test_statuses(refusal: Refusal, documented: int, http: int) -> None:
    assert refused(refusal, Switches()).status == documented
    reply = refused(refusal, Switches(status_style="http"))
    assert reply.status == http
    assert reply.headers.get("Retry-After") == ("4" if refusal.retry_after_s else None)


def test_an_expired_login_may_be_a_bare_401() -> None:
    reply = refused(Refusal("INVALID_SESSION_ID", "x"), Switches(expired_login="bare-401"))
    assert (reply.status, reply.body) == (401, b"")


def test_errors_may_be_an_object() -> None:
    reply = refused(Refusal("INVALID_DATA", "x"), Switches(errors_shape="object"))
    assert json.loads(reply.body)["errors"] == {"type": "INVALID_DATA", "message": "x"}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("absolute", "http://h:1/api/v25.2/services/x?cursor=c&limit=2&recursive=true"),
        ("from-root", "/api/v25.2/services/x?cursor=c&limit=2&recursive=true"),
        ("from-version", "/services/x?cursor=c&limit=2&recursive=true"),
        ("no-ampersand", "http://h:1/api/v25.2/services/x?cursor=climit=2&recursive=true"),
    ],
)
def test_forms_of_next_page(form: str, expected: str) -> None:
    switches = Switches(next_page=form)  # type: ignore[arg-type]
    query = {"cursor": "c", "limit": "2", "recursive": "true"}
    found = next_page(switches, "http://h:1/api/v25.2", "services/x", query)
    assert found == {"next_page": expected}


def test_xml_for_those_who_ask_for_nothing_else() -> None:
    fields = success(
        {
            "userId": 7,
            "vaultIds": [{"id": 1, "name": "A & B"}],
            "overwrite": True,
            "nothing": None,
            "data": [{"size": 1}],
            "users": [{"user": {"id": 7}}],
        }
    )
    reply = render(fields, "application/xml", Endpoint.AUTH)
    assert reply.content_type.startswith("application/xml")
    root = ET.fromstring(reply.body)  # noqa: S314 - of our own
    assert root.tag == "VersionedAuthRestResult"
    assert root.findtext("responseStatus") == "SUCCESS"
    assert root.findtext("vaultIds/vault/name") == "A & B"
    assert root.findtext("overwrite") == "true"
    assert root.findtext("data/item/size") == "1"
    assert root.findtext("users/user/id") == "7"
    assert root.find("nothing") is not None


@pytest.mark.parametrize("accept", ["", "*/*", "application/json, application/xml;q=0.5"])
def test_json_for_everybody_else(accept: str) -> None:
    assert render(success({}), accept).content_type.startswith("application/json")
