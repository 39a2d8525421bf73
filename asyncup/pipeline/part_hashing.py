"""One part on its way to its digest: from the pieces of its buffer to a message of `multi_md5`. In a worker thread.

Must not know which parts are hashed together, nor the event loop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from asyncup.pipeline import multi_md5
from asyncup.pipeline.part_buffer import PartBuffer, PartBytes, PiecesWithdrawn
from asyncup.pipeline.pending_digest import PendingDigest

__all__ = ["HashingStopped", "PartHashing"]


class HashingStopped(RuntimeError):
    """The hasher was left before this part's digest was known. Whoever still waits for it then has a bug."""

    def __init__(self) -> None:
        super().__init__("hashing was stopped before this part's digest was known")


class PartHashing:
    """A part whose digest is being computed.

    Args:
        source: the part's bytes.
        pending: what its digest is waited for with.
        new_message: makes the message that its bytes are given to.

    Attributes:
        loaded: the buffer of a part that was not loaded when this began, since it is. On the event loop only.
        has_ended: True when it was found that the part cannot be hashed before it is loaded. On the event loop only.
    """

    def __init__(self, source: PartBytes, pending: PendingDigest, new_message: Callable[[], multi_md5.Message]) -> None:
        self.source = source
        self.pending = pending
        self.message = new_message()
        self._new_message = new_message
        self._pieces: Iterator[memoryview] | None = None
        self._begun_s = 0.0
        self.loaded: PartBuffer | None = None
        self.has_ended = False

    @property
    def seconds(self) -> float:
        """How long ago `begin` was called."""
        return time.perf_counter() - self._begun_s

    def begin(self) -> None:
        """Note the time."""
        self._begun_s = time.perf_counter()

    def go_on(self, stopped: threading.Event) -> bytes | BaseException | None:
        """Return the digest, or why there is none; None when bytes of its message are to be computed first.

        A digest of less than the whole part never leaves this function.

        Args:
            stopped: set when nobody should wait for this digest any more, so as not to hold up a cancellation.
        """
        try:
            while not stopped.is_set():
                if self.message.ready:
                    return None
                if not self._next_piece():
                    return self.message.digest()
        except BaseException as error:  # noqa: BLE001 - it is raised where the digest is waited for
            # Its traceback holds frames that hold the part's bytes.
            return error.with_traceback(None)
        return HashingStopped()

    def let_go(self) -> None:
        """Hold nothing of the part's bytes any more: who knows the digest may unmap them at once."""
        self.message, self._pieces = self._new_message(), None

    def _next_piece(self) -> bool:
        """Go on to the next piece, when nothing of the last one is ready any more. False when there is none."""
        if self._pieces is None:
            self._pieces = self.source.pieces()
        try:
            piece = next(self._pieces, None)
        except PiecesWithdrawn:
            pass  # not again in here: a later error would keep this one, and so a piece of the part
        else:
            if piece is not None:
                self.message.give(piece)
            return piece is not None
        self.let_go()
        return True
