"""`Vault`: the client, with one method per endpoint; the groups of endpoints are modules of their own.

A method sends what `protocol.requests` says, reads the answer with `protocol.responses`, and leaves repeating to
`calls` and doubts to `reconcile`. Must not know files, parts' buffers or progress displays.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

import anyio

from asyncup.errors import ConfigurationError, Phase, VaultUnreachable
from asyncup.events import EventHook
from asyncup.protocol import requests
from asyncup.protocol.address import check_client_id, parse_address
from asyncup.protocol.content_md5 import ContentMd5Memory
from asyncup.protocol.limits import DEFAULT_API_VERSION, Limits, limits_for
from asyncup.protocol.responses import SessionLogin, read_login
from asyncup.protocol.retry import RetryPolicy
from asyncup.vault.account import AccountEndpoints
from asyncup.vault.aiohttp_transport import AiohttpTransport
from asyncup.vault.calls import Calls
from asyncup.vault.jobs import JobEndpoints
from asyncup.vault.login import (
    Login,
    LoginKeeper,
    OAuthLogin,
    PasswordLogin,
    RenewableLogin,
    TokenLogin,
    refuse_other_vault,
)
from asyncup.vault.part_rate import PartRate
from asyncup.vault.transport import Transport
from asyncup.vault.upload_sessions import UploadSessionEndpoints

__all__ = ["Vault"]


class Vault(UploadSessionEndpoints, JobEndpoints, AccountEndpoints):
    """A client for one Vault: an async context manager, safe to share between tasks of one event loop.

    Args:
        address: the Vault's DNS name, such as "myvault.veevavault.com", or a full URL for the emulator.
        login: a `TokenLogin`, a `PasswordLogin` or an `OAuthLogin`.
        api_version: the API version to speak, "v25.2" by default.
        limits: the Vault's limits; None takes what the documents say for that version.
        client_id: the name in Vault's API usage log, by default "asyncup"; letters, digits, `. _ -`.
        retry: how often and how long after a failure the same thing is tried again.
        ssl_context: for TLS; None takes the operating system's trust store.
        congestion_control: of TCP, where the system lets a program choose (Linux): "bbr" may fill a long line that
            loses packets better than the system's own choice, which None (default) leaves it at.
        on_event: told of retries of calls that carry no part.
        transport: another way to send requests, for tests.

    Raises:
        ConfigurationError: the address or the version makes no sense, or there is no such congestion control.
    """

    def __init__(  # noqa: PLR0913 - all but two are keyword-only and have a default
        self,
        address: str,
        login: Login,
        *,
        api_version: str = DEFAULT_API_VERSION,
        limits: Limits | None = None,
        client_id: str = "asyncup",
        retry: RetryPolicy | None = None,
        ssl_context: ssl.SSLContext | None = None,
        congestion_control: str | None = None,
        on_event: EventHook | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._address = parse_address(address)
        self.content_md5 = ContentMd5Memory()
        self.part_rate = PartRate()
        self.upload_sessions_in_use: set[str] = set()
        self._transport = transport or AiohttpTransport(
            self._address.base_url, ssl_context=ssl_context, congestion_control=congestion_control
        )
        limits = limits or limits_for(api_version)
        calls = Calls(
            self._transport,
            api_version=api_version,
            client_id=check_client_id(client_id),
            policy=retry or RetryPolicy(),
            job_poll_interval_s=limits.job_poll_interval_s,
            on_event=on_event,
        )
        calls.login = LoginKeeper(login, self._log_in)
        super().__init__(calls, limits)

    @classmethod
    def from_environment(cls, *, on_event: EventHook | None = None) -> Self:
        """Return a client as the environment describes it.

        `VEEVA_VAULT_DNS` and either `VEEVA_VAULT_TOKEN` or `VEEVA_VAULT_USERNAME` with `VEEVA_VAULT_PASSWORD`;
        `VEEVA_VAULT_API_VERSION` is optional.

        Raises:
            ConfigurationError: one of them is missing or makes no sense.
        """
        address = os.environ.get("VEEVA_VAULT_DNS")
        if not address:
            raise ConfigurationError("no Vault is named", hint="Set VEEVA_VAULT_DNS to its DNS name")
        version = os.environ.get("VEEVA_VAULT_API_VERSION") or DEFAULT_API_VERSION
        return cls(address, _login_from_environment(), api_version=version, on_event=on_event)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Vault({self._address.base_url!r})"

    def through(self, wrap: Callable[[Transport], Transport]) -> AbstractContextManager[None]:
        """Let every request go through what `wrap` puts around the transport, for as long as this is entered.

        Whoever counts, measures or slows down all that is sent wraps it: a bulk run does. The wrapping transport's
        `aclose` is not called.
        """
        return self.calls.through(wrap)

    async def aclose(self) -> None:
        """Close all connections."""
        with anyio.CancelScope(shield=True):
            await self._transport.aclose()

    async def _log_in(self, login: RenewableLogin) -> SessionLogin:
        dns_name = self._address.dns_name
        if isinstance(login, OAuthLogin):
            token = await login.fresh_token()
            request = requests.oauth_log_in(
                login.login_server, login.profile_id, token, vault_dns=dns_name, client_id=login.client_id
            )
        else:
            request = requests.log_in(login.username, login.password, dns_name)
        doubts = 0

        async def once_more() -> None:
            # Whether a lost answer accepted or refused the password is not known, and refusals lock a user out.
            nonlocal doubts
            doubts += 1
            if doubts > 1:
                raise VaultUnreachable(request.operation.value, Phase.ANSWER, "two logins were not answered")

        session = await self.calls.repeat(
            request.operation, lambda: self.calls.once(request, read_login), settle=once_more
        )
        refuse_other_vault(session, self._address.dns_name)
        return session


def _login_from_environment() -> Login:
    token = os.environ.get("VEEVA_VAULT_TOKEN")
    if token:
        return TokenLogin(token)
    username, password = os.environ.get("VEEVA_VAULT_USERNAME"), os.environ.get("VEEVA_VAULT_PASSWORD")
    if username and password:
        return PasswordLogin(username, password)
    raise ConfigurationError(
        "no credentials are given", hint="Set VEEVA_VAULT_TOKEN, or VEEVA_VAULT_USERNAME and VEEVA_VAULT_PASSWORD"
    )
