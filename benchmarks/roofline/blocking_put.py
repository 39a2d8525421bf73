"""HTTP PUTs over a blocking socket: the least that can be done to send a part, in the clear or through TLS.

Must not know where the bytes come from.
"""

from __future__ import annotations

import socket
import ssl
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from benchmarks.job import Job

__all__ = ["BlockingPut"]

_END = b"\r\n\r\n"


class BlockingPut:
    """A connection that PUTs parts. A context manager."""

    def __init__(self, job: Job) -> None:
        target = urlsplit(job.target)
        self._path, self._host = target.path, target.netloc
        plain = socket.create_connection((target.hostname or "", target.port or 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if job.send_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, job.send_buffer)
        self._socket = plain
        if target.scheme == "https":
            context = ssl.create_default_context(cafile=job.authority)
            self._socket = context.wrap_socket(plain, server_hostname=target.hostname)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def put(self, number: int, content: memoryview, content_md5: str | None) -> bytes:
        """Send a part, and return the answer's body."""
        lines = [
            f"PUT {self._path} HTTP/1.1",
            f"Host: {self._host}",
            "Authorization: benchmark",
            "Content-Type: application/octet-stream",
            f"Content-Length: {content.nbytes}",
            f"X-VaultAPI-FilePartNumber: {number}",
            *([f"Content-MD5: {content_md5}"] if content_md5 else []),
        ]
        self._socket.sendall("\r\n".join(lines).encode() + _END)
        self._socket.sendall(content)
        return self._answer()

    def _answer(self) -> bytes:
        received = b""
        while True:
            head, found, body = received.partition(_END)
            if found:
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                if len(body) >= length:
                    return body
            received += self._socket.recv(2**16)
