"""Lots: when connections are lost, and how many together."""

import math
from statistics import fmean

import pytest
from hypothesis import given, strategies as st

from asyncup.emulator.tcp_proxy import Loss
from asyncup.emulator.tcp_proxy.loss import ENDLESS, SHORT, Losses

MANY = 4000


def test_without_loss_every_connection_is_endless() -> None:
    losses = Losses(None)
    assert losses.lifetime() == ENDLESS
    assert losses.others(5) == 0


def test_lives_have_the_given_means_and_are_the_same_for_a_seed() -> None:
    losses = Losses(Loss(seed=1, mean_bytes=1e6, mean_s=20))
    lives = [losses.lifetime() for _ in range(MANY)]
    assert fmean(life.life_bytes for life in lives) == pytest.approx(1e6, rel=0.1)
    assert fmean(life.life_s for life in lives) == pytest.approx(20, rel=0.1)
    again = Losses(Loss(seed=1, mean_bytes=1e6, mean_s=20))
    assert [again.lifetime() for _ in range(MANY)] == lives
    other = Losses(Loss(seed=2, mean_bytes=1e6, mean_s=20))
    assert other.lifetime() != lives[0]


def test_what_has_no_mean_has_no_end() -> None:
    life = Losses(Loss(seed=1, mean_bytes=1e6)).lifetime()
    assert life.life_bytes < math.inf
    assert life.life_s == math.inf


def test_bursts_have_the_given_mean() -> None:
    losses = Losses(Loss(seed=3, mean_bytes=1.0, mean_burst=4))
    assert fmean(losses.others(10_000) for _ in range(MANY)) == pytest.approx(3, rel=0.1)
    alone = Losses(Loss(seed=3, mean_bytes=1.0))
    assert {alone.others(10) for _ in range(MANY)} == {0}


@given(st.integers(0, 1000))
def test_a_burst_goes_on_with_the_connections_made_next(seed: int) -> None:
    """Those get short lives, and what dies of that begins no burst of its own."""
    losses = Losses(Loss(seed=seed, mean_s=1.0, mean_burst=50))
    while not losses._left_of_burst:
        assert losses.others(0) == 0
    size = losses._left_of_burst
    short = []
    for _ in range(size):
        assert losses.others(0) == 0
        short.append(losses.lifetime().life_s)
    assert losses._left_of_burst == 0
    assert fmean(short) < 20 * SHORT


def test_impossible_losses() -> None:
    for impossible in ({"mean_bytes": 0.0}, {"mean_s": -1.0}, {"mean_burst": 0.5}):
        with pytest.raises(ValueError, match="impossible"):
            Loss(seed=1, **impossible)
