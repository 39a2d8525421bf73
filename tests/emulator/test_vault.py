"""Rules that span sessions, items and users."""

from typing import Literal

import pytest

from asyncup.emulator import EmulatorConfig, Switches, User
from asyncup.emulator.jobs import DeleteItem, MoveItem
from asyncup.emulator.refusal import Refusal
from asyncup.emulator.uploads import Part, UploadSession
from asyncup.emulator.vault import VaultModel, upload_facts
from tests.emulator.plain_vault import Whatever

ADMIN, MEMBER = User("admin", "p", 1), User("member", "p", 42, "member")


def model(**changes: Whatever) -> VaultModel:
    return VaultModel(EmulatorConfig(users=(ADMIN, MEMBER), switches=Switches(**changes)))


def create(
    vault: VaultModel, path: str = "/a", size: int = 5, user: User = MEMBER, **changes: Whatever
) -> UploadSession:
    options = {"overwrite": False, "now": 100.0, "new_id": f"id{len(vault.uploads)}", **changes}
    return vault.create_upload(user, path, size, **options)


def fill(upload: UploadSession) -> None:
    upload.hold(Part(1, upload.size, "0" * 32), 101.0, Switches())


def test_a_new_session_lives_72_hours_from_its_creation() -> None:
    vault = model()
    upload = create(vault, "a.bin")
    assert upload.path == "/u42/a.bin"
    facts = upload_facts(upload, "/a.bin", few=False)
    assert facts["created_date"] == facts["last_uploaded_date"] == "1970-01-01T00:01:40.000Z"
    assert facts["expiration_date"] == "1970-01-04T00:01:40.000Z"
    assert vault.expire(100.0 + 72 * 3600 - 1) == []
    assert vault.expire(100.0 + 72 * 3600) == ["id0"]
    assert vault.uploads == {}


def test_the_few_fields_of_the_samples() -> None:
    facts = upload_facts(create(model()), "/a", few=True)
    assert "name" not in facts
    assert "overwrite" not in facts


@pytest.mark.parametrize("path", ["/", "", "/folder/"])
def test_a_session_needs_a_file_name(path: str) -> None:
    with pytest.raises(Refusal, match="file name"):
        create(model(), path)


def test_sizes() -> None:
    with pytest.raises(Refusal, match="EXCEEDS_FILE_MAX_SIZE"):
        create(model(), size=500 * 10**9 + 1)
    assert create(model(), size=500 * 10**9).size == 500 * 10**9
    with pytest.raises(Refusal):
        create(model(zero_size_session="refused"), size=0)
    vault = model()
    vault.commit_upload(create(vault, size=0), 100.0)


def test_fifty_sessions_for_the_whole_vault() -> None:
    vault = model()
    for number in range(50):
        create(vault, f"/{number}", user=MEMBER if number % 2 else ADMIN, new_id=str(number))
    with pytest.raises(Refusal, match="OPERATION_NOT_ALLOWED"):
        create(vault, "/more")
    vault.abort_upload(vault.uploads["0"])
    create(vault, "/more")


def test_rights() -> None:
    vault = model()
    upload = create(vault)
    assert vault.find_upload("id0", MEMBER, owner_only=True) is upload
    assert vault.find_upload("id0", ADMIN, owner_only=False) is upload
    with pytest.raises(Refusal, match="INSUFFICIENT_ACCESS"):
        vault.find_upload("id0", ADMIN, owner_only=True)
    create(vault, user=ADMIN, new_id="admins")
    with pytest.raises(Refusal, match="INSUFFICIENT_ACCESS"):
        vault.find_upload("admins", MEMBER, owner_only=False)
    assert [found.id for found in vault.uploads_for(MEMBER)] == ["id0"]
    assert len(vault.uploads_for(ADMIN)) == 2


@pytest.mark.parametrize(("stage", "fails_at"), [("create", 0), ("commit", 1), ("job", 2), ("made", None)])
def test_where_a_missing_parent_shows(stage: Literal["create", "commit", "job", "made"], fails_at: int | None) -> None:
    vault = model(session_parent=stage)
    assert failed_step(vault, "/no/such/a") == fails_at
    assert (vault.staging.find("/u42/no/such/a") is not None) == (stage == "made")


@pytest.mark.parametrize(("stage", "fails_at"), [("create", 0), ("commit", 1), ("job", 2)])
def test_where_a_collision_shows(stage: Literal["create", "commit", "job"], fails_at: int) -> None:
    vault = model(session_collision=stage)
    vault.staging.put_file("/u42/a", 1, 1.0, overwrite=False)
    assert failed_step(vault, "/a") == fails_at
    assert failed_step(vault, "/a", overwrite=True) is None


def failed_step(vault: VaultModel, path: str, *, overwrite: bool = False) -> int | None:
    """Create, commit, and what the job does: which one refuses?"""
    step = 0
    try:
        upload = create(vault, path, overwrite=overwrite)
        fill(upload)
        step = 1
        vault.commit_upload(upload, 102.0)
        step = 2
        vault.check_place(upload.path, "job", overwrite=overwrite)
        vault.place_file(upload.path, upload.size, 103.0, overwrite=overwrite)
    except Refusal:
        return step
    return None


def test_a_committed_session_is_gone_or_kept_and_never_expires() -> None:
    vault = model()
    upload = create(vault)
    fill(upload)
    vault.commit_upload(upload, 102.0)
    assert vault.uploads == {}
    vault = model(session_after_commit="until-job")
    upload = create(vault)
    fill(upload)
    vault.commit_upload(upload, 102.0)
    assert vault.expire(1e9) == []
    for again in (vault.commit_upload, lambda upload, _: vault.abort_upload(upload)):
        with pytest.raises(Refusal, match="already committed"):
            again(upload, 103.0)


def test_a_quota() -> None:
    vault = model(storage_quota_bytes=10)
    vault.place_file("/u42/x", 6, 1.0, overwrite=False)
    create(vault, size=4)
    with pytest.raises(Refusal, match="at most 10 bytes"):
        create(vault, size=5)


def test_an_item_is_busy_while_a_job_is_about_it_or_around_it() -> None:
    vault = model()
    vault.jobs.add(MoveItem("/u42/a", "/u42/b"), "PUT", 42, 0.0)
    vault.jobs.add(DeleteItem("/x", recursive=True), "DELETE", 1, 0.0).end("SUCCESS")
    busy = ["/u42/a", "/u42/a/inner", "/u42/b", "/u42", "/"]
    assert all(vault.is_busy(path) for path in busy)
    assert not any(vault.is_busy(path) for path in ["/u42/c", "/u42/ab", "/x"])
