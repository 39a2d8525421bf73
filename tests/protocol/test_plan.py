"""The plan covers the file exactly, within every limit, or says which limit it cannot keep."""

import itertools
from typing import Any

import pytest
from hypothesis import assume, example, given, strategies as st

from asyncup.errors import LimitExceeded
from asyncup.protocol.limits import LIMITS_2000_PARTS, LIMITS_9616_PARTS, Limits
from asyncup.protocol.plan import LONGEST_PART_S, PARTS_IN_MEMORY, Part, Plan, choose_part_size, make_plan
from tests.protocol.outcome import outcome_of

PAGE = 4096


@st.composite
def any_limits(draw: st.DrawFn) -> Limits:
    smallest = draw(st.integers(1, 50_000))
    return Limits(
        min_part_size=smallest,
        preferred_part_size=draw(st.integers(1, 200_000)),
        max_part_size=draw(st.integers(smallest, 200_000)),
        max_parts=draw(st.integers(1, 60)),
        max_file_size=draw(st.integers(1, 10_000_000)),
    )


SIZES = st.integers(0, 2_000_000) | st.integers(0, 600_000_000_000)
LIMITS = st.sampled_from([LIMITS_2000_PARTS, LIMITS_9616_PARTS]) | any_limits()
BUDGETS = st.integers(1, 1_000_000) | st.integers(1, 2**31)


@given(size=st.integers(0, 100_000), part_size=st.integers(1, 10_000))
@example(size=0, part_size=1)
@example(size=10_000, part_size=10_000)
@example(size=10_001, part_size=10_000)
def test_the_parts_cover_the_file_exactly(size: int, part_size: int) -> None:
    plan = Plan(size, part_size)
    parts = list(plan.parts_from(1))
    assert [part.number for part in parts] == list(range(1, plan.parts + 1))
    ends = [0, *itertools.accumulate(part.length for part in parts)]
    assert [part.offset for part in parts] == ends[:-1]
    assert [part.end for part in parts] == ends[1:]
    assert ends[-1] == size
    assert all(part.length == part_size for part in parts[:-1])
    assert all(0 < part.length <= part_size for part in parts[-1:])


@given(size=SIZES, part_size=st.integers(1, 2**40), data=st.data())
def test_one_part_is_found_without_counting_the_others(size: int, part_size: int, data: st.DataObject) -> None:
    plan = Plan(size, part_size)
    assert (plan.parts == 0) == (size == 0)
    assume(size > 0)
    number = data.draw(st.integers(1, plan.parts))
    part = plan.part(number)
    assert part == Part(number, (number - 1) * part_size, part.length)
    assert part.end == (size if number == plan.parts else number * part_size)
    assert next(plan.parts_from(number)) == part


@given(size=st.integers(0, 100), part_size=st.integers(1, 10), number=st.integers())
def test_there_are_no_other_parts(size: int, part_size: int, number: int) -> None:
    plan = Plan(size, part_size)
    if 1 <= number <= plan.parts:
        assert plan.part(number).number == number
    else:
        with pytest.raises(ValueError, match=f"no part {number} "):
            plan.part(number)


def test_nothing_is_behind_the_last_part() -> None:
    assert list(Plan(30, 10).parts_from(4)) == []


@given(size=SIZES, limits=LIMITS, budget=BUDGETS, least=st.integers(1, 9))
@example(
    size=2**40, limits=Limits(max_part_size=6_000_000, max_file_size=2**50, max_parts=2**20), budget=2**31, least=1
)
@example(size=99_999_999_999, limits=LIMITS_2000_PARTS, budget=1, least=1)
def test_a_chosen_part_size_keeps_every_limit(size: int, limits: Limits, budget: int, least: int) -> None:
    try:
        part_size = choose_part_size(size, limits, memory_budget=budget, least_parts=least)
    except LimitExceeded:
        possible = size <= limits.max_file_size and size <= limits.max_parts * limits.max_part_size
        assert not possible, "it was possible"
        return
    assert type(part_size) is int
    plan = Plan(size, part_size)
    assert limits.min_part_size <= part_size <= limits.max_part_size
    assert plan.parts <= limits.max_parts
    assert size <= limits.max_file_size
    fewest = -(-size // limits.max_parts)
    # Larger than wanted only when the count of parts demands it; beyond the budget only when a limit does.
    assert part_size <= max(limits.preferred_part_size, limits.min_part_size, fewest)
    assert part_size * PARTS_IN_MEMORY <= max(budget, PARTS_IN_MEMORY * max(limits.min_part_size, fewest))


@given(size=SIZES, limits=LIMITS, budget=BUDGETS)
def test_no_much_larger_part_size_would_have_been_right(size: int, limits: Limits, budget: int) -> None:
    try:
        part_size = choose_part_size(size, limits, memory_budget=budget)
    except LimitExceeded:
        return
    assert (
        part_size + PAGE > min(limits.preferred_part_size, limits.max_part_size)
        or (part_size + PAGE) * PARTS_IN_MEMORY > budget
    )


@given(size=SIZES, limits=LIMITS, budget=BUDGETS, least=st.integers(2, 9))
@example(size=64 * 2**20, limits=LIMITS_2000_PARTS, budget=2**31, least=4)
@example(size=50_000_001, limits=LIMITS_2000_PARTS, budget=2**31, least=4)
def test_a_file_has_the_least_parts_that_were_asked_for(size: int, limits: Limits, budget: int, least: int) -> None:
    try:
        part_size = choose_part_size(size, limits, memory_budget=budget, least_parts=least)
    except LimitExceeded:
        return
    alone = choose_part_size(size, limits, memory_budget=budget)
    assert part_size <= alone
    # As large as least_parts allow: no call is spent for nothing.
    smallest = max(limits.min_part_size, -(-size // limits.max_parts))
    assert part_size in (alone, smallest) or size / least <= part_size < size / least + PAGE
    assert part_size == smallest or part_size <= size / least + PAGE


@pytest.mark.parametrize(
    ("size", "parts"), [(64 * 2**20, 4), (50_000_001, 4), (20_000_000, 4), (20_000, 1), (400_000_000, 9)]
)
def test_four_parts_at_least(size: int, parts: int) -> None:
    assert make_plan(size, LIMITS_2000_PARTS, memory_budget=2**31, least_parts=4).parts == parts


@pytest.mark.parametrize(("least", "parts"), [(1, 1), (2, 2), (3, 3)])
def test_so_many_parts_as_are_asked_for(least: int, parts: int) -> None:
    assert make_plan(40_000_000, LIMITS_2000_PARTS, memory_budget=2**31, least_parts=least).parts == parts


def test_one_part_is_enough_where_nothing_is_asked_for() -> None:
    assert make_plan(40_000_000, LIMITS_2000_PARTS, memory_budget=2**31).parts == 1


def test_the_largest_part_size_is_allowed() -> None:
    largest = LIMITS_2000_PARTS.max_part_size
    plan = make_plan(2 * largest, LIMITS_2000_PARTS, memory_budget=2**31, part_size=largest)
    assert (plan.part_size, plan.parts) == (largest, 2)


@given(size=SIZES, limits=LIMITS, budget=BUDGETS, least=st.integers(1, 9), rate=st.floats(1e-3, 1e12, allow_nan=False))
def test_a_part_takes_half_a_minute_at_most(size: int, limits: Limits, budget: int, least: int, rate: float) -> None:
    try:
        part_size = choose_part_size(size, limits, memory_budget=budget, least_parts=least, bytes_per_s=rate)
    except LimitExceeded:
        return
    smallest = max(limits.min_part_size, -(-size // limits.max_parts))
    unhurried = choose_part_size(size, limits, memory_budget=budget, least_parts=least)
    assert part_size <= unhurried
    assert part_size == smallest or part_size / rate <= LONGEST_PART_S
    # Nor smaller than that asks for.
    assert part_size in (unhurried, smallest) or (part_size + PAGE) / rate >= LONGEST_PART_S


@pytest.mark.parametrize(("rate", "part_size"), [(1e9, 50_000_000), (1e6, 30_000_000), (1e5, 5_242_880)])
def test_a_slow_line_gets_smaller_parts(rate: float, part_size: int) -> None:
    plan = make_plan(10**9, LIMITS_2000_PARTS, memory_budget=2**31, bytes_per_s=rate)
    assert part_size - PAGE < plan.part_size <= part_size


@given(budget=st.integers(PARTS_IN_MEMORY * LIMITS_2000_PARTS.min_part_size * 2, 2**31), size=st.integers(0, 10**9))
def test_parts_begin_at_pages_where_there_is_a_choice(budget: int, size: int) -> None:
    assert choose_part_size(size, LIMITS_2000_PARTS, memory_budget=budget) % PAGE == 0


@given(size=SIZES, limits=LIMITS, budget=BUDGETS, wish=st.none() | st.integers(-10, 210_000) | st.integers(1, 2**27))
@example(size=0, limits=LIMITS_2000_PARTS, budget=1, wish=0)
@example(size=2000 * 5_242_880 + 1, limits=LIMITS_2000_PARTS, budget=1, wish=5_242_880)
@example(size=60_000_000, limits=LIMITS_2000_PARTS, budget=1, wish=50_000_001)
@example(size=60_000_000, limits=LIMITS_2000_PARTS, budget=1, wish=5_242_879)
def test_a_plan_keeps_every_limit_or_the_refusal_names_the_one(
    size: int, limits: Limits, budget: int, wish: int | None
) -> None:
    plan = outcome_of(lambda: make_plan(size, limits, memory_budget=budget, part_size=wish), LimitExceeded)
    if isinstance(plan, LimitExceeded):
        refused = plan
        broken = dict(_broken(size, limits, wish))
        assert refused.limit in broken
        assert refused.allowed == getattr(limits, refused.limit)
        assert refused.asked == broken[refused.limit]
        assert f"[{refused.limit} is {refused.allowed}, asked for {refused.asked}]" in str(refused)
        said, advised = WORDS[refused.limit]
        assert said in str(refused)
        assert any(words in refused.hint for words in advised)
        return
    assert list(_broken(size, limits, wish)) == []
    assert plan.size == size
    assert wish is None or plan.part_size == wish
    assert plan.parts <= limits.max_parts
    parts = list(itertools.islice(plan.parts_from(max(1, plan.parts - 1)), 2))
    assert all(part.length <= limits.max_part_size for part in parts)
    assert all(part.length >= limits.min_part_size for part in parts[:-1])


WORDS = {
    "max_file_size": ("larger than an upload session may be", ["Split the file, or ask Veeva"]),
    "max_part_size": ("the part size is too large", ["Choose smaller parts"]),
    "min_part_size": ("the part size is too small", ["Choose parts of at least"]),
    "max_parts": (" parts", ["Choose larger parts", "set VEEVA_VAULT_API_VERSION if your Vault has it"]),
}
"""What is said of each limit, and what to do about it: smaller where it is too large."""


def _broken(size: int, limits: Limits, wish: int | None) -> Any:  # noqa: ANN401 - pairs
    """Every limit that this file and part size break, with what would be needed."""
    if size > limits.max_file_size:
        yield "max_file_size", size
    if wish is None:
        if -(-size // limits.max_part_size) > limits.max_parts:
            yield "max_parts", -(-size // limits.max_part_size)
        return
    if wish > limits.max_part_size:
        yield "max_part_size", wish
    if wish < 1 or (wish < limits.min_part_size and wish < size):
        yield "min_part_size", wish
    elif -(-size // wish) > limits.max_parts:
        # The file may be too large for any part size, or only for this one.
        too_large = -(-size // limits.max_part_size) > limits.max_parts
        yield "max_parts", -(-size // (limits.max_part_size if too_large else wish))
    if -(-size // limits.max_part_size) > limits.max_parts:
        yield "max_parts", -(-size // limits.max_part_size)


@pytest.mark.parametrize(
    ("size", "limits", "part_size", "parts"),
    [
        (50_000_001, LIMITS_2000_PARTS, None, 2),
        (100_000_000_000, LIMITS_2000_PARTS, None, 2000),
        (500_000_000_000, LIMITS_9616_PARTS, None, 9616),
        (5_242_881, LIMITS_2000_PARTS, 5_242_880, 2),
        (1, LIMITS_2000_PARTS, 1, 1),
        (0, LIMITS_2000_PARTS, None, 0),
    ],
)
def test_documented_extremes(size: int, limits: Limits, part_size: int | None, parts: int) -> None:
    assert make_plan(size, limits, memory_budget=2**30, part_size=part_size).parts == parts


@pytest.mark.parametrize(
    ("size", "limits", "limit", "asked"),
    [
        (100_000_000_001, LIMITS_2000_PARTS, "max_parts", 2001),
        (500_000_000_001, LIMITS_2000_PARTS, "max_file_size", 500_000_000_001),
        (500_000_000_001, LIMITS_9616_PARTS, "max_file_size", 500_000_000_001),
    ],
)
def test_a_file_beyond_the_extremes_is_refused(size: int, limits: Limits, limit: str, asked: int) -> None:
    with pytest.raises(LimitExceeded) as refused:
        choose_part_size(size, limits, memory_budget=2**30)
    assert (refused.value.limit, refused.value.asked) == (limit, asked)
    assert limit in str(refused.value)
    more_parts = "the file needs more parts than an upload session may have"
    assert (more_parts in str(refused.value)) == (limit == "max_parts")


def test_a_file_with_too_many_parts_of_the_wanted_size_wants_larger_ones() -> None:
    with pytest.raises(LimitExceeded, match="the file has too many parts") as refused:
        make_plan(2000 * 5_242_880 + 1, LIMITS_2000_PARTS, memory_budget=1, part_size=5_242_880)
    assert refused.value.hint == "Choose larger parts"
