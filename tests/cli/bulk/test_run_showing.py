"""Who shows a bulk run, and how."""

import threading

import pytest

from asyncup.cli.bulk.run_showing import Shown, showing_run
from tests.cli.bulk.views import view
from tests.cli.test_progress_display import Terminal


@pytest.fixture(autouse=True)
def _a_known_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def shown() -> Shown:
    shown = Shown()
    shown.view = view(limited_by="a part")  # the word that the terminal waits for
    return shown


def test_a_pipe_gets_plain_lines(shown: Shown) -> None:
    stream = Terminal(isatty=False)
    with showing_run(shown, quiet=False, interval_s=0.01, stream=stream):
        assert stream.written.wait(10)
    assert stream.getvalue().startswith("asyncup: 35 %, 34,567 of 100,000 files, ")
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_gets_a_live_display_and_its_cursor_back(shown: Shown) -> None:
    stream = Terminal(isatty=True)
    with showing_run(shown, quiet=False, stream=stream):
        assert stream.written.wait(10)
    text = stream.getvalue()
    assert "Vault" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


@pytest.mark.parametrize("isatty", [True, False])
def test_nothing_is_shown_before_there_is_something(isatty: bool) -> None:
    stream = Terminal(isatty=isatty)
    with showing_run(Shown(), quiet=False, interval_s=0.001, stream=stream):
        assert not stream.written.wait(0.02)
    assert "%" not in stream.getvalue()


@pytest.mark.parametrize("isatty", [True, False])
@pytest.mark.parametrize("quiet", [True, False])
def test_what_is_said_is_shown_once_even_when_quiet(shown: Shown, *, isatty: bool, quiet: bool) -> None:
    stream = Terminal(isatty=isatty)
    with showing_run(shown, quiet=quiet, interval_s=600, stream=stream):
        shown.say("part of \x1b a network file system")
    assert stream.getvalue().count("asyncup: part of \\x1b a network file system") == 1
    assert ("34,567" in stream.getvalue()) <= (isatty and not quiet)


def test_no_thread_is_left_behind(shown: Shown) -> None:
    before = set(threading.enumerate())
    for isatty in (False, True):
        with showing_run(shown, quiet=False, stream=Terminal(isatty=isatty)):
            pass
    assert set(threading.enumerate()) == before
