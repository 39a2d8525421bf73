"""Who we are for Vault: the kinds of login, and the one that keeps the current login fresh for all lanes.

A login that expires in the middle of a run is renewed once, whoever notices first; everybody else waits for that. A
password that was refused is never tried again, because Vault locks users out (documented). Must not know endpoints
other than through the function that it is given.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import anyio

from asyncup.errors import ConfigurationError, LoginError
from asyncup.protocol.responses import SessionLogin

__all__ = [
    "Login",
    "LoginKeeper",
    "OAuthLogin",
    "PasswordLogin",
    "RenewableLogin",
    "TokenLogin",
    "refuse_other_vault",
]

_API_TOKEN_PREFIX = "veeva-vault-"  # noqa: S105 - how such a token begins, not a token
"""API access tokens begin so and need the Bearer scheme; a login's session id goes without (documented, 26.2)."""


@dataclass(frozen=True, slots=True, repr=False)
class TokenLogin:
    """An API access token, or the session id of a login made elsewhere. It cannot be renewed from here."""

    token: str

    def __post_init__(self) -> None:
        """Refuse what cannot be a token.

        Raises:
            ConfigurationError: it is empty or holds blanks or line ends.
        """
        _refuse_no_token(self.token, "the Vault token")

    def __repr__(self) -> str:
        return "TokenLogin(...)"


@dataclass(frozen=True, slots=True, repr=False)
class PasswordLogin:
    """A user and a password, for `POST /auth`. Users of single sign-on cannot log in so (seen)."""

    username: str
    password: str

    def __post_init__(self) -> None:
        """Refuse what cannot log in.

        Raises:
            ConfigurationError: one of the two is empty, or is not Unicode.
        """
        if not self.username or not self.password:
            raise ConfigurationError("the Vault user or password is empty")
        try:
            (self.username + self.password).encode()
        except UnicodeEncodeError:
            # Undecodable bytes of the environment come as such text; the exception would show them.
            raise ConfigurationError("the Vault user or password is not Unicode") from None

    def __repr__(self) -> str:
        return "PasswordLogin(...)"


@dataclass(frozen=True, slots=True, repr=False)
class OAuthLogin:
    """An identity provider's token, for the OAuth 2.0 / OpenID Connect session endpoint (documented).

    Attributes:
        profile_id: the id of the Vault's OAuth 2.0 / OpenID Connect profile.
        token: the provider's access token, or an async function that fetches a fresh one: such tokens live shortly,
            and a login that expires in the middle of a run needs a new one.
        client_id: the provider's name for this application, when the profile maps several.
        login_server: where Vault's single sign-on is.
    """

    profile_id: str
    token: str | Callable[[], Awaitable[str]]
    client_id: str | None = None
    login_server: str = "https://login.veevavault.com"

    def __post_init__(self) -> None:
        """Refuse what cannot be a token.

        Raises:
            ConfigurationError: it is empty or holds blanks or line ends.
        """
        if isinstance(self.token, str):
            _refuse_no_token(self.token, "the identity provider's token")

    async def fresh_token(self) -> str:
        """Return the provider's token.

        Raises:
            ConfigurationError: the function gave something that is none.
        """
        if isinstance(self.token, str):
            return self.token
        token = await self.token()
        _refuse_no_token(token, "the identity provider's token")
        return token

    def __repr__(self) -> str:
        return "OAuthLogin(...)"


RenewableLogin = PasswordLogin | OAuthLogin
"""Logins that end with a session id, and can be made again when that expires."""

Login = TokenLogin | RenewableLogin


class LoginKeeper:
    """Holds the `Authorization` header of one Vault's client.

    Args:
        login: who logs in.
        log_in: asks Vault for a session id; never used for a `TokenLogin`.
    """

    def __init__(self, login: Login, log_in: Callable[[RenewableLogin], Awaitable[SessionLogin]]) -> None:
        self._login = login
        self._log_in = log_in
        self._one_at_a_time = anyio.Lock()
        self._authorization = _authorization(login.token) if isinstance(login, TokenLogin) else None
        self._refused: LoginError | None = None

    async def authorization(self) -> str:
        """Return the header's value, logging in first when that is still to be done.

        Raises:
            LoginError: the credentials are refused, now or earlier.
        """
        if self._authorization is not None:
            return self._authorization
        return await self._renewed(None)

    async def renew(self, stale: str, refusal: LoginError) -> str:
        """Return a header's value that is not `stale`. When another lane has renewed it already, that one.

        Raises:
            LoginError: `refusal` itself when a token cannot be renewed, or the refusal of the credentials.
        """
        if isinstance(self._login, TokenLogin):
            raise refusal
        return await self._renewed(stale)

    async def _renewed(self, stale: str | None) -> str:
        async with self._one_at_a_time:
            if self._refused is not None:
                raise _copy_of(self._refused)
            if self._authorization in (None, stale):
                assert not isinstance(self._login, TokenLogin)  # noqa: S101 - a token is never renewed
                try:
                    session = await self._log_in(self._login)
                except LoginError as refused:
                    self._refused = refused
                    raise
                self._authorization = session.session_id
            assert self._authorization is not None  # noqa: S101 - set above
            return self._authorization


def refuse_other_vault(session: SessionLogin, dns_name: str | None) -> None:
    """Raise when the login landed in another Vault than the one that was asked for.

    With a DNS name that is wrong for the user, a login still succeeds, for the Vault that was used last (documented:
    "auth defaulting"). Uploading there would put a company's files into the wrong Vault.

    Raises:
        LoginError: the Vault that answered has another DNS name.
    """
    url = session.vault_urls.get(session.vault_id) if session.vault_id is not None else None
    host = urlsplit(url).hostname if url else None
    if dns_name is None or host is None or host.lower() == dns_name:
        return
    raise LoginError(
        "logging in",
        status=200,
        vault_message=f"the login is for {host}, not for {dns_name}",
        hint="Check VEEVA_VAULT_DNS, and that this user belongs to that Vault",
    )


def _refuse_no_token(token: str, what: str) -> None:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError(f"{what} is empty or holds characters that no token has")


def _authorization(token: str) -> str:
    return f"Bearer {token}" if token.startswith(_API_TOKEN_PREFIX) else token


def _copy_of(error: LoginError) -> LoginError:
    """An exception that is raised in several lanes must not collect all their tracebacks."""
    return LoginError(
        error.operation,
        status=error.status,
        response_status=error.response_status,
        error_type=error.error_type,
        vault_message=error.vault_message,
        hint=error.hint,
    )
