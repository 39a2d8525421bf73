"""Creating upload sessions where there may be no room: who waits, for how long, and who is refused at once."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import anyio
import pytest
from hypothesis import given, strategies as st

from asyncup.bulk.lanes.session_room import SessionRoom
from asyncup.errors import VaultError
from asyncup.protocol.responses import UploadSession
from asyncup.protocol.retry import RetryPolicy
from asyncup.vault.client import Vault
from tests.fakes.memory_vault import Endpoint, MemoryVault, raw, refused

FULL = "OPERATION_NOT_ALLOWED"
"""What the Vault in memory says to one session too many."""


def creating(vault: Vault, path: str = "/u1/f") -> Callable[[], Awaitable[UploadSession]]:
    return lambda: vault.create_upload_session(path, 1000, overwrite=False)


class Told:
    """What a lane is told while it waits."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def __call__(self, refusal: VaultError, refusals: int, pause_s: float) -> None:
        self.pauses.append(pause_s)
        assert refusals == len(self.pauses)
        assert refusal.message


@given(st.integers(0, 31), st.booleans())
async def test_who_sees_only_his_own_waits_until_there_is_room(refusals: int, holds_one: bool) -> None:
    memory, told = MemoryVault(), Told()
    if holds_one:
        memory.open_session("/u1/mine", 10)
    memory.fail(Endpoint.CREATE_SESSION, *[refused(FULL)] * refusals)
    async with memory.vault() as vault:
        session = await SessionRoom(vault).create(creating(vault), told)
    assert session.id in memory.sessions
    assert told.pauses == [min(10.0 * n, 60.0) for n in range(1, refusals + 1)]
    assert memory.waited[-len(told.pauses) :] == told.pauses or not refusals
    memory.assert_clean()


async def test_it_waits_for_ever_while_all_are_seen_to_be_in_use() -> None:
    memory, told = MemoryVault(), Told()
    memory.limits = replace(memory.limits, max_upload_sessions=2)
    others = [memory.open_session(f"/u1/{n}", 10) for n in range(2)]
    memory.sessions[others[0]].owner = 7

    def told_often(refusal: VaultError, refusals: int, pause_s: float) -> None:
        told(refusal, refusals, pause_s)
        if refusals == 100:
            del memory.sessions[others[0]]

    async with memory.vault() as vault:
        await SessionRoom(vault).create(creating(vault), told_often)
    assert len(told.pauses) == 100


@pytest.mark.parametrize("error_type", ["INVALID_DATA", "INSUFFICIENT_ACCESS", "ITEM_NAME_EXISTS"])
async def test_what_is_about_the_file_is_refused_at_once(error_type: str) -> None:
    memory, told = MemoryVault(), Told()
    memory.fail(Endpoint.CREATE_SESSION, refused(error_type))
    async with memory.vault() as vault:
        with pytest.raises(VaultError) as caught:
            await SessionRoom(vault).create(creating(vault), told)
    assert caught.value.error_type == error_type
    assert not told.pauses


async def test_invalid_data_is_about_room_when_there_is_none() -> None:
    memory, told = MemoryVault(), Told()
    memory.limits = replace(memory.limits, max_upload_sessions=1)
    held = memory.open_session("/u1/held", 10)
    memory.fail(Endpoint.CREATE_SESSION, refused("INVALID_DATA"))
    async with memory.vault() as vault:

        def leave(refusal: VaultError, refusals: int, pause_s: float) -> None:
            told(refusal, refusals, pause_s)
            del memory.sessions[held]

        await SessionRoom(vault).create(creating(vault), leave)
    assert told.pauses == [10.0]


async def test_who_sees_that_there_is_room_does_not_wait() -> None:
    memory, told = MemoryVault(), Told()
    memory.sessions[memory.open_session("/u1/a", 10)].owner = 7
    memory.open_session("/u1/b", 10)
    memory.fail(Endpoint.CREATE_SESSION, refused(FULL))
    async with memory.vault() as vault:
        with pytest.raises(VaultError):
            await SessionRoom(vault).create(creating(vault), told)
    assert not told.pauses


async def test_what_may_pass_by_itself_is_not_waited_for_here() -> None:
    memory, told = MemoryVault(), Told()
    memory.fail(Endpoint.CREATE_SESSION, raw(503, "<html>"))
    async with memory.vault(retry=RetryPolicy(max_attempts=1)) as vault:
        with pytest.raises(VaultError):
            await SessionRoom(vault).create(creating(vault), told)
    assert not told.pauses


async def test_after_half_an_hour_it_was_about_the_file_and_the_next_one_need_not_wait() -> None:
    memory, told, later = MemoryVault(), Told(), Told()
    async with memory.vault() as vault:
        room = SessionRoom(vault)
        memory.fail(Endpoint.CREATE_SESSION, refused(FULL))

        def another_is_let_in(refusal: VaultError, refusals: int, pause_s: float) -> None:
            told(refusal, refusals, pause_s)
            memory.fail(Endpoint.CREATE_SESSION, refused(FULL), nth=2 if refusals == 1 else 1)

        async def let_in() -> None:
            await room.create(creating(vault, "/u1/other"), later)

        async def refused_ever_again() -> UploadSession:
            if len(told.pauses) == 1:
                await let_in()
            return await creating(vault)()

        with pytest.raises(VaultError):
            await room.create(refused_ever_again, another_is_let_in)
        assert sum(told.pauses) == pytest.approx(1800.0, rel=0.1)
        memory.fail(Endpoint.CREATE_SESSION, refused(FULL))
        with pytest.raises(VaultError):
            await room.create(creating(vault), later)
        assert not later.pauses


async def test_while_nobody_is_let_in_each_file_waits_its_time() -> None:
    memory, told = MemoryVault(), Told()
    memory.fail(Endpoint.CREATE_SESSION, *[refused(FULL)] * 64)
    async with memory.vault() as vault:
        room = SessionRoom(vault)
        for files in (1, 2):
            one = Told()
            with pytest.raises(VaultError):
                await room.create(creating(vault), one)
            assert len(one.pauses) == 31, files
        await room.create(creating(vault), told)
    memory.assert_clean()


async def test_an_answer_that_was_about_room_once_is_believed_for_longer() -> None:
    memory, told = MemoryVault(), Told()
    memory.fail(Endpoint.CREATE_SESSION, refused(FULL))
    async with memory.vault() as vault:
        room = SessionRoom(vault)
        await room.create(creating(vault, "/u1/a"), told)
        memory.fail(Endpoint.CREATE_SESSION, *[refused(FULL)] * 300)
        with pytest.raises(VaultError):
            await room.create(creating(vault, "/u1/b"), (many := Told()))
    assert sum(many.pauses) == pytest.approx(4 * 3600.0, rel=0.1)


async def test_invalid_data_that_was_about_room_once_is_not_ever_after() -> None:
    memory, told = MemoryVault(), Told()
    memory.limits = replace(memory.limits, max_upload_sessions=1)
    held = memory.open_session("/u1/held", 10)
    async with memory.vault() as vault:
        room = SessionRoom(vault)
        memory.fail(Endpoint.CREATE_SESSION, refused("INVALID_DATA"))

        def leave(refusal: VaultError, refusals: int, pause_s: float) -> None:
            told(refusal, refusals, pause_s)
            del memory.sessions[held]

        await room.create(creating(vault), leave)
        memory.sessions.clear()
        memory.fail(Endpoint.CREATE_SESSION, refused("INVALID_DATA"))
        with pytest.raises(VaultError):
            await room.create(creating(vault, "/u1/bad"), (later := Told()))
    assert not later.pauses


async def test_many_lanes_wait_side_by_side() -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.CREATE_SESSION, *[refused(FULL)] * 20)
    async with memory.vault() as vault, anyio.create_task_group() as lanes:
        room = SessionRoom(vault)
        for number in range(5):
            lanes.start_soon(room.create, creating(vault, f"/u1/f{number}"), Told())
    assert len(memory.sessions) == 5
