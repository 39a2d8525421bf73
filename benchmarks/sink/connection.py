"""One connection to the sink: bytes go into one memory that all connections share, and are forgotten there.

`BufferedProtocol`, so that the kernel copies into memory that is there already and nothing is allocated per read. Must
not know what the answers mean.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import cast

from benchmarks.sink.answers import Answers, as_http
from benchmarks.sink.http_head import Head, parse_head
from benchmarks.sink.part_digest import PartDigest

__all__ = ["Connection"]

_END = b"\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_USAGE = "/sink/usage"


class Connection(asyncio.BufferedProtocol):
    """Reads requests, throws the parts' bytes away, answers.

    Args:
        answers: what to answer.
        scratch: the memory for received bytes, shared by all connections.
        answer_delay_s: seconds between a part's last byte and its answer: what a real server needs.
        digests: makes what computes a part's MD5; None leaves it out.
    """

    def __init__(
        self,
        answers: Answers,
        scratch: memoryview,
        *,
        answer_delay_s: float = 0.0,
        digests: Callable[[asyncio.ReadTransport], PartDigest] | None = None,
    ) -> None:
        self._answers = answers
        self._scratch = scratch
        self._answer_delay_s = answer_delay_s
        self._digests = digests
        self._digest: PartDigest | None = None
        self._transport: asyncio.Transport | None = None
        self._raw = bytearray()
        self._head: Head | None = None
        self._left = 0
        self._kept: bytearray | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, and does not say so

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        del exc
        self._transport = None
        if self._digest is not None:
            self._digest.close()

    def get_buffer(self, sizehint: int) -> memoryview:
        """See `asyncio.BufferedProtocol`."""
        del sizehint
        return self._scratch

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        if nbytes < self._left and self._kept is None and self._digest is None:
            self._left -= nbytes  # nearly every read: the middle of a part
            return
        view = self._scratch[:nbytes]
        while view.nbytes:
            view = self._into_body(view) if self._head is not None else self._into_head(view)

    def _into_head(self, view: memoryview) -> memoryview:
        known = len(self._raw)
        self._raw += view
        end = self._raw.find(_END, max(0, known - len(_END)))
        if end < 0:
            return view[view.nbytes :]
        rest = view[end + len(_END) - known :]
        self._head = head = parse_head(bytes(self._raw[:end]))
        self._raw.clear()
        self._left = head.length
        is_part = head.method == "PUT"
        self._kept = None if is_part else bytearray()
        if is_part and self._digests is not None and self._transport is not None:
            self._digest = self._digests(self._transport)
        if head.expects_continue and not rest.nbytes:
            self._write(_CONTINUE)
        if not self._left:
            self._received()
        return rest

    def _into_body(self, view: memoryview) -> memoryview:
        taken = view[: self._left]
        self._left -= taken.nbytes
        if self._kept is not None:
            self._kept += taken
        elif self._digest is not None:
            self._digest.update(bytes(taken))  # a copy: the scratch is overwritten by the next read
        if not self._left:
            self._received()
        return view[taken.nbytes :]

    def _received(self) -> None:
        head, body, digest = self._head, bytes(self._kept or b""), self._digest
        assert head is not None  # noqa: S101 - a body follows a head
        self._head = self._kept = self._digest = None
        if digest is not None:
            digest.finish(lambda md5: self._answer(head, body, md5))
        elif head.method == "PUT" and self._answer_delay_s:
            asyncio.get_running_loop().call_later(self._answer_delay_s, self._answer, head, body, None)
        else:
            self._answer(head, body, None)

    def _answer(self, head: Head, body: bytes, md5: str | None) -> None:
        if head.target == _USAGE:
            document: object = {"cpu_s": time.process_time()}
        else:
            document = self._answers.to(head, body, md5)
        self._write(as_http(document))

    def _write(self, content: bytes) -> None:
        if self._transport is not None:
            self._transport.write(content)
