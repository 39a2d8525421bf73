"""What the suite does to a live Vault, tried on the emulator: it stays in its own folder, and leaves nothing behind."""

from contextlib import suppress
from dataclasses import replace

import pytest

from asyncup import TokenLogin, Vault
from asyncup.emulator import EmulatorConfig, RunningEmulator, User, profile, running_emulator
from tests.contract.targets import ADMIN, MEMBER, TOKENS, live, why_not_live, with_one_login


def environment(emulator: RunningEmulator, user: User, *, by_password: bool) -> dict[str, str]:
    token = next(token for token, owner in TOKENS.items() if owner == user.id)
    login = {"USERNAME": user.name, "PASSWORD": user.password} if by_password else {"TOKEN": token}
    variables = {"DNS": emulator.url, **login}
    return {f"VEEVA_VAULT_LIVE_{name}": value for name, value in variables.items()}


@pytest.mark.parametrize(
    ("user", "by_password", "fails"),
    [(ADMIN, False, False), (MEMBER, True, True)],
    ids=["admin-by-token-passes", "member-by-password-fails"],
)
async def test_nothing_is_left_behind_and_nothing_else_is_touched(
    user: User, by_password: bool, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncup.vault.jobs._FIRST_JOB_POLL_S", 0.2)  # pauses that are for a live Vault
    monkeypatch.setattr("tests.contract.targets.BUSY_WAIT_S", 0.05)
    switches = replace(profile("quick"), job_duration_s=0.1)
    config = EmulatorConfig(users=(ADMIN, MEMBER), tokens=TOKENS, switches=switches)
    async with running_emulator(config) as emulator:
        async with Vault(emulator.url, TokenLogin("token-of-member")) as other:
            theirs = await other.create_upload_session("/theirs.bin", 10)
            await other.create_folder("/theirs")
        with suppress(ZeroDivisionError):
            async with live(environment(emulator, user, by_password=by_password)) as place:
                home = f"/u{user.id}" if user is ADMIN else ""
                assert place.folder.startswith(f"{home}/asyncup-contract-")
                await place.upload_small(place.path("a", "b.bin"), b"b")
                await place.session("c.bin", place.part)
                assert len(emulator.sessions) == 2
                # A test that fails leaves a job behind that still runs.
                if fails:
                    await place.vault.move_item(place.path("a"), name="moved")
                    raise ZeroDivisionError
        assert [session.id for session in emulator.sessions] == [theirs.id]
        async with Vault(emulator.url, TokenLogin("token-of-admin")) as admin:
            items = await admin.list_items("/", recursive=True)
        assert sorted(item.path.rstrip("/") for item in items) == ["/u11", "/u12", "/u12/theirs"]


async def test_there_is_one_login_for_all_tests() -> None:
    config = EmulatorConfig(users=(ADMIN,), tokens={"token-of-admin": ADMIN.id})
    async with running_emulator(config) as emulator:
        logged_in = await with_one_login(environment(emulator, ADMIN, by_password=True))
        async with Vault(emulator.url, TokenLogin(logged_in["VEEVA_VAULT_LIVE_TOKEN"])) as vault:
            assert (await vault.who_am_i()).name == ADMIN.name
        assert [seen.endpoint for seen in emulator.seen] == ["auth", "me"]
        given = environment(emulator, ADMIN, by_password=False)
        assert await with_one_login(given) == given
        assert len(emulator.seen) == 2


def test_without_a_live_vault_the_suite_says_which_variables_it_wants() -> None:
    assert "VEEVA_VAULT_LIVE_DNS" in str(why_not_live({}))
    assert why_not_live({"VEEVA_VAULT_LIVE_DNS": "v"}) is not None
    assert why_not_live({"VEEVA_VAULT_LIVE_DNS": "v", "VEEVA_VAULT_LIVE_USERNAME": "u"}) is not None
    assert why_not_live({"VEEVA_VAULT_LIVE_DNS": "v", "VEEVA_VAULT_LIVE_TOKEN": "t"}) is None
    login = {"VEEVA_VAULT_LIVE_USERNAME": "u", "VEEVA_VAULT_LIVE_PASSWORD": "p"}
    assert why_not_live({"VEEVA_VAULT_LIVE_DNS": "v", **login}) is None
