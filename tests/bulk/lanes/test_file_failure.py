"""What a failure means for the run."""

import pytest

from asyncup.bulk.errors import JournalUnusable, UnexpectedMd5, UnexpectedSize
from asyncup.bulk.lanes.file_failure import Meaning, error_type_of, keeps_session, meaning_of
from asyncup.errors import (
    AccessRefused,
    AsyncupError,
    ChecksumMismatch,
    ItemExists,
    JobFailed,
    LimitExceeded,
    LoginError,
    Phase,
    SourceChanged,
    SourceNotFound,
    SourceUnreadable,
    TlsRefused,
    TransportError,
    UploadSessionConflict,
    UploadSessionNotFound,
    VaultError,
    VaultUnreachable,
)
from asyncup.protocol.requests import Operation

PUT = Operation.PUT_PART.value


def refusal(error_type: str) -> VaultError:
    return VaultError(PUT, status=200, response_status="FAILURE", error_type=error_type)


def touched() -> SourceChanged:
    error = SourceChanged("f", "changed")
    error.attributes_only = True
    return error


STOPS, PASSING, FINAL = Meaning.STOPS_RUN, Meaning.PASSING, Meaning.FINAL
CASES = [
    (LoginError(PUT, status=200), STOPS, False),
    (VaultUnreachable(PUT, Phase.CONNECT, "away"), STOPS, False),
    (TlsRefused(PUT, Phase.TLS, "who are you"), STOPS, False),
    (JournalUnusable("the disk is full"), STOPS, False),
    (refusal("CONFIGURATION_MODE_ENABLED"), STOPS, False),
    (TransportError(PUT, Phase.ANSWER, "reset"), PASSING, True),
    (refusal("API_LIMIT_EXCEEDED"), PASSING, True),
    (refusal("UNEXPECTED_ERROR"), PASSING, True),
    (ChecksumMismatch("damaged"), PASSING, True),
    (touched(), PASSING, True),
    (UploadSessionNotFound(PUT, status=200), PASSING, False),
    (JobFailed("job", status=200), PASSING, False),
    (refusal("INVALID_DATA"), FINAL, False),
    (ItemExists(PUT, status=200), FINAL, False),
    (AccessRefused(PUT, status=200), FINAL, False),
    (UnexpectedMd5("another file"), FINAL, False),
    (UnexpectedSize("another file"), FINAL, False),
    (SourceNotFound("f", "gone"), FINAL, True),
    (SourceUnreadable("f", "a bad disk"), FINAL, True),
    (SourceChanged("f", "written to"), FINAL, False),
    (UploadSessionConflict("somebody else"), FINAL, True),
    (LimitExceeded("max_parts", 3, 2, "too many", hint=""), FINAL, False),
]


@pytest.mark.parametrize(
    ("error", "meaning", "kept"), CASES, ids=[f"{number}-{type(case[0]).__name__}" for number, case in enumerate(CASES)]
)
def test_what_a_failure_means(error: AsyncupError, meaning: Meaning, *, kept: bool) -> None:
    assert meaning_of(error) is meaning
    if meaning is not STOPS:  # then the session stays, for the next run
        assert keeps_session(error) is kept


def test_records_have_vaults_own_name_for_an_error() -> None:
    assert error_type_of(refusal("INVALID_DATA")) == "INVALID_DATA"
    assert error_type_of(SourceNotFound("f", "gone")) == "SourceNotFound"
