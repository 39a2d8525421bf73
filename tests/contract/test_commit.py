"""Committing: the job, and the file that appears (Veeva's reference, "Commit Upload Session" and "Jobs")."""

from contextlib import suppress

import pytest

from asyncup import AsyncupError, VaultError
from tests.contract.place import Place


async def test_the_file_appears_and_the_session_is_gone(place: Place) -> None:
    content = place.content(2 * place.part + 123)
    done = await place.upload(place.path("a.bin"), content)
    assert (done.parts, done.part_size, done.size) == (3, place.part, len(content))
    assert await place.stored(place.path("a.bin")) == content
    assert await place.names() == ["a.bin"]

    assert done.session_id is not None
    with place.refused():
        await place.vault.upload_session(done.session_id)
    assert done.session_id not in [session.id for session in await place.vault.list_upload_sessions()]

    ended = {job.id: job for job in await place.vault.ended_jobs()}
    assert done.job_id in ended
    assert ended[done.job_id].succeeded
    assert done.job_id not in [job.id for job in await place.vault.running_jobs()]


async def test_the_file_is_there_only_when_the_job_has_ended_and_a_second_commit_does_no_harm(place: Place) -> None:
    """A file of one part, which is also the last, and so may be smaller than the least size."""
    content = place.content(10)
    session = await place.session("a.bin", len(content))
    await place.put(session, 1, content)
    assert await place.is_missing(place.path("a.bin"))
    job_id = await place.vault.commit_upload_session(session)
    assert job_id is not None
    seen: list[str] = []
    await place.vault.wait_for_job(job_id, on_status=seen.append)
    assert seen[-1] == "SUCCESS"
    assert set(seen[:-1]) <= {"SCHEDULED", "QUEUED", "QUEUEING", "RUNNING"}
    assert await place.stored(place.path("a.bin")) == content

    with suppress(VaultError):
        await place.commit(session)
    assert await place.stored(place.path("a.bin")) == content
    assert await place.names() == ["a.bin"]


async def test_a_commit_with_missing_bytes_is_refused_and_the_session_goes_on(place: Place) -> None:
    content = place.content(2 * place.part)
    session = await place.session("a.bin", len(content))
    await place.put(session, 1, content[: place.part])
    before = await place.state(session)
    with place.refused():
        await place.commit(session)
    assert await place.is_missing(place.path("a.bin"))
    assert await place.state(session) == before
    await place.put(session, 2, content[place.part :])
    await place.commit(session)
    assert await place.stored(place.path("a.bin")) == content


async def test_a_name_that_exists_is_not_overwritten_unasked(place: Place) -> None:
    """Whether the session, the commit or the job fails is unknown; that the old file stays is not."""
    old, new = place.content(place.part + 1), place.content(place.part + 2)
    await place.upload(place.path("a.bin"), old)
    with pytest.raises(AsyncupError):
        await place.upload(place.path("a.bin"), new)
    assert await place.stored(place.path("a.bin")) == old
    assert await place.names() == ["a.bin"]


async def test_a_name_that_exists_is_overwritten_when_asked(place: Place) -> None:
    old, new = place.content(2 * place.part), place.content(place.part + 2)
    await place.upload(place.path("a.bin"), old)
    await place.upload(place.path("a.bin"), new, overwrite=True)
    assert await place.stored(place.path("a.bin")) == new
    assert await place.names() == ["a.bin"]
