"""What `asyncup migrate` and `asyncup retry` were asked for: options, checked against each other, as one value.

Pure: no file is touched and nothing is sent here. Must not know how a run is done or shown.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from asyncup.bulk.budgets.bandwidth_timetable import Timetable, parse_bandwidth
from asyncup.bulk.journal.entry import Matching, Order
from asyncup.bulk.run.inputs import RunSource
from asyncup.bulk.run.options import BulkOptions
from asyncup.cli.usage_error import UsageError
from asyncup.cli.vault_options import VaultOptions
from asyncup.errors import ConfigurationError
from asyncup.pipeline.options import PageCachePolicy, SourceChanges, UploadOptions

__all__ = ["LoaderWish", "MatchingName", "MigrateRequest", "OrderName", "Skip", "VerifyHow", "bandwidth_of", "order_of"]

MatchingName: TypeAlias = Literal["folded", "nfc", "exact"]
OrderName: TypeAlias = Literal["as-given", "name", "smallest", "largest"]
Skip: TypeAlias = Literal["listed", "never"]
VerifyHow: TypeAlias = Literal["size", "bytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderWish:
    """The CSV for Vault Loader.

    Attributes:
        rows: how many rows a file gets at most.
        upload: whether it is sent to file staging as the last item.
    """

    rows: int
    upload: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateRequest:
    """Everything that one bulk run does.

    Attributes:
        source: what is sent, and where to.
        journal, report: the journal's file, and the folder of the results.
        order: which file comes next.
        lanes, memory, sessions: the most of each; None leaves it to the library.
        matching: when two destinations are one.
        bandwidth: the limit; None is none.
        overwrite: replace what is in Vault.
        skip: whether files that Vault lists with the same size are left out.
        source_changes, page_cache: as in the library's options for each upload.
        failed_again: send again what an earlier run on the journal gave up.
        verify: how what is in Vault is compared after the run; None is not at all.
        loader: the CSV for Vault Loader; None is none.
        log_json: where events go.
        grace_s: seconds that parts on their way have after the first signal.
        quiet: nothing is shown but warnings and errors.
        vault: which Vault.
    """

    source: RunSource
    journal: str
    report: str
    order: Order = Order.AS_GIVEN
    lanes: int | None = None
    memory: int | None = None
    sessions: int | None = None
    matching: MatchingName = "folded"
    bandwidth: Timetable | None = None
    overwrite: bool = False
    skip: Skip = "listed"
    source_changes: SourceChanges = "fail"
    page_cache: PageCachePolicy = "keep"
    failed_again: bool = False
    verify: VerifyHow | None = None
    loader: LoaderWish | None = None
    log_json: str | None = None
    grace_s: float
    quiet: bool = False
    vault: VaultOptions = field(default_factory=VaultOptions)

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            UsageError: a number cannot be.
        """
        if self.lanes is not None and self.lanes < 1:
            raise UsageError(f"--lanes must be at least 1, not {self.lanes}")
        if self.sessions is not None and self.sessions < 1:
            raise UsageError(f"--sessions must be at least 1, not {self.sessions}")
        report, place = _absolute(self.report), _absolute(self.source.place)
        if self.source.only_failed and place in (report / "results.jsonl", report / "results.csv"):
            raise UsageError("--report would replace the results that are to be retried: name another folder")
        if report.is_relative_to(place):
            raise UsageError("--report must not be in the folder that is sent: the next run would send it")
        if self.loader is not None and self.loader.rows < 1:
            raise UsageError(f"--loader-rows must be at least 1, not {self.loader.rows}")
        if self.loader is not None and self.loader.upload and self.source.only_failed:
            raise UsageError("--loader-upload needs a DESTINATION, which a retry has not")
        if self.grace_s < 0 or not math.isfinite(self.grace_s):
            raise UsageError(f"--grace must be a number of seconds, not {self.grace_s}")

    def upload_options(self) -> UploadOptions:
        """Return the library's options for each file."""
        return UploadOptions(source_changes=self.source_changes, page_cache=self.page_cache)

    def bulk_options(self) -> BulkOptions:
        """Return the library's options for the run.

        Raises:
            ConfigurationError: a number is too large.
        """
        default = BulkOptions()
        return BulkOptions(
            lanes=default.lanes if self.lanes is None else self.lanes,
            start_lanes=min(default.start_lanes, default.lanes if self.lanes is None else self.lanes),
            memory=default.memory if self.memory is None else self.memory,
            bandwidth=self.bandwidth,
            session_share=default.session_share if self.sessions is None else self.sessions,
            order=self.order,
            matching=Matching(self.matching),
            overwrite=self.overwrite,
            skip=self.skip,
            failed_again=self.failed_again,
        )


def _absolute(path: str) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - without asking the disk


def bandwidth_of(text: str | None) -> Timetable | None:
    """Return the limit that `--bwlimit` says.

    Raises:
        UsageError: it makes no sense.
    """
    try:
        return None if text is None else parse_bandwidth(text)
    except ConfigurationError as error:
        raise UsageError(f"--bwlimit: {error}") from error


def order_of(name: OrderName) -> Order:
    """Return the order that `--order` names."""
    return Order(name)
