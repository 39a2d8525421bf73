"""What is the same for every call: order of checks, headers, limits, XML, the log."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from asyncup.emulator import DrivenClock, Endpoint, User
from tests.emulator.plain_vault import PlainVault, md5, plain_vault, switches

SESSIONS = "services/file_staging/upload"


async def test_an_unknown_path_is_404_and_a_failure(vault: PlainVault) -> None:
    found = await vault.call("GET", "/api/v25.2/no/such/thing")
    assert vault.last_status == 404
    assert found["errors"] == [{"type": "MALFORMED_URL", "message": "The specified resource cannot be found."}]
    assert await vault.error("PATCH", SESSIONS) == "METHOD_NOT_SUPPORTED"
    assert vault.last_status == 200


async def test_headers_of_every_answer(vault: PlainVault) -> None:
    await vault.call("GET", SESSIONS, headers={"X-VaultAPI-ReferenceId": "mine"})
    found = vault.last_headers
    assert len(found.pop("x-vaultapi-executionid")) == 32
    assert {k: v for k, v in found.items() if k.startswith("x-vaultapi")} == {
        "x-vaultapi-status": "SUCCESS",
        "x-vaultapi-vaultid": "1000",
        "x-vaultapi-userid": "1",
        "x-vaultapi-truncatedsessionid": "T",
        "x-vaultapi-referenceid": "mine",
        "x-vaultapi-burstlimit": "2000",
        "x-vaultapi-burstlimitremaining": "1999",
    }


async def test_a_spent_burst_window() -> None:
    few = switches(burst_limit=2, burst_delay_ms=30)
    async with plain_vault(switches=few, clock=DrivenClock()) as vault:
        delays = []
        for _ in range(3):
            await vault.call("GET", SESSIONS)
            delays.append(vault.last_headers.get("x-vaultapi-responsedelay"))
        assert delays == [None, None, "30"]
        assert [seen.delayed_ms for seen in vault.emulator.seen] == [0, 0, 30]
        await vault.emulator.advance(300)
        await vault.call("GET", SESSIONS)
        assert vault.last_headers["x-vaultapi-burstlimitremaining"] == "1"


@pytest.mark.parametrize(
    ("changes", "refused"),
    [({"burst": "refuse"}, True), ({"burst": "off"}, False), ({"burst_counts_staging": False}, False)],
)
async def test_other_burst_rules(changes: dict[str, Any], *, refused: bool) -> None:
    async with plain_vault(switches=switches(burst_limit=1, **changes)) as vault:
        await vault.call("GET", SESSIONS)
        found = await vault.call("GET", SESSIONS)
        assert (found["responseStatus"] == "FAILURE") == refused


async def test_statuses_may_be_those_of_http() -> None:
    http = switches(status_style="http")
    async with plain_vault(switches=http, clock=DrivenClock()) as vault:
        await vault.call("POST", SESSIONS)
        assert vault.last_status == 400
        job = await vault.upload("/u1/a", b"x" * 10)
        await vault.job_status(job)
        await vault.call("GET", f"services/jobs/{job}")
        assert (vault.last_status, vault.last_headers["retry-after"]) == (429, "10")
        vault.authorization = "x"
        await vault.call("GET", SESSIONS)
        assert vault.last_status == 401


async def test_an_expired_login_may_be_a_bare_401() -> None:
    async with plain_vault(switches=switches(expired_login="bare-401")) as vault:
        vault.authorization = "x"
        assert await vault.text("GET", f"/api/v25.2/{SESSIONS}") == ""
        assert vault.last_status == 401


async def test_xml_for_clients_that_ask(vault: PlainVault) -> None:
    xml = {"headers": {"Accept": "application/xml"}}
    form = {"path": "/u1/a & b", "size": "25"}
    root = ET.fromstring(await vault.text("POST", f"/api/v25.2/{SESSIONS}", data=form, **xml))  # noqa: S314 - of our own
    assert root.findtext("data/path") == "/u1/a & b"
    assert vault.last_headers["content-type"] == "application/xml;charset=UTF-8"
    root = ET.fromstring(await vault.text("GET", f"/api/v25.2/{SESSIONS}/none", **xml))  # noqa: S314 - of our own
    assert root.findtext("errors/error/type") == "INVALID_DATA"


async def test_a_client_id_may_be_needed() -> None:
    async with plain_vault(switches=switches(client_id_needed=True)) as vault:
        assert await vault.error("GET", SESSIONS) == "INSUFFICIENT_ACCESS"
        bad = {"X-VaultAPI-ClientID": "not allowed!"}
        assert await vault.error("GET", SESSIONS, headers=bad) == "INSUFFICIENT_ACCESS"
        good = {"X-VaultAPI-ClientID": "acme-it-server-loader"}
        assert await vault.data("GET", SESSIONS, headers=good) == []
        assert await vault.data("GET", f"{SESSIONS}?client_id=query-wins", headers=bad) == []
        assert vault.emulator.seen[-1].client_id == "query-wins"


async def test_a_user_without_the_right_to_call() -> None:
    users = (User(standing="no-api"),)
    async with plain_vault(users=users) as vault:
        assert await vault.error("GET", SESSIONS) == "INSUFFICIENT_ACCESS"


async def test_what_was_seen(vault: PlainVault) -> None:
    upload = await vault.create("/u1/a", 20)
    await vault.data(**vault.put(upload, 1, b"x" * 10, **{"Content-MD5": md5(b"x" * 10)}))
    await vault.error(**vault.put(upload, 3, b"x" * 10))
    create, good, bad = vault.emulator.seen
    assert (create.endpoint, create.upload_id, create.status) == ("create_session", upload, 200)
    assert (good.endpoint, good.part, good.body_bytes, good.user) == (Endpoint.PUT_PART, 1, 10, 1)
    assert good.content_md5 == md5(b"x" * 10)
    assert (bad.part, bad.error_type) == (3, "OPERATION_NOT_ALLOWED")
    assert vault.emulator.requests("put_part") == [good, bad]
    assert vault.emulator.requests("put_part", 3) == [bad]
    assert vault.emulator.counts == {"create_session": 1, "put_part": 2}
    assert vault.emulator.bytes_received == 10


async def test_a_bug_of_the_emulator_is_an_exception_and_not_a_hang(
    vault: PlainVault, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(vault.emulator.model, "uploads_for", None)
    found = await vault.call("GET", SESSIONS)
    assert found["responseStatus"] == "EXCEPTION"
    assert found["errors"][0]["type"] == "UNEXPECTED_ERROR"
    assert "the emulator failed on GET" in caplog.text
