"""What one emulator is started with.

Must not know how any of it is used. A config is a value: the same one starts the same emulator.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .clock import Clock
from .faults import Fault
from .switches import Switches

Role = Literal["admin", "member"]
Standing = Literal["active", "inactive", "locked", "password-expired", "sso", "no-api"]


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may log in. Admins see the staging root, members only their own `u{id}`.

    `standing` is for the logins that must fail: `inactive`, `locked`, `password-expired`, `sso`
    (no password login), and `no-api`, whose login works and whose calls are all refused.
    """

    name: str = "emulator@example.com"
    password: str = field(default="password", repr=False)
    id: int = 1
    role: Role = "admin"
    standing: Standing = "active"

    @property
    def home(self) -> str:
        """The user's folder (vault-api.md 7, documented)."""
        return f"/u{self.id}"

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorConfig:
    """Settings of one emulator; every one has a default.

    Args:
        host: the address to listen on; keep it a loopback address.
        port: 0 takes a free one, see `RunningEmulator.port`.
        root: where bytes and state are kept, also for the next emulator that is started on it;
            without it a temporary folder, removed at the end.
        token: accepted as `Authorization`, for the first user, and never runs out.
        tokens: more of them, each with the id of its user.
        idp_tokens: what an identity provider would have issued, each with the id of its user;
            for the OAuth session endpoint.
        users: who may log in; the first one owns `token`.
        discard: keep no bytes (benchmarks). A Content-MD5 that the client sent is answered back
            without hashing, because the hash would cost the client's cores; without one the MD5
            is computed.
        tls: listen with a certificate made at the start, see `RunningEmulator.ca_pem`.
        switches: how this Vault behaves where that may differ; see `profiles`.
        faults: what goes wrong, and when; more can be added while it runs.
        clock: given by tests that drive time; the machine's clock otherwise.
        vault_id: the Vault's number.
    """

    host: str = "127.0.0.1"
    port: int = 0
    root: Path | None = None
    token: str | None = field(default=None, repr=False)
    tokens: Mapping[str, int] = field(default_factory=dict, repr=False)
    idp_tokens: Mapping[str, int] = field(default_factory=dict, repr=False)
    users: tuple[User, ...] = (User(),)
    discard: bool = False
    tls: bool = False
    switches: Switches = field(default_factory=Switches)
    faults: tuple[Fault, ...] = ()
    clock: Clock | None = None
    vault_id: int = 1000

    def __post_init__(self) -> None:
        ids, names = {user.id for user in self.users}, {user.name for user in self.users}
        if not self.users:
            raise ValueError("an emulator needs at least one user")
        if len(ids) < len(self.users) or len(names) < len(self.users):
            raise ValueError("two users have the same id or name")
        if self.discard and self.root is not None:
            raise ValueError("discard keeps nothing, so it has no use for a root")
        if unknown := {*self.tokens.values(), *self.idp_tokens.values()} - ids:
            raise ValueError(f"tokens name users that do not exist: {sorted(unknown)}")

    def all_tokens(self) -> dict[str, int]:
        """Every token that works from the start, with its user's id."""
        own = {} if self.token is None else {self.token: self.users[0].id}
        return {**self.tokens, **own}
