"""Windows that count calls."""

import pytest

from asyncup.emulator import Switches
from asyncup.emulator.refusal import LoginRefusal, Refusal
from asyncup.emulator.throttle import Allowance, Throttle


def test_calls_beyond_the_limit_are_delayed_until_the_window_ends() -> None:
    throttle = Throttle(Switches(burst_limit=2, burst_window_s=300, burst_delay_ms=500))
    found = [throttle.call(1, now) for now in (600, 700, 899.9, 900)]
    assert found == [Allowance(2, 1, 0), Allowance(2, 0, 0), Allowance(2, 0, 500), Allowance(2, 1, 0)]


def test_a_vault_of_the_old_kind_refuses() -> None:
    throttle = Throttle(Switches(burst="refuse", burst_limit=1))
    throttle.call(1, 0)
    with pytest.raises(Refusal, match="API_LIMIT_EXCEEDED") as refusal:
        throttle.call(1, 1)
    assert refusal.value.retry_after_s == 299


@pytest.mark.parametrize(("scope", "remaining"), [("vault", 8), ("user", 9)])
def test_who_shares_the_limit(scope: str, remaining: int) -> None:
    throttle = Throttle(Switches(burst_limit=10, burst_scope=scope))  # type: ignore[arg-type]
    throttle.call(1, 0)
    assert throttle.call(2, 0) == Allowance(10, remaining, 0)


def test_no_limit() -> None:
    throttle = Throttle(Switches(burst="off", auth_burst_limit=0))
    assert throttle.call(1, 0) is None
    assert throttle.log_in("a", "host", 0) is None


def test_logins_are_delayed_from_half_of_their_limit_and_then_refused() -> None:
    throttle = Throttle(Switches(auth_burst_limit=4))
    delays = [found.delay_ms for _ in range(4) if (found := throttle.log_in("a", "host", 10))]
    assert delays == [0, 0, 500, 500]
    with pytest.raises(LoginRefusal, match="API_LIMIT_EXCEEDED"):
        throttle.log_in("a", "host", 59)
    assert throttle.log_in("b", "host", 59) == Allowance(4, 3, 0)
    assert throttle.log_in("a", "host", 60) == Allowance(4, 3, 0)
