"""Which held parts prove something, and what a difference means."""

from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st

from asyncup.errors import UploadSessionConflict
from asyncup.protocol.responses import HeldPart
from asyncup.protocol.resume import may_be_damaged, other_bytes, parts_with_md5


def held(md5s: Sequence[str | None]) -> list[HeldPart]:
    return [HeldPart(number, 10, md5) for number, md5 in enumerate(md5s, start=1)]


@given(st.lists(st.sampled_from(["a" * 32, None])))
def test_nothing_behind_a_part_without_md5_counts(md5s: list[str | None]) -> None:
    kept = parts_with_md5(held(md5s))
    assert None not in [part.md5 for part in kept]
    assert kept == held(md5s)[: len(kept)]
    assert len(kept) == len(md5s) or md5s[len(kept)] is None


@pytest.mark.parametrize("count", [1, 2, 5])
def test_only_the_last_of_several_parts_may_have_arrived_damaged(count: int) -> None:
    parts = held(["a" * 32] * count)
    assert [may_be_damaged(part, parts) for part in parts] == [False] * (count - 1) + [count > 1]


def test_the_refusal_names_the_part_and_the_choice() -> None:
    error = other_bytes(HeldPart(3, 10, "a" * 32), "b" * 32)
    assert isinstance(error, UploadSessionConflict)
    assert error.part == 3
    assert "a" * 32 in str(error)
    assert "b" * 32 in str(error)
    assert "create a new upload session" in error.hint
