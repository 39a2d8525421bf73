"""A byte that Vault received or keeps wrong: never a success, whichever part, whatever Content-MD5 is sent.

Every case proves that a wrong byte was really there: `FlippingVault` compares what arrived, and what it keeps, with the
file. `tests.loopback.test_flipped_bytes` asks the same of the emulator, over real connections.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import pytest

from asyncup import UploadOptions, upload, upload_file
from asyncup.errors import AsyncupError, ChecksumMismatch, ItemExists, TransportError, UploadSessionConflict, VaultError
from asyncup.pipeline.results import UploadedFile
from asyncup.protocol.answers import Answer
from asyncup.protocol.content_md5 import ContentMd5Policy
from asyncup.vault.transport import HttpRequest
from tests.fakes.memory_vault import Endpoint, Fault, HeldSession, MemoryVault, _flip, do, flipped, raw
from tests.pipeline.files import LocalFile
from tests.pipeline.uploads import OPTIONS, PART_SIZE, Witness, outcome, succeeded

PATH = "/u1/local.bin"
MANY, ONE, SMALL = bytes(range(250)) * 100, bytes(range(250)) * 20, bytes(range(250))
POLICIES: tuple[ContentMd5Policy, ...] = ("auto", "base64", "hex", "off")
FOR_EVER = 40
"""More often than any part is tried."""

Where = Literal["wire", "store"]


class FlippingVault(MemoryVault):
    """Knows the file, and counts the wrong bytes.

    Attributes:
        arrived_wrong: how many payloads with other bytes than the file's arrived.
        kept_wrong: how many parts or files with other bytes were kept.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content
        self.arrived_wrong = self.kept_wrong = 0

    def _do(
        self, request: HttpRequest, endpoint: Endpoint, names: Mapping[str, str], payload: bytes, flip: str
    ) -> Answer:
        if endpoint is Endpoint.CREATE_ITEM and flip == "wire":
            # Among the file's bytes, not those of the form around them.
            payload, flip = payload.replace(self.content, _flip(self.content)), ""
        return super()._do(request, endpoint, names, payload, flip)

    def _put_part(self, session: HeldSession, headers: Mapping[str, str], payload: bytes) -> Answer:
        number = int(headers["x-vaultapi-filepartnumber"])
        right = self.content[(number - 1) * PART_SIZE : number * PART_SIZE]
        self.arrived_wrong += payload != right
        answer = super()._put_part(session, headers, payload)
        self.kept_wrong += number in session.parts and session.parts[number] != right
        return answer

    def _create_item(self, headers: Mapping[str, str], payload: bytes) -> Answer:
        self.arrived_wrong += self.content not in payload
        answer = super()._create_item(headers, payload)
        self.kept_wrong += self.items[PATH] != self.content
        return answer

    @property
    def flips(self) -> int:
        """How many wrong bytes there were."""
        return self.arrived_wrong + self.kept_wrong

    def flip_held(self, number: int) -> None:
        """Change a byte of a part that is kept already."""
        (session,) = self.sessions.values()
        session.parts[number] = _flip(session.parts[number])
        self.kept_wrong += 1


@pytest.fixture
def file(local_file: LocalFile) -> LocalFile:
    return LocalFile.write(local_file.path, MANY)


def options_with(policy: ContentMd5Policy) -> UploadOptions:
    return replace(OPTIONS, content_md5=policy)


async def attempt(
    memory: FlippingVault, file: LocalFile, policy: ContentMd5Policy, *, overwrite: bool = False
) -> UploadedFile | AsyncupError:
    """Upload; a success must be the right bytes, and no rule may be broken on the way."""
    witness, options = Witness(), options_with(policy)
    async with memory.vault(retry=OPTIONS.retry) as vault:
        result = await outcome(
            upload_file(file.path, PATH, vault=vault, options=options, overwrite=overwrite, on_event=witness)
        )
    witness.assert_consistent()
    assert memory.flips, "no byte was flipped: the case proves nothing"
    assert memory.violations == []
    if not isinstance(result, AsyncupError):
        assert memory.items == {PATH: file.content}
    return result


@pytest.mark.parametrize("content", [MANY, ONE], ids=["many parts", "one part"])
@pytest.mark.parametrize("where", ["wire", "store"])
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_part_that_is_wrong_every_time(
    file: LocalFile, policy: ContentMd5Policy, where: Where, content: bytes
) -> None:
    file = LocalFile.write(file.path, content)
    for number in range(1, len(file.parts(PART_SIZE)) + 1):
        memory = FlippingVault(content)
        memory.fail(Endpoint.PUT_PART, *[flipped(where)] * FOR_EVER, nth=number)
        error = await attempt(memory, file, policy)
        # A Vault that checks the header refuses in its own words.
        refused = where == "wire" and (policy in ("base64", "hex") or (policy == "auto" and number > 1))
        assert type(error) is (VaultError if refused else ChecksumMismatch)
        assert error.part == number
        assert memory.items == {}
        assert Endpoint.COMMIT not in memory.effects
        assert list(memory.sessions) == [error.session_id], "it is named, to be continued or aborted"
        before = b"".join(file.parts(PART_SIZE)[: number - 1])
        assert [session.content[: len(before)] for session in memory.sessions.values()] == [before]


@pytest.mark.parametrize("content", [MANY, ONE], ids=["many parts", "one part"])
@pytest.mark.parametrize("where", ["wire", "store"])
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_part_that_is_wrong_once_is_replaced(
    file: LocalFile, policy: ContentMd5Policy, where: Where, content: bytes
) -> None:
    file = LocalFile.write(file.path, content)
    for number in range(1, len(file.parts(PART_SIZE)) + 1):
        memory = FlippingVault(content)
        memory.fail(Endpoint.PUT_PART, flipped(where), nth=number)
        succeeded(await attempt(memory, file, policy))
        assert memory.flips == 1 + (where == "wire" and policy == "off")
        assert memory.count(Endpoint.PUT_PART) == len(file.parts(PART_SIZE)) + 1
        memory.assert_clean()


@pytest.mark.parametrize("content", [MANY, ONE], ids=["many parts", "one part"])
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_part_that_is_kept_wrong_and_its_answer_is_lost(
    file: LocalFile, policy: ContentMd5Policy, content: bytes
) -> None:
    """The parts list tells. It is taken for somebody else's part, which is no success either."""
    file = LocalFile.write(file.path, content)
    for number in range(1, len(file.parts(PART_SIZE)) + 1):
        memory = FlippingVault(content)
        memory.fail(Endpoint.PUT_PART, Fault(error=TransportError, flip="store"), nth=number)
        assert type(await attempt(memory, file, policy)) is UploadSessionConflict
        assert memory.items == {}


@pytest.mark.parametrize("content", [MANY, ONE], ids=["many parts", "one part"])
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_part_that_turns_wrong_after_it_was_acknowledged(
    file: LocalFile, policy: ContentMd5Policy, content: bytes
) -> None:
    file = LocalFile.write(file.path, content)
    parts = len(file.parts(PART_SIZE))
    for number in range(1, parts + 1):
        moments = [(Endpoint.PUT_PART, nth) for nth in range(number + 1, parts + 1)] + [(Endpoint.LIST_PARTS, 1)]
        for endpoint, nth in moments:
            memory = FlippingVault(content)
            memory.fail(endpoint, do(_flip_held(number)), nth=nth)
            error = await attempt(memory, file, policy)
            assert type(error) is UploadSessionConflict
            assert memory.kept_wrong == 1
            assert f"part {number} has MD5" in str(error)
            assert Endpoint.COMMIT not in memory.effects
            assert memory.items == {}
            assert list(memory.sessions) == [error.session_id]


def _flip_held(number: int) -> Callable[[MemoryVault], None]:
    def flip(memory: MemoryVault) -> None:
        assert isinstance(memory, FlippingVault)
        memory.flip_held(number)

    return flip


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_part_that_turns_wrong_between_two_runs(file: LocalFile, policy: ContentMd5Policy) -> None:
    for number in (1, 2, 3):
        memory = FlippingVault(MANY)
        session_id = memory.open_session(PATH, len(MANY))
        options = options_with(policy)
        async with memory.vault() as vault:
            succeeded(await outcome(upload(file.path, session_id, vault=vault, options=options)))
            memory.flip_held(number)
            result = await outcome(upload(file.path, session_id, vault=vault, options=options, commit=True))
        assert memory.kept_wrong == 1
        if number == 3:
            # The last one may never have been acknowledged, and is sent again.
            succeeded(result)
            assert memory.items == {PATH: MANY}
        else:
            assert type(result) is UploadSessionConflict
            assert memory.items == {}
            assert Endpoint.COMMIT not in memory.effects


# A small file, in one request

NO_MD5 = '{"responseStatus": "SUCCESS", "data": {"kind": "file", "path": "/u1/local.bin", "size": 250}}'
AS_ANSWERED: Mapping[str, Callable[[Where], Fault]] = {
    "with the MD5": flipped,
    "without it": lambda where: replace(raw(200, NO_MD5, done=True), flip=where),
    "not at all": lambda where: Fault(error=TransportError, flip=where),
    "as by a proxy that gave up": lambda where: replace(raw(504, "", done=True), flip=where),
}


@pytest.mark.parametrize("overwrite", [False, True], ids=["new", "overwriting"])
@pytest.mark.parametrize("answered", AS_ANSWERED)
@pytest.mark.parametrize("where", ["wire", "store"])
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_small_file_that_is_wrong_every_time(
    file: LocalFile, policy: ContentMd5Policy, where: Where, answered: str, overwrite: bool
) -> None:
    file = LocalFile.write(file.path, SMALL)
    memory = FlippingVault(SMALL)
    memory.fail(Endpoint.CREATE_ITEM, *[AS_ANSWERED[answered](where) for _ in range(FOR_EVER)])
    error = await attempt(memory, file, policy, overwrite=overwrite)
    assert isinstance(error, ChecksumMismatch | VaultError | TransportError)
    assert memory.items.get(PATH) != SMALL
    assert memory.sessions == {}


@pytest.mark.parametrize("answered", AS_ANSWERED)
@pytest.mark.parametrize("where", ["wire", "store"])
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_small_file_that_is_wrong_once(
    file: LocalFile, policy: ContentMd5Policy, where: Where, answered: str
) -> None:
    file = LocalFile.write(file.path, SMALL)
    for overwrite in (False, True):
        memory = FlippingVault(SMALL)
        memory.fail(Endpoint.CREATE_ITEM, AS_ANSWERED[answered](where))
        error = await attempt(memory, file, policy, overwrite=overwrite)
        memory.assert_clean()
        if isinstance(error, AsyncupError):
            assert isinstance(error, ChecksumMismatch | ItemExists | VaultError)


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_small_file_that_turns_wrong_before_it_is_read_back(file: LocalFile, policy: ContentMd5Policy) -> None:
    file = LocalFile.write(file.path, SMALL)
    memory = FlippingVault(SMALL)

    def flip(memory: MemoryVault) -> None:
        assert isinstance(memory, FlippingVault)
        memory.items[PATH] = _flip(memory.items[PATH])
        memory.kept_wrong += 1

    memory.fail(Endpoint.CREATE_ITEM, raw(200, NO_MD5, done=True))
    memory.fail(Endpoint.LIST_ITEMS, do(flip))
    assert type(await attempt(memory, file, policy)) is ChecksumMismatch
    assert memory.kept_wrong == 1
    memory.assert_clean()
