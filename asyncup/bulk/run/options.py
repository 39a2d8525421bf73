"""What a caller may choose about a bulk run. Values only; each field says what it is for.

What is chosen about each single upload is `UploadOptions`. Must not know files, Vault or the event loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from asyncup.bulk.budgets.bandwidth_timetable import Timetable
from asyncup.bulk.budgets.session_slots import DEFAULT_SESSION_SHARE
from asyncup.bulk.journal.entry import Matching, Order
from asyncup.bulk.lanes.controller import DEFAULT_START
from asyncup.errors import ConfigurationError

__all__ = ["LEAST_PARTS", "MOST_LANES", "BulkOptions", "Skipping"]

Skipping = Literal["listed", "never"]
"""Whether files that are in Vault already are looked for before anything is sent."""

_DEFAULT_LANES = 32
_DEFAULT_MEMORY = 768 * 1024 * 1024
LEAST_PARTS = 4
"""Of a file with an upload session, see `UploadOptions.least_parts`."""

MOST_LANES = 90
"""The HTTP client holds 100 connections, and calls that carry no file need some of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOptions:
    """How a bulk run goes about its files. Every default is safe; every field can be given alone.

    Attributes:
        lanes: the most files that are sent at once, 32 by default and at most 90. How many are, the run finds out for
            itself, and it may be changed while it runs.
        start_lanes: how many it begins with.
        session_share: the most upload sessions that are held at once. A Vault has 50 for everybody (documented), and a
            run takes at most half of them by default; fewer while others hold many.
        memory: bytes of part buffers over all lanes, 768 MiB by default; may be changed while it runs.
        bandwidth: how many bytes per second may be sent at which time; None (default) is no limit. May be changed
            while it runs.
        order: which file comes next, among small ones and among large ones; as they are given by default.
        matching: when two destinations are one; `Matching.FOLDED`, the safe reading, by default.
        overwrite: replace files of the same name, where an item does not say for itself. False by default.
        skip: "listed" (default) lists each destination folder once, and a file that is there with the same size is
            not sent again, whatever `overwrite` says; one of another size is replaced when overwriting is allowed,
            and fails with ITEM_NAME_EXISTS, before a byte is sent, when it is not. So is, whatever its size, one whose
            local file was written anew since it was begun. "never" does not list: it saves calls, and Vault itself
            refuses names that are taken. What a killed run had under way is read back.
        large_from: files of this many bytes and more go through upload sessions, in lanes of their own. None (default)
            is what does not fit into one request: more than 50 MB, or than `UploadOptions.small_file_max`.
        file_attempts: how often a file is begun in one run when what stopped it may pass, 3 by default. Every call
            of each attempt is repeated by `UploadOptions.retry` besides.
        job_within_s: seconds that Vault has to make a file of its parts after the commit, an hour by default.
        failed_again: begin files again that an earlier run on this journal gave up. False by default.
    """

    lanes: int = _DEFAULT_LANES
    start_lanes: int = DEFAULT_START
    session_share: int = DEFAULT_SESSION_SHARE
    memory: int = _DEFAULT_MEMORY
    bandwidth: Timetable | None = None
    order: Order = Order.AS_GIVEN
    matching: Matching = Matching.FOLDED
    overwrite: bool = False
    skip: Skipping = "listed"
    large_from: int | None = None
    file_attempts: int = 3
    job_within_s: float = 3600.0
    failed_again: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: a number is not positive or too large, or a choice is unknown.
        """
        for name in ("lanes", "start_lanes", "session_share", "memory", "large_from", "file_attempts", "job_within_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:  # NaN neither
                raise ConfigurationError(f"{name} must be greater than 0, not {value}")
        if self.lanes > MOST_LANES:
            raise ConfigurationError(f"lanes must be at most {MOST_LANES}, not {self.lanes}")
        if self.skip not in get_args(Skipping):
            raise ConfigurationError(f"skip must be {' or '.join(get_args(Skipping))}, not {self.skip!r}")
