"""Requests: what a server decodes is what the caller gave, and every endpoint is the documented one."""

import email.parser
import email.policy
import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import example, given, strategies as st

from asyncup.errors import ConfigurationError
from asyncup.protocol import requests
from asyncup.protocol.requests import Operation, Request

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAME = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)
PATH = st.lists(NAME, min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))
# What multipart cannot carry as it is: the stdlib's parser, like any other, reads a CR or LF alone as a line's end.
FIELD_PATH = PATH.filter(lambda path: path.isprintable())
SESSION_ID = st.text(min_size=1, max_size=12).filter(lambda text: text not in (".", ".."))
FORM_HEADERS = (("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded"))

UPLOAD = "/services/file_staging/upload"
ITEMS = "/services/file_staging/items"


def form(request: Request) -> dict[str, list[str]]:
    """The fields, as a server reads them."""
    assert request.headers == FORM_HEADERS
    assert request.content is not None
    return parse_qs(request.content.decode("ascii"), keep_blank_values=True, strict_parsing=bool(request.content))


def endpoint(request: Request) -> tuple[str, str]:
    """Method and path, as a server reads them: segments split first, and decoded then."""
    path = urlsplit("https://vault/api/v25.2" + request.target).path.removeprefix("/api/v25.2")
    return request.method, path


@given(SESSION_ID)
@example("../items/u42/contract.pdf")
@example(".a+b=/c?d#e--")
@example("\udcff")
def test_an_upload_session_is_one_segment_whatever_it_is_called(session_id: str) -> None:
    made = [
        requests.put_part(session_id, 1, None),
        requests.commit_upload_session(session_id),
        requests.abort_upload_session(session_id),
        requests.upload_session(session_id),
    ]
    for request, method in zip(made, ["PUT", "POST", "DELETE", "GET"], strict=True):
        assert request.target.isascii()
        got, path = endpoint(request)
        folder, _, last = path.rpartition("/")
        assert (got, folder) == (method, UPLOAD)
        if session_id != "\udcff":
            assert unquote(last, errors="strict") == session_id
    method, path = endpoint(requests.list_parts(session_id))
    assert (method, path) == ("GET", made[0].target + "/parts")


@given(SESSION_ID, st.integers(1, 9616), st.none() | st.sampled_from(["mZFLkyvTelC5g8XnyQrpOw==", "0" * 32]))
def test_a_part_says_its_number_and_its_checksum(session_id: str, number: int, md5: str | None) -> None:
    request = requests.put_part(session_id, number, md5)
    headers = dict(request.headers)
    assert len(headers) == len(request.headers)
    assert headers == ({} if md5 is None else {"Content-MD5": md5}) | {
        "Accept": "application/json",
        "Content-Type": "application/octet-stream",
        "X-VaultAPI-FilePartNumber": str(number),
    }
    assert request.content is None


@given(PATH, st.integers(0, 10**12), st.booleans())
def test_an_upload_session_is_created_with_what_was_asked(path: str, size: int, overwrite: bool) -> None:
    request = requests.create_upload_session(path, size, overwrite=overwrite)
    assert endpoint(request) == ("POST", UPLOAD)
    assert form(request) == {"path": [path], "size": [str(size)], "overwrite": [str(overwrite).lower()]}


@given(TEXT, TEXT, st.none() | TEXT)
def test_a_login_carries_the_credentials_in_its_body_only(username: str, password: str, dns: str | None) -> None:
    request = requests.log_in(username, password, dns)
    assert endpoint(request) == ("POST", "/auth")
    assert request.origin is None
    fields = {"username": [username], "password": [password]}
    assert form(request) == (fields if dns is None else fields | {"vaultDNS": [dns]})


@given(SESSION_ID, st.none() | TEXT, st.none() | TEXT)
def test_an_oauth_login_goes_to_the_login_server(profile: str, dns: str | None, client: str | None) -> None:
    request = requests.oauth_log_in("https://login.example", profile, "s3cret", vault_dns=dns, client_id=client)
    assert request.origin == "https://login.example"
    assert request.method == "POST"
    folder, _, last = request.target.rpartition("/")
    assert folder == "/auth/oauth/session"
    assert unquote(last, errors="strict") == profile
    assert request.headers == (*FORM_HEADERS, ("Authorization", "Bearer s3cret"))
    expected = {name: [value] for name, value in (("vaultDNS", dns), ("client_id", client)) if value is not None}
    assert request.content is not None
    assert parse_qs(request.content.decode("ascii"), keep_blank_values=True) == expected


@pytest.mark.parametrize(
    "make",
    [
        lambda: requests.log_in("user", "s3cret\udcff", None),
        lambda: requests.create_upload_session("/s3cret\udcff", 5, overwrite=False),
        lambda: requests.create_folder("/s3cret\udcff"),
    ],
    ids=["login", "session", "folder"],
)
def test_what_is_not_unicode_is_refused_and_not_shown(make: Callable[[], Request]) -> None:
    with pytest.raises(ConfigurationError, match="not Unicode") as refused:
        make()
    assert refused.value.__suppress_context__, "the context would show it"
    assert "s3cret" not in str(refused.value)


def test_a_repr_shows_no_secret() -> None:
    for request in (
        requests.log_in("user", "s3cret", None),
        requests.oauth_log_in("https://login.example", "profile", "s3cret", vault_dns=None, client_id=None),
    ):
        assert b"s3cret" in (request.content or b"") or "s3cret" in str(request.headers)
        assert "s3cret" not in f"{request!r} {request}"


@given(PATH, st.booleans())
def test_items_are_named_by_their_encoded_path(path: str, recursive: bool) -> None:
    listing = requests.list_items(path, recursive=recursive)
    deletion = requests.delete_item(path, recursive=recursive)
    reading = requests.download(path, offset=0, length=1)
    moving = requests.move_item(path, parent=None, name="x")
    for request, method, root in (
        (listing, "GET", ITEMS),
        (deletion, "DELETE", ITEMS),
        (reading, "GET", f"{ITEMS}/content"),
        (moving, "PUT", ITEMS),
    ):
        got, where = endpoint(request)
        assert got == method
        assert where.startswith(root + "/")
        inside = where.removeprefix(root + "/")
        assert [unquote(segment) for segment in inside.split("/")] == path.strip("/").split("/")
    assert parse_qs(urlsplit(listing.target).query) == {"recursive": [str(recursive).lower()], "limit": ["1000"]}
    assert parse_qs(urlsplit(deletion.target).query) == ({"recursive": ["true"]} if recursive else {})


def test_the_root_is_listed_without_a_path() -> None:
    assert requests.list_items("/", recursive=False).target == f"{ITEMS}?recursive=false&limit=1000"


@given(PATH, st.integers(0, 10**12), st.integers(1, 50_000_000))
def test_a_download_asks_for_an_inclusive_range(path: str, offset: int, length: int) -> None:
    request = requests.download(path, offset=offset, length=length)
    headers = dict(request.headers)
    assert headers.keys() == {"Accept", "Range"}
    assert headers["Accept"] == "*/*", "it is no JSON that is asked for"
    match = re.fullmatch(r"bytes=(\d+)-(\d+)", headers["Range"])
    assert match is not None
    assert range(int(match[1]), int(match[2]) + 1) == range(offset, offset + length)


@given(PATH, st.none() | PATH, st.none() | NAME)
def test_a_move_says_only_what_changes(path: str, parent: str | None, name: str | None) -> None:
    request = requests.move_item(path, parent=parent, name=name)
    expected = {key: [value] for key, value in (("parent", parent), ("name", name)) if value is not None}
    assert request.headers == FORM_HEADERS
    assert request.content is not None
    assert parse_qs(request.content.decode("ascii"), strict_parsing=bool(expected)) == expected


@given(PATH)
def test_a_folder_is_created_by_a_form(path: str) -> None:
    request = requests.create_folder(path)
    assert endpoint(request) == ("POST", ITEMS)
    assert form(request) == {"kind": ["folder"], "path": [path]}


@given(FIELD_PATH, st.booleans(), st.binary(max_size=40), st.none() | st.just("0" * 32))
@example("/u1/a", False, b"\r\n--", None)
@example("/u1/a", False, b"--b0und4ry-", None)
@example("/u1/a", False, b"", None)
@example('/u1/a"; filename="b', True, b"\x00\n\n", None)
def test_a_small_file_is_read_by_any_multipart_parser(
    path: str, overwrite: bool, content: bytes, md5: str | None
) -> None:
    request, before, behind = requests.create_file(path, overwrite=overwrite, content_md5=md5, boundary="b0und4ry")
    assert endpoint(request) == ("POST", ITEMS)
    headers = dict(request.headers)
    assert ("Content-MD5" in headers) == (md5 is not None)
    assert headers.get("Content-MD5") == md5
    parts = _parts(headers["Content-Type"], before, content, behind)
    assert [part.get_param("name", header="content-disposition") for part in parts] == [
        "kind",
        "path",
        "overwrite",
        "file",
    ]
    kind, where, over, file = (part.get_payload(decode=True) for part in parts)
    assert (kind, over) == (b"file", str(overwrite).lower().encode())
    assert where == path.encode()
    assert file == content
    assert parts[3].get_filename() == "file"
    assert parts[3].get_content_type() == "application/octet-stream"


def _parts(content_type: str, *pieces: bytes) -> list[EmailMessage]:
    head = f"MIME-Version: 1.0\r\nContent-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + b"".join(pieces))
    assert message.is_multipart()
    assert not message.defects
    return [part for part in message.iter_parts() if isinstance(part, EmailMessage)]


@pytest.mark.parametrize(
    ("make", "method", "target"),
    [
        (requests.keep_alive, "POST", "/keep-alive"),
        (requests.end_login, "DELETE", "/session"),
        (requests.who_am_i, "GET", "/objects/users/me"),
        (requests.api_versions, "GET", "/api/"),
        (requests.list_upload_sessions, "GET", UPLOAD),
        (lambda: requests.job_status(100954), "GET", "/services/jobs/100954"),
        (lambda: requests.job_histories(limit=200, offset=400), "GET", "/services/jobs/histories?limit=200&offset=400"),
        (lambda: requests.job_monitors(limit=1, offset=0), "GET", "/services/jobs/monitors?limit=1&offset=0"),
        (lambda: requests.abort_upload_session("a"), "DELETE", f"{UPLOAD}/a"),
        (lambda: requests.list_parts("a"), "GET", f"{UPLOAD}/a/parts?limit=1000"),
    ],
)
def test_the_documented_endpoints(make: Callable[[], Request], method: str, target: str) -> None:
    request = make()
    assert (request.method, request.target) == (method, target)
    assert dict(request.headers)["Accept"] == "application/json"
    assert request.content == (b"" if method == "POST" else None)


def test_a_commit_is_empty_and_says_so() -> None:
    request = requests.commit_upload_session("a")
    assert request.content == b""
    assert dict(request.headers)["Content-Type"] == "application/json"


@given(PATH)
def test_a_next_page_is_asked_for_like_the_first(path: str) -> None:
    first = replace(requests.list_items(path, recursive=True), headers=FORM_HEADERS)
    following = requests.next_page(first, "/api/v25.2/x?cursor=1")
    assert following == Request(Operation.LIST_ITEMS, "GET", "/api/v25.2/x?cursor=1", first.headers)


def test_every_operation_has_a_request_and_words_of_its_own() -> None:
    arguments = {
        "session_id": "a",
        "path": "/a",
        "folder": "/a",
        "item": "/a",
        "size": 1,
        "number": 1,
        "job_id": 1,
        "offset": 0,
        "length": 1,
        "limit": 1,
        "username": "u",
        "password": "p",
        "vault_dns": None,
        "content_md5": None,
        "boundary": "b",
        "overwrite": False,
        "recursive": False,
        "parent": None,
        "name": None,
        "login_server": "https://l",
        "profile_id": "p",
        "token": "t",
        "client_id": None,
        "first": requests.list_upload_sessions(),
        "target": "/api/x",
    }
    seen = set()
    for name in requests.__all__:
        make: Callable[..., object] = getattr(requests, name)
        if not inspect.isfunction(make):
            continue
        made = make(**{key: arguments[key] for key in inspect.signature(make).parameters})
        request = made[0] if isinstance(made, tuple) else made
        assert isinstance(request, Request)
        assert request.target.startswith("/")
        seen.add(request.operation)
    assert seen == set(Operation)
    assert len({operation.value for operation in Operation}) == len(Operation)
