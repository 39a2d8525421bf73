"""Creating, finding, listing and aborting upload sessions (Veeva's reference, "Resumable Upload Sessions")."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from asyncup import VaultError
from asyncup.protocol.responses import UploadSession
from tests.contract.place import Place


async def test_a_new_session_says_what_it_is_for_and_lives_for_72_hours(place: Place) -> None:
    path = place.path("a.bin")
    session = await place.vault.create_upload_session(path.removeprefix("/"), 3 * place.part)
    assert session.path == path  # the leading slash is optional in a request, and always there in an answer
    assert session.size == 3 * place.part
    assert (session.uploaded, session.uploaded_parts) == (0, 0)
    assert session.owner == place.user_id
    assert session.created_date is not None
    assert session.expiration_date is not None
    created, expires = map(datetime.fromisoformat, (session.created_date, session.expiration_date))
    assert created.tzinfo == UTC
    assert expires - created == timedelta(hours=72)


async def test_details_and_list_show_the_session(place: Place) -> None:
    created = await place.session("a.bin", 2 * place.part)
    other = await place.session("b.bin", place.part)
    assert created.id != other.id
    assert _without_overwrite(await place.vault.upload_session(created.id)) == _without_overwrite(created)
    listed = {session.id: _without_overwrite(session) for session in await place.vault.list_upload_sessions()}
    assert listed[created.id] == _without_overwrite(created)
    assert listed[other.id] == _without_overwrite(other)


def _without_overwrite(session: UploadSession) -> UploadSession:
    """Only the answer to the creation has it in the documents' samples."""
    return replace(session, overwrite=None)


async def test_an_aborted_session_is_unknown(place: Place) -> None:
    session = await place.session("a.bin", 2 * place.part)
    await place.put(session, 1, place.content(place.part))
    await place.vault.abort_upload_session(session.id)
    assert session.id not in [open_one.id for open_one in await place.vault.list_upload_sessions()]
    with place.refused():
        await place.vault.upload_session(session.id)
    with place.refused():
        await place.vault.list_parts(session.id)
    with place.refused():
        await place.put(session, 2, place.content(place.part))
    with place.refused():
        await place.vault.commit_upload_session(session)
    assert await place.listed() == []
    again = await place.session("a.bin", 2 * place.part)
    assert again.id != session.id
    assert (again.uploaded, again.uploaded_parts) == (0, 0)


async def test_what_never_was_is_unknown_and_what_names_no_file_is_no_destination(place: Place) -> None:
    with pytest.raises(VaultError):
        await place.vault.upload_session("0123456789abcdef0123456789abcdef")
    with pytest.raises(VaultError):
        await place.vault.list_parts("0123456789abcdef0123456789abcdef")
    with pytest.raises(VaultError):
        await place.vault.create_upload_session("/", place.part)
