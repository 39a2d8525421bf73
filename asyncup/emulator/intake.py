"""Taking in a body: the one path that every uploaded byte goes through, so it is the fast one.

Must not know what the bytes are for. They arrive in the pieces that the socket gave (at most
256 KiB) and are handed on in batches, because a hop to a worker thread per piece would cost more
than the work done there. The next batch is read while the last one is hashed and written.
"""

import base64
import binascii
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio
from aiohttp import BodyPartReader, StreamReader
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from .refusal import Refusal
from .store import Sink
from .switches import Switches

BATCH_BYTES = 4 << 20
FORM_PIECE_BYTES = 1 << 18
MD5_BYTES = 16


@dataclass(frozen=True, slots=True)
class Shape:
    """How a body arrives, where it does not simply arrive."""

    rate: int = 0
    """Bytes a second; 0 is as fast as they come."""
    flip_at: int | None = None
    """Offset of a byte that arrives wrong."""


async def take_in(pieces: AsyncIterator[bytes], sink: Sink, most: int, shape: Shape | None = None) -> int:
    """Feed a body into a sink and count it. Bytes beyond `most` are counted but not kept."""
    if shape is not None and shape != Shape():
        pieces = _shaped(pieces, shape)
    if not sink.wants_bytes:
        return await _count(pieces)
    total = 0
    failures: list[Exception] = []
    send, receive = anyio.create_memory_object_stream[list[bytes]](1)
    with receive:
        async with anyio.create_task_group() as group:
            group.start_soon(_feed, receive, sink, failures)
            try:
                with send:
                    total = await _batch(pieces, send, most)
            except Exception as error:  # noqa: BLE001 - raised again below, outside of the group
                failures.append(error)
    if failures:
        # The disk's complaint comes before the reader's, which only could not get rid of a batch.
        raise failures[0]
    return total


def body_pieces(content: StreamReader) -> AsyncIterator[bytes]:
    return content.iter_any()


async def form_pieces(field: BodyPartReader) -> AsyncIterator[bytes]:
    while piece := await field.read_chunk(FORM_PIECE_BYTES):
        yield bytes(piece)


async def drain(content: StreamReader, most: int | None = None) -> int:
    """Read a body, or the beginning of it, that nobody wants; returns how much came."""
    total = 0
    while not content.at_eof() and (most is None or total < most):
        total += len(await content.readany())
    return total


async def _count(pieces: AsyncIterator[bytes]) -> int:
    total = 0
    async for piece in pieces:
        total += len(piece)
    return total


async def _batch(pieces: AsyncIterator[bytes], send: MemoryObjectSendStream[list[bytes]], most: int) -> int:
    total = waiting = 0
    batch: list[bytes] = []
    async for piece in pieces:
        total += len(piece)
        if total > most:
            continue
        batch.append(piece)
        waiting += len(piece)
        if waiting >= BATCH_BYTES:
            await send.send(batch)
            batch, waiting = [], 0
    if batch:
        await send.send(batch)
    return total


async def _feed(batches: MemoryObjectReceiveStream[list[bytes]], sink: Sink, failures: list[Exception]) -> None:
    try:
        with batches:
            async for batch in batches:
                await sink.take(batch)
    except* OSError as group:
        failures.extend(error for error in group.exceptions if isinstance(error, OSError))


async def _shaped(pieces: AsyncIterator[bytes], shape: Shape) -> AsyncIterator[bytes]:
    begun, total = time.monotonic(), 0
    async for piece in pieces:
        start, total = total, total + len(piece)
        if shape.flip_at is not None and start <= shape.flip_at < total:
            yield flipped(piece, shape.flip_at - start)
        else:
            yield piece
        if shape.rate:
            await anyio.sleep(max(0.0, begun + total / shape.rate - time.monotonic()))


def flipped(piece: bytes, at: int) -> bytes:
    """The piece with all bits of one byte turned over."""
    return piece[:at] + bytes([piece[at] ^ 0xFF]) + piece[at + 1 :]


def expected_md5(header: str | None, switches: Switches) -> str | None:
    """The digest that a Content-MD5 header promises, in hex; None if there is nothing to check.

    The form is not documented (vault-api.md 1.4): hex, or base64 as in RFC 1864.
    """
    understood = switches.content_md5
    if header is None or understood == "ignored":
        return None
    given = header.strip()
    digest = b""
    try:
        if "hex" in understood and len(given) == 2 * MD5_BYTES:
            digest = bytes.fromhex(given)
        elif "base64" in understood:
            digest = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != MD5_BYTES:
        raise Refusal(switches.type_md5, f"Invalid value for header [Content-MD5]: {given}")
    return digest.hex()


def check_md5(expected: str | None, computed: str, switches: Switches) -> None:
    if expected is not None and expected != computed:
        raise Refusal(switches.type_md5, "The Content-MD5 does not match the received bytes")
