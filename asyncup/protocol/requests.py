"""What is asked of Vault: one value type, and one function per endpoint that fills it.

A request names its endpoint, never a host, a login or a payload: the transport adds the first, the client the second,
and the bytes of a part stay where they are. Paths and fields: Veeva's reference, "File Staging", "Jobs" and
"Authentication" (documented) unless a docstring says otherwise.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from urllib.parse import urlencode

from asyncup.errors import ConfigurationError
from asyncup.protocol.paths import url_path, url_segment

__all__ = [
    "Operation",
    "Request",
    "abort_upload_session",
    "api_versions",
    "commit_upload_session",
    "create_file",
    "create_folder",
    "create_upload_session",
    "delete_item",
    "download",
    "end_login",
    "job_histories",
    "job_monitors",
    "job_status",
    "keep_alive",
    "list_items",
    "list_parts",
    "list_upload_sessions",
    "log_in",
    "move_item",
    "next_page",
    "oauth_log_in",
    "put_part",
    "upload_session",
    "who_am_i",
]

_UPLOAD = "/services/file_staging/upload"
_ITEMS = "/services/file_staging/items"
_FORM = ("Content-Type", "application/x-www-form-urlencoded")
_JSON = ("Accept", "application/json")


class Operation(enum.Enum):
    """What a request does, in words for messages."""

    __hash__ = object.__hash__  # Enum's own is a function of Python's, and each file looks up twenty

    LOG_IN = "logging in"
    CREATE_SESSION = "creating the upload session"
    PUT_PART = "uploading a part"
    COMMIT = "committing the upload session"
    ABORT = "aborting the upload session"
    SESSION_DETAILS = "reading the upload session"
    LIST_PARTS = "listing the upload session's parts"
    LIST_SESSIONS = "listing the upload sessions"
    CREATE_FILE = "uploading the file in one request"
    CREATE_FOLDER = "creating a folder"
    LIST_ITEMS = "listing a folder"
    DOWNLOAD = "downloading"
    JOB_STATUS = "asking for the job's status"
    JOB_HISTORIES = "listing the ended jobs"
    JOB_MONITORS = "listing the running jobs"
    MOVE_ITEM = "moving the item"
    DELETE_ITEM = "deleting the item"
    KEEP_ALIVE = "keeping the login alive"
    END_LOGIN = "ending the login"
    WHO_AM_I = "asking who is logged in"
    API_VERSIONS = "asking for the API versions"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, without host and payload. Its repr leaves out what may hold a secret.

    Attributes:
        operation: what it does.
        method: the HTTP method.
        target: path and query below `/api/{version}`; from the root when it begins with `/api/`.
        headers: everything but the login.
        content: a small body, such as a form; None when there is none, or when the body is a payload.
        origin: scheme and host where they are not the Vault's: the login server of single sign-on.
    """

    operation: Operation
    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = field(default=(_JSON,), repr=False)
    content: bytes | None = field(default=None, repr=False)
    origin: str | None = None


def _form(fields: dict[str, str]) -> bytes:
    try:
        return urlencode(fields).encode("ascii")
    except UnicodeEncodeError:
        # A file name on disk that is not UTF-8 comes as such text; the exception would show a password.
        raise ConfigurationError("a name or a path for Vault is not Unicode") from None


def log_in(username: str, password: str, vault_dns: str | None) -> Request:
    """Log in by user and password. `vault_dns` pins the Vault: without it a user may land in another one."""
    fields = {"username": username, "password": password}
    if vault_dns is not None:
        fields["vaultDNS"] = vault_dns
    return Request(Operation.LOG_IN, "POST", "/auth", (_JSON, _FORM), _form(fields))


def oauth_log_in(
    login_server: str, profile_id: str, token: str, *, vault_dns: str | None, client_id: str | None
) -> Request:
    """Log in with an identity provider's token.

    The endpoint belongs to Veeva's login server, not to the Vault (documented, "OAuth 2.0 / OpenID Connect").
    """
    fields = {"vaultDNS": vault_dns, "client_id": client_id}
    content = _form({name: value for name, value in fields.items() if value is not None})
    target = f"/auth/oauth/session/{url_segment(profile_id)}"
    headers = (_JSON, _FORM, ("Authorization", f"Bearer {token}"))
    return Request(Operation.LOG_IN, "POST", target, headers, content, login_server)


def keep_alive() -> Request:
    """Refresh the login's idle time. Any other call does so, too."""
    return Request(Operation.KEEP_ALIVE, "POST", "/keep-alive", content=b"")


def end_login() -> Request:
    """Make the login's session id invalid."""
    return Request(Operation.END_LOGIN, "DELETE", "/session")


def who_am_i() -> Request:
    """Ask for the user that is logged in."""
    return Request(Operation.WHO_AM_I, "GET", "/objects/users/me")


def api_versions() -> Request:
    """Ask for the API versions that the Vault speaks."""
    return Request(Operation.API_VERSIONS, "GET", "/api/")


def create_upload_session(path: str, size: int, *, overwrite: bool) -> Request:
    """Open an upload session for the file `path` of `size` bytes."""
    fields = {"path": path, "size": str(size), "overwrite": "true" if overwrite else "false"}
    return Request(Operation.CREATE_SESSION, "POST", _UPLOAD, (_JSON, _FORM), _form(fields))


def put_part(session_id: str, number: int, content_md5: str | None) -> Request:
    """Send part `number` (from 1); the payload and its Content-Length are the transport's to add."""
    headers = [_JSON, ("Content-Type", "application/octet-stream"), ("X-VaultAPI-FilePartNumber", str(number))]
    if content_md5 is not None:
        headers.append(("Content-MD5", content_md5))
    return Request(Operation.PUT_PART, "PUT", f"{_UPLOAD}/{url_segment(session_id)}", tuple(headers))


def commit_upload_session(session_id: str) -> Request:
    """Turn the parts into the file, by a job."""
    headers = (_JSON, ("Content-Type", "application/json"))
    return Request(Operation.COMMIT, "POST", f"{_UPLOAD}/{url_segment(session_id)}", headers, b"")


def abort_upload_session(session_id: str) -> Request:
    """Delete the upload session and its parts."""
    return Request(Operation.ABORT, "DELETE", f"{_UPLOAD}/{url_segment(session_id)}")


def upload_session(session_id: str) -> Request:
    """Ask what an upload session is for, and how much it holds."""
    return Request(Operation.SESSION_DETAILS, "GET", f"{_UPLOAD}/{url_segment(session_id)}")


def list_parts(session_id: str) -> Request:
    """Ask for the parts that an upload session holds; the answer comes in pages of at most 1000."""
    return Request(Operation.LIST_PARTS, "GET", f"{_UPLOAD}/{url_segment(session_id)}/parts?limit=1000")


def list_upload_sessions() -> Request:
    """Ask for the open upload sessions that the user may see."""
    return Request(Operation.LIST_SESSIONS, "GET", _UPLOAD)


def list_items(folder: str, *, recursive: bool) -> Request:
    """Ask for what a folder holds; the answer comes in pages of at most 1000."""
    inside = url_path(folder)
    query = f"?recursive={'true' if recursive else 'false'}&limit=1000"
    return Request(Operation.LIST_ITEMS, "GET", f"{_ITEMS}/{inside}{query}" if inside else f"{_ITEMS}{query}")


def download(item: str, *, offset: int, length: int) -> Request:
    """Read `length` bytes of a file from `offset` on. At most 50 MB a request; the range's end is inclusive."""
    headers = (("Accept", "*/*"), ("Range", f"bytes={offset}-{offset + length - 1}"))
    return Request(Operation.DOWNLOAD, "GET", f"{_ITEMS}/content/{url_path(item)}", headers)


def job_status(job_id: int) -> Request:
    """Ask how a job stands. Not sooner than 10 s after the last question for the same job."""
    return Request(Operation.JOB_STATUS, "GET", f"/services/jobs/{job_id}")


def job_histories(*, limit: int, offset: int) -> Request:
    """Ask for jobs that have ended, the newest first; at most 200 in one answer."""
    return Request(Operation.JOB_HISTORIES, "GET", f"/services/jobs/histories?limit={limit}&offset={offset}")


def job_monitors(*, limit: int, offset: int) -> Request:
    """Ask for jobs that have not ended; at most 200 in one answer."""
    return Request(Operation.JOB_MONITORS, "GET", f"/services/jobs/monitors?limit={limit}&offset={offset}")


def move_item(item: str, *, parent: str | None, name: str | None) -> Request:
    """Give an item another folder, another name, or both; a job does it."""
    fields = {key: value for key, value in (("parent", parent), ("name", name)) if value is not None}
    return Request(Operation.MOVE_ITEM, "PUT", f"{_ITEMS}/{url_path(item)}", (_JSON, _FORM), _form(fields))


def delete_item(item: str, *, recursive: bool) -> Request:
    """Delete a file, or a folder, which must be empty unless `recursive`; a job does it."""
    query = "?recursive=true" if recursive else ""
    return Request(Operation.DELETE_ITEM, "DELETE", f"{_ITEMS}/{url_path(item)}{query}")


def next_page(first: Request, target: str) -> Request:
    """Ask for the next page of what `first` asked for; `target` comes from `paths.next_page_target`."""
    return Request(first.operation, "GET", target, first.headers)


def create_folder(path: str) -> Request:
    """Create one folder, whose parent must exist. Form-encoded creation of folders is seen, not documented."""
    return Request(Operation.CREATE_FOLDER, "POST", _ITEMS, (_JSON, _FORM), _form({"kind": "folder", "path": path}))


def create_file(path: str, *, overwrite: bool, content_md5: str | None, boundary: str) -> tuple[Request, bytes, bytes]:
    """Send a small file in one multipart request: the request, and what stands before and behind the file's bytes.

    Fields first, the file last, so that a server knows the path before the bytes arrive. `boundary` is random text
    that the caller makes. The file's own name in the multipart header is fixed: `path` alone decides where it goes.
    """
    fields = {"kind": "file", "path": path, "overwrite": "true" if overwrite else "false"}
    lines: list[str] = []
    for name, value in fields.items():
        lines += [f"--{boundary}", f'Content-Disposition: form-data; name="{name}"', "", value]
    lines += [
        f"--{boundary}",
        'Content-Disposition: form-data; name="file"; filename="file"',
        "Content-Type: application/octet-stream",
        "",
        "",
    ]
    headers = [_JSON, ("Content-Type", f"multipart/form-data; boundary={boundary}")]
    if content_md5 is not None:
        headers.append(("Content-MD5", content_md5))
    request = Request(Operation.CREATE_FILE, "POST", _ITEMS, tuple(headers))
    return request, "\r\n".join(lines).encode(), f"\r\n--{boundary}--\r\n".encode()
