"""What a Vault is called, and what we are called there: names that people give us, checked. Pure text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from asyncup.errors import ConfigurationError

__all__ = ["VaultAddress", "check_client_id", "parse_address"]

_CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")

_HTTPS_PORT = 443
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_DNS_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+")


@dataclass(frozen=True, slots=True)
class VaultAddress:
    """Where a Vault is.

    Attributes:
        base_url: scheme, host and port, without a slash at the end.
        dns_name: the name, or None for a URL that no Vault has, such as the emulator's.
    """

    base_url: str
    dns_name: str | None


def parse_address(address: str) -> VaultAddress:
    """Understand `address`.

    Raises:
        ConfigurationError: it is neither a DNS name nor an http(s) URL without path, query and credentials.
    """
    text = address.strip().rstrip("/")
    if _DNS_NAME.fullmatch(text):
        return VaultAddress(f"https://{text.lower()}", text.lower())
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        # Its text may repeat a part of a password.
        raise _not_understood(address) from None
    clean = not (url.path or url.query or url.fragment or url.username or url.password)
    host = url.hostname or ""
    if url.scheme not in ("http", "https") or not _HOST.fullmatch(host) or not clean:
        raise _not_understood(address)
    if url.scheme == "https" and port in (None, _HTTPS_PORT) and _DNS_NAME.fullmatch(host) and not host[-1].isdigit():
        return parse_address(host)
    shown = f"[{host}]" if ":" in host else host
    return VaultAddress(f"{url.scheme}://{shown}{'' if port is None else f':{port}'}", None)


def check_client_id(client_id: str) -> str:
    """Return a name for Vault's API usage log when it may be one: letters, digits, `. _ -`, at most 100 (documented).

    Raises:
        ConfigurationError: it holds anything else.
    """
    if not _CLIENT_ID.fullmatch(client_id):
        raise ConfigurationError(f"client id {client_id!r} may hold 1 to 100 letters, digits and . _ - only")
    return client_id


def _not_understood(address: str) -> ConfigurationError:
    # The address may hold credentials by mistake: what stands before an @ is not repeated.
    shown = address.rpartition("@")[2]
    return ConfigurationError(
        f"{shown!r} is not a Vault's DNS name",
        hint="Give one such as myvault.veevavault.com, without https:// or a path",
    )
