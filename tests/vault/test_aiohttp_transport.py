"""The transport over aiohttp, against raw bytes on loopback: what goes out, and every way for it to break."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import os
import socket
import ssl
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
import trustme

from asyncup import TokenLogin, Vault
from asyncup.errors import (
    ConfigurationError,
    Phase,
    ProxyRefused,
    SourceChanged,
    TlsRefused,
    TransportError,
    VaultUnreachable,
)
from asyncup.protocol.answers import Answer
from asyncup.vault.aiohttp_connector import TellingConnector
from asyncup.vault.aiohttp_transport import AiohttpTransport
from asyncup.vault.transport import Body, HttpRequest, Patience
from tests.fakes.memory_body import SLICE, MemoryBody
from tests.fakes.raw_server import SUCCESS, Connection, RawServer, answering, raw_server
from tests.vault.loopback_transport import SECRET, certified, request, tasks_of_aiohttp, transport_for

OK = b'{"responseStatus":"SUCCESS"}'
SHORT = Patience(stall_s=0.3, answer_s=0.3)
SIZES = [0, 1, SLICE - 1, SLICE, SLICE + 1, 5 * SLICE + 7]


def everything(error: BaseException) -> str:
    """All that a log, a debugger or an error tracker would show of an exception and of what caused it."""
    seen = ["".join(traceback.format_exception(error))]
    current: BaseException | None = error
    while current is not None:
        seen += [str(current), repr(current), repr(current.args), repr(vars(current))]
        current = current.__cause__ or current.__context__
    return "\n".join(seen)


async def broken(transport: AiohttpTransport, sent: HttpRequest) -> TransportError:
    """The exception that a request ends with, which shows nothing of the login."""
    with pytest.raises(TransportError) as raised:
        await transport.send(sent)
    assert SECRET not in everything(raised.value)
    assert raised.value.operation == "trying"
    assert str(raised.value).isprintable()
    return raised.value


# What goes out


@pytest.mark.both_loops
@pytest.mark.parametrize("size", SIZES)
async def test_what_arrives_is_what_was_sent(size: int) -> None:
    content = os.urandom(size)
    written: list[int] = []
    sent: list[int] = []
    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        answer = await transport.send(
            request(body=MemoryBody(content), on_written=written.append, on_sent=lambda: sent.append(sum(written)))
        )
    (arrived,) = server.requests
    assert arrived.body == content
    assert arrived.line == "PUT /api/v25.2/x HTTP/1.1"
    assert arrived.header("content-length") == str(size)
    assert (answer.status, answer.body) == (200, OK)
    assert answer.headers["content-length"] == "28"
    assert sum(written) == size
    assert max(written, default=0) <= SLICE
    assert sent == [size], "told once, when all was handed over"


@pytest.mark.both_loops
async def test_what_arrives_is_what_was_sent_over_tls(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    content = os.urandom(3 * SLICE)
    async with (
        raw_server(answering(SUCCESS), tls=certified(authority)) as server,
        transport_for(server.url, trusting) as transport,
    ):
        await transport.send(request(body=MemoryBody(content)))
        await transport.send(request("POST", body=b"form"))
    assert [arrived.body for arrived in server.requests] == [content, b"form"]
    assert server.opened == 1


async def test_only_the_given_headers_and_what_http_needs_go_out() -> None:
    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        await transport.send(request(body=MemoryBody(b"abc")))
        await transport.send(request("POST", body=b"abc"))
        await transport.send(request("GET"))
        await transport.send(request("DELETE"))
        await transport.send(request("POST", body=b""))
    for arrived in server.requests:
        names = {line.partition(":")[0].lower() for line in arrived.headers.split("\r\n") if line}
        assert names <= {
            *{"host", "accept", "accept-encoding", "authorization", "user-agent"},
            *{"content-length", "content-type"},
        }
        assert arrived.header("authorization") == SECRET
        assert arrived.header("user-agent") == "tests"
        assert arrived.header("host") == server.url.removeprefix("http://")
        assert arrived.header("expect") is None
        assert arrived.header("transfer-encoding") is None
    lengths = [arrived.header("content-length") for arrived in server.requests]
    assert [lengths[0], lengths[1], lengths[4]] == ["3", "3", "0"]


@pytest.mark.parametrize(
    "target",
    [
        "/api/v25.2/services/file_staging/items/u1/a%20b%2Fc%2Bd%25e%3F",
        "/api/v25.2/x/..%2F..%2Fitems",
        "/api/v25.2/x/.a+b%3Dc--/parts?limit=1000",
        "/api/v25.2/x?cursor=a%2Bb%26c%3D&limit=5",
        "/api/v25.2/x?cursor=xlimit=5",
    ],
)
async def test_a_target_goes_out_as_it_is(target: str) -> None:
    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        await transport.send(request("GET", target))
    assert server.requests[0].line in (f"GET {target} HTTP/1.1", f"GET {target.replace('%3Dc--', '=c--')} HTTP/1.1")


async def test_connections_stay_warm_and_the_login_server_has_its_own() -> None:
    async with (
        raw_server(answering(SUCCESS)) as server,
        raw_server(answering(SUCCESS)) as other,
        transport_for(server.url) as transport,
    ):
        for _ in range(5):
            await transport.send(request(body=MemoryBody(b"x" * 100)))
        await transport.send(request("POST", body=b"", origin=other.url))
        assert (server.opened, other.opened) == (1, 1)
        await transport.aclose()
        await server.all_closed()
        await other.all_closed()
    assert (len(server.requests), len(other.requests)) == (5, 1)


async def test_many_at_once_open_one_session_and_close_it() -> None:
    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(transport.send, request(body=MemoryBody(bytes([number]) * 1000)))
        assert sorted(arrived.body for arrived in server.requests) == [bytes([n]) * 1000 for n in range(20)]
        assert server.opened <= 20
        await transport.aclose()
        await server.all_closed()


async def test_a_cookie_is_not_carried_to_the_next_request() -> None:
    # Who we are is said by the login alone: a cookie of an old one must not contradict it.
    cookie = SUCCESS.replace(b"\r\n\r\n", b"\r\nSet-Cookie: session=old; Path=/\r\n\r\n", 1)
    async with raw_server(answering(cookie)) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        async with transport_for(url) as transport:
            await transport.send(request("GET"))
            await transport.send(request("GET"))
    assert len(server.requests) == 2
    assert server.requests[1].header("cookie") is None


async def test_a_netrc_file_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\ndefault login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        await transport.send(request("GET"))
    assert server.requests[0].header("authorization") == SECRET


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_server(answering(SUCCESS)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("http://", "http://user:pr0xy@"))
        monkeypatch.delenv("no_proxy", raising=False)
        async with transport_for("http://vault.example.invalid") as transport:
            await transport.send(request("GET"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
            await transport.send(request("GET"))
    (through,) = proxy.requests
    assert through.line == "GET http://vault.example.invalid/api/v25.2/x HTTP/1.1"
    assert through.header("proxy-authorization") == "Basic dXNlcjpwcjB4eQ=="
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [None, b"abc", MemoryBody(b"abc")], ids=["nothing", "bytes", "payload"])
async def test_what_went_to_a_proxy_may_have_arrived(
    body: Body | bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut(connection: Connection) -> None:
        await connection.read_request()

    async with raw_server(cut) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        async with transport_for("http://vault.example.invalid") as transport:
            error = await broken(transport, request("POST", body=body))
    assert not isinstance(error, VaultUnreachable)
    assert error.phase is Phase.ANSWER
    assert len(proxy.requests) == 1


async def test_a_proxy_that_refuses_shows_neither_login(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    async with raw_server(answering(refusal)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("http://", "http://user:pr0xy@"))
        monkeypatch.delenv("no_proxy", raising=False)
        async with transport_for("https://vault.example.invalid", ssl.create_default_context()) as transport:
            error = await broken(transport, request("GET"))
    assert isinstance(error, ProxyRefused), "nothing was sent to the Vault, and the same again would be refused again"
    assert "http://user:password@" in error.hint
    assert "407" in str(error)
    assert "pr0xy" not in everything(error)
    assert [arrived.line for arrived in proxy.requests] == ["CONNECT vault.example.invalid:443 HTTP/1.1"]
    assert proxy.requests[0].header("authorization") is None


# What comes back


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
async def test_whatever_status_is_an_answer_and_no_redirect_is_followed(status: int) -> None:
    async with raw_server(answering(SUCCESS)) as elsewhere:
        head = f"HTTP/1.1 {status} X\r\nLocation: {elsewhere.url}/\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"
        async with raw_server(answering(head.encode())) as server, transport_for(server.url) as transport:
            answer = await transport.send(request("GET"))
            await transport.send(request(body=MemoryBody(b"abc")))
    assert (answer.status, answer.body) == (status, b"")
    assert answer.headers["retry-after"] == "5"
    assert len(server.requests) == 2
    assert elsewhere.opened == 0


@pytest.mark.parametrize(
    "raw_answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"
        + OK[:5]
        + b"\r\n17\r\n"
        + OK[5:]
        + b"\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n" + OK,
        b"HTTP/1.1 200\r\nContent-Length: 28\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + SUCCESS,
        b"HTTP/1.1 100 Continue\r\n\r\n" + SUCCESS,
    ],
    ids=["chunked", "http 1.0", "no reason phrase", "early hints", "continue"],
)
async def test_the_ways_to_write_an_answer(raw_answer: bytes) -> None:
    async with raw_server(answering(raw_answer, then_close=True)) as server, transport_for(server.url) as transport:
        answer = await transport.send(request(body=MemoryBody(b"abc")))
    assert (answer.status, answer.body) == (200, OK)


async def test_an_answer_that_comes_byte_by_byte_is_no_standstill() -> None:
    async def drip(connection: Connection) -> None:
        await connection.read_request()
        for position in range(0, len(SUCCESS), 4):
            await connection.send(SUCCESS[position : position + 4])
            await anyio.sleep(0.02)

    async with raw_server(drip) as server, transport_for(server.url) as transport:
        # In all it takes longer than the patience; between two pieces it never does.
        answer = await transport.send(request("GET", patience=Patience(0.2, 0.2)))
    assert answer.body == OK


async def test_bytes_behind_an_answer_belong_to_no_other() -> None:
    answers = answering(SUCCESS + b"HTTP/1.1 500 NO\r\n\r\n", SUCCESS)
    async with raw_server(answers) as server, transport_for(server.url) as transport:
        for _ in range(2):
            answer = await transport.send(request("POST", body=b""))
            assert (answer.status, answer.body) == (200, OK)


# What breaks


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with transport_for(f"http://127.0.0.1:{port}") as transport:
        error = await broken(transport, request(body=MemoryBody(b"abc")))
    assert isinstance(error, VaultUnreachable)
    assert error.phase is Phase.CONNECT
    assert error.hint


Break = Callable[[Connection], Awaitable[None]]


async def close_at_once(connection: Connection) -> None:
    """Accept and close."""


async def close_after_the_request(connection: Connection) -> None:
    await connection.read_request()


async def half_an_answer(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(SUCCESS[:-10])


async def half_a_chunk(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"respon')


async def half_a_head(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Le")


async def no_http(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


async def a_head_without_end(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        await connection.send(b"X-%d: " % number + b"y" * 1000 + b"\r\n")


async def not_what_its_encoding_says(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(SUCCESS.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n", 1))


async def a_wrong_length(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: minus five\r\n\r\n{}")


async def close_in_the_middle_of_the_payload(connection: Connection) -> None:
    await connection.read_head()


BREAKS: list[Break] = [
    close_at_once,
    close_after_the_request,
    half_an_answer,
    half_a_chunk,
    half_a_head,
    no_http,
    a_head_without_end,
    not_what_its_encoding_says,
    a_wrong_length,
    close_in_the_middle_of_the_payload,
]


@pytest.mark.both_loops
@pytest.mark.parametrize("serve", BREAKS, ids=lambda serve: serve.__name__)
@pytest.mark.parametrize("size", [0, 100, 4 * SLICE], ids=["no body", "small", "large"])
async def test_every_break_is_one_exception_that_shows_no_login(serve: Break, size: int) -> None:
    async with raw_server(serve) as server, transport_for(server.url) as transport:
        body = MemoryBody(b"x" * size) if size else None
        error = await broken(transport, request("PUT" if size else "GET", body=body))
        # Something may have been sent: nothing less than a doubt is true.
        assert type(error) is TransportError
        assert error.phase in (Phase.WRITE, Phase.ANSWER)
        await server.all_closed()
    if size:
        assert server.opened == 1, "a part is sent again by whoever asked first what Vault holds, and by nobody else"


@pytest.mark.parametrize("serve", BREAKS, ids=lambda serve: serve.__name__)
@pytest.mark.parametrize(
    ("method", "body"),
    [("POST", MemoryBody(b"x" * 100)), ("POST", b"form"), ("POST", b""), ("PUT", b"form"), ("DELETE", None)],
    ids=["file", "form", "commit", "move", "abort"],
)
async def test_no_change_is_sent_twice(serve: Break, method: str, body: Body | bytes | None) -> None:
    async with raw_server(serve) as server, transport_for(server.url) as transport:
        await broken(transport, request(method, body=body))
    assert server.opened == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
async def test_no_change_is_sent_twice_when_a_warm_connection_ends(method: str) -> None:
    async def answer_once(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(SUCCESS)
        await connection.read_request()  # the second one is taken, and done, and not answered

    async with raw_server(answer_once) as server, transport_for(server.url) as transport:
        await transport.send(request(method, body=b"" if method == "POST" else None))
        await broken(transport, request(method, body=b"" if method == "POST" else None))
    assert len(server.requests) == 2
    assert server.opened == 1


async def test_an_abort_whose_answer_is_lost_on_the_wire_is_settled() -> None:
    gone = b'{"responseStatus":"FAILURE","errors":[{"type":"INVALID_DATA","message":"no such session"}]}'
    refusal = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(gone) + gone
    aborted: list[str] = []

    async def serve(connection: Connection) -> None:
        while True:
            line = (await connection.read_request()).line
            if line.startswith("DELETE") and not aborted:
                aborted.append(line)
                return
            await connection.send(refusal)

    async with raw_server(serve) as server, Vault(server.url, TokenLogin(SECRET)) as vault:
        await vault.abort_upload_session("a")
    assert [arrived.line.split()[0] for arrived in server.requests] == ["DELETE", "GET"]


@pytest.mark.both_loops
async def test_an_answer_before_the_body_is_read_is_an_answer_or_a_doubt() -> None:
    async def refuse_early(connection: Connection) -> None:
        await connection.read_head()
        await connection.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

    async with raw_server(refuse_early) as server, transport_for(server.url) as transport:
        for _ in range(3):
            outcome = await answer_or_doubt(transport, request(body=MemoryBody(b"x" * 20 * SLICE)))
            assert outcome is None or outcome.status == 413
        await server.all_closed()


async def answer_or_doubt(transport: AiohttpTransport, sent: HttpRequest) -> Answer | None:
    """The answer, or None when the exchange broke."""
    try:
        return await transport.send(sent)
    except TransportError as error:
        assert SECRET not in everything(error)  # noqa: PT017 - one of two endings
        assert type(error) is TransportError  # noqa: PT017
        return None


# What is too much


@pytest.mark.parametrize("encoding", ["plain", "gzip"])
async def test_an_answer_without_end_is_cut(encoding: str) -> None:
    block = b"x" * SLICE

    async def flood(connection: Connection) -> None:
        await connection.read_request()
        if encoding == "gzip":
            bomb = gzip.compress(block * 80)
            await connection.send(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb
            )
        else:
            await connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                await connection.send(block)

    async with raw_server(flood) as server, transport_for(server.url) as transport:
        error = await broken(transport, request("GET"))
        assert "longer than" in error.reason
        assert error.phase is Phase.ANSWER
        await server.all_closed()


async def test_an_answer_of_the_largest_download_is_not_too_much() -> None:
    content = b"x" * 50_000_000
    head = b"HTTP/1.1 206 OK\r\nContent-Length: %d\r\n\r\n" % len(content)
    async with raw_server(answering(head + content)) as server, transport_for(server.url) as transport:
        answer = await transport.send(request("GET"))
    assert answer.body == content


# What stands still


@pytest.mark.both_loops
async def test_a_server_that_stops_reading_is_given_up() -> None:
    stop = anyio.Event()

    async def read_nothing_more(connection: Connection) -> None:
        await connection.read_head()
        await stop.wait()

    written: list[int] = []
    async with raw_server(read_nothing_more) as server, transport_for(server.url) as transport:
        body = MemoryBody(b"x" * 64 * SLICE, slice_size=2**16)  # the kernel takes some of them
        with anyio.fail_after(5):
            error = await broken(transport, request(body=body, patience=SHORT, on_written=written.append))
        assert type(error) is TransportError
        assert error.phase is Phase.WRITE
        assert "0.3 s" in error.reason
        assert (error.unanswered, error.slept) == (False, False)
        assert 0 < sum(written) < body.length
        stop.set()
        await server.all_closed()


@pytest.mark.both_loops
@pytest.mark.parametrize("size", [0, 100])
async def test_a_server_that_never_answers_is_given_up(size: int) -> None:
    async def only_read(connection: Connection) -> None:
        await connection.read_request()
        await connection.read_to_the_end()

    sent: list[bool] = []
    async with raw_server(only_read) as server, transport_for(server.url) as transport:
        body = MemoryBody(b"x" * size) if size else None
        with anyio.fail_after(5):
            error = await broken(
                transport, request(body=body, patience=Patience(5, 0.2), on_sent=lambda: sent.append(True))
            )
        assert type(error) is TransportError
        assert error.phase is Phase.ANSWER
        assert "0.2 s" in error.reason
        assert (error.unanswered, error.slept) == (True, False)
        assert sent == [True]
        await server.all_closed()


async def test_an_answer_that_stops_in_the_middle_is_given_up() -> None:
    async def stop_in_the_middle(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(SUCCESS[:-5])
        await connection.read_to_the_end()

    async with raw_server(stop_in_the_middle) as server, transport_for(server.url) as transport:
        with anyio.fail_after(5):
            error = await broken(transport, request("GET", patience=Patience(5, 0.2)))
        assert error.phase is Phase.ANSWER
        await server.all_closed()


async def test_a_handshake_that_stands_still_is_given_up() -> None:
    async def no_handshake(connection: Connection) -> None:
        await connection.read_to_the_end()

    async with raw_server(no_handshake) as server:
        url = server.url.replace("http:", "https:")
        async with transport_for(url, ssl.create_default_context()) as transport:
            with anyio.fail_after(5):
                error = await broken(transport, request("GET", patience=Patience(0.2, 5)))
            assert isinstance(error, VaultUnreachable)
            await server.all_closed()


async def test_a_slow_reader_is_no_standstill() -> None:
    body = MemoryBody(b"x" * 24 * SLICE)

    async def read_slowly(connection: Connection) -> None:
        await connection.read_head()
        received = 0
        while received < body.length:
            received += len(await connection.receive())
            await anyio.sleep(0.001)
        await connection.send(SUCCESS)

    async with raw_server(read_slowly) as server, transport_for(server.url) as transport:
        answer = await transport.send(request(body=body, patience=Patience(0.2, 5)))
    assert answer.status == 200


@pytest.mark.both_loops
@pytest.mark.parametrize("tls", [False, True])
async def test_a_link_that_needs_long_for_a_slice_is_no_standstill(
    tls: bool, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    body, loop = MemoryBody(b"x" * 24 * SLICE), asyncio.get_running_loop()
    written_at: list[float] = []
    stall_s = 0.4

    async def read_drop_by_drop(connection: Connection) -> None:
        await connection.read_head()
        received, since = 0, loop.time()
        while received < body.length:
            received += len(await connection.receive())
            if loop.time() < since + 6 * stall_s:
                await anyio.sleep(0.05)
        await connection.send(SUCCESS)

    async with (
        raw_server(read_drop_by_drop, tls=certified(authority) if tls else None, receive_buffer=2**16) as server,
        transport_for(server.url, trusting if tls else None) as transport,
    ):
        sent = request(body=body, patience=Patience(stall_s, 5), on_written=lambda _: written_at.append(loop.time()))
        answer = await transport.send(sent)
    assert answer.status == 200
    assert max(after - before for before, after in itertools.pairwise(written_at)) > stall_s, "a slice took that long"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what its buffers hold")
@pytest.mark.both_loops
async def test_bytes_that_still_leave_this_machine_are_no_silence_of_the_vault() -> None:
    body, loop = MemoryBody(b"x" * 2 * SLICE), asyncio.get_running_loop()
    sent_at: list[float] = []
    answered_at: list[float] = []

    async def read_drop_by_drop(connection: Connection) -> None:
        await connection.read_head()
        received = 0
        while received < body.length:
            received += len(await connection.receive())
            await anyio.sleep(0.04)
        answered_at.append(loop.time())
        await connection.send(SUCCESS)

    answer_s = 0.3
    async with raw_server(read_drop_by_drop, receive_buffer=2**16) as server, transport_for(server.url) as transport:
        sent = request(body=body, patience=Patience(0.5, answer_s), on_sent=lambda: sent_at.append(loop.time()))
        answer = await transport.send(sent)
    assert answer.status == 200
    assert answered_at[0] - sent_at[0] > answer_s, "a large buffer took it all at once"


@dataclass
class HeldBack:
    """A body that gives a slice only now and then, as under a bandwidth cap."""

    content: bytes
    pause_s: float

    @property
    def length(self) -> int:
        return len(self.content)

    async def slices(self) -> AsyncIterator[memoryview]:
        for begin in range(0, self.length, SLICE):
            await anyio.sleep(self.pause_s)
            yield memoryview(self.content)[begin : begin + SLICE]


@pytest.mark.both_loops
async def test_a_body_that_is_held_back_is_no_standstill() -> None:
    content = os.urandom(3 * SLICE)
    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        answer = await transport.send(request(body=HeldBack(content, 0.4), patience=Patience(0.2, 5)))
    assert answer.status == 200
    assert server.requests[0].body == content


async def test_a_wait_for_a_connection_of_our_own_is_no_standstill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncup.vault.aiohttp_transport._CONNECTIONS", 1)
    first_came = anyio.Event()

    async def answer_slowly(connection: Connection) -> None:
        while True:
            await connection.read_request()
            first_came.set()
            await anyio.sleep(0.5)
            await connection.send(SUCCESS)

    answers: list[Answer] = []
    async with raw_server(answer_slowly) as server, transport_for(server.url) as transport:

        async def send(stall_s: float) -> None:
            answers.append(await transport.send(request("GET", patience=Patience(stall_s, 5))))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send, 5.0)
            await first_came.wait()
            tasks.start_soon(send, 0.2)
        assert server.opened == 1
    assert len(answers) == 2


async def test_who_waited_for_a_connection_is_watched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncup.vault.aiohttp_transport._CONNECTIONS", 1)
    came = anyio.Event()

    async def no_handshake(connection: Connection) -> None:
        came.set()
        await anyio.sleep_forever()

    errors: list[TransportError] = []
    async with raw_server(no_handshake) as server:
        url = server.url.replace("http://", "https://")
        async with transport_for(url, ssl.create_default_context()) as transport:

            async def send() -> None:
                errors.append(await broken(transport, request("GET", patience=SHORT)))

            with anyio.fail_after(20):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(send)
                    await came.wait()
                    tasks.start_soon(send)
    assert [type(error) for error in errors] == [VaultUnreachable] * 2


async def test_who_waits_for_a_connection_while_it_is_closed_hears_of_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncup.vault.aiohttp_transport._CONNECTIONS", 1)
    came = anyio.Event()
    heard: list[object] = []

    async def no_handshake(connection: Connection) -> None:
        came.set()
        await anyio.sleep_forever()

    async with raw_server(no_handshake) as server:
        url = server.url.replace("http://", "https://")
        async with transport_for(url, ssl.create_default_context()) as transport:

            async def send() -> None:
                try:
                    await transport.send(request("GET", patience=SHORT))
                except (ConfigurationError, TransportError) as error:
                    heard.append(type(error))

            with anyio.fail_after(20):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(send)
                    await came.wait()
                    for _ in range(3):
                        tasks.start_soon(send)
                    await anyio.wait_all_tasks_blocked()
                    await transport.aclose()
    assert len(heard) == 4
    assert heard[:3] == [ConfigurationError] * 3  # before the place that they waited for was free


@pytest.mark.parametrize("how", ["answered", "broken", "cancelled"])
async def test_nothing_of_a_request_is_kept(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncup.vault.aiohttp_transport._CONNECTIONS", 1)
    came = anyio.Event()

    async def serve(connection: Connection) -> None:
        await connection.read_request()
        came.set()
        if how == "answered":
            await connection.send(SUCCESS)
        if how != "broken":
            await anyio.sleep_forever()

    async with raw_server(serve) as server, transport_for(server.url) as transport:
        with anyio.move_on_after(20) as scope:
            async with anyio.create_task_group() as tasks:

                async def send() -> None:
                    try:
                        await transport.send(request("GET"))
                    except TransportError:
                        assert how == "broken"

                tasks.start_soon(send)
                await came.wait()
                if how == "cancelled":
                    tasks.cancel_scope.cancel()
        assert not scope.cancelled_caught
        assert transport._session is not None
        connector = transport._session.connector
        assert isinstance(connector, TellingConnector)
        assert connector.told == {}
        assert not transport._room.locked()


class Sleeping:
    """A machine whose wall clock is an hour further on as soon as it is told to have slept."""

    def __init__(self) -> None:
        self.slept = False

    def wall(self) -> float:
        return 1e9 + 3600.0 * self.slept


@pytest.mark.both_loops
@pytest.mark.parametrize("ending", ["silence", "reset"])
async def test_a_machine_that_slept_cuts_and_blames_nobody(ending: str) -> None:
    machine, stop = Sleeping(), anyio.Event()

    async def serve(connection: Connection) -> None:
        await connection.read_head()
        machine.slept = True
        if ending == "silence":
            await stop.wait()

    async with raw_server(serve) as server:
        transport = AiohttpTransport(server.url, wall=machine.wall)
        with anyio.fail_after(5):
            error = await broken(transport, request(body=MemoryBody(b"x" * 64 * SLICE), patience=Patience(3, 300)))
        assert type(error) is TransportError
        assert error.slept
        assert not error.unanswered
        assert ("slept" in error.reason) == (ending == "silence")
        stop.set()
        await server.all_closed()
        await transport.aclose()


# What ends it from here


@pytest.mark.both_loops
async def test_a_source_that_changes_ends_the_request_with_its_own_error() -> None:
    changed = SourceChanged("a.bin", "was changed")
    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        body = MemoryBody(b"x" * 4 * SLICE, fails_at=2 * SLICE, fails_with=changed)
        with pytest.raises(SourceChanged) as raised:
            await transport.send(request(body=body))
        assert raised.value is changed
        assert SECRET not in everything(raised.value)
        await server.all_closed()
        answer = await transport.send(request(body=MemoryBody(b"abc")))
        assert answer.status == 200
    assert [arrived.body for arrived in server.requests] == [b"abc"], "half a part is no part"


@pytest.mark.both_loops
@pytest.mark.parametrize("size", [0, 64 * SLICE], ids=["waiting", "sending"])
async def test_cancelling_closes_the_connection(size: int) -> None:
    reached, stop = anyio.Event(), anyio.Event()

    async def hold(connection: Connection) -> None:
        await connection.read_head()
        reached.set()
        await (stop.wait() if size else connection.read_to_the_end())

    async with raw_server(hold) as server, transport_for(server.url) as transport:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.send, request(body=MemoryBody(b"x" * size) if size else None))
            await reached.wait()
            await anyio.wait_all_tasks_blocked()
            assert bool(size) == any("write_bytes" in name for name in tasks_of_aiohttp()), "the check sees tasks"
            tasks.cancel_scope.cancel()
        stop.set()
        await server.all_closed()
    assert server.opened == 1


async def test_closing_while_requests_are_under_way_ends_them() -> None:
    reached = anyio.Event()

    async def hold(connection: Connection) -> None:
        await connection.read_head()
        reached.set()
        await connection.read_to_the_end()

    async with raw_server(hold) as server, transport_for(server.url) as transport:
        ended: list[TransportError] = []

        async def send() -> None:
            ended.append(await broken(transport, request("GET", patience=Patience(5, 5))))

        with anyio.fail_after(4):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                await reached.wait()
                await transport.aclose()
        assert len(ended) == 1
        await server.all_closed()


async def test_a_closed_transport_says_so() -> None:
    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        await transport.send(request("GET"))
        await transport.aclose()
        with pytest.raises(ConfigurationError, match="closed"):
            await transport.send(request("GET"))
        await server.all_closed()
    assert len(server.requests) == 1


async def test_closing_while_the_first_request_opens_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = threading.Event()
    reading = anyio.Event()
    loop = asyncio.get_running_loop()

    def slow_environment(base_url: str) -> None:
        loop.call_soon_threadsafe(reading.set)
        assert closed.wait(5)

    monkeypatch.setattr("asyncup.vault.aiohttp_transport.environment_proxy", slow_environment)
    async with raw_server(answering(SUCCESS)) as server:
        transport = AiohttpTransport(server.url)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_expect_closed, transport)
            await reading.wait()
            await transport.aclose()
            closed.set()
        assert server.opened == 0


async def _expect_closed(transport: AiohttpTransport) -> None:
    with pytest.raises(ConfigurationError, match="closed"):
        await transport.send(request("GET"))


@pytest.mark.parametrize("error", [ValueError("a bug"), BrokenPipeError("of a hook that prints")], ids=repr)
@pytest.mark.parametrize("hook", ["on_written", "on_sent"])
async def test_an_exception_of_a_hook_is_the_callers(error: Exception, hook: str) -> None:
    def fail(*_: int) -> None:
        raise error

    async with raw_server(answering(SUCCESS)) as server, transport_for(server.url) as transport:
        body = MemoryBody(b"x" * 100)
        with pytest.raises(type(error)) as raised:
            await transport.send(request(body=body, on_written=fail if hook == "on_written" else None, on_sent=fail))
        assert raised.value is error
        await server.all_closed()


@pytest.mark.both_loops
@pytest.mark.parametrize("ending", ["stall", "cancel", "early answer"])
async def test_what_was_given_up_is_not_sent_behind_our_back(ending: str) -> None:
    # The memory of a part is used again for another one as soon as its request has ended.
    arrived = bytearray()
    reached, ended = anyio.Event(), anyio.Event()

    async def read_late(connection: Connection) -> None:
        await connection.read_head()
        if ending == "early answer":
            await connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        reached.set()
        await ended.wait()
        while True:
            arrived.extend(await connection.receive())

    content = bytearray(b"x" * 64 * SLICE)
    async with raw_server(read_late) as server, transport_for(server.url) as transport:
        sent = request(body=MemoryBody(content), patience=Patience(0.3 if ending == "stall" else 10, 10))
        async with anyio.create_task_group() as tasks:
            if ending == "cancel":
                tasks.start_soon(transport.send, sent)
                await reached.wait()
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
            else:
                await answer_or_doubt(transport, sent)
        content[:] = b"y" * len(content)
        ended.set()
        await server.all_closed()
    assert 0 < len(arrived) < len(content)
    assert b"y" not in arrived


# TLS


async def tls_refused(server: RawServer, context: ssl.SSLContext | None) -> TlsRefused:
    url = server.url.replace("http:", "https:")
    async with transport_for(url, context) as transport:
        error = await broken(transport, request(body=MemoryBody(b"x" * 100)))
        assert isinstance(error, TlsRefused)
        assert error.phase is Phase.TLS
        assert error.hint
        await server.all_closed()
    assert server.requests == [], "nothing was sent"
    return error


@pytest.mark.both_loops
@pytest.mark.parametrize("own_store", [False, True])
async def test_a_certificate_that_is_not_trusted_is_refused(authority: trustme.CA, own_store: bool) -> None:
    # Without a context of the caller's, the operating system's store decides: it does not know the authority either.
    context = ssl.create_default_context() if own_store else None
    async with raw_server(answering(SUCCESS), tls=certified(authority)) as server:
        assert "certificate" in (await tls_refused(server, context)).reason


async def test_a_certificate_for_another_name_is_refused(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    async with raw_server(answering(SUCCESS), tls=certified(authority, "vault.example.com")) as server:
        assert "127.0.0.1" in (await tls_refused(server, trusting)).reason


@pytest.mark.both_loops
async def test_tls_to_a_port_that_speaks_http_is_refused(trusting: ssl.SSLContext) -> None:
    async def plain(connection: Connection) -> None:
        await connection.stream.receive()
        await connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with raw_server(plain) as server:
        await tls_refused(server, trusting)


async def test_http_to_a_port_that_speaks_tls_breaks(authority: trustme.CA) -> None:
    async with (
        raw_server(answering(SUCCESS), tls=certified(authority)) as server,
        transport_for(server.url.replace("https:", "http:")) as transport,
    ):
        error = await broken(transport, request("GET", patience=Patience(5, 5)))
        assert type(error) is TransportError
    assert server.requests == []
