"""A small file in one request, without an upload session: one call to Vault instead of four or more.

Documented: up to 50 MB, by POST to items. It is also the only way for a file of no bytes. Must not know upload
sessions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import anyio

from asyncup.errors import ChecksumMismatch
from asyncup.events import BufferKind, BytesWritten, PartAcknowledged, PartHashed, PartStarted, Stage, UploadStarted
from asyncup.pipeline.buffers import Buffers, open_buffers
from asyncup.pipeline.gathered_visits import visit_thread
from asyncup.pipeline.hasher import Hasher
from asyncup.pipeline.part_buffer import PartBuffer, WholeBuffer
from asyncup.pipeline.transfer import Transfer
from asyncup.protocol.content_md5 import ContentMd5Form, ContentMd5Policy, header_value
from asyncup.protocol.plan import Part, Plan
from asyncup.protocol.responses import Item
from asyncup.vault.transport import Patience

__all__ = ["send_small_file"]

_AT_ONCE = 2**20
"""Files up to this size are read and hashed by one call in a thread, a few milliseconds at most."""


async def send_small_file(transfer: Transfer, destination: str, *, overwrite: bool) -> tuple[str, int]:
    """Send the whole file in one request. Return its MD5 in hex, and the bytes written to the network.

    Raises:
        ChecksumMismatch: Vault received other bytes.
        ItemExists: the name is taken and `overwrite` is False.
        AsyncupError: as for every call. May come inside an exception group.
    """
    source = transfer.source
    part = Part(1, 0, source.size)
    transfer.emit(
        UploadStarted,
        path=source.path,
        session_id=None,
        size=source.size,
        parts=1,
        part_size=source.size,
        resumed_parts=0,
        resumed_bytes=0,
        buffers=BufferKind.COPIED,
    )
    transfer.clock.enter(Stage.DISK)
    async with _loaded(transfer, part) as loaded:
        digest = loaded.digest
        # What is sent is in Vault: it is not left unsaid whether that went well.
        with transfer.lane.in_flight():
            item, written = await _post(transfer, destination, loaded.buffer, digest, overwrite=overwrite)
            await _compare(transfer, destination, item, digest)
            transfer.emit(PartAcknowledged, source.path, 1, source.size, digest.hex(), source.size)
            loaded.release()
            await transfer.verify_source(Plan(source.size, max(source.size, 1)), [digest.hex()])
    return digest.hex(), written


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A file in memory, and its MD5. `release` gives the memory back; what it does at the end, it may do before."""

    buffer: PartBuffer
    digest: bytes
    release: Callable[[], None]


@asynccontextmanager
async def _loaded(transfer: Transfer, part: Part) -> AsyncIterator[_Loaded]:
    """Read and hash the file: a very small one by one visit to a thread, since each costs as much as sending it."""
    if part.length > _AT_ONCE and transfer.source.whole is None:
        # Copied: mapping and watching a lease costs more than copying a small file.
        async with open_buffers(transfer.source, transfer.memory, may_map=False, on_copying=lambda *_: None) as buffers:
            buffer, digest = await _load_and_hash(transfer, buffers, part)
            yield _Loaded(buffer, digest, lambda: buffers.release(buffer, reusable=False))
        return
    with ExitStack() as taken:
        whole = transfer.source.whole  # most often it was read as it was opened
        if whole is None:
            await transfer.memory.take(part.length)
            taken.callback(transfer.memory.give_back, part.length)
            whole = await visit_thread(transfer.source.read_whole)
        if part.length:
            transfer.emit(PartHashed, transfer.source.path, part.number, part.length, whole.hashed_s)
        yield _Loaded(WholeBuffer(part, whole.content), whole.md5, taken.close)


async def _compare(transfer: Transfer, destination: str, item: Item, digest: bytes) -> None:
    size, md5 = transfer.source.size, digest.hex()
    if item.md5 is None and item.size in (None, size):
        # Vault has not said what it received: read it back.
        transfer.clock.enter(Stage.VAULT)
        item = await transfer.vault.find_file(destination, size, digest) or replace(item, md5="unknown")
    if item.md5 not in (None, md5) or item.size not in (None, size):
        raise ChecksumMismatch(
            f"Vault received {item.size} bytes with MD5 {item.md5} in {destination}, "
            f"sent were {size} bytes with MD5 {md5}",
            hint="Upload it again with overwriting allowed",
        )


async def _load_and_hash(transfer: Transfer, buffers: Buffers, part: Part) -> tuple[PartBuffer, bytes]:
    buffer = await buffers.load(part)

    def hashed(_: Part, seconds: float) -> None:
        transfer.emit(PartHashed, transfer.source.path, part.number, part.length, seconds)

    transfer.clock.enter(Stage.HASH)
    async with anyio.create_task_group() as tasks:
        with Hasher(tasks, 1, hashed) as hasher:
            digest = await hasher.start(buffer).wait()
    return buffer, digest


async def _post(
    transfer: Transfer, destination: str, buffer: PartBuffer, digest: bytes, *, overwrite: bool
) -> tuple[Item, int]:
    path = transfer.source.path
    attempts = written = 0

    def on_started() -> None:
        nonlocal attempts
        attempts += 1
        transfer.clock.enter(Stage.WIRE)
        transfer.emit(PartStarted, path, 1, buffer.length, attempts)

    def on_written(length: int) -> None:
        nonlocal written
        written += length
        transfer.emit(BytesWritten, path, 1, length, written)

    item = await transfer.vault.create_file(
        destination,
        buffer,
        digest,
        overwrite=overwrite,
        content_md5=_header(transfer.options.content_md5, digest),
        patience=Patience(transfer.options.stall_timeout_s, transfer.options.answer_timeout_s),
        on_started=on_started,
        on_written=on_written,
        on_sent=lambda: transfer.clock.enter(Stage.VAULT),
    )
    return item, written


def _header(policy: ContentMd5Policy, digest: bytes) -> str | None:
    """Return the Content-MD5 header.

    "auto" sends none: whether it would be the file's MD5 or the multipart body's is unknown here (RFC 1864 means the
    body's), and the answer tells the file's.
    """
    return None if policy == "auto" else header_value(digest, ContentMd5Form(policy))
