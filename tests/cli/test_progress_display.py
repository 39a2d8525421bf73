"""Who shows the progress, and that only stderr gets it."""

import io
import threading

import pytest

from asyncup import events
from asyncup.cli.progress import Progress
from asyncup.cli.progress_display import showing
from asyncup.events import BufferKind


class Terminal(io.StringIO):
    """Says that it is a terminal, and tells when it was written to."""

    def __init__(self, *, isatty: bool) -> None:
        super().__init__()
        self._isatty = isatty
        self.written = threading.Event()

    def isatty(self) -> bool:
        return self._isatty

    def write(self, text: str) -> int:
        written = super().write(text)
        if "part" in self.getvalue():
            self.written.set()
        return written


@pytest.fixture
def progress() -> Progress:
    progress = Progress("video.mp4")
    progress(
        events.UploadStarted(
            path="video.mp4", session_id="s1", size=1000, parts=10, part_size=100,
            resumed_parts=0, resumed_bytes=0, buffers=BufferKind.MAPPED,
        )
    )  # fmt: skip
    progress(events.PartAcknowledged("video.mp4", 1, 100, "0" * 32, 100))
    return progress


@pytest.fixture(autouse=True)
def _a_known_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


def test_a_pipe_gets_plain_lines(progress: Progress) -> None:
    stream = Terminal(isatty=False)
    with showing(progress, quiet=False, interval_s=0.01, stream=stream):
        assert stream.written.wait(10)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("asyncup: video.mp4: 100 B of 1.0 KB, 10 %, ")
    assert "\x1b" not in stream.getvalue()


def test_a_dumb_terminal_gets_plain_lines(progress: Progress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal(isatty=True)
    with showing(progress, quiet=False, interval_s=0.01, stream=stream):
        assert stream.written.wait(10)
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_gets_a_live_display_and_its_cursor_back(progress: Progress) -> None:
    stream = Terminal(isatty=True)
    with showing(progress, quiet=False, stream=stream):
        assert stream.written.wait(10)
    shown = stream.getvalue()
    assert "video.mp4" in shown
    assert "10 %" in shown
    assert "of 10" in shown
    assert "waiting for" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_quiet_shows_nothing(progress: Progress) -> None:
    stream = Terminal(isatty=True)
    with showing(progress, quiet=True, interval_s=0.001, stream=stream):
        assert not stream.written.wait(0.05)
    assert stream.getvalue() == ""


def test_no_thread_is_left_behind(progress: Progress) -> None:
    before = set(threading.enumerate())
    for isatty in (False, True):
        with showing(progress, quiet=False, stream=Terminal(isatty=isatty)):
            pass
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("isatty", [True, False])
def test_notices_are_shown_once_whoever_looks(progress: Progress, isatty: bool) -> None:
    terminal = Terminal(isatty=isatty)
    with showing(progress, quiet=False, stream=terminal, interval_s=0.001):
        progress(events.SourceTouched("video.mp4", "its attributes\x1b were changed"))
        assert terminal.written.wait(20)
    shown = terminal.getvalue()
    assert shown.count("asyncup: video.mp4: its attributes\\x1b were changed; going on") == 1
    assert list(progress.notices()) == []


def test_notices_that_come_late_are_shown_at_the_end(progress: Progress) -> None:
    terminal = Terminal(isatty=False)
    with showing(progress, quiet=False, stream=terminal, interval_s=600):
        progress(events.UnfinishedSessionSeen("video.mp4", "s7", aborted=True))
    assert terminal.getvalue() == "asyncup: video.mp4: aborted the unfinished upload session s7\n"


def test_quiet_ones_get_no_notices(progress: Progress) -> None:
    terminal = Terminal(isatty=False)
    with showing(progress, quiet=True, stream=terminal):
        progress(events.UnfinishedSessionSeen("video.mp4", "s7", aborted=True))
    assert terminal.getvalue() == ""


def test_a_reader_who_went_away_ends_no_upload(progress: Progress) -> None:
    class Gone(Terminal):
        def write(self, text: str) -> int:
            self.written.set()
            raise BrokenPipeError

    terminal = Gone(isatty=False)
    with showing(progress, quiet=False, stream=terminal, interval_s=0.001):
        progress(events.UnfinishedSessionSeen("video.mp4", "s7", aborted=True))
        assert terminal.written.wait(20)
