"""What the journal knows of an input, and how that may change: values, and one table.

    PENDING ──> SENDING ──> COMMITTING ──> DONE
       ^  ^        │  │          │
       │  └────────┘  ├──────────┴──────> FAILED
       │              └─────────────────> SKIPPED       BROKEN: an input that is none that can be sent
       └── DONE, FAILED, SKIPPED (on purpose: see `REOPENED`)

Must not know SQL, files or Vault.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from asyncup.bulk.inputs.item import Columns, Leftover
from asyncup.pipeline.source import SourceIdentity

__all__ = [
    "ALLOWED_FROM",
    "LEADS_TO",
    "NOT_IN_VAULT",
    "REOPENED",
    "TERMINAL",
    "Added",
    "Change",
    "CommitStarted",
    "Count",
    "Done",
    "Entry",
    "Failed",
    "LeftInVault",
    "Matching",
    "Order",
    "Released",
    "RunKey",
    "SessionClosed",
    "SessionOpened",
    "Skipped",
    "State",
    "Tally",
]


class State(enum.StrEnum):
    """Where an input is on its way."""

    PENDING = "PENDING"
    SENDING = "SENDING"
    COMMITTING = "COMMITTING"
    DONE = "DONE"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    BROKEN = "BROKEN"


TERMINAL = frozenset({State.DONE, State.FAILED, State.SKIPPED, State.BROKEN})
"""States that a run leaves an input in when it ends by itself."""

REOPENED = frozenset({State.DONE, State.FAILED, State.SKIPPED})
"""States from which an input may be made PENDING again: to retry it, or because the file is another one now."""


class Order(enum.StrEnum):
    """Which of the pending inputs comes next, within its lane class."""

    AS_GIVEN = "as-given"
    NAME = "name"
    SMALLEST = "smallest"
    LARGEST = "largest"


class Matching(enum.StrEnum):
    """When two destinations are one.

    Whether Vault tells upper from lower case, and one Unicode form from another, is unknown. FOLDED is the safe
    reading: of two files that might overwrite each other only the first is sent.
    """

    EXACT = "exact"
    NFC = "nfc"
    FOLDED = "folded"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKey:
    """What makes two runs the same one: a journal goes on only with the run that it was begun for.

    Attributes:
        source: the folder or manifest as an absolute path, or any name that a program gives its items.
        destination: the folder in Vault.
        matching: when two destinations are one.
    """

    source: str
    destination: str
    matching: Matching = Matching.FOLDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An input as the journal has it.

    Attributes:
        id: its number in the journal; entries are in the order of their inputs.
        row: its line in the manifest, counted from 1; None for a file of a folder.
        file: the local file; of a BROKEN one, its name for people.
        destination: its path in Vault; None when it is BROKEN.
        expected_size, expected_md5, overwrite, columns: what the manifest says, as in `UploadItem`.
        size: the file's bytes, as far as they are known.
        identity: what the file was when it was last looked at.
        large: True when it goes through an upload session, in the lanes for large files.
        state: where it is.
        attempts: how often it was begun, counted from 1.
        session_id: an upload session of ours that is open for it.
        part_size: the part size of that.
        job_id: the job of its commit.
        md5s: each part's MD5, lower-case hex, in part order, once it is DONE.
        parts, seconds, calls, bytes_written: of the last attempt; see `Done`.
        error_type: the kind of error or trouble that it ended with.
        error: the same in words; for SKIPPED why it was.
        leftover: what is at the destination of a file that was begun, where its size proves nothing.
    """

    id: int
    row: int | None
    file: str
    destination: str | None
    expected_size: int | None
    expected_md5: str | None
    overwrite: bool | None
    columns: Columns
    size: int | None
    identity: SourceIdentity | None
    large: bool
    state: State
    attempts: int
    session_id: str | None
    part_size: int | None
    job_id: int | None
    md5s: tuple[str, ...]
    parts: int | None
    seconds: float | None
    calls: int | None
    bytes_written: int | None
    error_type: str | None
    error: str | None
    leftover: Leftover | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened:
    """An upload session is open for the file. From here on a killed run is continued there."""

    session_id: str
    part_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitStarted:
    """Vault has every part and was asked to make the file of them.

    Attributes:
        job_id: the job, when it is known.
        md5s, parts, identity: as for `Done`, for a run that sees the job end after this one was killed.
    """

    job_id: int | None
    md5s: tuple[str, ...] = ()
    parts: int | None = None
    identity: SourceIdentity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The file is in Vault, every byte acknowledged. Its upload session, if it had one, is no more.

    Attributes:
        size: the bytes that were sent.
        md5s: each part's MD5, hex, in part order; a file sent in one request has one.
        parts: how many parts.
        seconds: how long it took.
        calls: how many API calls.
        bytes_written: bytes handed to the network, repeated attempts included.
        identity: what the file was when it was sent; None leaves what the journal has.
    """

    size: int
    md5s: tuple[str, ...]
    parts: int
    seconds: float
    calls: int
    bytes_written: int
    identity: SourceIdentity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The file is not in Vault, and this run gives it up.

    Attributes:
        error_type: Vault's error type, or the name of the exception.
        error: what Vault said, or the exception in words.
        session_id: the upload session that is left open to be continued, if there is one.
        seconds, calls, bytes_written: as for `Done`.
    """

    error_type: str
    error: str
    session_id: str | None = None
    seconds: float = 0.0
    calls: int = 0
    bytes_written: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """The file is not sent because it is in place already; `reason` says how that is known."""

    reason: str
    calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The file is PENDING again. `begun` is False when nothing was done for it, and then it counts as no attempt."""

    begun: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed:
    """The upload session of an entry that is not being sent was aborted, or is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftInVault:
    """What an attempt has left at the destination. It is remembered until the file is DONE."""

    leftover: Leftover


NOT_IN_VAULT = frozenset({State.PENDING, State.FAILED, State.BROKEN})
"""States in which an input may be withdrawn: nothing is done for it, and it is not in Vault."""

Change: TypeAlias = SessionOpened | CommitStarted | Done | Failed | Skipped | Released | SessionClosed | LeftInVault

_UNDER_WAY = frozenset({State.SENDING, State.COMMITTING})
_AT_REST = frozenset(State) - _UNDER_WAY

ALLOWED_FROM: Mapping[type[Change], frozenset[State]] = MappingProxyType(
    {
        SessionOpened: frozenset({State.SENDING}),
        CommitStarted: frozenset({State.SENDING}),
        Done: _UNDER_WAY,
        Failed: _UNDER_WAY,
        Skipped: frozenset({State.SENDING}),
        Released: _UNDER_WAY,
        SessionClosed: _AT_REST | {State.SENDING},
        LeftInVault: frozenset({State.SENDING}),
    }
)
"""The states in which each change may be recorded. Anything else is a bug of the caller."""

LEADS_TO: Mapping[type[Change], State] = MappingProxyType(
    {
        SessionOpened: State.SENDING,
        CommitStarted: State.COMMITTING,
        Done: State.DONE,
        Failed: State.FAILED,
        Skipped: State.SKIPPED,
        Released: State.PENDING,
    }
)
"""The state that each change leads to; the others leave it as it is."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of inputs that were added.

    Attributes:
        new: inputs that the journal did not know.
        known: inputs that it did.
        reopened: of the known ones, those whose file is another one than was sent.
        broken: of all, those that are BROKEN.
    """

    new: int = 0
    known: int = 0
    reopened: int = 0
    broken: int = 0


@dataclass(frozen=True, slots=True)
class Count:
    """Entries, and the bytes of their files as far as those are known."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """How many entries are in which state, by lane class. As of the last group that was written."""

    small: Mapping[State, Count]
    large: Mapping[State, Count]

    def of(self, *states: State) -> Count:
        """Return the sum over states, small and large; over all of them when none is named."""
        counts = [half[state] for half in (self.small, self.large) for state in (states or State)]
        return Count(sum(count.files for count in counts), sum(count.bytes for count in counts))
