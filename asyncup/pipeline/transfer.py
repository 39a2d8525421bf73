"""From an open file and an upload session to a session that holds every byte: what `upload` and `upload_file` share.

Joins the reader, the hasher and the sender around one bounded queue. Must not know how the session came about, nor
what becomes of it afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from asyncup.errors import ChecksumMismatch, LimitExceeded, SizeMismatch
from asyncup.events import (
    BufferKind,
    BuffersChanged,
    PartHashed,
    PartRead,
    SourceTouched,
    Stage,
    UploadFinished,
    UploadSessionOpened,
    UploadStarted,
)
from asyncup.pipeline import multi_md5
from asyncup.pipeline.buffers import Buffers, open_buffers
from asyncup.pipeline.drain import Lane
from asyncup.pipeline.emitter import Emitter
from asyncup.pipeline.gathered_visits import visit_thread
from asyncup.pipeline.hash_ahead import hashing_ahead
from asyncup.pipeline.hash_threads import cores_to_use, threads_while_comparing, threads_while_sending
from asyncup.pipeline.hasher import Hasher
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.options import UploadOptions
from asyncup.pipeline.reader import ReadPart, next_part, read_parts
from asyncup.pipeline.resume import Continuation, compare_held_parts, compare_parts
from asyncup.pipeline.sender import Sender
from asyncup.pipeline.source import Source
from asyncup.pipeline.stage_clock import StageClock
from asyncup.protocol.plan import Part, Plan, make_plan
from asyncup.protocol.responses import HeldPart, UploadSession
from asyncup.protocol.upload_session import UploadSessionMachine, held_part_size
from asyncup.vault.client import Vault

__all__ = ["Transfer", "Transferred"]


@dataclass(frozen=True, slots=True)
class Transferred:
    """What a transfer did. `machine` is complete: the session may be committed."""

    machine: UploadSessionMachine
    md5s: tuple[str, ...]
    resumed_parts: int
    bytes_written: int


class Transfer:
    """One file on its way into upload sessions of one Vault.

    Args:
        vault: the Vault.
        source: the open file.
        options: the caller's choices.
        memory: the byte budget for part buffers.
        clock: told what is being waited for.
        emit: told of every event, on the event loop.
        lane: what may end the transfer early.
        memory_is_shared: whether other uploads may use the budget, too.
    """

    def __init__(
        self,
        vault: Vault,
        source: Source,
        options: UploadOptions,
        memory: MemoryBudget,
        clock: StageClock,
        emit: Emitter,
        lane: Lane,
        *,
        memory_is_shared: bool,
    ) -> None:
        self.vault = vault
        self.source = source
        self.options = options
        self.memory = memory
        self.memory_is_shared = memory_is_shared
        self.clock = clock
        self.emit = emit
        self.lane = lane

    def plan(self) -> Plan:
        """Plan a new upload session.

        Raises:
            LimitExceeded: the file or the chosen part size is not allowed.
        """
        return make_plan(
            self.source.size,
            self.vault.limits,
            memory_budget=self.memory.total,
            part_size=self.options.part_size,
            least_parts=self.options.least_parts or 1,
            bytes_per_s=self.vault.part_rate.bytes_per_s,
        )

    def opened(self, session_id: str, *, created: bool) -> None:
        """Say which upload session this is about from now on: it is left open by whatever goes wrong."""
        self.lane.session_id = session_id
        self.emit(UploadSessionOpened, self.source.path, session_id, created)

    async def look_into(self, session: UploadSession) -> Continuation:
        """Compare what a session holds with the file.

        Raises:
            UploadSessionConflict: it holds other bytes than the file's.
            LimitExceeded: its parts are too small to ever hold the file.
            AsyncupError: it cannot be looked at. May come inside an exception group.
        """
        self._refuse_other_size(session)
        self.clock.enter(Stage.VAULT)
        held = await self._held_parts(session)
        part_size = held_part_size(held, self.source.size)
        if part_size is None:
            return Continuation(self.plan(), held, 0)
        plan = self._continued_plan(part_size)
        async with self._open_buffers() as buffers:
            good = await compare_held_parts(
                held,
                plan,
                buffers,
                check=self.options.resume_check,
                hash_threads=self._threads_while_comparing(plan),
                clock=self.clock,
                on_hashed=self._on_hashed,
            )
        return Continuation(plan, held, good)

    async def run(self, session: UploadSession, continuation: Continuation | None = None) -> Transferred:
        """Send what the session lacks. `continuation` is what `look_into` said, when it was asked before.

        Raises:
            AsyncupError: it cannot be done; what Vault holds stays. May come inside an exception group.
        """
        continuation = continuation or await self.look_into(session)
        async with self._open_buffers() as buffers:
            done = await self._send_missing(session, continuation, buffers)
        await self.verify_source(continuation.plan, done.md5s)
        return done

    async def verify_source(self, plan: Plan, md5s: Sequence[str]) -> None:
        """Make sure, at the end, that the file is still what was sent: `md5s` of the plan's parts.

        Its bytes are read again only when it was touched on the way.

        Raises:
            SourceChanged: it is not.
        """
        await visit_thread(self.source.verify_at_end)
        self._tell_touches()
        if not self.source.touched or not plan.size:
            return
        sent = [HeldPart(part.number, part.length, md5) for part, md5 in zip(plan.parts_from(1), md5s, strict=True)]
        async with self._open_buffers() as buffers:
            await compare_parts(
                sent,
                plan,
                buffers,
                hash_threads=self._threads_while_comparing(plan),
                clock=self.clock,
                on_hashed=lambda *_: None,
                on_other_bytes=self._was_written_to,
            )
        self._tell_touches()

    def finish(self) -> tuple[float, Mapping[Stage, float]]:
        """Stop the clock and tell that the upload is done; return the seconds, and the same split by stage."""
        elapsed_s, waits_s = self.clock.stop()
        self.emit(
            UploadFinished,
            self.source.path,
            self.source.size,
            elapsed_s,
            waits_s[Stage.DISK],
            waits_s[Stage.HASH],
            waits_s[Stage.WIRE],
            waits_s[Stage.VAULT],
        )
        return elapsed_s, waits_s

    def _threads_while_comparing(self, plan: Plan) -> int:
        return self.options.hash_threads or threads_while_comparing(
            plan, self.memory.total, cores=cores_to_use(), at_once=multi_md5.AT_ONCE
        )

    def _threads_while_sending(self, plan: Plan) -> int:
        return self.options.hash_threads or threads_while_sending(
            plan,
            self.memory.total,
            cores=cores_to_use(),
            at_once=multi_md5.AT_ONCE,
            bytes_per_s=self.vault.part_rate.bytes_per_s,
        )

    def _open_buffers(self) -> AbstractAsyncContextManager[Buffers]:
        return open_buffers(
            self.source, self.memory, may_map=self.options.buffers == "auto", on_copying=self._on_copying
        )

    async def _send_missing(self, session: UploadSession, known: Continuation, buffers: Buffers) -> Transferred:
        plan, kept = known.plan, known.held[: known.good]
        machine = UploadSessionMachine(plan, acknowledged=known.good, leftover=known.held[known.good :])
        self.emit(
            UploadStarted,
            path=self.source.path,
            session_id=session.id,
            size=plan.size,
            parts=plan.parts,
            part_size=plan.part_size,
            resumed_parts=machine.acknowledged,
            resumed_bytes=machine.acknowledged_bytes,
            buffers=buffers.kind,
        )
        sender = Sender(
            self.vault,
            session.id,
            machine,
            path=self.source.path,
            options=self.options,
            clock=self.clock,
            emit=self.emit,
            lane=self.lane,
        )
        md5s = [part.md5 for part in kept if part.md5 is not None]
        # Bounded by what the budget can hold at all: the budget is the true bound, and may be shared.
        most = max(1, self.memory.total // plan.part_size)
        put, take = anyio.create_memory_object_stream[ReadPart](most)
        missing, threads = list(plan.parts_from(machine.acknowledged + 1)), self._threads_while_sending(plan)
        with hashing_ahead(missing, plan, buffers, self.memory, threads, shared=self.memory_is_shared) as ahead:
            async with anyio.create_task_group() as tasks:
                with Hasher(tasks, threads, self._on_hashed, ahead=ahead) as hasher, take:
                    tasks.start_soon(read_parts, missing, buffers, hasher, put, self._on_read)
                    md5s += await self._send_each(take, sender, buffers)
        return Transferred(machine, tuple(md5s), known.good, sender.bytes_written)

    # On its own: a group of exceptions keeps the frame that it comes through, and that would keep the last part.
    async def _send_each(
        self, parts: MemoryObjectReceiveStream[ReadPart], sender: Sender, buffers: Buffers
    ) -> list[str]:
        md5s = []
        self.clock.enter(Stage.DISK)
        while (item := await next_part(parts)) is not None:
            md5s.append(await self._sent(sender, item))
            # The connection of a broken attempt may still be sending from this memory while it is closed.
            buffers.release(item.buffer, reusable=sender.attempts == 1)
            self.clock.enter(Stage.DISK)
        return md5s

    async def _sent(self, sender: Sender, item: ReadPart) -> str:
        try:
            return await sender.send(item)
        except ChecksumMismatch as mismatch:
            if not self.source.touched:
                raise
            # Not the network: the file was written to after the part was hashed, and its pages were read again.
            how = f"part {item.part.number} had other bytes when it was sent than when it was hashed"
            raise self.source.changed(how).locate(part=item.part.number) from mismatch

    def _continued_plan(self, part_size: int) -> Plan:
        """Plan with the part size that the session's parts have, which may be no choice of ours."""
        plan, most = Plan(self.source.size, part_size), self.vault.limits.max_parts
        if plan.parts > most:
            raise LimitExceeded(
                "max_parts",
                plan.parts,
                most,
                f"the upload session's parts of {part_size} bytes are too small for this file",
                hint="Create a new upload session for it",
            )
        return plan

    async def _held_parts(self, session: UploadSession) -> list[HeldPart]:
        if session.uploaded_parts == 0 and session.uploaded == 0:
            return []
        return await self.vault.list_parts(session.id)

    def _refuse_other_size(self, session: UploadSession) -> None:
        if session.size is not None and session.size != self.source.size:
            raise SizeMismatch(
                f"{self.source.path} has {self.source.size} bytes, the upload session is for {session.size}",
                hint="Create an upload session of this file's size",
            ).locate(session_id=session.id)

    def _was_written_to(self, part: HeldPart, _: str) -> None:
        raise self.source.changed(f"part {part.number} has other bytes now than when it was sent").locate(
            part=part.number
        )

    def _tell_touches(self) -> None:
        for how in self.source.new_touches():
            self.emit(SourceTouched, self.source.path, how)

    def _on_read(self, part: Part, seconds: float) -> None:
        self._tell_touches()
        self.emit(PartRead, self.source.path, part.number, part.length, seconds)

    def _on_hashed(self, part: Part, seconds: float) -> None:
        self.emit(PartHashed, self.source.path, part.number, part.length, seconds)

    def _on_copying(self, copied: int, seconds: float) -> None:
        self.emit(BuffersChanged, self.source.path, BufferKind.COPIED, copied, seconds)
