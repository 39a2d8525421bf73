"""What the sink answers: the upload endpoints, file items and jobs, all of them well at once.

Pure but for the table of upload sessions. Must not know sockets. It takes any login. An upload session `bench-SIZE` or
`bench-SIZE-ANYTHING` needs no creation, so that a client that is measured does nothing but send parts.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from benchmarks.sink.http_head import Head

__all__ = ["NO_DIGEST", "Answers", "as_http", "hex_digest"]

NO_DIGEST = "0" * 32
"""What is answered as a part's MD5 when the client told none and nobody computes it."""

_UPLOAD = "/services/file_staging/upload"
_ITEMS = "/services/file_staging/items"
_JOBS = "/services/jobs"
_VERSION = re.compile(r"^/api/v[0-9.]+")
_READY_MADE = re.compile(r"bench-([0-9]+)(?:-.*)?")
_SUCCESS = {"responseStatus": "SUCCESS"}


@dataclass(slots=True)
class _UploadSession:
    path: str
    size: int
    parts: dict[int, tuple[int, str]] = field(default_factory=dict)


class Answers:
    """The state of a sink, and its answers. One for all connections."""

    def __init__(self) -> None:
        self._sessions: dict[str, _UploadSession] = {}
        self._numbers = itertools.count(1)

    def to(self, head: Head, body: bytes, digest: str | None) -> object:
        """Return the JSON for a request whose body was received.

        Args:
            head: the request.
            body: its body; empty for a part, which was thrown away.
            digest: the MD5 of a part, in hex, where the sink has computed it.
        """
        path = _VERSION.sub("", head.target.partition("?")[0])
        if path.startswith(_UPLOAD):
            return self._upload(head, path.removeprefix(_UPLOAD).strip("/"), body, digest)
        if path.startswith(_ITEMS):
            return _item(head, body)
        if path.startswith(_JOBS):
            return _SUCCESS | {"data": {"id": int(path.rpartition("/")[2]), "status": "SUCCESS"}}
        return _refused("MALFORMED_URL", f"the sink has no {head.method} {head.target}")

    def _upload(self, head: Head, rest: str, body: bytes, digest: str | None) -> object:
        if not rest:
            fields = parse_qs(body.decode())
            session_id = f"made-{next(self._numbers)}"
            self._sessions[session_id] = _UploadSession(fields["path"][0], int(fields["size"][0]))
            return self._details(session_id)
        session_id, _, of_session = rest.partition("/")
        session = self._session(session_id)
        if session is None:
            return _refused("INVALID_DATA", "no such upload session")
        if head.method == "PUT":
            return self._part(session, head, digest)
        if head.method == "GET":
            return _parts(session) if of_session else self._details(session_id)
        if head.method == "DELETE":
            self._sessions.pop(session_id, None)
            return _SUCCESS
        return _SUCCESS | {"data": {"job_id": next(self._numbers)}}

    def _session(self, session_id: str) -> _UploadSession | None:
        ready_made = _READY_MADE.fullmatch(session_id)
        if session_id not in self._sessions and ready_made:
            self._sessions[session_id] = _UploadSession("/bench.bin", int(ready_made[1]))
        return self._sessions.get(session_id)

    def _details(self, session_id: str) -> object:
        session = self._sessions[session_id]
        data = {
            "id": session_id,
            "path": session.path,
            "size": session.size,
            "uploaded_parts": len(session.parts),
            "uploaded": sum(size for size, _ in session.parts.values()),
        }
        return _SUCCESS | {"data": data}

    def _part(self, session: _UploadSession, head: Head, digest: str | None) -> object:
        told = hex_digest(head.headers.get("content-md5"))
        if digest is not None and told is not None and digest != told:
            return _refused("INVALID_DATA", "the part's MD5 is not the one in Content-MD5")
        number, md5 = int(head.headers["x-vaultapi-filepartnumber"]), digest or told or NO_DIGEST
        session.parts[number] = head.length, md5
        return _SUCCESS | {"data": {"size": head.length, "part_number": number, "part_content_md5": md5}}


def hex_digest(header: str | None) -> str | None:
    """Return the MD5 of a Content-MD5 header in hex, whichever of the two forms it has; None without one."""
    if header is None or len(header) == len(NO_DIGEST):
        return header
    return base64.b64decode(header).hex()


def _parts(session: _UploadSession) -> object:
    rows = [
        {"part_number": number, "size": size, "part_content_md5": md5}
        for number, (size, md5) in sorted(session.parts.items())
    ]
    return _SUCCESS | {"data": rows}


def _item(head: Head, body: bytes) -> object:
    boundary = head.headers.get("content-type", "").partition("boundary=")[2].strip('"').encode()
    if not boundary:
        return _SUCCESS | {"data": {"kind": "folder", "path": parse_qs(body.decode())["path"][0]}}
    path = body.partition(b'name="path"')[2].partition(b"\r\n\r\n")[2].partition(b"\r\n")[0]
    # The file comes last, as all clients here send it.
    file = body.partition(b"filename=")[2].partition(b"\r\n\r\n")[2].rpartition(b"\r\n--" + boundary)[0]
    md5 = hashlib.md5(file, usedforsecurity=False).hexdigest()
    return _SUCCESS | {"data": {"kind": "file", "path": path.decode(), "size": len(file), "file_content_md5": md5}}


def _refused(kind: str, message: str) -> object:
    return {"responseStatus": "FAILURE", "errors": [{"type": kind, "message": message}]}


def as_http(document: object) -> bytes:
    """Return the answer as it goes out."""
    content = json.dumps(document, separators=(",", ":")).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content
