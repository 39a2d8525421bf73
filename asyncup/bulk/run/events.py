"""What happens to a bulk run as a whole, as values; what happens to its files are the events of `asyncup.events`.

A hook gets both, on the event loop and in order, and must return at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from asyncup.bulk.report.file_result import FileResult
from asyncup.bulk.run.live_settings import LiveSettings
from asyncup.events import Event

__all__ = [
    "FileEnded",
    "FileToBeRepeated",
    "FolderListed",
    "LanesChanged",
    "RunEvent",
    "RunHook",
    "RunWarning",
    "SessionsSortedOut",
    "SettingsChanged",
    "SettingsRefused",
    "SourceRead",
]


@dataclass(frozen=True, slots=True)
class FileEnded:
    """An input came to its end, and the journal has it."""

    result: FileResult


@dataclass(frozen=True, slots=True)
class FileToBeRepeated:
    """A file failed in a way that may pass: it is begun again. `attempt` counts those of this run, from 1."""

    path: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class SourceRead:
    """Every input is in the journal now."""

    inputs: int


@dataclass(frozen=True, slots=True)
class FolderListed:
    """A destination folder was listed, to see what is in place. `items` is None when there is no such folder."""

    folder: str
    items: int | None


@dataclass(frozen=True, slots=True)
class LanesChanged:
    """So many files may be sent at once from now on; `limited_by` says why not more, in words."""

    lanes: int
    limited_by: str


@dataclass(frozen=True, slots=True)
class SessionsSortedOut:
    """Upload sessions that were open when the run began, by what becomes of them.

    Attributes:
        continued: left by an earlier run, and gone on with.
        aborted: left by an earlier run, and of no use any more.
        others: somebody else's.
        allowed: how many this run may hold.
    """

    continued: int
    aborted: int
    others: int
    allowed: int


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """What was asked for while the run is in progress holds from now on."""

    settings: LiveSettings


@dataclass(frozen=True, slots=True)
class SettingsRefused:
    """What was asked for makes no sense; what held before holds on."""

    reason: str


@dataclass(frozen=True, slots=True)
class RunWarning:
    """Something that a person should know, in a whole sentence."""

    text: str


RunEvent: TypeAlias = (
    FileEnded
    | FileToBeRepeated
    | SourceRead
    | FolderListed
    | LanesChanged
    | SessionsSortedOut
    | SettingsChanged
    | SettingsRefused
    | RunWarning
)

RunHook: TypeAlias = Callable[[Event | RunEvent], None]
