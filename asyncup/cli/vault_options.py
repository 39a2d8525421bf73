"""The options that name the Vault, the same for every command that talks to one. Secrets are not among them.

What an option leaves open comes from the environment and from `asyncup.toml`: see `settings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

__all__ = ["VaultOptions"]

_GROUP = Group("Vault", sort_key=1)


@Parameter(name="*", group=_GROUP)
@dataclass(frozen=True, slots=True, kw_only=True)
class VaultOptions:
    """Which Vault, and who; None is for the environment and the file to say."""

    profile: Annotated[
        str | None,
        Parameter(help="The `[vault.NAME]` of asyncup.toml to use [ASYNCUP_PROFILE].", metavar="NAME"),
    ] = None
    dns: Annotated[
        str | None,
        Parameter(help="The Vault's DNS name, or a full URL [VEEVA_VAULT_DNS].", metavar="NAME"),
    ] = None
    api_version: Annotated[
        str | None,
        Parameter(help="Such as v25.2 [VEEVA_VAULT_API_VERSION].", metavar="VERSION"),
    ] = None
    username: Annotated[
        str | None,
        Parameter(help="Who logs in by password [VEEVA_VAULT_USERNAME].", metavar="NAME"),
    ] = None

    congestion: Annotated[
        str | None,
        Parameter(help="The TCP congestion control, such as bbr; by default the system's own.", metavar="NAME"),
    ] = None

    def words(self) -> list[str]:
        """Return the options as they were given, for a command line that goes on."""
        given = (
            ("--profile", self.profile),
            ("--dns", self.dns),
            ("--api-version", self.api_version),
            ("--username", self.username),
            ("--congestion", self.congestion),
        )
        return [word for name, value in given if value is not None for word in (name, value)]
