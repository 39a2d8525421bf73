"""The stages' seconds: every instant is in exactly one of them."""

from hypothesis import given, strategies as st

from asyncup.events import Stage
from asyncup.pipeline.stage_clock import StageClock


class Ticks:
    """A clock whose next moments are given. Whole numbers, so that nothing is rounded."""

    def __init__(self) -> None:
        self.now = 1000

    def __call__(self) -> int:
        return self.now


@given(st.lists(st.tuples(st.integers(0, 100), st.sampled_from(Stage))), st.integers(0, 100))
def test_the_stages_add_up_exactly(steps: list[tuple[int, Stage]], rest: int) -> None:
    ticks = Ticks()
    heard: list[Stage] = []
    clock = StageClock(ticks, heard.append)
    expected = dict.fromkeys(Stage, 0)
    stage, changes = Stage.DISK, []
    for passed, following in steps:
        ticks.now += passed
        expected[stage] += passed
        if following is not stage:
            changes.append(following)
        stage = following
        clock.enter(following)
    ticks.now += rest
    expected[stage] += rest
    elapsed, seconds = clock.stop()
    assert seconds == expected
    assert elapsed == sum(expected.values())
    assert heard == changes


@given(st.lists(st.tuples(st.floats(0, 1e6), st.sampled_from(Stage)), max_size=50))
def test_with_a_real_clock_nothing_is_lost_but_rounding(steps: list[tuple[float, Stage]]) -> None:
    moments = iter([now := 5.0, *(now := now + passed for passed, _ in steps), now + 1])
    current = [next(moments)]
    clock = StageClock(lambda: current[0], lambda _: None)
    for _, stage in steps:
        current[0] = next(moments)
        clock.enter(stage)
    current[0] = next(moments)
    elapsed, seconds = clock.stop()
    assert abs(sum(seconds.values()) - elapsed) <= 1e-9 * elapsed
    assert min(seconds.values()) >= 0


def test_stopping_twice_counts_nothing_twice() -> None:
    ticks = Ticks()
    clock = StageClock(ticks, lambda _: None)
    ticks.now += 3
    assert clock.stop() == (3, {Stage.DISK: 3, Stage.HASH: 0, Stage.WIRE: 0, Stage.VAULT: 0})
    assert clock.stop() == (3, {Stage.DISK: 3, Stage.HASH: 0, Stage.WIRE: 0, Stage.VAULT: 0})
