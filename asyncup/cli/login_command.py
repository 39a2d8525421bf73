"""`asyncup login` and `asyncup logout`: a password or token is asked for, tried once, and kept in the keyring.

It is asked for without echo, or read from standard input when that is no terminal; never taken from an argument, which
other users of the machine could see.
"""

from __future__ import annotations

import functools
import getpass
import sys

import anyio.to_thread

from asyncup import PasswordLogin, TokenLogin, Vault
from asyncup.cli.arguments import Flag
from asyncup.cli.exit_codes import ExitCode, exit_code_for
from asyncup.cli.interrupt import run_interruptible
from asyncup.cli.messages import one_line, say
from asyncup.cli.secret_store import API_TOKEN, forget_secret, keep_secret, keyring_is_there
from asyncup.cli.settings import VaultSettings
from asyncup.cli.usage_error import UsageError
from asyncup.cli.vault_opening import read_settings, vault_name
from asyncup.cli.vault_options import VaultOptions
from asyncup.errors import AsyncupError, ConfigurationError

__all__ = ["login", "logout"]


def login(*, save: Flag = False, token: Flag = False, vault: VaultOptions | None = None) -> int:
    """Ask for a password or token, try it, and keep it in the keyring with `--save`.

    Args:
        save: Keep it in the operating system's keyring, for this Vault and user, once Vault has accepted it.
        token: Ask for an API access token instead of a user's password.
        vault: Which Vault.
    """
    if save and not keyring_is_there():
        raise UsageError("--save needs the package keyring: pip install 'asyncup[keyring]'")
    return _ending(functools.partial(_log_in, vault or VaultOptions(), save=save, token=token))


def logout(*, vault: VaultOptions | None = None) -> int:
    """Remove what `login --save` keeps in the keyring.

    Args:
        vault: Which Vault.
    """
    return _ending(functools.partial(_log_out, vault or VaultOptions()))


def _ending(work: functools.partial[int]) -> int:
    try:
        return work()
    except AsyncupError as error:
        say(str(error))
        return exit_code_for(error)


def _log_in(options: VaultOptions, *, save: bool, token: bool) -> int:
    settings = read_settings(options)
    name = API_TOKEN if token else _username(settings)
    where = vault_name(settings)
    secret = _ask("Token" if token else f"Password of {name}", where)
    kind = TokenLogin(secret) if token else PasswordLogin(name, secret)

    async def check() -> int:
        async with Vault(settings.dns.value, kind, api_version=settings.api_version.value) as vault:
            user = await vault.who_am_i()
        if save:
            await anyio.to_thread.run_sync(keep_secret, where, name, secret)
        kept = "; kept in the keyring" if save else "; nothing is kept without --save"
        print(one_line(f"{where}: logged in as {user.name or 'user'} ({user.id}){kept}"))
        return ExitCode.OK

    # The exception is said by `_ending`: run_interruptible lets it through.
    return run_interruptible(check, lambda: say("interrupted: nothing is kept"))


def _log_out(options: VaultOptions) -> int:
    settings = read_settings(options)
    where = vault_name(settings)
    names = [API_TOKEN] if settings.username is None else [settings.username.value, API_TOKEN]
    removed = [name for name in names if forget_secret(where, name)]
    if removed:
        print(one_line(f"{where}: removed from the keyring: {', '.join(removed)}"))
    else:
        print(one_line(f"{where}: the keyring holds nothing for {' or '.join(names)}"))
    return ExitCode.OK


def _username(settings: VaultSettings) -> str:
    if settings.username is None:
        raise ConfigurationError(
            "no user is named", hint="Give --username, or set VEEVA_VAULT_USERNAME, or ask for a token with --token"
        )
    return settings.username.value


def _ask(what: str, where: str) -> str:
    """Return what is typed without echo at a terminal, or the first line of a pipe."""
    if sys.stdin.isatty():
        secret = getpass.getpass(f"{one_line(what)} for {where}: ")
    else:
        secret = sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise ConfigurationError("nothing was given", hint="Type the password or token, or pipe it in")
    return secret
