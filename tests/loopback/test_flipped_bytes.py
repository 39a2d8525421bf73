"""A byte that the emulator receives or keeps wrong, over real connections: never a success, whichever part.

The twin of `tests.pipeline.test_flipped_bytes`: another Vault, another reading of the API, and the whole way through
sockets. Parts are small, so that every part is tried with every form of Content-MD5.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from asyncup import UploadOptions, Vault, upload_file
from asyncup.bulk.in_vault.read_back import md5_read_back
from asyncup.emulator import PROFILES, Do, Fault, RunningEmulator
from asyncup.emulator.uploads import Part
from asyncup.errors import AsyncupError, ChecksumMismatch, UploadSessionConflict, VaultError
from asyncup.events import Event, PartAcknowledged
from asyncup.pipeline.results import UploadedFile
from asyncup.protocol.content_md5 import ContentMd5Policy
from tests.contract.targets import SCALED_PART, emulated_vault, scaled
from tests.pipeline.files import LocalFile
from tests.pipeline.uploads import Witness, outcome, succeeded

PATH = "/u11/local.bin"
CONTENT = random.Random(7).randbytes(3 * SCALED_PART + SCALED_PART // 2)
PARTS = 4
POLICIES: tuple[ContentMd5Policy, ...] = ("auto", "base64", "hex", "off")
SIZES = {"many parts": len(CONTENT), "one part": SCALED_PART // 2}
FLIPS = (Do.FLIP_BYTE, Do.FLIP_STORED)


@dataclass(frozen=True)
class Stage:
    """An emulator, its client, and a file."""

    emulator: RunningEmulator
    vault: Vault
    file: LocalFile

    async def upload(
        self, options: UploadOptions, *faults: Fault, overwrite: bool = False, witness: Witness | None = None
    ) -> UploadedFile | AsyncupError:
        """Upload with faults, every one of which must strike; a success must be the right bytes."""
        witness = witness or Witness()
        self.emulator.add_faults(*faults)
        result = await outcome(
            upload_file(self.file.path, PATH, vault=self.vault, options=options, overwrite=overwrite, on_event=witness)
        )
        self.emulator.faults.check_consumed()
        witness.assert_consistent()
        if not isinstance(result, AsyncupError):
            assert self.stored() == self.file.content
        return result

    def stored(self) -> bytes | None:
        """What the emulator keeps as the file."""
        where = self.emulator.stored(PATH)
        return where.read_bytes() if where.exists() else None

    def flip_held(self, number: int) -> None:
        """Change a byte of a part that the emulator keeps, as a disk does that forgets; its listing tells."""
        (session,) = self.emulator.sessions
        held = session.parts[number]
        assert self.emulator.root is not None
        folder = self.emulator.root / "sessions" / session.id
        source = folder / f"{number:05d}-{held.md5}"
        wrong = _flipped(source.read_bytes())
        session.parts[number] = Part(number, held.size, hashlib.md5(wrong, usedforsecurity=False).hexdigest())
        source.unlink()
        (folder / f"{number:05d}-{session.parts[number].md5}").write_bytes(wrong)


class FlipAfter(Witness):
    """Changes a byte of part `number` when part `acknowledged` was acknowledged."""

    def __init__(self, stage: Stage, number: int, acknowledged: int) -> None:
        super().__init__()
        self._stage = stage
        self._number = number
        self._acknowledged = acknowledged
        self.flipped = False

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if isinstance(event, PartAcknowledged) and event.part == self._acknowledged:
            self._stage.flip_held(self._number)
            self.flipped = True


def _flipped(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    file = LocalFile.write(tmp_path / "local.bin", CONTENT)
    async with emulated_vault(scaled(PROFILES["default"]), root=tmp_path / "vault") as (emulator, vault):
        yield Stage(emulator, vault, file)


def cut(stage: Stage, size: int) -> Stage:
    return Stage(stage.emulator, stage.vault, LocalFile.write(stage.file.path, CONTENT[:size]))


def through_session(policy: ContentMd5Policy) -> UploadOptions:
    return UploadOptions(part_size=SCALED_PART, small_file_max=0, content_md5=policy)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("flip", FLIPS)
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_part_that_is_wrong_every_time(stage: Stage, policy: ContentMd5Policy, flip: Do, size: str) -> None:
    stage = cut(stage, SIZES[size])
    for number in range(1, len(stage.file.parts(SCALED_PART)) + 1):
        struck = len(stage.emulator.faults.struck)
        endless = Fault(do=flip, endpoint="put_part", part=number, times=0, at=SCALED_PART // 3)
        error = await stage.upload(through_session(policy), endless)
        assert type(error) in (ChecksumMismatch, VaultError)
        assert flip is Do.FLIP_BYTE or type(error) is ChecksumMismatch
        assert len(stage.emulator.faults.struck) > struck + 1, "it was tried more than once"
        assert stage.stored() is None
        assert [session.id for session in stage.emulator.sessions] == [error.session_id]
        assert stage.emulator.requests("commit") == []
        stage.emulator.faults._scripted.clear()
        assert error.session_id is not None
        await stage.vault.abort_upload_session(error.session_id)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("flip", FLIPS)
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_part_that_is_wrong_once_is_replaced(
    stage: Stage, policy: ContentMd5Policy, flip: Do, size: str
) -> None:
    stage = cut(stage, SIZES[size])
    parts = len(stage.file.parts(SCALED_PART))
    for number in range(1, parts + 1):
        sent = len(stage.emulator.requests("put_part"))
        once = Fault(do=flip, endpoint="put_part", part=number, at=SCALED_PART // 3)
        succeeded(await stage.upload(through_session(policy), once, overwrite=number > 1))
        assert len(stage.emulator.requests("put_part")) == sent + parts + 1
        assert stage.emulator.sessions == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_part_that_turns_wrong_after_it_was_acknowledged(
    stage: Stage, policy: ContentMd5Policy, size: str
) -> None:
    stage = cut(stage, SIZES[size])
    parts = len(stage.file.parts(SCALED_PART))
    for number in range(1, parts + 1):
        for acknowledged in range(number, parts + 1):
            witness = FlipAfter(stage, number, acknowledged)
            error = await stage.upload(through_session(policy), witness=witness)
            assert witness.flipped
            assert type(error) is UploadSessionConflict
            assert f"part {number} has MD5" in str(error)
            assert stage.stored() is None
            assert stage.emulator.requests("commit") == []
            assert [session.id for session in stage.emulator.sessions] == [error.session_id]
            assert error.session_id is not None
            await stage.vault.abort_upload_session(error.session_id)


@pytest.mark.parametrize("flip", FLIPS)
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_small_file(stage: Stage, policy: ContentMd5Policy, flip: Do) -> None:
    stage, options = cut(stage, 1000), UploadOptions(content_md5=policy)
    error = await stage.upload(options, Fault(do=flip, endpoint="create_item", at=500))
    # Refused for its Content-MD5, and then not kept; or kept, and told.
    refused = flip is Do.FLIP_BYTE and policy in ("base64", "hex")
    assert type(error) is (VaultError if refused else ChecksumMismatch)
    assert (stage.stored() is None) == refused
    assert stage.stored() != stage.file.content


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_small_file_whose_answer_is_lost_is_read_back(stage: Stage, policy: ContentMd5Policy) -> None:
    stage, options = cut(stage, 1000), UploadOptions(content_md5=policy)
    lost = Fault(do=Do.LOSE_ANSWER, endpoint="create_item")
    wrong = Fault(do=Do.FLIP_BYTE, endpoint="download", at=500)
    # Kept rightly, but read back with a wrong byte: not taken for done. So it is sent again, refused because the name
    # is there, and read back once more, rightly this time.
    succeeded(await stage.upload(options, lost, wrong))
    assert len(stage.emulator.requests("create_item")) == 2


@pytest.mark.parametrize("number", range(1, PARTS + 1))
async def test_what_vault_itself_does_not_notice_shows_when_the_file_is_read_back(stage: Stage, number: int) -> None:
    """A byte that turns wrong behind the MD5 that Vault lists: no answer tells it before the bytes do."""
    result = succeeded(await stage.upload(through_session("auto")))
    right = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    assert await md5_read_back(stage.vault, PATH, result.size) == right
    at = (number - 1) * SCALED_PART + 5
    kept = bytearray(CONTENT)
    kept[at] ^= 1
    stage.emulator.stored(PATH).write_bytes(kept)
    assert await md5_read_back(stage.vault, PATH, result.size) != right
    stage.emulator.stored(PATH).write_bytes(CONTENT)
    stage.emulator.add_faults(Fault(do=Do.FLIP_BYTE, endpoint="download", at=at))
    assert await md5_read_back(stage.vault, PATH, result.size) != right
    stage.emulator.faults.check_consumed()
