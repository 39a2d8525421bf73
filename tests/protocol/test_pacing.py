"""How fast Vault may be asked, from its headers and refusals."""

import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from asyncup.errors import Phase, TransportError, VaultError, VaultUnreachable
from asyncup.protocol.pacing import Pace, RateFacts, holds_all_lanes, least_gap_s, least_wait_s, read_rate_facts
from asyncup.protocol.requests import Operation

LIMIT = "x-vaultapi-burstlimit"
REMAINING = "x-vaultapi-burstlimitremaining"
DELAY = "x-vaultapi-responsedelay"


@given(st.dictionaries(st.sampled_from([LIMIT, REMAINING, DELAY, "other"]), st.text() | st.integers().map(str)))
def test_any_headers_are_facts_or_nothing(headers: dict[str, str]) -> None:
    facts = read_rate_facts(headers)
    for value in (facts.limit, facts.remaining, facts.delay_s):
        assert value is None or value >= 0
    assert (facts.limit is None) or LIMIT in headers


def test_the_documented_headers() -> None:
    assert read_rate_facts({LIMIT: "2000", REMAINING: " 1999 "}) == RateFacts(2000, 1999, None)
    assert read_rate_facts({DELAY: "500"}) == RateFacts(None, None, 0.5)
    assert read_rate_facts({LIMIT: "9" * 13, REMAINING: "-1", DELAY: "\u0661"}) == RateFacts()
    assert read_rate_facts({LIMIT: "9" * 12}).limit == 10**12 - 1


def test_nobody_waits_before_anybody_was_told_to() -> None:
    assert Pace().wait_s(0.0) == 0
    assert Pace().facts == RateFacts()


def refusal(error_type: str | None = None, *, status: int = 200, retry_after_s: float | None = None) -> VaultError:
    return VaultError("x", status=status, error_type=error_type, retry_after_s=retry_after_s)


@pytest.mark.parametrize("operation", Operation)
def test_a_limit_is_waited_for_as_long_as_it_lasts(operation: Operation) -> None:
    waits = {Operation.JOB_STATUS: 10.0, Operation.LOG_IN: 60.0}
    assert least_wait_s(operation, refusal("API_LIMIT_EXCEEDED")) == waits.get(operation, 30.0)
    assert least_wait_s(operation, refusal("API_LIMIT_EXCEEDED", retry_after_s=0.0)) == 0.0
    assert least_wait_s(operation, refusal("INVALID_DATA", retry_after_s=7.0)) == 7.0
    assert least_wait_s(operation, refusal("OPERATION_IN_PROGRESS")) is None


@pytest.mark.parametrize(
    ("error", "whole_vault"),
    [
        (refusal("API_LIMIT_EXCEEDED"), True),
        (refusal(status=429), True),
        (refusal(status=503, retry_after_s=5.0), True),
        (refusal(status=503), False),
        (refusal(status=500, retry_after_s=5.0), False),
        (refusal("RACE_CONDITION"), False),
    ],
    ids=str,
)
def test_only_what_is_about_the_whole_vault_holds_all_lanes(error: VaultError, whole_vault: bool) -> None:
    for operation in Operation:
        alone = operation in (Operation.JOB_STATUS, Operation.LOG_IN)
        assert holds_all_lanes(operation, error) == (whole_vault and not alone), operation


@given(st.integers(1, 10**6), st.lists(st.integers(0, 10**6), min_size=1))
def test_a_low_budget_is_told_once_each_time(limit: int, remaining: list[int]) -> None:
    pace = Pace()
    told = [pace.observe(RateFacts(limit, left)) for left in remaining]
    low = [left * 10 < limit for left in remaining]
    assert told == [now and not before for before, now in zip([False, *low], low, strict=False)]


def test_low_is_less_than_a_tenth() -> None:
    pace = Pace()
    assert not pace.observe(RateFacts(100, 10))
    assert pace.observe(RateFacts(100, 9))


@pytest.mark.parametrize("facts", [RateFacts(None, 1), RateFacts(100, None), RateFacts()], ids=str)
def test_half_a_fact_is_none(facts: RateFacts) -> None:
    pace = Pace()
    assert not pace.observe(facts)
    assert pace.facts is facts


def test_an_answer_without_facts_says_nothing_of_the_budget() -> None:
    pace = Pace()
    assert pace.observe(RateFacts(100, 5))
    assert not pace.observe(RateFacts())
    assert not pace.observe(RateFacts(100, 4)), "it was low all the time"


class Clockwork(RuleBasedStateMachine):
    """Holds and logins in any order, on a clock that moves on."""

    def __init__(self) -> None:
        super().__init__()
        self.pace = Pace()
        self.now = 1000.0
        self.until = 0.0
        self.logins: list[float] = []

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(seconds=st.floats(-10, 500))
    def hold(self, seconds: float) -> None:
        self.pace.hold(self.now + seconds)
        self.until = max(self.until, self.now + seconds)

    @rule()
    def log_in(self) -> None:
        wait_s = self.pace.login_wait_s(self.now)
        assert wait_s <= 60 + 1e-6  # floats
        self.now += wait_s
        if self.pace.login_wait_s(self.now) > 0:
            self.now += 0.001  # as a float's last digit may want
        assert self.pace.login_wait_s(self.now) == 0
        self.pace.login_sent(self.now)
        self.logins.append(self.now)

    @invariant()
    def nobody_goes_out_before_the_end_of_a_hold(self) -> None:
        assert self.pace.wait_s(self.now) == max(0.0, self.until - self.now)

    @invariant()
    def no_minute_sees_more_than_ten_logins(self) -> None:
        for first, eleventh in zip(self.logins, self.logins[10:], strict=False):
            assert eleventh - first >= 60 - 1e-6


test_clockwork = Clockwork.TestCase


def test_ten_logins_are_free_and_the_eleventh_waits_for_the_first_to_be_a_minute_old() -> None:
    pace = Pace()
    for second in range(10):
        assert pace.login_wait_s(second) == 0
        pace.login_sent(second)
    assert pace.login_wait_s(9) == 51
    assert pace.login_wait_s(60) == 0


@pytest.mark.parametrize("operation", Operation)
def test_a_job_is_never_asked_for_sooner_than_the_interval(operation: Operation) -> None:
    expected = 7.5 if operation is Operation.JOB_STATUS else 0
    for error in (TransportError("x", Phase.ANSWER, "y"), VaultError("x", status=500), VaultError("x", status=200)):
        assert least_gap_s(operation, error, 7.5) == expected
    assert least_gap_s(operation, VaultUnreachable("x", Phase.CONNECT, "y"), 7.5) == 0, "Vault was not asked at all"
