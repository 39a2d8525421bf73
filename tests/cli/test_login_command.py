"""`asyncup login`, `asyncup logout` and what every command finds in the keyring; and `asyncup.toml` from end to end."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest

from asyncup.cli import secret_store
from tests.cli.conftest import TOKEN, USER, Vault

WITHOUT = {"VEEVA_VAULT_TOKEN": None}


class Keyring(keyring.backend.KeyringBackend):
    """In memory. `broken` refuses everything, as a locked one."""

    priority = 1.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.broken = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.broken:
            raise keyring.errors.KeyringLocked("it is locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.broken:
            raise keyring.errors.PasswordSetError("it is locked")
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def ring() -> Iterator[Keyring]:
    before, ring = keyring.get_keyring(), Keyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def small(tmp_path: Path) -> Path:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    return path


def test_a_password_is_tried_kept_used_and_removed(
    vault: Vault, ring: Keyring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    user = ("--username", USER.name)
    type_in(monkeypatch, f"{USER.password}\n")
    done = vault.run("login", "--save", *user, **WITHOUT)
    assert (done.code, done.err) == (0, "")
    assert f"logged in as {USER.name} (1); kept in the keyring" in done.out
    assert ring.kept == {(f"asyncup {vault.emulator.url}", USER.name): USER.password}
    assert USER.password not in done.out

    assert vault.run("upload", str(small(tmp_path)), "/u1/a", *user, **WITHOUT).code == 0
    assert vault.content("/u1/a") == b"0123456789"

    gone = vault.run("logout", *user, **WITHOUT)
    assert (gone.code, gone.err, ring.kept) == (0, "", {})
    assert f"removed from the keyring: {USER.name}" in gone.out
    assert "holds nothing" in vault.run("logout", *user, **WITHOUT).out


def test_a_token_is_kept_for_the_vault(
    vault: Vault, ring: Keyring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    type_in(monkeypatch, TOKEN)
    assert vault.run("login", "--save", "--token", **WITHOUT).code == 0
    assert list(ring.kept.values()) == [TOKEN]
    assert vault.run("upload", str(small(tmp_path)), "/u1/a", **WITHOUT).code == 0
    assert vault.run("logout", **WITHOUT).code == 0
    assert ring.kept == {}


def test_what_is_refused_is_not_kept_and_not_tried_again(
    vault: Vault, ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, "hunter2\n")
    done = vault.run("login", "--save", "--username", USER.name, **WITHOUT)
    assert (done.code, done.out, ring.kept) == (6, "", {})
    assert "hunter2" not in done.err
    assert vault.asked() == ["auth"]


def test_without_save_nothing_is_kept(vault: Vault, ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, USER.password)
    done = vault.run("login", "--username", USER.name, **WITHOUT)
    assert (done.code, ring.kept) == (0, {})
    assert "nothing is kept" in done.out


@pytest.mark.usefixtures("ring")
def test_a_terminal_is_asked_without_echo(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def getpass(prompt: str) -> str:
        asked.append(prompt)
        return USER.password

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", getpass)
    assert vault.run("login", "--username", USER.name, **WITHOUT).code == 0
    assert asked == [f"Password of {USER.name} for {vault.emulator.url}: "]


@pytest.mark.parametrize(
    ("arguments", "typed", "words"),
    [
        (("login",), "x", "no user is named"),
        (("login", "--token"), "", "nothing was given"),
        (("login", "--token"), "two words\n", "no token has"),
        (("login", "--profile", "p"), "x", "there is no asyncup.toml"),
        (("logout", "--dns", "https://me:secret@x/"), "", "not a Vault's DNS name"),
    ],
)
def test_bad_input(
    arguments: tuple[str, ...], typed: str, words: str, vault: Vault, ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(monkeypatch, typed)
    done = vault.run(*arguments, **WITHOUT)
    assert (done.code, done.out) == (2, "")
    assert words in done.only_error()
    assert "secret" not in done.err
    assert vault.asked() == []


def test_a_keyring_that_refuses_says_what_to_do_instead(
    vault: Vault, ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring.broken = True
    type_in(monkeypatch, TOKEN)
    for arguments in (("login", "--save", "--token"), ("logout",)):
        done = vault.run(*arguments, **WITHOUT)
        assert done.code == 2
        assert "it is locked" in done.only_error()
        assert "VEEVA_VAULT_TOKEN" in done.err


def test_without_a_keyring_the_environment_is_named(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refused(*arguments: str) -> str:
        done = vault.run(*arguments, **WITHOUT)
        assert done.code == 2
        return done.only_error()

    assert "Set VEEVA_VAULT_TOKEN" in refused("upload", str(small(tmp_path)), "/u1/a")  # a backend that always fails
    assert "holds nothing" in vault.run("logout", **WITHOUT).out
    monkeypatch.setattr(secret_store, "find_spec", lambda _: None)
    assert "Set VEEVA_VAULT_TOKEN" in refused("upload", str(small(tmp_path)), "/u1/a")
    assert "pip install 'asyncup[keyring]'" in refused("login", "--save")
    with pytest.raises(Exception, match="no keyring to keep it in"):
        secret_store.keep_secret("v", "n", "s")


# asyncup.toml, from end to end.


def configure(vault: Vault, tmp_path: Path, text: str) -> dict[str, str | None]:
    path = tmp_path / "asyncup.toml"
    path.write_text(text.replace("URL", vault.emulator.url))
    return {"ASYNCUP_CONFIG": str(path), "VEEVA_VAULT_DNS": None}


def test_a_profile_names_the_vault(vault: Vault, tmp_path: Path) -> None:
    variables = configure(vault, tmp_path, "[vault.here]\ndns = 'URL'\napi_version = 'v24.1'")
    assert vault.upload(small(tmp_path), "/u1/a", "--profile", "here", **variables).code == 0
    assert vault.upload(small(tmp_path), "/u1/b", **variables, ASYNCUP_PROFILE="here").code == 0
    assert vault.upload(small(tmp_path), "/u1/c", **variables).code == 2
    assert {seen.path.split("/")[2] for seen in vault.emulator.inside.seen} == {"v24.1"}


def test_a_file_in_the_current_folder_is_found(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "asyncup.toml").write_text(f"profile = 'x'\n[vault.x]\ndns = '{vault.emulator.url}'")
    monkeypatch.chdir(tmp_path)
    assert vault.upload(small(tmp_path), "/u1/a", VEEVA_VAULT_DNS=None).code == 0


# Whether --json, its variable and its key in the file are there: options over the environment over the file.
@pytest.mark.parametrize(
    ("option", "variable", "in_file", "is_json"),
    [
        ([], None, None, False),
        ([], None, "true", True),
        ([], "true", None, True),
        ([], "false", "true", False),
        (["--json"], "false", "false", True),
    ],
)
def test_precedence_of_a_commands_option(
    option: list[str], variable: str | None, in_file: str | None, is_json: bool, vault: Vault, tmp_path: Path
) -> None:
    variables = configure(vault, tmp_path, f"[upload]\njson = {in_file}" if in_file else "")
    variables["VEEVA_VAULT_DNS"] = vault.emulator.url
    done = vault.upload(small(tmp_path), "/u1/a", *option, **variables, ASYNCUP_UPLOAD_JSON=variable)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("{") == is_json


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[uplaod]\njson = true", "uplaod: there is no such command"),
        ("[upload]\njsno = true", "jsno"),
        ("[upload]\npart_size = '5M'", "write 5242880, 50MB or 8MiB"),
        ("[vault.a]\npassword = 'hunter2'", "vault.a.password"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_names_it(text: str, words: str, vault: Vault, tmp_path: Path) -> None:
    done = vault.upload(small(tmp_path), "/u1/a", **configure(vault, tmp_path, text))
    assert (done.code, done.out) == (2, "")
    assert words in done.only_error()
    assert "asyncup.toml" in done.err or "5M" in done.err
    assert "hunter2" not in done.err


def test_the_command_that_continues_names_the_same_vault(vault: Vault, tmp_path: Path, source: Path) -> None:
    vault.goes_wrong("put_part,part=2:refuse,error_type=INVALID_DATA,times=0")
    done = vault.upload(source, "/u1/a", "--dns", vault.emulator.url, "--part-size", "5MiB", VEEVA_VAULT_DNS=None)
    assert done.code == 9
    assert f"--commit --dns {vault.emulator.url} " in done.err
