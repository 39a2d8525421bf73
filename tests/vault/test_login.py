"""Who we are for Vault: checked, never shown, renewed once for everybody, and never tried again when refused."""

import copy
import pickle

import anyio
import pytest
from hypothesis import example, given, strategies as st

from asyncup import OAuthLogin, PasswordLogin, TokenLogin
from asyncup.errors import ConfigurationError, LoginError, TransportError, VaultError
from asyncup.protocol.responses import SessionLogin
from asyncup.vault.login import LoginKeeper, RenewableLogin, refuse_other_vault
from tests.fakes.memory_vault import (
    DNS,
    PASSWORD,
    PROFILE,
    PROVIDER_TOKEN,
    TOKEN,
    USER,
    Endpoint,
    MemoryVault,
    login_expires,
    lost_after,
    lost_before,
    raw,
    refused,
)

LOGIN = PasswordLogin(USER, PASSWORD)
LANES = 20


@given(st.text(st.characters() | st.sampled_from("\r\n\x00 \udcff"), max_size=8))
@example("a\nX-Header: b")
def test_a_token_is_what_a_header_can_carry(token: str) -> None:
    if token and all("!" <= character <= "~" for character in token):
        assert TokenLogin(token).token == token
    else:
        with pytest.raises(ConfigurationError) as wrong:
            TokenLogin(token)
        assert len(token) < 3 or token not in str(wrong.value)


@pytest.mark.parametrize(
    ("username", "password"), [("", "s3cret"), ("user", ""), ("user", "s3cret\udcff"), ("us\udcffer", "s3cret")]
)
def test_a_password_login_without_both_or_without_unicode_is_refused(username: str, password: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        PasswordLogin(username, password)
    assert "s3cret" not in str(wrong.value)


@pytest.mark.parametrize(
    "login", [TokenLogin("s3cret"), PasswordLogin("s3cret", "s3cret"), OAuthLogin("p", "s3cret")], ids=repr
)
def test_a_login_never_shows_itself(login: object) -> None:
    assert "s3cret" not in f"{login!r} {login} {[login]} {copy.copy(login)!r}"
    assert pickle.loads(pickle.dumps(login)) == login  # noqa: S301 - our own


async def never(_: RenewableLogin) -> SessionLogin:
    raise AssertionError("a token needs no login")


@pytest.mark.parametrize(
    ("token", "header"), [("veeva-vault-abc", "Bearer veeva-vault-abc"), ("3B3C45FD240E26F2", "3B3C45FD240E26F2")]
)
async def test_a_token_is_sent_as_its_kind_wants(token: str, header: str) -> None:
    keeper = LoginKeeper(TokenLogin(token), never)
    assert await keeper.authorization() == header
    refusal = LoginError("x", status=200)
    with pytest.raises(LoginError) as raised:
        await keeper.renew(header, refusal)
    assert raised.value is refusal


class Desk:
    """Counts logins, and gives out numbered session ids."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.logins = 0
        self.outcomes = list(outcomes)

    async def log_in(self, _: RenewableLogin) -> SessionLogin:
        self.logins += 1
        number = self.logins
        await anyio.lowlevel.checkpoint()
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise outcome
        return SessionLogin(f"login-{number}", None, None, {})


async def test_many_lanes_log_in_once() -> None:
    desk = Desk()
    keeper = LoginKeeper(LOGIN, desk.log_in)
    got = []

    async def lane() -> None:
        got.append(await keeper.authorization())

    async with anyio.create_task_group() as tasks:
        for _ in range(LANES):
            tasks.start_soon(lane)
    assert got == ["login-1"] * LANES
    assert desk.logins == 1


async def test_many_lanes_renew_once_whenever_they_notice() -> None:
    desk = Desk()
    keeper = LoginKeeper(LOGIN, desk.log_in)
    stale = await keeper.authorization()
    got = []

    async def lane() -> None:
        got.append(await keeper.renew(stale, LoginError("x", status=200)))

    async with anyio.create_task_group() as tasks:
        for _ in range(LANES):
            tasks.start_soon(lane)
    # One that notices late, with the login of before, gets the new one, too.
    await lane()
    assert got == ["login-2"] * (LANES + 1)
    assert desk.logins == 2


async def test_a_refused_password_is_tried_once_by_all_lanes_together() -> None:
    desk = Desk(LoginError("x", status=200, error_type="USERNAME_OR_PASSWORD_INCORRECT", hint="Check"))
    keeper = LoginKeeper(LOGIN, desk.log_in)
    refusals: list[LoginError] = []

    async def lane() -> None:
        with pytest.raises(LoginError) as raised:
            await keeper.authorization()
        refusals.append(raised.value)

    async with anyio.create_task_group() as tasks:
        for _ in range(LANES):
            tasks.start_soon(lane)
    await lane()
    assert desk.logins == 1
    assert len({id(refusal) for refusal in refusals}) == LANES + 1, "one exception in many lanes collects tracebacks"
    assert {str(refusal) for refusal in refusals} == {str(refusals[0])}


async def test_a_login_that_did_not_get_through_may_be_tried_by_the_next_lane() -> None:
    desk = Desk(VaultError("x", status=503), None)
    keeper = LoginKeeper(LOGIN, desk.log_in)
    with pytest.raises(VaultError):
        await keeper.authorization()
    assert await keeper.authorization() == "login-2"


async def test_a_cancelled_login_leaves_the_way_free() -> None:
    entered = anyio.Event()
    desk = Desk()

    async def log_in(login: RenewableLogin) -> SessionLogin:
        if not entered.is_set():
            entered.set()
            await anyio.sleep_forever()
        return await desk.log_in(login)

    keeper = LoginKeeper(LOGIN, log_in)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keeper.authorization)
        await entered.wait()
        tasks.cancel_scope.cancel()
    assert await keeper.authorization() == "login-1"


# With a Vault


async def test_lanes_in_a_vault_renew_an_expired_login_once() -> None:
    memory = MemoryVault()
    async with memory.vault(LOGIN) as vault:
        await vault.list_upload_sessions()
        assert memory.effects == [Endpoint.LOG_IN]
        memory.expire_logins()
        async with anyio.create_task_group() as tasks:
            for _ in range(LANES):
                tasks.start_soon(vault.list_upload_sessions)
    assert memory.effects == [Endpoint.LOG_IN] * 2
    assert memory.count(Endpoint.LIST_SESSIONS) == 1 + 2 * LANES
    assert memory.waited == []


async def test_a_login_that_expires_at_once_again_is_not_renewed_for_ever() -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.LIST_SESSIONS, *[login_expires()] * 10)
    async with memory.vault(LOGIN) as vault:
        with pytest.raises(LoginError) as refused_:
            await vault.list_upload_sessions()
    assert refused_.value.expired
    assert memory.effects == [Endpoint.LOG_IN] * 2
    assert memory.count(Endpoint.LIST_SESSIONS) == 2


async def test_a_token_that_expired_is_said_at_once() -> None:
    memory = MemoryVault()
    memory.expire_logins()
    async with memory.vault() as vault:
        with pytest.raises(LoginError, match="VEEVA_VAULT_TOKEN") as refused_:
            await vault.list_upload_sessions()
    assert refused_.value.expired
    assert len(memory.seen) == 1
    assert TOKEN not in str(refused_.value)


@pytest.mark.parametrize(
    "error_type",
    ["USERNAME_OR_PASSWORD_INCORRECT", "USER_LOCKED_OUT", "PASSWORD_CHANGE_REQUIRED", "INACTIVE_USER", "SOMETHING_NEW"],
)
async def test_a_refused_password_is_never_sent_again(error_type: str) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.LOG_IN, refused(error_type))
    async with memory.vault(LOGIN) as vault:
        for _ in range(3):
            with pytest.raises(LoginError) as refused_:
                await vault.list_upload_sessions()
            assert not refused_.value.expired
            assert PASSWORD not in str(refused_.value)
    assert [seen.endpoint for seen in memory.seen] == [Endpoint.LOG_IN]


async def test_a_user_who_is_locked_out_meanwhile_is_not_logged_in_again() -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.LIST_SESSIONS, refused("USER_LOCKED_OUT"))
    async with memory.vault(LOGIN) as vault:
        with pytest.raises(LoginError, match="unlock"):
            await vault.list_upload_sessions()
    assert [seen.endpoint for seen in memory.seen] == [Endpoint.LOG_IN, Endpoint.LIST_SESSIONS]


async def test_a_wrong_password_is_never_sent_again() -> None:
    memory = MemoryVault()
    async with memory.vault(PasswordLogin(USER, "wr0ng")) as vault, anyio.create_task_group() as tasks:
        for _ in range(LANES):
            tasks.start_soon(_expect_refusal, vault.list_upload_sessions)
    assert [seen.endpoint for seen in memory.seen] == [Endpoint.LOG_IN]


async def _expect_refusal(call: object) -> None:
    assert callable(call)
    with pytest.raises(LoginError):
        await call()


async def test_a_throttled_login_waits_for_the_next_minute() -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.LOG_IN, refused("API_LIMIT_EXCEEDED"))
    async with memory.vault(LOGIN) as vault:
        assert await vault.list_upload_sessions() == []
    memory.assert_clean()
    assert memory.effects == [Endpoint.LOG_IN]
    assert sum(memory.waited) >= 60


@pytest.mark.parametrize("fault", [lost_before(), lost_after(), raw(503), refused("RACE_CONDITION")], ids=str)
async def test_a_login_that_did_not_get_through_is_sent_again(fault: object) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.LOG_IN, fault)  # type: ignore[arg-type] # they are faults
    async with memory.vault(LOGIN) as vault:
        assert await vault.list_upload_sessions() == []
    memory.assert_clean()
    assert memory.count(Endpoint.LOG_IN) == 2


@pytest.mark.parametrize("fault", [raw(500), raw(200, "<html>"), refused("UNEXPECTED_ERROR")], ids=str)
async def test_an_unclear_answer_to_a_login_is_an_error_and_not_forgotten_credentials(fault: object) -> None:
    memory = MemoryVault()
    memory.fail(Endpoint.LOG_IN, fault, fault)  # type: ignore[arg-type] # they are faults
    async with memory.vault(LOGIN) as vault:
        with pytest.raises(TransportError, match="two logins were not answered"):
            await vault.list_upload_sessions()
        assert await vault.list_upload_sessions() == []
    assert memory.count(Endpoint.LOG_IN) == 3


async def test_a_login_whose_answer_never_comes_is_sent_twice_at_most() -> None:
    # Nobody knows whether the lost answers refused the password, and refusals lock a user out.
    memory = MemoryVault()
    memory.fail(Endpoint.LOG_IN, *[lost_before()] * 2)
    async with memory.vault(LOGIN) as vault:
        with pytest.raises(TransportError):
            await vault.list_upload_sessions()
    memory.assert_clean()


async def test_a_login_that_lands_in_another_vault_is_refused_and_not_used() -> None:
    memory = MemoryVault(landing_dns="another.veevavault.com")
    async with memory.vault(LOGIN) as vault:
        for _ in range(2):
            with pytest.raises(LoginError, match=r"another\.veevavault\.com, not for memory\.veevavault\.com") as wrong:
                await vault.list_upload_sessions()
            assert not wrong.value.expired
    assert [seen.endpoint for seen in memory.seen] == [Endpoint.LOG_IN]


async def test_the_vault_is_pinned_by_its_name_even_when_given_by_a_url() -> None:
    memory = MemoryVault(landing_dns="another.veevavault.com")
    async with memory.vault(LOGIN, address=f"https://{DNS}") as vault:
        with pytest.raises(LoginError):
            await vault.list_upload_sessions()


async def test_an_emulator_has_no_name_to_compare() -> None:
    memory = MemoryVault(landing_dns="another.veevavault.com")
    async with memory.vault(LOGIN, address="http://127.0.0.1:9000") as vault:
        assert await vault.list_upload_sessions() == []


@pytest.mark.parametrize(
    ("url", "name", "refused_"),
    [
        ("https://a.veevavault.com/api", "a.veevavault.com", False),
        ("https://A.VeevaVault.com/api", "a.veevavault.com", False),
        ("https://a.veevavault.com:443/api", "a.veevavault.com", False),
        ("https://b.veevavault.com/api", "a.veevavault.com", True),
        ("https://a.veevavault.com.evil.example/api", "a.veevavault.com", True),
        ("https://b.veevavault.com/api", None, False),
    ],
)
def test_where_a_login_landed(url: str, name: str | None, refused_: bool) -> None:
    session = SessionLogin("s3cret", 1, 7, {6: "https://a.veevavault.com/api", 7: url})
    if refused_:
        with pytest.raises(LoginError) as wrong:
            refuse_other_vault(session, name)
        assert "s3cret" not in str(wrong.value)
    else:
        refuse_other_vault(session, name)


@pytest.mark.parametrize(
    "session",
    [SessionLogin("s", 1, None, {}), SessionLogin("s", 1, 7, {}), SessionLogin("s", 1, 7, {7: ""})],
    ids=["no id", "no url", "empty"],
)
def test_an_answer_that_does_not_say_where_it_landed_is_believed(session: SessionLogin) -> None:
    refuse_other_vault(session, "a.veevavault.com")


async def test_an_oauth_login_asks_for_a_fresh_token_each_time() -> None:
    memory = MemoryVault()
    asked = 0

    async def token() -> str:
        nonlocal asked
        asked += 1
        return PROVIDER_TOKEN

    async with memory.vault(OAuthLogin(PROFILE, token)) as vault:
        await vault.list_upload_sessions()
        memory.expire_logins()
        await vault.list_upload_sessions()
    assert asked == 2
    assert memory.effects == [Endpoint.LOG_IN] * 2


@pytest.mark.parametrize("token", ["", "two\nlines", "two words", "\N{SNOWMAN}"])
async def test_a_provider_that_gives_no_token_is_told_apart_from_vault(token: str) -> None:
    memory = MemoryVault()

    async def fresh() -> str:
        return token

    async with memory.vault(OAuthLogin(PROFILE, fresh)) as vault:
        with pytest.raises(ConfigurationError):
            await vault.list_upload_sessions()
    with pytest.raises(ConfigurationError):
        OAuthLogin(PROFILE, token)
    assert memory.seen == []
