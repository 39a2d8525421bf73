"""The producer: reads the file part by part into buffers, starts hashing each, and queues them in part order.

It runs ahead of the sender as far as the queue and the byte budget allow. Must not know the network or Vault.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from asyncup.pipeline.buffers import Buffers
from asyncup.pipeline.hasher import Hasher
from asyncup.pipeline.part_buffer import PartBuffer
from asyncup.pipeline.pending_digest import PendingDigest
from asyncup.protocol.plan import Part

__all__ = ["ReadPart", "next_part", "read_parts"]


@dataclass(frozen=True, slots=True)
class ReadPart:
    """A part on its way from the reader to the sender."""

    part: Part
    buffer: PartBuffer
    digest: PendingDigest


async def read_parts(
    parts: Iterable[Part],
    buffers: Buffers,
    hasher: Hasher,
    queue: MemoryObjectSendStream[ReadPart],
    on_read: Callable[[Part, float], None],
) -> None:
    """Read `parts` in order into `queue`, and close it at the end.

    Whoever takes a part releases its buffer; what nobody took, `open_buffers` releases.

    Raises:
        SourceError: a part cannot be read, or the file has changed.
    """
    async with queue:
        for part in parts:
            begun = time.perf_counter()
            buffer = await buffers.load(part)
            on_read(part, time.perf_counter() - begun)
            try:
                await _put(queue, ReadPart(part, buffer, hasher.start(buffer)))
            except anyio.BrokenResourceError:
                # The sender has stopped taking parts: it has its own reason to fail.
                return
            del buffer  # whoever keeps a later part's error keeps this frame
        hasher.all_started()


# anyio's own ways give the event loop a turn first: neither a reader that waits for a thread in between, nor a sender
# that waits for the network, needs it.


async def next_part(queue: MemoryObjectReceiveStream[ReadPart]) -> ReadPart | None:
    """Return the next part of the queue, as soon as it is there; None when there are no more."""
    with suppress(anyio.EndOfStream):
        try:
            return queue.receive_nowait()
        except anyio.WouldBlock:
            return await queue.receive()
    return None


async def _put(queue: MemoryObjectSendStream[ReadPart], item: ReadPart) -> None:
    try:
        queue.send_nowait(item)
    except anyio.WouldBlock:
        await queue.send(item)
