"""What Vault says of the login and of itself, as typed values. Field names: Veeva's reference (documented)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asyncup.protocol.answers import Answer, malformed, read_json
from asyncup.protocol.fields import rows, text, whole
from asyncup.protocol.requests import Operation

__all__ = ["User", "read_api_versions", "read_user"]

_ADMIN_PROFILES = frozenset({"vault_owner__v", "system_admin__v"})
"""These see the whole of file staging from its root, everybody else only a folder of their own (documented)."""


@dataclass(frozen=True, slots=True)
class User:
    """The user that is logged in.

    Attributes:
        id: the user's id; the home folder in file staging is `u{id}`.
        name: the user name.
        security_profile: such as "system_admin__v"; None when the answer does not say.
    """

    id: int
    name: str | None
    security_profile: str | None

    @property
    def sees_root(self) -> bool:
        """True when paths begin at the root of file staging, False when they begin in the user's own folder."""
        return self.security_profile in _ADMIN_PROFILES

    @property
    def home(self) -> str:
        """The user's own folder, as this user has to write it."""
        return f"/u{self.id}" if self.sees_root else "/"


def read_user(answer: Answer) -> User:
    """Read the answer to `who_am_i`."""
    document = read_json(Operation.WHO_AM_I, answer)
    for row in rows(document.get("users")):
        user = row.get("user")
        user_id = whole(user.get("id")) if isinstance(user, Mapping) else None
        if isinstance(user, Mapping) and user_id is not None:
            return User(user_id, text(user.get("user_name__v")), text(user.get("security_profile__v")))
    raise malformed(Operation.WHO_AM_I, answer, "no user in the answer")


def read_api_versions(answer: Answer) -> Mapping[str, str]:
    """Read the answer to `api_versions`: versions such as "v25.2", each with its URL."""
    values = read_json(Operation.API_VERSIONS, answer).get("values")
    if not isinstance(values, Mapping):
        raise malformed(Operation.API_VERSIONS, answer, "no versions in the answer")
    return {str(version): url for version, url in values.items() if isinstance(url, str)}
