"""A client that uploads a list of files and may be killed at any instant: started again, it goes on where it was.

As a program: `python -m tests.loopback.lanes ORDER`, ORDER being a file with what `Errand` has, as JSON. It is what a
careful user would write around `upload_file` and `upload`: a plain file notes what was begun, with which upload
session, and what is done.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from asyncup import (
    AsyncupError,
    MemoryBudget,
    RetryPolicy,
    TokenLogin,
    UploadOptions,
    Vault,
    upload,
    upload_file,
)
from asyncup.errors import UploadSessionNotFound, VaultError
from asyncup.events import Event, UploadSessionOpened
from asyncup.protocol.limits import Limits
from asyncup.vault import jobs

SOON_S = 0.05
APPEARS_WITHIN_S = 60.0
FAILED = 1


@dataclass(frozen=True)
class Errand:
    """What is to be done.

    Attributes:
        url, token: the Vault.
        files: each with its destination; the destinations differ.
        progress: where is noted what was done.
        lanes: files at once.
        part_size: also the least one that the Vault takes.
        small_file_max: the largest file that goes without an upload session.
        memory: the byte budget of all lanes.
        client_id: by which the Vault tells this client from others.
        stall_timeout_s: as in `UploadOptions`.
        max_attempts: as in `RetryPolicy`.
        die_at: kill this process when it is told of an event of that name for the nth time.
        events: where the number of events of each name is written at the end.
    """

    url: str
    token: str
    files: list[tuple[str, str]]
    progress: str
    lanes: int = 1
    part_size: int = 5_242_880
    small_file_max: int = 5_242_880
    memory: int = 64 * 2**20
    client_id: str = "lanes"
    stall_timeout_s: float = 30.0
    max_attempts: int = 30
    die_at: tuple[str, int] | None = None
    events: str | None = None

    @staticmethod
    def read(text: str) -> Errand:
        """From JSON."""
        settings: dict[str, Any] = json.loads(text)
        settings["files"] = [tuple(pair) for pair in settings["files"]]
        return Errand(**settings)


@dataclass
class Progress:
    """What was begun and done so far, by destination; lines in a file, each written at once."""

    path: Path
    begun: set[str] = field(default_factory=set)
    sessions: dict[str, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                self._take(*line.split("\t"))
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(self, what: str, destination: str, value: str = "") -> None:
        """Remember it, in this process and the next."""
        self._take(what, destination, value)
        os.write(self._file, f"{what}\t{destination}\t{value}\n".encode())

    def close(self) -> None:
        os.close(self._file)

    def _take(self, what: str, destination: str, value: str) -> None:
        if what == "begun":
            self.begun.add(destination)
        elif what == "session":
            self.sessions[destination] = value
        else:
            self.done.add(destination)


class Lanes:
    """The client at work."""

    def __init__(self, errand: Errand, vault: Vault, progress: Progress, policy: RetryPolicy) -> None:
        self._errand = errand
        self._vault = vault
        self._progress = progress
        self._budget = MemoryBudget(errand.memory)
        self._options = UploadOptions(
            part_size=errand.part_size,
            small_file_max=errand.small_file_max,
            stall_timeout_s=errand.stall_timeout_s,
            retry=policy,
        )
        self.events: Counter[str] = Counter()
        self.errors: list[AsyncupError] = []

    async def run(self) -> None:
        left = iter([pair for pair in self._errand.files if pair[1] not in self._progress.done])
        async with anyio.create_task_group() as group:
            for _ in range(self._errand.lanes):
                group.start_soon(self._lane, left)

    async def _lane(self, left: Iterator[tuple[str, str]]) -> None:
        for path, destination in left:
            try:
                await self._carry(path, destination)
            except AsyncupError as error:
                self.errors.append(error)
            else:
                self._progress.note("done", destination)

    async def _carry(self, path: str, destination: str) -> None:
        was_begun = destination in self._progress.begun
        self._progress.note("begun", destination)
        size = (await anyio.Path(path).stat()).st_size
        session_id = self._progress.sessions.get(destination)
        if was_begun and session_id is None:
            session_id = await self._session_of(destination, size)
        hook = partial(self._told, destination)
        if session_id is not None:
            try:
                await upload(
                    path,
                    session_id,
                    vault=self._vault,
                    commit=True,
                    options=self._options,
                    memory=self._budget,
                    on_event=hook,
                )
            except UploadSessionNotFound:
                if not await self._appears(destination, size):
                    raise
            return
        await upload_file(
            path,
            destination,
            vault=self._vault,
            overwrite=was_begun,
            options=self._options,
            memory=self._budget,
            on_event=hook,
        )

    async def _session_of(self, destination: str, size: int) -> str | None:
        """Look for an upload session that was made when this process's predecessor died before it knew the id."""
        for session in await self._vault.list_upload_sessions():
            if session.path == destination and session.size == size:
                return session.id
        return None

    async def _appears(self, destination: str, size: int) -> bool:
        """A session that is gone was committed: its job may still be at work."""
        with anyio.move_on_after(APPEARS_WITHIN_S):
            while True:
                items = await self._vault.list_items(destination.rpartition("/")[0])
                if any(item.path == destination and item.size == size for item in items):
                    return True
                await anyio.sleep(SOON_S)
        return False

    def _told(self, destination: str, event: Event) -> None:
        name = type(event).__name__
        self.events[name] += 1
        if self._errand.die_at is not None and (name, self.events[name]) == tuple(self._errand.die_at):
            os.kill(os.getpid(), signal.SIGKILL)
        if isinstance(event, UploadSessionOpened):
            self._progress.note("session", destination, event.session_id)


async def run(errand: Errand) -> list[AsyncupError]:
    """Upload what is not uploaded yet. Returns what went wrong, at most one error for each file."""
    jobs._FIRST_JOB_POLL_S = SOON_S  # the emulator's jobs are quick, and its clock is not to be waited for
    limits = Limits(min_part_size=errand.part_size, job_poll_interval_s=SOON_S)
    policy = RetryPolicy(
        max_attempts=errand.max_attempts, first_contact_attempts=errand.max_attempts, base_s=0.05, cap_s=1.0
    )
    progress = Progress(Path(errand.progress))
    login = TokenLogin(errand.token)
    async with Vault(errand.url, login, limits=limits, client_id=errand.client_id, retry=policy) as vault:
        lanes = Lanes(errand, vault, progress, policy)
        await lanes.run()
    progress.close()
    if errand.events is not None:
        Path(errand.events).write_text(json.dumps(lanes.events), encoding="utf-8")
    return lanes.errors


def main(text: str, run_in_loop: Callable[..., list[AsyncupError]] = anyio.run) -> int:
    """Do it in a new event loop; what went wrong is told on stderr. Returns the exit code."""
    errors = run_in_loop(run, Errand.read(text))
    for error in errors:
        facts = f" [{error.error_type}, {error.status}]" if isinstance(error, VaultError) else ""
        print(f"{type(error).__name__}: {error}{facts}", file=sys.stderr, flush=True)  # noqa: T201 - for who started it
    return FAILED if errors else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).read_text(encoding="utf-8")))
