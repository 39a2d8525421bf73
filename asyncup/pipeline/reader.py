"""The producer: reads the file part by part into buffers, starts hashing each, and queues them in part order.

It runs ahead of the sender as far as the queue and the byte budget allow. Must not know the network or Vault.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from asyncup.pipeline.buffers import Buffers
from asyncup.pipeline.hasher import Hasher, PendingDigest
from asyncup.pipeline.part_buffer import PartBuffer
from asyncup.protocol.plan import Part

__all__ = ["ReadPart", "read_parts"]


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
                await queue.send(ReadPart(part, buffer, hasher.start(buffer)))
            except anyio.BrokenResourceError:
                # The sender has stopped taking parts: it has its own reason to fail.
                return
            del buffer  # whoever keeps a later part's error keeps this frame
