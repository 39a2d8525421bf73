"""What arrives is what was sent: every size, both kinds of buffer, both event loops, plain and TLS."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import anyio
import pytest

from asyncup import MemoryBudget, UploadOptions, upload, upload_file
from asyncup.errors import SourceChanged
from asyncup.events import BufferKind, BytesWritten, Event, PartAcknowledged, StageEntered, UploadStarted
from tests.loopback.conftest import Emulator
from tests.pipeline.files import LocalFile, open_and_close, truncate
from tests.pipeline.leftovers import mappings_of, open_files, opened_since, other_tasks, threads_at_work
from tests.pipeline.uploads import Witness, outcome

MIB = 2**20
MINIMUM = 5_242_880
CONTENT = random.Random(5).randbytes(12_000_000)
SIZES = [1, 5 * MIB, 5 * MIB + 1, 12_000_000]
OPTIONS = UploadOptions(part_size=MINIMUM, memory_budget=2 * MINIMUM, small_file_max=1000)
Kind = Literal["auto", "copied"]

pytestmark = pytest.mark.both_loops


class AtNth:
    """An event hook that does something at the n-th event of a kind, and remembers what was told after it."""

    def __init__(self, kind: type[Event], nth: int, act: Callable[[], object]) -> None:
        self._kind = kind
        self._left = nth
        self._act = act
        self.after: list[Event] = []

    def reached(self) -> bool:
        """Whether there were so many."""
        return self._left <= 0

    def __call__(self, event: Event) -> None:
        if self.reached():
            self.after.append(event)
            return
        self._left -= isinstance(event, self._kind)
        if self.reached():
            self._act()


class TheCallers(Exception):
    """What a caller's hook raises."""


def fail() -> None:
    raise TheCallers


@pytest.fixture
def local(tmp_path: Path) -> LocalFile:
    return LocalFile.write(tmp_path / "local.bin", CONTENT)


async def test_every_size_arrives(emulator: Emulator, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """All at once, into one Vault and out of one budget; committed, and read where the emulator keeps them."""
    uvloop = "uvloop" in type(asyncio.get_running_loop()).__module__
    assert uvloop == ("uvloop" in request.node.name)
    folder = f"/u1/{request.node.name}"
    kinds: tuple[Kind, ...] = ("auto", "copied")
    started: dict[str, BufferKind] = {}
    shared = MemoryBudget(3 * MINIMUM)

    async def send(size: int, buffers: Kind) -> None:
        name = f"{size}-{buffers}"
        file = LocalFile.write(tmp_path / name, CONTENT[:size])
        witness = Witness()
        result = await upload_file(
            file.path,
            f"{folder}/{name}",
            vault=vault,
            options=replace(OPTIONS, buffers=buffers),
            memory=shared,
            on_event=witness,
        )
        witness.assert_consistent()
        started[name] = witness.of(UploadStarted)[0].buffers
        assert emulator.stored(f"{folder}/{name}") == file.content
        assert result.md5s == tuple(
            hashlib.md5(part, usedforsecurity=False).hexdigest() for part in file.parts(result.part_size)
        )
        assert (result.job_id is None) == (size == 1)

    async with emulator.vault() as vault, anyio.create_task_group() as tasks:
        for size in SIZES:
            for buffers in kinds:
                tasks.start_soon(send, size, buffers)
    assert shared.taken == 0
    assert {name for name, kind in started.items() if kind is BufferKind.MAPPED} == {
        f"{size}-auto" for size in SIZES if size > 1
    }


async def test_it_goes_on_where_it_was_cut_off(emulator: Emulator, local: LocalFile) -> None:
    async with emulator.vault() as vault:
        session = await vault.create_upload_session("/u1/cut-off.bin", len(CONTENT))
        with anyio.CancelScope() as scope:

            def cut_off(event: Event) -> None:
                if isinstance(event, BytesWritten) and event.part == 2:
                    scope.cancel()

            await upload(local.path, session.id, vault=vault, options=OPTIONS, on_event=cut_off)
        assert scope.cancelled_caught
        witness = Witness()
        result = await upload(local.path, session.id, vault=vault, options=OPTIONS, on_event=witness)
        # What was in the socket when it was cut may have arrived as a whole part.
        assert result.resumed_parts in (1, 2)
        assert [event.part for event in witness.of(PartAcknowledged)] == [2, 3][result.resumed_parts - 1 :]
        await vault.abort_upload_session(session.id)


def files_since(before: dict[int, str]) -> list[str]:
    """Return the files that were left open. Sockets may be kept alive, and uvloop has a spare descriptor."""

    def left() -> list[str]:
        return [name for name in opened_since(before) if "socket" not in name and name != "/dev/null"]

    if left():
        gc.collect()  # tracebacks of what was cancelled
    return left()


def _call_last(functions: list[Callable[[], object]]) -> None:
    functions[-1]()


@pytest.mark.usefixtures("slices_of_one_size")
@pytest.mark.parametrize("buffers", ["auto", "copied"])
@pytest.mark.parametrize("how", ["scope", "task"])
async def test_a_cancelled_upload_leaves_nothing(emulator: Emulator, local: LocalFile, how: str, buffers: Kind) -> None:
    """Between two slices, of the first part and of a later one; only the connection may be kept."""
    budget = MemoryBudget(2 * MINIMUM)
    options = replace(OPTIONS, buffers=buffers)
    async with emulator.vault() as vault:
        before = open_files()
        tasks_before = other_tasks()
        for slices in (1, 3, 7):  # a part has six
            session = await vault.create_upload_session("/u1/cancelled.bin", len(CONTENT))
            scope = anyio.CancelScope()
            cancels: list[Callable[[], object]] = [scope.cancel]
            hook = AtNth(BytesWritten, slices, partial(_call_last, cancels))
            call = partial(upload, local.path, session.id, vault=vault, options=options, memory=budget, on_event=hook)

            async def work(scope: anyio.CancelScope = scope, call: Callable[[], Awaitable[object]] = call) -> None:
                with scope:
                    await call()
                    pytest.fail("it was cancelled")

            task = asyncio.create_task(work())
            if how == "task":
                cancels.append(task.cancel)
            await asyncio.wait([task])
            assert task.cancelled() == (how == "task")
            if not task.cancelled():
                task.result()
            del task, cancels, hook, call
            assert budget.taken == 0
            assert threads_at_work() == 0
            with anyio.fail_after(5):  # aiohttp closes the connection a few turns of the loop later
                while other_tasks() - tasks_before:
                    await anyio.lowlevel.checkpoint()
            assert files_since(before) == []
            open_and_close(local.path)
            await vault.abort_upload_session(session.id)
    assert mappings_of(local.path) == 0


@pytest.mark.usefixtures("slices_of_one_size")
@pytest.mark.parametrize("kind", [BytesWritten, StageEntered, PartAcknowledged])
async def test_an_exception_of_the_hook_is_raised_as_it_is(
    emulator: Emulator, local: LocalFile, kind: type[Event]
) -> None:
    """Wherever it is called: some events are told from within aiohttp, which has its own ideas about exceptions."""
    reached = 0
    async with emulator.vault() as vault:
        session = await vault.create_upload_session("/u1/hook.bin", len(CONTENT))
        for nth in (1, 2, 5, 8):
            hook = AtNth(kind, nth, fail)
            result = None
            with contextlib.suppress(TheCallers):
                result = await upload(local.path, session.id, vault=vault, options=OPTIONS, on_event=hook)
            assert hook.reached() == (result is None), "it was raised, and nothing else was"
            assert not any(isinstance(event, PartAcknowledged) for event in hook.after), "it did not go on"
            reached += hook.reached()
        await vault.abort_upload_session(session.id)
    assert reached > 1


@pytest.mark.usefixtures("slices_of_one_size")
async def test_a_file_that_changes_is_told_and_the_connection_survives(emulator: Emulator, tmp_path: Path) -> None:
    """The error comes out of the body, in the middle of a request: it must not be taken for the network's."""
    async with emulator.vault() as vault:
        for nth in (1, 5, 8):
            file = LocalFile.write(tmp_path / "changing.bin", CONTENT)
            session = await vault.create_upload_session("/u1/changing.bin", len(CONTENT))
            hook = AtNth(BytesWritten, nth, partial(truncate, file.path))
            error = await outcome(upload(file.path, session.id, vault=vault, options=OPTIONS, on_event=hook))
            assert hook.reached(), "the file was changed"
            assert type(error) is SourceChanged
            await vault.abort_upload_session(session.id)
