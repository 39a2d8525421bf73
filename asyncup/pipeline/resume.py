"""Continuing an upload session: hashing the local bytes of the parts that it holds, several at once, and comparing.

What a difference means is decided in `protocol.resume`. Must not know sending.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anyio

from asyncup.events import Stage
from asyncup.pipeline import multi_md5
from asyncup.pipeline.buffers import Buffers
from asyncup.pipeline.hasher import Hasher
from asyncup.pipeline.part_buffer import PartBuffer
from asyncup.pipeline.pending_digest import PendingDigest
from asyncup.pipeline.stage_clock import StageClock
from asyncup.protocol.plan import Part, Plan
from asyncup.protocol.responses import HeldPart
from asyncup.protocol.resume import ResumeCheck, may_be_damaged, other_bytes, parts_with_md5

__all__ = ["Continuation", "OnOtherBytes", "compare_held_parts", "compare_parts"]

OnOtherBytes = Callable[[HeldPart, str], None]
"""Called with a part and the MD5 of the file's bytes, which is not the part's."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """How an upload session is gone on with.

    Attributes:
        plan: the file's parts, in the size that the session's have.
        held: the parts that it holds.
        good: how many of them, from the first one on, need not be sent.
    """

    plan: Plan
    held: Sequence[HeldPart]
    good: int


async def compare_held_parts(
    held: Sequence[HeldPart],
    plan: Plan,
    buffers: Buffers,
    *,
    check: ResumeCheck = "all",
    hash_threads: int,
    clock: StageClock,
    on_hashed: Callable[[Part, float], None],
) -> int:
    """Compare the parts that Vault holds with the file, as far as `check` says. Return how many are good.

    Raises:
        UploadSessionConflict: a held part has other bytes.
        SourceError: a part cannot be read, or the file has changed.
    """
    listed = parts_with_md5(held)
    damaged = 0

    def on_other_bytes(part: HeldPart, md5: str) -> None:
        nonlocal damaged
        if not may_be_damaged(part, held):
            raise other_bytes(part, md5)
        damaged += 1

    async def compare(parts: Sequence[HeldPart]) -> None:
        await compare_parts(
            parts,
            plan,
            buffers,
            hash_threads=hash_threads,
            clock=clock,
            on_hashed=on_hashed,
            on_other_bytes=on_other_bytes,
        )

    if check == "all":
        await compare(listed)
    elif check == "last":
        await compare(listed[-1:])
        if damaged:
            # What was to vouch for the others does not: they are looked at themselves.
            await compare(listed[:-1])
    return len(listed) - damaged


async def compare_parts(
    expected: Sequence[HeldPart],
    plan: Plan,
    buffers: Buffers,
    *,
    hash_threads: int,
    clock: StageClock,
    on_hashed: Callable[[Part, float], None],
    on_other_bytes: OnOtherBytes,
) -> None:
    """Hash the local bytes of some parts, several at once, and compare.

    Raises:
        SourceError: a part cannot be read, or the file has changed.
    """
    if not expected:
        return
    clock.enter(Stage.HASH)
    at_once = anyio.Semaphore(hash_threads * multi_md5.AT_ONCE)  # the memory may hold fewer

    async def compare(held: HeldPart, buffer: PartBuffer, pending: PendingDigest) -> None:
        # After a failure `open_buffers` releases, when the threads have ended: one may be hashing this very buffer.
        md5 = (await pending.wait()).hex()
        buffers.release(buffer, reusable=True)
        at_once.release()
        if md5 != held.md5:
            on_other_bytes(held, md5)

    async with anyio.create_task_group() as hashing:
        # The hasher is left, and so stopped, only when every part is compared.
        with Hasher(hashing, hash_threads, on_hashed) as hasher:
            async with anyio.create_task_group() as comparing:
                for held in expected:
                    await at_once.acquire()
                    buffer = await buffers.load(plan.part(held.number))
                    comparing.start_soon(compare, held, buffer, hasher.start(buffer))
