"""A bulk run: inputs into the journal, files through lanes into Vault, one result for each that comes to its end.

Everything that runs at the same time is put together and started here; `open_run` opens what it needs. Must not know
command lines or displays.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import anyio
import anyio.to_thread

from asyncup.bulk.budgets.bandwidth import Throttle, ThrottledTransport
from asyncup.bulk.budgets.call_counter import CallCounter, CountingTransport
from asyncup.bulk.budgets.session_slots import SessionSlots
from asyncup.bulk.in_vault.in_place import InPlace
from asyncup.bulk.jobs.polling import watch_jobs
from asyncup.bulk.journal.entry import State
from asyncup.bulk.journal.journal import Journal
from asyncup.bulk.lanes.meter import LaneMeter, MeteredTransport
from asyncup.bulk.lanes.session_room import SessionRoom
from asyncup.bulk.lanes.tools import LaneTools
from asyncup.bulk.report.file_result import FileResult
from asyncup.bulk.run.events import (
    FileEnded,
    FolderListed,
    LanesChanged,
    RunHook,
    RunWarning,
    SettingsChanged,
    SettingsRefused,
    SourceRead,
)
from asyncup.bulk.run.feeder import Feeder, RunInputs
from asyncup.bulk.run.file_attempts import Attempts
from asyncup.bulk.run.lanes import Lanes
from asyncup.bulk.run.live_settings import LiveSettings, forget_settings, settings_path, watch_settings
from asyncup.bulk.run.options import MOST_LANES, BulkOptions
from asyncup.bulk.run.outcomes import Outcomes
from asyncup.bulk.run.progress import RunProgress
from asyncup.bulk.run.sessions import look_for_sessions, withdraw_unwanted
from asyncup.bulk.run.snapshot import RunSnapshot
from asyncup.bulk.run.tuning import Tuning
from asyncup.errors import AsyncupError, UploadInterrupted
from asyncup.events import JobStatusSeen
from asyncup.pipeline.drain import Drain
from asyncup.pipeline.memory import MemoryBudget
from asyncup.pipeline.options import UploadOptions
from asyncup.pipeline.single_error import only_error
from asyncup.vault.client import Vault
from asyncup.vault.transport import Transport

__all__ = ["BulkRun"]


class BulkRun:
    """A run that is going on. `open_run` makes one.

    Args:
        inputs, vault, options, bulk, memory, drain, still_wanted: as for `open_run`.
        journal: open, for this run.
        large_from: bytes from which on a file needs an upload session.
        hook: told of everything that happens.

    Attributes:
        journal: its journal, open for as long as the run is.
    """

    def __init__(  # noqa: PLR0913 - made by `open_run` only
        self,
        inputs: RunInputs,
        vault: Vault,
        journal: Journal,
        *,
        options: UploadOptions,
        bulk: BulkOptions,
        large_from: int,
        memory: MemoryBudget,
        hook: RunHook | None,
        drain: Drain,
        still_wanted: Callable[[str], bool] | None = None,
    ) -> None:
        self.journal = journal
        self._still_wanted = still_wanted
        self._vault = vault
        self._bulk = bulk
        self._drain = drain
        self._memory, self._first_memory = memory, memory.total
        self._error: BaseException | None = None
        self._began_s = time.monotonic()
        self._calls = CallCounter()
        self._meter = LaneMeter(time.monotonic)
        self._throttle = Throttle(bulk.bandwidth)
        self._progress = RunProgress(time.monotonic, hook)
        self._slots = SessionSlots(bulk.session_share)
        self._outcomes = Outcomes(journal, self._on_result)
        tools = LaneTools(
            vault=vault,
            journal=journal,
            options=options,
            memory=memory,
            drain=drain,
            slots=self._slots,
            room=SessionRoom(vault),
            in_place=InPlace(vault, journal, self._on_listed),
            look_first=bulk.skip == "listed",
            overwrite=bulk.overwrite,
            large_from=large_from,
        )
        self._attempts = Attempts(tools, self._progress, most=bulk.file_attempts)
        lanes = min(bulk.start_lanes, bulk.lanes)
        self._lanes = Lanes(tools, self._attempts, self._outcomes, self._progress, self._meter, allowed=lanes)
        self._feeder = Feeder(inputs, journal, self._lanes.changed)
        self._tuning = Tuning(
            self._lanes,
            self._meter,
            self._progress,
            memory=memory,
            slots=self._slots,
            throttle=self._throttle,
            part_size=options.part_size or vault.limits.preferred_part_size,
            most_lanes=bulk.lanes,
            on_change=lambda lanes, why: self._progress.emit(LanesChanged(lanes, why)),
        )

    async def results(self) -> AsyncGenerator[FileResult]:
        """Yield one result for every input that comes to its end, and end with the run. To be taken once.

        A caller who takes them slowly slows the run down.

        Raises:
            AsyncupError: the run could not go on; after all results that there are.
        """
        async for result in self._outcomes.results:
            yield result
        self.raise_error()

    def results_closed_behind(self) -> AbstractContextManager[object]:
        """Close what hands the results out, whether they were taken or not, when this is left."""
        return self._outcomes.results

    def raise_error(self) -> None:
        """Raise what stopped the run, if something did, and only once.

        Raises:
            AsyncupError: the run could not go on.
        """
        error, self._error = self._error, None
        if error is not None:
            raise error

    def snapshot(self) -> RunSnapshot:
        """Return what the run is at. Costs less than a millisecond; nothing is waited for."""
        tracks, facts = tuple(self._progress.lanes.values()), self._meter.facts
        acknowledged, ended = self._progress.acknowledged, self._progress.ended
        sending = tuple(track.snapshot() for track in tracks if track.job_id is None)
        return RunSnapshot(
            tally=self.journal.tally,
            source_read=self._lanes.source_read,
            ended=int(ended.total),
            bytes_acknowledged=int(acknowledged.total),
            bytes_on_the_way=sum(track.acknowledged for track in tracks),
            rate_now=acknowledged.of_late,
            rate_mean=acknowledged.mean,
            files_per_s=ended.of_late,
            elapsed_s=time.monotonic() - self._began_s,
            lanes=sending,
            waiting_for_jobs=len(tracks) - len(sending),
            lanes_allowed=self._lanes.allowed,
            burst_limit=facts.limit,
            burst_remaining=facts.remaining,
            sessions_held=self._slots.held,
            sessions_allowed=self._slots.allowed,
            calls=self._calls.total,
            limited_by="" if self._drain.requested else self._tuning.limited_by,
            last_failure=self._progress.last_failure,
            ending=self._drain.requested,
        )

    async def work(self) -> None:
        """Run to the end. Whatever goes wrong is kept for `raise_error`."""
        try:
            with only_error():
                async with anyio.create_task_group() as recording:
                    recording.start_soon(self._outcomes.run)
                    await self._send_and_close()
        except Exception as error:  # noqa: BLE001 - whoever takes the results is told
            self._error = error
        finally:
            with anyio.CancelScope(shield=True), suppress(AsyncupError):
                self._outcomes.end()
                await self.journal.release_all(self._lanes.not_begun)

    async def _send_and_close(self) -> None:
        """Send everything. An error is kept: what came to its end before is recorded and handed out all the same."""
        try:
            with only_error(), self._vault.through(self._wrapped):
                await self._send()
        except Exception as error:  # noqa: BLE001 - raised again, behind the results
            self._error = error
        finally:
            self._outcomes.close()

    def _wrapped(self, transport: Transport) -> Transport:
        throttled = ThrottledTransport(transport, self._throttle)
        return CountingTransport(MeteredTransport(throttled, self._meter, time.monotonic), self._calls)

    async def _send(self) -> None:
        within_s = self._bulk.job_within_s
        async with (
            anyio.create_task_group() as beside,
            watch_jobs(self._vault, within_s=within_s, on_status=self._on_job_status) as jobs,
        ):
            for warning in self.journal.warnings:
                self._progress.emit(RunWarning(warning))
            with suppress(UploadInterrupted), self._drain.lane():
                await self._take_up()
            beside.start_soon(self._feed)
            beside.start_soon(self._tuning.run)
            beside.start_soon(self._obey_settings)
            await self._lanes.run(jobs)
            beside.cancel_scope.cancel()

    async def _take_up(self) -> None:
        """Go on with what an earlier run on this journal has left."""
        if self._still_wanted is not None:
            unwanted = await withdraw_unwanted(self._vault, self.journal, self._still_wanted)
            if unwanted:
                self._progress.emit(RunWarning(f"{unwanted:,} files of an earlier run are left out now"))
        if self._bulk.failed_again:
            await self.journal.reopen((State.FAILED,))
        left = await look_for_sessions(self._vault, self.journal, share=self._bulk.session_share)
        self._slots.change(left.allowed)
        self._slots.left_open(left.kept)
        self._attempts.found_sessions = left.found
        self._progress.emit(left.told)
        self._lanes.put_first(await self.journal.claim_these(left.begun))

    async def _feed(self) -> None:
        await self._feeder.run()
        self._progress.emit(SourceRead(self._feeder.added))
        async for entry in self._feeder.broken_inputs():
            await self._outcomes.tell(entry, None)
        self._lanes.source_read = True
        self._lanes.changed()

    async def _obey_settings(self) -> None:
        path = settings_path(Path(self.journal.path))
        await anyio.to_thread.run_sync(forget_settings, path)
        await watch_settings(path, self._obey, lambda problem: self._progress.emit(SettingsRefused(problem.message)))

    def _obey(self, settings: LiveSettings) -> None:
        self._tuning.most_lanes = min(settings.lanes or self._bulk.lanes, MOST_LANES)
        self._memory.resize(settings.memory or self._first_memory)
        self._throttle.change(settings.bandwidth or self._bulk.bandwidth)
        self._progress.emit(SettingsChanged(settings))

    def _on_result(self, result: FileResult) -> None:
        self._progress.ended.add(1)
        self._progress.emit(FileEnded(result))

    def _on_listed(self, folder: str, items: int | None) -> None:
        self._progress.emit(FolderListed(folder, items))

    def _on_job_status(self, job_id: int, status: str) -> None:
        for track in self._progress.lanes.values():
            if track.job_id == job_id:
                track.emit(JobStatusSeen(track.file, job_id, status))
