"""What happens to one file on its way. Values only."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = [
    "BufferKind",
    "BuffersChanged",
    "BytesWritten",
    "JobStatusSeen",
    "PartAcknowledged",
    "PartHashed",
    "PartRead",
    "PartStarted",
    "SourceTouched",
    "Stage",
    "StageEntered",
    "UnfinishedSessionSeen",
    "UploadFinished",
    "UploadSessionOpened",
    "UploadStarted",
]


class Stage(enum.Enum):
    """What an upload is waiting for. At every instant it is exactly one of these."""

    __hash__ = object.__hash__  # Enum's own is a function of Python's, and each file looks up twenty

    DISK = "disk"
    """The next part is being read (or waits for memory)."""
    HASH = "hash"
    """The next part is read, its MD5 is still being computed."""
    WIRE = "wire"
    """The network is taking the part's bytes."""
    VAULT = "vault"
    """Everything is sent; Vault has not answered yet. Also every call that carries no file bytes."""


class BufferKind(enum.Enum):
    """Where a part's bytes live while they are sent."""

    MAPPED = "mapped"
    """The file's own pages, under a read lease."""
    COPIED = "copied"
    """Anonymous memory, filled by `preadv`."""


@dataclass(frozen=True, slots=True)
class UploadSessionOpened:
    """An upload session exists for this file: from here on the upload can be resumed.

    Attributes:
        path: the local file.
        session_id: the upload session.
        created: True when it was made now, False when an existing one is continued.
    """

    path: str
    session_id: str
    created: bool


@dataclass(frozen=True, slots=True)
class UnfinishedSessionSeen:
    """Vault lists an unfinished upload session for the same destination and size, and it is not continued.

    Attributes:
        path: the local file.
        session_id: that upload session.
        aborted: True when it was aborted, to start over; False when it is left alone, because it holds other bytes
            than the file's.
    """

    path: str
    session_id: str
    aborted: bool


@dataclass(frozen=True, slots=True)
class UploadStarted:
    """The plan is made; the first missing part is about to be read.

    Attributes:
        path: the local file.
        session_id: the upload session; None when the file goes in one request.
        size: the file's bytes.
        parts: how many parts the file has in all.
        part_size: bytes of every part but the last.
        resumed_parts: parts that Vault held already and whose MD5 agrees.
        resumed_bytes: the bytes of those.
        buffers: which kind of part buffer is used to begin with.
    """

    path: str
    session_id: str | None
    size: int
    parts: int
    part_size: int
    resumed_parts: int
    resumed_bytes: int
    buffers: BufferKind


@dataclass(frozen=True, slots=True)
class PartRead:
    """A part's bytes are in memory. `seconds` is the time that reading took, in a worker thread."""

    path: str
    part: int
    length: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PartHashed:
    """A part's MD5 is known. `seconds` is the time that hashing took, in a worker thread.

    It may come before the part's `PartRead`, and a second time where the part was copied after all and hashed anew.
    """

    path: str
    part: int
    length: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PartStarted:
    """A part is offered to Vault. `attempt` counts from 1."""

    path: str
    part: int
    length: int
    attempt: int


@dataclass(frozen=True, slots=True)
class BytesWritten:
    """The network took another slice of a part. `total` counts every byte written for the file, attempts included."""

    path: str
    part: int
    length: int
    total: int


@dataclass(frozen=True, slots=True)
class PartAcknowledged:
    """Vault holds the part, with our MD5 (hex). `acknowledged` is the file's bytes that it holds now."""

    path: str
    part: int
    length: int
    md5: str
    acknowledged: int


@dataclass(frozen=True, slots=True)
class StageEntered:
    """The upload now waits for something else."""

    path: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class BuffersChanged:
    """Somebody wants to write to the file: its lease was given back, and parts are copied from now on.

    Attributes:
        path: the local file.
        buffers: the kind used from now on.
        evacuated_bytes: bytes of mapped parts that were copied before the lease was given back.
        seconds: how long that took, from noticing the writer to letting it go on.
    """

    path: str
    buffers: BufferKind
    evacuated_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SourceTouched:
    """The file's times or attributes changed and its size did not, with `source_changes="warn"`.

    The upload goes on; before its end every part is read again and compared.

    Attributes:
        path: the local file.
        how: what was noticed, in words.
    """

    path: str
    how: str


@dataclass(frozen=True, slots=True)
class JobStatusSeen:
    """The job that makes the file appear was asked for its status."""

    path: str
    job_id: int
    status: str


@dataclass(frozen=True, slots=True)
class UploadFinished:
    """Every byte is acknowledged (and committed, when that was asked for).

    Attributes:
        path: the local file.
        size: its bytes.
        elapsed_s: seconds from the call to here.
        disk_s, hash_s, wire_s, vault_s: the seconds spent waiting in each stage; they add up to `elapsed_s`.
    """

    path: str
    size: int
    elapsed_s: float
    disk_s: float
    hash_s: float
    wire_s: float
    vault_s: float
