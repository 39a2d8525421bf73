"""A request that Vault is still working on when its connection is lost, and that is done after Vault was asked."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from aiohttp import web

from asyncup import RetryPolicy, TokenLogin, UploadOptions, Vault, upload_file
from asyncup.emulator import EmulatorConfig, Switches, running_emulator
from asyncup.emulator.calls import Call
from asyncup.emulator.sending import Outgoing
from asyncup.emulator.server import VaultServer
from asyncup.emulator.tcp_proxy import tcp_proxy
from tests.loopback.conftest import TOKEN

POLICY = RetryPolicy(base_s=0.01, cap_s=0.01)
OPTIONS = UploadOptions(small_file_max=0, retry=POLICY)
ENOUGH_S = 30.0


class FirstCreateIsLate:
    """Inside the emulator: the first upload session is made when the second one has been."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.first_came, self.second_done, self.first_done = anyio.Event(), anyio.Event(), anyio.Event()
        original = VaultServer._outgoing
        events = self

        async def outgoing(server: VaultServer, call: Call) -> Outgoing:
            if not _is_create(call.request):
                return await original(server, call)
            if events.first_came.is_set():
                done = await original(server, call)
                events.second_done.set()
                await events.first_done.wait()
                return done
            events.first_came.set()
            await call.request.read()
            await events.second_done.wait()
            done = await original(server, call)
            events.first_done.set()
            return done

        monkeypatch.setattr(VaultServer, "_outgoing", outgoing)


def _is_create(request: web.BaseRequest) -> bool:
    return request.method == "POST" and request.path.endswith("/file_staging/upload")


async def test_of_two_upload_sessions_one_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is lost, Vault lists no such session, so it is made again; and only then the first one is made."""
    late = FirstCreateIsLate(monkeypatch)
    source = tmp_path / "file.bin"
    source.write_bytes(b"x" * 1000)
    config = EmulatorConfig(token=TOKEN, switches=Switches(job_queued_s=0.0, job_duration_s=0.0))
    async with running_emulator(config) as emulator, tcp_proxy("127.0.0.1", emulator.port) as proxy:
        url = f"http://{proxy.host}:{proxy.port}"
        with anyio.fail_after(ENOUGH_S):
            async with Vault(url, TokenLogin(TOKEN), retry=POLICY) as vault, anyio.create_task_group() as group:

                async def lose_the_answer() -> None:
                    await late.first_came.wait()
                    proxy.reset()

                group.start_soon(lose_the_answer)
                await upload_file(source, "/u1/file.bin", vault=vault, options=OPTIONS)
                await late.first_done.wait()
        assert emulator.stored("/u1/file.bin").read_bytes() == source.read_bytes()
        assert emulator.sessions == []
