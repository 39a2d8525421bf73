"""Cancelled at the n-th await, for every n there is, an upload leaves nothing but a session, which becomes the file."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from asyncup import MemoryBudget, Vault, upload, upload_file
from tests.fakes.await_counter import AwaitCounter
from tests.fakes.memory_vault import Endpoint, MemoryVault
from tests.pipeline.cancellable import Cancellable, How, Leftovers, finish
from tests.pipeline.files import LocalFile
from tests.pipeline.uploads import OPTIONS, PART_SIZE

PATH = "/u1/folder/local.bin"
PARTS = 3
SMALL = 400
LARGE = 25_000
Kind = Literal["upload mapped", "upload copied", "resume", "new session", "one request"]
KINDS: tuple[Kind, ...] = ("upload mapped", "upload copied", "resume", "new session", "one request")
Work = Callable[[Vault, MemoryBudget], Awaitable[object]]

pytestmark = pytest.mark.parametrize("how", ["scope", "task", "timeout"])


def prepared(kind: Kind, folder: Path) -> tuple[MemoryVault, LocalFile, Work]:
    """Return a Vault, a file, and the upload of it that is to be cancelled."""
    memory = MemoryVault()
    content = random.Random(7).randbytes(SMALL if kind == "one request" else LARGE)
    file = LocalFile.write(folder / "local.bin", content)
    if kind in ("new session", "one request"):

        def into_file(vault: Vault, budget: MemoryBudget) -> Awaitable[object]:
            return upload_file(file.path, PATH, vault=vault, options=OPTIONS, memory=budget)

        return memory, file, into_file
    held = file.parts(PART_SIZE)[:1] if kind == "resume" else []
    session_id = memory.open_session("/u1/local.bin", LARGE, *held)
    options = replace(OPTIONS, buffers="copied" if kind == "upload copied" else "auto")

    def into_session(vault: Vault, budget: MemoryBudget) -> Awaitable[object]:
        return upload(file.path, session_id, vault=vault, options=options, memory=budget, commit=True)

    return memory, file, into_session


async def cancelled_at(kind: Kind, how: How, folder: Path, moment: int) -> bool:
    """Cancel an upload at its await number `moment`, and check all that must be true. False when it ended before."""
    memory, file, work = prepared(kind, folder)
    budget = MemoryBudget(2 * PART_SIZE)
    leftovers = Leftovers(file, budget, memory)
    begun: list[Cancellable] = []
    async with memory.vault() as vault:

        def cancel() -> None:
            begun[0].cancel()

        with AwaitCounter(at=moment, act=cancel) as counter:
            begun.append(Cancellable(partial(work, vault, budget), how))
            await begun[0].ended_by_itself()
    leftovers.assert_none()
    assert Endpoint.ABORT not in memory.effects, "it is left, to be continued"
    assert len(memory.sessions) <= 1
    if kind == "one request":
        assert not memory.sessions
        await make_sure(file, memory)
    elif memory.sessions or memory.jobs:
        await finish(file, memory)
        assert memory.effects.count(Endpoint.PUT_PART) <= PARTS + 1, "at most the part in flight is sent again"
    return counter.count >= moment


async def make_sure(file: LocalFile, memory: MemoryVault) -> None:
    """Upload a small file again, unless Vault has it."""
    memory.closed = False
    if PATH not in memory.items:
        async with memory.vault() as vault:
            await upload_file(file.path, PATH, vault=vault, options=OPTIONS)
    assert memory.items == {PATH: file.content}
    assert memory.violations == []


@pytest.mark.parametrize("kind", KINDS)
async def test_an_upload_can_be_cancelled_at_every_await(kind: Kind, how: How, tmp_path: Path) -> None:
    moment = 1
    while await cancelled_at(kind, how, tmp_path, moment):
        moment += 1
    assert moment > (7 if kind == "one request" else 30)
