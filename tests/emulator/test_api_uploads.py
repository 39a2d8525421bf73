"""Upload sessions over HTTP: a client that nobody wrote for this emulator, from create to job."""

import base64
from collections.abc import AsyncIterator

import aiohttp
import anyio
import pytest

from asyncup.emulator import DrivenClock, User
from tests.emulator.plain_vault import PlainVault, md5, plain_vault, switches

BODY = bytes(range(25))
SESSIONS = "services/file_staging/upload"


async def test_create_answers_as_documented(vault: PlainVault) -> None:
    found = await vault.call("POST", SESSIONS, data={"path": "u1/a.bin", "size": "25", "overwrite": "true"})
    data = found["data"]
    assert found["responseStatus"] == "SUCCESS"
    assert data.pop("created_date") == data.pop("last_uploaded_date") < data.pop("expiration_date")
    assert len(data.pop("id")) == 32
    assert data == {
        "path": "/u1/a.bin",
        "name": "a.bin",
        "owner": 1,
        "uploaded_parts": 0,
        "size": 25,
        "uploaded": 0,
        "overwrite": True,
    }


async def test_create_takes_multipart_and_unknown_fields_and_a_trailing_slash(
    vault: PlainVault,
) -> None:
    form = aiohttp.FormData({"path": "/u1/a", "size": "25", "name": "x"}, default_to_multipart=True)
    assert (await vault.data("POST", SESSIONS + "/", data=form))["size"] == 25


@pytest.mark.parametrize("form", [{"path": "/u1/a"}, {"size": "1"}, {}])
async def test_create_needs_path_and_size(vault: PlainVault, form: dict[str, str]) -> None:
    assert await vault.error("POST", SESSIONS, data=form) == "PARAMETER_REQUIRED"


@pytest.mark.parametrize("size", ["x", "-1", "1.5"])
async def test_create_needs_a_number_as_size(vault: PlainVault, size: str) -> None:
    form = {"path": "/u1/a", "size": size}
    assert await vault.error("POST", SESSIONS, data=form) == "INVALID_DATA"


async def test_a_file_arrives_when_its_job_ends() -> None:
    clock = DrivenClock()
    slow = switches(job_queued_s=1.0, job_duration_s=3.0)
    async with plain_vault(clock=clock, switches=slow) as vault:
        job = await vault.upload("/u1/a.bin", BODY)
        assert await vault.job_status(job) == "QUEUED"
        assert vault.emulator.sessions == []
        await vault.emulator.advance(2.9)
        assert await vault.names("u1") == []
        await vault.emulator.advance(0.1)
        assert vault.emulator.stored("/u1/a.bin").read_bytes() == BODY
        assert vault.emulator.root is not None
        assert vault.emulator.stored("/u1/a.bin") == vault.emulator.root / "files/u1/a.bin"
        await vault.emulator.advance(10)
        assert await vault.job_status(job) == "SUCCESS"
        assert await vault.names("u1") == ["/u1/a.bin"]


async def test_asking_for_a_job_too_often() -> None:
    async with plain_vault(clock=DrivenClock()) as vault:
        job = await vault.upload("/u1/a.bin", BODY)
        await vault.job_status(job)
        assert await vault.error("GET", f"services/jobs/{job}") == "API_LIMIT_EXCEEDED"
        await vault.emulator.advance(10)
        assert await vault.job_status(job) == "SUCCESS"


async def test_details_lists_and_parts(vault: PlainVault) -> None:
    upload = await vault.create("/u1/a", 25)
    for number in (1, 2):
        await vault.data(**vault.put(upload, number, BODY[:10]))
    details = await vault.data("GET", f"{SESSIONS}/{upload}")
    assert (details["uploaded"], details["uploaded_parts"], details["size"]) == (20, 2, 25)
    assert await vault.data("GET", SESSIONS) == [details]
    part = {"size": 10, "part_number": 1, "part_content_md5": md5(BODY[:10])}
    parts = await vault.data("GET", f"{SESSIONS}/{upload}/parts")
    assert parts == [part, {**part, "part_number": 2}]


@pytest.mark.parametrize("form", ["absolute", "from-root", "from-version", "no-ampersand"])
async def test_parts_come_in_pages(form: str) -> None:
    async with plain_vault(switches=switches(next_page=form)) as vault:
        upload = await vault.create("/u1/a", 50)
        for number in range(1, 6):
            await vault.data(**vault.put(upload, number, BODY[:10]))
        found = await vault.call("GET", f"{SESSIONS}/{upload}/parts?limit=2")
        numbers = [part["part_number"] for part in found["data"]]
        while (rest := found.get("responseDetails", {}).get("next_page")) is not None:
            path = rest if not rest.startswith("/services") else f"/api/v25.2{rest}"
            found = await vault.call("GET", path)
            numbers += [part["part_number"] for part in found["data"]]
        assert numbers == [1, 2, 3, 4, 5]


async def test_a_part_is_overwritten_by_its_number(vault: PlainVault) -> None:
    upload = await vault.create("/u1/a", 20)
    for number, body in [(1, b"x" * 10), (2, b"y" * 10), (1, b"z" * 10)]:
        await vault.data(**vault.put(upload, number, body))
    await vault.commit(upload)
    await vault.names()
    assert vault.emulator.stored("/u1/a").read_bytes() == b"z" * 10 + b"y" * 10


async def test_refused_parts(vault: PlainVault) -> None:
    upload = await vault.create("/u1/a", 25)
    await vault.data(**vault.put(upload, 1, BODY[:10]))
    for number, body, error_type in [
        (3, BODY[:10], "OPERATION_NOT_ALLOWED"),
        (2, BODY[:9], "INVALID_DATA"),
        (2, BODY[:16], "OPERATION_NOT_ALLOWED"),
        (0, BODY[:10], "INVALID_DATA"),
        ("x", BODY[:10], "INVALID_DATA"),
    ]:
        assert await vault.error(**vault.put(upload, number, body)) == error_type  # type: ignore[arg-type]
    path = f"{SESSIONS}/{upload}"
    assert await vault.error("PUT", path, data=BODY[:10]) == "PARAMETER_REQUIRED"
    assert await vault.error("POST", path) == "OPERATION_NOT_ALLOWED"
    assert (await vault.data("GET", path))["uploaded"] == 10


@pytest.mark.parametrize("checked", ["before-body", "after-body"])
async def test_a_part_of_unknown_length_is_judged_when_it_is_in(checked: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100

    async with plain_vault(switches=switches(parts_checked=checked)) as vault:
        upload = await vault.create("/u1/a", 5000)
        call = vault.put(upload, 1, b"")
        assert await vault.error(**{**call, "data": pieces()}) == "INVALID_DATA"
        assert vault.emulator.bytes_received == 3000


@pytest.mark.parametrize("sent", ["before-body", "after-body"])
async def test_the_connection_survives_a_refused_part(sent: str) -> None:
    async with plain_vault(switches=switches(refusal_sent=sent)) as vault:
        upload = await vault.create("/u1/a", 500_000)
        assert await vault.error(**vault.put(upload, 2, b"x" * 400_000)) == "OPERATION_NOT_ALLOWED"
        assert (await vault.data("GET", f"{SESSIONS}/{upload}"))["uploaded"] == 0


@pytest.mark.parametrize(
    ("understood", "hexadecimal", "base_64"),
    [
        ("hex+base64", "SUCCESS", "SUCCESS"),
        ("hex", "SUCCESS", "FAILURE"),
        ("base64", "FAILURE", "SUCCESS"),
        ("refused", "FAILURE", "FAILURE"),
        ("ignored", "SUCCESS", "SUCCESS"),
    ],
)
@pytest.mark.parametrize("discard", [False, True])
async def test_content_md5(understood: str, hexadecimal: str, base_64: str, *, discard: bool) -> None:
    digest = md5(BODY)
    forms = [(digest, hexadecimal), (digest.upper(), hexadecimal)]
    forms.append((base64.b64encode(bytes.fromhex(digest)).decode(), base_64))
    async with plain_vault(switches=switches(content_md5=understood), discard=discard) as vault:
        upload = await vault.create("/u1/a", 25)
        for form, status in forms:
            found = await vault.call(**vault.put(upload, 1, BODY, **{"Content-MD5": form}))
            assert found["responseStatus"] == status
            if status == "SUCCESS":
                assert found["data"]["part_content_md5"] == digest


@pytest.mark.parametrize("given", ["0" * 32, "AAAAAAAAAAAAAAAAAAAAAA==", "x", "é"])
async def test_a_wrong_content_md5_is_refused_and_nothing_kept(vault: PlainVault, given: str) -> None:
    upload = await vault.create("/u1/a", 25)
    call = vault.put(upload, 1, BODY, **{"Content-MD5": given})
    assert await vault.error(**call) == "INVALID_DATA"
    assert vault.emulator.sessions[0].parts == {}
    assert vault.emulator.root is not None
    assert list((vault.emulator.root / "incoming").iterdir()) == []


async def test_discard_counts_and_computes_what_nobody_else_did() -> None:
    async with plain_vault(discard=True) as vault:
        upload = await vault.create("/u1/a", 25)
        found = await vault.data(**vault.put(upload, 1, BODY))
        assert found["part_content_md5"] == md5(BODY)
        claimed = await vault.data(**vault.put(upload, 1, BODY, **{"Content-MD5": "0" * 32}))
        assert claimed["part_content_md5"] == "0" * 32
        assert vault.emulator.bytes_received == 50
        await vault.commit(upload)
        assert await vault.names("u1") == ["/u1/a"]
        with pytest.raises(LookupError):
            vault.emulator.stored("/u1/a")
        path = "services/file_staging/items/content/u1/a"
        assert await vault.error("GET", path) == "OPERATION_NOT_ALLOWED"


async def test_a_range_header_on_a_part() -> None:
    for setting, status in [("ignored", "SUCCESS"), ("refused", "FAILURE")]:
        async with plain_vault(switches=switches(upload_range=setting)) as vault:
            upload = await vault.create("/u1/a", 25)
            found = await vault.call(**vault.put(upload, 1, BODY, Range="bytes=0-24"))
            assert found["responseStatus"] == status


async def test_abort_purges_the_parts(vault: PlainVault) -> None:
    upload = await vault.create("/u1/a", 25)
    await vault.data(**vault.put(upload, 1, BODY[:10]))
    assert vault.emulator.root is not None
    parts = vault.emulator.root / "sessions" / upload
    assert len(list(parts.iterdir())) == 1
    found = await vault.call("DELETE", f"{SESSIONS}/{upload}")
    assert found == {"responseStatus": "SUCCESS"}
    assert not parts.exists()
    assert await vault.error("DELETE", f"{SESSIONS}/{upload}") == "INVALID_DATA"


async def test_a_session_expires_with_its_parts() -> None:
    async with plain_vault(clock=DrivenClock()) as vault:
        upload = await vault.create("/u1/a", 25)
        await vault.data(**vault.put(upload, 1, BODY[:10]))
        await vault.emulator.advance(72 * 3600)
        assert await vault.error("GET", f"{SESSIONS}/{upload}") == "INVALID_DATA"
        assert vault.emulator.root is not None
        assert list((vault.emulator.root / "sessions").iterdir()) == []


async def test_a_session_that_goes_while_a_part_comes_in() -> None:
    async with plain_vault() as vault:
        upload = await vault.create("/u1/a", 25)
        half = anyio.Event()

        async def pieces() -> AsyncIterator[bytes]:
            yield BODY[:5]
            await half.wait()
            yield BODY[5:10]

        async def put() -> None:
            call = vault.put(upload, 1, b"")
            assert await vault.error(**{**call, "data": pieces()}) == "INVALID_DATA"

        async with anyio.create_task_group() as group:
            group.start_soon(put)
            await anyio.wait_all_tasks_blocked()
            await vault.data("DELETE", f"{SESSIONS}/{upload}")
            half.set()
        assert vault.emulator.root is not None
        assert not (vault.emulator.root / "sessions" / upload).exists()


async def test_others_sessions() -> None:
    users = (User(), User("m", "p", 42, "member"), User("n", "p", 43, "member"))
    tokens = {"M": 42, "N": 43}
    async with plain_vault(users=users, tokens=tokens) as vault:
        vault.authorization = "M"
        upload = await vault.create("/a", 10)
        vault.authorization = "N"
        assert await vault.data("GET", SESSIONS) == []
        assert await vault.error("GET", f"{SESSIONS}/{upload}") == "INSUFFICIENT_ACCESS"
        vault.authorization = "T"
        assert (await vault.data("GET", SESSIONS))[0]["path"] == "/u42/a"
        assert await vault.error(**vault.put(upload, 1, BODY[:10])) == "INSUFFICIENT_ACCESS"
        await vault.data("DELETE", f"{SESSIONS}/{upload}")


async def test_a_collision_found_by_the_job_fails_it() -> None:
    async with plain_vault(switches=switches(job_poll_min_s=0)) as vault:
        upload = await vault.create("/u1/a", 10)
        await vault.data(**vault.put(upload, 1, b"1" * 10))
        await vault.post_file("/u1/a", b"first")
        assert await vault.error("POST", f"{SESSIONS}/{upload}") == "ITEM_NAME_EXISTS"
    late = switches(session_collision="job")
    async with plain_vault(switches=late) as vault:
        await vault.post_file("/u1/a", b"first")
        job = await vault.upload("/u1/a", b"1" * 10)
        assert await vault.job_status(job) == "ERRORS_ENCOUNTERED"
        assert vault.emulator.stored("/u1/a").read_bytes() == b"first"


async def test_variants_of_answers() -> None:
    few = switches(session_fields="few", session_id_style="dotted", commit_url=True)
    async with plain_vault(switches=few) as vault:
        upload = await vault.create("/u1/a", 10)
        assert upload.startswith(".")
        assert upload.endswith("--")
        assert "name" not in await vault.data("GET", f"{SESSIONS}/{upload}")
        await vault.data(**vault.put(upload, 1, b"1" * 10))
        found = await vault.data("POST", f"{SESSIONS}/{upload}")
        assert found["url"] == f"/api/v25.2/services/jobs/{found['job_id']}"


async def test_a_committed_session_may_stay_until_its_job_has_ended() -> None:
    slow = switches(session_after_commit="until-job", job_duration_s=5.0)
    async with plain_vault(switches=slow, clock=DrivenClock()) as vault:
        await vault.upload("/u1/a", BODY)
        [facts] = await vault.data("GET", SESSIONS)
        assert facts["uploaded"] == 25
        assert await vault.error("POST", f"{SESSIONS}/{facts['id']}") == "OPERATION_NOT_ALLOWED"
        await vault.emulator.advance(5)
        assert await vault.data("GET", SESSIONS) == []
        assert await vault.names("u1") == ["/u1/a"]
