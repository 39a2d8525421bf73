"""Parts are gathered for as long as the sender does not have to wait for it."""

from hypothesis import given, strategies as st

from asyncup.pipeline.hash_gathering import Gathering


def begin_all(gathering: Gathering, waiting: int) -> int:
    """Begin what is due, and return how many wait then."""
    if gathering.is_due(waiting):
        gathering.begun(waiting)
        return 0
    return waiting


def test_at_the_beginning_the_first_is_begun_alone_and_then_ever_more() -> None:
    gathering, waiting, groups = Gathering(), 0, []
    for number in range(1, 16):
        waiting += 1
        if number == 2:
            gathering.asked(known=False)  # the sender takes the first part when it is there
        if gathering.is_due(waiting):
            groups.append(waiting)
            waiting = begin_all(gathering, waiting)
    assert groups == [1, 1, 2, 4]
    assert waiting == 7


def test_with_room_for_four_parts_they_are_hashed_in_pairs() -> None:
    gathering, waiting, groups = Gathering(), 0, []
    gathering.begun(4)
    gathering.asked(known=False)
    for _ in range(100):
        gathering.asked(known=True)  # a part is sent, the next one's turn comes, and there is room for another
        waiting += 1
        if gathering.is_due(waiting):
            groups.append(waiting)
            waiting = begin_all(gathering, waiting)
    assert groups == [2] * 50


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


@given(st.lists(st.booleans(), max_size=60))
def test_who_asks_for_more_than_was_begun_never_waits_for_a_part_that_is_put_off(known: list[bool]) -> None:
    gathering = Gathering()
    for each in known:
        gathering.asked(known=each)
        assert gathering.is_due(1)
