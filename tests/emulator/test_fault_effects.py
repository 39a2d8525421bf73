"""Scripted faults as a client sees them, and what they leave behind in the Vault."""

import time
from typing import Any

import aiohttp
import anyio
import pytest

from asyncup.emulator import DrivenClock, Fault, parse_fault
from tests.emulator.plain_vault import PlainVault, md5, plain_vault, switches

BODY = b"0123456789"
SESSIONS = "services/file_staging/upload"
LOST = (aiohttp.ClientConnectionError, ConnectionError)


async def started(vault: PlainVault, *faults: str) -> str:
    """An upload session of two parts, and a fault script."""
    upload = await vault.create("/u1/a", 20)
    vault.emulator.add_faults(*map(parse_fault, faults))
    return upload


def parts(vault: PlainVault) -> list[int]:
    [upload] = vault.emulator.sessions
    return sorted(upload.parts)


async def test_status_without_and_with_a_body(vault: PlainVault) -> None:
    upload = await started(
        vault,
        "put_part:status,status=429,retry_after=Wed%2C 21 Oct 2026 07%3A28%3A00 GMT",
        'put_part,nth=2:status,body={"a"%3A1},downtime_minutes=30',
    )
    call = vault.put(upload, 1, BODY)
    path = "/api/v25.2/" + call.pop("path")
    assert await vault.text(path=path, **call) == ""
    assert (vault.last_status, vault.last_headers["retry-after"]) == (
        429,
        "Wed, 21 Oct 2026 07:28:00 GMT",
    )
    assert await vault.text(path=path, **call) == '{"a":1}'
    assert vault.last_status == 503
    assert vault.last_headers["x-vaultapi-downtimeexpecteddurationminutes"] == "30"
    assert vault.last_headers["content-type"].startswith("application/json")
    assert parts(vault) == []
    vault.emulator.faults.check_consumed()


async def test_failures_and_exceptions(vault: PlainVault) -> None:
    upload = await started(
        vault,
        "put_part:refuse,error_type=OPERATION_IN_PROGRESS,message=busy",
        "put_part,nth=2:refuse,error_type=RACE_CONDITION,status=409",
        "put_part,nth=3:exception,status=500",
        "auth:refuse,error_type=USER_LOCKED_OUT",
    )
    call = vault.put(upload, 1, BODY)
    assert await vault.error(**call) == "OPERATION_IN_PROGRESS"
    assert await vault.error(**call) == "RACE_CONDITION"
    assert vault.last_status == 409
    assert (await vault.call(**call))["responseStatus"] == "EXCEPTION"
    assert vault.last_status == 500
    assert (await vault.call("POST", "auth"))["errorType"] == "AUTHENTICATION_FAILED"
    assert parts(vault) == []
    assert vault.emulator.seen[1].error_type == "OPERATION_IN_PROGRESS"
    assert vault.emulator.seen[1].fault == ("put_part:refuse,error_type=OPERATION_IN_PROGRESS,message=busy")


async def test_redirects(vault: PlainVault) -> None:
    elsewhere = f"{vault.emulator.url}/api/v20.1/{SESSIONS}".replace(":", "%3A")
    await started(vault, f"list_sessions:redirect,status=302,location={elsewhere}")
    assert len(await vault.data("GET", SESSIONS)) == 1
    assert vault.emulator.seen[-1].path == "/api/v20.1/" + SESSIONS


@pytest.mark.both_loops
@pytest.mark.parametrize(
    ("fault", "held"),
    [
        ("reset-before", []),
        ("reset-during,at=300000", []),
        ("reset-after", []),
        ("lose-answer", [1]),
    ],
)
async def test_broken_connections(fault: str, held: list[int]) -> None:
    async with plain_vault(switches=switches(part_max_bytes=10**7)) as vault:
        upload = await vault.create("/u1/a", 2_000_000)
        vault.emulator.add_faults(parse_fault(f"put_part:{fault}"))
        call = vault.put(upload, 1, b"x" * 1_000_000)
        with pytest.raises(LOST):
            await vault.call(**call)
        [seen] = vault.emulator.requests("put_part")
        assert seen.status is None
        assert parts(vault) == held
        if "during" in fault:
            assert 300_000 <= seen.body_bytes < 1_000_000
        # The next try works, and so does every other connection.
        await vault.data(**call)
        assert parts(vault) == [1]


@pytest.mark.both_loops
async def test_a_reset_is_a_reset_and_not_an_end(vault: PlainVault) -> None:
    await started(vault, "list_sessions:reset-before")
    async with await anyio.connect_tcp("127.0.0.1", vault.emulator.port) as stream:
        await stream.send(f"GET /api/v25.2/{SESSIONS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        with pytest.raises(anyio.BrokenResourceError) as error:
            await stream.receive()
        assert isinstance(error.value.__cause__, ConnectionResetError)


async def test_no_answer_at_all(vault: PlainVault) -> None:
    upload = await started(vault, "put_part:hang")
    with anyio.move_on_after(0.1) as scope:
        await vault.call(**vault.put(upload, 1, BODY))
    assert scope.cancelled_caught
    while not vault.emulator.requests("put_part"):  # noqa: ASYNC110 - until it sees us gone
        await anyio.sleep(0.01)
    assert parts(vault) == []


@pytest.mark.parametrize("fault", ["delay,seconds=0.1", "slow-answer,seconds=0.1"])
async def test_slow_answers(vault: PlainVault, fault: str) -> None:
    upload = await started(vault, f"put_part:{fault}")
    begun = time.monotonic()
    await vault.data(**vault.put(upload, 1, BODY))
    assert time.monotonic() - begun >= 0.09
    assert parts(vault) == [1]


@pytest.mark.parametrize("by", ["fault", "switch"])
async def test_slow_reading(by: str) -> None:
    cap = 2_000_000 if by == "switch" else 0
    async with plain_vault(switches=switches(part_max_bytes=10**7, bandwidth_bytes_s=cap)) as vault:
        upload = await vault.create("/u1/a", 200_000)
        if by == "fault":
            vault.emulator.add_faults(parse_fault("put_part:slow-read,rate=2000000"))
        begun = time.monotonic()
        await vault.data(**vault.put(upload, 1, b"x" * 200_000))
        assert time.monotonic() - begun >= 0.09


@pytest.mark.parametrize("discard", [False, True])
async def test_a_byte_that_arrives_wrong(*, discard: bool) -> None:
    async with plain_vault(discard=discard) as vault:
        faults = ("put_part:flip-byte,at=3", "put_part,nth=2:flip-byte,at=3")
        upload = await started(vault, *faults, "put_part,nth=3:flip-stored,at=9")
        wrong = BODY[:3] + b"\xcc" + BODY[4:]
        assert (await vault.data(**vault.put(upload, 1, BODY)))["part_content_md5"] == md5(wrong)
        with_md5 = vault.put(upload, 1, BODY, **{"Content-MD5": md5(BODY)})
        assert await vault.error(**with_md5) == "INVALID_DATA"
        found = await vault.data(**with_md5)
        assert found["part_content_md5"] == md5(BODY[:9] + b"\xc6")


async def test_a_downloaded_byte_that_is_wrong_and_a_download_that_stops(
    vault: PlainVault,
) -> None:
    await vault.post_file("/u1/a", BODY)
    faults = ("flip-byte,at=4", "cut-answer", "wrong-length", "slow-answer,seconds=0")
    for nth, fault in enumerate(faults, 1):
        vault.emulator.add_faults(parse_fault(f"download,nth={nth}:{fault}"))
    path = "/api/v25.2/services/file_staging/items/content/u1/a"
    async with vault.http.get(vault.emulator.url + path, headers={"Authorization": "T"}) as answer:
        assert await answer.read() == b"0123\xcb56789"
    for _ in range(2):
        with pytest.raises(aiohttp.ClientPayloadError):
            await vault.text("GET", path)
    assert await vault.text("GET", path) == BODY.decode()
    assert vault.last_headers["x-vaultapi-vaultid"] == "1000"


async def test_an_expired_login_is_over_until_the_next_one(vault: PlainVault) -> None:
    form = {"username": "emulator@example.com", "password": "password"}
    vault.authorization = (await vault.call("POST", "auth", data=form))["sessionId"]
    upload = await started(vault, "put_part,nth=2:expire-login")
    await vault.data(**vault.put(upload, 1, BODY))
    for _ in range(2):
        assert await vault.error(**vault.put(upload, 2, BODY)) == "INVALID_SESSION_ID"
    vault.authorization = (await vault.call("POST", "auth", data=form))["sessionId"]
    await vault.data(**vault.put(upload, 2, BODY))


async def test_a_fixed_token_is_refused_once(vault: PlainVault) -> None:
    await started(vault, "list_sessions:expire-login")
    assert await vault.error("GET", SESSIONS) == "INVALID_SESSION_ID"
    assert len(await vault.data("GET", SESSIONS)) == 1


async def test_every_login_can_be_ended_at_once(vault: PlainVault) -> None:
    form = {"username": "emulator@example.com", "password": "password"}
    vault.authorization = (await vault.call("POST", "auth", data=form))["sessionId"]
    vault.emulator.expire_logins()
    assert await vault.error("GET", SESSIONS) == "INVALID_SESSION_ID"


async def test_a_lost_session(vault: PlainVault) -> None:
    upload = await started(vault, "put_part,part=2:lose-session")
    await vault.data(**vault.put(upload, 1, BODY))
    assert await vault.error(**vault.put(upload, 2, BODY)) == "INVALID_DATA"
    assert vault.emulator.sessions == []
    assert vault.emulator.root is not None
    assert list((vault.emulator.root / "sessions").iterdir()) == []


async def test_damaged_answers(vault: PlainVault) -> None:
    upload = await started(
        vault,
        "put_part,part=1:cut-answer",
        "put_part,part=1,nth=2:garbage",
        "put_part,part=1,nth=3:garbage,body=",
        "put_part,part=1,nth=4:wrong-length",
        "put_part,part=1,nth=5:status-after,status=502",
    )
    call = vault.put(upload, 1, BODY)
    path = "/api/v25.2/" + call.pop("path")
    cut = await vault.text(path=path, **call)
    assert cut.startswith('{"responseStatus"')
    assert not cut.endswith("}")
    assert "<html>" in await vault.text(path=path, **call)
    assert vault.last_headers["content-type"].startswith("text/html")
    assert "<html>" in await vault.text(path=path, **call)
    with pytest.raises(aiohttp.ClientPayloadError):
        await vault.text(path=path, **call)
    assert await vault.text(path=path, **call) == ""
    assert vault.last_status == 502
    assert parts(vault) == [1]
    assert len(vault.emulator.faults.struck) == 5
    vault.emulator.faults.check_consumed()


async def test_jobs_that_fail_or_take_long() -> None:
    faults = (
        parse_fault("commit:job-fails"),
        parse_fault("commit,nth=2:job-slow,seconds=100"),
    )
    settings: dict[str, Any] = {"clock": DrivenClock(), "faults": faults}
    async with plain_vault(switches=switches(job_poll_min_s=0), **settings) as vault:
        failed = await vault.upload("/u1/a", BODY)
        slow = await vault.upload("/u1/b", BODY)
        assert await vault.job_status(failed) == "ERRORS_ENCOUNTERED"
        assert await vault.job_status(slow) == "RUNNING"
        assert await vault.names("u1") == []
        await vault.emulator.advance(100)
        assert await vault.job_status(slow) == "SUCCESS"
        assert await vault.names("u1") == ["/u1/b"]


async def test_a_client_that_leaves_in_the_middle_of_a_part(vault: PlainVault) -> None:
    upload = await started(vault)
    head = (
        f"PUT /api/v25.2/{SESSIONS}/{upload} HTTP/1.1\r\nHost: x\r\nAuthorization: T\r\n"
        "Content-Length: 10\r\nX-VaultAPI-FilePartNumber: 1\r\n\r\n01234"
    )
    async with await anyio.connect_tcp("127.0.0.1", vault.emulator.port) as stream:
        await stream.send(head.encode())
    while not vault.emulator.requests("put_part"):  # noqa: ASYNC110 - until it sees us gone
        await anyio.sleep(0.01)
    assert parts(vault) == []
    assert vault.emulator.root is not None
    assert list((vault.emulator.root / "incoming").iterdir()) == []


def test_a_fault_is_a_value() -> None:
    assert Fault(do=parse_fault("any:delay").do) == parse_fault("any:delay")
