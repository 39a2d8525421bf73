"""What became of one input of a bulk run, for a program. Values only."""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter

from asyncup.bulk.inputs.item import Columns
from asyncup.bulk.journal.entry import Entry, State

__all__ = ["FileResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """One input that came to its end in this run.

    Attributes:
        id: its number in the journal.
        row: its line in the manifest, or its number among a program's items, counted from 1; None in a folder.
        file: the local file.
        destination: where it is in Vault, or should be; None when the input was BROKEN.
        state: DONE, SKIPPED (it was in place already), FAILED or BROKEN (the input was none that can be sent).
        size: its bytes; None when they are not known.
        md5s: each part's MD5, lower-case hex, in part order; a file that was sent in one request has one.
        parts: how many parts; None when nothing was sent.
        attempts: how often it was begun, in all runs.
        seconds: how long it took in this run, waiting for Vault's job included.
        calls: API calls that were made for it alone in this run.
        bytes_written: bytes handed to the network for it in this run, repeated attempts included.
        session_id: an upload session that is left open, because it can be continued; None otherwise.
        error_type: Vault's error type, the name of an exception, or of what is wrong with the input.
        error: the same in words; for SKIPPED, how it is known that it was in place.
        columns: the manifest's further columns.
    """

    id: int
    row: int | None
    file: str
    destination: str | None
    state: State
    size: int | None
    md5s: tuple[str, ...]
    parts: int | None
    attempts: int
    seconds: float | None
    calls: int | None
    bytes_written: int | None
    session_id: str | None
    error_type: str | None
    error: str | None
    columns: Columns

    @property
    def in_vault(self) -> bool:
        """True when the file is in Vault: sent now, or there already."""
        return self.state in (State.DONE, State.SKIPPED)

    @classmethod
    def of(cls, entry: Entry) -> FileResult:
        """Return what the journal has of it."""
        return cls(**dict(zip(_NAMES, _VALUES(entry), strict=True)))


_NAMES = tuple(field.name for field in fields(FileResult))
_VALUES = attrgetter(*_NAMES)
