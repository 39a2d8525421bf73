"""The curl commands of Veeva's documents (reference 26.2), and the answers of the very shape that stands there."""

import base64
import hashlib
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from asyncup.emulator import Endpoint, Switches
from tests.foreign import shapes
from tests.foreign.conftest import Asked, Vaults
from tests.foreign.curl import Curl

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

PART = 5_242_880
PARTS = [random.Random(number).randbytes(size) for number, size in enumerate((PART, PART, 1000))]
SIZE = sum(map(len, PARTS))

CREATE = """curl -L -X POST -H "Authorization: {AUTH}" -H 'Accept: application/json'
    -H 'Content-Type: application/x-www-form-urlencoded' --data-urlencode 'path={path}'
    --data-urlencode 'size={size}' --data-urlencode 'overwrite=true' {VAULT}/api/v26.2/services/file_staging/upload"""
PUT = """curl -L -X PUT -H "Authorization: {AUTH}" -H "Accept: application/json"
    -H "Content-Type: application/octet-stream" -H "Content-Length: {size}" -H "X-VaultAPI-FilePartNumber: {number}"
    --data-binary "@{file}" {VAULT}/api/v26.2/services/file_staging/upload/{session}"""
PUT_WITH_MD5 = PUT.replace("--data-binary", '-H "Content-MD5: {md5}" --data-binary')
COMMIT = """curl -L -X POST -H "Authorization: {AUTH}" -H "Accept: application/json"
    -H "Content-Type: application/json" {VAULT}/api/v26.2/services/file_staging/upload/{session}"""
GET_SESSION = """curl -L -X GET -H "Authorization: {AUTH}" -H "Accept: application/json"
    {VAULT}/api/v26.2/services/file_staging/upload/{session}"""
LIST_SESSIONS = """curl -L -X GET -H "Authorization: {AUTH}" -H "Accept: application/json"
    {VAULT}/api/v26.2/services/file_staging/upload"""
LIST_PARTS = """curl -L -X GET -H "Authorization: {AUTH}" -H "Accept: application/json"
    {VAULT}/api/v26.2/services/file_staging/upload/{session}/parts?limit=2"""
ABORT = """curl -L -X DELETE -H "Authorization: {AUTH}" -H "Accept: application/json"
    {VAULT}/api/v26.2/services/file_staging/upload/{session}"""
GO_ON = """curl -L -X GET -H "Authorization: {AUTH}" {next_page}"""
JOB = """curl -X GET -H "Authorization: {AUTH}" {VAULT}/api/v26.2/services/jobs/{job}"""
LIST_ITEMS = """curl -L -X GET -H "Authorization: {AUTH}"
    "{VAULT}/api/v26.2/services/file_staging/items/{item}?recursive=true&limit=2" """
DOWNLOAD = """curl -L -X GET -H "Authorization: {AUTH}" -H "Range: bytes=0-1000" --dump-header headers
    {VAULT}/api/v26.2/services/file_staging/items/content/{item}"""
CREATE_FILE = """curl -L -X POST -H "Authorization: {AUTH}" -H "Accept: application/json"
    -H "Content-Type: multipart/form-data" -F "path={path}" -F "kind=file" -F "overwrite=true" -F "file=@{file}"
    {VAULT}/api/v26.2/services/file_staging/items"""
CREATE_FOLDER = """curl -L -X POST -H "Authorization: {AUTH}" -H "Accept: application/json"
    -H "Content-Type: multipart/form-data" -F "path={path}" -F "kind=folder"
    {VAULT}/api/v26.2/services/file_staging/items"""
UPDATE = """curl -L -X PUT -H "Authorization: {AUTH}" -H "Content-Type: application/x-www-form-urlencoded"
    --data-urlencode "parent={parent}" --data-urlencode "name={name}"
    {VAULT}/api/v26.2/services/file_staging/items/{item}"""
DELETE = """curl -L -X DELETE -H "Authorization: {AUTH}" -H "Accept: application/json"
    {VAULT}/api/v26.2/services/file_staging/items/{item}?recursive=true"""
VERSIONS = """curl -X GET -H "Authorization: {AUTH}" {VAULT}/api/"""
KEEP_ALIVE = """curl -X POST -H "Authorization: {AUTH}" {VAULT}/api/v26.2/keep-alive"""
END_SESSION = """curl -X DELETE -H "Authorization: {AUTH}" {VAULT}/api/v26.2/session"""
HISTORIES = """curl -X GET -H "Authorization: {AUTH}" {VAULT}/api/v26.2/services/jobs/histories"""
MONITORS = """curl -X GET -H "Authorization: {AUTH}" {VAULT}/api/v26.2/services/jobs/monitors"""
DISCOVER = """curl -X POST -H "Accept: application/json" -H "X-VaultAPI-AuthIncludeMsal: true"
    "{VAULT}/auth/discovery?username={username}&client_id=veepharm-clinical-it-client-int0" """


@pytest.fixture
def vault(vaults: Vaults) -> Iterator[Asked]:
    with vaults.start(Switches()) as vault:
        yield vault


@pytest.fixture
def curl(vault: Asked, tmp_path: Path) -> Curl:
    """Somebody logged in, with a file that is split into three parts."""
    for number, content in enumerate(PARTS, start=1):
        (tmp_path / f"part-{number}").write_bytes(content)
    return Curl.logged_in(vault, tmp_path)


def create(curl: Curl, path: str = "u7/Cholecap Commercial.mp4", shape: object = shapes.SESSION) -> str:
    session: str = curl(CREATE, shape, path=path, size=SIZE)["data"]["id"]
    return session


def put(curl: Curl, session: str, number: int, *, md5: str | None = None, shape: object = shapes.PART) -> Any:  # noqa: ANN401
    names = {"session": session, "number": number, "file": f"part-{number}", "size": len(PARTS[number - 1])}
    return curl(PUT, shape, **names) if md5 is None else curl(PUT_WITH_MD5, shape, md5=md5, **names)


def digest(number: int) -> bytes:
    return hashlib.md5(PARTS[number - 1], usedforsecurity=False).digest()


def settle(curl: Curl, job: int) -> dict[str, Any]:
    curl.vault.emulator.advance(60)
    answer: dict[str, Any] = curl(JOB, shapes.JOB, job=job)["data"]
    return answer


def test_a_file_in_parts_from_the_login_to_the_download(curl: Curl) -> None:
    session = create(curl)
    receipts = [
        put(curl, session, 1)["data"],
        put(curl, session, 2, md5=base64.b64encode(digest(2)).decode())["data"],
        put(curl, session, 3, md5=digest(3).hex())["data"],
    ]
    assert receipts == [
        {"size": len(PARTS[number - 1]), "part_number": number, "part_content_md5": digest(number).hex()}
        for number in (1, 2, 3)
    ]
    details = curl(GET_SESSION, shapes.SESSION, session=session)["data"]
    assert details["path"] == "/u7/Cholecap Commercial.mp4"  # in an answer there is a leading slash
    assert details["name"] == "Cholecap Commercial.mp4"
    assert (details["uploaded_parts"], details["uploaded"], details["size"]) == (3, SIZE, SIZE)
    assert curl(LIST_SESSIONS, shapes.SESSIONS)["data"] == [details]
    first = curl(LIST_PARTS, shapes.PARTS_GO_ON, session=session)
    rest = curl(GO_ON, shapes.PARTS, next_page=first["responseDetails"]["next_page"])
    assert first["data"] + rest["data"] == receipts

    job = curl(COMMIT, shapes.COMMITTED, session=session)["data"]["job_id"]
    assert settle(curl, job)["id"] == job
    item = "u7/Cholecap%20Commercial.mp4"
    assert curl.raw(DOWNLOAD, item=item) == PARTS[0][:1001]
    headers = (curl.folder / "headers").read_text().lower().splitlines()
    assert "content-type: application/octet-stream;charset=utf-8" in headers
    assert 'content-disposition: attachment;filename="cholecap commercial.mp4"' in headers
    assert f"content-range: bytes 0-1000/{SIZE}" in headers
    whole = DOWNLOAD.replace('-H "Range: bytes=0-1000"', "")
    assert curl.raw(whole, item=item) == b"".join(PARTS)
    assert curl(LIST_ITEMS, shapes.ITEMS, item="u7")["data"][0]["size"] == SIZE
    assert curl.vault.refused == []


def test_what_asked_was_curl_and_it_asked_for_all_that_is_documented(curl: Curl) -> None:
    """The proof that the tests of this module talk to the emulator, and that nobody else does."""
    session = create(curl)
    put(curl, session, 1)
    curl(ABORT, shapes.ABORTED, session=session)
    assert curl.vault.endpoints == [Endpoint.AUTH, Endpoint.CREATE_SESSION, Endpoint.PUT_PART, Endpoint.ABORT]
    assert len(curl.vault.agents) == 4
    assert all(agent.startswith("curl/") for agent in curl.vault.agents)
    [seen] = curl.vault.emulator.requests("put_part", 1)
    assert (seen.body_bytes, seen.method, seen.user) == (PART, "PUT", 7)


def test_lists_and_details_have_just_the_fields_of_the_samples_when_so_switched(vaults: Vaults, tmp_path: Path) -> None:
    with vaults.start(Switches(session_fields="few", session_id_style="dotted")) as vault:
        curl = Curl.logged_in(vault, tmp_path)
        session = create(curl)
        assert session.endswith("--")
        details = curl(GET_SESSION, shapes.FEW_FIELDS, session=session)["data"]
        assert json.loads(curl.raw(LIST_SESSIONS))["data"] == [details]


def test_an_aborted_session_is_gone(curl: Curl) -> None:
    session = create(curl)
    put(curl, session, 1)
    curl(ABORT, shapes.ABORTED, session=session)
    curl(GET_SESSION, shapes.FAILED, session=session)
    put(curl, session, 2, shape=shapes.FAILED)
    assert json.loads(curl.raw(LIST_SESSIONS))["data"] == []


def test_a_part_out_of_order_and_a_wrong_md5_are_refused(curl: Curl) -> None:
    session = create(curl)
    put(curl, session, 2, shape=shapes.FAILED)
    put(curl, session, 1, md5=digest(2).hex(), shape=shapes.FAILED)
    put(curl, session, 1, md5=base64.b64encode(digest(2)).decode(), shape=shapes.FAILED)
    assert json.loads(curl.raw(LIST_PARTS, session=session))["data"] == []


def test_a_part_sent_in_chunks_is_taken(curl: Curl) -> None:
    """Without a Content-Length, as curl sends what it reads from a pipe."""
    session = create(curl)
    chunked = PUT.replace('-H "Content-Length: {size}"', '-H "Transfer-Encoding: chunked"')
    answer = curl(chunked, shapes.PART, session=session, number=1, file="part-1")
    assert answer["data"]["part_content_md5"] == digest(1).hex()


def test_whoever_waits_for_leave_to_send_gets_it(curl: Curl) -> None:
    """Before a large body curl asks, by `Expect: 100-continue`, and by itself it would not wait for more than 1 s."""
    session = create(curl)
    patient = PUT.replace("curl -L", "curl -L --expect100-timeout 60 --max-time 20")
    curl(patient, shapes.PART, session=session, number=1, file="part-1", size=PART)


def test_a_plus_in_a_path_is_a_plus(curl: Curl) -> None:
    (curl.folder / "a+b").write_bytes(b"plus")
    curl(CREATE_FILE, shapes.CREATED_FILE, path="/u7/a+b c", file="a+b")
    assert curl.raw(DOWNLOAD, item="u7/a+b%20c") == b"plus"
    assert curl.raw(DOWNLOAD, item="u7/a%2Bb%20c") == b"plus"


def test_a_job_is_asked_for_every_ten_seconds(curl: Curl) -> None:
    session = create(curl)
    for number in (1, 2, 3):
        put(curl, session, number)
    job = curl(COMMIT, shapes.COMMITTED, session=session)["data"]["job_id"]
    settle(curl, job)
    refused = curl(JOB, shapes.FAILED, job=job)
    assert refused["errors"][0]["type"] == "API_LIMIT_EXCEEDED"
    curl.vault.emulator.advance(10)
    curl(JOB, shapes.JOB, job=job)


def test_small_files_and_folders(curl: Curl) -> None:
    (curl.folder / "Wonder Drug.docx").write_bytes(b"a wonder")
    made = curl(CREATE_FOLDER, shapes.CREATED_FOLDER, path="/u7/cholecap 2021")["data"]
    assert made == {"kind": "folder", "path": "/u7/cholecap 2021/", "name": "cholecap 2021"}
    made = curl(CREATE_FILE, shapes.CREATED_FILE, path="/u7/Wonder Drug.docx", file="Wonder Drug.docx")["data"]
    assert (made["path"], made["size"]) == ("/u7/Wonder Drug.docx", 8)
    assert made["file_content_md5"] == hashlib.md5(b"a wonder", usedforsecurity=False).hexdigest()
    names = {"parent": "/u7/cholecap 2021", "name": "brochure", "item": "u7/Wonder%20Drug.docx"}
    job = curl(UPDATE, shapes.STARTED, **names)["data"]["job_id"]
    settle(curl, job)
    assert curl.vault.emulator.stored("/u7/cholecap 2021/brochure").read_bytes() == b"a wonder"
    listed = curl(LIST_ITEMS, shapes.ITEMS, item="u7")["data"]
    assert [row["path"].rstrip("/") for row in listed] == ["/u7/cholecap 2021", "/u7/cholecap 2021/brochure"]
    settle(curl, curl(DELETE, shapes.STARTED, item="u7/cholecap%202021")["data"]["job_id"])
    assert json.loads(curl.raw(LIST_ITEMS, item="u7"))["data"] == []


def test_a_listing_goes_on_where_next_page_says(curl: Curl) -> None:
    for number in range(5):
        curl(CREATE_FOLDER, shapes.CREATED_FOLDER, path=f"/u7/{number}")
    names: list[str] = []
    answer = curl(LIST_ITEMS, shapes.ITEMS_GO_ON, item="u7")
    while "responseDetails" in answer:
        assert len(answer["data"]) == 2
        names += [row["name"] for row in answer["data"]]
        answer = json.loads(curl.raw(GO_ON, next_page=answer["responseDetails"]["next_page"]))
    assert [*names, *(row["name"] for row in answer["data"])] == ["0", "1", "2", "3", "4"]


def test_versions_keep_alive_and_the_end(curl: Curl) -> None:
    assert "v26.2" in curl(VERSIONS, shapes.VERSIONS)["values"]
    curl(KEEP_ALIVE, shapes.SUCCESS)
    curl(END_SESSION, shapes.SUCCESS)
    refused = curl(KEEP_ALIVE, shapes.FAILED)
    assert refused["errors"] == [{"type": "INVALID_SESSION_ID", "message": "Invalid or expired session ID."}]


def test_a_bearer_token_is_as_good_as_a_bare_session_id(curl: Curl) -> None:
    bearer = Curl(curl.vault, f"Bearer {curl.auth}", curl.folder)
    bearer(KEEP_ALIVE, shapes.SUCCESS)


def test_how_a_user_logs_in_can_be_asked(curl: Curl) -> None:
    curl(DISCOVER, shapes.DISCOVERED, username="user@foreign.example")


def test_jobs_are_listed_while_they_run_and_when_they_have_ended(curl: Curl) -> None:
    jobs = []
    for number in range(2):
        curl(CREATE_FOLDER, shapes.CREATED_FOLDER, path=f"/u7/{number}")
        jobs.append(curl(DELETE, shapes.STARTED, item=f"u7/{number}")["data"]["job_id"])
    running = json.loads(curl.raw(MONITORS))
    assert sorted(row["job_id"] for row in running["jobs"]) == jobs
    assert {row["status"] for row in running["jobs"]} <= {"QUEUED", "RUNNING"}
    curl.vault.emulator.advance(60)
    curl(MONITORS, shapes.MONITORS)
    ended = curl(HISTORIES, shapes.HISTORIES)
    assert [row["job_id"] for row in ended["jobs"]] == [*reversed(jobs)]
    assert ended["responseDetails"] == {"total": 2, "limit": 50, "offset": 0}
    limited = HISTORIES + "?limit=1"
    page = curl(limited, shapes.HISTORIES_GO_ON)
    rest = curl(GO_ON, shapes.HISTORIES, next_page=curl.vault.emulator.url + page["responseDetails"]["next_page"])
    assert [row["job_id"] for row in page["jobs"] + rest["jobs"]] == [*reversed(jobs)]


def test_who_asks_for_xml_gets_it(curl: Curl) -> None:
    session = create(curl)
    as_xml = GET_SESSION.replace("application/json", "application/xml")
    answer = ET.fromstring(curl.raw(as_xml, session=session))  # noqa: S314 - the emulator's own answer
    assert answer.findtext("responseStatus") == "SUCCESS"
    assert answer.findtext(".//id") == session
    assert answer.findtext(".//size") == str(SIZE)
