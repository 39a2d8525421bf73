"""The transport over aiohttp to a server on loopback, and requests for it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import trustme

from asyncup.vault.aiohttp_transport import AiohttpTransport
from asyncup.vault.transport import Body, HttpRequest, Patience

__all__ = ["SECRET", "certified", "request", "tasks_of_aiohttp", "transport_for"]

SECRET = "s3cret-of-a-login"


def request(
    method: str = "PUT",
    target: str = "/api/v25.2/x",
    *,
    body: Body | bytes | None = None,
    patience: Patience = Patience(10, 10),  # noqa: B008 - a frozen value
    on_written: Callable[[int], None] | None = None,
    on_sent: Callable[[], None] | None = None,
    origin: str | None = None,
) -> HttpRequest:
    headers = {"Accept": "application/json", "Authorization": SECRET, "User-Agent": "tests"}
    return HttpRequest("trying", method, target, headers, body, patience, on_written, on_sent, origin)


@asynccontextmanager
async def transport_for(url: str, context: ssl.SSLContext | None = None) -> AsyncIterator[AiohttpTransport]:
    """A transport that leaves nothing behind: no task, and no connection on the server's side."""
    transport = AiohttpTransport(url, ssl_context=context)
    try:
        yield transport
    finally:
        await transport.aclose()
        await transport.aclose()
    await anyio.wait_all_tasks_blocked()
    assert tasks_of_aiohttp() == []


def tasks_of_aiohttp() -> list[str]:
    """What aiohttp still does in the background."""
    names = [str(getattr(task.get_coro(), "__qualname__", "")) for task in asyncio.all_tasks()]
    codes = [getattr(task.get_coro(), "cr_code", None) for task in asyncio.all_tasks()]
    return [name for name, code in zip(names, codes, strict=True) if code and "/aiohttp/" in code.co_filename]


def certified(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """What a server with a certificate for those names needs."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*(names or ("127.0.0.1",))).configure_cert(context)
    return context
