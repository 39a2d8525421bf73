"""Checks of what this machine is told: which Vault, who, which proxy; and where each value came from."""

from __future__ import annotations

from urllib.parse import urlsplit

import anyio.to_thread

from asyncup import PasswordLogin
from asyncup.cli.doctor.finding import Finding, fine, warned
from asyncup.cli.doctor.visit import Visit
from asyncup.cli.settings import Setting
from asyncup.cli.vault_opening import find_login, read_settings
from asyncup.protocol.address import parse_address
from asyncup.protocol.limits import limits_for
from asyncup.vault.proxy import environment_proxy

__all__ = ["look_at_configuration", "look_at_credentials", "look_at_proxy", "without_password"]


async def look_at_configuration(visit: Visit) -> Finding:
    """See which Vault is meant, and who says so."""
    settings = await anyio.to_thread.run_sync(read_settings, visit.options)
    visit.settings = settings
    visit.address = parse_address(settings.dns.value)
    limits_for(settings.api_version.value)
    facts = [_told("Vault", Setting(visit.address.base_url, settings.dns.source))]
    facts.append(_told("API version", settings.api_version))
    if settings.username is not None:
        facts.append(_told("user", settings.username))
    if settings.profile is not None:
        facts.append(_told("profile", settings.profile))
    facts.append(f"file {settings.file}" if settings.file else "no asyncup.toml")
    if visit.address.base_url.startswith("http:"):
        return warned("; ".join(facts), "Without TLS everybody in between reads along: only for the emulator")
    return fine("; ".join(facts))


async def look_at_credentials(visit: Visit) -> Finding:
    """See whether there is a secret, and where it came from; never which."""
    known = await anyio.to_thread.run_sync(find_login, visit.needed_settings(), abandon_on_cancel=True)
    visit.login = known
    kind = f"the password of {known.login.username}" if isinstance(known.login, PasswordLogin) else "a token"
    return fine(f"{kind}, from {known.source}")


async def look_at_proxy(visit: Visit) -> Finding:
    """See whether the environment names a proxy for the Vault."""
    proxy = await anyio.to_thread.run_sync(environment_proxy, visit.needed_address().base_url)
    visit.proxy = proxy
    return fine("none: a direct connection" if proxy is None else f"through {without_password(proxy)}")


def without_password(url: str) -> str:
    """Return a proxy's address without the user and password that it may hold."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _told(what: str, setting: Setting) -> str:
    return f"{what} {setting.value} ({setting.source})"
