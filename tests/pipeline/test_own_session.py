"""`upload_file` finds its own unfinished upload session, or starts over, and touches nobody else's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings, strategies as st

from asyncup import upload, upload_file
from asyncup.errors import AsyncupError, LoginError, SourceUnreadable, UploadSessionConflict, VaultError
from asyncup.events import UnfinishedSessionSeen, UploadSessionOpened, UploadStarted
from asyncup.pipeline import source as source_module
from asyncup.pipeline.memory_map import FilePages
from asyncup.pipeline.own_session import Resume, in_use
from asyncup.pipeline.results import UploadedFile
from tests.fakes.memory_vault import (
    Endpoint,
    HeldSession,
    MemoryVault,
    do,
    login_expires,
    lost_after,
    raw,
    refused,
    slow_answer,
    unreachable,
)
from tests.pipeline.files import ENOUGH_S, LocalFile
from tests.pipeline.uploads import OPTIONS, PART_SIZE, PARTS, Witness, outcome, succeeded

PATH = "/u1/local.bin"
SIZE = 95_000


@dataclass(frozen=True)
class Sent:
    """What came of an `upload_file`."""

    result: UploadedFile | AsyncupError
    witness: Witness

    @property
    def done(self) -> UploadedFile:
        return succeeded(self.result)

    @property
    def seen(self) -> list[tuple[str, bool]]:
        return [(event.session_id, event.aborted) for event in self.witness.of(UnfinishedSessionSeen)]


async def send(file: LocalFile, memory: MemoryVault, resume: Resume = "continue", *, overwrite: bool = False) -> Sent:
    witness = Witness()
    async with memory.vault(retry=OPTIONS.retry) as vault:
        result = await outcome(
            upload_file(
                file.path, PATH, vault=vault, overwrite=overwrite, resume=resume, options=OPTIONS, on_event=witness
            )
        )
        assert vault.upload_sessions_in_use == set()
    memory.closed = False
    assert memory.violations == []
    return Sent(result, witness)


@pytest.mark.parametrize("held", [0, 1, 4, PARTS])
async def test_what_was_left_is_continued(local_file: LocalFile, held: int) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, SIZE, *local_file.parts(PART_SIZE)[:held])
    sent = await send(local_file, memory)
    assert (sent.done.session_id, sent.done.resumed_parts) == (session_id, held)
    assert memory.items == {PATH: local_file.content}
    assert memory.effects == [Endpoint.PUT_PART] * (PARTS - held) + [Endpoint.COMMIT]
    assert [event.created for event in sent.witness.of(UploadSessionOpened)] == [False]
    sent.witness.assert_consistent()
    memory.assert_clean()


async def test_never_does_not_even_look(local_file: LocalFile) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, SIZE, *local_file.parts(PART_SIZE)[:3])
    sent = await send(local_file, memory, "never")
    assert sent.done.session_id != session_id
    assert memory.count(Endpoint.LIST_SESSIONS) == 0
    assert session_id in memory.sessions


async def test_a_file_that_needs_no_session_asks_for_none(local_file: LocalFile) -> None:
    small = LocalFile.write(local_file.path, b"x" * 400)
    for resume in ("continue", "restart"):
        memory = MemoryVault()
        memory.open_session(PATH, 400)
        succeeded((await send(small, memory, resume)).result)
        assert memory.count(Endpoint.LIST_SESSIONS) == 0


OTHERS: dict[str, Callable[[HeldSession], object]] = {
    "another path": lambda session: setattr(session, "path", PATH + "x"),
    "another size": lambda session: setattr(session, "size", SIZE + 1),
    "another user": lambda session: setattr(session, "owner", 2),
    "another overwrite": lambda session: setattr(session, "overwrite", True),
    "other bytes": lambda session: session.parts.update({1: b"!" * PART_SIZE}),
    "a gap": lambda session: session.parts.pop(2),
    "parts that are too small": lambda session: setattr(session, "parts", {1: session.parts[1][:1000]}),
}


@pytest.mark.parametrize("name", sorted(OTHERS))
async def test_what_is_not_ours_is_left_alone(local_file: LocalFile, name: str) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, SIZE, *local_file.parts(PART_SIZE)[:3])
    OTHERS[name](memory.sessions[session_id])
    before = dict(memory.sessions[session_id].parts)
    sent = await send(local_file, memory)
    assert sent.done.session_id != session_id
    assert sent.done.resumed_parts == 0
    assert memory.items == {PATH: local_file.content}
    assert memory.sessions[session_id].parts == before
    assert Endpoint.ABORT not in memory.effects
    of_its_parts = name in ("other bytes", "a gap", "parts that are too small")
    assert sent.seen == ([(session_id, False)] if of_its_parts else [])


async def test_owner_and_overwrite_count_only_where_they_are_listed(local_file: LocalFile) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, SIZE, *local_file.parts(PART_SIZE)[:3])
    listed = {"id": session_id, "path": PATH.lstrip("/"), "size": SIZE}
    memory.fail(Endpoint.LIST_SESSIONS, raw(200, json.dumps({"responseStatus": "SUCCESS", "data": [listed]})))
    sent = await send(local_file, memory, overwrite=True)
    assert (sent.done.session_id, sent.done.resumed_parts) == (session_id, 3)
    assert memory.count(Endpoint.WHO_AM_I) == 0


async def test_who_we_are_is_asked_only_when_it_matters(local_file: LocalFile) -> None:
    memory = MemoryVault()
    memory.open_session(PATH + "x", SIZE)
    succeeded((await send(local_file, memory)).result)
    assert memory.count(Endpoint.LIST_SESSIONS) == 1
    assert memory.count(Endpoint.WHO_AM_I) == 0


@settings(max_examples=settings().max_examples // 2)
@given(
    held=st.lists(
        st.tuples(st.integers(0, PARTS), st.none() | st.integers(1, PARTS), st.sampled_from([1, 2])), max_size=5
    )
)
async def test_of_several_the_one_with_the_most_of_the_file_is_continued(
    tmp_path_factory: pytest.TempPathFactory, held: list[tuple[int, int | None, int]]
) -> None:
    """Each session: how many parts, which of them is another file's, and who made it."""
    file = LocalFile.write(tmp_path_factory.getbasetemp() / "several.bin", bytes(range(250)) * 380)
    memory = MemoryVault()
    fitting: dict[str, int] = {}
    for count, wrong, owner in held:
        parts = file.parts(PART_SIZE)[:count]
        if wrong is not None and wrong <= count:
            parts[wrong - 1] = parts[wrong - 1][::-1]
        session_id = memory.open_session(PATH, SIZE, *parts)
        memory.sessions[session_id].owner = owner
        good = count
        if wrong is not None and wrong <= count:
            good = count - 1 if wrong == count > 1 else -1
        if owner == 1 and good >= 0:
            fitting[session_id] = good
    before = dict(memory.sessions)
    sent = await send(file, memory)
    assert memory.items == {PATH: file.content}
    if fitting:
        # A damaged last part counts until it is looked at, so the best may be one part behind.
        assert sent.done.session_id in fitting
        assert max(fitting.values()) - sent.done.resumed_parts <= 1
    else:
        assert sent.done.session_id not in before
        assert sent.done.resumed_parts == 0
    assert set(memory.sessions) == set(before) - {sent.done.session_id}


@pytest.mark.parametrize("parts", [0, 3])
async def test_starting_over_aborts_what_was_left(local_file: LocalFile, parts: int) -> None:
    memory = MemoryVault()
    wrong = [part[::-1] for part in local_file.parts(PART_SIZE)[:parts]]
    left = {memory.open_session(PATH, SIZE, *wrong), memory.open_session(PATH, SIZE, overwrite=True)}
    others = [
        memory.open_session(PATH + "x", SIZE),
        memory.open_session(PATH, SIZE + 1),
        memory.open_session(PATH, SIZE),
    ]
    memory.sessions[others[2]].owner = 2
    sent = await send(local_file, memory, "restart")
    assert sent.done.resumed_parts == 0
    assert memory.items == {PATH: local_file.content}
    assert list(memory.sessions) == others
    assert set(sent.seen) == {(session_id, True) for session_id in left}
    assert memory.effects.count(Endpoint.ABORT) == 2


async def test_starting_over_aborts_nothing_whose_maker_is_unknown(local_file: LocalFile) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, SIZE)
    memory.sessions[session_id].owner = None
    succeeded((await send(local_file, memory, "restart")).result)
    assert list(memory.sessions) == [session_id]


@pytest.mark.parametrize("resume", ["continue", "restart"])
async def test_a_session_that_ends_while_it_is_looked_at_is_no_failure(local_file: LocalFile, resume: Resume) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, SIZE, *local_file.parts(PART_SIZE)[:3])

    def end(memory: MemoryVault) -> None:
        del memory.sessions[session_id]

    memory.fail(Endpoint.LIST_PARTS if resume == "continue" else Endpoint.ABORT, do(end))
    sent = await send(local_file, memory, resume)
    assert sent.done.session_id != session_id
    assert memory.items == {PATH: local_file.content}
    memory.assert_clean()


@pytest.mark.parametrize(
    ("resume", "endpoint"),
    [
        ("continue", Endpoint.LIST_SESSIONS),
        ("continue", Endpoint.WHO_AM_I),
        ("continue", Endpoint.LIST_PARTS),
        ("restart", Endpoint.LIST_SESSIONS),
        ("restart", Endpoint.ABORT),
    ],
)
@pytest.mark.parametrize("kind", [LoginError, VaultError])
async def test_what_cannot_be_asked_is_told(
    local_file: LocalFile, resume: Resume, endpoint: Endpoint, kind: type[VaultError]
) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, SIZE, *local_file.parts(PART_SIZE)[:3])
    memory.fail(endpoint, login_expires() if kind is LoginError else refused("INVALID_DATA"))
    sent = await send(local_file, memory, resume)
    assert type(sent.result) is kind
    assert list(memory.sessions) == [session_id]
    assert memory.effects == []


async def test_passing_trouble_is_survived(local_file: LocalFile) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, SIZE, *local_file.parts(PART_SIZE)[:3])
    for endpoint in (Endpoint.LIST_SESSIONS, Endpoint.WHO_AM_I, Endpoint.LIST_PARTS):
        memory.fail(endpoint, unreachable(), lost_after())
    sent = await send(local_file, memory)
    assert (sent.done.session_id, sent.done.resumed_parts) == (session_id, 3)
    memory.assert_clean()


async def test_a_file_that_cannot_be_read_is_not_called_another_file(
    local_file: LocalFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = MemoryVault()
    memory.open_session(PATH, SIZE, *local_file.parts(PART_SIZE)[:3])

    def fail(fd: int, view: memoryview, offset: int) -> int:
        raise OSError(5, "the disk is broken")

    monkeypatch.setattr(source_module, "read_into", fail)
    monkeypatch.setattr(FilePages, "make_present", lambda *_: False)  # so that bytes are read, and not looked at
    sent = await send(local_file, memory)
    assert type(sent.result) is SourceUnreadable
    assert memory.effects == []


# -- two uploads of one client


async def test_two_uploads_of_a_client_never_share_a_session(local_file: LocalFile) -> None:
    memory, may_answer = MemoryVault(), anyio.Event()
    session_id = memory.open_session(PATH, SIZE, *local_file.parts(PART_SIZE)[:3])
    memory.fail(Endpoint.PUT_PART, slow_answer(may_answer))
    results: list[UploadedFile] = []
    async with memory.vault() as vault:

        async def run() -> None:
            results.append(
                await upload_file(
                    local_file.path, PATH, vault=vault, resume="continue", overwrite=False, options=OPTIONS
                )
            )

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            with anyio.fail_after(ENOUGH_S):
                while Endpoint.PUT_PART not in memory.effects:
                    await anyio.lowlevel.checkpoint()
            tasks.start_soon(run)
            shared = await outcome(upload(local_file.path, session_id, vault=vault, options=OPTIONS))
            assert type(shared) is UploadSessionConflict
            assert shared.session_id == session_id
            with anyio.fail_after(ENOUGH_S):
                while len(memory.sessions) < 2:
                    await anyio.lowlevel.checkpoint()
            may_answer.set()
    assert session_id in {result.session_id for result in results}
    assert len({result.session_id for result in results}) == 2
    assert memory.items == {PATH: local_file.content}
    assert memory.violations == []


async def test_starting_over_does_not_abort_what_is_being_sent(local_file: LocalFile) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, SIZE)
    async with memory.vault() as vault:
        with in_use(vault, session_id):
            done = await upload_file(local_file.path, PATH, vault=vault, resume="restart", options=OPTIONS)
    assert done.session_id != session_id
    assert list(memory.sessions) == [session_id]


async def test_a_killed_upload_is_continued_by_the_same_call(local_file: LocalFile) -> None:
    memory = MemoryVault()
    for at in (2, 3, 3):
        memory.fail(Endpoint.PUT_PART, *[unreachable()] * OPTIONS.retry.max_attempts, nth=at)
        sent = await send(local_file, memory)
        assert isinstance(sent.result, AsyncupError)
        memory._faults.clear()
    sent = await send(local_file, memory)
    assert sent.done.resumed_parts > 0
    assert memory.effects.count(Endpoint.PUT_PART) == PARTS
    assert memory.effects.count(Endpoint.CREATE_SESSION) == 1
    assert memory.items == {PATH: local_file.content}


async def test_trusting_sizes_continues_what_was_not_compared(local_file: LocalFile) -> None:
    memory = MemoryVault()
    memory.open_session(PATH, SIZE, bytes(PART_SIZE), *local_file.parts(PART_SIZE)[1:3])
    witness = Witness()
    async with memory.vault() as vault:
        await upload_file(
            local_file.path,
            PATH,
            vault=vault,
            resume="continue",
            options=replace(OPTIONS, resume_check="none"),
            on_event=witness,
        )
    assert witness.of(UploadStarted)[0].resumed_parts == 3
    assert memory.items == {PATH: bytes(PART_SIZE) + local_file.content[PART_SIZE:]}
