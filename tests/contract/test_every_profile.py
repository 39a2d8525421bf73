"""The guard of the contract suite: it runs last, and sees that every profile, and a live Vault, was asked the same."""

import os
from collections import Counter

import pytest

from asyncup.emulator import PROFILES
from tests.contract.targets import EMULATED, LIVE, why_not_live

TIMES = Counter(target.profile for target in EMULATED)
"""How often each profile is a target: `default` is asked once as an administrator and once as somebody else."""

LEAST = 40
"""Far fewer questions than this, and something was left out."""


def test_every_profile_was_asked_every_question(ran: Counter[str]) -> None:
    expected = {name: 2 if name == "default" else 1 for name in PROFILES}
    assert expected == TIMES
    asked = {name: ran[name] / TIMES[name] for name in PROFILES}
    assert not [name for name, tests in asked.items() if not tests], "these profiles ran no contract test"
    assert len(set(asked.values())) == 1, f"some profiles ran fewer contract tests than others: {asked}"
    assert min(asked.values()) >= LEAST


@pytest.mark.skipif(why_not_live(os.environ) is not None, reason=str(why_not_live(os.environ)))
def test_the_live_vault_was_asked_every_question(ran: Counter[str]) -> None:
    assert ran[LIVE] == ran["quick"] >= LEAST
