"""What became of all inputs of a run, as sums that add up, and which kind of ending that is. Pure.

    inputs = success + skipped + failed + broken + not begun

Must not know where the numbers come from, exit codes, or how they are shown.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from asyncup.bulk.inputs.item import Trouble
from asyncup.bulk.journal.entry import Count, Entry, State, Tally

__all__ = ["Ending", "Losses", "RunTotals", "losses_of"]

_SOURCE_ERRORS = frozenset(
    {"SourceError", "SourceNotFound", "SourceNotAFile", "SourceUnreadable", "SourceChanged"}
    | {"UnexpectedSize", "UnexpectedMd5"}
)
"""Names of exceptions, as the journal keeps them. The last two: the file is not what the manifest says."""

_ACCESS_ERRORS = frozenset({"INSUFFICIENT_ACCESS", "AccessRefused"})
_LIMIT_ERRORS = frozenset({"EXCEEDS_FILE_MAX_SIZE", "LimitExceeded"})


class Ending(enum.Enum):
    """What a run that came to its end leaves to be done."""

    COMPLETE = "complete"
    SOURCE_TROUBLE = "source trouble only"
    ACCESS_REFUSED = "access refused only"
    OVER_LIMITS = "over limits only"
    SOME_FAILED = "some failed"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class RunTotals:
    """Inputs by what became of them."""

    success: Count
    skipped: Count
    failed: Count
    broken: Count
    not_begun: Count

    @classmethod
    def of(cls, tally: Tally) -> RunTotals:
        """Return the totals of a tally. What was on its way when the run ended counts as not begun."""
        return cls(
            success=tally.of(State.DONE),
            skipped=tally.of(State.SKIPPED),
            failed=tally.of(State.FAILED),
            broken=tally.of(State.BROKEN),
            not_begun=tally.of(State.PENDING, State.SENDING, State.COMMITTING),
        )

    @property
    def inputs(self) -> Count:
        """The sum of all of them."""
        parts = (self.success, self.skipped, self.failed, self.broken, self.not_begun)
        return Count(sum(part.files for part in parts), sum(part.bytes for part in parts))


@dataclass(frozen=True, slots=True)
class Losses:
    """Why inputs are not in Vault.

    Attributes:
        kinds: how many are FAILED or BROKEN, by kind of error or trouble.
        of_source: those of them that are the local files' fault.
        of_access: those of them that a permission is missing for.
        of_limits: those of them that Vault's limits do not allow.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    of_source: int = 0
    of_access: int = 0
    of_limits: int = 0

    def ending(self, totals: RunTotals) -> Ending:
        """Return what the run leaves to be done."""
        if totals.not_begun.files:
            return Ending.UNFINISHED
        lost = totals.failed.files + totals.broken.files
        if not lost:
            return Ending.COMPLETE
        only = {
            self.of_source: Ending.SOURCE_TROUBLE,
            self.of_access: Ending.ACCESS_REFUSED,
            self.of_limits: Ending.OVER_LIMITS,
        }
        return only.get(lost, Ending.SOME_FAILED)


def losses_of(entries: Iterable[Entry]) -> Losses:
    """Count entries that are FAILED or BROKEN."""
    kinds: Counter[str] = Counter()
    of_source = of_access = of_limits = 0
    for entry in entries:
        kind = entry.error_type or "unknown"
        kinds[kind] += 1
        of_source += kind in _SOURCE_ERRORS or (kind in Trouble.__members__ and Trouble[kind].is_of_source)
        of_access += kind in _ACCESS_ERRORS
        of_limits += kind in _LIMIT_ERRORS
    return Losses(kinds, of_source, of_access, of_limits)
