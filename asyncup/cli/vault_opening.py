"""From the options to a `Vault`: reads the file, the environment and, when it must, the keyring.

Every command that talks to a Vault comes through here. Must not know what it does there.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from asyncup import PasswordLogin, RetryPolicy, TokenLogin, Vault
from asyncup.cli.config_file import ConfigFile, find_config, user_folder
from asyncup.cli.exit_codes import ExitCode, exit_code_for
from asyncup.cli.interrupt import run_interruptible
from asyncup.cli.messages import say
from asyncup.cli.secret_store import API_TOKEN, kept_secret
from asyncup.cli.settings import Login, VaultSettings, environment_login, resolve
from asyncup.cli.vault_options import VaultOptions
from asyncup.errors import AsyncupError, ConfigurationError
from asyncup.events import EventHook
from asyncup.protocol.address import parse_address
from asyncup.vault.transport import Transport

__all__ = [
    "KnownLogin",
    "find_login",
    "own_config",
    "read_settings",
    "run_with_vault",
    "vault_from_settings",
    "vault_name",
]


@dataclass(frozen=True, slots=True)
class KnownLogin:
    """A login, and in words where its secret came from."""

    login: Login
    source: str


def own_config() -> ConfigFile | None:
    """Return the configuration file that counts here and now.

    Raises:
        ConfigurationError: it cannot be read, or holds what it may not.
    """
    try:
        home = Path.home()
    except RuntimeError:
        home = None
    own = user_folder(sys.platform, os.environ, home)
    return find_config(os.environ, folder=Path(), own_folder=None if own is None else Path(own))


def read_settings(options: VaultOptions) -> VaultSettings:
    """Return the settings that options, environment and file make together.

    Raises:
        ConfigurationError: they name no Vault, or contradict each other.
    """
    return resolve(options, os.environ, own_config())


def find_login(settings: VaultSettings) -> KnownLogin:
    """Return who logs in. Blocking: the keyring may ask the user to unlock it.

    Raises:
        ConfigurationError: neither the environment nor the keyring has a secret.
    """
    found = environment_login(settings, os.environ)
    if found is not None:
        return KnownLogin(*found)
    vault = vault_name(settings)
    if settings.username is not None:
        password = kept_secret(vault, settings.username.value)
        if password is not None:
            return KnownLogin(PasswordLogin(settings.username.value, password), "the keyring")
    token = kept_secret(vault, API_TOKEN)
    if token is not None:
        return KnownLogin(TokenLogin(token), "the keyring")
    raise ConfigurationError(
        "no credentials are given",
        hint="Set VEEVA_VAULT_TOKEN, or VEEVA_VAULT_USERNAME and VEEVA_VAULT_PASSWORD, or run asyncup login --save",
    )


def vault_name(settings: VaultSettings) -> str:
    """Return the Vault's name in the keyring: one, however it is written."""
    address = parse_address(settings.dns.value)
    return address.dns_name or address.base_url


async def vault_from_settings(
    options: VaultOptions,
    *,
    on_event: EventHook | None = None,
    retry: RetryPolicy | None = None,
    transport: Transport | None = None,
) -> Vault:
    """Return a client for the Vault that options, environment, file and keyring name.

    Raises:
        ConfigurationError: no Vault is named, no credentials are found, or one of them makes no sense.
    """
    settings = await anyio.to_thread.run_sync(read_settings, options)
    # Whoever gives up on the keyring's question must not have to answer it first.
    known = await anyio.to_thread.run_sync(find_login, settings, abandon_on_cancel=True)
    return Vault(
        settings.dns.value,
        known.login,
        api_version=settings.api_version.value,
        on_event=on_event,
        retry=retry,
        transport=transport,
        congestion_control=options.congestion,
    )


def run_with_vault(options: VaultOptions, work: Callable[[Vault], Awaitable[int]]) -> int:
    """Run a command's work on its Vault, and return the exit code. What fails is said in one line."""
    return run_interruptible(functools.partial(_work_with_vault, options, work), lambda: say("interrupted"))


async def _work_with_vault(options: VaultOptions, work: Callable[[Vault], Awaitable[int]]) -> int:
    try:
        async with await vault_from_settings(options) as vault:
            code = await work(vault)
            sys.stdout.flush()
            return code
    except AsyncupError as error:
        say(str(error))
        return exit_code_for(error)
    except BrokenPipeError:
        # Whoever read our output has seen enough (asyncup ls | head); what is left must not be written at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
