"""Does it stand still? Every look is a row: what is waited for, what moved, how much time went by on which clock."""

import pytest
from hypothesis import given, strategies as st

from asyncup.protocol.standstill import Finding, Standstill, Waiting, look_every_s

OURSELVES, NETWORK, ANSWER = Waiting.OURSELVES, Waiting.NETWORK, Waiting.ANSWER
MOVES, STALLED, UNANSWERED, SLEPT = Finding.MOVES, Finding.STALLED, Finding.UNANSWERED, Finding.SLEPT


class Watched:
    """An exchange that is looked at every second, with the default patience: 30 s, and 300 s for the answer."""

    def __init__(self, stall_s: float = 30.0, answer_s: float = 300.0) -> None:
        self.now, self.wall = 1000.0, 5e8
        self.still = Standstill(stall_s, answer_s, now=self.now, wall=self.wall)

    def look(
        self, waiting: Waiting, moved: int, *, unsent: bool = False, after_s: float = 1.0, jump_s: float = 0.0
    ) -> Finding:
        self.now += after_s
        self.wall += after_s + jump_s
        return self.still.look(waiting, moved, unsent=unsent, now=self.now, wall=self.wall)

    def looks_until_found(self, waiting: Waiting, *, unsent: bool = False) -> tuple[int, Finding]:
        for number in range(1, 1000):
            found = self.look(waiting, 0, unsent=unsent)
            if found is not MOVES:
                return number, found
        return 1000, MOVES


@pytest.mark.parametrize(
    ("waiting", "unsent", "seconds", "finding"),
    [
        (NETWORK, False, 30, STALLED),
        (NETWORK, True, 30, STALLED),
        (ANSWER, True, 31, STALLED),  # the first look only sees that all is written
        (ANSWER, False, 301, UNANSWERED),
        (OURSELVES, False, 1000, MOVES),
        (OURSELVES, True, 1000, MOVES),
    ],
)
def test_what_never_moves(waiting: Waiting, unsent: bool, seconds: int, finding: Finding) -> None:
    assert Watched().looks_until_found(waiting, unsent=unsent) == (seconds, finding)


@given(st.lists(st.integers(1, 29), max_size=20))
def test_one_byte_now_and_then_is_movement(pauses: list[int]) -> None:
    watched = Watched()
    for moved, pause in enumerate(pauses, start=1):
        for _ in range(pause):
            assert watched.look(NETWORK, moved, unsent=True) is MOVES


@given(st.lists(st.integers(1, 200), max_size=20), st.integers(0, 29))
def test_a_body_that_is_held_back_is_no_standstill(pauses: list[int], network: int) -> None:
    # A bandwidth cap of ours gives a slice now and then, which the network takes at once or in a while.
    watched, moved = Watched(), 0
    for pause in pauses:
        for _ in range(pause):
            assert watched.look(OURSELVES, moved) is MOVES
        for _ in range(network):
            assert watched.look(NETWORK, moved) is MOVES
        moved += 2**20


def test_what_moved_back_is_not_movement() -> None:
    watched = Watched()
    assert watched.look(NETWORK, 100) is MOVES
    found = [watched.look(NETWORK, 99 - number % 2) for number in range(30)]
    assert found == [MOVES] * 29 + [STALLED]


def test_bytes_that_leave_this_machine_after_the_last_write_are_movement() -> None:
    watched = Watched()
    for moved in range(600):
        assert watched.look(ANSWER, moved, unsent=True) is MOVES
    # Then everything is sent, and the answer has its own time from there.
    found = [watched.look(ANSWER, 600) for _ in range(301)]
    assert found == [MOVES] * 300 + [UNANSWERED]


@given(gap_s=st.floats(1.0, 19.9), waiting=st.sampled_from([NETWORK, ANSWER]))
def test_time_in_which_nobody_looked_does_not_count(gap_s: float, waiting: Waiting) -> None:
    watched = Watched(stall_s=10.0, answer_s=10.0)
    watched.look(waiting, 1)
    for _ in range(9):
        # However long the loop was held, a look counts for one second.
        assert watched.look(waiting, 1, after_s=gap_s) is MOVES


@given(
    after_s=st.floats(0, 1),
    jump_s=st.floats(20.1, 1e6),
    waiting=st.sampled_from(Waiting),
    unsent=st.booleans(),
)
def test_a_jump_of_the_wall_clock_is_sleep(after_s: float, jump_s: float, waiting: Waiting, unsent: bool) -> None:
    watched = Watched()
    assert watched.look(waiting, 5, unsent=unsent, after_s=after_s, jump_s=jump_s) is SLEPT
    assert watched.still.slept


@given(after_s=st.floats(20.1, 1e6), jump_s=st.floats(-1e6, 1e6), waiting=st.sampled_from(Waiting))
def test_a_loop_that_was_not_run_for_long_is_sleep(after_s: float, jump_s: float, waiting: Waiting) -> None:
    assert Watched().look(waiting, 5, after_s=after_s, jump_s=jump_s) is SLEPT


@given(st.lists(st.tuples(st.floats(0, 19.9), st.floats(-1e6, 19.9)), max_size=20))
def test_clocks_that_are_set_right_are_no_sleep(steps: list[tuple[float, float]]) -> None:
    watched = Watched()
    for number, (after_s, jump_s) in enumerate(steps):
        assert watched.look(NETWORK, number + 1, after_s=after_s, jump_s=jump_s) is MOVES


def test_sleep_is_noticed_by_an_exchange_that_broke_before_the_next_look() -> None:
    watched = Watched()
    assert not watched.still.check_sleep(now=watched.now + 0.5, wall=watched.wall + 0.5)
    assert watched.still.check_sleep(now=watched.now + 1, wall=watched.wall + 3600)
    assert watched.still.check_sleep(now=watched.now + 2, wall=watched.wall + 3601), "it stays so"


@given(st.floats(0.001, 1e4), st.floats(0.001, 1e4))
def test_looks_are_a_tenth_of_the_patience_apart(stall_s: float, answer_s: float) -> None:
    every_s = look_every_s(stall_s, answer_s)
    assert 0.02 <= every_s <= 1.0
    assert every_s <= max(0.02, min(stall_s, answer_s) / 10)


@pytest.mark.parametrize("after_s", [0.1, 0.25, 0.5])
def test_looking_more_often_finds_nothing_sooner(after_s: float) -> None:
    watched, looks = Watched(), 1
    while watched.look(NETWORK, 0, after_s=after_s) is MOVES:
        looks += 1
    assert looks * after_s == pytest.approx(30.0, abs=after_s)


@pytest.mark.parametrize(("after_s", "jump_s"), [(20.0, 0.0), (20.0, -20.0), (1.0, 20.0)])
def test_twenty_seconds_on_either_clock_are_sleep(after_s: float, jump_s: float) -> None:
    assert Watched().look(NETWORK, 5, after_s=after_s, jump_s=jump_s) is SLEPT
    assert Watched().look(NETWORK, 5, after_s=max(0.0, after_s - 1), jump_s=min(19.0, jump_s)) is MOVES
