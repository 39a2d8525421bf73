"""`asyncup.toml`: where it is looked for, and what may stand in it.

    profile = "sandbox"                    # the one that is used when nobody names another
    [vault.sandbox]
    dns = "mysandbox.veevavault.com"       # api_version and username, too
    [upload]                               # defaults for a command's options
    memory = "512MiB"

The first file that is found is the only one: the one `ASYNCUP_CONFIG` names, else the current folder's, else the
user's own. A file never holds a secret. Must not know which value wins in the end: see `settings`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from asyncup.errors import ConfigurationError

__all__ = ["FILE_NAME", "ConfigFile", "check_document", "find_config", "user_folder"]

FILE_NAME = "asyncup.toml"
_VAULT_KEYS = ("dns", "api_version", "username")
_SECRET_WORDS = ("password", "token", "secret", "session_id")
_LARGEST_FILE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a configuration file says.

    Attributes:
        path: where it is.
        profile: the profile that is used when nobody names another, or None.
        vaults: per profile, the values of `dns`, `api_version` and `username` that are there.
        commands: the tables of defaults, by the command's name.
    """

    path: str
    profile: str | None
    vaults: Mapping[str, Mapping[str, str]]
    commands: Mapping[str, Any]

    def refuse_unknown_commands(self, known: Iterable[str]) -> None:
        """Raise when a table is for no command there is.

        Raises:
            ConfigurationError: the table and the file are named.
        """
        names = set(known)
        for name in self.commands:
            if name not in names:
                raise _refused(self.path, name, f"there is no such command; tables are vault, {', '.join(names)}")


def find_config(environ: Mapping[str, str], *, folder: Path, own_folder: Path | None) -> ConfigFile | None:
    """Return the file that counts, or None where there is none. Reads the disk.

    Args:
        environ: the environment.
        folder: the current folder.
        own_folder: the user's folder for configurations, from `user_folder`.

    Raises:
        ConfigurationError: it cannot be read, or holds what it may not.
    """
    named = environ.get("ASYNCUP_CONFIG")
    if named:
        return _load(Path(named))
    here = folder / FILE_NAME
    if here.is_file():
        _refuse_strangers(here)
        return _load(here)
    if own_folder is not None and (own_folder / FILE_NAME).is_file():
        return _load(own_folder / FILE_NAME)
    return None


def user_folder(platform: str, environ: Mapping[str, str], home: PurePath | None) -> PurePath | None:
    """Return where this system keeps a user's configuration of asyncup, or None when it does not say.

    Args:
        platform: as in `sys.platform`.
        environ: the environment.
        home: the user's home folder, or None when there is none.
    """
    if platform == "win32":
        roaming = environ.get("APPDATA")
        return PurePath(roaming, "asyncup") if roaming else None
    chosen = environ.get("XDG_CONFIG_HOME", "")
    if chosen.startswith("/"):  # the specification has a relative one ignored
        return PurePath(chosen, "asyncup")
    if home is None:
        return None
    return home / ("Library/Application Support" if platform == "darwin" else ".config") / "asyncup"


def check_document(document: Mapping[str, Any], path: str) -> ConfigFile:
    """Return a parsed file as a value.

    Raises:
        ConfigurationError: a key is unknown, of another type, or holds a secret; the key and the file are named.
    """
    profile = document.get("profile")
    if profile is not None and not (isinstance(profile, str) and profile):
        raise _refused(path, "profile", "it must be the name of a [vault.NAME]")
    vaults = document.get("vault", {})
    if not isinstance(vaults, Mapping):
        raise _refused(path, "vault", "it must be tables, such as [vault.prod]")
    checked = {name: _check_vault(values, f"vault.{name}", path) for name, values in vaults.items()}
    commands = {key: value for key, value in document.items() if key not in ("profile", "vault")}
    for key, value in commands.items():
        _refuse_secret(key, path, key)
        if not isinstance(value, Mapping):
            raise _refused(path, key, "unknown; keys at the top are profile, [vault.NAME] and a [COMMAND]")
    if profile is not None and profile not in checked:
        raise _refused(path, "profile", f"there is no [vault.{profile}]")
    return ConfigFile(path, profile, checked, commands)


def _check_vault(values: object, where: str, path: str) -> Mapping[str, str]:
    if not isinstance(values, Mapping):
        raise _refused(path, where, f"it must be a table, such as [vault.{where.rpartition('.')[2]}]")
    for key, value in values.items():
        name = f"{where}.{key}"
        _refuse_secret(key, path, name)
        if key not in _VAULT_KEYS:
            raise _refused(path, name, f"unknown; keys of a Vault are {', '.join(_VAULT_KEYS)}")
        if not isinstance(value, str) or not value:
            raise _refused(path, name, "it must be text")
    return dict(values)


def _refuse_secret(key: str, path: str, name: str) -> None:
    if any(word in key.lower() for word in _SECRET_WORDS):
        raise _refused(
            path,
            name,
            "a secret does not belong into a file that is copied and shared. "
            "Take it out; set VEEVA_VAULT_PASSWORD or VEEVA_VAULT_TOKEN, or keep it with asyncup login --save",
        )


def _refused(path: str, key: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"{path}: {key}: {why}")


def _load(path: Path) -> ConfigFile:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > _LARGEST_FILE:
        raise ConfigurationError(f"{path} is too large to be a configuration")
    try:
        document = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:  # of TOML and of UTF-8
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    return check_document(document, str(path))


def _refuse_strangers(path: Path) -> None:
    """Whoever may put a file into the current folder could send our login to a server of their own."""
    if not hasattr(os, "geteuid"):
        return
    owner = path.stat().st_uid
    if owner not in (0, os.geteuid()):
        raise ConfigurationError(
            f"{path} belongs to another user", hint=f"If you trust it, set ASYNCUP_CONFIG={FILE_NAME}"
        )
