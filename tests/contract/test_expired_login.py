"""A login that ends in the middle: at every request of an upload once, and under several lanes at once.

The number of requests comes from an undisturbed run; then there is one run for each of them. The emulator's log shows
that there was one login more, no matter where, and that nothing was done twice that need not be.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import pytest

from asyncup import PasswordLogin, UploadOptions, Vault, upload, upload_file
from asyncup.emulator import PROFILES, Do, Endpoint, Fault, RunningEmulator
from tests.contract.place import BytesBody
from tests.contract.targets import ADMIN, emulated_vault, scaled

PART = 4096
CONTENT = bytes(range(256)) * 80  # five parts
DESTINATION = "/u11/folder/inner/a.bin"
OPTIONS = UploadOptions(part_size=PART, small_file_max=0)

Upload = Callable[[Vault, Path], Awaitable[None]]


async def through_a_new_session(vault: Vault, path: Path) -> None:
    await upload_file(path, DESTINATION, vault=vault, options=OPTIONS)


async def in_one_request(vault: Vault, path: Path) -> None:
    await upload_file(path, DESTINATION, vault=vault)


async def into_a_begun_session(vault: Vault, path: Path) -> None:
    await vault.folders.ensure("/u11/folder/inner")
    session = await vault.create_upload_session(DESTINATION, len(CONTENT))
    await vault.put_part(session.id, 1, BytesBody(CONTENT[:PART]))
    await upload(path, session.id, vault=vault, commit=True, options=OPTIONS)


@asynccontextmanager
async def logged_out_vault(profile: str) -> AsyncIterator[tuple[RunningEmulator, Vault]]:
    login = PasswordLogin(ADMIN.name, ADMIN.password)
    # A job that runs longer than until the first question, so that there is a second.
    switches = replace(scaled(PROFILES[profile]), job_duration_s=3.0)
    async with emulated_vault(switches, login=login) as both:
        yield both


def endpoints(emulator: RunningEmulator) -> list[str]:
    return [str(seen.endpoint) for seen in emulator.seen]


@pytest.mark.parametrize("profile", ["default", "bare-401", "early-refusals"])
@pytest.mark.parametrize(
    ("run", "least"),
    [(through_a_new_session, 12), (in_one_request, 3), (into_a_begun_session, 13)],
    ids=["new-session", "one-request", "begun-session"],
)
async def test_the_upload_succeeds_with_one_login_more_wherever_the_login_ends(
    profile: str, run: Upload, least: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(CONTENT)
    async with logged_out_vault(profile) as (emulator, vault):
        await run(vault, path)
        undisturbed = endpoints(emulator)
    assert undisturbed[0] == Endpoint.AUTH
    assert undisturbed.count(Endpoint.AUTH) == 1
    assert len(undisturbed) > least

    for index in range(1, len(undisturbed)):
        expires = Fault(do=Do.EXPIRE_LOGIN, nth=index)  # logging in is not counted: no login can end there
        async with logged_out_vault(profile) as (emulator, vault):
            emulator.add_faults(expires)
            await run(vault, path)
            emulator.faults.check_consumed()
            assert emulator.stored(DESTINATION).read_bytes() == CONTENT, index
            # The refused request, a login, the request again: else the same as undisturbed.
            struck = undisturbed[index]
            expected = [*undisturbed[:index], struck, Endpoint.AUTH, *undisturbed[index:]]
            assert endpoints(emulator) == expected, index
            assert emulator.seen[index].error_type == "INVALID_SESSION_ID"
            assert emulator.sessions == []


@pytest.mark.parametrize("profile", ["default", "bare-401", "early-refusals"])
async def test_one_login_serves_all_lanes(profile: str, tmp_path: Path) -> None:
    lanes = 6
    path = tmp_path / "a.bin"
    path.write_bytes(CONTENT)
    async with logged_out_vault(profile) as (emulator, vault):
        # The new login is slow, so that every lane meets the end of the old one meanwhile.
        emulator.add_faults(
            Fault(do=Do.EXPIRE_LOGIN, endpoint=Endpoint.PUT_PART, part=3),
            Fault(do=Do.DELAY, endpoint=Endpoint.AUTH, nth=2, seconds=0.3),
        )
        async with anyio.create_task_group() as tasks:
            for lane in range(lanes):
                tasks.start_soon(
                    partial(upload_file, path, f"/u11/{lane}.bin", vault=vault, options=OPTIONS),
                )
        emulator.faults.check_consumed()
        refused = [seen for seen in emulator.seen if seen.error_type == "INVALID_SESSION_ID"]
        assert 2 <= len(refused) <= lanes
        assert endpoints(emulator).count(Endpoint.AUTH) == 2
        for lane in range(lanes):
            assert emulator.stored(f"/u11/{lane}.bin").read_bytes() == CONTENT
        assert emulator.sessions == []
