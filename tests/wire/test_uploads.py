"""Whatever way a server has of answering wrongly: the right bytes are committed, or one error, and it can go on."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketAttribute

from asyncup import AsyncupError, RetryPolicy, TokenLogin, TransportError, UploadOptions, Vault, upload, upload_file
from asyncup.errors import Phase
from asyncup.vault.aiohttp_transport import AiohttpTransport
from tests.contract.targets import NO_TLS
from tests.fakes.impatient import Impatient
from tests.fakes.memory_vault import SMALL, TOKEN, MemoryVault
from tests.fakes.raw_server import RawServer
from tests.pipeline.files import ENOUGH_S, LocalFile
from tests.pipeline.uploads import outcome
from tests.wire.raw_vault import Exchange, Misbehaviour, RawVault, http_bytes

PATH = "/u1/local.bin"
PART = 10_000
LARGE, LITTLE = 25_000, 400
SHORT_S = 0.3
OPTIONS = UploadOptions(
    part_size=PART,
    memory_budget=2 * PART,
    small_file_max=500,
    retry=RetryPolicy(max_attempts=3, first_contact_attempts=3),
    stall_timeout_s=SHORT_S,
    answer_timeout_s=SHORT_S,
    create_folders=False,
)


@asynccontextmanager
async def client(memory: MemoryVault, server: RawServer) -> AsyncIterator[Vault]:
    """Open a client whose pauses pass in the memory Vault's time."""
    transport = Impatient(AiohttpTransport(server.url, ssl_context=NO_TLS), SHORT_S)
    async with Vault(
        server.url, TokenLogin(TOKEN), limits=memory.limits, retry=OPTIONS.retry, transport=transport
    ) as vault:
        vault.calls._sleep = memory.sleep
        vault.calls._now = lambda: memory.now_s
        yield vault


# Answers that are right, in odd ways


async def byte_by_byte(exchange: Exchange) -> bool:
    for byte in http_bytes(await exchange.done()):
        await exchange.send(bytes([byte]))
    return True


async def chunked(exchange: Exchange) -> bool:
    answer = await exchange.done()
    await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n")
    for at in range(0, len(answer.body), 7):
        piece = answer.body[at : at + 7]
        await exchange.send(b"%x;odd=1\r\n%b\r\n" % (len(piece), piece))
    await exchange.send(b"0\r\nX-Late: yes\r\n\r\n")
    return True


async def until_it_closes(exchange: Exchange) -> bool:
    await exchange.send(b"HTTP/1.0 200 OK\r\n\r\n" + (await exchange.done()).body)
    return False


async def the_old_protocol(exchange: Exchange) -> bool:
    await exchange.send(http_bytes(await exchange.done(), version="1.0"))
    return False


async def continue_first(exchange: Exchange) -> bool:
    await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n")
    await exchange.send(http_bytes(await exchange.done()))
    return True


# Answers that leave a doubt, with what was asked done


async def half_an_answer(exchange: Exchange) -> bool:
    answer = http_bytes(await exchange.done())
    await exchange.send(answer[: len(answer) - 20])
    return False


async def too_long_a_length(exchange: Exchange) -> bool:
    answer = await exchange.done()
    await exchange.send(http_bytes(answer, length=len(answer.body) + 100))
    return False


async def too_short_a_length(exchange: Exchange) -> bool:
    answer = await exchange.done()
    await exchange.send(http_bytes(answer, length=len(answer.body) - 10))
    return True


async def no_answer(exchange: Exchange) -> bool:
    await exchange.done()
    await exchange.connection.read_to_the_end()
    return False


async def closed_after_it_was_done(exchange: Exchange) -> bool:
    await exchange.done()
    return False


async def headers_without_end(exchange: Exchange) -> bool:
    await exchange.done()
    await exchange.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        await exchange.send(b"X-%d: " % number + b"y" * 1000 + b"\r\n")
    return False


async def one_header_without_end(exchange: Exchange) -> bool:
    await exchange.done()
    await exchange.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(100):
        await exchange.send(b"y" * 2**20)
    return False


async def another_protocol(exchange: Exchange) -> bool:
    await exchange.done()
    await exchange.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    return False


# Answers, or ends, before anything was done


async def busy_before_the_body(exchange: Exchange) -> bool:
    await exchange.send(b"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    return False


async def too_large_before_the_body(exchange: Exchange) -> bool:
    await exchange.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    return False


async def reset(exchange: Exchange) -> bool:
    raw = exchange.connection.stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - anyio's, not Django's
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


async def closed_before_the_body(exchange: Exchange) -> bool:
    return False


ODD: list[Misbehaviour] = [byte_by_byte, chunked, until_it_closes, the_old_protocol, continue_first]
DOUBTFUL: list[Misbehaviour] = [
    half_an_answer,
    too_long_a_length,
    too_short_a_length,
    no_answer,
    closed_after_it_was_done,
    headers_without_end,
    one_header_without_end,
    another_protocol,
]
BEFORE: list[Misbehaviour] = [busy_before_the_body, reset, closed_before_the_body]


@dataclass(frozen=True)
class Where:
    """A request, told by its line, and the size of the file that needs it."""

    line: str
    size: int
    nth: int = 1


PLACES = {
    "creation": Where("POST /api/v25.2/services/file_staging/upload HTTP", LARGE),
    "first part": Where("PUT ", LARGE),
    "middle part": Where("PUT ", LARGE, nth=2),
    "last part": Where("PUT ", LARGE, nth=3),
    "parts": Where("/parts", LARGE),
    "commit": Where("POST /api/v25.2/services/file_staging/upload/", LARGE),
    "job": Where("/jobs/", LARGE),
    "one request": Where("POST /api/v25.2/services/file_staging/items", LITTLE),
}


@pytest.fixture(params=PLACES)
def where(request: pytest.FixtureRequest) -> Where:
    place: str = request.param
    return PLACES[place]


def local_file(folder: Path, size: int) -> LocalFile:
    return LocalFile.write(folder / "local.bin", random.Random(size).randbytes(size))


async def attempt(vault: RawVault, file: LocalFile) -> AsyncupError | None:
    """Upload a file; None is success, and then the right bytes are there."""
    async with vault.served() as server:
        with anyio.fail_after(ENOUGH_S):
            async with client(vault.memory, server) as asked:
                result = await outcome(upload_file(file.path, PATH, vault=asked, options=OPTIONS))
            await server.all_closed()
    if isinstance(result, AsyncupError):
        return result
    assert vault.memory.items == {PATH: file.content}
    assert vault.memory.sessions == {}
    return None


async def make_good(vault: RawVault, file: LocalFile, error: AsyncupError) -> None:
    """After an error, what is left becomes the file; or nothing is left, and it is uploaded again."""
    memory = RawVault(vault.memory)
    assert set(vault.memory.sessions) <= {error.session_id}
    async with memory.served() as server, client(vault.memory, server) as asked:
        if error.session_id in vault.memory.sessions:
            assert error.session_id is not None
            await upload(file.path, error.session_id, vault=asked, options=OPTIONS, commit=True)
        else:
            await upload_file(file.path, PATH, vault=asked, options=OPTIONS, overwrite=True)
    assert vault.memory.items == {PATH: file.content}
    assert vault.memory.sessions == {}
    assert vault.memory.violations == []


@pytest.mark.parametrize("how", [*ODD, *DOUBTFUL, *BEFORE], ids=lambda how: how.__name__)
async def test_once_it_does_no_harm(how: Misbehaviour, where: Where, tmp_path: Path) -> None:
    vault, file = RawVault(), local_file(tmp_path, where.size)
    vault.misbehave(where.line, how, nth=where.nth)
    error = await attempt(vault, file)
    assert vault.struck == 1
    assert error is None, error
    assert vault.memory.violations == []


@pytest.mark.parametrize("how", ODD, ids=lambda how: how.__name__)
async def test_an_odd_way_of_answering_is_a_way_of_answering(how: Misbehaviour, tmp_path: Path) -> None:
    for size in (LITTLE, LARGE):
        vault, file = RawVault(), local_file(tmp_path, size)
        vault.misbehave("/api/", how, for_ever=True)
        assert await attempt(vault, file) is None
        assert vault.struck > (size == LARGE) * 6


@pytest.mark.parametrize("how", [*DOUBTFUL, *BEFORE, too_large_before_the_body], ids=lambda how: how.__name__)
async def test_without_end_it_is_the_right_bytes_or_one_error(how: Misbehaviour, where: Where, tmp_path: Path) -> None:
    vault, file = RawVault(), local_file(tmp_path, where.size)
    vault.misbehave(where.line, how, nth=where.nth, for_ever=True)
    error = await attempt(vault, file)
    assert vault.struck
    if error is not None:
        await make_good(vault, file, error)


# A server that stops reading, or never answers, for ever

HUGE = 3 * 12_000_000
HUGE_LIMITS = replace(SMALL, max_part_size=12_000_000, preferred_part_size=12_000_000, max_file_size=2 * HUGE)
"""More than the two sockets of a connection hold."""


async def reads_nothing_more(exchange: Exchange) -> bool:
    await exchange.connection.server.given_up.wait()
    return False


async def takes_all_and_is_silent(exchange: Exchange) -> bool:
    await exchange.connection.read_to_the_end()
    return False


@pytest.mark.both_loops
@pytest.mark.parametrize(("how", "phase"), [(reads_nothing_more, Phase.WRITE), (takes_all_and_is_silent, Phase.ANSWER)])
async def test_a_server_that_stands_still_for_ever_ends_the_upload(
    how: Misbehaviour, phase: Phase, tmp_path: Path
) -> None:
    """Within the time that one attempt may stand still, for each attempt; and the upload session is left to go on."""
    file = local_file(tmp_path, HUGE)
    vault = RawVault(MemoryVault(HUGE_LIMITS))
    session_id = vault.memory.open_session(PATH, HUGE)
    options = replace(OPTIONS, part_size=12_000_000, memory_budget=24_000_000)
    vault.misbehave("PUT ", how, nth=2, for_ever=True)
    async with vault.served() as server:
        async with client(vault.memory, server) as asked:
            begun = anyio.current_time()
            with anyio.fail_after(ENOUGH_S):
                error = await outcome(upload(file.path, session_id, vault=asked, options=options))
            took_s = anyio.current_time() - begun
        server.given_up.set()
        await server.all_closed()
    assert isinstance(error, TransportError)
    assert error.phase is phase
    assert f"{SHORT_S:g} s" in str(error)
    assert (error.session_id, error.attempts) == (session_id, OPTIONS.retry.max_attempts)
    assert took_s >= OPTIONS.retry.max_attempts * SHORT_S
    assert list(vault.memory.sessions[session_id].parts) == [1]
