"""Sums that add up, and which ending they are."""

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from asyncup.bulk.journal.entry import Count, State, Tally
from asyncup.bulk.report.totals import Ending, Losses, RunTotals, losses_of
from tests.bulk.journals import entry_with

counts = st.builds(Count, st.integers(0, 10**9), st.integers(0, 10**15))
halves = st.fixed_dictionaries(dict.fromkeys(State, counts))


@given(small=halves, large=halves)
def test_the_parts_make_the_whole(small: dict[State, Count], large: dict[State, Count]) -> None:
    tally = Tally(small, large)
    assert RunTotals.of(tally).inputs == tally.of()


NONE, SOME = Count(), Count(3, 30)


@pytest.mark.parametrize(
    ("failed", "broken", "not_begun", "of_source", "ending"),
    [
        (NONE, NONE, NONE, 0, Ending.COMPLETE),
        (SOME, NONE, NONE, 0, Ending.SOME_FAILED),
        (NONE, SOME, NONE, 0, Ending.SOME_FAILED),
        (SOME, SOME, NONE, 5, Ending.SOME_FAILED),
        (SOME, SOME, NONE, 6, Ending.SOURCE_TROUBLE),
        (SOME, SOME, SOME, 6, Ending.UNFINISHED),
    ],
)
def test_endings(failed: Count, broken: Count, not_begun: Count, of_source: int, ending: Ending) -> None:
    totals = RunTotals(success=SOME, skipped=SOME, failed=failed, broken=broken, not_begun=not_begun)
    assert Losses(Counter(), of_source).ending(totals) is ending


@pytest.mark.parametrize(
    ("kinds", "ending"),
    [
        (["INSUFFICIENT_ACCESS", "AccessRefused"], Ending.ACCESS_REFUSED),
        (["EXCEEDS_FILE_MAX_SIZE", "LimitExceeded"], Ending.OVER_LIMITS),
        (["SourceChanged", "SYMBOLIC_LINK"], Ending.SOURCE_TROUBLE),
        (["INSUFFICIENT_ACCESS", "LimitExceeded"], Ending.SOME_FAILED),
        (["INVALID_DATA", "INVALID_DATA"], Ending.SOME_FAILED),
    ],
)
def test_what_is_wrong_with_all_of_them_is_the_ending(kinds: list[str], ending: Ending) -> None:
    totals = RunTotals(success=SOME, skipped=NONE, failed=Count(2), broken=NONE, not_begun=NONE)
    assert losses_of(entry_with(error_type=kind) for kind in kinds).ending(totals) is ending


def test_losses_are_counted_by_kind() -> None:
    kinds = ["SourceChanged", "SourceChanged", "SYMBOLIC_LINK", "EMPTY_PATH", "INVALID_DATA", None]
    losses = losses_of(entry_with(error_type=kind) for kind in kinds)
    assert losses.kinds["SourceChanged"] == 2
    assert losses.kinds["unknown"] == 1
    assert losses.of_source == 3
