"""A part as the file's own pages, without a copy, for as long as the kernel promises that nobody writes to the file.

Life of one: MAPPED under the lease; when a writer knocks, the lease's watcher calls `let_go`, which leaves only the
bytes that the network holds at that moment and makes the part HOLLOW; then `refill` reads the rest back, and it is
FILLED, or LOST when the file is not what it was. Whoever sends waits while it is hollow.

Three threads meet here: the event loop sends, a worker thread hashes, the watcher lets go. The hasher takes the bytes
from the mapped pages, some milliseconds' worth at a time: each piece is made present first, where a failing disk is an
error instead of a signal, and counts only when the pages were still the file's after it was hashed. Without that it
reads the file into a scratch buffer. Must not know the network or Vault.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import AsyncGenerator, Iterator

import anyio
import anyio.to_thread

from asyncup.errors import SourceError
from asyncup.pipeline.lease import ReadLease
from asyncup.pipeline.memory_map import FilePages
from asyncup.pipeline.part_buffer import PiecesWithdrawn, go_on_unless, next_bound, slice_bounds
from asyncup.pipeline.source import Source
from asyncup.protocol.plan import Part
from asyncup.vault.slice_size import SLICE

__all__ = ["MappedBuffer"]

_PIECE = 2**24
"""Bytes hashed at once from the file's own pages, which takes 20 ms: between two of them the interpreter's lock is
needed, and while the loop holds it, to send what was encrypted, a core stands still. A cancellation waits for one.
"""

_SCRATCH = 2**19
"""Bytes read and hashed at once: they stay in a core's own cache in between."""

_HELD_BY_TRANSPORT = 2 * SLICE
"""A transport holds at most the slice it was given last and the end of the one before (its flow control): so much,
or, where the last one is larger, that and as much before it as a slice has else."""


class _State(enum.Enum):
    MAPPED = enum.auto()
    HOLLOW = enum.auto()
    FILLED = enum.auto()
    LOST = enum.auto()


class MappedBuffer:
    """A part of a file under a read lease.

    Args:
        source: the file.
        part: which range of it.
        lease: the promise. It must be held when this is called.

    Raises:
        OSError: the range cannot be mapped.
    """

    def __init__(self, source: Source, part: Part, lease: ReadLease) -> None:
        self.part = part
        self._source = source
        self._lease = lease
        self._pages = FilePages(source.fd, part.offset, part.length)
        self._state = _State.MAPPED
        self._changing = threading.Lock()
        self._settled = threading.Event()
        self._refilling = False
        self._closed = False
        self._held_from = self._handed_out = 0
        self._kept = (0, 0)
        self._lost: SourceError | None = None

    @property
    def length(self) -> int:
        """See `PartBuffer`."""
        return self.part.length

    def load(self, given_up: threading.Event) -> None:
        """See `PartBuffer`. A page that cannot be read is noticed here, and not when it is sent."""
        try:
            for begin, end in self._source.in_pieces(self.part.offset, self.part.length):
                go_on_unless(given_up)
                self._pages.populate(begin, end)
        except OSError as error:
            # Whether the file shrank or the disk failed is seen by looking.
            self._source.verify_unchanged()
            raise self._source.unreadable(error) from error

    def pieces(self) -> Iterator[memoryview]:
        """See `PartBuffer`."""
        begin = 0
        while begin < self.part.length and self._may_touch(begin, end := min(begin + _PIECE, self.part.length)):
            yield self._pages.view[begin:end]
            if not self._is_mapped():
                raise PiecesWithdrawn
            begin = end
        scratch = memoryview(bytearray(min(_SCRATCH, self.part.length - begin)))
        for position in range(begin, self.part.length, _SCRATCH):
            piece = scratch[: min(_SCRATCH, self.part.length - position)]
            self._source.read(piece, self.part.offset + position)
            yield piece
        self._source.verify_unchanged()

    async def slices(self) -> AsyncGenerator[memoryview, int | None]:
        """See `PartBuffer`."""
        bounds = slice_bounds(self.part.length)
        bound = next(bounds, None)
        while bound is not None:
            begin, end = bound
            while not self._hand_out(begin, end):
                await anyio.to_thread.run_sync(self._settled.wait)
            wanted = yield self._pages.view[begin:end]
            bound = next_bound(bounds, wanted)

    def let_go(self) -> int:
        """Leave the file's pages; return the bytes that were copied. After this the lease may be given back.

        Without memory for the copy the part is lost instead: its pages are not touched any more.
        """
        with self._changing:
            if self._state is not _State.MAPPED:
                return 0
            self._kept = (self._held_from, self._handed_out)
            try:
                self._pages.hollow_out(*self._kept)
            except OSError as error:
                # A transport may still hold slices: they must not become the file's pages that it has no more.
                self._pages.abandon()
                self._lost = self._source.unreadable(error)
                self._state = _State.LOST
                return 0
            self._state = _State.HOLLOW
        return self._kept[1] - self._kept[0]

    def refill(self) -> None:
        """Read back what `let_go` left out, unless the file was changed. Whoever sends goes on then, or fails."""
        with self._changing:
            before = self._state
            if before is not _State.HOLLOW:
                return
            self._refilling = True
        lost: SourceError | None = None
        try:
            for begin, end in ((0, self._kept[0]), (self._kept[1], self.part.length)):
                if self._pages.refill(begin, end) < end - begin:
                    raise self._source.changed("it is shorter now")
            self._source.verify_unchanged()
        except OSError as error:
            lost = self._source.unreadable(error)
        except SourceError as error:
            lost = error.with_traceback(None)  # which has this frame: a circle
        with self._changing:
            self._refilling = False
            if self._closed:
                self._pages.close()
            else:
                self._lost = lost
                self._state = _State.FILLED if lost is None else _State.LOST
        self._settled.set()

    def close(self) -> None:
        """Unmap, or leave that to the refill that is under way. Nothing may be asked of it after this."""
        with self._changing:
            self._closed = True
            self._state = _State.LOST
            self._lost = None  # its traceback has frames that have this buffer: a circle
            self._settled.set()
            if not self._refilling:
                self._pages.close()

    def _is_mapped(self) -> bool:
        with self._changing:
            return self._state is _State.MAPPED

    def _may_touch(self, begin: int, end: int) -> bool:
        """True when the file's pages are here, in memory, and under the lease: for as long as one piece takes."""
        if not self._is_mapped() or not self._lease.protects():
            return False
        try:
            return self._pages.make_present(begin, end)
        except OSError as error:
            self._source.verify_unchanged()
            raise self._source.unreadable(error) from error

    def _hand_out(self, begin: int, end: int) -> bool:
        """Say that the bytes up to `end` are about to be sent; False when they must be waited for."""
        with self._changing:
            if self._state is _State.HOLLOW:
                return False
            if self._lost is not None:
                raise self._lost
            if self._state is _State.LOST or (self._state is _State.MAPPED and not self._lease.protects()):
                raise self._source.changed("somebody wrote to it while this process was standing still")
            self._held_from = max(0, min(begin - SLICE, end - _HELD_BY_TRANSPORT))
            self._handed_out = end
            return True
