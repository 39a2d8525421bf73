"""`asyncup tune`: what it leaves for the run that is in progress."""

from pathlib import Path

import pytest

from asyncup.bulk.run.live_settings import parse_settings, settings_path
from asyncup.cli.app import run


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    journal = tmp_path / "j"
    journal.touch()
    return journal


def test_changes_add_up(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tune", str(journal), "--lanes", "3"]) == 0
    assert run(["tune", str(journal), "--memory", "1GB", "--bwlimit", "08:00,512K 19:00,off"]) == 0
    settings = parse_settings(settings_path(journal).read_text())
    assert (settings.lanes, settings.memory) == (3, 10**9)
    assert settings.bandwidth is not None
    assert settings.bandwidth.text == "08:00,512K 19:00,off"
    assert capsys.readouterr().err.splitlines()[1] == (
        "asyncup: asked for: at most 3 lanes, 1.0 GB of memory, bandwidth limit 08:00,512K 19:00,off"
    )


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "say what to change"),
        (["--lanes", "0"], "lanes must be at least 1"),
        (["--bwlimit", "fast"], "Write a rate such as"),
        (["--memory", "1 furlong"], "number of bytes"),
    ],
)
def test_nonsense_changes_nothing(
    journal: Path, options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["tune", str(journal), *options]) == 2
    assert complaint in capsys.readouterr().err
    assert not settings_path(journal).exists()


def test_there_must_be_a_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tune", str(tmp_path / "none"), "--lanes", "1"]) == 2
    assert "no journal" in capsys.readouterr().err
