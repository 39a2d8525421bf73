"""Continuing upload sessions: what Vault holds decides, and nothing is sent twice."""

from typing import Literal

import pytest

from asyncup import UploadOptions, VaultError, upload
from asyncup.errors import SizeMismatch, UploadSessionConflict
from asyncup.protocol.content_md5 import ContentMd5Policy
from asyncup.protocol.responses import UploadSession
from tests.contract.place import Place

Held = Literal["nothing", "one-part", "all"]
PARTS: dict[Held, int] = {"nothing": 0, "one-part": 1, "all": 4}


async def begun(place: Place, content: bytes, parts: int) -> UploadSession:
    """Open an upload session that holds the first parts of a file."""
    session = await place.session("a.bin", len(content))
    for number in range(1, parts + 1):
        begin = (number - 1) * place.part
        await place.put(session, number, content[begin : begin + place.part])
    return session


@pytest.mark.parametrize("held", PARTS)
async def test_only_what_is_missing_is_sent(place: Place, held: Held) -> None:
    content = place.content(3 * place.part + 500)
    session = await begun(place, content, PARTS[held])
    # Another part size than the session's: the session keeps its own.
    part_size = place.part if held == "nothing" else 2 * place.part
    options = UploadOptions(part_size=part_size, content_md5="off")
    done = await upload(place.file(content), session.id, vault=place.vault, commit=True, options=options)
    assert done.resumed_parts == PARTS[held]
    assert (done.parts, done.part_size) == (4, place.part)
    assert done.bytes_written == len(content[PARTS[held] * place.part :])
    assert await place.stored(place.path("a.bin")) == content


async def test_without_commit_the_session_is_full_and_again_and_again_is_harmless(place: Place) -> None:
    content = place.content(2 * place.part + 1)
    session = await place.session("a.bin", len(content))
    path = place.file(content)
    first = await upload(path, session.id, vault=place.vault, options=place.through_session)
    full, held = await place.state(session)
    assert (full.uploaded, full.uploaded_parts) == (len(content), 3)
    assert tuple(part.md5 for part in held) == first.md5s
    second = await upload(path, session.id, vault=place.vault, options=place.through_session)
    assert (first.resumed_parts, second.resumed_parts) == (0, 3)
    assert second.bytes_written == 0
    assert first.md5s == second.md5s
    assert await place.is_missing(place.path("a.bin"))


async def test_a_session_with_other_bytes_is_left_alone(place: Place) -> None:
    content = place.content(3 * place.part)
    session = await begun(place, place.content(3 * place.part), 2)
    before = await place.state(session)
    with pytest.raises(UploadSessionConflict):
        await upload(place.file(content), session.id, vault=place.vault, commit=True)
    assert await place.state(session) == before
    assert await place.is_missing(place.path("a.bin"))


async def test_a_session_for_another_size_is_left_alone(place: Place) -> None:
    session = await begun(place, place.content(3 * place.part), 1)
    before = await place.state(session)
    with pytest.raises(SizeMismatch):
        await upload(place.file(place.content(2 * place.part)), session.id, vault=place.vault, commit=True)
    assert await place.state(session) == before


async def test_a_session_that_is_gone_cannot_be_continued(place: Place) -> None:
    content = place.content(2 * place.part)
    session = await begun(place, content, 1)
    await place.vault.abort_upload_session(session.id)
    with place.refused():
        await upload(place.file(content), session.id, vault=place.vault, commit=True)
    assert await place.names() == []


@pytest.mark.parametrize("policy", ["auto", "base64", "hex"])
async def test_content_md5_is_found_out_or_does_no_harm(place: Place, policy: ContentMd5Policy) -> None:
    """Which form Vault takes is unknown. "auto" always works; a form that is settled works or is refused."""
    content = place.content(2 * place.part + 1)
    for small_file_max in (None, 0):
        path = place.path(f"{small_file_max}.bin")
        options = UploadOptions(part_size=place.part, content_md5=policy, small_file_max=small_file_max)
        try:
            await place.upload(path, content, options=options)
        except VaultError:
            assert policy != "auto"
            assert await place.is_missing(path)
        else:
            assert await place.stored(path) == content
