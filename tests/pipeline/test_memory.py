"""The byte budget: never exceeded, first come first served, and whole again whatever is cancelled when."""

import asyncio

import anyio
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from asyncup import ConfigurationError, MemoryBudget

_ITERATIONS_TO_REST = 5


class Budget(RuleBasedStateMachine):
    """Takers come, are served, give back and are cancelled, in any order and also in the same moment."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.budget = MemoryBudget(1)
        self.takers: list[tuple[int, asyncio.Task[None]]] = []
        """In the order of their coming: those who wait and those who hold."""
        self.at_rest = True
        self.resized = False
        self.taken_before = 0

    @initialize(total=st.integers(1, 50))
    def begin(self, total: int) -> None:
        self.budget = MemoryBudget(total)

    def teardown(self) -> None:
        for _, task in self.takers:
            task.cancel()
        self.rest()
        for length, task in self.takers:
            if not task.cancelled():
                self.budget.give_back(length)
        self.loop.close()
        assert self.budget.taken == 0

    @rule(length=st.integers(0, 60))
    def take(self, length: int) -> None:
        self.takers.append((length, self.loop.create_task(self.budget.take(length))))
        self.at_rest = False

    @rule(length=st.integers(0, 60))
    def take_now(self, length: int) -> None:
        self.rest()
        waiting = [task for _, task in self.takers if not task.done()]
        taken, free = self.budget.taken, self.budget.total - self.budget.taken
        if self.budget.take_now(length):
            assert not waiting
            assert min(length, self.budget.total) <= free
            self.takers.append((length, self.loop.create_task(_nothing())))
            self.rest()
        else:
            assert waiting or min(length, self.budget.total) > free
            assert self.budget.taken == taken

    @rule(data=st.data())
    @precondition(lambda self: self.holders())
    def give_back(self, data: st.DataObject) -> None:
        taker = data.draw(st.sampled_from(self.holders()))
        self.takers.remove(taker)
        self.budget.give_back(taker[0])
        self.at_rest = False

    @rule(data=st.data())
    @precondition(lambda self: self.takers)
    def cancel(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.takers))[1].cancel()
        self.at_rest = False

    @rule(total=st.integers(1, 80))
    def resize(self, total: int) -> None:
        self.budget.resize(total)
        self.at_rest, self.resized = False, True

    @rule()
    def rest(self) -> None:
        async def iterate() -> None:
            for _ in range(_ITERATIONS_TO_REST):
                await asyncio.sleep(0)

        self.loop.run_until_complete(iterate())
        self.takers = [(length, task) for length, task in self.takers if not task.cancelled()]
        self.at_rest = True

    @invariant()
    def never_too_much(self) -> None:
        """Only a budget that was made smaller is ever exceeded, and nobody is served before that is over."""
        assert self.budget.taken >= 0
        if self.budget.taken > self.budget.total:
            assert self.budget.taken <= self.taken_before
        self.taken_before = self.budget.taken

    @invariant()
    def nothing_is_lost(self) -> None:
        if not self.holders() and self.at_rest:
            assert self.budget.taken == 0
        if self.at_rest and not self.resized:
            assert self.budget.taken == sum(self.need(length) for length, _ in self.holders())

    @invariant()
    def first_come_first_served(self) -> None:
        """Whoever is served was not overtaken, and nobody waits without need."""
        if not self.at_rest:
            return
        waiting = [length for length, task in self.takers if not task.done()]
        served = [task.done() for _, task in self.takers]
        assert served == sorted(served, reverse=True)
        if waiting:
            assert self.need(waiting[0]) > self.budget.total - self.budget.taken

    def holders(self) -> list[tuple[int, "asyncio.Task[None]"]]:
        return [(length, task) for length, task in self.takers if task.done() and not task.cancelled()]

    def need(self, length: int) -> int:
        return min(length, self.budget.total)


async def _nothing() -> None:
    """What a taker who need not wait waits for."""


TestBudget = Budget.TestCase


async def test_a_request_for_more_than_all_waits_for_all() -> None:
    budget = MemoryBudget(10)
    await budget.take(1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(budget.take, 11)
        await anyio.wait_all_tasks_blocked()
        assert budget.taken == 1
        budget.give_back(1)
    assert budget.taken == 10
    budget.give_back(11)
    assert budget.taken == 0


async def test_who_is_cancelled_lets_those_behind_pass() -> None:
    budget = MemoryBudget(10)
    await budget.take(5)
    async with anyio.create_task_group() as behind, anyio.create_task_group() as ahead:
        ahead.start_soon(budget.take, 10)
        await anyio.wait_all_tasks_blocked()
        behind.start_soon(budget.take, 5)
        await anyio.wait_all_tasks_blocked()
        assert budget.taken == 5
        ahead.cancel_scope.cancel()
    assert budget.taken == 10


async def test_a_larger_budget_serves_who_waits() -> None:
    budget = MemoryBudget(10)
    await budget.take(10)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(budget.take, 5)
        await anyio.wait_all_tasks_blocked()
        budget.resize(15)
    assert (budget.taken, budget.total) == (15, 15)


async def test_a_smaller_budget_waits_until_enough_is_given_back() -> None:
    budget = MemoryBudget(20)
    await budget.take(12)
    await budget.take(8)
    budget.resize(10)
    assert budget.taken == 20
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(budget.take, 15)  # more than all: all of it
        await anyio.wait_all_tasks_blocked()
        budget.give_back(8)
        await anyio.wait_all_tasks_blocked()
        assert budget.taken == 12
        budget.give_back(12)
    assert budget.taken == 10
    budget.resize(30)
    budget.give_back(15)
    assert budget.taken == 0


@pytest.mark.parametrize("total", [0, -1])
def test_no_budget_shrinks_to_nothing(total: int) -> None:
    with pytest.raises(ConfigurationError, match=f"not {total}"):
        MemoryBudget(5).resize(total)


@pytest.mark.parametrize("total", [0, -1])
def test_a_budget_needs_a_byte(total: int) -> None:
    with pytest.raises(ConfigurationError, match=f"not {total}"):
        MemoryBudget(total)
