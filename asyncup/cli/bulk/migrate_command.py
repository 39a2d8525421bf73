"""`asyncup migrate` and `asyncup retry`, as cyclopts sees them: options in, a `MigrateRequest` on."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from asyncup.bulk.run.inputs import RunSource
from asyncup.cli.arguments import Bytes, Flag
from asyncup.cli.bulk.dry_run_command import DryRunRequest, run_dry
from asyncup.cli.bulk.migrate_request import (
    LoaderWish,
    MatchingName,
    MigrateRequest,
    OrderName,
    Skip,
    VerifyHow,
    bandwidth_of,
    order_of,
)
from asyncup.cli.bulk.migrate_run import MigrateRun
from asyncup.cli.interrupt import run_interruptible
from asyncup.cli.upload_request import GRACE_S
from asyncup.cli.usage_error import UsageError
from asyncup.cli.vault_options import VaultOptions
from asyncup.pipeline.options import PageCachePolicy, SourceChanges

__all__ = ["RunOptions", "migrate", "retry"]

_LOADER_ROWS = 500
_Pattern = Annotated[tuple[str, ...], Parameter(n_tokens=1, metavar="PATTERN", show_default=False)]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a bulk run goes about it: what migrate and retry have in common.

    Attributes:
        journal: The run's memory, a file outside of the source: the same command with the same
            journal goes on where an earlier run ended, however it ended.
        report: The folder for the results: `results.jsonl` and `results.csv`, a record per input.
        order: Which file comes next.
        lanes: The most files at once, 32 by default; how many there are, it finds out by itself.
        memory: Bytes of files that are in memory at once, 768 MiB by default.
        sessions: The most upload sessions at once, of the 50 that a Vault has for everybody; 25 by
            default.
        matching: When two destinations are one: `folded` minds neither case nor Unicode form, `nfc`
            minds case, `exact` both.
        bwlimit: Bytes per second such as `50M`, or a timetable such as `"08:00,10M 19:00,off"`.
        overwrite: Replace files that are in Vault with another size.
        skip: `listed` leaves out what Vault lists with the same size; `never` saves the listing.
        source_changes: What to do when a file is changed while it is sent: `fail`; or `warn`, as long
            as its size stays the same and its bytes prove to be the same at the end.
        page_cache: Whether files may stay in the system's page cache: `keep`; or `drop`, so that they
            do not push out what other programs work with.
        failed_again: Send again what an earlier run with this journal gave up.
        verify: Compare afterwards what is in Vault: its listed `size`, or all its `bytes`.
        loader_csv: Write CSV files for Vault Loader into the report folder.
        loader_rows: How many rows each of those gets at most.
        loader_upload: Send those to DESTINATION as well, after everything else.
        log_json: Log every event as a line of JSON into this file; `-` is stdout.
        grace: Seconds that parts on their way have after the first Ctrl-C or SIGTERM.
        quiet: Show nothing but warnings and errors.
    """

    journal: Annotated[Path | None, Parameter(metavar="FILE")] = None
    report: Annotated[Path | None, Parameter(metavar="FOLDER")] = None
    order: OrderName = "as-given"
    lanes: int | None = None
    memory: Bytes | None = None
    sessions: int | None = None
    matching: MatchingName = "folded"
    bwlimit: Annotated[str | None, Parameter(metavar="LIMIT")] = None
    overwrite: Flag = False
    skip: Skip = "listed"
    source_changes: SourceChanges = "fail"
    page_cache: PageCachePolicy = "keep"
    failed_again: Flag = False
    verify: VerifyHow | None = None
    loader_csv: Flag = False
    loader_rows: int = _LOADER_ROWS
    loader_upload: Flag = False
    log_json: Annotated[str | None, Parameter(metavar="FILE")] = None
    grace: Annotated[float, Parameter(metavar="SECONDS")] = GRACE_S
    quiet: Flag = False

    def request(self, source: RunSource, vault: VaultOptions | None) -> MigrateRequest:
        """Return what is asked for.

        Raises:
            UsageError: something is missing, or makes no sense.
        """
        if self.journal is None or self.report is None:
            raise UsageError("give the run a --journal FILE and a --report FOLDER, or see with --dry-run what it is")
        if self.loader_upload and not self.loader_csv:
            raise UsageError("--loader-upload goes with --loader-csv")
        return MigrateRequest(
            source=source,
            journal=str(self.journal),
            report=str(self.report),
            order=order_of(self.order),
            lanes=self.lanes,
            memory=self.memory,
            sessions=self.sessions,
            matching=self.matching,
            bandwidth=bandwidth_of(self.bwlimit),
            overwrite=self.overwrite,
            skip=self.skip,
            source_changes=self.source_changes,
            page_cache=self.page_cache,
            failed_again=self.failed_again,
            verify=self.verify,
            loader=LoaderWish(rows=self.loader_rows, upload=self.loader_upload) if self.loader_csv else None,
            log_json=self.log_json,
            grace_s=self.grace,
            quiet=self.quiet,
            vault=vault or VaultOptions(),
        )


def migrate(  # noqa: PLR0913 - every option of the command is one
    source: Annotated[str, Parameter(name="SOURCE")],
    destination: Annotated[str, Parameter(name="DESTINATION")],
    /,
    *,
    include: _Pattern = (),
    exclude: _Pattern = (),
    follow_links: Flag = False,
    dry_run: Flag = False,
    rate: Bytes = 100_000_000,
    turnaround: Annotated[float, Parameter(metavar="SECONDS")] = 0.3,
    options: RunOptions | None = None,
    vault: VaultOptions | None = None,
) -> int:
    """Send a folder, or what a manifest lists, into a folder in Vault.

    Args:
        source: A folder, or a manifest: CSV (`.csv`) or JSON Lines (`.jsonl`) with the columns
            `file` and `path`, if you like `size`, `md5` and `overwrite`, and any further ones.
        destination: The folder in Vault, such as `/u42/studies`.
        include: Take only files that this matches, as in .gitignore; may be repeated.
        exclude: Leave out files and folders that this matches; may be repeated.
        follow_links: Take what symbolic links point to; otherwise each is a record of its own.
        dry_run: Send nothing; say how many files, bytes, API calls, parts and minutes it would be.
        rate: For `--dry-run`: bytes per second of the line.
        turnaround: For `--dry-run`: seconds that Vault needs for an answer.
        options: How.
        vault: Which Vault.
    """
    options = options or RunOptions()
    place = RunSource(
        place=source, destination=destination, include=include, exclude=exclude, follow_links=follow_links
    )
    if dry_run:
        asked = DryRunRequest(
            source=place, rate=rate, turnaround_s=turnaround, lanes=options.lanes, memory=options.memory
        )
        return run_interruptible(functools.partial(run_dry, asked), lambda: None)
    return _run(options.request(place, vault))


def retry(
    results: Annotated[str, Parameter(name="RESULTS")],
    /,
    *,
    options: RunOptions | None = None,
    vault: VaultOptions | None = None,
) -> int:
    """Send again what an earlier run did not bring to Vault.

    Args:
        results: That run's `results.jsonl`.
        options: How; give it a journal of its own.
        vault: Which Vault.
    """
    return _run((options or RunOptions()).request(RunSource(place=results, only_failed=True), vault))


def _run(request: MigrateRequest) -> int:
    run = MigrateRun(request)
    try:
        with run.shown():
            return run_interruptible(run.run, run.say_what_is_left, drain=run.drain, grace_s=request.grace_s)
    except OSError as error:
        raise UsageError(f"--log-json {error.filename} cannot be written: {error.strerror}") from error
