"""Answers as typed values: the documents' samples give the right values, anything else gives our exceptions."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

import pytest
from hypothesis import given, strategies as st

from asyncup.errors import MalformedAnswer, VaultError
from asyncup.protocol import responses
from asyncup.protocol.answers import Answer
from asyncup.protocol.requests import Operation
from asyncup.protocol.responses import (
    HeldPart,
    Item,
    JobStatus,
    Page,
    SessionLogin,
    UploadSession,
    read_created_item,
    read_held_part,
    read_items,
    read_job_id,
    read_job_status,
    read_jobs,
    read_login,
    read_parts,
    read_started_job,
    read_upload_session,
    read_upload_sessions,
)
from tests.protocol.json_answers import ANSWERS, SUCCESSES, failure, success
from tests.protocol.outcome import outcome_of

MD5 = "0cc175b9c0f1b6a831c399e269772661"

READERS: dict[str, Callable[[Answer], object]] = {
    "read_created_item": lambda got: read_created_item(Operation.CREATE_FILE, got),
    "read_held_part": read_held_part,
    "read_items": read_items,
    "read_job_id": read_job_id,
    "read_job_status": read_job_status,
    "read_jobs": lambda got: read_jobs(Operation.JOB_HISTORIES, got),
    "read_login": read_login,
    "read_parts": read_parts,
    "read_started_job": lambda got: read_started_job(Operation.MOVE_ITEM, got),
    "read_upload_session": lambda got: read_upload_session(Operation.CREATE_SESSION, got),
    "read_upload_sessions": read_upload_sessions,
}


def test_every_reader_is_tried() -> None:
    assert set(READERS) == {name for name in responses.__all__ if name.startswith("read_")}


@pytest.mark.parametrize("reader", READERS)
@given(ANSWERS | SUCCESSES)
def test_any_answer_is_a_typed_value_or_our_exception(reader: str, answer: Answer) -> None:
    outcome = outcome_of(lambda: READERS[reader](answer), VaultError)
    if isinstance(outcome, VaultError):
        assert str(outcome).isprintable()
        return
    _check_types(outcome)


def _check_types(value: object) -> None:
    if isinstance(value, Page):
        assert value.next_page is None or (type(value.next_page) is str and value.next_page)
        for row in value.rows:
            _check_types(row)
    elif is_dataclass(value) and not isinstance(value, type):
        hints = get_type_hints(type(value))
        for field in fields(value):
            content = getattr(value, field.name)
            if isinstance(content, dict):
                assert all(type(key) is int and type(url) is str for key, url in content.items())
            else:
                assert not isinstance(content, bool)
                assert isinstance(content, hints[field.name])
    else:
        assert value is None or type(value) is int


# The documents' samples (vault-api.md, sections 1 to 3).

SESSION: dict[str, Any] = {
    "path": "/u42/batch/a.bin",
    "name": "a.bin",
    "id": ".lqX5rv42tyvTr3Wk5VaBVBjE1wmTBLnBcwjhFsYGjjVcKvvL9YKyVgKQj--",
    "expiration_date": "2026-05-04T10:00:00.000Z",
    "created_date": "2026-05-01T10:00:00.000Z",
    "last_uploaded_date": "2026-05-01T10:00:00.000Z",
    "owner": 42,
    "uploaded_parts": 3,
    "size": 123456789,
    "uploaded": 15728640,
    "overwrite": True,
}
READ_SESSION = UploadSession(
    id=SESSION["id"],
    path="/u42/batch/a.bin",
    size=123456789,
    uploaded=15728640,
    uploaded_parts=3,
    owner=42,
    created_date="2026-05-01T10:00:00.000Z",
    expiration_date="2026-05-04T10:00:00.000Z",
    overwrite=True,
    last_uploaded_date="2026-05-01T10:00:00.000Z",
)


def test_an_upload_session() -> None:
    assert read_upload_session(Operation.CREATE_SESSION, success(data=SESSION)) == READ_SESSION
    assert read_upload_session(Operation.SESSION_DETAILS, success(data=SESSION)) == READ_SESSION
    assert read_upload_sessions(success(data=[SESSION])) == Page((READ_SESSION,), None)


def test_of_an_upload_session_only_the_id_is_sure() -> None:
    session = read_upload_session(Operation.SESSION_DETAILS, success(data={"id": "a", "size": "12", "owner": None}))
    assert session == UploadSession("a", None, 12, None, None, None, None, None, None)


@pytest.mark.parametrize(("value", "read"), [(True, True), (False, False), (None, None), ("true", None), (1, None)])
def test_whether_it_may_overwrite_is_known_only_when_it_says_so(value: object, read: object) -> None:
    session = read_upload_session(Operation.SESSION_DETAILS, success(data={"id": "a", "overwrite": value}))
    assert session.overwrite is read


@pytest.mark.parametrize("data", [None, [], "a", {}, {"id": ""}, {"id": 5}, {"id": None}])
def test_an_upload_session_without_an_id_is_malformed(data: object) -> None:
    with pytest.raises(MalformedAnswer, match="no upload session"):
        read_upload_session(Operation.CREATE_SESSION, success(data=data))


@pytest.mark.parametrize("field", ["part_content_md5", "part_content_MD5"])
def test_a_part(field: str) -> None:
    row = {"size": 5242880, "part_number": 1, field: MD5.upper()}
    assert read_held_part(success(data=row)) == HeldPart(1, 5242880, MD5)
    next_page = "https://myvault.veevavault.com/api/v25.2/x/parts?cursor=a&limit=1000"
    page = read_parts(success(data=[row], responseDetails={"next_page": next_page}))
    assert page == Page((HeldPart(1, 5242880, MD5),), next_page)


@pytest.mark.parametrize("missing", ["size", "part_number", "part_content_md5"])
def test_a_part_without_what_a_decision_needs_is_malformed(missing: str) -> None:
    row = {"size": 1, "part_number": 1, "part_content_md5": MD5} | {missing: None}
    with pytest.raises(MalformedAnswer, match="no part"):
        read_held_part(success(data=row))
    if missing == "part_content_md5":
        # Of a part that is only listed, the number and the size say something, too.
        assert read_parts(success(data=[row])).rows == (HeldPart(1, 1, None),)
        return
    with pytest.raises(MalformedAnswer, match="a row of the list"):
        read_parts(success(data=[row]))


def test_a_files_receipt_and_a_folders() -> None:
    file = {"kind": "FILE", "path": "/u1/a", "name": "a", "size": 5, "file_content_md5": MD5.upper()}
    item = read_created_item(Operation.CREATE_FILE, success(data=file))
    assert item == Item("file", "/u1/a", 5, MD5)
    assert item.is_file
    folder = read_created_item(Operation.CREATE_FOLDER, success(data={"kind": "folder", "path": "/u1/b/"}))
    assert folder == Item("folder", "/u1/b/", None, None)
    assert not folder.is_file


@pytest.mark.parametrize("data", [None, [], {"kind": "file"}, {"path": "/a"}, {"kind": 1, "path": "/a"}])
def test_an_item_without_kind_or_path_is_malformed(data: object) -> None:
    with pytest.raises(MalformedAnswer, match="no item"):
        read_created_item(Operation.CREATE_FILE, success(data=data))


def test_a_listing_keeps_the_order_of_its_rows() -> None:
    listed = [
        {"kind": "folder", "path": "/u1/b", "name": "b"},
        {"kind": "file", "path": "/u1/a", "name": "a", "size": 5, "modified_date": "2026-05-01T10:00:00.000Z"},
    ]
    page = read_items(success(data=listed, responseDetails={"next_page": ""}))
    assert page == Page(
        (Item("folder", "/u1/b", None, None), Item("file", "/u1/a", 5, None, "2026-05-01T10:00:00.000Z")), None
    )


@pytest.mark.parametrize("reader", ["read_items", "read_parts", "read_upload_sessions"])
def test_a_list_may_be_left_out_but_not_be_something_else(reader: str) -> None:
    assert READERS[reader](success()) == Page((), None)
    odd: list[object] = [{}, "a", None, 5]
    for data in odd:
        with pytest.raises(MalformedAnswer, match="no list"):
            READERS[reader](success(data=data))


def test_a_commit_gives_its_job() -> None:
    assert read_job_id(success(data={"job_id": 100954})) == 100954
    odd: list[object] = [None, {}, {"job_id": None}, {"job_id": "x"}, [100954]]
    for data in odd:
        with pytest.raises(MalformedAnswer, match="no job_id"):
            read_job_id(success(data=data))


def test_a_move_may_come_without_its_job() -> None:
    job = {"job_id": 100956, "url": "/api/v25.2/services/jobs/100956"}
    assert read_started_job(Operation.MOVE_ITEM, success(data=job)) == 100956
    odd: list[object] = [None, {}, [], {"job_id": "x"}]
    for data in odd:
        assert read_started_job(Operation.DELETE_ITEM, success(data=data)) is None


LIVING = {"SCHEDULED", "QUEUED", "QUEUEING", "RUNNING", "CANCELLING"}
ENDINGS = {
    *{"SUCCESS", "ERRORS_ENCOUNTERED", "CANCELLED", "TIMEOUT", "COMPLETED_DUE_TO_INACTIVITY"},
    *{"MISSED_SCHEDULE", "FAILURE", "FAILED_TO_RUN"},
}


@pytest.mark.parametrize("status", sorted(LIVING | ENDINGS))
def test_a_job_has_ended_or_not_and_one_ending_is_good(status: str) -> None:
    job = read_job_status(success(data={"id": 100954, "status": status.lower(), "method": "POST", "links": []}))
    assert job == JobStatus(100954, status)
    assert job.ended == (status in ENDINGS)
    assert job.succeeded == (status == "SUCCESS")


def test_a_job_without_an_id_has_none() -> None:
    assert read_job_status(success(data={"status": "RUNNING"})) == JobStatus(0, "RUNNING")


@given(st.text(min_size=1))
def test_an_unknown_status_is_an_ending_and_not_a_good_one(status: str) -> None:
    job = read_job_status(success(data={"status": status}))
    if job.status not in LIVING | {"SUCCESS"}:
        assert job.ended
        assert not job.succeeded


@pytest.mark.parametrize("data", [None, [], {}, {"id": 5}, {"id": 5, "status": None}, {"id": 5, "status": ["SUCCESS"]}])
def test_a_job_without_a_status_is_malformed(data: object) -> None:
    with pytest.raises(MalformedAnswer, match="no job status"):
        read_job_status(success(data=data))


def test_a_list_of_jobs() -> None:
    listed = [{"job_id": 1, "status": "success"}, {"id": "2", "status": "RUNNING"}]
    page = read_jobs(Operation.JOB_MONITORS, success(jobs=listed))
    assert page == Page((JobStatus(1, "SUCCESS"), JobStatus(2, "RUNNING")), None)
    for odd in ({"status": "RUNNING"}, {"job_id": 1}, 5):
        with pytest.raises(MalformedAnswer):
            read_jobs(Operation.JOB_MONITORS, success(jobs=[odd]))


def test_a_login() -> None:
    login = read_login(
        success(
            sessionId="s3cret",
            userId=42,
            vaultId=1776,
            vaultIds=[
                {"id": 1776, "name": "a", "url": "https://a.veevavault.com/api"},
                {"id": "1777", "name": "b", "url": "https://b.veevavault.com/api"},
                {"id": 1778},
                {"url": "https://c.veevavault.com/api"},
                5,
            ],
        )
    )
    urls = {1776: "https://a.veevavault.com/api", 1777: "https://b.veevavault.com/api"}
    assert login == SessionLogin("s3cret", 42, 1776, urls)
    assert "s3cret" not in f"{login!r} {login}"
    assert "1776" in repr(login)


@pytest.mark.parametrize("session_id", [None, "", 5, ["s3cret"]])
def test_a_login_without_a_session_id_is_malformed(session_id: object) -> None:
    with pytest.raises(MalformedAnswer, match="no sessionId") as refused:
        read_login(success(sessionId=session_id, sessionid="s3cret"))
    assert "s3cret" not in f"{refused.value} {vars(refused.value)}"


@pytest.mark.parametrize("reader", READERS)
def test_a_refusal_stays_one(reader: str) -> None:
    with pytest.raises(VaultError, match="INVALID_DATA"):
        READERS[reader](failure("INVALID_DATA"))
