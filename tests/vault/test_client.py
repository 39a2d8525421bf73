"""The client as it is made: from arguments, from the environment, and closed again."""

import ssl

import anyio
import anyio.lowlevel
import pytest

from asyncup import OAuthLogin, PasswordLogin, RetryPolicy, TokenLogin, Vault
from asyncup.errors import ConfigurationError, TransportError
from asyncup.events import Event, RetryScheduled
from asyncup.protocol.limits import LIMITS_2000_PARTS, LIMITS_9616_PARTS
from tests.fakes.memory_vault import (
    DNS,
    PASSWORD,
    PROFILE,
    PROVIDER_TOKEN,
    TOKEN,
    USER,
    Endpoint,
    MemoryVault,
    lost_before,
)

VARIABLES = [
    "VEEVA_VAULT_DNS",
    "VEEVA_VAULT_TOKEN",
    "VEEVA_VAULT_USERNAME",
    "VEEVA_VAULT_PASSWORD",
    "VEEVA_VAULT_API_VERSION",
]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing of a Vault."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


async def first_request(vault: Vault, memory: MemoryVault) -> dict[str, str]:
    """The headers of a call, after whatever login it takes."""
    vault._transport = memory
    vault.calls._transport = memory
    async with vault:
        await vault.list_upload_sessions()
    return dict(memory.seen[-1].headers) | {"target": memory.seen[-1].target}


async def test_the_environment_names_vault_and_token(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("VEEVA_VAULT_DNS", DNS)
    environment.setenv("VEEVA_VAULT_TOKEN", TOKEN)
    vault = Vault.from_environment()
    assert repr(vault) == f"Vault('https://{DNS}')"
    assert vault.limits is LIMITS_2000_PARTS
    sent = await first_request(vault, MemoryVault())
    assert sent["Authorization"] == TOKEN
    assert sent["target"].startswith("/api/v25.2/")


async def test_the_environment_may_name_a_user_and_a_version(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("VEEVA_VAULT_DNS", DNS)
    environment.setenv("VEEVA_VAULT_USERNAME", USER)
    environment.setenv("VEEVA_VAULT_PASSWORD", PASSWORD)
    environment.setenv("VEEVA_VAULT_API_VERSION", "v26.2")
    vault = Vault.from_environment()
    assert vault.limits is LIMITS_9616_PARTS
    memory = MemoryVault()
    sent = await first_request(vault, memory)
    assert sent["Authorization"] in memory.logins
    assert sent["target"].startswith("/api/v26.2/")
    assert memory.effects == [Endpoint.LOG_IN]


async def test_a_token_goes_before_a_password(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("VEEVA_VAULT_DNS", DNS)
    environment.setenv("VEEVA_VAULT_TOKEN", TOKEN)
    environment.setenv("VEEVA_VAULT_USERNAME", USER)
    environment.setenv("VEEVA_VAULT_PASSWORD", PASSWORD)
    memory = MemoryVault()
    assert (await first_request(Vault.from_environment(), memory))["Authorization"] == TOKEN
    assert memory.effects == []


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({}, "VEEVA_VAULT_DNS"),
        ({"DNS": "", "TOKEN": "s3cret"}, "VEEVA_VAULT_DNS"),
        ({"DNS": DNS}, "VEEVA_VAULT_TOKEN"),
        ({"DNS": DNS, "TOKEN": ""}, "VEEVA_VAULT_TOKEN"),
        ({"DNS": DNS, "USERNAME": "s3cret"}, "VEEVA_VAULT_PASSWORD"),
        ({"DNS": DNS, "PASSWORD": "s3cret"}, "VEEVA_VAULT_USERNAME"),
        ({"DNS": DNS, "TOKEN": "s3cret", "API_VERSION": "25.2"}, "VEEVA_VAULT_API_VERSION"),
        ({"DNS": "not a name", "TOKEN": "s3cret"}, "myvault.veevavault.com"),
        ({"DNS": "https://u:s3cret@v.example.com", "TOKEN": "s3cret"}, "myvault.veevavault.com"),
        ({"DNS": DNS, "TOKEN": "s3cret\n"}, "token"),
    ],
    ids=str,
)
def test_what_the_environment_lacks_is_named_and_no_secret_shown(
    environment: pytest.MonkeyPatch, given: dict[str, str], hint: str
) -> None:
    for name, value in given.items():
        environment.setenv(f"VEEVA_VAULT_{name}", value)
    with pytest.raises(ConfigurationError) as missing:
        Vault.from_environment()
    assert hint in str(missing.value)
    assert "s3cret" not in str(missing.value)


@pytest.mark.parametrize("wrong", [{"client_id": "two words"}, {"client_id": ""}, {"api_version": "25.2"}], ids=str)
def test_what_makes_no_sense_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        Vault(DNS, TokenLogin(TOKEN), **wrong)  # type: ignore[arg-type] # the wrong value is the point


async def test_a_vault_closes_its_transport() -> None:
    memory = MemoryVault()
    async with memory.vault() as vault:
        closed_inside = memory.closed
    assert (closed_inside, memory.closed) == (False, True)
    await vault.aclose()


async def test_a_vault_is_closed_even_when_it_is_cancelled() -> None:
    memory = MemoryVault()
    with anyio.CancelScope() as scope:
        async with memory.vault():
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert memory.closed


def test_nothing_of_a_login_is_shown() -> None:
    for login in (TokenLogin("s3cret"), PasswordLogin("s3cret", "s3cret"), OAuthLogin("p", "s3cret")):
        vault = Vault(DNS, login)
        assert "s3cret" not in f"{vault!r} {vault} {vars(vault)} {vars(vault.calls)}"


async def test_an_oauth_login_and_its_client_id() -> None:
    memory = MemoryVault()
    async with memory.vault(OAuthLogin(PROFILE, PROVIDER_TOKEN, client_id="app")) as vault:
        await vault.list_upload_sessions()
    login, call = memory.seen
    assert login.headers["Authorization"] == f"Bearer {PROVIDER_TOKEN}"
    assert login.target == f"/auth/oauth/session/{PROFILE}"
    assert call.headers["Authorization"] in memory.logins


async def test_retries_are_the_callers_choice_and_told() -> None:
    memory, events = MemoryVault(), list[Event]()
    memory.fail(Endpoint.LIST_SESSIONS, *[lost_before()] * 2)
    async with memory.vault(retry=RetryPolicy(max_attempts=2, base_s=3), on_event=events.append) as vault:
        with pytest.raises(TransportError):
            await vault.list_upload_sessions()
    memory.assert_clean()
    assert [(event.attempt, event.delay_s) for event in events if isinstance(event, RetryScheduled)] == [(1, 3)]
    assert memory.waited == [3]


async def test_a_vault_may_be_given_its_own_trust_and_is_not_opened_by_being_made() -> None:
    vault = Vault("https://127.0.0.1:1", TokenLogin(TOKEN), ssl_context=ssl.create_default_context())
    await vault.aclose()
    await vault.aclose()


async def test_each_vault_learns_for_itself_what_its_content_md5_is() -> None:
    one, other = MemoryVault().vault(), MemoryVault().vault()
    assert one.content_md5 is not other.content_md5
    assert one.folders is not other.folders
