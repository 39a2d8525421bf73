"""What is told of an upload is true, in order, and the caller's own exceptions stay the caller's."""

from __future__ import annotations

import asyncio
import gc
import threading
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, strategies as st

from asyncup import MemoryBudget, UploadOptions, upload, upload_file
from asyncup.events import (
    BytesWritten,
    Event,
    PartAcknowledged,
    PartHashed,
    PartRead,
    PartStarted,
    RetryScheduled,
    Stage,
    StageEntered,
    UploadFinished,
    UploadSessionOpened,
    UploadStarted,
)
from tests.fakes.memory_vault import Endpoint, MemoryVault, broken_off, flipped, lost_after, lost_before, unreachable
from tests.pipeline.files import LocalFile
from tests.pipeline.leftovers import open_files, opened_since, other_tasks, threads_at_work
from tests.pipeline.uploads import OPTIONS, PART_SIZE, PARTS, Witness, outcome

PATH = "/u1/local.bin"


async def test_an_upload_without_trouble_is_told_so(local_file: LocalFile) -> None:
    memory, witness = MemoryVault(), Witness()
    session_id = memory.open_session(PATH, 95_000, *local_file.parts(PART_SIZE)[:2])
    async with memory.vault() as vault:
        await upload(local_file.path, session_id, vault=vault, options=OPTIONS, on_event=witness)
    witness.assert_consistent()
    parts = list(range(3, PARTS + 1))
    assert [event.part for event in witness.of(PartRead)] == parts
    assert [event.part for event in witness.of(PartStarted)] == parts
    assert [event.part for event in witness.of(PartAcknowledged)] == parts
    # Held parts are hashed too, to be compared.
    assert sorted(event.part for event in witness.of(PartHashed)) == list(range(1, PARTS + 1))
    assert [event.attempt for event in witness.of(PartStarted)] == [1] * len(parts)
    assert [event.md5 for event in witness.of(PartAcknowledged)] == [local_file.md5(n, PART_SIZE) for n in parts]
    assert witness.of(BytesWritten)[-1].total == 75_000
    assert witness.of(RetryScheduled) == []
    (started,) = witness.of(UploadStarted)
    assert (started.resumed_parts, started.resumed_bytes, started.size, started.parts) == (2, 20_000, 95_000, PARTS)
    # Which stage is entered depends on who is quicker; these are entered in any case.
    assert {Stage.VAULT, Stage.WIRE} <= {event.stage for event in witness.of(StageEntered)}


async def test_the_wire_counts_attempts_and_progress_does_not(local_file: LocalFile) -> None:
    memory, witness = MemoryVault(), Witness()
    session_id = memory.open_session(PATH, 95_000)
    memory.fail(Endpoint.PUT_PART, lost_before(), lost_before(), nth=3)
    async with memory.vault() as vault:
        result = await upload(local_file.path, session_id, vault=vault, options=OPTIONS, on_event=witness)
    witness.assert_consistent()
    assert witness.acknowledged == 95_000
    assert witness.of(BytesWritten)[-1].total == result.bytes_written == 95_000 + 2 * PART_SIZE
    assert [(event.part, event.attempt) for event in witness.of(RetryScheduled)] == [(3, 1), (3, 2)]
    assert all(event.delay_s > 0 and event.reason for event in witness.of(RetryScheduled))


@given(
    faults=st.dictionaries(
        st.integers(1, 14),
        st.sampled_from([lost_before(), lost_after(), broken_off(after=3000), unreachable(), flipped("store")]),
        max_size=8,
    ),
    held=st.integers(0, 5),
    budget=st.integers(1, 60_000),
    buffers=st.sampled_from(["auto", "copied"]),
)
async def test_whatever_happens_is_told_consistently(
    tmp_path_factory: pytest.TempPathFactory,
    faults: dict[int, object],
    held: int,
    budget: int,
    buffers: Literal["auto", "copied"],
) -> None:
    file = LocalFile.write(tmp_path_factory.getbasetemp() / "told.bin", bytes(range(250)) * 212)
    memory, witness = MemoryVault(), Witness()
    session_id = memory.open_session(PATH, len(file.content), *file.parts(PART_SIZE)[:held])
    for nth, fault in faults.items():
        memory.fail(Endpoint.PUT_PART, fault, nth=nth)  # type: ignore[arg-type]  # a dict of faults
    async with memory.vault() as vault:
        await outcome(
            upload(
                file.path,
                session_id,
                vault=vault,
                options=replace(OPTIONS, buffers=buffers),
                memory=MemoryBudget(budget),
                on_event=witness,
            )
        )
    witness.assert_consistent()
    assert witness.acknowledged == memory.sessions[session_id].uploaded or faults


# -- a hook that raises


class TheCallers(Exception):
    """What a caller's hook raises."""


async def events_of(file: LocalFile, *, small: bool) -> list[Event]:
    """Return the events of an upload with one retry and a resumed part."""
    witness = Witness()
    await _upload(file, witness, small=small)
    return witness.events


async def _upload(file: LocalFile, hook: object, *, small: bool) -> MemoryVault:
    memory = MemoryVault()
    assert callable(hook)
    async with memory.vault(on_event=hook) as vault:
        if small:
            memory.fail(Endpoint.CREATE_ITEM, unreachable())
            await upload_file(file.path, PATH, vault=vault, options=UploadOptions(memory_budget=100_000), on_event=hook)
        else:
            session_id = memory.open_session(PATH, len(file.content), file.part(1, PART_SIZE))
            memory.fail(Endpoint.PUT_PART, lost_before(), nth=2)
            await upload(file.path, session_id, vault=vault, commit=True, options=OPTIONS, on_event=hook)
    return memory


@pytest.mark.parametrize("small", [False, True], ids=["session", "small"])
async def test_an_exception_of_the_hook_is_raised_as_it_is(local_file: LocalFile, *, small: bool) -> None:
    """At every single event: it ends the upload, and is not taken for a failure of Vault's that is tried again."""
    file = LocalFile.write(local_file.path, local_file.content[: 400 if small else 35_000])
    before, tasks_before = open_files(), other_tasks()
    number = raised = 0
    while True:
        seen = 0

        def hook(event: Event, at: int = number) -> None:
            nonlocal seen
            seen += 1
            if seen == at + 1:
                raise TheCallers(type(event).__name__)

        causes = []
        try:
            await _upload(file, hook, small=small)
        except TheCallers as error:
            causes.append(error.__cause__)
        if seen <= number:
            break
        assert causes == [None], "it was raised, and is nobody's consequence"
        raised += 1
        assert other_tasks() == tasks_before
        assert threads_at_work() == 0
        number += 1
    gc.collect()  # the tracebacks went through the fake's own frames, which hold slices
    assert opened_since(before) == []
    assert raised >= len(await events_of(file, small=small)) - 5
    assert raised > (8 if small else 30)


async def test_a_hook_is_called_on_the_event_loop_only(local_file: LocalFile) -> None:
    loop, thread = asyncio.get_running_loop(), threading.get_ident()
    calls = 0

    def hook(_: Event) -> None:
        nonlocal calls
        calls += 1
        assert threading.get_ident() == thread
        assert asyncio.get_running_loop() is loop

    await _upload(local_file, hook, small=False)
    assert calls > 50


async def test_finishing_is_told_last_and_only_of_a_success(local_file: LocalFile) -> None:
    memory, witness = MemoryVault(), Witness()
    async with memory.vault() as vault:
        await outcome(upload(local_file.path, "unknown", vault=vault, options=OPTIONS, on_event=witness))
        assert witness.of(UploadFinished) == []
        assert witness.of(UploadSessionOpened) == []
        await upload_file(local_file.path, PATH, vault=vault, options=OPTIONS, on_event=witness)
    assert isinstance(witness.events[-1], UploadFinished)
