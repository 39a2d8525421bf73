"""`asyncup.toml`: which one counts, what may stand in it, and that a mistake names the key and the file."""

import os
import tomllib
from pathlib import Path, PurePath

import pytest

from asyncup.cli.config_file import ConfigFile, check_document, find_config, user_folder
from asyncup.errors import ConfigurationError

GOOD = """
profile = "prod"

[vault.prod]
dns = "prod.veevavault.com"
api_version = "v26.1"
username = "me@example.com"

[vault.sandbox]
dns = "sandbox.veevavault.com"

[upload]
memory = "64MiB"
"""


def write(folder: Path, text: str = GOOD) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "asyncup.toml"
    path.write_text(text)
    return path


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = write(tmp_path)
    found = find_config({}, folder=tmp_path, own_folder=None)
    assert found == ConfigFile(
        str(path),
        "prod",
        {
            "prod": {"dns": "prod.veevavault.com", "api_version": "v26.1", "username": "me@example.com"},
            "sandbox": {"dns": "sandbox.veevavault.com"},
        },
        {"upload": {"memory": "64MiB"}},
    )


def test_an_empty_file_says_nothing() -> None:
    assert check_document({}, "f") == ConfigFile("f", None, {}, {})


@pytest.mark.parametrize(
    ("named", "here", "own", "counts"),
    [
        (True, True, True, "named"),
        (False, True, True, "here"),
        (False, False, True, "own"),
        (False, False, False, None),
    ],
)
def test_the_first_file_is_the_only_one(named: bool, here: bool, own: bool, counts: str | None, tmp_path: Path) -> None:
    for name, there in (("named", named), ("here", here), ("own", own)):
        (tmp_path / name).mkdir()
        if there:
            write(tmp_path / name)
    environ = {"ASYNCUP_CONFIG": str(tmp_path / "named" / "asyncup.toml")} if named else {}
    found = find_config(environ, folder=tmp_path / "here", own_folder=tmp_path / "own")
    assert (found and found.path) == (counts and str(tmp_path / counts / "asyncup.toml"))


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        find_config({"ASYNCUP_CONFIG": str(tmp_path / "none.toml")}, folder=tmp_path, own_folder=None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profil = 'x'", "profil: unknown"),
        ("profile = 1", "profile: it must be the name"),
        ("profile = 'x'", "there is no [vault.x]"),
        ("vault = 1", "vault: it must be tables"),
        ("[vault]\ndns = 'x'", "vault.dns: it must be a table"),
        ("[vault.a]\ndnss = 'x'", "vault.a.dnss: unknown; keys of a Vault are dns, api_version, username"),
        ("[vault.a]\ndns = 1", "vault.a.dns: it must be text"),
        ("[vault.a]\ndns = ''", "vault.a.dns: it must be text"),
        ("[vault.a]\npassword = 'hunter2'", "vault.a.password: a secret does not belong"),
        ("[vault.a]\naccess_token = 'hunter2'", "VEEVA_VAULT_TOKEN"),
        ("token = 'hunter2'", "token: a secret does not belong"),
        ("[vault.a]\nsession_id = 'hunter2'", "asyncup login --save"),
        ("[vault.a", "is not TOML"),
        ("a = " + "[" * 5000, "is not TOML"),
    ],
)
def test_what_may_not_stand_there_is_named_with_the_file(text: str, words: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        find_config({}, folder=tmp_path, own_folder=None)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "asyncup.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is not TOML"):
        find_config({}, folder=tmp_path, own_folder=None)


def test_an_endless_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigurationError, match="too large"):
        find_config({}, folder=tmp_path, own_folder=None)


def test_a_table_of_no_command_is_refused() -> None:
    file = check_document(tomllib.loads("[uplaod]\nquiet = true"), "f.toml")
    file.refuse_unknown_commands(["uplaod"])
    with pytest.raises(ConfigurationError, match=r"f\.toml: uplaod: there is no such command; .* upload"):
        file.refuse_unknown_commands(["upload"])


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no such owners here")
def test_a_strangers_file_in_the_current_folder_is_not_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path)
    if path.stat().st_uid == 0:
        os.chown(path, 12345, -1)  # root's own files are nobody's trap
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(ConfigurationError, match="belongs to another user"):
        find_config({}, folder=tmp_path, own_folder=None)
    assert find_config({"ASYNCUP_CONFIG": str(path)}, folder=tmp_path, own_folder=None) is not None


@pytest.mark.parametrize(
    ("platform", "environ", "folder"),
    [
        ("linux", {"XDG_CONFIG_HOME": "/x"}, "/x/asyncup"),
        ("linux", {"XDG_CONFIG_HOME": "x"}, "/home/me/.config/asyncup"),
        ("linux", {}, "/home/me/.config/asyncup"),
        ("darwin", {}, "/home/me/Library/Application Support/asyncup"),
        ("darwin", {"XDG_CONFIG_HOME": "/x"}, "/x/asyncup"),
        ("win32", {"APPDATA": "/roaming"}, "/roaming/asyncup"),
        ("win32", {}, None),
    ],
)
def test_every_system_has_its_folder(platform: str, environ: dict[str, str], folder: str | None) -> None:
    found = user_folder(platform, environ, PurePath("/home/me"))
    assert found == (None if folder is None else PurePath(folder))


def test_without_a_home_there_is_no_folder() -> None:
    assert user_folder("linux", {}, None) is None
