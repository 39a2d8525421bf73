"""Bad input: one line on stderr that names the file and what to do, its own code, nothing sent."""

import errno
import os
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from asyncup.emulator import Switches
from asyncup.vault import calls
from tests.cli.conftest import TOKEN, USER, Ended, PretendVaults, Vault


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.bin"
    path.write_bytes(b"some bytes")
    return path


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is tried again be tried at once."""
    monkeypatch.setattr(calls, "backoff_s", lambda *_, **__: 0.0)


def refused(done: Ended, code: int, path: Path, *words: str) -> None:
    """Assert what every kind of bad input has in common."""
    assert (done.code, done.out) == (code, ""), done.err
    line = done.only_error()
    assert line.startswith(str(path))
    for word in words:
        assert word in line
    assert TOKEN not in line
    assert USER.password not in line


# What this machine alone can know: nothing is sent.


def test_a_file_that_is_missing(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "missing.bin"
    refused(vault.upload(path, "/u1/a"), 10, path, "does not exist", "Check the path")
    refused(vault.upload(path, "--session-id", "s1"), 10, path, "does not exist")
    assert vault.asked() == []


def test_a_directory(vault: Vault, tmp_path: Path) -> None:
    refused(vault.upload(tmp_path, "/u1/a"), 11, tmp_path, "not a regular file")
    assert vault.asked() == []


@pytest.mark.skipif(sys.platform == "win32", reason="has no named pipes in folders")
def test_a_pipe_that_nobody_writes_to(vault: Vault, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(vault.upload(tmp_path / "pipe", "/u1/a"), 11, tmp_path / "pipe")
    assert vault.asked() == []


@pytest.fixture(params=["no permission", "a circle of links"])
def unreadable(request: pytest.FixtureRequest, small: Path) -> Iterator[Path]:
    if request.param == "no permission":
        small.chmod(0)
        if os.access(small, os.R_OK):
            pytest.skip("this user may read everything")
        yield small
    else:
        small.unlink()
        try:
            small.symlink_to(small)
        except OSError as error:
            pytest.skip(f"no links here: {errno.errorcode[error.errno or 0]}")
        yield small


def test_a_file_that_cannot_be_opened(vault: Vault, unreadable: Path) -> None:
    refused(vault.upload(unreadable, "/u1/a"), 12, unreadable, "cannot be opened")
    assert vault.asked() == []


@pytest.mark.parametrize("destination", ["", "/u1//a", "/u1/../a", "/u1/a\nb", "/u1/a\\b"])
def test_a_destination_without_a_name(destination: str, vault: Vault, small: Path) -> None:
    refused(vault.upload(small, destination), 14, small, "destination", "/u42/folder/video.mp4")
    assert vault.asked() == []


def test_a_file_larger_than_vault_allows(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "huge.bin"
    with path.open("wb") as file:
        try:
            file.truncate(500_000_000_001)
        except OSError:
            pytest.skip("no sparse files of that size here")
    refused(vault.upload(path, "/u1/a"), 7, path, "500000000000", "Split the file")
    assert vault.asked() == []


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ({"VEEVA_VAULT_DNS": None}, "Set VEEVA_VAULT_DNS"),
        ({"VEEVA_VAULT_TOKEN": None}, "Set VEEVA_VAULT_TOKEN, or VEEVA_VAULT_USERNAME"),
        ({"VEEVA_VAULT_TOKEN": None, "VEEVA_VAULT_USERNAME": "u"}, "VEEVA_VAULT_PASSWORD"),
        ({"VEEVA_VAULT_API_VERSION": "25"}, "Set VEEVA_VAULT_API_VERSION"),
    ],
)
def test_a_configuration_with_something_missing(
    missing: dict[str, str | None], words: str, vault: Vault, small: Path
) -> None:
    done = vault.upload(small, "/u1/a", **missing)
    assert (done.code, done.out) == (2, "")
    assert words in done.only_error()
    assert vault.asked() == []


# What only Vault can say.


def test_an_empty_file_is_no_bad_input(vault: Vault, small: Path) -> None:
    small.write_bytes(b"")
    assert vault.upload(small, "/u1/a").code == 0
    assert vault.asked() == ["create_item"]
    assert vault.content("/u1/a") == b""


def test_a_file_of_another_size_than_the_session(vault: Vault, small: Path) -> None:
    session_id = vault.open_session("/u1/a", 5)
    refused(vault.upload(small, "--session-id", session_id), 8, small)
    assert vault.emulator.requests("put_part") == []


def test_an_unknown_session(vault: Vault, small: Path) -> None:
    done = vault.upload(small, "--session-id", "no-such-session", "--commit")
    refused(done, 13, small, "no-such-session", "create a new one")
    assert vault.emulator.requests("put_part") == []


def test_an_expired_session(pretend_vault: PretendVaults, small: Path) -> None:
    with pretend_vault(Switches(session_life_s=0.0)) as vault:
        session_id = vault.open_session("/u1/a", 10)
        refused(vault.upload(small, "--session-id", session_id), 13, small, session_id)


def test_a_wrong_token(vault: Vault, small: Path) -> None:
    done = vault.upload(small, "/u1/a", VEEVA_VAULT_TOKEN="wrong-token")
    refused(done, 6, small, "VEEVA_VAULT_TOKEN")
    assert "wrong-token" not in done.err
    assert len(vault.emulator.inside.seen) == 1


def test_a_wrong_password_is_tried_once(vault: Vault, small: Path) -> None:
    done = vault.upload(
        small,
        "/u1/a",
        VEEVA_VAULT_TOKEN=None,
        VEEVA_VAULT_USERNAME=USER.name,
        VEEVA_VAULT_PASSWORD="wrong-password",
    )
    refused(done, 6, small, "logging in")
    assert "wrong-password" not in done.err
    assert vault.asked() == ["auth"]


def test_something_is_there_already(vault: Vault, small: Path) -> None:
    assert vault.upload(small, "/u1/a").code == 0
    refused(vault.upload(small, "/u1/a"), 16, small, "ITEM_NAME_EXISTS")


def test_the_job_fails(vault: Vault, small: Path) -> None:
    session_id = vault.open_session("/u1/a", 10)
    vault.goes_wrong("commit:job-fails")
    refused(vault.upload(small, "--session-id", session_id, "--commit"), 17, small, "ERRORS_ENCOUNTERED")


@pytest.mark.usefixtures("without_pauses")
def test_bytes_that_arrive_wrong(vault: Vault, small: Path) -> None:
    session_id = vault.open_session("/u1/a", 10)
    vault.goes_wrong("put_part,part=1:flip-stored,times=5")
    refused(vault.upload(small, "--session-id", session_id), 8, small, "MD5")


def test_a_permission_is_missing(vault: Vault, small: Path) -> None:
    vault.goes_wrong("create_item:refuse,error_type=INSUFFICIENT_ACCESS")
    refused(vault.upload(small, "/u1/a"), 6, small, "security profile")


def test_another_refusal(vault: Vault, small: Path) -> None:
    session_id = vault.open_session("/u1/a", 10)
    vault.goes_wrong("put_part:refuse,error_type=INVALID_DATA,times=0")
    refused(vault.upload(small, "--session-id", session_id), 9, small, "INVALID_DATA")


@pytest.mark.usefixtures("without_pauses")
def test_a_vault_that_is_busy_for_too_long(vault: Vault, small: Path) -> None:
    vault.goes_wrong("create_item:status,status=503,times=20")
    refused(vault.upload(small, "/u1/a"), 5, small, "HTTP 503", "tried 20 times")


@pytest.mark.usefixtures("without_pauses")
def test_nobody_is_there(small: Path, vault: Vault, free_tcp_port: int) -> None:
    done = vault.upload(small, "/u1/a", VEEVA_VAULT_DNS=f"http://127.0.0.1:{free_tcp_port}")
    refused(done, 5, small, "run it again", "tried 3 times")


# TLS


@pytest.fixture
def tls_url() -> Iterator[str]:
    """A server whose certificate is from an authority that nobody knows."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_shake_hands, args=(server, context))
        thread.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _shake_hands(server: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()


def test_a_certificate_that_is_not_trusted(vault: Vault, small: Path, tls_url: str) -> None:
    done = vault.upload(small, "/u1/a", VEEVA_VAULT_DNS=tls_url)
    refused(done, 15, small, "certificate", "trust store")


def test_a_server_that_speaks_no_tls(vault: Vault, small: Path) -> None:
    url = vault.emulator.url.replace("http:", "https:")
    refused(vault.upload(small, "/u1/a", VEEVA_VAULT_DNS=url), 15, small)
    assert vault.emulator.requests("create_item") == []
