"""The sink in a process of its own, through asyncup itself and through a bare connection."""

import hashlib
import http.client
import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from asyncup import TokenLogin, UploadOptions, Vault, upload, upload_file
from asyncup.errors import AsyncupError
from benchmarks.sink.process import Sink, running_sink

PART_SIZE = 5_242_880


@pytest.fixture(scope="module", params=[False, True], ids=["believes", "checks"])
def sink(request: pytest.FixtureRequest) -> Iterator[Sink]:
    """One that believes what it is told, and one that computes MD5 itself."""
    with running_sink(check_md5=request.param) as running:
        yield running


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.bin"
    path.write_bytes(os.urandom(2 * PART_SIZE + 1))
    return path


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_asyncup_can_upload_everything_to_it(sink: Sink, source: Path, *, tls: bool) -> None:
    trust = ssl.create_default_context(cafile=sink.authority)
    async with Vault(sink.url(tls=tls), TokenLogin("any"), ssl_context=trust if tls else None) as vault:
        options = UploadOptions(part_size=PART_SIZE, small_file_max=0)
        large = await upload_file(source, "/u1/large.bin", vault=vault, options=options)
        assert large.parts == 3
        ready_made = await upload(source, f"bench-{source.stat().st_size}-{tls}", vault=vault, options=options)
        assert ready_made.resumed_parts == 0
        small = await upload_file(source, "/u1/small.bin", vault=vault)
        assert small.md5s == (hashlib.md5(source.read_bytes(), usedforsecurity=False).hexdigest(),)
        await vault.abort_upload_session(large.session_id or "")
        with pytest.raises(AsyncupError):
            await vault.upload_session("unknown")


def put(sink: Sink, content: bytes, **headers: str) -> dict[str, object]:
    connection = http.client.HTTPConnection(sink.plain_url.removeprefix("http://"), timeout=10)
    sent = {"X-VaultAPI-FilePartNumber": "1", **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request("PUT", "/api/v25.2/services/file_staging/upload/bench-9-put", content, sent)
    answer: dict[str, object] = json.load(connection.getresponse())
    connection.close()
    return answer


def test_a_part_is_answered_with_the_digest_that_was_told(sink: Sink) -> None:
    digest = hashlib.md5(b"a part", usedforsecurity=False).hexdigest()
    data = put(sink, b"a part", Content_MD5=digest)["data"]
    assert data == {"size": 6, "part_number": 1, "part_content_md5": digest}


def test_it_says_to_go_on_when_it_is_asked(sink: Sink) -> None:
    assert put(sink, b"a part", Expect="100-continue")["responseStatus"] == "SUCCESS"


def test_only_the_one_that_checks_refuses_a_wrong_digest() -> None:
    for checks, status in ((False, "SUCCESS"), (True, "FAILURE")):
        with running_sink(check_md5=checks) as sink:
            assert put(sink, b"a part", Content_MD5="0" * 31 + "1")["responseStatus"] == status


def test_it_tells_its_cpu_seconds(sink: Sink) -> None:
    before = sink.cpu_s()
    put(sink, bytes(2**22))
    assert sink.cpu_s() > before > 0
