"""Which Vault and who: options over the environment over `asyncup.toml`, each value with where it came from. Pure.

An option is one of the command line's. A profile that the command line names and a variable that says otherwise
contradict each other: that is refused, because the files would go into the wrong Vault or a password to the wrong user.
A profile that the environment or the file names only fills in what no variable says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asyncup import OAuthLogin, PasswordLogin, TokenLogin
from asyncup.cli.config_file import ConfigFile
from asyncup.cli.vault_options import VaultOptions
from asyncup.errors import ConfigurationError
from asyncup.protocol.limits import DEFAULT_API_VERSION

__all__ = ["Login", "Setting", "VaultSettings", "environment_login", "resolve"]

Login = TokenLogin | PasswordLogin | OAuthLogin

_VARIABLES = {
    "dns": "VEEVA_VAULT_DNS",
    "api_version": "VEEVA_VAULT_API_VERSION",
    "username": "VEEVA_VAULT_USERNAME",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A value, and where it came from, in words such as `--dns` or `VEEVA_VAULT_DNS`."""

    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings:
    """What is known of the Vault and the user before anything is sent.

    Attributes:
        file: the configuration file that was read, or None.
        profile: the profile in use, or None.
        dns: the Vault's DNS name or URL.
        api_version: such as v25.2.
        username: who logs in by password, or None.
    """

    file: str | None
    profile: Setting | None
    dns: Setting
    api_version: Setting
    username: Setting | None


def resolve(options: VaultOptions, environ: Mapping[str, str], file: ConfigFile | None) -> VaultSettings:
    """Return the settings that count.

    Raises:
        ConfigurationError: no Vault is named, the profile is unknown, or two places contradict each other.
    """
    profile = _profile(options, environ, file)
    values = _profile_values(profile, file)

    def find(name: str) -> Setting | None:
        given: str | None = getattr(options, name)
        if given is not None:
            return Setting(given, f"--{name.replace('_', '-')}")
        variable, value = environ.get(_VARIABLES[name]), values.get(name)
        if variable:
            if profile is not None and profile.source == "--profile" and value not in (None, variable):
                raise ConfigurationError(
                    f"--profile {profile.value} has {name} = {value}, but {_VARIABLES[name]} is {variable}",
                    hint=f"Unset {_VARIABLES[name]}, or leave --profile out",
                )
            return Setting(variable, _VARIABLES[name])
        if value is not None and profile is not None and file is not None:
            return Setting(value, f"[vault.{profile.value}] of {file.path}")
        return None

    dns = find("dns")
    if dns is None or not dns.value:
        raise _no_vault(file)
    return VaultSettings(
        file=None if file is None else file.path,
        profile=profile,
        dns=dns,
        api_version=find("api_version") or Setting(DEFAULT_API_VERSION, "the default"),
        username=find("username"),
    )


def environment_login(settings: VaultSettings, environ: Mapping[str, str]) -> tuple[Login, str] | None:
    """Return the login that the environment has for the Vault, and in words where from; None when it has none.

    A password in the environment belongs to the user in the environment, where there is one: with another user it
    would be refused, and a few refusals lock a user out.

    Raises:
        ConfigurationError: the token or the password holds what none can.
    """
    token = environ.get("VEEVA_VAULT_TOKEN")
    if token:
        return TokenLogin(token), "VEEVA_VAULT_TOKEN"
    password, owner = environ.get("VEEVA_VAULT_PASSWORD"), environ.get("VEEVA_VAULT_USERNAME")
    username = settings.username
    if not password or username is None or (owner and owner != username.value):
        return None
    return PasswordLogin(username.value, password), "VEEVA_VAULT_PASSWORD"


def _profile(options: VaultOptions, environ: Mapping[str, str], file: ConfigFile | None) -> Setting | None:
    if options.profile is not None:
        return Setting(options.profile, "--profile")
    if environ.get("ASYNCUP_PROFILE"):
        return Setting(environ["ASYNCUP_PROFILE"], "ASYNCUP_PROFILE")
    if file is not None and file.profile is not None:
        return Setting(file.profile, file.path)
    return None


def _profile_values(profile: Setting | None, file: ConfigFile | None) -> Mapping[str, str]:
    if profile is None:
        return {}
    if file is None:
        raise ConfigurationError(
            f"{profile.source} names the profile {profile.value!r}, but there is no asyncup.toml",
            hint="Write one into this folder or your configuration folder, with a [vault.NAME]",
        )
    if profile.value not in file.vaults:
        known = f"it has {', '.join(file.vaults)}" if file.vaults else "it has none"
        raise ConfigurationError(f"{file.path} has no profile {profile.value!r}: {known}")
    return file.vaults[profile.value]


def _no_vault(file: ConfigFile | None) -> ConfigurationError:
    hint = "Set VEEVA_VAULT_DNS to its DNS name"
    if file is not None and file.vaults:
        hint += f", or choose a profile of {file.path} with --profile: {', '.join(file.vaults)}"
    return ConfigurationError("no Vault is named", hint=hint)
