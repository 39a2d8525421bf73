"""Parts are gathered for as long as the sender does not have to wait for it."""

import pytest
from hypothesis import given, strategies as st

from asyncup.pipeline.hash_gathering import Gathering


def groups_of(parts: int, in_memory: int) -> list[int]:
    """Hash and send a file whose every part is known when the sender comes to it; return how many begin together."""
    gathering, waiting, groups, loaded = Gathering(), 0, [], 0

    def begin_if_due(*, more_is_coming: bool) -> None:
        nonlocal waiting
        if gathering.is_due(waiting, more_is_coming=more_is_coming):
            groups.append(waiting)
            gathering.begun(waiting)
            waiting = 0

    for number in range(1, parts + 1):
        while loaded < min(parts, number - 1 + in_memory):
            loaded += 1
            waiting += 1
            begin_if_due(more_is_coming=False)
            if loaded == 1:
                gathering.asked(known=False)
                begin_if_due(more_is_coming=True)
        if loaded == parts:
            gathering.all_loaded()
            begin_if_due(more_is_coming=False)
        if number > 1:
            gathering.asked(known=True)
            begin_if_due(more_is_coming=True)
    assert sum(groups) == parts
    return groups


def test_at_the_beginning_the_first_is_begun_alone_and_then_ever_more() -> None:
    assert groups_of(100, in_memory=15)[:4] == [1, 1, 2, 4]


@pytest.mark.parametrize(("in_memory", "together"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 3), (24, 12)])
def test_about_half_of_what_the_memory_holds_is_hashed_together(in_memory: int, together: int) -> None:
    groups = groups_of(500, in_memory)[10:-5]
    assert sum(groups) / len(groups) >= together


def test_nothing_is_due_where_nothing_waits() -> None:
    gathering = Gathering()
    gathering.all_loaded()
    gathering.asked(known=False)
    assert not gathering.is_due(0)


def test_what_comes_last_does_not_wait() -> None:
    gathering = Gathering()
    gathering.begun(10)
    assert not gathering.is_due(1)
    gathering.all_loaded()
    assert gathering.is_due(1)


def test_a_sender_that_had_to_wait_is_not_kept_waiting_for_a_while() -> None:
    gathering = Gathering()
    gathering.begun(10)
    gathering.asked(known=False)
    assert not gathering.is_due(1)  # the first part cannot be known
    gathering.asked(known=False)
    for _ in range(4):
        assert gathering.is_due(1)
        gathering.begun(1)
        gathering.asked(known=True)
    assert not gathering.is_due(1)


def test_where_another_part_is_coming_it_is_waited_for_while_one_is_known() -> None:
    gathering = Gathering()
    gathering.begun(3)
    gathering.asked(known=False)
    gathering.asked(known=True)
    assert gathering.is_due(2)
    assert not gathering.is_due(2, more_is_coming=True)
    gathering.asked(known=True)
    assert gathering.is_due(1, more_is_coming=True)


@given(st.lists(st.booleans(), max_size=60))
def test_who_asks_for_more_than_was_begun_never_waits_for_a_part_that_is_put_off(known: list[bool]) -> None:
    gathering = Gathering()
    for each in known:
        gathering.asked(known=each)
        assert gathering.is_due(1)
        assert gathering.is_due(1, more_is_coming=True)
