"""What Vault's answers say, as typed values.

Unknown fields are ignored, and fields that the documents' samples leave out are optional; what a decision needs and is
missing or of another type is a `MalformedAnswer`. Field names: Veeva's reference (documented). Must not know how an
answer was fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from asyncup.protocol.answers import Answer, malformed, read_json
from asyncup.protocol.fields import rows, text, whole
from asyncup.protocol.requests import Operation

__all__ = [
    "HeldPart",
    "Item",
    "JobStatus",
    "Page",
    "SessionLogin",
    "UploadSession",
    "read_created_item",
    "read_held_part",
    "read_items",
    "read_job_id",
    "read_job_status",
    "read_jobs",
    "read_login",
    "read_parts",
    "read_started_job",
    "read_upload_session",
    "read_upload_sessions",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UploadSession:
    """An upload session as Vault describes it.

    Attributes:
        id: the upload session's id, opaque.
        path: the file that it will become; None when the answer does not say.
        size: the file's declared bytes; None when the answer does not say.
        uploaded: bytes held; None when the answer does not say.
        uploaded_parts: parts held; None when the answer does not say.
        owner: the user id of its creator, who alone may upload parts (documented).
        created_date: when it was made, ISO 8601 in UTC.
        expiration_date: when it ends and its parts are purged, 72 hours after `created_date` (documented).
        overwrite: whether it may replace a file of its path; None when the answer does not say, as in the samples of
            lists.
        last_uploaded_date: when the last part came, `created_date` before the first one (documented).
    """

    id: str
    path: str | None
    size: int | None
    uploaded: int | None
    uploaded_parts: int | None
    owner: int | None
    created_date: str | None
    expiration_date: str | None
    overwrite: bool | None = None
    last_uploaded_date: str | None = None


@dataclass(frozen=True, slots=True)
class HeldPart:
    """A part that Vault holds. `md5` is lower-case hex; None where a list does not say (a receipt always does)."""

    number: int
    size: int
    md5: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """A file or folder in file staging.

    Attributes:
        kind: "file" or "folder".
        path: where it is.
        size: its bytes; None for a folder.
        md5: in hex, known only right after creation: listings have none.
        modified_date: when its bytes came, ISO 8601 in UTC; only listings have it.
    """

    kind: str
    path: str
    size: int | None
    md5: str | None
    modified_date: str | None = None

    @property
    def is_file(self) -> bool:
        """True for a file, False for a folder."""
        return self.kind == "file"


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How a job stands. The documents contradict each other on the list of statuses, so only the living are named."""

    id: int
    status: str

    @property
    def ended(self) -> bool:
        """True when the status cannot change any more."""
        return self.status not in ("SCHEDULED", "QUEUED", "QUEUEING", "RUNNING", "CANCELLING")

    @property
    def succeeded(self) -> bool:
        """True for the only good ending."""
        return self.status == "SUCCESS"


@dataclass(frozen=True, slots=True)
class SessionLogin:
    """A login by user and password. `vault_urls` are by Vault id; `session_id` is a secret, and not shown."""

    session_id: str
    user_id: int | None
    vault_id: int | None
    vault_urls: Mapping[int, str]

    def __repr__(self) -> str:
        return f"SessionLogin(user_id={self.user_id}, vault_id={self.vault_id})"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, and where the next one is."""

    rows: tuple[T, ...]
    next_page: str | None


def read_login(answer: Answer) -> SessionLogin:
    """Read the answer to `log_in`."""
    document = read_json(Operation.LOG_IN, answer)
    session_id = document.get("sessionId")
    if not isinstance(session_id, str) or not session_id:
        raise malformed(Operation.LOG_IN, answer, "no sessionId in the answer")
    urls: dict[int, str] = {}
    for row in rows(document.get("vaultIds")):
        vault_id, url = whole(row.get("id")), row.get("url")
        if vault_id is not None and isinstance(url, str):
            urls[vault_id] = url
    return SessionLogin(session_id, whole(document.get("userId")), whole(document.get("vaultId")), urls)


def read_upload_session(operation: Operation, answer: Answer) -> UploadSession:
    """Read one upload session, from the answer to its creation or to the question for its details."""
    document = read_json(operation, answer)
    session = _upload_session(document.get("data"))
    if session is None:
        raise malformed(operation, answer, "no upload session in the answer")
    return session


def read_upload_sessions(answer: Answer) -> Page[UploadSession]:
    """Read a page of the list of upload sessions."""
    return _page(Operation.LIST_SESSIONS, answer, _upload_session)


def read_parts(answer: Answer) -> Page[HeldPart]:
    """Read a page of an upload session's parts."""
    return _page(Operation.LIST_PARTS, answer, _held_part)


def read_items(answer: Answer) -> Page[Item]:
    """Read a page of a folder's listing."""
    return _page(Operation.LIST_ITEMS, answer, _item)


def read_held_part(answer: Answer) -> HeldPart:
    """Read the answer to `put_part`."""
    document = read_json(Operation.PUT_PART, answer)
    part = _held_part(document.get("data"))
    if part is None or part.md5 is None:
        raise malformed(Operation.PUT_PART, answer, "no part in the answer")
    return part


def read_created_item(operation: Operation, answer: Answer) -> Item:
    """Read the answer to `create_file` or `create_folder`."""
    document = read_json(operation, answer)
    item = _item(document.get("data"))
    if item is None:
        raise malformed(operation, answer, "no item in the answer")
    return item


def read_job_id(answer: Answer) -> int:
    """Read the answer to `commit_upload_session`."""
    document = read_json(Operation.COMMIT, answer)
    data = document.get("data")
    job_id = whole(data.get("job_id")) if isinstance(data, Mapping) else None
    if job_id is None:
        raise malformed(Operation.COMMIT, answer, "no job_id in the answer")
    return job_id


def read_job_status(answer: Answer) -> JobStatus:
    """Read the answer to `job_status`."""
    document = read_json(Operation.JOB_STATUS, answer)
    data = document.get("data")
    if not isinstance(data, Mapping) or not isinstance(data.get("status"), str):
        raise malformed(Operation.JOB_STATUS, answer, "no job status in the answer")
    return JobStatus(whole(data.get("id")) or 0, str(data["status"]).upper())


def read_started_job(operation: Operation, answer: Answer) -> int | None:
    """Read the answer to `move_item` or `delete_item`: the job's id, which was seen to be missing now and then."""
    data = read_json(operation, answer).get("data")
    return whole(data.get("job_id")) if isinstance(data, Mapping) else None


def read_jobs(operation: Operation, answer: Answer) -> Page[JobStatus]:
    """Read a page of jobs, running or ended."""
    return _page(operation, answer, _job, key="jobs")


def _page(operation: Operation, answer: Answer, read: Callable[[object], T | None], *, key: str = "data") -> Page[T]:
    document = read_json(operation, answer)
    data = document.get(key, [])
    if not isinstance(data, list):
        raise malformed(operation, answer, "no list in the answer")
    read_rows = []
    for value in data:
        row = read(value)
        if row is None:
            raise malformed(operation, answer, "a row of the list lacks what it must have")
        read_rows.append(row)
    details = document.get("responseDetails")
    following = details.get("next_page") if isinstance(details, Mapping) else None
    return Page(tuple(read_rows), following if isinstance(following, str) and following else None)


def _upload_session(value: object) -> UploadSession | None:
    if not isinstance(value, Mapping):
        return None
    session_id = value.get("id")
    if not isinstance(session_id, str) or not session_id:
        return None
    return UploadSession(
        id=session_id,
        path=text(value.get("path")),
        size=whole(value.get("size")),
        uploaded=whole(value.get("uploaded")),
        uploaded_parts=whole(value.get("uploaded_parts")),
        owner=whole(value.get("owner")),
        created_date=text(value.get("created_date")),
        expiration_date=text(value.get("expiration_date")),
        overwrite=overwrite if isinstance(overwrite := value.get("overwrite"), bool) else None,
        last_uploaded_date=text(value.get("last_uploaded_date")),
    )


def _job(value: object) -> JobStatus | None:
    if not isinstance(value, Mapping):
        return None
    job_id, status = whole(value.get("job_id") or value.get("id")), text(value.get("status"))
    return JobStatus(job_id, status.upper()) if job_id is not None and status is not None else None


def _held_part(value: object) -> HeldPart | None:
    if not isinstance(value, Mapping):
        return None
    number, size = whole(value.get("part_number")), whole(value.get("size"))
    # The sample spells the field part_content_md5, the prose beside it part_content_MD5 (documented).
    md5 = text(value.get("part_content_md5") or value.get("part_content_MD5"))
    if number is None or size is None:
        return None
    return HeldPart(number, size, md5.lower() if md5 is not None else None)


def _item(value: object) -> Item | None:
    if not isinstance(value, Mapping):
        return None
    kind, path = text(value.get("kind")), text(value.get("path"))
    if kind is None or path is None:
        return None
    md5 = text(value.get("file_content_md5"))
    modified_date = text(value.get("modified_date"))
    return Item(kind.lower(), path, whole(value.get("size")), md5.lower() if md5 else None, modified_date)
