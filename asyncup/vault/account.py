"""The endpoints that are about the login and the Vault itself."""

from __future__ import annotations

from collections.abc import Mapping

from asyncup.protocol import requests
from asyncup.protocol.account import User, read_api_versions, read_user
from asyncup.protocol.answers import read_json
from asyncup.vault.endpoints import Endpoints

__all__ = ["AccountEndpoints"]


class AccountEndpoints(Endpoints):
    """Ask who and where we are, keep the login alive, end it."""

    async def who_am_i(self) -> User:
        """Return the user that is logged in."""
        return await self.calls.ask(requests.who_am_i(), read_user)

    async def api_versions(self) -> Mapping[str, str]:
        """Return the API versions that the Vault speaks, such as "v25.2", each with its URL."""
        return await self.calls.ask(requests.api_versions(), read_api_versions)

    async def keep_alive(self) -> None:
        """Refresh the login's idle time, which an administrator sets to 10 minutes up to 8 hours (documented)."""
        request = requests.keep_alive()
        await self.calls.ask(request, lambda answer: read_json(request.operation, answer))

    async def end_login(self) -> None:
        """Make the login's session id invalid, for everybody who uses it. A later call logs in again if it can."""
        request = requests.end_login()
        await self.calls.ask(request, lambda answer: read_json(request.operation, answer))
