"""An emulator for code that is not async."""

import json
import ssl
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from asyncup.emulator import DrivenClock, EmulatorConfig, blocking_emulator
from tests.emulator.plain_vault import switches


def test_a_certificate_that_a_client_can_trust_and_otherwise_does_not() -> None:
    with blocking_emulator(EmulatorConfig(tls=True)) as emulator:
        with pytest.raises(URLError, match=r"self-signed certificate|unable to get local issuer"):
            urlopen(emulator.url)  # noqa: S310 - our own address
        trust = ssl.create_default_context(cafile=emulator.ca_pem)
        with pytest.raises(HTTPError, match="404"):
            urlopen(emulator.url, context=trust)  # noqa: S310 - our own address


def test_a_blocking_client_and_a_driven_clock() -> None:
    config = EmulatorConfig(token="T", clock=DrivenClock(), switches=switches(job_duration_s=9.0))
    with blocking_emulator(config) as emulator:

        def call(method: str, path: str, body: bytes | None = None, **headers: str) -> dict[str, Any]:
            url = f"{emulator.url}/api/v25.2/services/file_staging/{path}"
            request = Request(url, body, {"Authorization": "T", **headers}, method=method)  # noqa: S310 - our own address
            with urlopen(request) as answer:  # noqa: S310 - our own address
                found: dict[str, Any] = json.load(answer)
            assert found["responseStatus"] == "SUCCESS"
            return found

        upload = call("POST", "upload", b"path=/u1/a&size=3")["data"]["id"]
        call("PUT", f"upload/{upload}", b"abc", **{"X-VaultAPI-FilePartNumber": "1"})
        call("POST", f"upload/{upload}", b"")
        assert call("GET", "items/u1")["data"] == []
        emulator.advance(9)
        assert emulator.stored("/u1/a").read_bytes() == b"abc"
        assert len(emulator.requests("put_part")) == 1
        assert emulator.inside.bytes_received == 3
