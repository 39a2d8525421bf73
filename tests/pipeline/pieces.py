"""A part for the hasher, in pieces of the test's making."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator

from asyncup.pipeline.mapped_buffer import MappedBuffer
from asyncup.protocol.plan import Part

__all__ = ["MappedPieces", "Pieces"]


class Pieces:
    """A part that nobody sends. `before` is called with each piece's position before it is given."""

    def __init__(self, *pieces: bytes, number: int = 1, before: Callable[[int], None] = lambda _: None) -> None:
        self.part = Part(number, 0, sum(map(len, pieces)))
        self._pieces = pieces
        self._before = before
        self.given = 0

    @property
    def length(self) -> int:
        return self.part.length

    def load(self, given_up: threading.Event) -> None:
        raise AssertionError("it is loaded")

    def pieces(self) -> Iterator[memoryview]:
        for number, piece in enumerate(self._pieces):
            self._before(number)
            self.given += 1
            yield memoryview(piece)

    def slices(self) -> AsyncIterator[memoryview]:
        raise AssertionError("nobody sends")


class MappedPieces(MappedBuffer):
    """A part that was loaded under a lease, as far as the hasher knows; nobody sends it."""

    def __init__(self, *pieces: bytes, number: int = 1) -> None:
        self.part = Part(number, 0, sum(map(len, pieces)))
        self._given = pieces
        self.given = 0

    def pieces(self) -> Iterator[memoryview]:
        for piece in self._given:
            self.given += 1
            yield memoryview(piece)
