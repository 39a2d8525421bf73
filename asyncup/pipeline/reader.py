"""The producer: reads the file part by part into buffers, starts hashing each, and queues them in part order.

It runs ahead of the sender as far as the queue and the byte budget allow. Must not know the network or Vault.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from asyncup.pipeline.buffers import QUICKLY_S, Buffers
from asyncup.pipeline.hasher import Hasher
from asyncup.pipeline.part_buffer import PartBuffer
from asyncup.pipeline.pending_digest import PendingDigest
from asyncup.protocol.plan import Part

__all__ = ["ReadPart", "next_part", "read_parts"]

_READ_TOGETHER = 32 * 2**20
"""Bytes of small parts that one visit to a thread reads: less than one of the largest part, which is read alone."""


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
    left = deque(parts)
    wanted = 1  # the first is waited for
    async with queue:
        while left:
            some = await buffers.load_some(list(itertools.islice(left, wanted)))
            for loaded in some:
                part = left.popleft()
                on_read(part, loaded.seconds)
                try:
                    await _put(queue, ReadPart(part, loaded.buffer, hasher.start(loaded.buffer)))
                except anyio.BrokenResourceError:
                    # The sender has stopped taking parts: it has its own reason to fail.
                    return
            # A disk that is asked for several parts would have the sender wait for all of them.
            wanted = _how_many(left, queue) if some[-1].seconds <= QUICKLY_S else 1
            del some, loaded  # whoever keeps a later part's error keeps this frame
        hasher.all_started()


def _how_many(left: Sequence[Part], queue: MemoryObjectSendStream[ReadPart]) -> int:
    """Return how many parts are read by the next visit to a thread: small ones together, as far as the queue has room.

    The loop, while it is sending, hears of a visit's end about once for each part: reading one by one would never get
    ahead of it.
    """
    seen = queue.statistics()
    room = int(seen.max_buffer_size) - seen.current_buffer_used
    return max(1, min(room, _READ_TOGETHER // left[0].length)) if left else 0


# anyio's own ways give the event loop a turn first: neither a reader that waits for a thread in between, nor a sender
# that waits for the network, needs it.


async def next_part(queue: MemoryObjectReceiveStream[ReadPart]) -> ReadPart | None:
    """Return the next part of the queue, as soon as it is there; None when there are no more."""
    try:
        try:
            return queue.receive_nowait()
        except anyio.WouldBlock:
            return await queue.receive()
    except anyio.EndOfStream:
        return None


async def _put(queue: MemoryObjectSendStream[ReadPart], item: ReadPart) -> None:
    try:
        queue.send_nowait(item)
    except anyio.WouldBlock:
        await queue.send(item)
