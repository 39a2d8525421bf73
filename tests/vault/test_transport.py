"""The seam itself: what crosses it shows no secret, and both sides fit."""

import inspect

import pytest

from asyncup.vault.aiohttp_transport import AiohttpTransport
from asyncup.vault.transport import DEFAULT_PATIENCE, Body, HttpRequest, Patience, Transport
from tests.fakes.memory_body import MemoryBody
from tests.fakes.memory_vault import MemoryVault


def test_a_request_shows_method_and_target_only() -> None:
    request = HttpRequest("uploading a part", "PUT", "/api/v25.2/x", {"Authorization": "s3cret"}, b"s3cret")
    assert repr(request) == str(request) == "HttpRequest(PUT /api/v25.2/x)"
    assert "s3cret" not in f"{[request]}"


def test_a_request_stands_still_for_as_long_as_the_design_says() -> None:
    assert Patience(30.0, 300.0) == DEFAULT_PATIENCE == HttpRequest("x", "GET", "/", {}).patience


@pytest.mark.parametrize("kind", [AiohttpTransport, MemoryVault])
def test_a_transport_fits_its_seam(kind: type) -> None:
    for name in ("send", "aclose"):
        wanted, given = (inspect.signature(getattr(side, name)) for side in (Transport, kind))
        assert str(wanted) == str(given)
        assert inspect.iscoroutinefunction(getattr(kind, name))


def test_static_checks_agree() -> None:
    transport: Transport = AiohttpTransport("http://127.0.0.1")
    memory: Transport = MemoryVault()
    body: Body = MemoryBody(b"abc")
    assert transport is not memory
    assert body.length == 3
