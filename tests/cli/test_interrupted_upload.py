"""Ctrl-C and SIGTERM in the middle of an upload: it says how to go on, and that does go on.

Most of them without a grace time, so that a part that Vault is silent about is cut.
"""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Vault, environment_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


def interrupted(vault: Vault, number: signal.Signals, *arguments: str | Path) -> tuple[int, str]:
    """Send `asyncup upload` the signal while Vault, with three parts, is silent about the fourth."""
    vault.goes_wrong("put_part,part=4:hang")
    with subprocess.Popen(
        [*COMMAND, "upload", *map(str, arguments), "--grace", "0"],
        env=environment_for(vault.emulator.url),
        stderr=subprocess.PIPE,
        text=True,
    ) as upload:
        begun = time.monotonic()
        while not vault.emulator.faults.struck:
            assert upload.poll() is None
            assert time.monotonic() < begun + 30
            time.sleep(0.001)
        upload.send_signal(number)
        _, err = upload.communicate(timeout=30)
    return upload.returncode, err


def test_the_printed_command_continues_to_the_destination(vault: Vault, source: Path) -> None:
    ended, err = interrupted(vault, signal.SIGINT, source, "/u1/big.bin", "--part-size", "5MiB")
    assert ended == 130, err
    [session] = vault.emulator.inside.sessions
    command = the_way_on(err, source)
    words = ["--session-id", session.id, "--commit", "--grace", "0"]
    assert command == ["asyncup", "upload", *words, str(source)]

    continues(vault, command)
    assert vault.content("/u1/big.bin") == source.read_bytes()
    assert vault.emulator.inside.sessions == []


def test_the_printed_command_continues_an_upload_session(vault: Vault, source: Path) -> None:
    session_id = vault.open_session("/u1/big.bin", source.stat().st_size)
    options = ("--session-id", session_id, "--part-size", "5MiB", "--memory", "20MB")
    ended, err = interrupted(vault, signal.SIGTERM, source, *options)
    assert ended == 143, err
    command = the_way_on(err, source)
    words = ["--session-id", session_id, "--memory", "20000000", "--grace", "0"]
    assert command == ["asyncup", "upload", *words, str(source)]

    continues(vault, command)
    [session] = vault.emulator.inside.sessions
    assert len(session.parts) == 12


def the_way_on(err: str, source: Path) -> list[str]:
    """The words of the command that the one line on stderr gives."""
    assert err.count("\n") == 1
    assert err.startswith(f"asyncup: interrupted: {source}: the upload session is resumable, with 15728640 of ")
    return shlex.split(err.partition("continue with: ")[2])


def continues(vault: Vault, command: list[str]) -> None:
    """Run the command: it sends what is missing, and no part a second time."""
    done = vault.run(*command[1:])
    assert (done.code, done.err) == (0, "")
    assert "3 of them were in Vault already" in done.out
    taken = [seen.part for seen in vault.emulator.requests("put_part") if seen.fault is None]
    assert taken == list(range(1, 13))


def test_what_was_not_begun_is_named(vault: Vault, source: Path, tmp_path: Path) -> None:
    later = tmp_path / "later.bin"
    later.write_bytes(b"x")
    arguments = (source, later, "/u1", "--part-size", "5MiB")
    ended, err = interrupted(vault, signal.SIGINT, *arguments)
    assert ended == 130
    resumable, not_begun = err.splitlines()
    assert "the upload session is resumable" in resumable
    assert not_begun == f"asyncup: interrupted: not begun: {later}"


# -- with a grace time


class Running:
    """An `asyncup upload` in parts of 5 MiB whose part 4 is answered late, or never."""

    def __init__(self, vault: Vault, source: Path, fault: str) -> None:
        vault.goes_wrong(f"put_part,part=4:{fault}")
        self.vault = vault
        self.process = subprocess.Popen(
            [*COMMAND, "upload", str(source), "/u1/big.bin", "--part-size", "5MiB", "--grace", "600"],
            env=environment_for(vault.emulator.url),
            stderr=subprocess.PIPE,
            text=True,
        )

    def reaches_part_4(self) -> None:
        begun = time.monotonic()
        while not self.vault.emulator.faults.struck:
            assert self.process.poll() is None
            assert time.monotonic() < begun + 30
            time.sleep(0.001)

    def says(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def ends(self) -> tuple[int, str]:
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


def test_the_part_on_its_way_arrives(vault: Vault, source: Path) -> None:
    running = Running(vault, source, "delay,seconds=1")
    running.reaches_part_4()
    running.process.send_signal(signal.SIGINT)
    assert running.says() == "asyncup: interrupted: waiting up to 600 s for the part on its way; again ends at once\n"
    code, err = running.ends()
    assert code == 130
    assert "with 20971520 of 60000000 bytes in Vault" in err, "four parts"

    [session] = vault.emulator.inside.sessions
    again = vault.upload(source, "/u1/big.bin")
    assert again.code == 0
    assert f"continuing upload session {session.id}: 4 of 12 parts are in Vault already" in again.err
    assert vault.content("/u1/big.bin") == source.read_bytes()
    assert [seen.part for seen in vault.emulator.requests("put_part")] == list(range(1, 13))


def test_a_second_signal_cuts_at_once(vault: Vault, source: Path) -> None:
    running = Running(vault, source, "hang")
    running.reaches_part_4()
    running.process.send_signal(signal.SIGTERM)
    assert "again ends at once" in running.says()
    running.process.send_signal(signal.SIGTERM)
    assert running.ends() == (143, "")
    again = vault.upload(source, "/u1/big.bin", "--json")
    assert json.loads(again.out)["resumed_parts"] == 3
    assert vault.content("/u1/big.bin") == source.read_bytes()
    assert vault.emulator.inside.sessions == []
