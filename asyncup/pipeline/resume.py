"""Continuing an upload session: are the parts that it holds the beginning of this very file?

The server's state is the only truth: nothing is remembered locally. Every held part is hashed here and compared, so a
session is never continued into a corrupt file. Must not know sending.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio

from asyncup.errors import UploadSessionConflict
from asyncup.events import Stage
from asyncup.pipeline.buffers import Buffers
from asyncup.pipeline.hasher import Hasher, PendingDigest
from asyncup.pipeline.part_buffer import PartBuffer
from asyncup.pipeline.stage_clock import StageClock
from asyncup.protocol.plan import Part, Plan
from asyncup.protocol.responses import HeldPart

__all__ = ["compare_held_parts"]


async def compare_held_parts(
    held: Sequence[HeldPart],
    plan: Plan,
    buffers: Buffers,
    *,
    hash_threads: int,
    clock: StageClock,
    on_hashed: Callable[[PartBuffer, float], None],
) -> int:
    """Hash the local bytes of the parts that Vault holds, several at once, and compare. Return how many are good.

    The last held part may have other bytes when a part before it is this file's: it arrived damaged, and is sent again.

    Raises:
        UploadSessionConflict: a held part has other bytes.
        SourceError: a part cannot be read, or the file has changed.
    """
    if not held:
        return 0
    good = len(held)
    clock.enter(Stage.HASH)
    at_once = anyio.Semaphore(hash_threads)

    async def compare(expected: HeldPart, part: Part, buffer: PartBuffer, pending: PendingDigest) -> None:
        # After a failure `open_buffers` releases, when the threads have ended: one may be hashing this very buffer.
        md5 = (await pending.wait()).hex()
        buffers.release(buffer, reusable=True)
        at_once.release()
        if md5 != expected.md5 and 1 < part.number == len(held):
            nonlocal good
            good -= 1
        elif md5 != expected.md5:
            raise UploadSessionConflict(
                f"the upload session holds other bytes in part {part.number}: MD5 {expected.md5}, the file's is {md5}",
                hint="The file was changed since, or is another one: create a new upload session for it",
            ).locate(part=part.number)

    async with anyio.create_task_group() as hashing:
        # The hasher is left, and so stopped, only when every part is compared.
        with Hasher(hashing, hash_threads, on_hashed) as hasher:
            async with anyio.create_task_group() as comparing:
                for expected in held:
                    await at_once.acquire()
                    part = plan.part(expected.number)
                    buffer = await buffers.load(part)
                    comparing.start_soon(compare, expected, part, buffer, hasher.start(buffer))
    return good
