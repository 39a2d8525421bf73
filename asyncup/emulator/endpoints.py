"""Which request means what: methods and paths to named endpoints.

Must not know what an endpoint does. The names are also what fault scripts and the log of seen
requests use.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from .refusal import Refusal


class Endpoint(StrEnum):
    UNKNOWN = "unknown"
    """Whatever is no endpoint of this emulator."""
    VERSIONS = "versions"
    AUTH = "auth"
    OAUTH = "oauth"
    DISCOVERY = "discovery"
    KEEP_ALIVE = "keep_alive"
    END_SESSION = "end_session"
    ME = "me"
    CREATE_TOKEN = "create_token"  # noqa: S105 - a name
    CREATE_SESSION = "create_session"
    LIST_SESSIONS = "list_sessions"
    SESSION_DETAILS = "session_details"
    PUT_PART = "put_part"
    COMMIT = "commit"
    ABORT = "abort"
    LIST_PARTS = "list_parts"
    LIST_ITEMS = "list_items"
    DOWNLOAD = "download"
    CREATE_ITEM = "create_item"
    MOVE_ITEM = "move_item"
    DELETE_ITEM = "delete_item"
    JOB = "job"
    JOB_RESULTS = "job_results"
    JOB_HISTORIES = "job_histories"
    JOB_MONITORS = "job_monitors"
    CANCEL_JOBS = "cancel_jobs"


NEEDS_NO_LOGIN = frozenset({Endpoint.AUTH, Endpoint.OAUTH, Endpoint.DISCOVERY})
NEEDS_SESSION = frozenset(
    {Endpoint.SESSION_DETAILS, Endpoint.PUT_PART, Endpoint.COMMIT, Endpoint.ABORT, Endpoint.LIST_PARTS}
)
"""Those whose path names an upload session."""
UPLOAD = "services/file_staging/upload"
ITEMS = "services/file_staging/items"
JOBS = "services/jobs"

# Most of these are documented without a trailing slash and used with one by clients, so all take
# one. The first line that matches counts, so what is below another path stands before it.
_IN_VERSION: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "auth", Endpoint.AUTH),
    ("POST", "keep-alive", Endpoint.KEEP_ALIVE),
    ("DELETE", "session", Endpoint.END_SESSION),
    ("GET", "objects/users/me", Endpoint.ME),
    ("POST", "objects/users/me/api_access_token__sys", Endpoint.CREATE_TOKEN),
    ("POST", UPLOAD, Endpoint.CREATE_SESSION),
    ("GET", UPLOAD, Endpoint.LIST_SESSIONS),
    ("GET", UPLOAD + "/(?P<upload_id>[^/]+)", Endpoint.SESSION_DETAILS),
    ("PUT", UPLOAD + "/(?P<upload_id>[^/]+)", Endpoint.PUT_PART),
    ("POST", UPLOAD + "/(?P<upload_id>[^/]+)", Endpoint.COMMIT),
    ("DELETE", UPLOAD + "/(?P<upload_id>[^/]+)", Endpoint.ABORT),
    ("GET", UPLOAD + "/(?P<upload_id>[^/]+)/parts", Endpoint.LIST_PARTS),
    ("GET", ITEMS + "/content/(?P<item>.*)", Endpoint.DOWNLOAD),
    ("GET", ITEMS + "(?:/(?P<item>.*))?", Endpoint.LIST_ITEMS),
    ("POST", ITEMS, Endpoint.CREATE_ITEM),
    ("PUT", ITEMS + "/(?P<item>.*)", Endpoint.MOVE_ITEM),
    ("DELETE", ITEMS + "/(?P<item>.*)", Endpoint.DELETE_ITEM),
    ("GET", JOBS + "/histories", Endpoint.JOB_HISTORIES),
    ("GET", JOBS + "/monitors", Endpoint.JOB_MONITORS),
    ("POST", JOBS + "/actions/cancel", Endpoint.CANCEL_JOBS),
    ("GET", JOBS + "/(?P<job_id>[^/]+)", Endpoint.JOB),
    ("GET", JOBS + "/(?P<job_id>[^/]+)/results", Endpoint.JOB_RESULTS),
)
_OUTSIDE: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/api", Endpoint.VERSIONS),
    ("POST", "/auth/oauth/session/(?P<profile>[^/]+)", Endpoint.OAUTH),
    ("POST", "/auth/discovery", Endpoint.DISCOVERY),
)
_ROUTES = tuple(
    (method, re.compile(path + "/?", re.DOTALL), endpoint)
    for method, path, endpoint in (
        *((m, f"/api/(?P<version>v\\d+\\.\\d+)/{p}", e) for m, p, e in _IN_VERSION),
        *_OUTSIDE,
    )
)


@dataclass(frozen=True, slots=True)
class Match:
    endpoint: Endpoint
    version: str
    """`v25.2`; empty for the few paths that have none."""
    names: dict[str, str]
    """What the path names: `upload_id`, `item`, `job_id`, percent-decoded."""

    @property
    def is_file_staging(self) -> bool:
        return self.endpoint in _FILE_STAGING


_FILE_STAGING = frozenset(e for _, path, e in _IN_VERSION if path.startswith((UPLOAD, ITEMS)))


NO_MATCH = Match(Endpoint.UNKNOWN, "", {})


def match(method: str, raw_path: str) -> Match:
    """The endpoint behind a request's still percent-encoded path.

    Raises:
        Refusal: MALFORMED_URL (text and type seen live) or METHOD_NOT_SUPPORTED (documented).
    """
    path_is_known = False
    for known_method, pattern, endpoint in _ROUTES:
        found = pattern.fullmatch(raw_path)
        if found is None:
            continue
        if known_method == method:
            names = {name: _decoded(text) for name, text in found.groupdict(default="").items()}
            return Match(endpoint, names.pop("version", ""), names)
        path_is_known = True
    if path_is_known:
        raise Refusal("METHOD_NOT_SUPPORTED", f"The method {method} is not supported here")
    raise Refusal("MALFORMED_URL", "The specified resource cannot be found.")


def _decoded(raw: str) -> str:
    try:
        return unquote(raw, errors="strict")
    except UnicodeDecodeError:
        raise Refusal("MALFORMED_URL", "The path is not UTF-8") from None
