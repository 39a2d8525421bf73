"""`upload_file`: from nothing to a visible file, and what is left of it when that fails."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from asyncup import UploadOptions, upload, upload_file
from asyncup.errors import (
    AsyncupError,
    ChecksumMismatch,
    DestinationError,
    ItemExists,
    JobFailed,
    LimitExceeded,
    LoginError,
    SizeMismatch,
    SourceChanged,
    SourceNotFound,
    SourceUnreadable,
    UploadSessionConflict,
    UploadSessionNotFound,
    VaultUnreachable,
)
from asyncup.events import UploadFinished, UploadSessionOpened
from asyncup.pipeline import source as source_module
from asyncup.pipeline.memory_map import FilePages
from asyncup.pipeline.positional_read import read_into
from tests.fakes.memory_vault import (
    Endpoint,
    Fault,
    MemoryVault,
    do,
    flipped,
    login_expires,
    lost_after,
    lost_before,
    raw,
    unreachable,
)
from tests.pipeline.files import LocalFile, append, overwrite_a_byte, truncate
from tests.pipeline.uploads import ATTEMPTS, OPTIONS, PART_SIZE, PARTS, Witness, outcome, succeeded

PATH = "/u1/local.bin"


@given(
    size=st.sampled_from([0, 1, 499, 500, 501, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 5 * PART_SIZE])
    | st.integers(0, 60_000),
    small=st.none() | st.integers(0, 600),
    overwrite=st.booleans(),
)
async def test_a_file_of_any_size_arrives(
    tmp_path_factory: pytest.TempPathFactory,
    size: int,
    small: int | None,
    overwrite: bool,
) -> None:
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    file = LocalFile.write(tmp_path_factory.getbasetemp() / "any.bin", content)
    memory, witness = MemoryVault(), Witness()
    if overwrite:
        memory.items[PATH] = b"older"
    async with memory.vault() as vault:
        result = await upload_file(
            file.path,
            PATH,
            vault=vault,
            overwrite=overwrite,
            options=replace(OPTIONS, small_file_max=small),
            on_event=witness,
        )
    assert memory.items == {PATH: content}
    in_one_request = size <= min(500, 500 if small is None else small)
    assert (result.session_id is None) == in_one_request
    assert (result.path, result.destination, result.size) == (str(file.path), PATH, size)
    assert result.bytes_written >= size
    assert sum(result.waits_s.values()) == pytest.approx(result.elapsed_s)
    assert [event.created for event in witness.of(UploadSessionOpened)] == [True] * (not in_one_request)
    assert len(witness.of(UploadFinished)) == 1
    witness.assert_consistent()
    memory.assert_clean()
    assert memory.sessions == {}


@pytest.mark.parametrize("destination", ["", "/", "/u1/", "folder/", "/u1/../x"])
async def test_a_destination_without_a_name_is_refused_first(local_file: LocalFile, destination: str) -> None:
    memory = MemoryVault()
    async with memory.vault() as vault:
        error = await outcome(upload_file(local_file.path, destination, vault=vault))
    assert type(error) is DestinationError
    assert memory.seen == []


async def test_a_file_that_vaults_limits_do_not_allow_is_refused_first(tmp_path: Path) -> None:
    memory = MemoryVault()
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, memory.limits.max_file_size + 1)
    async with memory.vault() as vault:
        error = await outcome(upload_file(large, PATH, vault=vault))
        assert type(error) is LimitExceeded
        assert error.path == str(large)
        os.truncate(large, 60_000)
        too_small = await outcome(upload_file(large, PATH, vault=vault, options=UploadOptions(part_size=1100)))
        assert type(too_small) is LimitExceeded
    assert memory.seen == []


async def test_nothing_is_asked_for_a_file_that_is_not_there(tmp_path: Path) -> None:
    memory = MemoryVault()
    async with memory.vault() as vault:
        assert type(await outcome(upload_file(tmp_path / "missing", PATH, vault=vault))) is SourceNotFound
    assert memory.seen == []


async def test_a_name_that_is_taken_opens_no_session(local_file: LocalFile) -> None:
    memory = MemoryVault()
    memory.items[PATH] = b"older"
    async with memory.vault() as vault:
        error = await outcome(upload_file(local_file.path, PATH, vault=vault, options=OPTIONS))
    assert type(error) is ItemExists
    assert error.session_id is None
    assert memory.items == {PATH: b"older"}
    assert memory.sessions == {}


# -- what is left of a failure


@dataclass(frozen=True)
class Failed:
    """A failed upload, and the Vault after it."""

    error: AsyncupError
    memory: MemoryVault

    def is_aborted(self) -> bool:
        gone = self.memory.sessions == {} and Endpoint.ABORT in self.memory.effects
        return gone and self.error.session_id is None

    def names_what_is_left(self) -> bool:
        return list(self.memory.sessions) == [self.error.session_id]


async def fail(file: LocalFile, memory: MemoryVault) -> Failed:
    witness = Witness()
    async with memory.vault(retry=OPTIONS.retry) as vault:
        error = await outcome(upload_file(file.path, PATH, vault=vault, options=OPTIONS, on_event=witness))
    assert isinstance(error, AsyncupError)
    assert error.path == str(file.path)
    assert memory.items == {}
    assert witness.of(UploadFinished) == []
    witness.assert_consistent()
    return Failed(error, memory)


@pytest.mark.parametrize("at", [1, 5, PARTS])
@pytest.mark.parametrize("act", [truncate, append, overwrite_a_byte, Path.unlink])
async def test_the_session_of_a_file_that_changed_is_aborted(
    local_file: LocalFile, act: Callable[[Path], None], at: int
) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.PUT_PART, do(lambda _: act(local_file.path)), nth=at)
    failed = await fail(local_file, memory)
    assert type(failed.error) is SourceChanged
    assert failed.is_aborted()


@pytest.mark.parametrize("at", [1, 5, PARTS])
async def test_a_part_that_never_arrives_as_it_is_leaves_the_parts_before_it(local_file: LocalFile, at: int) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.PUT_PART, *[flipped("store")] * ATTEMPTS, nth=at)
    failed = await fail(local_file, memory)
    assert type(failed.error) is ChecksumMismatch
    assert failed.names_what_is_left()
    memory.closed = False
    async with memory.vault() as vault:
        again = await outcome(
            upload(local_file.path, failed.error.session_id or "", vault=vault, options=OPTIONS, commit=True)
        )
    if at == 1:
        # The damaged part is all that there is: whose it is cannot be seen.
        assert type(again) is UploadSessionConflict
    else:
        assert succeeded(again).resumed_parts == at - 1
        assert memory.items == {PATH: local_file.content}


async def test_a_session_of_another_size_is_aborted(local_file: LocalFile) -> None:
    memory = MemoryVault()
    session_id = memory.open_session(PATH, 1)
    described = f'{{"id": "{session_id}", "path": "{PATH}", "size": 1, "uploaded": 0, "uploaded_parts": 0}}'
    memory.fail(Endpoint.CREATE_SESSION, raw(200, f'{{"responseStatus": "SUCCESS", "data": {described}}}'))
    failed = await fail(local_file, memory)
    assert type(failed.error) is SizeMismatch
    assert failed.is_aborted()


def _cut_short(memory: MemoryVault) -> None:
    (session,) = memory.sessions.values()
    session.parts = {1: b"something else"}


async def test_somebody_elses_work_is_left_alone_and_named(local_file: LocalFile) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.PUT_PART, lost_before(), nth=2)
    memory.fail(Endpoint.LIST_PARTS, do(_cut_short))
    failed = await fail(local_file, memory)
    assert type(failed.error) is UploadSessionConflict
    assert Endpoint.ABORT not in memory.effects
    assert failed.names_what_is_left()


async def test_when_the_abort_fails_too_the_session_is_named(local_file: LocalFile) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.PUT_PART, do(lambda _: truncate(local_file.path)), nth=3)
    memory.fail(Endpoint.ABORT, *[unreachable()] * ATTEMPTS)
    failed = await fail(local_file, memory)
    assert type(failed.error) is SourceChanged
    assert failed.names_what_is_left()


RESUMABLE: Mapping[str, tuple[Endpoint, list[Fault], type[AsyncupError]]] = {
    "Vault goes away": (Endpoint.PUT_PART, [unreachable()] * ATTEMPTS, VaultUnreachable),
    "the login expires": (Endpoint.PUT_PART, [login_expires()], LoginError),
    "Vault goes away before the commit": (Endpoint.COMMIT, [unreachable()] * ATTEMPTS, VaultUnreachable),
    "nobody lists parts": (Endpoint.LIST_PARTS, [unreachable()] * ATTEMPTS, VaultUnreachable),
}


@pytest.mark.parametrize("at", [1, 5, PARTS])
@pytest.mark.parametrize("name", sorted(RESUMABLE))
async def test_a_session_that_can_be_continued_is_left_and_named(local_file: LocalFile, name: str, at: int) -> None:
    endpoint, faults, kind = RESUMABLE[name]
    memory = MemoryVault()
    if endpoint is Endpoint.LIST_PARTS:
        memory.fail(Endpoint.PUT_PART, lost_after(), nth=at)
    memory.fail(endpoint, *faults, nth=at if endpoint is Endpoint.PUT_PART else 1)
    failed = await fail(local_file, memory)
    assert type(failed.error) is kind
    assert failed.names_what_is_left()
    memory.assert_clean()

    memory.closed, memory.logins = False, {"another token"}
    memory.logins.add("token-of-memory-vault")
    sent_before = memory.effects.count(Endpoint.PUT_PART)
    async with memory.vault() as vault:
        session_id = failed.error.session_id
        assert session_id is not None
        again = await upload(local_file.path, session_id, vault=vault, options=OPTIONS, commit=True)
    assert again.resumed_parts == sent_before
    assert memory.items == {PATH: local_file.content}
    assert memory.effects.count(Endpoint.PUT_PART) == PARTS


async def test_a_session_that_somebody_ended_is_told(local_file: LocalFile) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.PUT_PART, do(lambda memory: memory.sessions.clear()), nth=4)
    failed = await fail(local_file, memory)
    assert type(failed.error) is UploadSessionNotFound


async def test_a_job_that_fails_is_told(local_file: LocalFile) -> None:
    failed = await fail(local_file, MemoryVault(job_ending="ERRORS_ENCOUNTERED"))
    assert type(failed.error) is JobFailed


async def test_a_lost_answer_to_the_creation_makes_no_second_session(local_file: LocalFile) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_SESSION, lost_after())
    async with memory.vault() as vault:
        await upload_file(local_file.path, PATH, vault=vault, options=OPTIONS)
    assert memory.effects.count(Endpoint.CREATE_SESSION) == 1
    assert memory.items == {PATH: local_file.content}


async def test_a_lost_answer_to_the_commit_is_a_success(local_file: LocalFile) -> None:
    memory, witness = MemoryVault(), Witness()
    memory.fail(Endpoint.COMMIT, lost_after())
    async with memory.vault() as vault:
        result = await upload_file(local_file.path, PATH, vault=vault, options=OPTIONS, on_event=witness)
    assert result.job_id is None
    assert memory.items == {PATH: local_file.content}
    assert memory.effects.count(Endpoint.COMMIT) == 1
    witness.assert_consistent()


async def test_a_disk_that_fails_in_the_middle(local_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_at_part_4(fd: int, view: memoryview, offset: int) -> int:
        if offset == 3 * PART_SIZE:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read_into(fd, view, offset)

    monkeypatch.setattr(source_module, "read_into", fail_at_part_4)
    monkeypatch.setattr(FilePages, "make_present", lambda *_: False)  # so that bytes are read, and not looked at
    memory = MemoryVault()
    failed = await fail(local_file, memory)
    assert type(failed.error) is SourceUnreadable
    assert isinstance(failed.error.__cause__, OSError)
    assert failed.names_what_is_left(), "the disk may come back, and the parts before are good"


async def test_missing_folders_are_made_unless_they_must_not_be(local_file: LocalFile) -> None:
    for create in (True, False):
        memory = MemoryVault()
        async with memory.vault() as vault:
            options = replace(OPTIONS, create_folders=create)
            succeeded(await outcome(upload_file(local_file.path, "/u1/a/b/c.bin", vault=vault, options=options)))
        assert ({"/u1/a", "/u1/a/b"} <= memory.folders) == create
