"""How long an answer may take: learned for each kind of call, never below the floor, never above the cap."""

import pytest
from hypothesis import given, strategies as st

from asyncup.protocol.answer_deadline import AnswerDeadline
from asyncup.protocol.requests import Operation

PUT, COMMIT = Operation.PUT_PART, Operation.COMMIT
MIB = 2**20
TURNAROUNDS = st.floats(0, 1000)


def learned(*turnarounds_s: float, floor_s: float = 30.0) -> AnswerDeadline:
    deadline = AnswerDeadline(floor_s)
    for turnaround_s in turnarounds_s:
        deadline.answered(PUT, 50 * MIB, turnaround_s)
    return deadline


@given(st.lists(TURNAROUNDS, max_size=4), st.floats(0.001, 1000))
def test_little_is_known_after_a_few_answers(turnarounds: list[float], cap_s: float) -> None:
    assert learned(*turnarounds).deadline_s(PUT, 50 * MIB, cap_s=cap_s) == cap_s


@given(st.lists(TURNAROUNDS, min_size=5), st.floats(0.001, 1000), st.integers(0, 40))
def test_it_stays_between_floor_and_cap(turnarounds: list[float], cap_s: float, silences: int) -> None:
    deadline = learned(*turnarounds)
    for _ in range(silences):
        deadline.unanswered(PUT, 50 * MIB)
    assert min(30.0, cap_s) <= deadline.deadline_s(PUT, 50 * MIB, cap_s=cap_s) <= cap_s


@given(st.lists(TURNAROUNDS, min_size=5))
def test_what_was_just_seen_is_never_too_slow(turnarounds: list[float]) -> None:
    # Otherwise a Vault that becomes slower would be given up although it answers.
    deadline = learned(*turnarounds, floor_s=0.0).deadline_s(PUT, 50 * MIB, cap_s=1e9)
    assert deadline >= 1.3 * turnarounds[-1]


@pytest.mark.parametrize(("turnaround_s", "expected_s"), [(0.5, 30.0), (20.0, 60.0), (200.0, 300.0)])
def test_a_steady_vault_has_a_margin_of_three(turnaround_s: float, expected_s: float) -> None:
    deadline = learned(*[turnaround_s] * 100)
    assert deadline.deadline_s(PUT, 50 * MIB, cap_s=300.0) == pytest.approx(expected_s, rel=1e-3)


def test_each_kind_learns_for_itself() -> None:
    deadline = learned(*[0.5] * 5)
    assert deadline.deadline_s(PUT, 50 * MIB, cap_s=300.0) == 30.0
    assert deadline.deadline_s(PUT, 33 * MIB, cap_s=300.0) == 30.0, "a size like it"
    assert deadline.deadline_s(PUT, 5 * MIB, cap_s=300.0) == 300.0
    assert deadline.deadline_s(PUT, 500 * MIB, cap_s=300.0) == 300.0
    assert deadline.deadline_s(COMMIT, 0, cap_s=300.0) == 300.0


def test_a_silence_doubles_it_until_an_answer_comes() -> None:
    deadline = learned(*[0.5] * 50)
    seen = []
    for _ in range(6):
        seen.append(deadline.deadline_s(PUT, 50 * MIB, cap_s=300.0))
        deadline.unanswered(PUT, 50 * MIB)
    assert seen == [30, 60, 120, 240, 300, 300]
    deadline.answered(PUT, 50 * MIB, 0.5)
    assert deadline.deadline_s(PUT, 50 * MIB, cap_s=300.0) == 30.0


@given(st.floats(31, 290))
def test_a_vault_that_became_slower_is_not_given_up_for_ever(slower_s: float) -> None:
    deadline, silences = learned(*[0.5] * 50), 0
    for _ in range(100):
        if slower_s < deadline.deadline_s(PUT, 50 * MIB, cap_s=300.0):
            deadline.answered(PUT, 50 * MIB, slower_s)
        else:
            deadline.unanswered(PUT, 50 * MIB)
            silences += 1
    assert 1 <= silences <= 4


def test_a_clock_that_goes_back_is_no_turnaround() -> None:
    assert learned(*[-5.0] * 5, floor_s=0.0).deadline_s(PUT, 50 * MIB, cap_s=300.0) == 0.0


@given(st.lists(TURNAROUNDS, min_size=5, max_size=12))
def test_it_smooths_as_tcp_does(turnarounds: list[float]) -> None:
    """RFC 6298, section 2, with our factors: three times the mean, and four deviations."""
    mean_s, deviation_s = turnarounds[0], turnarounds[0] / 2
    for turnaround_s in turnarounds[1:]:
        deviation_s = 3 / 4 * deviation_s + 1 / 4 * abs(mean_s - turnaround_s)
        mean_s = 7 / 8 * mean_s + 1 / 8 * turnaround_s
    told = learned(*turnarounds, floor_s=0.0).deadline_s(PUT, 50 * MIB, cap_s=1e9)
    assert told == pytest.approx(3 * mean_s + 4 * deviation_s)


def test_silence_alone_tells_no_turnaround() -> None:
    deadline = AnswerDeadline()
    deadline.unanswered(PUT, 50 * MIB)
    assert deadline.deadline_s(PUT, 50 * MIB, cap_s=300.0) == 300.0
    for _ in range(5):
        deadline.answered(PUT, 50 * MIB, 0.5)
    assert deadline.deadline_s(PUT, 50 * MIB, cap_s=300.0) == 30.0, "half a minute, when nothing else is asked for"
