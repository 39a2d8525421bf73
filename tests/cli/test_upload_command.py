"""`asyncup upload` as a person runs it: results, JSON, exit codes, and what stays behind."""

import hashlib
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, USER, Ended, Vault, environment_for

MIB = 1024 * 1024
KEYS = [
    "path", "destination", "session_id", "size", "parts", "part_size", "resumed_parts",
    "elapsed_s", "md5s",
]  # fmt: skip


def write(path: Path, size: int) -> bytes:
    content = os.urandom(size)
    path.write_bytes(content)
    return content


def md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 5 * MIB, 5 * MIB + 1])
def test_a_file_arrives_and_is_reported_as_json(size: int, vault: Vault, tmp_path: Path) -> None:
    content = write(tmp_path / "a.bin", size)
    done = vault.upload(tmp_path / "a.bin", "/u1/b.bin", "--json")
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    assert list(report) == KEYS
    assert report["path"] == str(tmp_path / "a.bin")
    assert report["destination"] == "/u1/b.bin"
    assert (report["size"], report["md5s"]) == (size, [md5_of(content)])
    assert vault.content("/u1/b.bin") == content


def test_a_large_file_goes_in_parts_of_the_size_that_is_asked_for(vault: Vault, source: Path) -> None:
    done = vault.upload(source, "/u1/big.bin", "--json", "--part-size", "5MiB")
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    content = source.read_bytes()
    assert report["session_id"]
    assert (report["parts"], report["part_size"]) == (12, 5 * MIB)
    assert report["md5s"] == [md5_of(content[offset : offset + 5 * MIB]) for offset in range(0, len(content), 5 * MIB)]
    assert vault.content("/u1/big.bin") == content


def test_people_get_a_line_and_quiet_ones_nothing(vault: Vault, tmp_path: Path) -> None:
    write(tmp_path / "a", 1000)
    loud = vault.upload(tmp_path / "a", "/u1/a")
    assert (loud.code, loud.err) == (0, "")
    assert loud.out.startswith(f"{tmp_path / 'a'} -> /u1/a: 1.0 KB in ")
    assert vault.upload(tmp_path / "a", "/u1/b", "--quiet") == Ended(0, "", "")


def test_a_user_and_a_password_log_in(vault: Vault, tmp_path: Path) -> None:
    content = write(tmp_path / "a", 1000)
    done = vault.upload(
        tmp_path / "a",
        "/u1/a",
        VEEVA_VAULT_TOKEN=None,
        VEEVA_VAULT_USERNAME=USER.name,
        VEEVA_VAULT_PASSWORD=USER.password,
        VEEVA_VAULT_API_VERSION="v24.1",
    )
    assert (done.code, done.err) == (0, "")
    assert vault.content("/u1/a") == content
    assert {seen.path.split("/")[2] for seen in vault.emulator.inside.seen} == {"v24.1"}


def test_a_session_is_filled_and_later_committed(vault: Vault, tmp_path: Path) -> None:
    content = write(tmp_path / "a", 6 * MIB)
    session_id = vault.open_session("/u1/a", len(content))
    filled = vault.upload(tmp_path / "a", "--session-id", session_id, "--json", "--part-size", "5MiB")
    assert (filled.code, filled.err) == (0, "")
    report = json.loads(filled.out)
    assert list(report) == KEYS
    assert (report["destination"], report["session_id"]) == ("/u1/a", session_id)
    assert (report["parts"], report["resumed_parts"]) == (2, 0)
    assert len(vault.emulator.inside.sessions) == 1

    committed = vault.upload(tmp_path / "a", "--session-id", session_id, "--commit")
    assert (committed.code, committed.err) == (0, "")
    assert " -> /u1/a: " in committed.out
    assert "2 of them were in Vault already" in committed.out
    assert len(vault.emulator.requests("put_part")) == 2
    assert vault.content("/u1/a") == content


def test_a_session_that_is_only_filled_is_named_in_the_line(vault: Vault, tmp_path: Path) -> None:
    write(tmp_path / "a", 1000)
    session_id = vault.open_session("/u1/a", 1000)
    done = vault.upload(tmp_path / "a", "--session-id", session_id)
    assert f"-> upload session {session_id}: " in done.out
    assert "not committed" in done.out


def test_several_files_go_into_a_folder(vault: Vault, tmp_path: Path) -> None:
    contents = {name: write(tmp_path / name, 1000) for name in ("a", "b", "c")}
    done = vault.upload(*(tmp_path / name for name in contents), "/u1/", "--json")
    assert (done.code, done.err) == (0, "")
    assert [json.loads(line)["destination"] for line in done.out.splitlines()] == [
        "/u1/a", "/u1/b", "/u1/c",
    ]  # fmt: skip
    assert {name: vault.content(f"/u1/{name}") for name in contents} == contents


def test_one_file_goes_into_a_folder_that_ends_in_a_slash(vault: Vault, tmp_path: Path) -> None:
    content = write(tmp_path / "a.bin", 1000)
    done = vault.upload(tmp_path / "a.bin", "/u1/")
    assert (done.code, done.err) == (0, "")
    assert vault.content("/u1/a.bin") == content


# -- what an earlier run has left


@pytest.fixture
def left(vault: Vault, source: Path) -> str:
    """The upload session of a run that Vault went away from after two parts."""
    vault.goes_wrong("put_part,part=3:refuse,error_type=INSUFFICIENT_ACCESS")
    failed = vault.upload(source, "/u1/big.bin", "--part-size", "5MiB")
    assert failed.code == 6
    [session] = vault.emulator.inside.sessions
    assert len(session.parts) == 2
    return session.id


def test_the_same_command_continues_and_says_so(vault: Vault, source: Path, left: str) -> None:
    done = vault.upload(source, "/u1/big.bin")
    assert done.code == 0
    assert done.err == f"asyncup: {source}: continuing upload session {left}: 2 of 12 parts are in Vault already\n"
    assert "2 of them were in Vault already" in done.out
    assert vault.content("/u1/big.bin") == source.read_bytes()
    assert vault.emulator.inside.sessions == []


def test_restart_begins_anew(vault: Vault, source: Path, left: str) -> None:
    done = vault.upload(source, "/u1/big.bin", "--restart")
    assert done.code == 0
    assert done.err == f"asyncup: {source}: aborted the unfinished upload session {left}\n"
    assert "in Vault already" not in done.out
    assert vault.content("/u1/big.bin") == source.read_bytes()
    assert vault.emulator.inside.sessions == []


def test_another_file_leaves_it_alone_and_says_so(vault: Vault, source: Path, left: str, tmp_path: Path) -> None:
    other = tmp_path / "other.bin"
    content = write(other, source.stat().st_size)
    done = vault.upload(other, "/u1/big.bin", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert vault.content("/u1/big.bin") == content
    assert [session.id for session in vault.emulator.inside.sessions] == [left]


# -- results that nobody takes


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_result_that_cannot_be_written_is_no_success_and_no_bug(vault: Vault, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, 1000)
    for destination, files in (("/u1/x", ["a"]), ("/u1", ["a", "b"])):
        with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
            done = subprocess.run(
                [*COMMAND, "upload", *(str(tmp_path / name) for name in files), destination, "--json"],
                env=environment_for(vault.emulator.url), stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        assert done.returncode == 18, done.stderr
        assert done.stderr == "asyncup: results cannot be written: No space left on device\n"
    assert vault.content("/u1/b") == (tmp_path / "b").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="closes a POSIX pipe")
@pytest.mark.parametrize("arguments", [["upload", "FILE", "/u1/a", "--json"], ["--help"]])
def test_a_reader_who_went_away_is_no_bug(vault: Vault, tmp_path: Path, arguments: list[str]) -> None:
    write(tmp_path / "a", 1000)
    ours, theirs = os.pipe()
    os.close(ours)
    words = [str(tmp_path / "a") if word == "FILE" else word for word in arguments]
    done = subprocess.run(
        [*COMMAND, *words], env=environment_for(vault.emulator.url), stdout=theirs, stderr=subprocess.PIPE, check=False
    )
    os.close(theirs)
    assert done.returncode == 18
    assert b"Traceback" not in done.stderr


def test_a_file_that_fails_does_not_stop_the_others(vault: Vault, tmp_path: Path) -> None:
    write(tmp_path / "a", 1000)
    write(tmp_path / "b", 1000)
    vault.upload(tmp_path / "a", "/u1/a")
    files = [tmp_path / "missing", tmp_path / "a", tmp_path / "b"]
    done = vault.upload(*files, "/u1", "--json")
    assert done.code == 3
    missing, exists = done.err.splitlines()
    assert missing.startswith(f"asyncup: {tmp_path / 'missing'} does not exist")
    assert exists.startswith(f"asyncup: {tmp_path / 'a'}: ")
    assert [json.loads(line)["path"] for line in done.out.splitlines()] == [str(tmp_path / "b")]


def test_a_refused_login_is_not_tried_again_for_the_next_file(vault: Vault, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path / name, 1000)
    done = vault.upload(
        *(tmp_path / name for name in ("a", "b", "c")),
        "/u1",
        VEEVA_VAULT_TOKEN=None,
        VEEVA_VAULT_USERNAME=USER.name,
        VEEVA_VAULT_PASSWORD="wrong",
    )
    assert done.code == 3
    refused, stopped = done.err.splitlines()
    assert refused.startswith(f"asyncup: {tmp_path / 'a'}: ")
    assert f"{tmp_path / 'b'}, {tmp_path / 'c'} would fail in the same way" in stopped
    assert len(vault.emulator.inside.seen) == 1


def test_overwrite_replaces(vault: Vault, tmp_path: Path) -> None:
    write(tmp_path / "a", 1000)
    vault.upload(tmp_path / "a", "/u1/a")
    content = write(tmp_path / "a", 2000)
    assert vault.upload(tmp_path / "a", "/u1/a").code == 16
    assert vault.upload(tmp_path / "a", "/u1/a", "--overwrite").code == 0
    assert vault.content("/u1/a") == content


def test_a_name_that_is_no_text_is_shown_and_uploaded(vault: Vault, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/a\n\xff"
    try:
        with open(odd, "wb") as file:  # noqa: PTH123 - a Path cannot hold these bytes everywhere
            file.write(b"x")
    except OSError:
        pytest.skip("this file system takes only text")
    done = vault.run("upload", os.fsdecode(odd), "/u1/a")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("\n") == 1
    assert "a\\n\\udcff -> /u1/a: " in done.out


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_the_progress_goes_to_the_terminal_and_only_results_to_stdout(vault: Vault, source: Path) -> None:
    import pty  # noqa: PLC0415 - not on Windows

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "upload", str(source), "/u1/big.bin", "--json", "--part-size", "5MiB"],
        env=environment_for(vault.emulator.url, TERM="xterm"),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as upload:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # how Linux says that the other end is closed
            while received := os.read(ours, 65536):
                shown += received
        out, _ = upload.communicate(timeout=30)
    os.close(ours)
    assert upload.returncode == 0
    assert json.loads(out)["parts"] == 12
    assert b"of 60.0 MB" in shown
    assert b"waiting for" in shown
    assert shown.count(b"\x1b[?25h") == shown.count(b"\x1b[?25l") == 1
