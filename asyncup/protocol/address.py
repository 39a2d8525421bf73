"""What a Vault is called: a DNS name, or a full URL for the emulator. Pure text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from asyncup.errors import ConfigurationError

__all__ = ["VaultAddress", "parse_address"]

_DNS_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+")


@dataclass(frozen=True, slots=True)
class VaultAddress:
    """Where a Vault is.

    Attributes:
        base_url: scheme, host and port, without a slash at the end.
        dns_name: the name it was given by, or None when it was given by a full URL.
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
    except ValueError as error:
        raise _not_understood(address) from error
    clean = not (url.path or url.query or url.fragment or url.username or url.password)
    if url.scheme not in ("http", "https") or not url.hostname or not clean:
        raise _not_understood(address)
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return VaultAddress(f"{url.scheme}://{host}{f':{port}' if port else ''}", None)


def _not_understood(address: str) -> ConfigurationError:
    # The address may hold credentials by mistake: what stands before an @ is not repeated.
    shown = address.rpartition("@")[2]
    return ConfigurationError(
        f"{shown!r} is not a Vault's DNS name",
        hint="Give one such as myvault.veevavault.com, without https:// or a path",
    )
