"""Answers onto the wire: whole, in pieces, damaged as scripted, or not at all.

Must not know why. aiohttp would answer 500 to an exception that a handler lets out, so a connection
that must break is broken here, and a response that nobody will get is returned.
"""

import os
import socket
import struct
from dataclasses import dataclass
from http import HTTPStatus
from secrets import token_hex

import aiofiles
import anyio
from aiohttp import HttpVersion11, web

from .answers import Reply
from .calls import Bytes, Call
from .intake import flipped
from .logins import bare

PIECE_BYTES = 1 << 20
TRICKLE_STEPS = 10
CLIENT_GONE = 499
"""Never sent: the status of an answer to a closed connection."""


@dataclass(slots=True)
class Outgoing:
    """An answer and what is wrong with it."""

    content: Reply | Bytes
    is_lost: bool = False
    trickles_over_s: float = 0.0
    promised_more: int = 0
    """Bytes that Content-Length promises and that do not come."""
    flip_at: int | None = None


async def continue_expected(request: web.BaseRequest) -> None:
    """Let a client that asks before it sends a large body (curl) send it."""
    expects = request.headers.get("Expect", "").lower() == "100-continue"
    if expects and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def reset(request: web.BaseRequest) -> web.Response:
    """Break the connection so that the client sees a reset, not an end."""
    transport = request.transport
    if transport is not None:
        fileno = transport.get_extra_info("socket").fileno()
        with socket.socket(fileno=os.dup(fileno)) as same:
            linger_no_time = struct.pack("ii", 1, 0)
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_no_time)
        transport.abort()
    return web.Response(status=CLIENT_GONE)


def _vault_headers(call: Call) -> dict[str, str]:
    """The headers of every answer (vault-api.md 5, documented)."""
    sent = call.request.headers
    headers = {
        "X-VaultAPI-ExecutionId": token_hex(16),
        "X-VaultAPI-VaultId": str(call.world.model.vault_id),
    }
    if call.user.id:
        headers["X-VaultAPI-UserId"] = str(call.user.id)
        headers["X-VaultAPI-TruncatedSessionId"] = bare(sent.get("Authorization", ""))[:8]
    if "X-VaultAPI-ReferenceId" in sent:
        headers["X-VaultAPI-ReferenceId"] = sent["X-VaultAPI-ReferenceId"]
    if call.allowance is not None:
        headers["X-VaultAPI-BurstLimit"] = str(call.allowance.limit)
        headers["X-VaultAPI-BurstLimitRemaining"] = str(call.allowance.remaining)
        if call.allowance.delay_ms:
            headers["X-VaultAPI-ResponseDelay"] = str(call.allowance.delay_ms)
    return headers


async def send(call: Call, outgoing: Outgoing) -> web.StreamResponse:
    if call.allowance is not None and call.allowance.delay_ms:
        call.seen.delayed_ms = call.allowance.delay_ms
        await anyio.sleep(call.allowance.delay_ms / 1000)
    if outgoing.is_lost:
        return reset(call.request)
    content = outgoing.content
    if isinstance(content, Bytes):
        return await _send_file(call, outgoing, content)
    call.seen.status = content.status
    headers = {"Content-Type": content.content_type, **_vault_headers(call), **content.headers}
    if not outgoing.promised_more and not outgoing.trickles_over_s:
        return web.Response(status=content.status, body=content.body, headers=headers)
    response = web.StreamResponse(status=content.status, headers=headers)
    response.content_length = len(content.body) + outgoing.promised_more
    await response.prepare(call.request)
    step = max(1, len(content.body) // TRICKLE_STEPS)
    for start in range(0, len(content.body), step):
        await response.write(content.body[start : start + step])
        await anyio.sleep(outgoing.trickles_over_s / TRICKLE_STEPS)
    return await _ended(call, response, outgoing)


async def _send_file(call: Call, outgoing: Outgoing, found: Bytes) -> web.StreamResponse:
    """A file's bytes (2.2); that a range has status 206 is a guess, the headers are documented."""
    status = HTTPStatus.PARTIAL_CONTENT if found.is_range else HTTPStatus.OK
    call.seen.status = status
    response = web.StreamResponse(status=status, headers=_vault_headers(call))
    response.headers["Content-Type"] = "application/octet-stream;charset=UTF-8"
    quoted = found.name.replace("\\", "\\\\").replace('"', '\\"')
    response.headers["Content-Disposition"] = f'attachment;filename="{quoted}"'
    if found.is_range:
        response.headers["Content-Range"] = f"bytes {found.start}-{found.end}/{found.total}"
    left = found.end - found.start + 1
    pieces = max(1, left // PIECE_BYTES)
    response.content_length = left + outgoing.promised_more
    async with aiofiles.open(found.file, "rb") as file:
        await response.prepare(call.request)
        await file.seek(found.start)
        at = found.start
        while left > 0 and (piece := await file.read(min(left, PIECE_BYTES))):
            if outgoing.flip_at is not None and at <= outgoing.flip_at < at + len(piece):
                piece = flipped(piece, outgoing.flip_at - at)
            await response.write(piece)
            await anyio.sleep(outgoing.trickles_over_s / pieces)
            at, left = at + len(piece), left - len(piece)
    return await _ended(call, response, outgoing)


async def _ended(call: Call, response: web.StreamResponse, outgoing: Outgoing) -> web.StreamResponse:
    if outgoing.promised_more:
        response.force_close()
        if call.request.transport is not None:
            call.request.transport.close()
    else:
        await response.write_eof()
    return response
