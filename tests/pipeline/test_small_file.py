"""A small file in one request: right bytes or an error, whatever is lost on the way."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from asyncup import MemoryBudget, UploadOptions, upload_file
from asyncup.errors import (
    AsyncupError,
    ChecksumMismatch,
    ItemExists,
    LoginError,
    SourceChanged,
    SourceUnreadable,
    TlsRefused,
    VaultError,
    VaultUnreachable,
)
from asyncup.events import BufferKind, PartAcknowledged, PartHashed, UploadStarted
from asyncup.pipeline import source as source_module
from asyncup.protocol.answers import Answer
from asyncup.protocol.content_md5 import ContentMd5Policy
from tests.fakes.memory_vault import (
    Endpoint,
    Fault,
    MemoryVault,
    broken_off,
    do,
    flipped,
    login_expires,
    lost_after,
    lost_before,
    raw,
    refused,
    tls_refused,
    unreachable,
)
from tests.pipeline.files import LocalFile, overwrite_a_byte, truncate
from tests.pipeline.uploads import ATTEMPTS, OPTIONS, Witness, outcome, succeeded

PATH = "/u1/small.bin"
CONTENT = bytes(range(250)) * 2


@pytest.fixture
def small_file(tmp_path: Path) -> LocalFile:
    return LocalFile.write(tmp_path / "small.bin", CONTENT)


@given(content=st.binary(max_size=500), policy=st.sampled_from(["auto", "off", "hex", "base64"]))
async def test_it_arrives_in_one_request(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, policy: ContentMd5Policy
) -> None:
    file = LocalFile.write(tmp_path_factory.getbasetemp() / "small.bin", content)
    memory, witness, budget = MemoryVault(), Witness(), MemoryBudget(1000)
    async with memory.vault() as vault:
        result = await upload_file(
            file.path,
            PATH,
            vault=vault,
            options=replace(OPTIONS, content_md5=policy),
            memory=budget,
            on_event=witness,
        )
    assert memory.items == {PATH: content}
    assert memory.effects == [Endpoint.CREATE_ITEM]
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert (result.size, result.parts, result.part_size, result.md5s) == (len(content), 1, len(content), (md5,))
    assert (result.session_id, result.job_id, result.resumed_parts) == (None, None, 0)
    assert result.destination == PATH
    assert sum(result.waits_s.values()) == pytest.approx(result.elapsed_s)
    assert budget.taken == 0
    (started,) = witness.of(UploadStarted)
    assert started.session_id is None
    assert started.buffers is BufferKind.COPIED
    assert [(event.acknowledged, event.md5) for event in witness.of(PartAcknowledged)] == [(len(content), md5)]
    assert len(witness.of(PartHashed)) == (1 if content else 0)
    witness.assert_consistent()
    memory.assert_clean()


@pytest.mark.parametrize(("size", "requests"), [(500, 1), (501, 0)])
async def test_the_limit_decides(tmp_path: Path, size: int, requests: int) -> None:
    file = LocalFile.write(tmp_path / "file", bytes(size))
    memory = MemoryVault()
    async with memory.vault() as vault:
        await upload_file(file.path, PATH, vault=vault, options=replace(OPTIONS, small_file_max=None))
    assert memory.effects.count(Endpoint.CREATE_ITEM) == requests
    assert memory.items == {PATH: bytes(size)}


@pytest.mark.parametrize(("chosen", "requests"), [(0, 0), (99, 0), (100, 1), (10**9, 1)])
async def test_the_caller_may_choose_less(tmp_path: Path, chosen: int, requests: int) -> None:
    file = LocalFile.write(tmp_path / "file", bytes(100))
    memory = MemoryVault()
    async with memory.vault() as vault:
        await upload_file(file.path, PATH, vault=vault, options=UploadOptions(small_file_max=chosen))
    assert memory.effects.count(Endpoint.CREATE_ITEM) == requests
    assert memory.items == {PATH: bytes(100)}


FAULTS: Mapping[str, tuple[Callable[[], Fault], int]] = {
    "lost after": (lost_after, 1),
    "done with 500": (lambda: raw(500, "", done=True), 1),
    "done with a page": (lambda: raw(200, "<html>", done=True), 1),
    "lost before": (lost_before, 2),
    "broken off": (lambda: broken_off(after=100), 2),
    "unreachable": (unreachable, 2),
    "busy": (lambda: refused("API_LIMIT_EXCEEDED"), 2),
    "away": (lambda: raw(503, ""), 2),
}


@pytest.mark.parametrize("name", sorted(FAULTS))
async def test_one_fault_is_survived_and_nothing_sent_for_nothing(small_file: LocalFile, name: str) -> None:
    fault, requests = FAULTS[name]
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_ITEM, fault())
    async with memory.vault() as vault:
        await upload_file(small_file.path, PATH, vault=vault, options=OPTIONS)
    assert memory.items == {PATH: CONTENT}
    assert memory.count(Endpoint.CREATE_ITEM) == requests
    assert memory.effects.count(Endpoint.CREATE_ITEM) == 1
    memory.assert_clean()


async def test_an_older_file_of_that_name_is_not_taken_for_ours(small_file: LocalFile) -> None:
    memory = MemoryVault()
    memory.items[PATH] = bytes(500)
    memory.fail(Endpoint.CREATE_ITEM, lost_before())
    async with memory.vault() as vault:
        error = await outcome(upload_file(small_file.path, PATH, vault=vault, options=OPTIONS))
    assert type(error) is ItemExists
    assert memory.items == {PATH: bytes(500)}


@pytest.mark.parametrize("overwrite", [True, False])
async def test_a_name_that_is_taken(small_file: LocalFile, *, overwrite: bool) -> None:
    memory = MemoryVault()
    memory.items[PATH] = b"older"
    async with memory.vault() as vault:
        result = await outcome(upload_file(small_file.path, PATH, vault=vault, overwrite=overwrite, options=OPTIONS))
    if overwrite:
        assert succeeded(result).size == 500
        assert memory.items == {PATH: CONTENT}
    else:
        assert type(result) is ItemExists
        assert result.path == str(small_file.path)
        assert memory.items == {PATH: b"older"}
        assert memory.count(Endpoint.CREATE_ITEM) == 1


@pytest.mark.parametrize("policy", ["auto", "off"])
async def test_other_bytes_are_no_success(small_file: LocalFile, policy: ContentMd5Policy) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_ITEM, flipped("store"))
    options = replace(OPTIONS, content_md5=policy)
    async with memory.vault() as vault:
        error = await outcome(upload_file(small_file.path, PATH, vault=vault, options=options))
    assert type(error) is ChecksumMismatch
    assert hashlib.md5(CONTENT, usedforsecurity=False).hexdigest() in str(error)
    memory.assert_clean()


@pytest.mark.parametrize("size", ["499", "501"])
async def test_another_size_is_no_success(small_file: LocalFile, size: str) -> None:
    memory = MemoryVault()
    body = f'{{"responseStatus": "SUCCESS", "data": {{"kind": "file", "path": "{PATH}", "size": {size}}}}}'
    memory.fail(Endpoint.CREATE_ITEM, raw(200, body, done=True))
    async with memory.vault() as vault:
        error = await outcome(upload_file(small_file.path, PATH, vault=vault, options=OPTIONS))
    assert type(error) is ChecksumMismatch


class PickyVault(MemoryVault):
    """Refuses the Content-MD5 headers that it does not understand."""

    def __init__(self, understood: str, answer: Answer | None = None) -> None:
        super().__init__()
        self.understood = understood
        self.answer = answer
        self.forms: list[str] = []

    def _create_item(self, headers: Mapping[str, str], payload: bytes) -> Answer:
        value = headers.get("content-md5")
        form = "off" if value is None else "hex" if len(value) == 32 else "base64"
        self.forms.append(form)
        if form not in ("off", self.understood):
            return self.answer or self._failure("INVALID_DATA", "no")
        return super()._create_item(headers, payload)


@pytest.mark.parametrize("answer", [None, Answer(400, {}, b"Bad Request")], ids=["FAILURE", "400"])
@pytest.mark.parametrize(("understood", "tried"), [("base64", 1), ("hex", 2), ("off", 3)])
async def test_the_form_that_a_vault_understands_is_found(
    small_file: LocalFile, understood: str, tried: int, answer: Answer | None
) -> None:
    memory = PickyVault(understood, answer)
    async with memory.vault() as vault:
        for number in range(2):
            path = f"/u1/{number}.bin"
            await upload_file(small_file.path, path, vault=vault, options=OPTIONS)
            assert memory.items[path] == CONTENT
    assert memory.forms == [*["base64", "hex", "off"][:tried], understood]


async def test_a_form_that_was_asked_for_is_not_changed(small_file: LocalFile) -> None:
    memory = PickyVault("base64")
    async with memory.vault() as vault:
        error = await outcome(
            upload_file(small_file.path, PATH, vault=vault, options=replace(OPTIONS, content_md5="hex"))
        )
    assert type(error) is VaultError
    assert memory.forms == ["hex"]


@pytest.mark.parametrize(
    ("fault", "kind", "requests"),
    [
        (login_expires(), LoginError, 1),
        (tls_refused(), TlsRefused, 1),
        (unreachable(), VaultUnreachable, ATTEMPTS),
    ],
    ids=["login", "tls", "unreachable"],
)
async def test_what_cannot_be_done_is_one_error(
    small_file: LocalFile, fault: Fault, kind: type[AsyncupError], requests: int
) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_ITEM, *[fault] * requests)
    async with memory.vault(retry=OPTIONS.retry) as vault:
        error = await outcome(upload_file(small_file.path, PATH, vault=vault, options=OPTIONS))
    assert type(error) is kind
    assert error.path == str(small_file.path)
    assert error.session_id is None
    assert memory.items == {}
    memory.assert_clean()


@pytest.mark.parametrize("act", [overwrite_a_byte, truncate])
async def test_a_file_that_changes_while_it_is_sent_is_told(small_file: LocalFile, act: Callable[[Path], None]) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_ITEM, do(lambda _: act(small_file.path)))
    async with memory.vault() as vault:
        error = await outcome(upload_file(small_file.path, PATH, vault=vault, options=OPTIONS))
    assert type(error) is SourceChanged
    assert memory.items.get(PATH, CONTENT) == CONTENT, "a state that the file once had, or nothing"


async def test_a_disk_that_fails(small_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int, view: memoryview, offset: int) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(source_module, "read_into", fail)
    memory = MemoryVault()
    async with memory.vault() as vault:
        error = await outcome(upload_file(small_file.path, PATH, vault=vault, options=OPTIONS))
    assert type(error) is SourceUnreadable
    assert Endpoint.CREATE_ITEM not in memory.effects
