"""Getting in over HTTP."""

import aiohttp
import pytest

from asyncup.emulator import DrivenClock, User
from tests.emulator.plain_vault import PlainVault, plain_vault, switches

ANNA = User("anna@example.com", "pässword", 7)
FORM = {"username": ANNA.name, "password": ANNA.password}


@pytest.mark.parametrize("multipart", [False, True])
async def test_a_login_as_documented(*, multipart: bool) -> None:
    async with plain_vault(users=(ANNA,)) as vault:
        form = aiohttp.FormData(FORM, default_to_multipart=multipart)
        found = await vault.call("POST", "auth", data=form)
        session = found.pop("sessionId")
        url = f"{vault.emulator.url}/api"
        assert found == {
            "responseStatus": "SUCCESS",
            "userId": 7,
            "vaultIds": [{"id": 1000, "name": "Emulator", "url": url}],
            "vaultId": 1000,
        }
        # A login from one version is good for every other one, bare and as Bearer.
        for authorization in (session, f"Bearer {session}"):
            vault.authorization = authorization
            me = await vault.call("GET", "/api/v20.2/objects/users/me")
            user = me["users"][0]["user"]
            assert (user["id"], user["user_name__v"]) == (7, ANNA.name)
            assert user["security_profile__v"] == "vault_owner__v"
        assert await vault.call("POST", "keep-alive") == {"responseStatus": "SUCCESS"}
        assert await vault.call("DELETE", "session") == {"responseStatus": "SUCCESS"}
        assert await vault.error("POST", "keep-alive") == "INVALID_SESSION_ID"


async def test_a_refused_login() -> None:
    async with plain_vault(users=(ANNA,)) as vault:
        found = await vault.call("POST", "auth", data={**FORM, "password": "x"})
        assert found["errorType"] == "AUTHENTICATION_FAILED"
        assert found["errors"][0]["type"] == "USERNAME_OR_PASSWORD_INCORRECT"
        no_password = {"username": ANNA.name}
        assert await vault.error("POST", "auth", data=no_password) == "NO_PASSWORD_PROVIDED"
        assert await vault.error("POST", "auth", data={}) == "PARAMETER_REQUIRED"


async def test_too_many_logins_in_a_minute() -> None:
    few = switches(auth_burst_limit=2, burst_delay_ms=1)
    async with plain_vault(users=(ANNA,), switches=few, clock=DrivenClock()) as vault:
        headers = []
        for _ in range(2):
            await vault.call("POST", "auth", data=FORM)
            headers.append(vault.last_headers)
        assert headers[0]["x-vaultapi-burstlimit"] == "2"
        assert headers[0]["x-vaultapi-burstlimitremaining"] == "1"
        assert "x-vaultapi-responsedelay" not in headers[0]
        assert headers[1]["x-vaultapi-responsedelay"] == "1"
        assert await vault.error("POST", "auth", data=FORM) == "API_LIMIT_EXCEEDED"
        await vault.emulator.advance(60)
        assert (await vault.call("POST", "auth", data=FORM))["responseStatus"] == "SUCCESS"


async def test_a_login_may_land_in_another_vault() -> None:
    elsewhere = switches(login_lands_on="other.veevavault.com")
    async with plain_vault(users=(ANNA,), switches=elsewhere) as vault:
        found = await vault.call("POST", "auth", data=FORM)
        urls = {each["id"]: each["url"] for each in found["vaultIds"]}
        assert urls[found["vaultId"]] == "https://other.veevavault.com/api"


async def test_single_sign_on() -> None:
    users = (ANNA, User("sso@example.com", "x", 8, standing="sso"))
    async with plain_vault(users=users, idp_tokens={"IDP": 8}) as vault:
        by_password = await vault.call("POST", f"/auth/discovery?username={ANNA.name}")
        assert by_password["data"] == {"auth_type": "password"}
        form = {"username": "sso@example.com"}
        data = (await vault.call("POST", "/auth/discovery", data=form))["data"]
        assert data["auth_type"] == "sso"
        vault.authorization = "Bearer IDP"
        endpoint = data["auth_profiles"][0]["vault_session_endpoint"]
        found = await vault.call("POST", endpoint, data={"client_id": "x"})
        assert found["userId"] == 8
        vault.authorization = "Bearer nonsense"
        refused = await vault.call("POST", endpoint)
        assert refused["errorType"] == "AUTHENTICATION_FAILED"
        vault.authorization = found["sessionId"]
        assert (await vault.call("POST", "keep-alive"))["responseStatus"] == "SUCCESS"


async def test_api_access_tokens() -> None:
    async with plain_vault(clock=DrivenClock()) as vault:
        path = "objects/users/me/api_access_token__sys"
        form = {"name__v": "ci", "expiry_date__v": "2026-02-01T00:00:00Z"}
        found = await vault.data("POST", path, data=form)
        vault.authorization = f"Bearer {found['token__sys']}"
        assert found["token__sys"].startswith("veeva-vault-")
        assert (await vault.call("POST", "keep-alive"))["responseStatus"] == "SUCCESS"
        await vault.emulator.advance(32 * 24 * 3600)
        assert await vault.error("POST", "keep-alive") == "INVALID_SESSION_ID"
        vault.authorization = "T"
        bad = {**form, "expiry_date__v": "tomorrow"}
        assert await vault.error("POST", path, data=bad) == "INVALID_DATA"


async def test_versions_need_a_login(vault: PlainVault) -> None:
    found = await vault.call("GET", "/api/")
    assert found["values"]["v25.2"] == f"{vault.emulator.url}/api/v25.2"
    vault.authorization = ""
    assert await vault.error("GET", "/api/") == "INVALID_SESSION_ID"
