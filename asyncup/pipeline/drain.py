"""Ending uploads early and in order: nothing new is begun, what is on its way to Vault may arrive.

A `Drain` is handed to any number of uploads. When it is requested, an upload that is waiting for a disk, a hash, a
pause or a job ends at once; one whose request changes something in Vault (a part, a commit, a new upload session) ends
when that is answered, so that no byte is sent for nothing and no answer is lost. It then raises `UploadInterrupted`,
and its upload session can be continued. How long to wait for that is the caller's to say, who cancels when it is too
long.

Must not know signals, files or what the requests are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from asyncup.errors import UploadInterrupted

__all__ = ["Drain", "Lane"]


class Drain:
    """Asks uploads to end soon. For one event loop; `request` is called on it."""

    def __init__(self) -> None:
        self._requested = False
        self._lanes: set[Lane] = set()

    @property
    def requested(self) -> bool:
        """True once the uploads were asked to end."""
        return self._requested

    def request(self) -> None:
        """Ask every upload that has this drain to end, and those that will have it not to begin."""
        self._requested = True
        for lane in tuple(self._lanes):
            lane.end()

    @contextmanager
    def lane(self) -> Iterator[Lane]:
        """Run one upload inside.

        Raises:
            UploadInterrupted: it was ended before it was done.
        """
        with anyio.CancelScope() as scope:
            lane = Lane(scope)
            self._lanes.add(lane)
            if self._requested:
                lane.end()
            try:
                yield lane
            finally:
                self._lanes.discard(lane)
        if scope.cancelled_caught:
            raise lane.interruption()


class Lane:
    """One upload that can be ended early.

    Attributes:
        session_id: the upload session that is left open when it ends now; None while there is none.
        job_id: the job by which Vault finishes the file on its own.
    """

    def __init__(self, scope: anyio.CancelScope) -> None:
        self._scope = scope
        self._ending = False
        self._in_flight = 0
        self.session_id: str | None = None
        self.job_id: int | None = None

    def end(self) -> None:
        """End as soon as nothing is in flight."""
        self._ending = True
        self._end_when_idle()

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """Let what happens inside come to its end, once it has begun.

        Raises:
            UploadInterrupted: the upload is ending: nothing new is begun.
        """
        if self._ending:
            raise self.interruption()
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
            self._end_when_idle()

    def _end_when_idle(self) -> None:
        if self._ending and not self._in_flight:
            self._scope.cancel()

    def interruption(self) -> UploadInterrupted:
        """Return the exception that says what is left."""
        if self.job_id is not None:
            left = f"Vault has every byte and finishes the file by itself (job {self.job_id})"
        elif self.session_id is not None:
            left = "the upload session is left open"
        else:
            left = "no upload session is open"
        hint = "" if self.job_id is not None else "Upload it again to continue"
        error = UploadInterrupted(f"interrupted: {left}", hint=hint)
        error.session_id, error.job_id = self.session_id, self.job_id
        return error
