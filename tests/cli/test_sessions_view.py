"""Upload sessions in words: at 80 columns, with anything missing, and without anything that breaks a line."""

import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st
from rich.console import Console

from asyncup.cli.sessions_view import SessionView, parts_table, sessions_table, still_for_s
from asyncup.protocol.responses import HeldPart, UploadSession

NOW = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)
ID = "0f3c27a1b5d94e6f8a1b2c3d4e5f6071"
FULL = UploadSession(
    ID,
    "/u42/wave-1/a film that has a rather long name and lies in a folder.mp4",
    268_435_456_000,
    112_742_891_520,
    2254,
    1_234_567,
    "2026-05-01T10:00:00.000Z",
    "2026-05-04T10:00:00.000Z",
    last_uploaded_date="2026-05-02T11:00:00.000Z",
)
EMPTY = UploadSession("x", None, None, None, None, None, None, None)


def view(session: UploadSession, *, mine: bool = False) -> SessionView:
    return SessionView(session=session, mine=mine, now=NOW)


def rendered(table: object, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_table_at_80_columns_has_everything_whole() -> None:
    lines = rendered(sessions_table([view(FULL, mine=True), view(EMPTY)]), 80)
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for words in ("path, id", "268.4 GB", "42 %", "2254", "1234567", "you", "2026-05-01 10:00", "in 1 d 22 h"):
        assert words in text
    assert any(line.startswith(ID) for line in lines)
    assert "…" not in text


def test_a_wide_table_has_one_id_a_line() -> None:
    lines = rendered(sessions_table([view(FULL)]), 160)
    assert len(lines) == 3
    assert lines[2].startswith(ID)


def test_every_fact_has_its_name() -> None:
    assert view(FULL, mine=True).facts() == [
        ("id", ID),
        ("path", FULL.path),
        ("size", "268.4 GB"),
        ("uploaded", "42 % (112.7 GB)"),
        ("parts", "2254"),
        ("owner", "1234567 (you)"),
        ("created", "2026-05-01 10:00"),
        ("last part", "2026-05-02 11:00"),
        ("expires in", "1 d 22 h"),
    ]
    assert {value for _, value in view(EMPTY).facts()[1:]} == {"-", "- (-)"}


def test_the_json_says_what_vault_said() -> None:
    assert json.loads(view(FULL, mine=True).as_json()) == {
        "id": ID,
        "path": FULL.path,
        "size": 268_435_456_000,
        "uploaded": 112_742_891_520,
        "uploaded_percent": 42,
        "uploaded_parts": 2254,
        "owner": 1_234_567,
        "mine": True,
        "created_date": FULL.created_date,
        "last_uploaded_date": FULL.last_uploaded_date,
        "expiration_date": FULL.expiration_date,
    }


@given(st.text(), st.text(min_size=1))
def test_a_line_is_one_line_of_eight_fields_whatever_the_names_are(path: str, session_id: str) -> None:
    line = view(UploadSession(session_id, path, 0, 0, 0, 1, None, None)).as_line()
    assert line.replace("\t", "").isprintable()
    assert line.count("\t") == 7


def test_no_name_reaches_the_terminal_as_markup_or_control() -> None:
    odd = UploadSession("[red]i", "/u1/[bold]\x1b[31m\na", 1, 1, 1, 1, None, None)
    text = "\n".join(rendered(sessions_table([view(odd)]), 200))
    assert "/u1/[bold]\\x1b[31m\\na" in text
    assert "[red]i" in text


@given(st.integers(min_value=0), st.integers(min_value=0))
def test_a_hundred_percent_is_everything(size: int, uploaded: int) -> None:
    percent = view(UploadSession("x", None, size, uploaded, None, None, None, None)).percent
    assert percent is not None
    assert 0 <= percent <= 100
    assert (percent == 100) == (uploaded >= size)


@pytest.mark.parametrize(
    ("created", "uploaded", "still_s"),
    [
        ("2026-05-01T12:00:00Z", None, 86_400),
        ("2026-05-01T12:00:00Z", "2026-05-01T12:00:00Z", 86_400),
        ("2026-05-01T12:00:00Z", "2026-05-02T11:00:00Z", 3600),
        ("2026-05-01T12:00:00Z", "rubbish", 86_400),
        (None, "2026-05-01T12:00:00Z", None),
        ("rubbish", None, None),
    ],
)
def test_what_counts_is_the_last_part(created: str | None, uploaded: str | None, still_s: float | None) -> None:
    assert (
        still_for_s(UploadSession("x", None, None, None, None, None, created, None, last_uploaded_date=uploaded), NOW)
        == still_s
    )


def test_the_parts_are_a_table() -> None:
    lines = rendered(parts_table([HeldPart(1, 5_242_880, "d" * 32), HeldPart(2, 7, "e" * 32)]), 80)
    assert [line.split() for line in lines] == [
        ["part", "bytes", "md5"], ["1", "5242880", "d" * 32], ["2", "7", "e" * 32],
    ]  # fmt: skip
