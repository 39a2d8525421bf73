"""`asyncup ls` against the pretend Vault: what it lists, how much it asks for, and what is refused."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from asyncup import TokenLogin, Vault as Client
from asyncup.emulator import EmulatorConfig, User, blocking_emulator
from asyncup.protocol import requests
from tests.cli.conftest import COMMAND, TOKEN, Vault, environment_for


@pytest.fixture
def tree(vault: Vault, tmp_path: Path) -> Vault:
    """`/u1/a`, `/u1/b` and `/u1/sub/c`."""
    fill(vault, tmp_path, "/u1/a", "/u1/b", "/u1/sub/c")
    return vault


def fill(vault: Vault, tmp_path: Path, *paths: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(1000))
    for path in paths:
        assert vault.upload(file, path).code == 0


def fill_folders(vault: Vault, folder: str, count: int) -> None:
    async def fill() -> None:
        async with Client(vault.emulator.url, TokenLogin(TOKEN)) as client:
            await client.folders.ensure(folder)
            for number in range(count):
                await client.create_folder(f"{folder}/{number:04}")

    anyio.run(fill)


@pytest.fixture
def pages_of_10(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client ask for small pages."""

    def list_items(folder: str, *, recursive: bool) -> requests.Request:
        request = original(folder, recursive=recursive)
        assert "limit=1000" in request.target
        return replace(request, target=request.target.replace("limit=1000", "limit=10"))

    original = requests.list_items
    monkeypatch.setattr(requests, "list_items", list_items)


def test_a_folder_is_listed(tree: Vault) -> None:
    done = tree.run("ls", "/u1")
    assert (done.code, done.err) == (0, "")
    assert sorted(done.out.splitlines()) == ["/u1/a", "/u1/b", "/u1/sub/"]


def test_the_root_is_listed_by_default(tree: Vault) -> None:
    assert tree.run("ls").out.splitlines() == ["/u1/"] == tree.run("ls", "/").out.splitlines()


@pytest.mark.parametrize("option", ["-r", "--recursive"])
def test_recursive(option: str, tree: Vault) -> None:
    assert sorted(tree.run("ls", option, "u1/").out.splitlines()) == ["/u1/a", "/u1/b", "/u1/sub/", "/u1/sub/c"]


def test_long(tree: Vault) -> None:
    lines = sorted(tree.run("ls", "-l", "/u1").out.splitlines(), key=lambda line: line[29:])
    assert [line[:9].strip() for line in lines] == ["1.0 KB", "1.0 KB", "-"]
    assert all(line[15] == "-" and line[24] == ":" for line in lines[:2])


def test_json(tree: Vault) -> None:
    rows = [json.loads(line) for line in tree.run("ls", "/u1", "--json").out.splitlines()]
    assert {(row["kind"], row["path"].rstrip("/"), row["size"]) for row in rows} == {
        ("file", "/u1/a", 1000),
        ("file", "/u1/b", 1000),
        ("folder", "/u1/sub", None),
    }


def test_the_order_is_vaults(tree: Vault) -> None:
    async def listed() -> list[str]:
        async with Client(tree.emulator.url, TokenLogin(TOKEN)) as client:
            return [item.path.rstrip("/") for item in await client.list_items("/u1")]

    assert [line.rstrip("/") for line in tree.run("ls", "/u1").out.splitlines()] == anyio.run(listed)


@pytest.mark.usefixtures("pages_of_10")
def test_pages_are_asked_for_when_they_are_wanted(vault: Vault) -> None:
    fill_folders(vault, "/u1", 35)
    for arguments, lines, pages in (((), 35, 4), (("-n", "15"), 15, 2), (("--limit", "10"), 10, 1)):
        before = vault.asked().count("list_items")
        assert len(vault.run("ls", "/u1", *arguments).out.splitlines()) == lines
        assert vault.asked().count("list_items") == before + pages


@pytest.mark.usefixtures("pages_of_10")
def test_what_came_before_a_failure_is_shown(vault: Vault) -> None:
    fill_folders(vault, "/u1", 15)
    vault.goes_wrong("list_items,nth=2:refuse,error_type=INSUFFICIENT_ACCESS")
    done = vault.run("ls", "/u1")
    assert done.code == 6
    assert len(done.out.splitlines()) == 10


def test_a_reader_that_has_seen_enough_is_no_error(vault: Vault) -> None:
    # More text than any pipe holds, so that the rest is written after the reader has gone.
    folder = "/u1" + f"/{'x' * 200}" * 8
    fill_folders(vault, folder, 50)
    with subprocess.Popen(
        [*COMMAND, "ls", folder, "--json"],
        env=environment_for(vault.emulator.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as ls:
        assert ls.stdout is not None
        assert ls.stderr is not None
        assert json.loads(ls.stdout.readline())["kind"] == "folder"
        ls.stdout.close()
        assert ls.stderr.read() == ""
        assert ls.wait(timeout=30) == 0


def test_somebody_who_is_no_administrator_sees_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    member = User(id=5, role="member")
    with blocking_emulator(EmulatorConfig(root=tmp_path / "own", token=TOKEN, users=(member,))) as emulator:
        vault = Vault(emulator, capsys)
        fill(vault, tmp_path, "/a")
        assert vault.run("ls").out == "/a\n"


@pytest.mark.parametrize(
    ("arguments", "changes", "code", "words"),
    [
        (("/u1/nope",), {}, 9, "listing"),
        (("/u1/../u2",), {}, 14, "'..'"),
        (("/u1", "--limit", "0"), {}, 2, "--limit"),
        (("/u1", "/u2"), {}, 2, "/u2"),
        ((), {"VEEVA_VAULT_DNS": None}, 2, "no Vault is named"),
        ((), {"VEEVA_VAULT_TOKEN": "wrong-token"}, 6, "INVALID_SESSION_ID"),
    ],
)
def test_what_is_refused(
    arguments: tuple[str, ...], changes: dict[str, str | None], code: int, words: str, tree: Vault
) -> None:
    done = tree.run("ls", *arguments, **changes)
    assert (done.code, done.out) == (code, "")
    assert words in done.only_error()
    assert "wrong-token" not in done.err
