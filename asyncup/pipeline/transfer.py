"""From an open file and an upload session to a session that holds every byte: what `upload` and `upload_file` share.

Joins the reader, the hasher and the sender around one bounded queue. Must not know how the session came about, nor
what becomes of it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import anyio
import anyio.to_thread

from asyncup.errors import AsyncupError, JobFailed, LimitExceeded, SizeMismatch
from asyncup.events import (
    BufferKind,
    BuffersChanged,
    Event,
    JobStatusSeen,
    PartHashed,
    PartRead,
    Stage,
    UploadFinished,
    UploadStarted,
)
from asyncup.pipeline.buffers import Buffers, open_buffers
from asyncup.pipeline.hasher import Hasher
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.options import UploadOptions
from asyncup.pipeline.part_buffer import PartBuffer
from asyncup.pipeline.reader import ReadPart, read_parts
from asyncup.pipeline.resume import compare_held_parts
from asyncup.pipeline.sender import Sender
from asyncup.pipeline.source import Source
from asyncup.pipeline.stage_clock import StageClock
from asyncup.protocol.plan import Part, Plan, make_plan
from asyncup.protocol.requests import Operation
from asyncup.protocol.responses import HeldPart, UploadSession
from asyncup.protocol.retry import Verdict, classify
from asyncup.protocol.upload_session import UploadSessionMachine, compare_with_acknowledged, held_part_size
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
        memory: the byte budget for part buffers, possibly shared.
        clock: told what is being waited for.
        emit: told of every event, on the event loop.
    """

    def __init__(
        self,
        vault: Vault,
        source: Source,
        options: UploadOptions,
        memory: MemoryBudget,
        clock: StageClock,
        emit: Callable[[Event], None],
    ) -> None:
        self.vault = vault
        self.source = source
        self.options = options
        self.memory = memory
        self.clock = clock
        self.emit = emit

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
        )

    async def run(self, session: UploadSession) -> Transferred:
        """Send what the session lacks.

        Raises:
            AsyncupError: it cannot be done; what Vault holds stays. May come inside an exception group.
        """
        self._refuse_other_size(session)
        self.clock.enter(Stage.VAULT)
        held = await self._held_parts(session)
        part_size = held_part_size(held, self.source.size)
        plan = self.plan() if part_size is None else self._continued_plan(part_size)
        async with open_buffers(
            self.source, self.memory, may_map=self.options.buffers == "auto", on_copying=self._on_copying
        ) as buffers:
            good = await compare_held_parts(
                held,
                plan,
                buffers,
                hash_threads=self.options.hash_threads,
                clock=self.clock,
                on_hashed=self._on_hashed,
            )
            done = await self._send_missing(session, plan, held[:good], buffers)
        await self.verify_source()
        return done

    async def verify_source(self) -> None:
        """Make sure, at the end, that the file is still what it was at the beginning.

        Raises:
            SourceChanged: it is not.
        """
        await anyio.to_thread.run_sync(self.source.verify_in_place)

    async def commit(self, session: UploadSession, done: Transferred) -> int | None:
        """Commit a session that holds every part, and wait until the file is visible. Return the job's id if known.

        What Vault holds is compared once more, part by part: a part that came late, or that somebody else sent, may
        have replaced one that was acknowledged.

        Raises:
            UploadSessionConflict: the session does not hold the file's parts; nothing is committed.
            JobFailed: Vault could not make the file of the parts.
        """
        self.clock.enter(Stage.VAULT)
        if done.machine.plan.parts:
            compare_with_acknowledged(await self.vault.list_parts(session.id), done.machine.plan, done.md5s)
        done.machine.commit()
        try:
            job_id = await self.vault.commit_upload_session(session)
        except AsyncupError as error:
            if classify(Operation.COMMIT, error) is Verdict.RECONCILE:
                done.machine.doubt()
            else:
                done.machine.refuse()
            raise
        done.machine.accept_commit()
        if job_id is not None:
            await self._wait_for_job(job_id)
        return job_id

    async def _wait_for_job(self, job_id: int) -> None:
        try:
            await self.vault.wait_for_job(
                job_id,
                within_s=self.options.job_timeout_s,
                on_status=lambda status: self.emit(JobStatusSeen(self.source.path, job_id, status)),
            )
        except JobFailed:
            raise
        except AsyncupError as error:
            error.hint = (
                f"Vault has every byte and finishes the file by itself: look at job {job_id} before uploading again"
            )
            raise

    def finish(self) -> tuple[float, Mapping[Stage, float]]:
        """Stop the clock and tell that the upload is done; return the seconds, and the same split by stage."""
        elapsed_s, waits_s = self.clock.stop()
        self.emit(
            UploadFinished(
                self.source.path,
                self.source.size,
                elapsed_s,
                waits_s[Stage.DISK],
                waits_s[Stage.HASH],
                waits_s[Stage.WIRE],
                waits_s[Stage.VAULT],
            )
        )
        return elapsed_s, waits_s

    async def _send_missing(
        self, session: UploadSession, plan: Plan, held: Sequence[HeldPart], buffers: Buffers
    ) -> Transferred:
        machine = UploadSessionMachine(plan, acknowledged=len(held))
        self.emit(
            UploadStarted(
                path=self.source.path,
                session_id=session.id,
                size=plan.size,
                parts=plan.parts,
                part_size=plan.part_size,
                resumed_parts=machine.acknowledged,
                resumed_bytes=machine.acknowledged_bytes,
                buffers=buffers.kind,
            )
        )
        sender = Sender(
            self.vault,
            session.id,
            machine,
            path=self.source.path,
            options=self.options,
            clock=self.clock,
            emit=self.emit,
        )
        md5s = [part.md5 for part in held]
        # Bounded by what the budget can hold at all: the budget is the true bound, and may be shared.
        ahead = max(1, self.memory.total // plan.part_size)
        put, take = anyio.create_memory_object_stream[ReadPart](ahead)
        async with anyio.create_task_group() as tasks:
            with Hasher(tasks, self.options.hash_threads, self._on_hashed) as hasher, take:
                tasks.start_soon(
                    read_parts, plan.parts_from(machine.acknowledged + 1), buffers, hasher, put, self._on_read
                )
                self.clock.enter(Stage.DISK)
                async for item in take:
                    md5s.append(await sender.send(item))
                    # The connection of a broken attempt may still be sending from this memory while it is closed.
                    buffers.release(item.buffer, reusable=sender.attempts == 1)
                    self.clock.enter(Stage.DISK)
        return Transferred(machine, tuple(md5s), len(held), sender.bytes_written)

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

    def _on_read(self, part: Part, seconds: float) -> None:
        self.emit(PartRead(self.source.path, part.number, part.length, seconds))

    def _on_hashed(self, buffer: PartBuffer, seconds: float) -> None:
        self.emit(PartHashed(self.source.path, buffer.part.number, buffer.length, seconds))

    def _on_copying(self, copied: int, seconds: float) -> None:
        self.emit(BuffersChanged(self.source.path, BufferKind.COPIED, copied, seconds))
