"""Files of a report that are there as a whole or not at all. Blocks: for worker threads."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

__all__ = ["written_whole"]


@contextmanager
def written_whole(path: Path) -> Generator[TextIO]:
    """Open a file for writing under another name, and give it its own when it is whole and on the disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
