"""Cancelled at any moment, by anyio's scopes or by asyncio's own `Task.cancel`, an upload leaves nothing but a session.

No task, no thread at work, no open file, no memory taken; and the upload session can be continued.
"""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from functools import partial
from types import MethodType
from typing import Literal

import anyio
import anyio.from_thread
import anyio.lowlevel
import pytest

from asyncup import MemoryBudget, upload, upload_file
from asyncup.events import Event
from asyncup.pipeline import open_source as opening, source as source_module
from asyncup.pipeline.lease import ReadLease
from asyncup.pipeline.memory_map import FilePages
from asyncup.pipeline.part_hashing import PartHashing
from asyncup.pipeline.source import Source
from tests.fakes.memory_vault import Endpoint, MemoryVault, never_answers
from tests.pipeline.cancellable import Cancellable, How, Leftovers, finish
from tests.pipeline.files import ENOUGH_S, LocalFile
from tests.pipeline.uploads import OPTIONS, PART_SIZE, PARTS, Witness

PATH = "/u1/local.bin"
Kind = Literal["auto", "copied"]

pytestmark = pytest.mark.parametrize("how", ["scope", "task", "timeout"])


@pytest.mark.parametrize(("buffers", "held"), [("auto", 0), ("copied", 6)])
@pytest.mark.parametrize("at", ["turn of the loop", "event"])
async def test_an_upload_can_be_cancelled_at_any_moment(
    local_file: LocalFile, how: How, buffers: Kind, held: int, at: str
) -> None:
    moment = cancelled = 0
    acknowledged = set()
    ended = False
    while not ended:
        memory, budget, witness = MemoryVault(), MemoryBudget(3 * PART_SIZE), Witness()
        session_id = memory.open_session(PATH, 95_000, *local_file.parts(PART_SIZE)[:held])
        leftovers = Leftovers(local_file, budget, memory)
        begun: list[Cancellable] = []

        def hook(event: Event, witness: Witness = witness, begun: list[Cancellable] = begun) -> None:
            witness(event)
            if at == "event" and len(witness.events) == moment + 1:  # noqa: B023 - it is this round's
                begun[0].cancel()

        async with memory.vault() as vault:
            work = partial(
                upload,
                local_file.path,
                session_id,
                vault=vault,
                options=replace(OPTIONS, buffers=buffers),
                memory=budget,
                commit=True,
                on_event=hook,
            )
            begun.append(Cancellable(work, how))
            if at != "event":
                for _ in range(moment):
                    await anyio.lowlevel.checkpoint()
                begun[0].cancel()
            ended = await begun[0].ended_by_itself()
        leftovers.assert_none()
        if witness.events:
            witness.assert_consistent()
        await finish(local_file, memory)
        assert memory.effects.count(Endpoint.PUT_PART) <= PARTS - held + 1, "at most the part in flight is sent again"
        cancelled += not ended
        acknowledged.add(witness.acknowledged)
        moment += 1 + moment // (20 if at == "event" else 8)
    assert cancelled > 15
    assert len(acknowledged) > 4 or at != "event", "in different states"


async def test_an_upload_of_a_whole_file_can_be_cancelled_at_any_moment(local_file: LocalFile, how: How) -> None:
    moment = cancelled = 0
    ended = False
    while not ended:
        memory, budget = MemoryVault(), MemoryBudget(3 * PART_SIZE)
        leftovers = Leftovers(local_file, budget, memory)
        async with memory.vault() as vault:
            call = partial(upload_file, local_file.path, PATH, vault=vault, options=OPTIONS, memory=budget)
            work = Cancellable(call, how)
            for _ in range(moment):
                await anyio.lowlevel.checkpoint()
            work.cancel()
            ended = await work.ended_by_itself()
        leftovers.assert_none()
        assert Endpoint.ABORT not in memory.effects, "it is left, to be continued"
        assert len(memory.sessions) <= 1
        await finish(local_file, memory)
        cancelled += not ended
        moment += 1 + moment // 6
    assert cancelled > 15


# -- while a thread works


class Gate:
    """A function that waits, in its thread, until it is opened, and then does what it does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: object, name: str, nth: int = 1) -> None:
        self.reached = anyio.Event()
        self._open = threading.Event()
        self._real = getattr(owner, name)
        self._loop = anyio.lowlevel.current_token()
        self._left = nth

        def enter(*arguments: object) -> object:
            """A function, which becomes a method where the real one is."""
            return self._enter(*arguments)

        monkeypatch.setattr(owner, name, staticmethod(enter) if isinstance(self._real, MethodType) else enter)

    def _enter(self, *arguments: object) -> object:
        self._left -= 1
        if self._left == 0:
            anyio.from_thread.run_sync(self.reached.set, token=self._loop)
            assert self._open.wait(ENOUGH_S)
        return self._real(*arguments)

    def open(self) -> None:
        self._open.set()


GATES: dict[str, tuple[object, str, Kind, int]] = {
    "opening": (opening, "_open_without_waiting", "copied", 1),
    "looking at it": (os, "fstat", "copied", 1),
    "taking the lease": (ReadLease, "take", "auto", 1),
    "mapping": (FilePages, "__init__", "auto", 1),
    "bringing in the pages": (FilePages, "populate", "auto", 1),
    "copying": (source_module, "read_into", "copied", 2),
    "hashing": (PartHashing, "go_on", "auto", 2),
    "verifying": (Source, "verify_in_place", "copied", 1),
}


@pytest.mark.parametrize("held", [0, PARTS])
@pytest.mark.parametrize("moment", sorted(GATES))
async def test_it_waits_for_the_thread_that_works_for_it(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch, how: How, moment: str, held: int
) -> None:
    """A thread that goes on would read from a file that is closed, into memory that is somebody else's by then."""
    owner, name, buffers, nth = GATES[moment]
    memory, budget = MemoryVault(), MemoryBudget(3 * PART_SIZE)
    session_id = memory.open_session(PATH, 95_000, *local_file.parts(PART_SIZE)[:held])
    leftovers = Leftovers(local_file, budget, memory)
    with monkeypatch.context() as patched:
        gate = Gate(patched, owner, name, nth)
        async with memory.vault() as vault:
            work = Cancellable(
                lambda: upload(
                    local_file.path,
                    session_id,
                    vault=vault,
                    options=replace(OPTIONS, buffers=buffers),
                    memory=budget,
                ),
                how,
            )
            with anyio.fail_after(ENOUGH_S):
                await gate.reached.wait()
            work.cancel()
            for _ in range(30):
                await anyio.lowlevel.checkpoint()
            ended_early = work.done()
            gate.open()
            assert not await work.ended_by_itself()
    assert not ended_early
    leftovers.assert_none()
    await finish(local_file, memory)


async def test_a_part_that_vault_is_silent_about_can_be_cancelled(local_file: LocalFile, how: How) -> None:
    memory, budget = MemoryVault(), MemoryBudget(3 * PART_SIZE)
    session_id = memory.open_session(PATH, 95_000)
    memory.fail(Endpoint.PUT_PART, never_answers(done=True), nth=3)
    leftovers = Leftovers(local_file, budget, memory)
    async with memory.vault() as vault:
        work = Cancellable(
            lambda: upload(local_file.path, session_id, vault=vault, options=OPTIONS, memory=budget), how
        )
        with anyio.fail_after(ENOUGH_S):
            await memory.waiting.wait()
        work.cancel()
        assert not await work.ended_by_itself()
    leftovers.assert_none()
    await finish(local_file, memory)
    assert memory.effects.count(Endpoint.PUT_PART) == PARTS


async def test_an_upload_that_waits_for_memory_can_be_cancelled(local_file: LocalFile, how: How) -> None:
    memory, budget, witness = MemoryVault(), MemoryBudget(PART_SIZE), Witness()
    session_id = memory.open_session(PATH, 95_000)
    await budget.take(PART_SIZE)
    async with memory.vault() as vault:
        work = Cancellable(
            lambda: upload(local_file.path, session_id, vault=vault, options=OPTIONS, memory=budget, on_event=witness),
            how,
        )
        while len(budget._waiting) == 0:
            await anyio.lowlevel.checkpoint()
        work.cancel()
        assert not await work.ended_by_itself()
    assert budget.taken == PART_SIZE
    assert memory.effects == []
    budget.give_back(PART_SIZE)
