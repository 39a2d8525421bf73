"""Doubts: each change with each lost or unclear answer is done once, never twice, or fails with its doubt said.

The matrix below is generated: every change x every pair of faults, which also meets a fault while it is settled.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from asyncup import PasswordLogin, Vault
from asyncup.errors import AsyncupError, ItemExists, LoginError, UploadSessionNotFound, VaultError
from asyncup.protocol.responses import UploadSession
from asyncup.vault.reconcile import find_created_file
from tests.fakes.memory_body import MemoryBody
from tests.fakes.memory_vault import (
    PASSWORD,
    TOKEN,
    USER,
    Endpoint,
    Fault,
    MemoryVault,
    broken_off,
    do,
    login_expires,
    lost_after,
    lost_before,
    raw,
    refused,
    unreachable,
)

CONTENT = b"x" * 300
BODY = MemoryBody(CONTENT)
EXCEPTION = '{"responseStatus": "EXCEPTION"}'

FAULTS: dict[str, Callable[[], Fault]] = {
    "lost before": lost_before,
    "lost after": lost_after,
    "unreachable": unreachable,
    "broken off": lambda: broken_off(after=100),
    "500 before": lambda: raw(500),
    "500 after": lambda: raw(500, done=True),
    "503": lambda: raw(503),
    "page of a proxy after": lambda: raw(200, "<html>", done=True),
    "half an answer after": lambda: raw(200, '{"responseStatus": "SUCC', done=True),
    "fault of vault before": lambda: raw(200, EXCEPTION),
    "fault of vault after": lambda: raw(200, EXCEPTION, done=True),
    "success without data after": lambda: raw(200, '{"responseStatus": "SUCCESS"}', done=True),
    "busy": lambda: refused("OPERATION_IN_PROGRESS"),
}


@dataclass(frozen=True)
class Change:
    """Something that is done in Vault.

    Attributes:
        endpoint: where it is asked for.
        settled_by: the first question of its settlement.
        prepare: makes what it needs; returns what the call is given.
        call: asks for it.
        check: looks whether it is done, exactly once.
    """

    endpoint: Endpoint
    settled_by: Endpoint
    prepare: Callable[[MemoryVault], str]
    call: Callable[[Vault, str], Awaitable[object]]
    check: Callable[[MemoryVault, object], bool]


def full_session(memory: MemoryVault) -> str:
    return memory.open_session("/u1/a.bin", 1500, b"y" * 1000, b"z" * 500)


def an_older_file(memory: MemoryVault) -> str:
    memory.items["/u1/a.bin"] = b"o" * 300
    return ""


async def commit(vault: Vault, session_id: str) -> int | None:
    return await vault.commit_upload_session(await vault.upload_session(session_id))


def one_session(memory: MemoryVault, result: object) -> bool:
    assert isinstance(result, UploadSession)
    return list(memory.sessions) == [result.id] and memory.sessions[result.id].path == "/u1/a.bin"


def one_file(memory: MemoryVault) -> str:
    memory.items["/u1/a.bin"] = CONTENT
    return ""


CHANGES = {
    "create session": Change(
        Endpoint.CREATE_SESSION,
        Endpoint.LIST_SESSIONS,
        lambda memory: "",
        lambda vault, _: vault.create_upload_session("/u1/a.bin", 1500),
        one_session,
    ),
    "commit": Change(
        Endpoint.COMMIT,
        Endpoint.SESSION_DETAILS,
        full_session,
        commit,
        lambda memory, result: not memory.sessions and len(memory.jobs) == 1 and (result in (None, *memory.jobs)),
    ),
    "abort": Change(
        Endpoint.ABORT,
        Endpoint.SESSION_DETAILS,
        full_session,
        lambda vault, session_id: vault.abort_upload_session(session_id),
        lambda memory, result: not memory.sessions and not memory.jobs,
    ),
    "create file": Change(
        Endpoint.CREATE_ITEM,
        Endpoint.LIST_ITEMS,
        lambda memory: "",
        lambda vault, _: vault.create_file("/u1/a.bin", BODY, BODY.md5),
        lambda memory, result: memory.items == {"/u1/a.bin": CONTENT},
    ),
    "create file, overwriting": Change(
        Endpoint.CREATE_ITEM,
        Endpoint.LIST_ITEMS,
        an_older_file,
        lambda vault, _: vault.create_file("/u1/a.bin", BODY, BODY.md5, overwrite=True),
        lambda memory, result: memory.items == {"/u1/a.bin": CONTENT},
    ),
    "create folder": Change(
        Endpoint.CREATE_ITEM,
        Endpoint.LIST_ITEMS,
        lambda memory: "",
        lambda vault, _: vault.create_folder("/u1/b"),
        lambda memory, result: "/u1/b" in memory.folders,
    ),
    "move": Change(
        Endpoint.MOVE_ITEM,
        Endpoint.LIST_ITEMS,
        one_file,
        lambda vault, _: vault.move_item("/u1/a.bin", parent="/u1/", name="b.bin"),
        lambda memory, result: memory.items == {"/u1/b.bin": CONTENT},
    ),
    "delete": Change(
        Endpoint.DELETE_ITEM,
        Endpoint.LIST_ITEMS,
        one_file,
        lambda vault, _: vault.delete_item("u1/a.bin"),
        lambda memory, result: memory.items == {},
    ),
}


@pytest.mark.parametrize("first", FAULTS)
@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_is_done_once_whatever_is_lost(name: str, first: str) -> None:
    for second in ["nothing more", *FAULTS]:
        change, memory = CHANGES[name], MemoryVault()
        given = change.prepare(memory)
        memory.fail(change.endpoint, FAULTS[first]())
        if second in FAULTS and not first.endswith("after"):
            memory.fail(change.endpoint, FAULTS[second](), nth=2)
        async with memory.vault() as vault:
            result = await change.call(vault, given)
        assert change.check(memory, result), f"{first}, then {second}"
        assert memory.effects.count(change.endpoint) == 1, f"done once, never twice: {first}, then {second}"
        memory.assert_clean()


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("first", ["lost before", "lost after"])
@pytest.mark.parametrize("second", ["lost before", "500 before", "503", "busy", "unreachable"])
async def test_a_question_that_settles_is_itself_asked_again(name: str, first: str, second: str) -> None:
    change, memory = CHANGES[name], MemoryVault()
    given = change.prepare(memory)
    memory.fail(change.endpoint, FAULTS[first]())
    asked_before = 1 if name == "commit" else 0
    memory.fail(change.settled_by, FAULTS[second](), nth=1 + asked_before)
    async with memory.vault() as vault:
        result = await change.call(vault, given)
    assert change.check(memory, result)
    assert memory.effects.count(change.endpoint) == 1
    memory.assert_clean()


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("done", [False, True])
async def test_nothing_is_repeated_when_vault_cannot_be_asked(name: str, done: bool) -> None:
    change, memory = CHANGES[name], MemoryVault()
    given = change.prepare(memory)
    memory.fail(change.endpoint, lost_after() if done else lost_before())
    asked_before = 1 if name == "commit" else 0
    memory.fail(change.settled_by, *[lost_before()] * 6, nth=1 + asked_before)
    async with memory.vault() as vault:
        with pytest.raises(AsyncupError):
            await change.call(vault, given)
    assert memory.count(change.endpoint) == 1
    assert memory.effects.count(change.endpoint) == int(done)
    memory.assert_clean()


@pytest.mark.parametrize("name", CHANGES)
async def test_a_login_that_expires_while_settling_is_renewed(name: str) -> None:
    change, memory = CHANGES[name], MemoryVault()
    given = change.prepare(memory)
    memory.fail(change.endpoint, lost_after())
    asked_before = 1 if name == "commit" else 0
    memory.fail(change.settled_by, login_expires(), nth=1 + asked_before)
    async with memory.vault(PasswordLogin(USER, PASSWORD)) as vault:
        result = await change.call(vault, given)
    assert change.check(memory, result)
    assert memory.effects.count(change.endpoint) == 1
    assert memory.effects.count(Endpoint.LOG_IN) == 2


@pytest.mark.parametrize("name", CHANGES)
async def test_attempts_are_bounded(name: str) -> None:
    change, memory = CHANGES[name], MemoryVault()
    given = change.prepare(memory)
    memory.fail(change.endpoint, *[lost_before()] * 6)
    async with memory.vault() as vault:
        with pytest.raises(AsyncupError) as last:
            await change.call(vault, given)
    assert memory.count(change.endpoint) == 6
    assert memory.effects == []
    assert last.value.attempts == 6
    memory.assert_clean()


@pytest.mark.parametrize("name", CHANGES)
async def test_a_definite_refusal_is_not_asked_about(name: str) -> None:
    change, memory = CHANGES[name], MemoryVault()
    given = change.prepare(memory)
    memory.fail(change.endpoint, refused("OPERATION_NOT_ALLOWED"))
    asked_before = 1 if name == "commit" else 0
    async with memory.vault() as vault:
        with pytest.raises(VaultError, match="OPERATION_NOT_ALLOWED"):
            await change.call(vault, given)
    assert memory.count(change.endpoint) == 1
    assert memory.count(change.settled_by) == asked_before


# Which upload session is the lost one


async def created_after_loss(memory: MemoryVault) -> UploadSession:
    memory.fail(Endpoint.CREATE_SESSION, lost_after())
    async with memory.vault() as vault:
        return await vault.create_upload_session("/u1/a.bin", 1500)


async def test_only_an_empty_session_for_the_same_file_is_the_lost_one() -> None:
    memory = MemoryVault(page_size=2)
    others = [
        memory.open_session("/u1/b.bin", 1500),
        memory.open_session("/u1/a.bin", 1501),
        memory.open_session("/u1/a.bin", 1500, b"y" * 1000),
        memory.open_session("/u1/a.bi", 1500),
    ]
    session = await created_after_loss(memory)
    assert session.id not in others
    assert len(memory.sessions) == 5
    assert memory.effects == [Endpoint.CREATE_SESSION]


@pytest.mark.parametrize("who_is_told", [True, False])
async def test_a_session_of_another_user_is_not_the_lost_one(who_is_told: bool) -> None:
    memory = MemoryVault()
    theirs = {"id": "theirs", "path": "/u1/a.bin", "size": 1500, "uploaded": 0, "uploaded_parts": 0, "owner": 7}
    memory.fail(Endpoint.CREATE_SESSION, lost_before())
    memory.fail(Endpoint.LIST_SESSIONS, raw(200, json.dumps({"responseStatus": "SUCCESS", "data": [theirs]})))
    if not who_is_told:
        memory.fail(Endpoint.WHO_AM_I, refused("METHOD_NOT_SUPPORTED"))
    async with memory.vault() as vault:
        session = await vault.create_upload_session("/u1/a.bin", 1500)
    # Only its owner may upload into a session; a Vault that does not say who we are leaves the guess as it was.
    assert (session.id == "theirs") == (not who_is_told)
    assert memory.count(Endpoint.WHO_AM_I) == 1
    assert len(memory.sessions) == int(who_is_told)
    memory.assert_clean()


async def test_a_login_that_ends_while_the_owner_is_asked_for_is_said_later() -> None:
    """Otherwise the session that was made would be left behind without anybody's knowing its name."""
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_SESSION, lost_after())
    memory.fail(Endpoint.WHO_AM_I, login_expires())
    async with memory.vault() as vault:
        session = await vault.create_upload_session("/u1/a.bin", 1500)
        with pytest.raises(LoginError):
            await vault.upload_session(session.id)
    assert memory.count(Endpoint.CREATE_SESSION) == 1


async def test_of_several_the_newest_is_the_lost_one() -> None:
    memory = MemoryVault()
    old = memory.open_session("/u1/a.bin", 1500)
    session = await created_after_loss(memory)
    assert session.id != old
    assert memory.count(Endpoint.CREATE_SESSION) == 1


# Which file is the lost one


@pytest.mark.parametrize("there", [b"o" * 300, b"x" * 299, b"x" * 301, b""])
async def test_a_file_with_other_bytes_is_not_ours(there: bytes) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_ITEM, lost_before())
    memory.items["/u1/a.bin"] = there
    async with memory.vault() as vault:
        with pytest.raises(ItemExists):
            await vault.create_file("/u1/a.bin", BODY, BODY.md5)
    assert memory.items == {"/u1/a.bin": there}
    assert memory.effects == []


async def test_an_empty_file_is_found_without_reading_it() -> None:
    memory, empty = MemoryVault(), MemoryBody(b"")
    memory.fail(Endpoint.CREATE_ITEM, lost_after())
    async with memory.vault() as vault:
        item = await vault.create_file("/u1/a.bin", empty, empty.md5)
    assert (item.path, item.size) == ("/u1/a.bin", 0)
    assert memory.count(Endpoint.DOWNLOAD) == 0
    assert memory.effects == [Endpoint.CREATE_ITEM]


async def test_a_folder_of_that_name_is_no_file() -> None:
    memory = MemoryVault()
    memory.folders.add("/u1/a.bin")
    memory.fail(Endpoint.CREATE_ITEM, lost_before())
    async with memory.vault() as vault:
        with pytest.raises(ItemExists):
            await vault.create_file("/u1/a.bin", BODY, BODY.md5)


async def test_a_folder_that_is_not_there_holds_no_file() -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_ITEM, lost_before())
    async with memory.vault() as vault:
        with pytest.raises(VaultError, match="parent folder"):
            await vault.create_file("/u2/a.bin", BODY, BODY.md5)
    assert memory.count(Endpoint.CREATE_ITEM) == 2
    assert memory.count(Endpoint.LIST_ITEMS) == 2, "once for the doubt, once because a refusal may be its echo"


async def test_a_folder_that_may_not_be_seen_is_said() -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_ITEM, lost_after())
    memory.fail(Endpoint.LIST_ITEMS, refused("INSUFFICIENT_ACCESS"))
    async with memory.vault() as vault:
        with pytest.raises(VaultError, match="INSUFFICIENT_ACCESS"):
            await vault.create_file("/u1/a.bin", BODY, BODY.md5)
    assert memory.count(Endpoint.CREATE_ITEM) == 1


async def test_a_login_that_is_refused_while_the_folder_is_listed_proves_nothing() -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_ITEM, lost_before())
    memory.fail(Endpoint.LIST_ITEMS, login_expires())
    memory.fail(Endpoint.LOG_IN, raw(404), nth=2)
    async with memory.vault(PasswordLogin(USER, PASSWORD)) as vault:
        with pytest.raises(VaultError, match="logging in"):
            await vault.create_file("/u1/a.bin", BODY, BODY.md5)
    assert memory.count(Endpoint.CREATE_ITEM) == 1


@pytest.mark.parametrize(("content", "found"), [(CONTENT, True), (b"o" * 300, False), (b"x", False), (None, False)])
async def test_a_file_can_be_looked_for_by_its_bytes(content: bytes | None, found: bool) -> None:
    memory = MemoryVault()
    if content is not None:
        memory.items["/u1/a.bin"] = content
    async with memory.vault() as vault:
        item = await vault.find_file("/u1/a.bin", len(CONTENT), BODY.md5)
    assert (item is not None) == found


# Which commit was taken


@pytest.mark.parametrize("gone_error", ["INVALID_DATA", "OPERATION_NOT_ALLOWED", "MALFORMED_URL", "SOMETHING_NEW"])
async def test_a_commit_whose_file_appears_late_was_taken(gone_error: str) -> None:
    memory = MemoryVault(job_takes_s=35, gone_error=gone_error)
    session_id = full_session(memory)
    memory.fail(Endpoint.COMMIT, lost_after())
    async with memory.vault() as vault:
        assert await commit(vault, session_id) is None
    assert "/u1/a.bin" in memory.items
    assert memory.waited == [10.0] * 4
    assert memory.count(Endpoint.COMMIT) == 1


async def test_a_commit_whose_file_never_appears_is_an_error_within_a_minute() -> None:
    memory = MemoryVault(job_ending="ERRORS_ENCOUNTERED")
    session_id = full_session(memory)
    memory.fail(Endpoint.COMMIT, lost_after())
    async with memory.vault() as vault:
        with pytest.raises(UploadSessionNotFound):
            await commit(vault, session_id)
    assert sum(memory.waited) <= 60
    assert memory.items == {}


async def test_a_file_of_another_size_proves_nothing() -> None:
    memory = MemoryVault(job_ending="ERRORS_ENCOUNTERED")
    session_id = full_session(memory)
    memory.items["/u1/a.bin"] = b"x" * 1499
    memory.fail(Endpoint.COMMIT, lost_after())
    async with memory.vault() as vault:
        with pytest.raises(UploadSessionNotFound):
            await commit(vault, session_id)


async def test_the_file_that_was_there_before_proves_nothing() -> None:
    memory = MemoryVault(job_ending="ERRORS_ENCOUNTERED")
    session_id = memory.open_session("/u1/a.bin", 1500, b"y" * 1000, b"z" * 500, overwrite=True)
    memory.items["/u1/a.bin"] = b"o" * 1500
    memory.fail(Endpoint.COMMIT, lost_after())
    async with memory.vault() as vault:
        with pytest.raises(UploadSessionNotFound):
            await commit(vault, session_id)
    assert memory.items == {"/u1/a.bin": b"o" * 1500}


async def test_a_file_without_a_date_is_taken_by_its_size() -> None:
    memory = MemoryVault()
    session_id = full_session(memory)
    memory.fail(Endpoint.COMMIT, lost_after())
    row = {"kind": "file", "path": "/u1/a.bin", "size": 1500}
    memory.fail(Endpoint.LIST_ITEMS, raw(200, json.dumps({"responseStatus": "SUCCESS", "data": [row]})))
    async with memory.vault() as vault:
        assert await commit(vault, session_id) is None
    assert memory.waited == []


async def test_a_session_without_a_path_proves_nothing() -> None:
    memory = MemoryVault()
    session_id = full_session(memory)
    memory.fail(Endpoint.COMMIT, lost_after())
    async with memory.vault() as vault:
        session = dataclasses.replace(await vault.upload_session(session_id), path=None)
        with pytest.raises(UploadSessionNotFound):
            await vault.commit_upload_session(session)
    assert memory.count(Endpoint.LIST_ITEMS) == 0


async def test_a_session_that_somebody_aborted_was_not_committed() -> None:
    memory = MemoryVault()
    session_id = full_session(memory)
    memory.fail(Endpoint.COMMIT, lost_before())
    memory.fail(Endpoint.SESSION_DETAILS, do(lambda vault: vault.sessions.clear()), nth=2)
    async with memory.vault() as vault:
        with pytest.raises(UploadSessionNotFound):
            await commit(vault, session_id)
    assert memory.effects == []


@pytest.mark.parametrize("name", ["commit", "abort"])
async def test_a_vault_that_is_closed_proves_nothing(name: str) -> None:
    change, memory = CHANGES[name], MemoryVault()
    given = change.prepare(memory)
    memory.fail(change.endpoint, lost_before())
    asked_before = 1 if name == "commit" else 0
    memory.fail(Endpoint.SESSION_DETAILS, refused("CONFIGURATION_MODE_ENABLED"), nth=1 + asked_before)
    async with memory.vault() as vault:
        with pytest.raises(VaultError, match="CONFIGURATION_MODE_ENABLED") as closed:
            await change.call(vault, given)
    assert not isinstance(closed.value, UploadSessionNotFound)
    assert len(memory.sessions) == 1


@pytest.mark.parametrize("name", ["commit", "abort"])
async def test_a_login_that_is_refused_while_settling_proves_nothing(name: str) -> None:
    change, memory = CHANGES[name], MemoryVault()
    given = change.prepare(memory)
    memory.fail(change.endpoint, lost_before())
    asked_before = 1 if name == "commit" else 0
    memory.fail(Endpoint.SESSION_DETAILS, login_expires(), nth=1 + asked_before)
    memory.fail(Endpoint.LOG_IN, raw(404), nth=2)
    async with memory.vault(PasswordLogin(USER, PASSWORD)) as vault:
        with pytest.raises(VaultError, match="logging in") as refused_:
            await change.call(vault, given)
    assert not isinstance(refused_.value, UploadSessionNotFound)
    assert len(memory.sessions) == 1
    assert TOKEN not in str(refused_.value)


# Which folder, which move, which deletion


async def test_a_file_of_that_name_is_not_the_lost_folder() -> None:
    memory = MemoryVault()
    memory.items["/u1/b"] = b"x"
    memory.fail(Endpoint.CREATE_ITEM, lost_before())
    async with memory.vault() as vault:
        with pytest.raises(ItemExists):
            await vault.create_folder("/u1/b")
    assert memory.effects == []


@pytest.mark.parametrize("name", ["move", "delete"])
async def test_a_listing_that_is_refused_proves_no_deletion(name: str) -> None:
    change, memory = CHANGES[name], MemoryVault()
    change.prepare(memory)
    memory.fail(change.endpoint, lost_before())
    memory.fail(Endpoint.LIST_ITEMS, refused("INVALID_DATA"))
    async with memory.vault() as vault:
        with pytest.raises(VaultError, match="listing a folder"):
            await change.call(vault, "")
    assert memory.items == {"/u1/a.bin": CONTENT}
    assert memory.count(change.endpoint) == 1


async def test_a_move_whose_item_is_in_neither_place_is_no_success() -> None:
    memory = MemoryVault()
    memory.items["/u1/a.bin"] = CONTENT
    memory.fail(Endpoint.MOVE_ITEM, lost_before())
    memory.fail(Endpoint.LIST_ITEMS, do(lambda held: held.items.clear()))
    async with memory.vault() as vault:
        with pytest.raises(VaultError, match="no item"):
            await vault.move_item("/u1/a.bin", name="b.bin")
    assert memory.count(Endpoint.MOVE_ITEM) == 2


async def test_a_move_onto_what_is_there_is_refused_after_a_doubt_too() -> None:
    memory = MemoryVault()
    memory.items |= {"/u1/a.bin": CONTENT, "/u1/b.bin": b"other"}
    memory.fail(Endpoint.MOVE_ITEM, lost_before(), refused("ITEM_NAME_EXISTS"))
    async with memory.vault() as vault:
        with pytest.raises(ItemExists):
            await vault.move_item("/u1/a.bin", name="b.bin")
    assert memory.items == {"/u1/a.bin": CONTENT, "/u1/b.bin": b"other"}


async def test_a_folder_is_looked_through_no_further_than_to_the_item() -> None:
    memory = MemoryVault(page_size=2)
    memory.items |= {f"/u1/{number}": b"%d" % number for number in range(10)}
    async with memory.vault() as vault:
        found = await find_created_file(vault, "/u1/5", 1, MemoryBody(b"5", 1).md5)
    assert found is not None
    assert found.path == "/u1/5"
    assert memory._counts[Endpoint.LIST_ITEMS] == 3
