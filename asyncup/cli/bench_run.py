"""One `asyncup bench`: parts into upload sessions that are aborted afterwards, so that no file appears in Vault.

Must not know how arguments are parsed, nor anything of uploading that the public API does.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from asyncup import MemoryBudget, UploadOptions, Vault, upload
from asyncup.cli.bottleneck import StageTimes
from asyncup.cli.stage_recorder import StageRecorder
from asyncup.errors import AsyncupError

__all__ = ["BenchRequest", "measure"]

_ABORT_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRequest:
    """What is measured.

    Attributes:
        files: how many upload sessions.
        lanes: how many of them at once.
        part_size, memory: bytes; None is the library's default.
        folder: where in Vault the sessions' files would appear.
    """

    files: int
    lanes: int
    part_size: int | None
    memory: int | None
    folder: str

    def options(self) -> UploadOptions:
        """Return the library's options."""
        chosen = UploadOptions(part_size=self.part_size)
        return chosen if self.memory is None else UploadOptions(part_size=self.part_size, memory_budget=self.memory)


async def measure(vault: Vault, source: Path, request: BenchRequest) -> StageTimes:
    """Send the file `request.files` times, and return what that waited for.

    Raises:
        AsyncupError: it could not be sent. The upload sessions are aborted in any case.
    """
    recorder = StageRecorder(time.perf_counter)
    size = (await anyio.Path(source).stat()).st_size
    options = request.options()
    bench = _Bench(vault, source, size, request, options, MemoryBudget(options.memory_budget), recorder)
    await bench.run()
    return StageTimes(
        size=size,
        files=request.files,
        lanes=min(request.lanes, request.files),
        part_size=recorder.part_size,
        largest_part_size=min(vault.limits.preferred_part_size, options.memory_budget // 2),
        elapsed_s=recorder.elapsed_s,
        waits_s=recorder.waits_s,
    )


@dataclass(frozen=True, slots=True)
class _Bench:
    vault: Vault
    source: Path
    size: int
    request: BenchRequest
    options: UploadOptions
    memory: MemoryBudget
    recorder: StageRecorder

    async def run(self) -> None:
        numbers = iter(range(1, self.request.files + 1))
        failed: list[AsyncupError] = []
        async with anyio.create_task_group() as lanes:
            for _ in range(min(self.request.lanes, self.request.files)):
                lanes.start_soon(self._lane, numbers, failed, lanes.cancel_scope)
        if failed:
            raise failed[0]

    async def _lane(self, numbers: Iterator[int], failed: list[AsyncupError], all_lanes: anyio.CancelScope) -> None:
        try:
            for number in numbers:
                await self._upload(number)
        except AsyncupError as error:
            failed.append(error)
            all_lanes.cancel()

    async def _upload(self, number: int) -> None:
        async with self._session(number) as session_id:
            await upload(
                self.source,
                session_id,
                vault=self.vault,
                options=self.options,
                memory=self.memory if self.request.lanes > 1 else None,
                on_event=self.recorder.hook(number),
            )

    @asynccontextmanager
    async def _session(self, number: int) -> AsyncIterator[str]:
        path = f"{self.request.folder.rstrip('/')}/asyncup-bench-{os.getpid()}-{number}.bin"
        session = await self.vault.create_upload_session(path, self.size, overwrite=False)
        try:
            yield session.id
        finally:
            # Also when it was interrupted: a Vault has 50 of them, and they last for 72 hours.
            with anyio.move_on_after(_ABORT_WITHIN_S, shield=True), contextlib.suppress(AsyncupError):
                await self.vault.abort_upload_session(session.id)
