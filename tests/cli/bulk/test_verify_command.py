"""`asyncup verify` against the pretend Vault: a line for every file, and exit code 8 when one disagrees."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Ended, Vault


@pytest.fixture
def folder(vault: Vault, tmp_path: Path) -> Path:
    """Three files, that are in Vault below /u1/f, too."""
    folder = tmp_path / "f"
    folder.mkdir()
    for name, content in (("a", b"aaa"), ("b", b"bbbb"), ("c", b"")):
        (folder / name).write_bytes(content)
        assert vault.upload(folder / name, f"/u1/f/{name}").code == 0
    return folder


def verify(vault: Vault, *arguments: str | Path) -> Ended:
    return vault.run("verify", *map(str, arguments))


def test_a_folder_that_is_in_vault_agrees(vault: Vault, folder: Path) -> None:
    done = verify(vault, folder, "/u1/f")
    assert (done.code, done.err) == (0, "asyncup: verified 3 files: 3 same\n")
    assert done.out == "SAME     /u1/f/a\nSAME     /u1/f/b\nSAME     /u1/f/c\n"
    assert "download" not in vault.asked()
    assert verify(vault, folder, "/u1/f", "--bytes", "--quiet") == Ended(0, "", done.err)
    told = verify(vault, folder, "/u1/f", "--bytes", "--json")
    records = [json.loads(line) for line in told.out.splitlines()]
    assert all(record["md5"] == record["vault_md5"] is not None for record in records)


def test_another_byte_is_found_by_bytes_only(vault: Vault, folder: Path) -> None:
    (folder / "b").write_bytes(b"bbbB")
    assert verify(vault, folder, "/u1/f").code == 0
    done = verify(vault, folder, "/u1/f", "--bytes", "--json")
    assert done.code == 8
    records = [json.loads(line) for line in done.out.splitlines()]
    assert [record["check"] for record in records] == ["SAME", "DIFFERS", "SAME"]
    assert records[1]["md5"] != records[1]["vault_md5"]


def test_a_manifest_is_named_by_its_lines(vault: Vault, folder: Path) -> None:
    manifest = folder.parent / "m.csv"
    manifest.write_text("file,path,size\nf/a,/u1/f/a,3\nf/b,/u1/f/b,5\nf/d,/u1/f/d,1\nf/a,,1\n")
    done = verify(vault, manifest, "--quiet")
    assert done.code == 8
    differs, missing, broken = done.out.splitlines()
    assert differs == "DIFFERS  line 3: /u1/f/b: it should have 5 bytes, and Vault lists 4"
    assert missing.startswith("MISSING  line 4: /u1/f/d: ")
    assert broken.startswith("BROKEN   line 5: f/a: ")
    assert done.err == "asyncup: verified 4 files: 1 same, 1 differs, 1 missing, 1 broken\n"


def test_only_broken_rows_and_only_missing_sources(vault: Vault, folder: Path) -> None:
    manifest = folder.parent / "m.csv"
    manifest.write_text("file,path\nf/a,/u1/f/a\nf/a,\n")
    assert verify(vault, manifest).code == 3
    manifest.write_text("file,path\nf/a,/u1/f/a\nf/gone,/u1/f/b\n")
    done = verify(vault, manifest)
    assert done.code == 4
    assert "UNKNOWN  line 3: /u1/f/b: there is nothing to compare with" in done.out


def test_a_vault_that_refuses_the_login(vault: Vault, folder: Path) -> None:
    done = vault.run("verify", str(folder), "/u1/f", VEEVA_VAULT_TOKEN="wrong")
    assert (done.code, done.out.count("\n")) == (6, 1)


@pytest.mark.parametrize("source", ["gone.csv", "gone.txt.gz"])
def test_a_manifest_that_is_none(vault: Vault, source: str) -> None:
    done = verify(vault, source)
    assert (done.code, done.out) == (2, "")
    assert source in done.only_error()
