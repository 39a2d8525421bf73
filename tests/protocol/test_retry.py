"""What a failure means: every operation with every kind of failure, and how long is waited."""

import itertools

import pytest
from hypothesis import example, given, strategies as st

from asyncup.errors import (
    AccessRefused,
    AsyncupError,
    ChecksumMismatch,
    ConfigurationError,
    DestinationError,
    ItemExists,
    JobFailed,
    LimitExceeded,
    LoginError,
    MalformedAnswer,
    Phase,
    ProxyRefused,
    SizeMismatch,
    SourceChanged,
    TlsRefused,
    TransportError,
    UploadSessionConflict,
    UploadSessionNotFound,
    VaultAway,
    VaultError,
    VaultUnreachable,
)
from asyncup.protocol.answers import Answer, read_json
from asyncup.protocol.requests import Operation
from asyncup.protocol.retry import RetryPolicy, Verdict, allowed_attempts, backoff_s, classify, counts
from tests.protocol.json_answers import ANSWERS, ERROR_TYPES, answer, failure
from tests.protocol.outcome import outcome_of

RETRY, RECONCILE, LOG_IN, GIVE_UP = Verdict.RETRY, Verdict.RECONCILE, Verdict.LOG_IN, Verdict.GIVE_UP

CHANGES = {
    Operation.CREATE_SESSION,
    Operation.PUT_PART,
    Operation.COMMIT,
    Operation.ABORT,
    Operation.CREATE_FILE,
    Operation.CREATE_FOLDER,
    Operation.MOVE_ITEM,
    Operation.DELETE_ITEM,
    Operation.END_LOGIN,
}
ONCE = CHANGES - {Operation.PUT_PART, Operation.END_LOGIN}
READS = set(Operation) - CHANGES - {Operation.LOG_IN}

# What Vault may have done is asked after a change; anything else that is passing is simply asked again.
UNKNOWN = "unknown outcome"
EXPECTED_OF_TYPE: dict[str, Verdict | str] = {
    "API_LIMIT_EXCEEDED": RETRY,
    "OPERATION_IN_PROGRESS": RETRY,
    "RACE_CONDITION": RETRY,
    "UNEXPECTED_ERROR": UNKNOWN,
    "INVALID_SESSION_ID": LOG_IN,
}
EXPECTED_OF_STATUS: dict[int, Verdict | str] = {401: LOG_IN, 408: RETRY, 425: RETRY, 429: RETRY, 503: "a proxy's word"}


def verdict_of(operation: Operation, answer: Answer) -> Verdict:
    with pytest.raises(VaultError) as refused:
        read_json(operation, answer)
    return classify(operation, refused.value)


def expected(operation: Operation, what: Verdict | str) -> Verdict:
    if what == "a proxy's word":
        what = UNKNOWN if operation in ONCE else RETRY
    if operation is Operation.LOG_IN:
        # After a doubt it is for the client to see that a login is not repeated often: Vault locks users out.
        return RECONCILE if what == UNKNOWN else RETRY if what is RETRY else GIVE_UP
    if what == UNKNOWN:
        return RECONCILE if operation in CHANGES else RETRY
    assert isinstance(what, Verdict)
    return what


@pytest.mark.parametrize("error_type", [*ERROR_TYPES, "SOMETHING_NEW"])
def test_every_documented_refusal_of_every_operation(error_type: str) -> None:
    what = EXPECTED_OF_TYPE.get(error_type, GIVE_UP)
    for operation in Operation:
        assert verdict_of(operation, failure(error_type)) is expected(operation, what), operation


def test_every_status_without_a_body_of_vaults() -> None:
    for status, operation in itertools.product(range(400, 600), Operation):
        what = EXPECTED_OF_STATUS.get(status, UNKNOWN if status >= 500 else GIVE_UP)
        for body in (b"", b"<html>"):
            assert verdict_of(operation, Answer(status, {}, body)) is expected(operation, what), (status, operation)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_refusal_of_vaults_is_definite_whatever_the_status(status: int) -> None:
    for operation in Operation:
        assert verdict_of(operation, failure("INVALID_DATA", status=status)) is GIVE_UP, operation


@pytest.mark.parametrize("operation", Operation)
def test_an_exception_in_vault_leaves_a_doubt(operation: Operation) -> None:
    assert verdict_of(operation, answer(responseStatus="EXCEPTION")) is expected(operation, UNKNOWN)
    # The type tells more than the status of the response.
    errors = [{"type": "API_LIMIT_EXCEEDED"}]
    assert verdict_of(operation, answer(responseStatus="EXCEPTION", errors=errors)) is RETRY


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"responseStatus": "SUCC'])
def test_an_answer_that_is_none_of_vaults_leaves_a_doubt(body: bytes) -> None:
    for operation in Operation:
        assert verdict_of(operation, Answer(200, {}, body)) is expected(operation, UNKNOWN), operation


@pytest.mark.parametrize("phase", Phase)
def test_every_way_to_break(phase: Phase) -> None:
    for operation in Operation:
        assert classify(operation, VaultUnreachable("x", phase, "y")) is RETRY, operation
        for definite in (TlsRefused, ProxyRefused, VaultAway):
            assert classify(operation, definite("x", phase, "y")) is GIVE_UP, operation
        broke = classify(operation, TransportError("x", phase, "y"))
        assert broke is expected(operation, UNKNOWN), operation


LOCAL = [
    AsyncupError("x"),
    ConfigurationError("x"),
    DestinationError("x", "y"),
    LimitExceeded("max_parts", 2, 1, "x"),
    SourceChanged("x", "y"),
    SizeMismatch("x"),
    ChecksumMismatch("x"),
    UploadSessionConflict("x"),
]


@pytest.mark.parametrize("error", LOCAL, ids=lambda error: type(error).__name__)
def test_what_is_wrong_here_stays_wrong(error: AsyncupError) -> None:
    assert {classify(operation, error) for operation in Operation} == {GIVE_UP}


@pytest.mark.parametrize("kind", [AccessRefused, ItemExists, UploadSessionNotFound, JobFailed, LoginError])
def test_definite_kinds_are_given_up(kind: type[VaultError]) -> None:
    error = kind("x", status=200, response_status="FAILURE")
    assert {classify(operation, error) for operation in Operation} == {GIVE_UP}


@pytest.mark.parametrize("operation", Operation)
def test_a_malformed_answer_has_the_last_word_over_its_status(operation: Operation) -> None:
    assert classify(operation, MalformedAnswer("x", status=404)) is expected(operation, UNKNOWN)


@pytest.mark.parametrize(
    "operation", [each for each in Operation if each is not Operation.LOG_IN], ids=lambda each: each.name
)
def test_a_login_that_failed_is_not_repeated_by_what_needed_it(operation: Operation) -> None:
    # It was repeated already, where it was made; once more for each attempt here would be many times as often.
    said = Operation.LOG_IN.value
    for error in (
        TransportError(said, Phase.ANSWER, "y"),
        VaultUnreachable(said, Phase.CONNECT, "y"),
        VaultError(said, status=503),
        MalformedAnswer(said, status=200),
        LoginError(said, status=401),
    ):
        assert classify(operation, error) is GIVE_UP


@given(st.sampled_from(Operation), ANSWERS)
def test_no_change_is_repeated_on_an_unclear_answer(operation: Operation, answer: Answer) -> None:
    error = outcome_of(lambda: read_json(operation, answer), VaultError)
    if not isinstance(error, VaultError):
        return
    verdict = classify(operation, error)
    if verdict is RETRY and operation in CHANGES:
        told_to_wait = error.response_status is not None and error.retry_after_s is not None
        assert error.error_type in EXPECTED_OF_TYPE or error.status in EXPECTED_OF_STATUS or told_to_wait
    if verdict is RECONCILE:
        assert operation in CHANGES | {Operation.LOG_IN}
    if verdict is LOG_IN:
        assert isinstance(error, LoginError)
        assert error.expired
        assert operation is not Operation.LOG_IN


# How long

POLICIES = st.builds(
    RetryPolicy,
    max_attempts=st.integers(1, 100),
    base_s=st.floats(0, 1e3),
    cap_s=st.floats(0, 1e4),
    retry_after_cap_s=st.floats(0, 1e5),
)
ATTEMPTS = st.integers(1, 10_000)
JITTER = st.floats(0, 1)


@given(POLICIES, ATTEMPTS, JITTER)
@example(RetryPolicy(), 2000, 1.0)
def test_a_pause_is_a_share_of_a_ceiling_that_doubles(policy: RetryPolicy, attempt: int, jitter: float) -> None:
    ceiling = backoff_s(policy, attempt, jitter=1.0)
    assert backoff_s(policy, attempt, jitter=0.0) == 0
    assert backoff_s(policy, attempt, jitter=jitter) == pytest.approx(jitter * ceiling)
    assert ceiling <= policy.cap_s
    following = backoff_s(policy, attempt + 1, jitter=1.0)
    assert ceiling <= following
    assert following == pytest.approx(min(policy.cap_s, 2 * ceiling)) or attempt > 30
    assert backoff_s(policy, 1, jitter=1.0) == min(policy.base_s, policy.cap_s)


@given(POLICIES, ATTEMPTS, JITTER, st.floats(0, 1e9))
def test_a_retry_after_is_the_least_that_is_waited(
    policy: RetryPolicy, attempt: int, jitter: float, retry_after_s: float
) -> None:
    pause = backoff_s(policy, attempt, jitter=jitter, retry_after_s=retry_after_s)
    least = min(retry_after_s, policy.retry_after_cap_s)
    assert pause >= least
    # Everybody was told the same time: nobody comes back at the same instant.
    assert pause == least + backoff_s(policy, attempt, jitter=jitter)


def test_the_defaults_are_the_documented_ones() -> None:
    assert [backoff_s(RetryPolicy(), attempt, jitter=1.0) for attempt in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 32, 60]
    assert backoff_s(RetryPolicy(), 1, jitter=0.0, retry_after_s=float("inf")) == 300


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_attempts": 0},
        {"max_attempts": -1},
        {"first_contact_attempts": 0},
        {"breaker_failures": 0},
        {"base_s": -0.1},
        {"cap_s": -1.0},
        {"retry_after_cap_s": -1.0},
        {"breaker_after_s": -1.0},
        {"outage_s": -1.0},
        {"shared_retries": -1.0},
        {"shared_retries_per_s": 0.0},
    ],
    ids=str,
)
def test_a_policy_that_cannot_work_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        RetryPolicy(**wrong)  # type: ignore[arg-type] # the wrong value is the point


def test_every_retry_may_wait_for_its_token() -> None:
    assert RetryPolicy(shared_retries=0).shared_retries == 0


@pytest.mark.parametrize(
    "name",
    [
        *("base_s", "cap_s", "retry_after_cap_s", "breaker_after_s", "outage_s"),
        *("shared_retries", "shared_retries_per_s"),
    ],
)
def test_a_time_that_is_no_number_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        RetryPolicy(**{name: float("nan")})  # type: ignore[arg-type] # mypy looks at max_attempts


# How often


FIRST_CONTACT = [VaultUnreachable("x", Phase.CONNECT, "y"), MalformedAnswer("x", status=200)]
LATER = [TransportError("x", Phase.ANSWER, "y"), VaultError("x", status=503), ChecksumMismatch("x")]


@pytest.mark.parametrize("error", [*FIRST_CONTACT, *LATER], ids=lambda error: type(error).__name__)
def test_a_vault_that_never_answered_may_have_a_wrong_name(error: AsyncupError) -> None:
    policy = RetryPolicy(max_attempts=9, first_contact_attempts=4)
    assert allowed_attempts(policy, error, reached=True) == 9
    assert allowed_attempts(policy, error, reached=False) == (4 if error in FIRST_CONTACT else 9)
    assert allowed_attempts(RetryPolicy(max_attempts=2), error, reached=False) == 2


def test_an_attempt_during_which_this_machine_slept_does_not_count() -> None:
    error = TransportError("x", Phase.ANSWER, "y")
    assert counts(error)
    error.slept = True
    assert not counts(error)
    assert classify(Operation.PUT_PART, error) is RECONCILE, "and leaves its doubt all the same"
    assert counts(VaultError("x", status=503))
