"""What people and scripts read: errors on stderr, results on stdout. Knows not how they came.

Nobody may be there to read any more: a pipe that was closed, a disk that is full. On stderr that is ignored. On stdout
it is told once and then ignored, so that the uploads go on; the exit code tells it, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import dataclass

from asyncup.cli.sizes import show_bytes, show_rate

__all__ = ["Outcome", "flushed", "one_line", "say", "show_outcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One file that is done. The fields are those of `--json`; `committed` is for people.

    Attributes:
        path: the local file, as it was given.
        destination: where it is in Vault; None when the upload session does not tell.
        session_id: the upload session; None when one request was enough.
        size: the file's bytes.
        parts: how many parts it had.
        part_size: bytes of every part but the last.
        resumed_parts: parts that Vault held before.
        elapsed_s: seconds that it took.
        md5s: each part's MD5, hex, in order.
        committed: False when the parts still wait in an upload session.
    """

    path: str
    destination: str | None
    session_id: str | None
    size: int
    parts: int
    part_size: int
    resumed_parts: int
    elapsed_s: float
    md5s: tuple[str, ...]
    committed: bool

    def as_json(self) -> str:
        """Return the JSON object, on one line."""
        return json.dumps(
            {
                "path": self.path,
                "destination": self.destination,
                "session_id": self.session_id,
                "size": self.size,
                "parts": self.parts,
                "part_size": self.part_size,
                "resumed_parts": self.resumed_parts,
                "elapsed_s": round(self.elapsed_s, 3),
                "md5s": self.md5s,
            }
        )

    def as_line(self) -> str:
        """Return the line for people."""
        where = self.destination if self.committed and self.destination else f"upload session {self.session_id}"
        rate = show_rate(self.size, self.elapsed_s)
        facts = [
            f"{show_bytes(self.size)} in {self.elapsed_s:.1f} s ({rate})",
            "1 part" if self.parts == 1 else f"{self.parts} parts",
        ]
        if self.resumed_parts:
            facts.append(f"{self.resumed_parts} of them were in Vault already")
        if not self.committed:
            facts.append("not committed")
        return f"{self.path} -> {where}: {', '.join(facts)}"


def show_outcome(outcome: Outcome, *, as_json: bool, quiet: bool) -> bool:
    """Print a file's result on stdout: JSON when asked for, else a line unless `quiet`. False: it cannot be written."""
    if quiet and not as_json:
        return True
    try:
        print(outcome.as_json() if as_json else one_line(outcome.as_line()), flush=True)
    except OSError as error:
        say(f"results cannot be written: {error.strerror}")
        _write_to_nowhere()
        return False
    return True


def flushed() -> bool:
    """Write out what is still to be written to stdout; False when that cannot be done."""
    try:
        sys.stdout.flush()
    except OSError:
        _write_to_nowhere()
        return False
    return True


def say(message: str) -> None:
    """Print one line to stderr, with the program's name."""
    with contextlib.suppress(OSError):
        print(f"asyncup: {one_line(message)}", file=sys.stderr, flush=True)


def _write_to_nowhere() -> None:
    """Let what is left in stdout's buffer go, which would otherwise fail once more when the process ends."""
    with contextlib.suppress(OSError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a name, not a path
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def one_line(text: str) -> str:
    """Return `text` with what is not printable escaped: file names may hold anything."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
