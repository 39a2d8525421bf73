"""`asyncup migrate`: one bulk run from its beginning to its summary, with the exit code that it comes to.

Must not know how arguments are parsed, how a run looks, or anything of sending that `asyncup.bulk` does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import anyio
import anyio.to_thread

from asyncup import Vault
from asyncup.bulk.journal.entry import RunKey, State
from asyncup.bulk.report.report import Report, write_report
from asyncup.bulk.run.events import RunEvent
from asyncup.bulk.run.open_run import open_run
from asyncup.bulk.run.run import BulkRun
from asyncup.bulk.run.snapshot import RunSnapshot
from asyncup.cli.bulk.after_run import send_loader_files, verify_placed
from asyncup.cli.bulk.event_log import event_log
from asyncup.cli.bulk.migrate_request import MigrateRequest
from asyncup.cli.bulk.run_messages import RunMessages
from asyncup.cli.bulk.run_showing import Shown, showing_run
from asyncup.cli.bulk.run_summary import Effort, code_of, summary_lines
from asyncup.cli.bulk.run_views import RunViews
from asyncup.cli.exit_codes import ExitCode, exit_code_for
from asyncup.cli.vault_opening import vault_from_settings
from asyncup.errors import AsyncupError
from asyncup.events import Event
from asyncup.pipeline.drain import Drain
from asyncup.pipeline.single_error import only_error

__all__ = ["MigrateRun"]

_LOOK_EVERY_S = 0.25


class MigrateRun:
    """One bulk run. `run` does it, inside of `shown`; `drain` and `say_what_is_left` are for a signal."""

    def __init__(self, request: MigrateRequest) -> None:
        self._request = request
        self._drain = Drain()
        self._follow_up: anyio.CancelScope | None = None
        self._shown = Shown()
        self._messages = RunMessages()
        self._log: Callable[[object], None] = lambda _: None
        self._snapshot: RunSnapshot | None = None
        self._sent = 0

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the run, and log it, while inside. For a thread without an event loop: it waits for what it shows.

        Raises:
            OSError: the log cannot be written.
        """
        with (
            event_log(self._request.log_json) as self._log,
            showing_run(self._shown, quiet=self._request.quiet),
        ):
            yield

    async def run(self) -> int | None:
        """Send everything, and return the exit code; None when `drain` ended it before."""
        try:
            async with await vault_from_settings(self._request.vault, on_event=self._on_event) as vault:
                code = await self._run_with(vault)
        except AsyncupError as error:
            self._say(str(error))
            code = exit_code_for(error)
            if self._snapshot is not None:
                self._say("what is done is kept; to go on, run the same command again")
        except OSError as error:
            self._say(f"{error.filename or self._request.report} cannot be written: {error.strerror}")
            code = ExitCode.RESULTS_LOST
        return code

    def drain(self) -> None:
        """Ask the run to end: what is on its way may arrive."""
        self._drain.request()
        if self._follow_up is not None:
            self._follow_up.cancel()
            return
        self._say(f"interrupted: what is on its way has {self._request.grace_s:g} s to arrive; again ends at once")

    def say_what_is_left(self) -> None:
        """Say, after a signal, how to go on."""
        self._say(f"interrupted: to go on, run the same command again; {self._request.journal} knows what is done")

    async def _run_with(self, vault: Vault) -> int | None:
        report: Report | None = None
        try:
            await self._send(vault)
        finally:
            if self._snapshot is not None:  # it began: the journal is ours
                report = await self._report()
        assert report is not None  # noqa: S101 - a run that did not begin has raised
        code = code_of(report)
        if self._drain.requested:
            return None if report.totals.not_begun.files else code
        with anyio.CancelScope() as self._follow_up:
            return await self._after(vault, report, code)
        return None

    async def _send(self, vault: Vault) -> None:
        request, source = self._request, self._request.source
        place, is_folder, still_wanted = await anyio.to_thread.run_sync(
            lambda: (source.absolute, source.is_folder, source.still_wanted())
        )
        bulk = request.bulk_options()
        key = RunKey(source=place, destination=source.destination, matching=bulk.matching)
        async with (
            aclosing(source.inputs()) as inputs,
            open_run(
                inputs,
                vault=vault,
                journal=request.journal,
                key=key,
                source_folder=place if is_folder else None,
                options=request.upload_options(),
                bulk=bulk,
                on_event=self._on_event,
                drain=self._drain,
                still_wanted=still_wanted,
            ) as run,
        ):
            await self._take_results(run)

    async def _take_results(self, run: BulkRun) -> None:
        views = RunViews(self._request.source.place, self._request.source.destination)

        async def look_now_and_again() -> None:
            while True:
                self._shown.view = views.of(run.snapshot(), before=self._shown.view)
                await anyio.sleep(_LOOK_EVERY_S)

        try:
            with only_error():
                async with anyio.create_task_group() as beside:
                    beside.start_soon(look_now_and_again)
                    async for result in run.results():
                        self._sent += result.state is State.DONE
                    beside.cancel_scope.cancel()
        finally:
            self._snapshot, self._shown.view = run.snapshot(), None

    async def _report(self) -> Report:
        """Write the results of what happened so far, also when the run was cut off, and say what they come to."""
        request = self._request
        write = functools.partial(
            write_report,
            request.journal,
            request.report,
            loader_rows=None if request.loader is None else request.loader.rows,
        )
        with anyio.CancelScope(shield=True):
            report = await anyio.to_thread.run_sync(write)
        self._summarise(report)
        return report

    def _summarise(self, report: Report) -> None:
        snapshot = self._snapshot
        if snapshot is None or self._request.quiet:
            return
        effort = Effort(
            files=self._sent,
            bytes=snapshot.bytes_acknowledged,
            calls=snapshot.calls,
            seconds=snapshot.elapsed_s,
        )
        for line in summary_lines(report, effort):
            self._say(line)

    async def _after(self, vault: Vault, report: Report, code: ExitCode) -> ExitCode:
        """Do what follows a run that came to its end, and return the exit code."""
        request = self._request
        if request.verify is not None:
            every_byte = request.verify == "bytes"
            verified = await verify_placed(vault, Path(request.report), every_byte=every_byte, say=self._say)
            code = code if verified is ExitCode.OK else verified
        if request.loader is not None and request.loader.upload:
            for path in await send_loader_files(vault, report.loader, request.source.destination):
                self._say(f"for Vault Loader, in file staging: {path}")
        return code

    def _say(self, line: str) -> None:
        self._shown.say(line)

    def _on_event(self, event: Event | RunEvent) -> None:
        self._log(event)
        for line in self._messages.of(event):
            self._say(line)
