"""One input of a bulk run: an item that can be sent, or what could not become one. Values only."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from asyncup.pipeline.source import SourceIdentity

__all__ = ["NO_COLUMNS", "BrokenInput", "Columns", "Input", "Leftover", "Trouble", "UploadItem"]

Columns: TypeAlias = Mapping[str, Any]
"""A manifest's further columns, in its order: text from CSV, any JSON value from JSON Lines."""

NO_COLUMNS: Columns = MappingProxyType({})


class Trouble(enum.StrEnum):
    """Why an input is none that can be sent. The value is a name for programs; `BrokenInput.reason` is for people."""

    # A row of a manifest.
    TOO_FEW_CELLS = "TOO_FEW_CELLS"
    TOO_MANY_CELLS = "TOO_MANY_CELLS"
    QUOTES = "QUOTES"
    LINE_TOO_LONG = "LINE_TOO_LONG"
    NOT_UTF8 = "NOT_UTF8"
    NUL = "NUL"
    INVALID_JSON = "INVALID_JSON"
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    MISSING_FIELD = "MISSING_FIELD"
    WRONG_TYPE = "WRONG_TYPE"
    EMPTY_FILE = "EMPTY_FILE"
    EMPTY_PATH = "EMPTY_PATH"
    SIZE_NOT_A_NUMBER = "SIZE_NOT_A_NUMBER"
    SIZE_NEGATIVE = "SIZE_NEGATIVE"
    MD5_NOT_HEX = "MD5_NOT_HEX"
    OVERWRITE_NOT_BOOLEAN = "OVERWRITE_NOT_BOOLEAN"
    # Any input.
    DESTINATION = "DESTINATION"
    SAME_DESTINATION = "SAME_DESTINATION"
    # Something in a folder.
    SYMBOLIC_LINK = "SYMBOLIC_LINK"
    SPECIAL_FILE = "SPECIAL_FILE"
    UNREADABLE = "UNREADABLE"
    NAME_NOT_UNICODE = "NAME_NOT_UNICODE"

    @property
    def is_of_source(self) -> bool:
        """True when the trouble is with a file or folder on this machine, not with what was asked for."""
        return self in _OF_SOURCE


_OF_SOURCE = frozenset({Trouble.SYMBOLIC_LINK, Trouble.SPECIAL_FILE, Trouble.UNREADABLE, Trouble.NAME_NOT_UNICODE})


class Leftover(enum.StrEnum):
    """What an earlier attempt may have left at a file's destination: its size says nothing of its bytes then.

    Nothing is replaced because of it that may not be overwritten: somebody may have put another file there since.
    """

    OUTDATED = "OUTDATED"
    """The file was begun, and was written anew since."""
    DAMAGED = "DAMAGED"
    """What was sent is not what arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadItem:
    """A file to be sent.

    Attributes:
        file: the local file.
        path: its destination, an absolute path in file staging.
        size: the bytes that it should have, where the manifest says so.
        md5: the MD5 that it should have (lower-case hex), where the manifest says so.
        overwrite: whether to replace what is there; None leaves it to the run.
        columns: the manifest's further columns, carried through to the results.
        row: its line in the manifest, or its number among the items of a program, both counted from 1. None when the
            file itself says where it came from, as in a folder.
        identity: what the local file was when it was looked at; None when it was not, or cannot be.
        leftover: what an earlier run has left at the destination, where one says so.
        session_id: the upload session that an earlier run has left open for it, where one says so.
    """

    file: str
    path: str
    size: int | None = None
    md5: str | None = None
    overwrite: bool | None = None
    columns: Columns = field(default_factory=lambda: NO_COLUMNS)
    row: int | None = None
    identity: SourceIdentity | None = None
    leftover: Leftover | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenInput:
    """What could not become an item. It gets its record among the results all the same.

    Attributes:
        name: how a person finds it: the file, the path, or the beginning of the line. Always printable as UTF-8.
        trouble: what is wrong, for programs.
        reason: what is wrong, in words.
        row: its line in the manifest, counted from 1; None in a folder.
        columns: the further columns, as far as they could be read.
    """

    name: str
    trouble: Trouble
    reason: str
    row: int | None = None
    columns: Columns = field(default_factory=lambda: NO_COLUMNS)


Input: TypeAlias = UploadItem | BrokenInput
