"""What the checks know so far. Each writes what it found for those that come later. Must not know the checks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from asyncup import Vault
from asyncup.cli.settings import VaultSettings
from asyncup.cli.vault_opening import KnownLogin
from asyncup.cli.vault_options import VaultOptions
from asyncup.protocol.account import User
from asyncup.protocol.address import VaultAddress
from asyncup.protocol.answers import Answer
from asyncup.vault.transport import HttpRequest, Transport

__all__ = ["RecordingTransport", "Visit"]


class RecordingTransport:
    """A `Transport` that keeps the last answer's headers and times: Vault tells much in them."""

    def __init__(self, inner: Transport, now: Callable[[], float] = time.monotonic) -> None:
        self._inner = inner
        self._now = now
        self.last: Answer | None = None
        self.turnaround_s: float | None = None

    async def send(self, request: HttpRequest) -> Answer:
        """See `Transport.send`."""
        began = self._now()
        answer = await self._inner.send(request)
        self.last, self.turnaround_s = answer, self._now() - began
        return answer

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        await self._inner.aclose()


@dataclass(slots=True, kw_only=True)
class Visit:
    """One run of the doctor.

    Attributes:
        options: which Vault, as far as the command line says it.
        path: a local file or folder that uploads would come from, or None.
        write: whether a small file may be written to the Vault.
        settings, login, address, proxy, transport, vault, user: what checks have found; None until then.
    """

    options: VaultOptions
    path: str | None = None
    write: bool = True
    settings: VaultSettings | None = None
    login: KnownLogin | None = None
    address: VaultAddress | None = None
    proxy: str | None = None
    transport: RecordingTransport | None = None
    vault: Vault | None = None
    user: User | None = None

    def needed_settings(self) -> VaultSettings:
        """Return the settings; asked for only behind a check that has found them."""
        assert self.settings is not None  # noqa: S101 - see above
        return self.settings

    def needed_address(self) -> VaultAddress:
        """Return the Vault's address; asked for only behind a check that has found it."""
        assert self.address is not None  # noqa: S101 - see above
        return self.address

    def needed_vault(self) -> Vault:
        """Return the client; asked for only behind a check that has made it."""
        assert self.vault is not None  # noqa: S101 - see above
        return self.vault

    def needed_user(self) -> User:
        """Return the user; asked for only behind a check that has found it."""
        assert self.user is not None  # noqa: S101 - see above
        return self.user
