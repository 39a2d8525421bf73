"""`asyncup doctor` against the pretend Vault: all is well, and one thing after the other is not."""

import io
import json
import socket
from pathlib import Path

import pytest
from rich.console import Console

from asyncup.cli import doctor_command
from asyncup.cli.doctor.examination import Check
from asyncup.cli.doctor.finding import Checked, Finding, failed, fine
from asyncup.cli.doctor.visit import Visit
from asyncup.cli.exit_codes import ExitCode
from asyncup.emulator import EmulatorConfig, Switches, User, blocking_emulator
from tests.cli.conftest import TOKEN, USER, PretendVaults, Vault

NAMES = [check.name for check in doctor_command.CHECKS]


def findings(vault: Vault, *arguments: str, code: int, **changes: str | None) -> dict[str, dict[str, str]]:
    done = vault.run("doctor", "--json", *arguments, **changes)
    assert (done.code, done.err) == (code, "")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["check"] for row in rows] == NAMES
    for secret in (TOKEN, USER.password, "hunter2"):
        assert secret not in done.out
    return {row["check"]: row for row in rows}


def statuses(found: dict[str, dict[str, str]]) -> dict[str, str]:
    return {name: row["status"] for name, row in found.items()}


def test_all_is_well(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(2_000_000))
    found = findings(vault, "--path", str(tmp_path / "a"), code=0)
    assert {name for name, status in statuses(found).items() if status not in ("ok", "warn")} == {"tls"}
    assert found["configuration"]["seen"].startswith(f"Vault {vault.emulator.url} (VEEVA_VAULT_DNS); API version v25.2")
    assert found["credentials"]["seen"] == "a token, from VEEVA_VAULT_TOKEN"
    assert f"{USER.name} (1)" in found["login"]["seen"]
    assert "of 2000 calls left" in found["burst budget"]["seen"]
    assert "the same; Vault deletes it" in found["round trip"]["seen"]
    assert vault.asked()[-3:] == ["create_item", "download", "delete_item"]


def test_people_get_a_line_for_each_and_a_sum(vault: Vault) -> None:
    done = vault.run("doctor", "--no-write")
    assert (done.code, done.err) == (0, "")
    *lines, summary = done.out.splitlines()
    assert [line[5:18].strip() for line in lines] == NAMES
    assert lines[-1] == "skip round trip    left out by --no-write"
    assert summary.startswith(f"{len(NAMES)} checks: ")
    assert "create_item" not in vault.asked()


def test_the_rows_of_a_terminal_are_readable_at_80_columns(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(doctor_command._as_rows(Checked("certificate", failed("x " * 60, "do " * 60, ExitCode.LIMIT))))
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("fail certificate   x x")
    assert any(line.strip().startswith("-> do") for line in lines)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert "round trip" in vault.run("doctor", "--no-write").out


def test_where_each_value_came_from_is_told(vault: Vault, tmp_path: Path) -> None:
    file = tmp_path / "asyncup.toml"
    file.write_text(f"[vault.x]\ndns = '{vault.emulator.url}'\napi_version = 'v24.1'\nusername = 'me'")
    found = findings(
        vault, "--profile", "x", "--no-write", code=0, ASYNCUP_CONFIG=str(file), VEEVA_VAULT_DNS=None
    )  # fmt: skip
    seen = found["configuration"]["seen"]
    assert f"API version v24.1 ([vault.x] of {file}); user me ([vault.x] of {file}); profile x (--profile)" in seen


@pytest.mark.parametrize(
    ("changes", "first", "code", "words"),
    [
        ({"VEEVA_VAULT_DNS": None}, "configuration", 2, "no Vault is named"),
        ({"VEEVA_VAULT_DNS": "https://me:hunter2@x/"}, "configuration", 2, "is not a Vault's DNS name"),
        ({"VEEVA_VAULT_API_VERSION": "25"}, "configuration", 2, "is not written like v25.2"),
        ({"VEEVA_VAULT_API_VERSION": "v99.9"}, "api version", 2, "v99.9 is not offered"),
        ({"VEEVA_VAULT_TOKEN": None}, "credentials", 2, "no credentials"),
        ({"VEEVA_VAULT_TOKEN": "hunter2"}, "login", 6, "INVALID_SESSION_ID"),
        ({"VEEVA_VAULT_DNS": "http://nobody.invalid"}, "dns", 5, "nobody.invalid"),
    ],
)
def test_the_first_thing_that_is_wrong_gives_the_code_and_the_machine_is_looked_at_all_the_same(
    changes: dict[str, str | None], first: str, code: int, words: str, vault: Vault
) -> None:
    found = findings(vault, code=code, **changes)
    failures = [name for name, status in statuses(found).items() if status == "fail"]
    assert failures == [first]
    assert words in found[first]["seen"]
    assert found[first]["advice"]
    assert found["kernel"]["status"] == "ok"
    assert found["round trip"]["status"] == "skip"
    assert "create_item" not in vault.asked()


def test_nobody_listens(vault: Vault, free_tcp_port: int) -> None:
    found = findings(vault, code=5, VEEVA_VAULT_DNS=f"http://127.0.0.1:{free_tcp_port}")
    assert found["tcp"]["status"] == "fail"
    assert found["login"]["seen"] == "needs api version"


def test_a_refused_password_is_sent_once(vault: Vault) -> None:
    found = findings(
        vault,
        code=6,
        VEEVA_VAULT_TOKEN=None,
        VEEVA_VAULT_USERNAME=USER.name,
        VEEVA_VAULT_PASSWORD="hunter2",
    )
    assert found["api version"]["status"] == "skip"
    assert found["login"]["status"] == "fail"
    assert vault.asked() == ["auth"]


def test_a_permission_is_missing(vault: Vault) -> None:
    vault.goes_wrong("list_items:refuse,error_type=INSUFFICIENT_ACCESS")
    found = findings(vault, code=6)
    assert (
        found["permissions"]["advice"] == "The user's security profile needs File Staging: Access and API: Access API"
    )
    assert found["sessions"]["seen"] == "needs permissions"
    assert found["clock"]["status"] == "ok"


def test_a_user_without_the_api(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    user = User(id=3, standing="no-api")
    with blocking_emulator(EmulatorConfig(root=tmp_path / "v", token=TOKEN, users=(user,))) as emulator:
        found = findings(Vault(emulator, capsys), code=6)
    assert "INSUFFICIENT_ACCESS" in " ".join(row["seen"] for row in found.values())


def test_all_upload_sessions_are_taken(pretend_vault: PretendVaults) -> None:
    with pretend_vault(Switches(sessions_max=50)) as vault:
        for number in range(50):
            vault.open_session(f"/u1/{number}", 10)
        found = findings(vault, code=7)
    assert "50 of 50 upload sessions in use: 50 of yours" in found["sessions"]["seen"]
    assert found["round trip"]["status"] == "ok"


def test_the_round_trip_brings_other_bytes(vault: Vault) -> None:
    vault.goes_wrong("create_item:flip-stored")
    found = findings(vault, code=8)
    assert found["round trip"]["status"] == "fail"
    assert vault.asked()[-1] == "delete_item"


def test_a_round_trip_that_breaks_leaves_nothing_behind(vault: Vault) -> None:
    vault.goes_wrong("download:refuse,error_type=INSUFFICIENT_ACCESS")
    assert findings(vault, code=6)["round trip"]["status"] == "fail"
    assert vault.asked()[-1] == "delete_item"


def test_what_cannot_be_deleted_is_named(vault: Vault) -> None:
    vault.goes_wrong("delete_item:refuse,error_type=INSUFFICIENT_ACCESS")
    found = findings(vault, code=0)
    assert found["round trip"]["status"] == "warn"
    assert found["round trip"]["advice"].startswith("Delete /u1/asyncup-doctor-")


def test_tls_that_is_trusted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with blocking_emulator(EmulatorConfig(root=tmp_path / "v", token=TOKEN, users=(USER,), tls=True)) as emulator:
        vault = Vault(emulator, capsys)
        trusted = findings(vault, code=0, SSL_CERT_FILE=str(emulator.ca_pem))
        refused = findings(vault, code=15)
    assert "signed by" in trusted["tls"]["seen"]
    assert trusted["configuration"]["status"] == "ok"
    assert "trust store" in refused["tls"]["advice"]


def test_a_check_that_dies_does_not_end_the_visit(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    async def dies(_: Visit) -> Finding:
        raise ZeroDivisionError

    async def lives(_: Visit) -> Finding:
        return fine("here")

    monkeypatch.setattr(doctor_command, "CHECKS", (Check("a", dies), Check("b", lives)))
    done = vault.run("doctor")
    assert done.code == 1
    assert done.out.splitlines()[1:] == ["ok   b             here", "2 checks: 1 ok, 1 failed"]


def test_a_machine_without_sockets_is_told(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "create_connection", refuse)
    found = findings(vault, code=5)
    assert "Operation not permitted" in found["tcp"]["seen"]
