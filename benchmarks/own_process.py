"""A server of ours in a process of its own, which ends when it is left, or when this process is killed.

Must not know what it serves.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["until_left"]

REPOSITORY = Path(__file__).parents[1]
_ENDS_WITHIN_S = 5.0


@contextmanager
def until_left(module: str, *arguments: str) -> Iterator[str]:
    """Run `python -m module`, which ends with its stdin, while inside. Yields the first line that it prints.

    Raises:
        RuntimeError: it ended without a line.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the client first
    )
    assert process.stdin is not None  # noqa: S101 - asked for above
    assert process.stdout is not None  # noqa: S101 - asked for above
    with process:
        try:
            line = process.stdout.readline().strip()
            if not line:
                raise RuntimeError(f"{module} ended instead of listening")
            yield line
        finally:
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_ENDS_WITHIN_S)
            if process.returncode is None:
                process.kill()
