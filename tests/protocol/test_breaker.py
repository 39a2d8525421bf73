"""Is Vault away? What each failure says of it, and what the breaker makes of a row of them."""

import pytest
from hypothesis import given, strategies as st

from asyncup.errors import (
    AccessRefused,
    AsyncupError,
    ChecksumMismatch,
    ItemExists,
    LoginError,
    MalformedAnswer,
    Phase,
    ProxyRefused,
    SourceChanged,
    TlsRefused,
    TransportError,
    UploadSessionNotFound,
    VaultAway,
    VaultError,
    VaultUnreachable,
)
from asyncup.protocol.answers import Answer, read_json
from asyncup.protocol.breaker import Breaker, Sign, sign_of
from asyncup.protocol.requests import Operation
from asyncup.protocol.retry import RetryPolicy
from tests.protocol.json_answers import ERROR_TYPES, failure

ALIVE, AWAY, NOTHING = Sign.ALIVE, Sign.AWAY, Sign.NOTHING


def slept() -> TransportError:
    error = TransportError("x", Phase.WRITE, "y")
    error.slept = True
    return error


SIGNS: list[tuple[AsyncupError, Sign]] = [
    (TransportError("x", Phase.ANSWER, "y"), AWAY),
    (VaultUnreachable("x", Phase.CONNECT, "y"), AWAY),
    (MalformedAnswer("x", status=200), AWAY),
    (VaultError("x", status=500), AWAY),
    (VaultError("x", status=502), AWAY),
    (VaultError("x", status=503), AWAY),
    (VaultError("x", status=429), AWAY),
    (VaultError("x", status=429, response_status="FAILURE", error_type="API_LIMIT_EXCEEDED"), AWAY),
    (VaultError("x", status=503, response_status="FAILURE", error_type="SOMETHING_NEW"), AWAY),
    (VaultError("x", status=502, response_status="EXCEPTION", error_type="A_FAULT"), AWAY),
    (VaultError("x", status=500, response_status="FAILURE", error_type="UNEXPECTED_ERROR"), AWAY),
    # A fault of Vault's may be about one item, or about everything: with a status of success it counts for neither.
    (VaultError("x", status=200, response_status="EXCEPTION"), NOTHING),
    (VaultError("x", status=201, response_status="FAILURE", error_type="UNEXPECTED_ERROR"), NOTHING),
    (VaultError("x", status=200, response_status="FAILURE", error_type="API_LIMIT_EXCEEDED"), ALIVE),
    (VaultError("x", status=200, response_status="FAILURE", error_type="OPERATION_IN_PROGRESS"), ALIVE),
    (VaultError("x", status=503, response_status="EXCEPTION", error_type="RACE_CONDITION"), ALIVE),
    (VaultError("x", status=200, response_status="FAILURE", error_type="INVALID_DATA"), ALIVE),
    (VaultError("x", status=500, response_status="FAILURE", error_type="INVALID_FILTER"), ALIVE),
    (LoginError("x", status=401), ALIVE),
    (LoginError("x", status=200, response_status="FAILURE", error_type="INVALID_SESSION_ID"), ALIVE),
    (ItemExists("x", status=200, response_status="FAILURE"), ALIVE),
    (UploadSessionNotFound("x", status=200, response_status="FAILURE"), ALIVE),
    (AccessRefused("x", status=200, response_status="FAILURE"), ALIVE),
    (AccessRefused("x", status=403), NOTHING),  # or a proxy's
    (VaultError("x", status=404), NOTHING),
    (VaultError("x", status=407), NOTHING),
    (TlsRefused("x", Phase.TLS, "y"), NOTHING),
    (ProxyRefused("x", Phase.CONNECT, "y"), NOTHING),
    (VaultAway("x", Phase.CONNECT, "y"), NOTHING),
    (slept(), NOTHING),
    (SourceChanged("x", "y"), NOTHING),
    (ChecksumMismatch("x"), NOTHING),
]


@pytest.mark.parametrize(("error", "sign"), SIGNS, ids=repr)
def test_what_a_failure_says_of_the_vault(error: AsyncupError, sign: Sign) -> None:
    assert sign_of(error) is sign


@pytest.mark.parametrize("error_type", ERROR_TYPES)
def test_a_refusal_of_vaults_is_a_sign_of_life(error_type: str) -> None:
    with pytest.raises(VaultError) as refused:
        read_json(Operation.PUT_PART, failure(error_type))
    assert sign_of(refused.value) is (NOTHING if error_type == "UNEXPECTED_ERROR" else ALIVE)


@given(st.integers(400, 599))
def test_a_page_of_something_in_between_is_no_sign_of_life(status: int) -> None:
    with pytest.raises(VaultError) as refused:
        read_json(Operation.PUT_PART, Answer(status, {}, b"<html>"))
    assert sign_of(refused.value) is not ALIVE or status == 401


POLICY = RetryPolicy(breaker_failures=3, breaker_after_s=10.0, outage_s=100.0)


def opened(policy: RetryPolicy = POLICY, lanes: int = 2) -> Breaker:
    """A breaker that opened at 10 s."""
    breaker = Breaker(policy)
    assert [breaker.away(at, number % lanes) for number, at in enumerate((0.0, 5.0, 10.0))] == [False, False, True]
    return breaker


@given(st.integers(1, 20), st.floats(0, 100), st.lists(st.floats(0, 50), max_size=60))
def test_it_opens_after_that_many_failures_that_go_on_for_that_long(
    failures: int, after_s: float, pauses: list[float]
) -> None:
    breaker, now = Breaker(RetryPolicy(breaker_failures=failures, breaker_after_s=after_s)), 0.0
    times = []
    for pause in pauses:
        now += pause
        times.append(now)
        opens = breaker.away(now, 1)
        enough = len(times) >= failures and times[-1] - times[0] >= after_s
        assert breaker.is_open == enough
        assert opens == (enough and not (len(times) > failures and times[-2] - times[0] >= after_s))
        assert breaker.failures == len(times)
        assert breaker.away_s(now) == times[-1] - times[0]


@given(st.lists(st.sampled_from(["away", "alive"]), max_size=40))
def test_a_sign_of_life_closes_it_and_begins_anew(happened: list[str]) -> None:
    breaker, now, in_a_row = Breaker(RetryPolicy(breaker_failures=3, breaker_after_s=0)), 0.0, 0
    for what in happened:
        now += 1
        if what == "alive":
            assert breaker.alive() == (in_a_row >= 3)
            in_a_row = 0
            assert (breaker.away_s(now), breaker.wait_s(now), breaker.is_shared) == (0, 0, False)
        else:
            in_a_row += 1
            assert breaker.away(now, 1) == (in_a_row == 3)
        assert breaker.is_open == (in_a_row >= 3)


def test_closed_it_holds_nobody_and_tries_nothing() -> None:
    breaker = Breaker(POLICY)
    assert breaker.wait_s(0.0) == 0
    assert not breaker.begin()
    breaker.away(0.0, 1)
    assert breaker.wait_s(1000.0) == 0
    assert not breaker.has_ended_run(1000.0), "a single failure long ago is no outage"


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(0, 2)), max_size=80))
def test_open_it_lets_one_call_at_a_time_try(steps: list[tuple[float, int]]) -> None:
    breaker, now, under_way = opened(), 10.0, 0
    ended_at = 10.0
    for pause, what in steps:
        now += pause
        if what and breaker.wait_s(now) == 0:
            assert under_way == 0
            assert now >= ended_at + 5
            assert breaker.begin()
            under_way += 1
        elif not what and under_way:
            breaker.trial_ended(now)
            ended_at, under_way = now, 0
        assert breaker.wait_s(now) > 0 or (not under_way and now >= ended_at + 5)


def test_a_call_that_was_let_out_before_is_no_trial() -> None:
    breaker = opened()
    assert breaker.wait_s(15.0) == 0
    assert breaker.begin()
    # One that waited for something else in between goes out too, and its end does not end the trial.
    assert not breaker.begin()
    assert breaker.wait_s(16.0) == 5


def test_an_outage_ends_the_run_and_a_later_call_may_still_try() -> None:
    breaker = opened()
    assert not breaker.has_ended_run(99.9)
    assert breaker.has_ended_run(100.0)
    assert breaker.wait_s(200.0) == 0
    assert breaker.begin()
    assert breaker.wait_s(200.0) > 0
    breaker.alive()
    breaker.trial_ended(201.0)
    assert not breaker.has_ended_run(201.0)
    assert breaker.wait_s(201.0) == 0


@pytest.mark.parametrize(("lanes", "shared"), [(1, False), (2, True), (3, True)])
def test_it_is_shared_when_several_lanes_met_it(lanes: int, shared: bool) -> None:
    assert opened(lanes=lanes).is_shared == shared
    closed = Breaker(POLICY)
    closed.away(0.0, 1)
    closed.away(0.0, 2)
    assert not closed.is_shared, "a few failures are everybody's own matter"


def test_after_a_trial_that_failed_the_next_one_comes_when_it_is_time() -> None:
    breaker = opened()
    for at in (15.0, 25.0, 35.0):
        assert breaker.wait_s(at) == 0
        assert breaker.begin()
        breaker.trial_ended(at + 5)
        assert breaker.wait_s(at + 6) == 4
