"""What an `UploadRun` says about failures and interruptions, with a library that does as it is told."""

from collections.abc import Callable

import anyio
import pytest

from asyncup import UploadedFile, errors, events
from asyncup.cli import upload_run
from asyncup.cli.exit_codes import ExitCode
from asyncup.cli.upload_request import Target, UploadRequest
from asyncup.cli.upload_run import UploadRun
from asyncup.errors import AsyncupError
from asyncup.events import BufferKind, EventHook

THIS_FILE = __file__
REQUEST = UploadRequest(targets=(Target(THIS_FILE, destination="/u1/a"),), quiet=True)
BROKE = errors.TransportError("uploading a part", errors.Phase.WRITE, "reset by peer", hint="Run it again")
CONTINUE = f"asyncup upload --session-id s1 --commit --quiet {THIS_FILE}"

Install = Callable[..., None]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Lets `upload_file` tell some events and then raise."""
    monkeypatch.setenv("VEEVA_VAULT_DNS", "http://127.0.0.1:9")
    monkeypatch.setenv("VEEVA_VAULT_TOKEN", "T")

    def install(error: BaseException, *told: events.Event) -> None:
        async def upload_file(*_: object, on_event: EventHook, **__: object) -> UploadedFile:
            for event in told:
                on_event(event)
            raise error

        monkeypatch.setattr(upload_run, "upload_file", upload_file)

    return install


def opened() -> events.UploadSessionOpened:
    return events.UploadSessionOpened(THIS_FILE, "s1", created=True)


def started() -> events.UploadStarted:
    return events.UploadStarted(THIS_FILE, "s1", 1000, 10, 100, 2, 200, BufferKind.MAPPED)


@pytest.mark.parametrize(
    ("error", "code", "way_on"),
    [
        (BROKE, ExitCode.VAULT_AWAY, f". Continue with: {CONTINUE}"),
        (errors.LoginError("uploading a part", status=401), ExitCode.ACCESS, f". Continue with: {CONTINUE}"),
        (errors.ChecksumMismatch("other bytes"), ExitCode.VERIFICATION, "other bytes"),
        (errors.SourceChanged(THIS_FILE, "it changed"), ExitCode.SOURCE_CHANGED, "it changed"),
        (errors.ItemExists("creating", status=200, vault_message=f"{THIS_FILE} is there"), ExitCode.EXISTS, "is there"),
        (errors.UploadSessionNotFound("committing", status=200), ExitCode.UPLOAD_SESSION_UNKNOWN, "HTTP 200"),
    ],
)
def test_a_failure_that_can_be_continued_says_how(
    error: AsyncupError, code: ExitCode, way_on: str, library: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    library(error.locate(session_id="s1"))
    assert anyio.run(UploadRun(REQUEST).run) == code
    err = capsys.readouterr().err
    assert err.startswith(f"asyncup: {THIS_FILE}")
    assert err.endswith(f"{way_on}\n")
    assert err.count("\n") == 1


def test_without_a_session_there_is_nothing_to_continue(library: Install, capsys: pytest.CaptureFixture[str]) -> None:
    library(errors.TransportError("uploading a part", errors.Phase.WRITE, "reset by peer"))
    assert anyio.run(UploadRun(REQUEST).run) == ExitCode.VAULT_AWAY
    assert "Continue with" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ((), "no upload session is open; run the same command again"),
        ((opened(),), f"resumable, with 0 of its bytes in Vault; continue with: {CONTINUE}"),
        ((opened(), started()), f"resumable, with 200 of 1000 bytes in Vault; continue with: {CONTINUE}"),
        (
            (opened(), started(), events.JobStatusSeen(THIS_FILE, 7, "RUNNING")),
            "Vault has every byte and finishes it by itself (job 7)",
        ),
        (
            (opened(), started(), events.UploadFinished(THIS_FILE, 1000, 1, 0, 0, 1, 0)),
            "no upload session is open; run the same command again",
        ),
    ],
)
def test_after_a_signal_it_says_what_is_left(
    told: tuple[events.Event, ...], words: str, library: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    library(ZeroDivisionError(), *told)
    run = UploadRun(REQUEST)
    with pytest.raises(ZeroDivisionError):
        anyio.run(run.run)
    run.say_what_is_left()
    assert capsys.readouterr().err == f"asyncup: interrupted: {THIS_FILE}: {_session(words)}\n"


def _session(words: str) -> str:
    return f"the upload session is {words}" if words.startswith("resumable") else words


def test_files_that_had_failed_already_are_not_called_unbegun(
    library: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    library(ZeroDivisionError())
    names = (THIS_FILE, "missing", upload_run.__file__)
    targets = tuple(Target(name, destination="/u1/a") for name in names)
    run = UploadRun(UploadRequest(targets=targets, quiet=True))
    with pytest.raises(ZeroDivisionError):
        anyio.run(run.run)
    run.say_what_is_left()
    assert capsys.readouterr().err.splitlines()[-1] == f"asyncup: interrupted: not begun: {upload_run.__file__}"


def test_a_bug_is_not_hidden(library: Install) -> None:
    library(LookupError("a bug"))
    with pytest.raises(LookupError, match="a bug"):
        anyio.run(UploadRun(REQUEST).run)


# -- asked to end


def test_an_interrupted_upload_is_no_failure(library: Install, capsys: pytest.CaptureFixture[str]) -> None:
    error = errors.UploadInterrupted("interrupted")
    library(error.locate(session_id="s1"), opened(), started())
    run = UploadRun(REQUEST)
    assert anyio.run(run.run) is None
    run.say_what_is_left()
    assert capsys.readouterr().err.startswith(f"asyncup: interrupted: {THIS_FILE}: the upload session is resumable")


def test_after_it_was_asked_to_end_no_file_is_begun(library: Install, capsys: pytest.CaptureFixture[str]) -> None:
    library(BROKE)
    targets = tuple(Target(name, destination="/u1/a") for name in (THIS_FILE, upload_run.__file__))
    run = UploadRun(UploadRequest(targets=targets, quiet=True))
    run.drain()
    assert anyio.run(run.run) is None
    run.say_what_is_left()
    err = capsys.readouterr().err.splitlines()
    assert err[-1] == f"asyncup: interrupted: not begun: {upload_run.__file__}"


@pytest.mark.parametrize(
    "error",
    [
        errors.SourceUnreadable(THIS_FILE, "the disk is broken").locate(part=3, session_id="s1"),
        errors.SourceChanged(THIS_FILE, "its attributes were changed").locate(session_id="s1"),
    ],
)
def test_a_file_that_may_be_good_again_can_be_continued(
    error: AsyncupError, library: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    if isinstance(error, errors.SourceChanged):
        error.attributes_only = True
    library(error)
    assert anyio.run(UploadRun(REQUEST).run) == ExitCode.SOURCE_CHANGED
    assert capsys.readouterr().err.endswith(f". Continue with: {CONTINUE}\n")
