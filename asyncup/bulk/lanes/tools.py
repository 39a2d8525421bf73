"""What all lanes share, and what comes of a file that was sent. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from asyncup.bulk.budgets.session_slots import SessionSlots
from asyncup.bulk.in_vault.in_place import InPlace
from asyncup.bulk.journal.journal import Journal
from asyncup.bulk.lanes.session_room import SessionRoom
from asyncup.pipeline.drain import Drain
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.options import UploadOptions
from asyncup.pipeline.source import SourceIdentity
from asyncup.vault.client import Vault

__all__ = ["CommitTaken", "LaneTools", "Sent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneTools:
    """What all lanes share.

    Attributes:
        vault: the Vault.
        journal: told of upload sessions and commits before anything is done with them.
        options: how each file is sent.
        memory: the byte budget.
        drain: ends all lanes in order.
        slots: upload sessions that may be held.
        room: creates upload sessions, as soon as Vault has room for them.
        in_place: what Vault has already.
        look_first: look there before anything is sent.
        overwrite: for files that do not say.
        large_from: bytes from which on a file needs an upload session.
    """

    vault: Vault
    journal: Journal
    options: UploadOptions
    memory: MemoryBudget
    drain: Drain
    slots: SessionSlots
    room: SessionRoom
    in_place: InPlace
    look_first: bool
    overwrite: bool
    large_from: int


@dataclass(frozen=True, slots=True)
class Sent:
    """The file is in Vault. `identity` is what it was when it was sent, as far as that is known."""

    size: int
    md5s: tuple[str, ...]
    parts: int
    identity: SourceIdentity | None = None


@dataclass(frozen=True, slots=True)
class CommitTaken:
    """Vault has every byte; the file is there once the job has succeeded."""

    job_id: int
    sent: Sent
