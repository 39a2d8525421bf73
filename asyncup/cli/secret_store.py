"""Secrets in the operating system's keyring: macOS Keychain, Windows Credential Locker, Secret Service, KWallet.

The package `keyring` is an optional extra. Blocking, and it may ask the user to unlock the keyring: for worker threads.
Must not know what a secret is for.
"""

from __future__ import annotations

from importlib.util import find_spec

from asyncup.errors import ConfigurationError

__all__ = ["API_TOKEN", "forget_secret", "keep_secret", "kept_secret", "keyring_is_there"]

API_TOKEN = "(token)"  # noqa: S105 - the name under which one is kept; no Vault user is called that
_INSTALL = "Install the package keyring: pip install 'asyncup[keyring]'"
_NO_KEYRING = "Set VEEVA_VAULT_TOKEN or VEEVA_VAULT_PASSWORD instead"


def keyring_is_there() -> bool:
    """Tell whether the package is installed."""
    return find_spec("keyring") is not None


def kept_secret(vault: str, name: str) -> str | None:
    """Return what is kept for a Vault under a user's name; None when nothing is, or there is no keyring.

    Raises:
        ConfigurationError: there is a keyring, and it refuses.
    """
    if not keyring_is_there():
        return None
    import keyring.errors  # noqa: PLC0415 - an optional extra, and slow to import

    try:
        return keyring.get_password(_service(vault), name) or None
    except keyring.errors.NoKeyringError:
        return None
    except keyring.errors.KeyringError as error:
        raise _refused("read", error) from error


def keep_secret(vault: str, name: str, secret: str) -> None:
    """Keep a secret for a Vault under a user's name, in place of an older one.

    Raises:
        ConfigurationError: there is no keyring, or it refuses.
    """
    if not keyring_is_there():
        raise ConfigurationError("there is no keyring to keep it in", hint=_INSTALL)
    import keyring.errors  # noqa: PLC0415 - an optional extra, and slow to import

    try:
        keyring.set_password(_service(vault), name, secret)
    except keyring.errors.KeyringError as error:
        raise _refused("written", error) from error


def forget_secret(vault: str, name: str) -> bool:
    """Remove what is kept for a Vault under a user's name. Return False when nothing is.

    Raises:
        ConfigurationError: there is a keyring, and it refuses.
    """
    if kept_secret(vault, name) is None:
        return False
    import keyring.errors  # noqa: PLC0415 - an optional extra, and slow to import

    try:
        keyring.delete_password(_service(vault), name)
    except keyring.errors.KeyringError as error:
        raise _refused("changed", error) from error
    return True


def _service(vault: str) -> str:
    return f"asyncup {vault}"


def _refused(what: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"the keyring cannot be {what}: {str(error) or type(error).__name__}", hint=_NO_KEYRING)
