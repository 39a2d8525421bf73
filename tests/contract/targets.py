"""The Vaults that the contract is asked of: the emulator under every profile, and a live one.

The emulator's sizes are scaled down, so that a part has kilobytes instead of megabytes and a thousand tests take
seconds; `test_limits` has the true sizes. A live Vault is touched only in a folder of our own with a random name.
"""

from __future__ import annotations

import os
import ssl
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from asyncup import PasswordLogin, TokenLogin, Vault, VaultError
from asyncup.emulator import (
    PROFILES,
    DrivenClock,
    EmulatorConfig,
    RunningEmulator,
    Switches,
    User as EmulatedUser,
    running_emulator,
)
from asyncup.protocol.limits import DEFAULT_API_VERSION, LIMITS_2000_PARTS, Limits
from asyncup.protocol.paths import join
from tests.contract.place import Place

__all__ = [
    "ADMIN",
    "EMULATED",
    "LIVE",
    "MEMBER",
    "SMALL",
    "Target",
    "emulated",
    "emulated_vault",
    "live",
    "scaled",
    "why_not_live",
    "with_one_login",
]

LIVE = "live"
SCALED_PART = 4096
SMALL: Limits = replace(LIMITS_2000_PARTS, min_part_size=SCALED_PART)
REAL_PART = LIMITS_2000_PARTS.min_part_size

BUSY_WAIT_S, BUSY_TRIES = 10.0, 6

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""The emulator speaks plain HTTP here, and reading the system's certificates would take longer than a test."""

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108 - a thousand emulators write to it
ADMIN = EmulatedUser(name="admin@contract.example", password="password-of-admin", id=11, role="admin")
MEMBER = EmulatedUser(name="member@contract.example", password="password-of-member", id=12, role="member")
TOKENS = {"token-of-admin": ADMIN.id, "token-of-member": MEMBER.id}


@dataclass(frozen=True, slots=True)
class Target:
    """A Vault to ask. `profile` is one of the emulator's, or `LIVE`."""

    profile: str
    user: EmulatedUser = ADMIN

    def __str__(self) -> str:
        return self.profile if self.user is ADMIN else f"{self.profile}-as-{self.user.role}"


EMULATED = (*(Target(name) for name in PROFILES), Target("default", MEMBER))


def scaled(switches: Switches) -> Switches:
    """Return the same behaviour with small parts."""
    return replace(switches, part_min_bytes=SCALED_PART)


@asynccontextmanager
async def emulated_vault(
    switches: Switches,
    user: EmulatedUser = ADMIN,
    *,
    root: Path | None = None,
    login: PasswordLogin | TokenLogin | None = None,
    limits: Limits = SMALL,
) -> AsyncIterator[tuple[RunningEmulator, Vault]]:
    """Run an emulator, and a client of it whose pauses pass in the emulator's time."""
    clock = DrivenClock()
    config = EmulatorConfig(root=root, users=(ADMIN, MEMBER), tokens=TOKENS, clock=clock, switches=switches)
    async with running_emulator(config) as emulator:
        login = login or TokenLogin(next(token for token, owner in TOKENS.items() if owner == user.id))
        async with Vault(emulator.url, login, limits=limits, ssl_context=NO_TLS) as vault:
            vault.calls._sleep = emulator.advance
            vault.calls._now = clock.now
            yield emulator, vault


@asynccontextmanager
async def emulated(target: Target) -> AsyncIterator[Place]:
    """Start an emulator whose user has an empty home: that is the folder."""
    switches = scaled(PROFILES[target.profile])
    with TemporaryDirectory(dir=MEMORY) as folder:
        root, local = Path(folder, "vault"), Path(folder, "local")
        local.mkdir()
        async with emulated_vault(switches, target.user, root=root) as (emulator, vault):
            home = target.user.home if target.user.is_admin else ""
            yield Place(vault, target.user.id, home, switches.part_min_bytes, local, emulator, NO_TLS)


@asynccontextmanager
async def live(environment: Mapping[str, str]) -> AsyncIterator[Place]:
    """Open a folder of our own in the live Vault that `VEEVA_VAULT_LIVE_*` names, and leave nothing behind."""
    with TemporaryDirectory() as local:
        async with _live_vault(environment) as vault:
            user = await vault.who_am_i()
            folder = join(user.home, f"asyncup-contract-{uuid.uuid4().hex}")
            await vault.create_folder(folder)
            try:
                yield Place(vault, user.id, folder, REAL_PART, Path(local), None, None)
            finally:
                with anyio.CancelScope(shield=True):
                    await _clean_up(vault, folder)


async def with_one_login(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Log in once for all tests, because Vault counts logins: return the environment with the login as its token."""
    async with _live_vault(environment) as vault:
        assert vault.calls.login is not None
        authorization = await vault.calls.login.authorization()
    return {**environment, "VEEVA_VAULT_LIVE_TOKEN": authorization.removeprefix("Bearer ")}


def why_not_live(environment: Mapping[str, str]) -> str | None:
    """Return why no live Vault can be asked, None when one can."""
    has_login = (
        "VEEVA_VAULT_LIVE_TOKEN" in environment
        or {
            "VEEVA_VAULT_LIVE_USERNAME",
            "VEEVA_VAULT_LIVE_PASSWORD",
        }
        <= environment.keys()
    )
    if "VEEVA_VAULT_LIVE_DNS" in environment and has_login:
        return None
    return "no live Vault: VEEVA_VAULT_LIVE_DNS and VEEVA_VAULT_LIVE_TOKEN (or _USERNAME and _PASSWORD) are not set"


def _live_vault(environment: Mapping[str, str]) -> Vault:
    token = environment.get("VEEVA_VAULT_LIVE_TOKEN")
    if token is not None:
        login: TokenLogin | PasswordLogin = TokenLogin(token)
    else:
        login = PasswordLogin(environment["VEEVA_VAULT_LIVE_USERNAME"], environment["VEEVA_VAULT_LIVE_PASSWORD"])
    version = environment.get("VEEVA_VAULT_LIVE_API_VERSION", DEFAULT_API_VERSION)
    return Vault(environment["VEEVA_VAULT_LIVE_DNS"], login, api_version=version)


async def _clean_up(vault: Vault, folder: str) -> None:
    for session in await vault.list_upload_sessions():
        if session.path is not None and session.path.startswith(f"{folder}/"):
            with suppress(VaultError):  # a commit that is under way
                await vault.abort_upload_session(session.id)
    for _ in range(BUSY_TRIES):
        job_id = await vault.delete_item(folder, recursive=True)
        if job_id is not None:
            await vault.wait_for_job(job_id)
            return
        # Seen: as long as another job is at an item, the answer names no job, and nothing is deleted.
        await vault.calls.wait(BUSY_WAIT_S)
    raise AssertionError(f"{folder} is still there: remove it by hand")
