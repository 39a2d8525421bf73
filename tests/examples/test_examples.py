"""Every example does what it says, against an emulator in a process of its own."""

import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import anyio
import pytest

from asyncup import TokenLogin, Vault
from asyncup.cli.emulator_process import emulator_process

pytestmark = pytest.mark.anyio

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "examples"
TOKEN = "token-for-examples"
LARGE = 60_000_000  # more than one request takes, so it goes through an upload session


@pytest.fixture(scope="module")
async def emulator(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, Path]]:
    """An emulator for all examples: its URL, and where it stores what is in its file staging."""
    root = tmp_path_factory.mktemp("vault")
    variables = {"PYTHONPATH": str(REPOSITORY), "ASYNCUP_EMULATOR_TOKEN": TOKEN}
    async with emulator_process("--root", str(root), environment=variables) as running:
        yield running.url, root / "files"


@pytest.fixture
def environment(emulator: tuple[str, Path]) -> dict[str, str]:
    """The environment of an example."""
    url, _ = emulator
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "VEEVA_VAULT_DNS": url, "VEEVA_VAULT_TOKEN": TOKEN}


@pytest.fixture
def stored(emulator: tuple[str, Path]) -> Callable[[str], bytes]:
    """Returns what is stored at a path in Vault."""
    _, files = emulator
    return lambda path: (files / path.lstrip("/")).read_bytes()


async def run(name: str, environment: dict[str, str]) -> tuple[int, str, str]:
    with anyio.fail_after(30):
        done = await anyio.run_process([sys.executable, str(EXAMPLES / name)], env=environment, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def write(path: Path, size: int) -> bytes:
    content = os.urandom(size)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return content


def test_there_are_three_and_each_fits_on_a_page() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.py")}
    assert sorted(lengths) == ["events_hook.py", "migrate_folder.py", "web_app.py"]
    assert max(lengths.values()) <= 60


async def test_the_hook_prints_every_part_and_the_waits(
    tmp_path: Path, environment: dict[str, str], stored: Callable[[str], bytes]
) -> None:
    content = write(tmp_path / "hook.bin", LARGE)
    environment |= {"FILE": str(tmp_path / "hook.bin"), "DESTINATION": "/u1/hook.bin"}
    code, out, err = await run("events_hook.py", environment)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[-1].startswith("in all: wire ")
    parts = [line for line in lines if line.startswith("part ")]
    assert [line.split()[1] for line in parts] == ["1", "2"]
    assert parts[-1].endswith(f"{LARGE} of {LARGE} bytes")
    assert any(line.startswith("  waited ") and "now for wire" in line for line in lines)
    assert stored("/u1/hook.bin") == content


async def test_the_hook_says_what_went_wrong(tmp_path: Path, environment: dict[str, str]) -> None:
    environment |= {"FILE": str(tmp_path / "missing"), "DESTINATION": "/u1/a"}
    code, _, err = await run("events_hook.py", environment)
    assert code == 1
    assert err.startswith(f"{tmp_path / 'missing'} does not exist")
    assert err.count("\n") == 1


async def test_the_migration_goes_on_after_a_failure_and_skips_what_is_there(
    tmp_path: Path, environment: dict[str, str], stored: Callable[[str], bytes]
) -> None:
    folder = tmp_path / "source"
    contents = {name: write(folder / name, 1000) for name in ("a.bin", "c.bin", "d.bin")}
    (folder / "b.bin").symlink_to(folder / "b.bin")
    (folder / "subfolder").mkdir()
    environment |= {"SOURCE_FOLDER": str(folder), "VAULT_FOLDER": "/u1"}

    code, out, err = await run("migrate_folder.py", environment)
    assert (code, err) == (1, "")
    results = [line.split()[:2] for line in out.splitlines()]
    assert [result for result, _ in results] == ["uploaded", "failed", "uploaded", "uploaded"]
    assert {name: stored(f"/u1/{name}") for name in contents} == contents

    (folder / "b.bin").unlink()
    write(folder / "b.bin", 1000)
    code, out, err = await run("migrate_folder.py", environment)
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == [
        "skipped", "uploaded", "skipped", "skipped",
    ]  # fmt: skip


async def test_the_migration_stops_when_nobody_may_log_in(tmp_path: Path, environment: dict[str, str]) -> None:
    write(tmp_path / "source" / "a", 10)
    write(tmp_path / "source" / "b", 10)
    environment |= {"SOURCE_FOLDER": str(tmp_path / "source"), "VAULT_FOLDER": "/u1"}
    code, out, err = await run("migrate_folder.py", environment | {"VEEVA_VAULT_TOKEN": "wrong"})
    assert (code, out) == (1, "")
    assert err.startswith("stopped: ")
    assert err.count("\n") == 1


async def test_the_web_app_takes_files_while_it_answers_others(
    environment: dict[str, str], stored: Callable[[str], bytes], free_tcp_port: int
) -> None:
    content = os.urandom(10_000_000)
    environment |= {"PORT": str(free_tcp_port), "VAULT_FOLDER": "/u1"}
    url = f"http://127.0.0.1:{free_tcp_port}/files"
    async with await anyio.open_process(
        [sys.executable, "-u", str(EXAMPLES / "web_app.py")],
        env=environment,
        stderr=subprocess.DEVNULL,
    ) as app:
        try:
            assert app.stdout is not None
            with anyio.fail_after(20):
                assert b"Running on" in await app.stdout.receive()
            async with aiohttp.ClientSession() as web:
                async with web.put(f"{url}/web-a.bin", data=io.BytesIO(content)) as answer:
                    assert answer.status == 200
                    report = await answer.json()
                async with web.put(f"{url}/web-a.bin", data=b"other") as answer:
                    assert (answer.status, "ITEM_NAME_EXISTS" in await answer.text()) == (409, True)
                async with web.put(f"{url}/web-b.bin", data=b"small") as answer:
                    assert answer.status == 200
        finally:
            app.terminate()
    assert (report["path"], report["size"]) == ("/u1/web-a.bin", len(content))
    assert stored("/u1/web-a.bin") == content
    assert stored("/u1/web-b.bin") == b"small"
    async with Vault(environment["VEEVA_VAULT_DNS"], TokenLogin(TOKEN)) as vault:
        assert await vault.list_upload_sessions() == []
