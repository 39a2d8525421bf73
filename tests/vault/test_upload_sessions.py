"""The endpoints of upload sessions, on a Vault in memory. What becomes of lost answers is in test_reconcile."""

import pytest

from asyncup.errors import (
    AccessRefused,
    ItemExists,
    LoginError,
    SourceChanged,
    TransportError,
    UploadSessionNotFound,
    VaultError,
)
from asyncup.protocol.responses import HeldPart
from asyncup.vault.transport import Patience
from tests.fakes.memory_body import MemoryBody
from tests.fakes.memory_vault import (
    TOKEN,
    Endpoint,
    Fault,
    MemoryVault,
    broken_off,
    flipped,
    lost_after,
    lost_before,
    raw,
    refused,
)


async def test_a_session_from_its_creation_to_its_file() -> None:
    memory = MemoryVault()
    first, second = MemoryBody(b"y" * 1000), MemoryBody(b"z" * 500)
    async with memory.vault() as vault:
        session = await vault.create_upload_session("/u1/a b.bin", 1500)
        assert (session.path, session.size, session.uploaded, session.uploaded_parts) == ("/u1/a b.bin", 1500, 0, 0)
        assert await vault.put_part(session.id, 1, first) == HeldPart(1, 1000, first.md5.hex())
        await vault.put_part(session.id, 2, second, content_md5=second.md5.hex())
        assert await vault.list_parts(session.id) == [
            HeldPart(1, 1000, first.md5.hex()),
            HeldPart(2, 500, second.md5.hex()),
        ]
        held = await vault.upload_session(session.id)
        assert (held.uploaded, held.uploaded_parts) == (1500, 2)
        assert await vault.list_upload_sessions() == [held]
        job_id = await vault.commit_upload_session(held)
        assert job_id is not None
        await vault.wait_for_job(job_id)
    assert memory.items == {"/u1/a b.bin": b"y" * 1000 + b"z" * 500}
    memory.assert_clean()


async def test_a_part_is_sent_once_with_its_number_and_progress() -> None:
    memory = MemoryVault()
    session_id = memory.open_session("/u1/a", 1500)
    body = MemoryBody(b"y" * 1000, 300)
    events: list[int | str] = []
    async with memory.vault() as vault:
        await vault.put_part(
            session_id,
            1,
            body,
            content_md5=body.md5.hex(),
            patience=Patience(1, 2),
            on_started=lambda: events.append("started"),
            on_written=events.append,
            on_sent=lambda: events.append("sent"),
        )
    assert events == ["started", 300, 300, 300, 100, "sent"]
    (seen,) = memory.seen
    assert seen.headers["X-VaultAPI-FilePartNumber"] == "1"
    assert seen.headers["Content-MD5"] == body.md5.hex()
    assert seen.headers["Authorization"] == TOKEN


@pytest.mark.parametrize(
    "fault",
    [lost_before(), lost_after(), broken_off(after=300), raw(503), raw(200, "<html>"), refused("RACE_CONDITION")],
    ids=["before", "after", "broken off", "busy", "proxy", "race"],
)
async def test_repeating_a_part_is_the_senders_work(fault: Fault) -> None:
    memory = MemoryVault()
    session_id = memory.open_session("/u1/a", 1500)
    memory.fail(Endpoint.PUT_PART, fault)
    async with memory.vault() as vault:
        with pytest.raises((TransportError, VaultError)):
            await vault.put_part(session_id, 1, MemoryBody(b"y" * 1000, 100))
    assert memory.count(Endpoint.PUT_PART) == 1
    assert memory.waited == []


async def test_a_receipt_is_vaults_word_and_not_ours() -> None:
    memory = MemoryVault()
    session_id = memory.open_session("/u1/a", 1500)
    memory.fail(Endpoint.PUT_PART, flipped("store"))
    body = MemoryBody(b"y" * 1000)
    async with memory.vault() as vault:
        receipt = await vault.put_part(session_id, 1, body)
    assert (receipt.number, receipt.size) == (1, 1000)
    assert receipt.md5 != body.md5.hex()


async def test_a_source_that_changes_is_said_and_nothing_stored() -> None:
    memory = MemoryVault()
    session_id = memory.open_session("/u1/a", 1500)
    changed = SourceChanged("a", "b")
    async with memory.vault() as vault:
        with pytest.raises(SourceChanged) as raised:
            await vault.put_part(session_id, 1, MemoryBody(b"y" * 1000, 100, fails_at=500, fails_with=changed))
    assert raised.value is changed
    assert memory.sessions[session_id].parts == {}


@pytest.mark.parametrize("overwrite", [False, True])
async def test_overwriting_must_be_asked_for(overwrite: bool) -> None:
    memory = MemoryVault()
    memory.items["/u1/a"] = b"old"
    async with memory.vault() as vault:
        if overwrite:
            session = await vault.create_upload_session("/u1/a", 1500, overwrite=True)
            assert memory.sessions[session.id].overwrite
        else:
            with pytest.raises(ItemExists):
                await vault.create_upload_session("/u1/a", 1500)


async def test_the_51st_session_is_refused_at_once() -> None:
    memory = MemoryVault()
    for number in range(50):
        memory.open_session(f"/u1/{number}", 1500)
    async with memory.vault() as vault:
        with pytest.raises(VaultError, match="too many upload sessions"):
            await vault.create_upload_session("/u1/a", 1500)
    assert memory.count(Endpoint.CREATE_SESSION) == 1


@pytest.mark.parametrize(
    "fault",
    [
        refused("INVALID_DATA"),
        refused("OPERATION_NOT_ALLOWED"),
        refused("MALFORMED_URL"),
        refused("SOMETHING_NEW"),
        raw(404, "gone"),
        raw(400),
    ],
    ids=["invalid", "not allowed", "url", "new", "404", "400"],
)
async def test_whatever_vault_answers_for_a_session_that_is_gone(fault: Fault) -> None:
    memory = MemoryVault()
    session_id = "a-session-of-last-week"
    memory.fail(Endpoint.SESSION_DETAILS, fault)
    async with memory.vault() as vault:
        with pytest.raises(UploadSessionNotFound) as gone:
            await vault.upload_session(session_id)
    assert gone.value.session_id == session_id
    assert session_id in gone.value.hint
    assert isinstance(gone.value.__cause__, VaultError)
    assert gone.value.error_type == gone.value.__cause__.error_type
    assert memory.count(Endpoint.SESSION_DETAILS) == 1


@pytest.mark.parametrize("fault", [refused("MALFORMED_URL"), raw(404, "gone"), raw(400)], ids=["url", "404", "400"])
@pytest.mark.parametrize("listed", [True, False])
async def test_a_refusal_of_the_address_is_not_taken_for_a_session_that_is_gone(fault: Fault, listed: bool) -> None:
    # A wrong API version and a proxy's page refuse everything: what Vault lists tells the difference.
    memory = MemoryVault()
    session_id = memory.open_session("/u1/a", 1500)
    memory.fail(Endpoint.SESSION_DETAILS, fault)
    if not listed:
        memory.fail(Endpoint.LIST_SESSIONS, fault)
    async with memory.vault() as vault:
        with pytest.raises(VaultError) as refusal:
            await vault.upload_session(session_id)
    assert type(refusal.value) is VaultError
    memory.assert_clean()


@pytest.mark.parametrize("fault", [raw(404, "no such page"), refused("MALFORMED_URL"), refused("METHOD_NOT_SUPPORTED")])
@pytest.mark.parametrize("listing", ["shows it", "is refused too", "breaks"])
async def test_what_refuses_everything_says_nothing_of_the_session(fault: Fault, listing: str) -> None:
    memory = MemoryVault()
    session_id = memory.open_session("/u1/a", 1500)
    memory.fail(Endpoint.SESSION_DETAILS, fault)
    if listing == "is refused too":
        memory.fail(Endpoint.LIST_SESSIONS, fault)
    if listing == "breaks":
        memory.fail(Endpoint.LIST_SESSIONS, *[lost_before()] * 6)
    async with memory.vault() as vault:
        with pytest.raises((VaultError, TransportError)) as refusal:
            await vault.upload_session(session_id)
    assert not isinstance(refusal.value, UploadSessionNotFound)
    memory.assert_clean()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (refused("INSUFFICIENT_ACCESS"), AccessRefused),
        (raw(403), AccessRefused),
        (refused("INVALID_SESSION_ID"), LoginError),
        (raw(401), LoginError),
        (refused("CONFIGURATION_MODE_ENABLED"), VaultError),
    ],
    ids=["access", "403", "login", "401", "closed"],
)
async def test_what_is_not_about_the_session_says_nothing_of_it(fault: Fault, kind: type[VaultError]) -> None:
    memory = MemoryVault()
    session_id = memory.open_session("/u1/a", 1500)
    memory.fail(Endpoint.SESSION_DETAILS, fault)
    async with memory.vault() as vault:
        with pytest.raises(VaultError) as refusal:
            await vault.upload_session(session_id)
    assert type(refusal.value) is kind


@pytest.mark.parametrize("fault", [raw(503), raw(200, "<html>"), refused("UNEXPECTED_ERROR"), lost_after()], ids=str)
async def test_passing_trouble_is_not_taken_for_a_session_that_is_gone(fault: Fault) -> None:
    memory = MemoryVault()
    session_id = memory.open_session("/u1/a", 1500)
    memory.fail(Endpoint.SESSION_DETAILS, *[fault] * 6)
    async with memory.vault() as vault:
        await vault.list_upload_sessions()  # it has answered before: this is no wrong address
        with pytest.raises((VaultError, TransportError)) as trouble:
            await vault.upload_session(session_id)
        assert not isinstance(trouble.value, UploadSessionNotFound)
        assert (await vault.upload_session(session_id)).id == session_id
    memory.assert_clean()


@pytest.mark.parametrize("session_id", ["../items/u1", "a/b", "a?b", "a#b", "%2e%2e", "a b"])
async def test_an_id_is_one_segment_whatever_it_says(session_id: str) -> None:
    memory = MemoryVault()
    memory.items["/u1"] = b"important"
    async with memory.vault() as vault:
        with pytest.raises(UploadSessionNotFound):
            await vault.upload_session(session_id)
        with pytest.raises(VaultError):
            await vault.abort_upload_session(session_id)
    assert [seen.endpoint for seen in memory.seen] == [Endpoint.SESSION_DETAILS, Endpoint.ABORT]
    assert memory.items == {"/u1": b"important"}


async def test_an_abort_purges_the_parts() -> None:
    memory = MemoryVault()
    session_id = memory.open_session("/u1/a", 1500, b"y" * 1000)
    async with memory.vault() as vault:
        await vault.abort_upload_session(session_id)
        with pytest.raises(VaultError):
            await vault.abort_upload_session(session_id)
    assert memory.sessions == {}
    assert memory.effects == [Endpoint.ABORT]


# The twin of a session whose creation was not answered


async def test_a_session_that_is_made_late_is_aborted_and_no_other() -> None:
    memory = MemoryVault()
    before = memory.open_session("/u1/a", 1500, b"x" * 1000)
    memory.fail(Endpoint.CREATE_SESSION, lost_before())
    async with memory.vault() as vault:
        session = await vault.create_upload_session("/u1/a", 1500)
        late = memory.open_session("/u1/a", 1500)
        others = [
            memory.open_session("/u1/a", 1501),
            memory.open_session("/u1/b", 1500),
            memory.open_session("/u1/a", 1500, b"x" * 1000),
        ]
        await vault.abort_twin(session)
        assert set(memory.sessions) == {before, session.id, *others}, late
        again = memory.open_session("/u1/a", 1500)
        await vault.abort_twin(session)
        assert again in memory.sessions, "the doubt is settled"


@pytest.mark.parametrize("lost", [None, lost_after()])
async def test_without_a_second_creation_nothing_is_asked(lost: Fault | None) -> None:
    memory = MemoryVault()
    if lost is not None:
        memory.fail(Endpoint.CREATE_SESSION, lost)
    async with memory.vault() as vault:
        session = await vault.create_upload_session("/u1/a", 1500)
        calls = len(memory.seen)
        other = memory.open_session("/u1/a", 1500)
        await vault.abort_twin(session)
    assert set(memory.sessions) == {session.id, other}
    assert len(memory.seen) == calls
