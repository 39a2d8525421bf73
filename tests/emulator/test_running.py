"""Starting, stopping, and looking in."""

import socket
import ssl
from pathlib import Path

import anyio
import pytest

from asyncup.emulator import EmulatorConfig, RunningEmulator, running_emulator, serve
from tests.emulator.plain_vault import PlainVault, plain_vault, switches


async def test_a_temporary_root_goes_with_the_emulator(vault: PlainVault) -> None:
    async with running_emulator() as emulator:
        root = emulator.root
        assert root is not None
        assert (root / "files/u1").is_dir()
    assert not root.parent.exists()


async def test_a_given_root_stays(tmp_path: Path) -> None:
    async with running_emulator(EmulatorConfig(root=tmp_path / "new")) as emulator:
        assert emulator.root == tmp_path / "new"
    assert (tmp_path / "new/files/u1").is_dir()


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with running_emulator():
            raise ZeroDivisionError


async def test_a_port_in_use_is_an_os_error() -> None:
    async with running_emulator() as emulator:
        with pytest.raises(OSError, match="address already in use"):
            async with running_emulator(EmulatorConfig(port=emulator.port)):
                pass


async def test_only_a_driven_clock_can_be_advanced() -> None:
    async with running_emulator() as emulator:
        with pytest.raises(TypeError, match="DrivenClock"):
            await emulator.advance(1)


async def test_serving_until_cancelled() -> None:
    ready: list[RunningEmulator] = []
    async with anyio.create_task_group() as group:

        def on_ready(emulator: RunningEmulator) -> None:
            ready.append(emulator)
            group.cancel_scope.cancel()

        await serve(EmulatorConfig(), on_ready)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ready[0].port))


async def test_the_end_does_not_wait_for_open_connections_and_requests() -> None:
    with anyio.fail_after(5):
        async with plain_vault() as vault:
            upload = await vault.create("/u1/a", 20)
            stream = await anyio.connect_tcp("127.0.0.1", vault.emulator.port)
            await stream.send(
                f"PUT /api/v25.2/services/file_staging/upload/{upload} HTTP/1.1\r\nHost: x\r\n"
                "Authorization: T\r\nContent-Length: 10\r\nX-VaultAPI-FilePartNumber: 1\r\n\r\n"
                "01234".encode()
            )
        await stream.aclose()


@pytest.mark.both_loops
async def test_an_upload_on_either_loop() -> None:
    async with plain_vault(switches=switches(part_max_bytes=10**7)) as vault:
        body = bytes(range(256)) * 20_000
        await vault.upload("/u1/a", body, part_size=2_000_000)
        await vault.names()
        assert vault.emulator.stored("/u1/a").read_bytes() == body


@pytest.mark.both_loops
async def test_tls() -> None:
    async with plain_vault(tls=True) as vault:
        assert vault.emulator.url.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=vault.emulator.ca_pem)
        upload = await vault.data(
            "POST", "services/file_staging/upload", data={"path": "/u1/a", "size": "20"}, ssl=trust
        )
        call = vault.put(upload["id"], 1, b"x" * 10)
        assert (await vault.data(**call, ssl=trust))["size"] == 10
