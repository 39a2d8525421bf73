"""Endpoints for getting in: logins, tokens, keep-alive, logout, who am I, versions.

Must not know who may log in; see `logins`. Forms and answers are those of vault-api.md 3.
"""

import secrets
from datetime import datetime

from .calls import Call, Fields, Handlers
from .endpoints import Endpoint
from .forms import read_form
from .logins import Login
from .refusal import Refusal

VERSIONS = tuple(f"v{year}.{release}" for year in range(20, 27) for release in (1, 2, 3))[1:-1]
TOKEN_BYTES = 32


async def log_in(call: Call) -> Fields:
    form, model = await read_form(call.request), call.world.model
    name, password = form.need("username"), form.fields.get("password", "")
    host = form.fields.get("vaultDNS") or call.request.host
    call.allowance = model.throttle.log_in(name, host, call.now)
    return await _logged_in(call, model.logins.log_in(name, password, call.now, _new_session_id()))


async def log_in_by_idp(call: Call) -> Fields:
    await read_form(call.request)
    authorization = call.request.headers.get("Authorization", "")
    logins = call.world.model.logins
    return await _logged_in(call, logins.log_in_by_idp(authorization, call.now, _new_session_id()))


async def _logged_in(call: Call, login: Login) -> Fields:
    """The answer names the Vault that the login is for, which may be another one than asked.

    That is "auth defaulting" (documented): a client must compare, and this emulator can make it.
    """
    await call.world.save_logins()
    call.seen.user = login.user_id
    vault_id, url = call.world.model.vault_id, f"{call.origin}/api"
    vaults = [{"id": vault_id, "name": "Emulator", "url": url}]
    elsewhere = call.world.switches.login_lands_on
    if elsewhere:
        vaults.append({"id": vault_id + 1, "name": "Other", "url": f"https://{elsewhere}/api"})
    return {
        "sessionId": login.id,
        "userId": login.user_id,
        "vaultIds": vaults,
        "vaultId": vaults[-1]["id"],
    }


async def discover(call: Call) -> Fields:
    """Which way a user logs in; the user name is in the query or in the form (1.3 of the sheet)."""
    form = await read_form(call.request)
    name = call.query("username") or form.need("username")
    data: Fields = {"auth_type": call.world.model.logins.auth_type(name)}
    if data["auth_type"] == "sso":
        profile = "_emulator"
        data["auth_profiles"] = [
            {
                "id": profile,
                "label": "Emulator",
                "description": "Takes the idp_tokens of its configuration",
                "vault_session_endpoint": f"{call.origin}/auth/oauth/session/{profile}",
                "use_adal": False,
                "oauthProviderType": "Other",
            }
        ]
    return {"errors": [], "data": data}


async def create_token(call: Call) -> Fields:
    form = await read_form(call.request)
    form.need("name__v")
    token = f"veeva-vault-{secrets.token_urlsafe(TOKEN_BYTES)}"
    logins = call.world.model.logins
    logins.create_token(call.user, _date(form.need("expiry_date__v")), token)
    await call.world.save_logins()
    return {"data": {"id": f"V{len(logins.created_tokens):013d}", "token__sys": token}}


async def keep_alive(_: Call) -> Fields:
    """Any call refreshes the login, so there is nothing more to do."""
    return {}


async def end_session(call: Call) -> Fields:
    call.world.model.logins.end(call.request.headers.get("Authorization", ""))
    await call.world.save_logins()
    return {}


async def me(call: Call) -> Fields:
    user = call.user
    facts = {
        "id": user.id,
        "user_name__v": user.name,
        "user_email__v": user.name,
        "active__v": True,
        "security_profile__v": "vault_owner__v" if user.is_admin else "business_admin__v",
    }
    return {"users": [{"user": facts}]}


async def versions(call: Call) -> Fields:
    return {"values": {version: f"{call.origin}/api/{version}" for version in VERSIONS}}


def _new_session_id() -> str:
    """As long and as hexadecimal as in the documents' samples."""
    return secrets.token_hex(64).upper()


def _date(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise Refusal("INVALID_DATA", f"Invalid date [{text}]") from None


HANDLERS: Handlers = {
    Endpoint.AUTH: log_in,
    Endpoint.OAUTH: log_in_by_idp,
    Endpoint.DISCOVERY: discover,
    Endpoint.CREATE_TOKEN: create_token,
    Endpoint.KEEP_ALIVE: keep_alive,
    Endpoint.END_SESSION: end_session,
    Endpoint.ME: me,
    Endpoint.VERSIONS: versions,
}
