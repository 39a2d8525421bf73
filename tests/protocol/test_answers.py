"""Reading an answer: body first, status second; whatever comes is a success, or one of our exceptions."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import example, given, strategies as st

from asyncup.errors import AccessRefused, ItemExists, LoginError, MalformedAnswer, VaultError
from asyncup.protocol.answers import Answer, read_bytes, read_json, read_range
from asyncup.protocol.requests import Operation
from tests.protocol.json_answers import ANSWERS, ERROR_TYPES, answer, failure
from tests.protocol.outcome import outcome_of

READ = Operation.SESSION_DETAILS
OPERATIONS = st.sampled_from(Operation)
LOGIN_REFUSED = {
    "AUTHENTICATION_FAILED",
    "INACTIVE_USER",
    "NO_PASSWORD_PROVIDED",
    "PASSWORD_CHANGE_REQUIRED",
    "USERNAME_OR_PASSWORD_INCORRECT",
    "USER_LOCKED_OUT",
}
PASSING = {"API_LIMIT_EXCEEDED", "OPERATION_IN_PROGRESS", "RACE_CONDITION", "UNEXPECTED_ERROR"}


def refusal_of(operation: Operation, answer: Answer) -> VaultError:
    with pytest.raises(VaultError) as refused:
        read_json(operation, answer)
    return refused.value


@given(OPERATIONS, ANSWERS)
@example(READ, Answer(500, {}, b"<html>\n<h1>Bad Gateway</h1>"))
@example(READ, failure("INVALID_DATA", "two\nlines \x1b[31m"))
@example(READ, failure("INVALID_DATA", "half a pair: \ud800"))
@example(READ, Answer(200, {}, b'{"responseStatus": "FAILURE", "errors": "text"}'))
def test_any_answer_is_a_success_or_our_exception(operation: Operation, answer: Answer) -> None:
    outcome = outcome_of(lambda: read_json(operation, answer), VaultError)
    if isinstance(outcome, VaultError):
        assert outcome.operation == operation.value
        assert outcome.status == answer.status
        assert outcome.retry_after_s is None or outcome.retry_after_s >= 0
        line = str(outcome)
        assert line.isprintable(), "one line that a terminal can show"
        assert line.startswith(operation.value)
    else:
        assert outcome == json.loads(answer.body)
        assert outcome["responseStatus"] in ("SUCCESS", "WARNING")
        assert answer.status < 400


@given(ANSWERS)
def test_any_download_is_bytes_or_our_exception(answer: Answer) -> None:
    outcome = outcome_of(lambda: read_bytes(Operation.DOWNLOAD, answer), VaultError)
    if isinstance(outcome, bytes):
        assert outcome == answer.body
        assert answer.status in (200, 206)
    else:
        assert str(outcome).isprintable()


@pytest.mark.parametrize("status", [200, 206])
def test_a_download_is_not_looked_into_unless_it_says_json(status: int) -> None:
    refusal = failure("INVALID_DATA").body
    content = Answer(status, {"content-type": "application/octet-stream;charset=UTF-8"}, refusal)
    assert read_bytes(Operation.DOWNLOAD, content) == refusal
    with pytest.raises(VaultError, match="INVALID_DATA"):
        read_bytes(Operation.DOWNLOAD, Answer(status, {"content-type": "application/json;charset=UTF-8"}, refusal))
    with pytest.raises(VaultError, match="INVALID_DATA"):
        read_bytes(Operation.DOWNLOAD, Answer(404, {}, refusal))
    with pytest.raises(VaultError, match="HTTP 404: gone"):
        read_bytes(Operation.DOWNLOAD, Answer(404, {}, b"gone"))
    # A JSON file that somebody uploaded is no refusal.
    assert read_bytes(Operation.DOWNLOAD, Answer(status, {"content-type": "application/json"}, b"[1]")) == b"[1]"


FILE = bytes(range(200))
BYTES = {"content-type": "application/octet-stream;charset=UTF-8"}


@given(st.integers(0, 199), st.integers(1, 250), st.booleans())
def test_a_range_is_what_was_asked_for_or_what_the_file_has_of_it(offset: int, length: int, told: bool) -> None:
    cut = FILE[offset : offset + length]
    headers = BYTES | ({"content-range": f"bytes {offset}-{offset + len(cut) - 1}/200"} if told else {})
    assert read_range(Operation.DOWNLOAD, Answer(206, headers, cut), offset=offset, length=length) == cut


def test_a_whole_file_is_a_range_from_its_beginning() -> None:
    assert read_range(Operation.DOWNLOAD, Answer(200, BYTES, FILE), offset=0, length=200) == FILE
    assert read_range(Operation.DOWNLOAD, Answer(200, BYTES, FILE), offset=0, length=300) == FILE


@pytest.mark.parametrize(
    ("status", "headers", "body", "offset", "length"),
    [
        (200, {}, FILE, 1, 199),
        (200, {}, FILE, 0, 199),
        (206, {}, FILE, 0, 199),
        (206, {"content-range": "bytes 0-9/200"}, FILE[:10], 1, 10),
        (206, {"content-range": "bytes 1-10/200"}, FILE[1:10], 1, 10),
        (206, {"content-range": "bytes 1-11/200"}, FILE[1:12], 1, 10),
        (200, {"content-range": "bytes 1-10/200"}, FILE[:10], 0, 10),
        (206, {"content-range": "items 1-10/200"}, FILE[1:11], 1, 10),
        (206, {"content-range": ""}, FILE[1:11], 1, 10),
        (200, {"content-type": "text/html"}, b"<html>", 0, 10),
        (206, {"content-type": "text/html"}, b"<html>", 0, 10),
    ],
)
def test_another_range_is_malformed(
    status: int, headers: dict[str, str], body: bytes, offset: int, length: int
) -> None:
    with pytest.raises(MalformedAnswer, match=f"not the {length} bytes from {offset} on"):
        read_range(Operation.DOWNLOAD, Answer(status, headers, body), offset=offset, length=length)


@given(ANSWERS, st.integers(0, 100), st.integers(1, 100))
def test_any_answer_is_at_most_the_range_or_our_exception(answer: Answer, offset: int, length: int) -> None:
    outcome = outcome_of(lambda: read_range(Operation.DOWNLOAD, answer, offset=offset, length=length), VaultError)
    if isinstance(outcome, bytes):
        assert outcome == answer.body
        assert len(outcome) <= length


@pytest.mark.parametrize("response_status", ["SUCCESS", "WARNING"])
def test_a_success_is_the_whole_document(response_status: str) -> None:
    document = read_json(READ, answer(responseStatus=response_status, data={"a": 1}))
    assert document == {"responseStatus": response_status, "data": {"a": 1}}


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500])
def test_the_body_speaks_before_the_status(status: int) -> None:
    for error_type in ERROR_TYPES:
        _the_body_speaks(error_type, status)


def _the_body_speaks(error_type: str, status: int) -> None:
    error = refusal_of(READ, failure(error_type, "words", status=status))
    assert (error.error_type, error.vault_message, error.response_status) == (error_type, "words", "FAILURE")
    assert error.status == status
    kinds = {"INSUFFICIENT_ACCESS": AccessRefused, "ITEM_NAME_EXISTS": ItemExists, "INVALID_SESSION_ID": LoginError}
    expected = kinds.get(error_type, LoginError if status == 401 or error_type in LOGIN_REFUSED else VaultError)
    assert type(error) is expected
    if isinstance(error, LoginError):
        assert error.expired == (error_type not in LOGIN_REFUSED)
        assert error.hint or error_type not in ("INVALID_SESSION_ID", "USERNAME_OR_PASSWORD_INCORRECT")


@pytest.mark.parametrize("error_type", ERROR_TYPES)
def test_a_refused_login_is_never_taken_for_an_expired_one(error_type: str) -> None:
    error = refusal_of(Operation.LOG_IN, failure(error_type))
    # What passes by itself says nothing about the credentials; everything else does, an unknown type included.
    assert isinstance(error, LoginError) == (error_type not in PASSING)
    assert not (isinstance(error, LoginError) and error.expired)


def test_an_unknown_refusal_of_a_login_is_about_the_credentials() -> None:
    assert type(refusal_of(Operation.LOG_IN, failure("SOMETHING_NEW"))) is LoginError


def test_a_fault_of_vault_at_login_is_not_about_the_credentials() -> None:
    assert type(refusal_of(Operation.LOG_IN, answer(responseStatus="EXCEPTION"))) is VaultError


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *[(401, LoginError), (403, AccessRefused), (400, VaultError)],
        *[(404, VaultError), (429, VaultError), (500, VaultError)],
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[]", b'{"status": "FAILURE"}'])
def test_the_status_speaks_where_the_body_is_not_vaults(status: int, kind: type[VaultError], body: bytes) -> None:
    error = refusal_of(READ, Answer(status, {}, body))
    assert type(error) is kind
    assert (error.status, error.response_status, error.error_type) == (status, None, None)


@pytest.mark.parametrize("status", [200, 204, 302])
@pytest.mark.parametrize("body", [b"", b"<html>welcome</html>", b'{"responseStatus": "SUC'])
def test_no_answer_of_vaults_shows_its_beginning(status: int, body: bytes) -> None:
    error = refusal_of(READ, Answer(status, {}, body))
    assert isinstance(error, MalformedAnswer)
    assert error.beginning == body.decode()
    assert error.beginning in str(error)


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_success_with_a_failing_status_is_not_believed(status: int) -> None:
    assert isinstance(refusal_of(READ, answer(status, responseStatus="SUCCESS")), MalformedAnswer)


def test_a_success_with_any_other_status_is_one() -> None:
    assert read_json(READ, answer(399, responseStatus="SUCCESS"))


@pytest.mark.parametrize("status", [400, 500])
def test_where_nothing_is_said_nothing_is_made_up(status: int) -> None:
    for got in (Answer(status, {}, b" "), answer(status, responseStatus="FAILURE", errors=[{}])):
        error = refusal_of(READ, got)
        assert type(error) is VaultError
        assert (error.error_type, error.vault_message) == (None, None)
        assert str(error).endswith(f"Vault said HTTP {status}")


def test_what_is_shown_of_no_answer_of_vaults() -> None:
    assert "it is empty" in str(refusal_of(READ, Answer(200, {}, b"")))
    long = refusal_of(READ, Answer(200, {}, "\N{SNOWMAN}".encode() * 1000))
    assert isinstance(long, MalformedAnswer)
    assert long.beginning == "\N{SNOWMAN}" * 120
    secret = str(refusal_of(Operation.LOG_IN, Answer(200, {}, b"s3cret")))
    assert "empty" not in secret
    assert "begins" not in secret


@pytest.mark.parametrize(
    "body",
    [
        b'{"responseStatus": "SUCCESS", "sessionId": "s3cret-of-a-login", "vaul',
        b'{"responseStatus": "SUCCESS", "sessionId": "s3cret-of-a-login"}',
        b'"s3cret-of-a-login"',
    ],
)
@pytest.mark.parametrize("status", [200, 302, 400, 500])
def test_an_answer_to_a_login_is_never_shown(body: bytes, status: int) -> None:
    got = Answer(status, {}, body)
    assert "s3cret" not in f"{got!r} {got}"
    outcome = outcome_of(lambda: read_json(Operation.LOG_IN, got), VaultError)
    if isinstance(outcome, VaultError):
        assert "s3cret" not in f"{outcome!r} {outcome} {vars(outcome)}"


@pytest.mark.parametrize("as_object", [True, False])
def test_errors_may_be_an_object_or_a_list(*, as_object: bool) -> None:
    first = {"type": "INVALID_DATA", "message": "words"}
    errors = first if as_object else ["odd", first, {"type": "SECOND"}]
    error = refusal_of(READ, answer(responseStatus="FAILURE", errors=errors))
    assert (error.error_type, error.vault_message) == ("INVALID_DATA", "words")


def test_where_there_is_no_error_the_document_speaks() -> None:
    error = refusal_of(READ, answer(responseStatus="EXCEPTION", errorType="ODD", responseMessage="words"))
    assert (error.response_status, error.error_type, error.vault_message) == ("EXCEPTION", "ODD", "words")


def test_the_execution_is_named_for_veevas_support() -> None:
    for got in (failure("INVALID_DATA", headers={"x-vaultapi-executionid": "e-1"}), Answer(500, {}, b"")):
        error = refusal_of(READ, Answer(got.status, {"x-vaultapi-executionid": "e-1"}, got.body))
        assert error.execution_id == "e-1"
        assert "e-1" in str(error)


REFUSALS = [Answer(503, {}, b""), Answer(200, {}, b"<html>"), failure("API_LIMIT_EXCEEDED", status=429)]


@pytest.mark.parametrize("got", REFUSALS)
@given(st.integers(0, 10**6))
def test_retry_after_in_seconds(got: Answer, seconds: int) -> None:
    headers = {"retry-after": f" {seconds} ", "x-vaultapi-downtimeexpecteddurationminutes": "9"}
    assert refusal_of(READ, Answer(got.status, headers, got.body)).retry_after_s == seconds


@pytest.mark.parametrize("got", REFUSALS)
@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), st.integers(-10_000, 10_000))  # noqa: DTZ001 - UTC below
def test_retry_after_as_a_date(got: Answer, when: datetime, ahead_s: int) -> None:
    when = when.replace(microsecond=0, tzinfo=UTC)
    headers = {"retry-after": format_datetime(when, usegmt=True)}
    error = refusal_of(READ, Answer(got.status, headers, got.body, now_s=when.timestamp() - ahead_s))
    assert error.retry_after_s == max(0, ahead_s)


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another time zone than UTC, whatever this machine's is."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("tokyo")
def test_a_date_without_a_zone_is_utc_wherever_we_are() -> None:
    when = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)
    headers = {"retry-after": "Wed, 21 Oct 2026 07:28:00 -0000"}
    assert refusal_of(READ, Answer(503, headers, b"", when.timestamp() - 5)).retry_after_s == 5


def test_a_date_in_another_zone_is_the_same_moment() -> None:
    when = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)
    headers = {"retry-after": "Wed, 21 Oct 2026 09:28:00 +0200"}
    assert refusal_of(READ, Answer(503, headers, b"", when.timestamp() - 5)).retry_after_s == 5


@given(st.integers(0, 10_000))
def test_a_downtime_is_told_in_minutes(minutes: int) -> None:
    headers = {"x-vaultapi-downtimeexpecteddurationminutes": str(minutes)}
    assert refusal_of(READ, Answer(503, headers, b"")).retry_after_s == 60 * minutes


@pytest.mark.parametrize(
    "value", ["", " ", "-1", "1.5", "soon", "\u0661", "Wed, 21 Oct", "Wed, 99 Oct 2026 07:28:00 GMT"]
)
def test_what_is_no_time_is_not_waited_for(value: str) -> None:
    assert refusal_of(READ, Answer(503, {"retry-after": value}, b"")).retry_after_s is None


UNDER_A_HEADING = b"<h1>Bad\r\n  Gateway</h1>"


@pytest.mark.parametrize(
    ("got", "said", "advised"),
    [
        (Answer(200, {}, b""), "not an answer of Vault's; it is empty", "is there a proxy in between?"),
        (Answer(200, {}, b"<p>"), "not an answer of Vault's; it begins '<p>'", "is there a proxy in between?"),
        (Answer(401, {}, UNDER_A_HEADING), "the login is not valid", "give a valid VEEVA_VAULT_TOKEN"),
        (Answer(403, {}, UNDER_A_HEADING), "forbidden", ""),
        (Answer(407, {}, UNDER_A_HEADING), "<h1>Bad Gateway</h1>", "Give the proxy's user and password"),
        (Answer(502, {}, UNDER_A_HEADING), "<h1>Bad Gateway</h1>", ""),
        (failure("INVALID_DATA", "no"), "no", ""),
        (failure("ITEM_NAME_EXISTS", "no"), "no", "allow overwriting"),
    ],
)
def test_what_was_wrong_and_what_to_do_is_said(got: Answer, said: str, advised: str) -> None:
    error = refusal_of(READ, got)
    assert error.operation == READ.value
    assert error.vault_message == said
    assert advised in error.hint
    assert bool(error.hint) == bool(advised)


def test_of_a_login_it_is_only_said_whether_anything_came() -> None:
    assert refusal_of(Operation.LOG_IN, Answer(200, {}, b"secret")).vault_message == "not an answer of Vault's"
    assert refusal_of(Operation.LOG_IN, Answer(200, {}, b"")).vault_message == "not an answer of Vault's; it is empty"
