"""What Vault's answers say and under which status they travel.

Must not know why an answer is given, nor aiohttp. Errors are HTTP 200 with `responseStatus` FAILURE,
as documented; that it may be otherwise is a switch.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .endpoints import Endpoint
from .refusal import LoginRefusal, Refusal
from .switches import Switches
from .xml_answers import to_xml

Fields = Mapping[str, Any]
# How Vault's types would map to HTTP, for a Vault that does (a guess; the 404 was seen live).
STATUSES = {
    "INVALID_SESSION_ID": 401,
    "INSUFFICIENT_ACCESS": 403,
    "METHOD_NOT_SUPPORTED": 405,
    "API_LIMIT_EXCEEDED": 429,
    "UNEXPECTED_ERROR": 500,
}


@dataclass(slots=True)
class Reply:
    """An answer that is ready to be sent."""

    status: int
    body: bytes
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


def success(fields: Fields) -> dict[str, Any]:
    return {"responseStatus": "SUCCESS", **fields}


def failure(error_type: str, message: str, switches: Switches) -> dict[str, Any]:
    error = {"type": error_type, "message": message}
    return {
        "responseStatus": "FAILURE",
        "responseMessage": message,
        "errors": [error] if switches.errors_shape == "list" else error,
    }


def broken(message: str) -> dict[str, Any]:
    """A fault of the server itself: `responseStatus` EXCEPTION (documented, section 4)."""
    return {
        "responseStatus": "EXCEPTION",
        "responseMessage": message,
        "errors": [{"type": "UNEXPECTED_ERROR", "message": message}],
    }


def render(fields: Fields, accept: str = "", endpoint: Endpoint = Endpoint.UNKNOWN, *, status: int = 200) -> Reply:
    """JSON, or XML for a caller that asks for it and for nothing else that would do."""
    headers = {"X-VaultAPI-Status": str(fields.get("responseStatus", ""))}
    if "application/xml" in accept and "json" not in accept:
        return Reply(status, to_xml(fields, endpoint), "application/xml;charset=UTF-8", headers)
    body = json.dumps(fields, ensure_ascii=False).encode()
    return Reply(status, body, "application/json;charset=UTF-8", headers)


def refused(
    refusal: Refusal,
    switches: Switches,
    accept: str = "",
    endpoint: Endpoint = Endpoint.UNKNOWN,
) -> Reply:
    if refusal.error_type == "INVALID_SESSION_ID" and switches.expired_login == "bare-401":
        return Reply(401, b"", "text/plain")
    fields = failure(refusal.error_type, refusal.message, switches)
    if isinstance(refusal, LoginRefusal):
        fields["errorType"] = "AUTHENTICATION_FAILED"
    status = _status(refusal, switches)
    reply = render(fields, accept, endpoint, status=status)
    if switches.status_style == "http" and refusal.retry_after_s is not None:
        reply.headers["Retry-After"] = str(math.ceil(refusal.retry_after_s))
    return reply


def _status(refusal: Refusal, switches: Switches) -> int:
    if refusal.error_type == "MALFORMED_URL":
        return switches.unknown_url_status
    if switches.status_style == "documented":
        return 200
    if isinstance(refusal, LoginRefusal) and refusal.error_type not in STATUSES:
        return 401
    return STATUSES.get(refusal.error_type, 400)


def next_page(switches: Switches, base_url: str, where: str, query: Mapping[str, str]) -> dict[str, Any]:
    """`responseDetails` of a page that is not the last.

    Args:
        switches: which of the forms that clients cope with.
        base_url: up to and with the version, `http://host/api/v25.2`.
        where: the path below the version.
        query: the cursor first, then the limit.
    """
    joiner = "" if switches.next_page == "no-ampersand" else "&"
    pairs = [f"{name}={value}" for name, value in query.items()]
    text = joiner.join(pairs[:2]) + "".join(f"&{pair}" for pair in pairs[2:])
    below = f"{where}?{text}"
    if switches.next_page == "from-version":
        return {"next_page": f"/{below}"}
    if switches.next_page == "from-root":
        return {"next_page": "/" + base_url.split("/", 3)[3] + f"/{below}"}
    return {"next_page": f"{base_url}/{below}"}
