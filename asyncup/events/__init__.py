"""What happens during an upload, as values: the only source for progress bars, logs, metrics and benchmark figures.

A hook is an argument, never a global: `upload(..., on_event=hook)`. It is called on the event loop, in order, with one
of the frozen values below, and must return at once. An exception that it raises ends the upload: it is the caller's.

Two counters are kept apart. `BytesWritten` counts what was handed to the operating system for the wire, attempts
included; `PartAcknowledged` counts what Vault has confirmed with our MD5. Progress shows the second: it never falls
and never passes the file's size.

Imports nothing of asyncup and knows neither HTTP nor files.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncup.events.call_events import (
    BreakerClosed,
    BreakerOpened,
    BurstBudgetLow,
    CallDelayed,
    RetryScheduled,
    VaultHeld,
)
from asyncup.events.file_events import (
    BufferKind,
    BuffersChanged,
    BytesWritten,
    JobStatusSeen,
    PartAcknowledged,
    PartHashed,
    PartRead,
    PartStarted,
    SourceTouched,
    Stage,
    StageEntered,
    UnfinishedSessionSeen,
    UploadFinished,
    UploadSessionOpened,
    UploadStarted,
)

__all__ = [
    "BreakerClosed",
    "BreakerOpened",
    "BufferKind",
    "BuffersChanged",
    "BurstBudgetLow",
    "BytesWritten",
    "CallDelayed",
    "Event",
    "EventHook",
    "JobStatusSeen",
    "PartAcknowledged",
    "PartHashed",
    "PartRead",
    "PartStarted",
    "RetryScheduled",
    "SourceTouched",
    "Stage",
    "StageEntered",
    "UnfinishedSessionSeen",
    "UploadFinished",
    "UploadSessionOpened",
    "UploadStarted",
    "VaultHeld",
]

Event = (
    UploadSessionOpened
    | UnfinishedSessionSeen
    | UploadStarted
    | PartRead
    | PartHashed
    | PartStarted
    | BytesWritten
    | PartAcknowledged
    | StageEntered
    | BuffersChanged
    | SourceTouched
    | RetryScheduled
    | BurstBudgetLow
    | CallDelayed
    | VaultHeld
    | BreakerOpened
    | BreakerClosed
    | JobStatusSeen
    | UploadFinished
)

EventHook = Callable[[Event], None]
