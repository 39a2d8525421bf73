"""What `asyncup upload` was asked for: its arguments, checked against each other, as one value.

Pure: no file is touched and nothing is sent here. Must not know how an upload is done or shown.
"""

from __future__ import annotations

import math
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from asyncup import UploadOptions
from asyncup.cli.usage_error import UsageError
from asyncup.cli.vault_options import VaultOptions
from asyncup.pipeline.options import PageCachePolicy

__all__ = [
    "GRACE_S",
    "ContentMd5",
    "ResumeCheck",
    "SourceChanges",
    "Target",
    "UploadRequest",
    "checked_grace_s",
    "continuing_command",
    "targets_of",
]

ContentMd5 = Literal["auto", "base64", "hex", "off"]
ResumeCheck = Literal["all", "last", "none"]
SourceChanges = Literal["fail", "warn"]

GRACE_S = 10.0
"""Enough for a part of 50 MB at 5 MB/s, and not too long for somebody who waits for a prompt."""


@dataclass(frozen=True, slots=True)
class Target:
    """One file and where it goes: to a path in Vault, or into an upload session.

    Attributes:
        path: the local file.
        destination: its path in Vault; None with `session_id`.
        session_id: an upload session that exists; None with `destination`.
    """

    path: str
    destination: str | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRequest:
    """Everything that one `asyncup upload` does.

    Attributes:
        targets: the files, in the order given.
        commit: commit the upload session that was named.
        overwrite: replace what is at a destination.
        part_size, memory: bytes, as given; None is the library's default.
        content_md5: the form of the `Content-MD5` header.
        restart: begin anew instead of continuing what an earlier run has left.
        resume_check, source_changes, page_cache: as in the library's options.
        grace_s: seconds that a part on its way has after the first signal.
        quiet: no progress, no result lines.
        json: a JSON object per file on stdout.
        vault: which Vault, as far as the command line says it.
    """

    targets: tuple[Target, ...]
    commit: bool = False
    overwrite: bool = False
    part_size: int | None = None
    memory: int | None = None
    content_md5: ContentMd5 = "auto"
    restart: bool = False
    resume_check: ResumeCheck = "all"
    source_changes: SourceChanges = "fail"
    page_cache: PageCachePolicy = "keep"
    grace_s: float = GRACE_S
    quiet: bool = False
    json: bool = False
    vault: VaultOptions = field(default_factory=VaultOptions)

    def options(self) -> UploadOptions:
        """Return the library's options, with its own defaults for what is None."""
        options = UploadOptions(
            part_size=self.part_size,
            content_md5=self.content_md5,
            resume_check=self.resume_check,
            source_changes=self.source_changes,
            page_cache=self.page_cache,
        )
        return options if self.memory is None else replace(options, memory_budget=self.memory)


def targets_of(
    arguments: Sequence[str], *, session_id: str | None, commit: bool, overwrite: bool, restart: bool = False
) -> tuple[Target, ...]:
    """Return which file goes where.

    Raises:
        UsageError: the arguments contradict each other, or something is missing.
    """
    if session_id is not None:
        if len(arguments) != 1:
            raise UsageError(f"--session-id takes exactly one FILE, no DESTINATION; {len(arguments)} are given")
        if overwrite:
            raise UsageError("--overwrite was settled when the upload session was made; leave it out")
        if restart:
            raise UsageError("--restart goes with a DESTINATION; --session-id says what to continue")
        if not session_id:
            raise UsageError("--session-id needs the id of an upload session, not an empty text")
        return (Target(arguments[0], session_id=session_id),)
    if commit:
        raise UsageError("--commit goes with --session-id; with a DESTINATION it is always done")
    *files, destination = arguments or [""]
    if not files:
        raise UsageError("give at least one FILE and a DESTINATION, or a FILE and --session-id ID")
    if len(files) == 1 and not (destination.endswith("/") and Path(files[0]).name):
        return (Target(files[0], destination=destination),)
    return _into_folder(files, destination)


def checked_grace_s(seconds: float) -> float:
    """Return a grace time that makes sense.

    Raises:
        UsageError: it is negative or endless.
    """
    if seconds < 0 or not math.isfinite(seconds):
        raise UsageError(f"--grace must be a number of seconds, not {seconds}")
    return seconds


def _into_folder(files: Sequence[str], folder: str) -> tuple[Target, ...]:
    targets = tuple(Target(file, destination=f"{folder.rstrip('/')}/{Path(file).name}") for file in files)
    counts = Counter(target.destination for target in targets)
    for target in targets:
        if counts[target.destination] > 1:
            raise UsageError(f"several files would become {target.destination}; upload them one by one")
    return targets


def continuing_command(request: UploadRequest, target: Target, session_id: str) -> str:
    """Return the command that uploads what is missing of `target`, as a shell takes it."""
    words = ["asyncup", "upload", "--session-id", session_id]
    if target.session_id is None or request.commit:
        words.append("--commit")
    if request.memory is not None:
        words += ["--memory", str(request.memory)]
    if request.content_md5 != "auto":
        words += ["--content-md5", request.content_md5]
    if request.resume_check != "all":
        words += ["--resume-check", request.resume_check]
    if request.source_changes != "fail":
        words += ["--source-changes", request.source_changes]
    if request.page_cache != "keep":
        words += ["--page-cache", request.page_cache]
    if request.grace_s != GRACE_S:
        words += ["--grace", f"{request.grace_s:g}"]
    words += request.vault.words()
    words += [flag for flag, on in (("--quiet", request.quiet), ("--json", request.json)) if on]
    words += ["--", target.path] if target.path.startswith("-") else [target.path]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)
