"""A small file in one request: right bytes or an error, whatever is lost on the way."""

from __future__ import annotations

import base64
import errno
import os
from collections.abc import Callable, Iterator, Mapping
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
from asyncup.pipeline import (
    preparation as preparation_module,
    small_file as small_file_module,
    source as source_module,
)
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
from tests.pipeline.files import LocalFile, md5, overwrite_a_byte, truncate
from tests.pipeline.uploads import ATTEMPTS, OPTIONS, Witness, outcome, succeeded

PATH = "/u1/small.bin"
CONTENT = bytes(range(250)) * 2


@pytest.fixture(autouse=True, scope="module", params=["at the opening", "by one visit", "through buffers"])
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test with files so small that they are read as they are opened, and with larger ones."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "at the opening":
            patch.setattr(preparation_module, "_AT_OPENING", 99)
        if request.param == "through buffers":
            patch.setattr(small_file_module, "_AT_ONCE", 99)
        yield


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
    digest = md5(content).hex()
    assert (result.size, result.parts, result.part_size, result.md5s) == (len(content), 1, len(content), (digest,))
    assert (result.session_id, result.job_id, result.resumed_parts) == (None, None, 0)
    assert result.destination == PATH
    assert sum(result.waits_s.values()) == pytest.approx(result.elapsed_s)
    assert budget.taken == 0
    (started,) = witness.of(UploadStarted)
    assert started.session_id is None
    assert started.buffers is BufferKind.COPIED
    assert [(event.acknowledged, event.md5) for event in witness.of(PartAcknowledged)] == [(len(content), digest)]
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
    assert md5(CONTENT).hex() in str(error)
    memory.assert_clean()


ANSWER_WITHOUT_MD5 = '{"responseStatus": "SUCCESS", "data": {"kind": "file", "path": "/u1/small.bin"}}'


@pytest.mark.parametrize("right", [True, False])
async def test_when_vault_does_not_say_what_came_it_is_read_back(small_file: LocalFile, *, right: bool) -> None:
    memory = MemoryVault()
    fault = raw(200, ANSWER_WITHOUT_MD5, done=True)
    memory.fail(Endpoint.CREATE_ITEM, fault if right else replace(fault, flip="store"))
    async with memory.vault() as vault:
        result = await outcome(upload_file(small_file.path, PATH, vault=vault, options=OPTIONS))
    if right:
        assert succeeded(result).md5s == (small_file.md5(1, 500),)
        assert memory.items == {PATH: CONTENT}
    else:
        assert type(result) is ChecksumMismatch
    assert memory.count(Endpoint.DOWNLOAD) > 0
    assert memory.count(Endpoint.CREATE_ITEM) == 1
    memory.assert_clean()


class NotingVault(MemoryVault):
    """Notes the Content-MD5 headers of files."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[str | None] = []

    def _create_item(self, headers: Mapping[str, str], payload: bytes) -> Answer:
        self.noted.append(headers.get("content-md5"))
        return super()._create_item(headers, payload)


@pytest.mark.parametrize("policy", ["auto", "off", "hex", "base64"])
async def test_a_header_is_sent_only_when_it_is_asked_for(small_file: LocalFile, policy: ContentMd5Policy) -> None:
    """Whether it would be about the file or about the request's whole body is not known."""
    memory = NotingVault()
    async with memory.vault() as vault:
        await upload_file(small_file.path, PATH, vault=vault, options=replace(OPTIONS, content_md5=policy))
        assert vault.content_md5.form_for("auto").value == "base64", "nothing is learned from it"
    digest = md5(CONTENT)
    wanted = {"auto": None, "off": None, "hex": digest.hex(), "base64": base64.b64encode(digest).decode()}
    assert memory.noted == [wanted[policy]]


async def test_a_form_that_was_asked_for_and_is_refused_is_told(small_file: LocalFile) -> None:
    memory = MemoryVault(content_md5_forms=frozenset({"base64"}))
    async with memory.vault() as vault:
        options = replace(OPTIONS, content_md5="hex")
        error = await outcome(upload_file(small_file.path, PATH, vault=vault, options=options))
    assert type(error) is VaultError
    assert memory.count(Endpoint.CREATE_ITEM) == 1
    assert memory.items == {}


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


@pytest.mark.usefixtures("step_by_step")
async def test_a_disk_that_fails(small_file: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int, view: memoryview, offset: int) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(source_module, "read_into", fail)
    memory = MemoryVault()
    async with memory.vault() as vault:
        error = await outcome(upload_file(small_file.path, PATH, vault=vault, options=OPTIONS))
    assert type(error) is SourceUnreadable
    assert Endpoint.CREATE_ITEM not in memory.effects
