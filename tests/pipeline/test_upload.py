"""`upload`: one file into one upload session, in whatever state both are."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

import anyio
import pytest
from blockbuster import BlockingError, blockbuster_ctx
from hypothesis import given, strategies as st

from asyncup import MemoryBudget, UploadOptions, upload
from asyncup.errors import (
    ConfigurationError,
    JobFailed,
    SourceNotAFile,
    SourceNotFound,
    UploadSessionNotFound,
    VaultUnreachable,
)
from asyncup.events import Event, EventHook, JobStatusSeen, Stage, UploadFinished, UploadSessionOpened
from asyncup.pipeline.results import UploadResult
from tests.fakes.memory_vault import Endpoint, MemoryVault, unreachable
from tests.pipeline.files import LocalFile
from tests.pipeline.leftovers import other_tasks, threads_at_work
from tests.pipeline.uploads import OPTIONS, PART_SIZE, Witness, outcome, succeeded

PATH = "/u1/local.bin"
SIZES = [1, 999, 1000, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 2 * PART_SIZE, 5 * PART_SIZE - 1, 5 * PART_SIZE + 1]


@given(
    size=st.sampled_from(SIZES) | st.integers(1, 60_000),
    part_size=st.none() | st.integers(1500, PART_SIZE),
    budget=st.integers(1, 100_000),
    hash_threads=st.integers(1, 4),
    content_md5=st.sampled_from(["auto", "off", "hex", "base64"]),
    buffers=st.sampled_from(["auto", "copied"]),
    commit=st.booleans(),
)
async def test_any_file_with_any_options_arrives(
    tmp_path_factory: pytest.TempPathFactory,
    size: int,
    part_size: int | None,
    budget: int,
    hash_threads: int,
    content_md5: Literal["auto", "off", "hex", "base64"],
    buffers: Literal["auto", "copied"],
    commit: bool,
) -> None:
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    file = LocalFile.write(tmp_path_factory.getbasetemp() / "any.bin", content)
    options = UploadOptions(
        part_size=part_size,
        memory_budget=budget,
        hash_threads=hash_threads,
        content_md5=content_md5,
        buffers=buffers,
    )
    memory, witness = MemoryVault(), Witness()
    session_id = memory.open_session(PATH, size)
    async with memory.vault() as vault:
        result = await upload(file.path, session_id, vault=vault, options=options, commit=commit, on_event=witness)
    assert (memory.items[PATH] if commit else memory.sessions[session_id].content) == content
    parts = file.parts(result.part_size)
    assert result == UploadResult(
        path=str(file.path),
        session_id=session_id,
        destination=PATH,
        size=size,
        parts=len(parts),
        part_size=part_size or result.part_size,
        resumed_parts=0,
        md5s=tuple(hashlib.md5(part, usedforsecurity=False).hexdigest() for part in parts),
        bytes_written=size,
        elapsed_s=result.elapsed_s,
        waits_s=result.waits_s,
        committed=commit,
        job_id=result.job_id,
    )
    assert (result.job_id is not None) == commit
    assert set(result.waits_s) == set(Stage)
    assert sum(result.waits_s.values()) == pytest.approx(result.elapsed_s)
    assert memory.effects == [Endpoint.PUT_PART] * len(parts) + [Endpoint.COMMIT] * commit
    assert [event.created for event in witness.of(UploadSessionOpened)] == [False]
    assert len(witness.of(UploadFinished)) == 1
    assert bool(witness.of(JobStatusSeen)) == commit
    witness.assert_consistent()
    memory.assert_clean()
    assert threads_at_work() == 0


@pytest.mark.parametrize("buffers", ["auto", "copied"])
@pytest.mark.parametrize("held", [0, 4])
async def test_nothing_blocks_the_event_loop(
    local_file: LocalFile, held: int, buffers: Literal["auto", "copied"]
) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 95_000, *local_file.parts(PART_SIZE)[:held])
    options = replace(OPTIONS, buffers=buffers)
    async with memory.vault() as vault:
        with blockbuster_ctx():
            with pytest.raises(BlockingError):
                local_file.path.stat()
            await upload(local_file.path, session_id, vault=vault, options=options, commit=True)
    assert memory.items == {PATH: local_file.content}


async def test_an_empty_file_into_an_empty_session(tmp_path: Path) -> None:
    file = LocalFile.write(tmp_path / "empty", b"")
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 0)
    async with memory.vault() as vault:
        result = await upload(file.path, session_id, vault=vault, commit=True, options=OPTIONS)
    assert (result.size, result.parts, result.md5s) == (0, 0, ())
    assert memory.items == {PATH: b""}


@pytest.mark.parametrize("gone_error", ["INVALID_DATA", "MALFORMED_URL", "OPERATION_NOT_ALLOWED"])
async def test_a_session_that_nobody_knows(local_file: LocalFile, gone_error: str) -> None:
    memory = MemoryVault(gone_error=gone_error)
    async with memory.vault() as vault:
        error = await outcome(upload(local_file.path, "unknown", vault=vault, options=OPTIONS))
    assert type(error) is UploadSessionNotFound
    assert error.session_id == "unknown"
    assert error.path == str(local_file.path)
    assert {seen.endpoint for seen in memory.seen} <= {Endpoint.SESSION_DETAILS, Endpoint.LIST_SESSIONS}


async def test_nothing_is_asked_for_a_file_that_is_not_there(tmp_path: Path) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 1)
    async with memory.vault() as vault:
        for path, kind in ((tmp_path / "missing", SourceNotFound), (tmp_path, SourceNotAFile)):
            error = await outcome(upload(path, session_id, vault=vault))
            assert type(error) is kind
            assert error.path == str(path)
    assert memory.seen == []


async def test_without_a_vault_the_environment_must_name_one(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("VEEVA_VAULT_"):
            monkeypatch.delenv(name)
    assert type(await outcome(upload(local_file.path, "session"))) is ConfigurationError


async def test_a_vault_of_the_callers_stays_open(local_file: LocalFile) -> None:
    memory = MemoryVault()
    vault = memory.vault()
    for _ in range(2):
        await upload(local_file.path, memory.open_session(PATH, 95_000), vault=vault, options=OPTIONS)
    assert not memory.closed
    assert memory.violations == []


@pytest.mark.parametrize("ending", ["ERRORS_ENCOUNTERED", "CANCELLED", "TIMEOUT"])
async def test_a_job_that_fails_is_told(local_file: LocalFile, ending: str) -> None:
    memory, witness = MemoryVault(job_ending=ending), Witness()
    session_id = memory.open_session(PATH, 95_000)
    async with memory.vault() as vault:
        error = await outcome(
            upload(local_file.path, session_id, vault=vault, options=OPTIONS, commit=True, on_event=witness)
        )
    assert type(error) is JobFailed
    assert error.job_status == ending
    assert witness.of(UploadFinished) == []


async def test_calling_it_again_is_the_resume(local_file: LocalFile) -> None:
    """Vault goes away at the n-th part, again and again; at the end every byte is there, and none was sent twice."""
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 95_000)
    acknowledged = calls = 0
    async with memory.vault(retry=OPTIONS.retry) as vault:
        while True:
            calls += 1
            witness = Witness()
            memory.fail(Endpoint.PUT_PART, *[unreachable()] * OPTIONS.retry.max_attempts, nth=3)
            result = await outcome(
                upload(local_file.path, session_id, vault=vault, options=OPTIONS, commit=True, on_event=witness)
            )
            witness.assert_consistent()
            assert witness.acknowledged >= acknowledged
            acknowledged = witness.acknowledged
            memory._faults.clear()
            if not isinstance(result, VaultUnreachable):
                break
            assert result.part == 2 * calls + 1
            assert result.session_id == session_id
    assert succeeded(result).committed
    assert calls > 4
    assert memory.items == {PATH: local_file.content}
    assert memory.effects.count(Endpoint.PUT_PART) == 10


@pytest.mark.parametrize("budget", [PART_SIZE, 25_000, 100_000])
@pytest.mark.parametrize("held", [0, 4])
async def test_uploads_that_share_a_budget_neither_exceed_it_nor_block_each_other(
    tmp_path: Path, budget: int, held: int
) -> None:
    memory, shared, most = MemoryVault(), MemoryBudget(budget), 0
    files = [LocalFile.write(tmp_path / str(number), bytes([number]) * (60_000 + number)) for number in range(12)]
    sessions = [
        memory.open_session(f"/u1/{number}", len(file.content), *file.parts(PART_SIZE)[:held])
        for number, file in enumerate(files)
    ]

    def watch(_: Event) -> None:
        nonlocal most
        most = max(most, shared.taken)

    async def send(file: LocalFile, session_id: str, options: UploadOptions) -> None:
        await upload(file.path, session_id, vault=vault, options=options, memory=shared, on_event=watch)

    with anyio.fail_after(60):
        async with memory.vault() as vault, anyio.create_task_group() as tasks:
            for number, (file, session_id) in enumerate(zip(files, sessions, strict=True)):
                options = replace(
                    OPTIONS,
                    hash_threads=1 + number % 3,
                    part_size=None if number % 2 else PART_SIZE,
                    buffers="copied" if number % 4 else "auto",
                )
                tasks.start_soon(send, file, session_id, options)
    assert [memory.sessions[session_id].content for session_id in sessions] == [file.content for file in files]
    assert 0 < most <= budget
    assert shared.taken == 0
    assert memory.violations == []


async def test_one_failing_upload_gives_the_others_its_memory(local_file: LocalFile, tmp_path: Path) -> None:
    memory, shared = MemoryVault(), MemoryBudget(2 * PART_SIZE)
    tasks_before = other_tasks()
    good = memory.open_session("/u1/good", 95_000)
    bad = memory.open_session("/u1/bad", 95_000)
    results: dict[str, object] = {}
    hooks: dict[str, EventHook]

    async def send(session_id: str) -> None:
        results[session_id] = await outcome(
            upload(local_file.path, session_id, vault=vault, options=OPTIONS, memory=shared, on_event=hooks[session_id])
        )

    def end_session(event: Event) -> None:
        if isinstance(event, UploadSessionOpened):
            del memory.sessions[bad]

    hooks = {good: Witness(), bad: end_session}
    async with memory.vault() as vault, anyio.create_task_group() as tasks:
        tasks.start_soon(send, bad)
        tasks.start_soon(send, good)
    assert type(results[bad]) is UploadSessionNotFound
    assert type(results[good]) is UploadResult
    assert memory.sessions[good].content == local_file.content
    assert shared.taken == 0
    assert other_tasks() == tasks_before
