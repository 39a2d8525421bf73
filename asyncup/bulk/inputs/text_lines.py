"""The lines of a text file, numbered, however long and however wrong they are. Blocks: for worker threads.

Must not know what is in the lines.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TextIO

from asyncup.bulk.errors import ManifestError

__all__ = ["LONGEST_LINE", "Line", "LineReader", "open_lines"]

LONGEST_LINE = 1_000_000
"""Characters. A row of a manifest has thousands at most; a file without line ends must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its end, if it has one. Bytes that are no UTF-8 are surrogates in it (`surrogateescape`).

    Attributes:
        number: counted from 1.
        text: what stands there.
        cut: True when it was too long, and only its beginning is here.
    """

    number: int
    text: str
    cut: bool = False


class LineReader:
    """Reads lines one by one, and takes lines back that are to be read again."""

    def __init__(self, file: TextIO) -> None:
        self._lines = self._read(file)
        self._again: deque[Line] = deque()

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        """Return the next line, which may be one that was taken back."""
        return self._again.popleft() if self._again else next(self._lines)

    def take_back(self, lines: list[Line]) -> None:
        """Let the next lines be these."""
        self._again.extendleft(reversed(lines))

    @staticmethod
    def _read(file: TextIO) -> Generator[Line]:
        number = 0
        while text := file.readline(LONGEST_LINE):
            number += 1
            cut = rest = len(text) == LONGEST_LINE and not text.endswith(("\n", "\r"))
            while rest:
                more = file.readline(LONGEST_LINE)
                rest = len(more) == LONGEST_LINE and not more.endswith(("\n", "\r"))
            yield Line(number, text, cut)


def open_lines(path: str | os.PathLike[str]) -> TextIO:
    r"""Open a file in UTF-8, with or without a byte order mark; lines may end in \n, \r\n or \r.

    Raises:
        ManifestError: it cannot be opened.
    """
    name = os.fspath(path)
    try:
        return open(name, encoding="utf-8-sig", errors="surrogateescape", newline="")  # noqa: PTH123 - the text may be no path
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ManifestError(f"{name} cannot be opened: {reason}", hint="Check the path and its permissions") from error
