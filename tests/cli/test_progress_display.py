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
