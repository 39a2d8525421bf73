"""Carrying out one case of the matrix, and judging how it ended.

Real time is spent only where the emulator hangs; the client's pauses pass in the emulator's time. Must not know which
cases there are.
"""

from __future__ import annotations

import enum
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import anyio

from asyncup import AsyncupError, PasswordLogin, RetryPolicy, UploadOptions, Vault, upload, upload_file
from asyncup.emulator import (
    PROFILES,
    Do,
    DrivenClock,
    EmulatorConfig,
    Endpoint,
    Fault,
    FaultScript,
    RunningEmulator,
    User,
    running_emulator,
)
from asyncup.errors import SourceError, UploadSessionConflict
from asyncup.events import Event, PartAcknowledged
from asyncup.protocol.limits import LIMITS_2000_PARTS
from asyncup.protocol.paths import parent_of
from asyncup.vault.aiohttp_transport import AiohttpTransport
from tests.contract.place import BytesBody
from tests.contract.targets import NO_TLS
from tests.fakes.impatient import Impatient
from tests.matrix.cases import HELD, PART_SIZE, SIZES, Case, Place, Shape

__all__ = [
    "DESTINATION",
    "Ending",
    "Judgement",
    "matrix_emulator",
    "matrix_vault",
    "options_for",
    "requests_of",
    "tried",
]

USER = User(name="user@matrix.example", password="password-of-matrix", id=11)
DESTINATION = "/u11/folder/a.bin"
LIMITS = replace(LIMITS_2000_PARTS, min_part_size=PART_SIZE)
SWITCHES = replace(
    PROFILES["default"],
    part_min_bytes=PART_SIZE,
    job_duration_s=12.0,  # asked for twice
    burst="off",
    auth_burst_limit=0,
)
POLICY = RetryPolicy(max_attempts=4, first_contact_attempts=3)

SHORT_S = 0.25
"""For an emulator that hangs: how long nothing may move."""

ENOUGH_S = 30.0
"""Longer than any case takes on a busy machine: what takes longer hangs."""


class Ending(enum.Enum):
    """How a case ended."""

    RIGHT = "right"
    TYPED = "typed error"
    WRONG = "wrong"
    HUNG = "hung"


@dataclass(frozen=True, slots=True)
class Judgement:
    """How it ended, and what is to be complained of, if anything."""

    ending: Ending
    complaint: str = ""


@asynccontextmanager
async def matrix_emulator(root: Path) -> AsyncIterator[RunningEmulator]:
    """Run an emulator with small parts, whose time is driven."""
    config = EmulatorConfig(root=root, users=(USER,), clock=DrivenClock(), switches=SWITCHES)
    async with running_emulator(config) as emulator:
        yield emulator


@asynccontextmanager
async def matrix_vault(emulator: RunningEmulator, *, impatient: bool = False) -> AsyncIterator[Vault]:
    """Open a client whose pauses pass in the emulator's time."""
    clock = emulator.config.clock
    assert clock is not None
    http = AiohttpTransport(emulator.url, ssl_context=NO_TLS)
    async with Vault(
        emulator.url,
        PasswordLogin(USER.name, USER.password),
        limits=LIMITS,
        retry=POLICY,
        transport=Impatient(http, SHORT_S) if impatient else http,
    ) as vault:
        vault.calls._sleep = emulator.advance
        vault.calls._now = clock.now
        yield vault


@cache
def content_of(shape: Shape) -> bytes:
    """Return the bytes of the file."""
    return random.Random(SIZES[shape]).randbytes(SIZES[shape])


def options_for(case: Case) -> UploadOptions:
    """Return the options of one case."""
    return UploadOptions(
        part_size=PART_SIZE,
        memory_budget=3 * PART_SIZE,
        small_file_max=None if case.shape == "small" else 0,
        content_md5=case.content_md5,
        retry=POLICY,
    )


async def tried(case: Case, folder: Path) -> Judgement:
    """Carry out a case in an empty folder, and judge it."""
    folder.mkdir()
    path = folder / "local.bin"
    path.write_bytes(content_of(case.shape))
    async with matrix_emulator(folder / "vault") as emulator:
        trial = _Trial(case, emulator, path)
        with anyio.move_on_after(ENOUGH_S) as scope:
            return await trial.run()
        assert scope.cancelled_caught
    return Judgement(Ending.HUNG, f"{case}: hung")


async def requests_of(shape: Shape, after: Fault | None, folder: Path) -> list[tuple[str, int | None]]:
    """Return what an upload asks, and of which part, when nothing goes wrong but `after`."""
    folder.mkdir()
    path = folder / "local.bin"
    path.write_bytes(content_of(shape))
    async with matrix_emulator(folder / "vault") as emulator:
        nothing = Case(shape, Place(Endpoint.COMMIT, after=after), Fault(do=Do.DELAY))
        trial = _Trial(nothing, emulator, path)
        if shape == "resumed":
            await trial.begin_session()
        before = len(emulator.seen)
        emulator.add_faults(*([] if after is None else [after]))
        async with matrix_vault(emulator) as vault:
            with suppress(SourceError):
                await trial.upload(vault)
        emulator.faults.check_consumed()
        return [(seen.endpoint, seen.part) for seen in emulator.seen[before:]]


class _Trial:
    def __init__(self, case: Case, emulator: RunningEmulator, path: Path) -> None:
        self._case = case
        self._emulator = emulator
        self._path = path
        self._session_id: str | None = None

    async def run(self) -> Judgement:
        if self._case.shape == "resumed":
            await self.begin_session()
        scripted = [fault for fault in (self._case.place.after, self._case.fault) if fault is not None]
        self._emulator.add_faults(*scripted)
        error: BaseException | None = None
        try:
            async with matrix_vault(self._emulator, impatient=self._case.fault.do is Do.HANG) as vault:
                await self.upload(vault)
        except AsyncupError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 - this is what is looked for
            return self._wrong(f"raised {type(raised).__name__}, which is no error of ours: {raised}")
        if self._emulator.faults.left:
            return self._wrong(f"never struck: {[str(fault) for fault in self._emulator.faults.left]}, ended {error!r}")
        self._emulator._world.faults = FaultScript()
        await self._emulator.advance(3600.0)  # whatever job is under way ends
        complaint = await self._judge_error(error) if isinstance(error, AsyncupError) else self._judge_success()
        if complaint:
            return self._wrong(complaint)
        return Judgement(Ending.RIGHT if error is None else Ending.TYPED)

    async def upload(self, vault: Vault) -> None:
        options, hook = options_for(self._case), None
        if self._case.shape == "changed":
            hook = self._change_file
        if self._session_id is None:
            await upload_file(self._path, DESTINATION, vault=vault, options=options, on_event=hook)
        else:
            await upload(self._path, self._session_id, vault=vault, options=options, commit=True, on_event=hook)

    def _change_file(self, event: Event) -> None:
        if isinstance(event, PartAcknowledged) and event.part == HELD:
            self._path.write_bytes(b"another file")

    async def begin_session(self) -> None:
        async with matrix_vault(self._emulator) as vault:
            await vault.folders.ensure(parent_of(DESTINATION))
            content = content_of(self._case.shape)
            session = await vault.create_upload_session(DESTINATION, len(content))
            for number in range(1, HELD + 1):
                part = content[(number - 1) * PART_SIZE : number * PART_SIZE]
                await vault.put_part(session.id, number, BytesBody(part))
            self._session_id = session.id

    def _wrong(self, complaint: str) -> Judgement:
        return Judgement(Ending.WRONG, f"{self._case}: {complaint}")

    @property
    def _stored(self) -> bytes | None:
        file = self._emulator.stored(DESTINATION)
        return file.read_bytes() if file.exists() else None

    def _judge_success(self) -> str:
        if self._case.shape == "changed":
            return "a file that changed was a success"
        if self._stored != content_of(self._case.shape):
            return "success, but other bytes are in Vault"
        if self._emulator.sessions:
            return f"success, but {len(self._emulator.sessions)} upload sessions are open"
        return ""

    async def _judge_error(self, error: AsyncupError) -> str:
        """An error is good when nothing wrong is in Vault, no session is left unnamed, and it can be made good."""
        if not str(error) or error.path != str(self._path):
            return f"an error that says too little: {error!r} about {error.path}"
        if self._case.shape == "changed" and not isinstance(error, SourceError):
            return f"the file changed, and it is told as {error!r}"
        is_file = self._stored is not None
        if is_file and self._stored != content_of(self._case.shape) and not self._case.changes_bytes:
            return f"other bytes are in Vault, after {error!r}"
        nameless = {session.id for session in self._emulator.sessions} - {error.session_id}
        # Created, its answer lost, and the list is refused too: nobody can know its name.
        if nameless and self._case.place.endpoint is not Endpoint.LIST_SESSIONS:
            return f"an upload session is left without a name, after {error!r}"
        return await self._make_good(error, nameless)

    async def _make_good(self, error: AsyncupError, nameless: set[str]) -> str:
        self._path.write_bytes(content_of(self._case.shape))
        is_open = error.session_id in {session.id for session in self._emulator.sessions}
        async with matrix_vault(self._emulator) as vault:
            options = replace(options_for(self._case), content_md5="auto")
            try:
                await vault.folders.ensure(parent_of(DESTINATION))  # of which the error may have spoken
                if is_open and error.session_id is not None:
                    await upload(self._path, error.session_id, vault=vault, options=options, commit=True)
                else:
                    await upload_file(self._path, DESTINATION, vault=vault, options=options, overwrite=True)
            except UploadSessionConflict as conflict:
                # Of a first part with other bytes nothing shows that the session is this file's.
                if self._case.changes_bytes and conflict.part == 1:
                    return ""
                return f"{error!r} cannot be made good: {conflict!r}"
            except Exception as second:  # noqa: BLE001 - this is what is looked for
                return f"{error!r} cannot be made good: {second!r}"
        if self._stored != content_of(self._case.shape):
            return f"made good after {error!r}, but other bytes are in Vault"
        if {session.id for session in self._emulator.sessions} != nameless:
            return f"made good after {error!r}, but an upload session is open"
        return ""
