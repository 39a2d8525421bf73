"""What tests of whole uploads share: options for the memory Vault's small parts, and a witness of all events."""

from __future__ import annotations

from collections.abc import Awaitable
from itertools import pairwise
from typing import TypeVar

import pytest

from asyncup import RetryPolicy, UploadOptions
from asyncup.errors import AsyncupError
from asyncup.events import (
    BytesWritten,
    Event,
    PartAcknowledged,
    PartHashed,
    PartRead,
    PartStarted,
    StageEntered,
    UploadFinished,
    UploadSessionOpened,
    UploadStarted,
)

T = TypeVar("T")
E = TypeVar("E", bound=Event)

PART_SIZE = 10_000
PARTS = 10
"""Of `local_file`: nine whole ones, and one of 5000 bytes."""

ATTEMPTS = 4
OPTIONS = UploadOptions(
    part_size=PART_SIZE,
    memory_budget=4 * PART_SIZE,
    retry=RetryPolicy(max_attempts=ATTEMPTS, first_contact_attempts=ATTEMPTS),
    small_file_max=500,
)


async def outcome(upload: Awaitable[T]) -> T | AsyncupError:
    """Return what an upload returns or raises. Anything but one `AsyncupError`, a group too, fails the test."""
    error: AsyncupError
    try:
        return await upload
    except AsyncupError as raised:
        error = raised
    assert str(error)
    assert "\n" not in str(error)
    return error


def succeeded(result: T | AsyncupError) -> T:
    """Return what an upload returned; fail the test with what it raised."""
    if isinstance(result, AsyncupError):
        pytest.fail(f"{type(result).__name__}: {result}")
    return result


class Witness:
    """An event hook that remembers, and knows what must be true of events in any upload of one file."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def acknowledged(self) -> int:
        """Bytes that progress would show now."""
        counters = [event.resumed_bytes for event in self.of(UploadStarted)]
        counters += [event.acknowledged for event in self.of(PartAcknowledged)]
        return max(counters, default=0)

    def assert_consistent(self) -> None:
        """Fail when an event contradicts those before it."""
        assert self.events, "nothing was told"
        self._order_of_milestones()
        self._order_of_parts()
        self._counters()
        stages = [event.stage for event in self.of(StageEntered)]
        assert all(before is not after for before, after in pairwise(stages))
        paths = {event.path for event in self.events if hasattr(event, "path") and event.path is not None}
        assert len(paths) == 1

    def _order_of_milestones(self) -> None:
        for milestone in (UploadSessionOpened, UploadStarted, UploadFinished):
            assert len(self.of(milestone)) <= 1
        started = [at for at, event in enumerate(self.events) if isinstance(event, UploadStarted)]
        opened = [at for at, event in enumerate(self.events) if isinstance(event, UploadSessionOpened)]
        parts = [at for at, event in enumerate(self.events) if isinstance(event, PartRead | PartStarted)]
        assert opened + started == sorted(opened + started)
        assert not parts or (started and started[0] < min(parts))
        if self.of(UploadFinished):
            finished = self.of(UploadFinished)[0]
            assert self.events[-1] is finished
            assert self.acknowledged == finished.size
            total = finished.disk_s + finished.hash_s + finished.wire_s + finished.vault_s
            assert total == pytest.approx(finished.elapsed_s, rel=1e-9, abs=1e-9)
            assert min(finished.disk_s, finished.hash_s, finished.wire_s, finished.vault_s) >= 0

    def _order_of_parts(self) -> None:
        """A part is read before it is hashed, and offered only when the one before it is acknowledged."""
        resumed = next((event.resumed_parts for event in self.of(UploadStarted)), 0)
        read, acknowledged, attempt = resumed, resumed, 0
        for event in self.events:
            match event:
                case PartRead():
                    assert event.part == read + 1
                    read += 1
                case PartStarted():
                    assert event.part == acknowledged + 1
                    assert event.attempt == attempt + 1
                    attempt += 1
                case PartAcknowledged():
                    assert event.part == acknowledged + 1
                    acknowledged, attempt = event.part, 0
                case BytesWritten():
                    assert event.part == acknowledged + 1
                case _:
                    pass

    def _counters(self) -> None:
        written = 0
        for event in self.of(BytesWritten):
            written += event.length
            assert event.total == written
        started = self.of(UploadStarted)
        if not started:
            return
        acknowledged = started[0].resumed_bytes
        for part in self.of(PartAcknowledged):
            acknowledged += part.length
            assert part.acknowledged == acknowledged
        assert acknowledged <= started[0].size
        # A held part is hashed to be compared, and once more when it is to be sent again.
        hashed = [event.part for event in self.of(PartHashed) if event.part <= started[0].resumed_parts]
        assert len(hashed) == len(set(hashed))
