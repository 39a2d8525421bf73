"""The endpoints about the login and the Vault itself."""

import pytest

from asyncup import PasswordLogin
from asyncup.errors import LoginError
from asyncup.protocol.account import User
from tests.fakes.memory_vault import DNS, PASSWORD, USER, Endpoint, MemoryVault, login_expires, lost_after


async def test_who_and_where_we_are() -> None:
    memory = MemoryVault()
    async with memory.vault() as vault:
        assert await vault.who_am_i() == User(1, USER, "document_user__v")
        assert await vault.api_versions() == {"v25.2": f"https://{DNS}/api/v25.2"}
        await vault.keep_alive()
    assert [seen.endpoint for seen in memory.seen] == [Endpoint.WHO_AM_I, Endpoint.API_VERSIONS, Endpoint.KEEP_ALIVE]


async def test_a_login_that_expired_meanwhile_is_renewed() -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.KEEP_ALIVE, login_expires(), lost_after())
    async with memory.vault(PasswordLogin(USER, PASSWORD)) as vault:
        await vault.keep_alive()
    memory.assert_clean()
    assert memory.effects == [Endpoint.LOG_IN] * 2


async def test_an_ended_login_is_made_anew_by_a_password_and_not_by_a_token() -> None:
    memory = MemoryVault()
    async with memory.vault(PasswordLogin(USER, PASSWORD)) as vault:
        await vault.end_login()
        assert len(memory.logins) == 1, "the token of the others is still good"
        await vault.who_am_i()
    assert memory.effects == [Endpoint.LOG_IN, Endpoint.END_LOGIN, Endpoint.LOG_IN]
    memory = MemoryVault()
    async with memory.vault() as vault:
        await vault.end_login()
        with pytest.raises(LoginError):
            await vault.who_am_i()
