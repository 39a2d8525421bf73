"""`asyncup sessions` against the pretend Vault: list, show, parts, abort, and what is refused."""

import io
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asyncup.emulator import EmulatorConfig, Switches, User, blocking_emulator
from tests.cli.conftest import TOKEN, USER, Ended, PretendVaults, Vault

MIB = 1024 * 1024
OTHER = User(name="other@example.com", password="password-of-other", id=7)


@pytest.fixture
def shared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Vault]:
    """A Vault with two administrators, who see each other's upload sessions."""
    config = EmulatorConfig(root=tmp_path / "shared", token=TOKEN, users=(USER, OTHER))
    with blocking_emulator(config) as emulator:
        yield Vault(emulator, capsys)
        emulator.faults.check_consumed()


def of_other(vault: Vault, path: str, size: int = 10) -> str:
    """Make an upload session of the other user's."""
    own = vault.open_session(path, size)
    vault.emulator.inside.model.uploads[own].owner = OTHER.id
    return own


def aged(vault: Vault, session_id: str, hours: float, *, still_hours: float | None = None) -> None:
    """Let an upload session be older, and its last part too."""
    upload, now = vault.emulator.inside.model.uploads[session_id], time.time()
    upload.created_at = now - hours * 3600
    upload.last_uploaded_at = now - (hours if still_hours is None else still_hours) * 3600


def open_ids(vault: Vault) -> set[str]:
    return {session.id for session in vault.emulator.inside.sessions}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: str) -> Terminal:
    """Let somebody answer; what they are shown."""
    shown = Terminal()
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", shown)
    return shown


# Looking


@pytest.mark.parametrize("command", [("sessions",), ("sessions", "list")])
def test_without_a_terminal_there_is_a_line_for_each(command: tuple[str, ...], shared: Vault) -> None:
    mine, other = shared.open_session("/u1/a b", 10), of_other(shared, "/u1/other")
    done = shared.run(*command)
    assert (done.code, done.err) == (0, "")
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in done.out.splitlines()}
    assert rows.keys() == {mine, other}
    assert rows[mine][:4] == ["10 B", "0 %", "0", "1 (you)"]
    assert rows[mine][5:] == ["2 d 23 h", "/u1/a b"]
    assert rows[other][3] == "7"


def test_json_is_an_object_for_each(shared: Vault) -> None:
    mine = shared.open_session("/u1/a", 10)
    of_other(shared, "/u1/other")
    rows = [json.loads(line) for line in shared.run("sessions", "--json").out.splitlines()]
    assert [(row["path"], row["mine"]) for row in rows] == [("/u1/a", True), ("/u1/other", False)]
    [only] = shared.run("sessions", "list", "--json", "--mine").out.splitlines()
    assert json.loads(only)["id"] == mine


def test_a_terminal_gets_a_table(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = vault.open_session("/u1/a", 10)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    done = vault.run("sessions")
    assert done.code == 0
    assert "path, id" in done.out.splitlines()[0]
    assert session_id in done.out
    assert "1 upload session; a Vault has 50" in done.out


def test_no_upload_session_is_no_line(vault: Vault) -> None:
    assert vault.run("sessions") == Ended(0, "", "")


def test_only_old_ones(vault: Vault) -> None:
    old, busy, new = (vault.open_session(f"/u1/{name}", 10) for name in ("old", "busy", "new"))
    aged(vault, old, 25)
    aged(vault, busy, 25, still_hours=1)
    assert {line.split("\t")[0] for line in vault.run("sessions").out.splitlines()} == {old, busy, new}
    [line] = vault.run("sessions", "--older-than", "24h").out.splitlines()
    assert line.split("\t")[0] == old


def test_one_is_shown_with_its_parts(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(6 * MIB))
    session_id = vault.open_session("/u1/a", 6 * MIB)
    assert vault.upload(path, "--session-id", session_id, "--part-size", "5MiB").code == 0
    done = vault.run("sessions", "show", session_id)
    assert (done.code, done.err) == (0, "")
    assert f"id:         {session_id}\n" in done.out
    assert "uploaded:   100 % (6.3 MB)\nparts:      2\nowner:      1 (you)\n" in done.out
    assert json.loads(vault.run("sessions", "show", "--json", session_id).out)["uploaded_parts"] == 2

    lines = vault.run("sessions", "parts", session_id).out.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["1", str(5 * MIB)], ["2", str(MIB)]]
    rows = [json.loads(line) for line in vault.run("sessions", "parts", session_id, "--json").out.splitlines()]
    assert [(row["part"], row["size"]) for row in rows] == [(1, 5 * MIB), (2, MIB)]
    assert all(len(row["md5"]) == 32 for row in rows)


# Aborting


def test_those_that_are_named_are_aborted(vault: Vault) -> None:
    gone, also_gone, stays = (vault.open_session(f"/u1/{name}", 10) for name in "abc")
    done = vault.run("sessions", "abort", gone, also_gone, gone, "--yes")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"aborted {gone}: /u1/a\naborted {also_gone}: /u1/b\n"
    assert open_ids(vault) == {stays}


def test_only_my_old_ones_are_aborted(shared: Vault) -> None:
    mine, new, busy = (shared.open_session(f"/u1/{name}", 10) for name in ("mine", "new", "busy"))
    other = of_other(shared, "/u1/other")
    aged(shared, mine, 25)
    aged(shared, busy, 25, still_hours=0.5)
    aged(shared, other, 25)
    done = shared.run("sessions", "abort", "--mine", "--older-than", "24h", "--yes", "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"aborted": mine, "path": "/u1/mine"}
    assert open_ids(shared) == {new, busy, other}
    again = shared.run("sessions", "abort", "--mine", "--older-than", "24h", "--yes")
    assert (again.code, again.out) == (0, "")
    assert "nothing was aborted" in again.only_error()


@pytest.mark.parametrize(
    ("answer", "aborted"), [("y\n", True), ("YES\n", True), ("\n", False), ("no\n", False), ("", False)]
)
def test_a_person_is_asked(answer: str, aborted: bool, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = vault.open_session("/u1/a", 10)
    shown = at_a_terminal(monkeypatch, answer)
    done = vault.run("sessions", "abort", session_id)
    assert done.code == 0
    assert session_id[:15] in shown.getvalue()
    assert "Abort this upload session and its parts? What was uploaded is lost. [y/N] " in shown.getvalue()
    assert max(map(len, shown.getvalue().partition("Abort")[0].splitlines())) <= 80
    assert open_ids(vault) == (set() if aborted else {session_id})
    assert ("nothing was aborted" in shown.getvalue()) != aborted


def test_without_a_terminal_and_yes_nothing_is_even_asked_of_vault(vault: Vault) -> None:
    session_id = vault.open_session("/u1/a", 10)
    before = vault.asked()
    for arguments in ((session_id,), ("--mine",)):
        done = vault.run("sessions", "abort", *arguments)
        assert (done.code, done.out) == (2, "")
        assert "add --yes" in done.only_error()
    assert vault.asked() == before
    assert open_ids(vault) == {session_id}


# Refused


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show",), "SESSION_ID"),
        (("abort", "--yes"), "by ID"),
        (("abort", "--older-than", "1h", "--yes"), "by --mine"),
        (("abort", "x", "--mine", "--yes"), "not both"),
        (("abort", "", "--yes"), "empty"),
        (("list", "--older-than", "24"), "write 90s, 30m, 24h or 7d"),
        (("lsit",), "lsit"),
        (("show", ".."), "cannot be an id"),
    ],
)
def test_arguments_that_make_no_sense(arguments: tuple[str, ...], words: str, vault: Vault) -> None:
    done = vault.run("sessions", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.only_error()
    assert vault.asked() == []


@pytest.mark.parametrize("arguments", [("show", "nope"), ("parts", "nope"), ("abort", "nope", "--yes")])
def test_an_unknown_upload_session(arguments: tuple[str, ...], vault: Vault) -> None:
    done = vault.run("sessions", *arguments)
    assert (done.code, done.out) == (13, "")
    assert "nope is unknown, expired, committed or aborted" in done.only_error()


def test_an_unknown_one_does_not_save_the_others(vault: Vault) -> None:
    session_id = vault.open_session("/u1/a", 10)
    done = vault.run("sessions", "abort", "nope", session_id, "--yes")
    assert done.code == 3
    assert done.only_error().startswith("nope: ")
    assert open_ids(vault) == set()


def test_an_abort_that_is_refused_does_not_stop_the_others(vault: Vault) -> None:
    first, second = (vault.open_session(f"/u1/{name}", 10) for name in "ab")
    vault.goes_wrong("abort:refuse,error_type=INSUFFICIENT_ACCESS")
    done = vault.run("sessions", "abort", first, second, "--yes")
    assert done.code == 3
    assert f"{first}: " in done.only_error()
    assert open_ids(vault) == {first}


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"VEEVA_VAULT_DNS": None}, 2, "no Vault is named"),
        ({"VEEVA_VAULT_TOKEN": None}, 2, "no credentials"),
        ({"VEEVA_VAULT_TOKEN": "wrong-token"}, 6, "INVALID_SESSION_ID"),
    ],
)
def test_no_vault_or_no_login(changes: dict[str, str | None], code: int, words: str, vault: Vault) -> None:
    for arguments in ((), ("show", "x"), ("parts", "x"), ("abort", "x", "--yes"), ("abort", "--mine", "--yes")):
        done = vault.run("sessions", *arguments, **changes)
        assert (done.code, done.out) == (code, "")
        assert words in done.only_error()
        assert "wrong-token" not in done.err


def test_no_permission(vault: Vault) -> None:
    vault.open_session("/u1/a", 10)
    vault.goes_wrong("list_sessions:refuse,error_type=INSUFFICIENT_ACCESS")
    done = vault.run("sessions")
    assert (done.code, done.out) == (6, "")
    assert "security profile" in done.only_error()


def test_who_we_are_is_needed_only_for_mine(vault: Vault) -> None:
    session_id = vault.open_session("/u1/a", 10)
    vault.goes_wrong("me:refuse,error_type=INSUFFICIENT_ACCESS,times=2")
    assert vault.run("sessions").out.startswith(session_id)
    assert vault.run("sessions", "--mine").code == 6


def test_a_vault_of_few_fields_and_dotted_ids(pretend_vault: PretendVaults) -> None:
    with pretend_vault(Switches(session_fields="few", session_id_style="dotted")) as vault:
        session_id = vault.open_session("/u1/a", 10)
        done = vault.run("sessions", "show", session_id)
        assert (done.code, done.err) == (0, "")
        assert session_id in done.out
