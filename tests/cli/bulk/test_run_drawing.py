"""The live display, as the text that a terminal of some width shows."""

import dataclasses
from io import StringIO

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len
from rich.console import Console

from asyncup.cli.bulk.run_drawing import draw
from asyncup.cli.bulk.run_view import Burst, RunView
from tests.cli.bulk.views import LANE, lanes, view


def drawn(shown: RunView, *, width: int = 80, height: int = 24) -> list[str]:
    console = Console(width=width, height=height, record=True, file=StringIO(), force_terminal=True)
    console.print(draw(shown, height=height))
    return console.export_text().splitlines()


def test_at_80_columns() -> None:
    lines = [line.rstrip() for line in drawn(view())]
    assert lines[0] == "/data/studies → /u1/target"
    assert lines[1].endswith(" 35 %")
    assert lines[2:] == [
        "Data   7.0 TB of 20.0 TB   112.4 MB/s now   104.0 MB/s mean   1 d 10 h left",
        "Files  34,567 of 100,000   12.3 per second   560 skipped   5 failed   2 broken",
        "Vault  1,411 of 2,000 calls left   12 of 25 upload sessions   1.5 calls per file",
        "Speed  1 lanes busy, 16 allowed   limited by the network   19 h 26 min so far",
        "",
        "File                                         Size     Part  Done  Waits for",
        "studies/a.tif                            700.0 MB  8 of 14  50 %  the wire",
        "Ctrl-C ends in order; the same command goes on later.",
    ]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_figure_is_lost_at_any_width(width: int) -> None:
    text = "\n".join(drawn(view(), width=width))
    for figure in (
        "7.0 TB of 20.0 TB", "112.4 MB/s now", "104.0 MB/s mean", "1 d 10 h left", "34,567 of 100,000", "560 skipped",
        "5 failed", "2 broken", "1,411 of 2,000 calls left", "12 of 25 upload sessions", "1.5 calls per file",
        "1 lanes busy, 16 allowed", "limited by the network", "19 h 26 min so far", "8 of 14",
    ):  # fmt: skip
        assert figure in text


def test_what_is_not_known_is_left_out() -> None:
    text = "\n".join(
        drawn(
            view(
                counted=False, left_s=None, burst=None, sessions_allowed=None, limited_by="", ended=0, failed=0,
                files=0, files_done=0, bytes=0, bytes_done=0, lanes=(),
            )
        )
    )  # fmt: skip
    assert "0 of 0, still counting" in text
    assert "calls" not in text
    assert "left" not in text
    assert "limited" not in text
    assert "job" not in text


def test_more_lanes_than_lines_are_counted() -> None:
    lines = drawn(view(lanes=lanes(14)), height=24)
    assert len(lines) <= 24
    assert sum(".tif" in line for line in lines) == 9
    assert "studies/13.tif" in lines[8], "the largest first"
    assert "and 5 more files on their way" in [line.rstrip() for line in lines]


def test_files_that_vault_is_working_on_are_counted() -> None:
    assert "3 wait for Vault's job" in "\n".join(drawn(view(waiting_for_jobs=3)))


def test_failures_and_the_end_are_said() -> None:
    text = "\n".join(drawn(view(last_failure="a.tif: INVALID_DATA: no\nsuch [bold]thing", ending=True)))
    assert "Last failure: a.tif: INVALID_DATA: no\\nsuch [bold]thing" in text
    assert "Ctrl-C again cuts them off" in text


def test_a_long_failure_has_two_lines() -> None:
    lines = [line.rstrip() for line in drawn(view(last_failure="site-1/a.tif: " + "why " * 100))]
    [first] = [line for line in lines if line.startswith("Last failure: site-1/a.tif: why why")]
    second = lines[lines.index(first) + 1]
    assert second.startswith("why why")
    assert second.endswith("…")
    assert lines[lines.index(first) + 2].startswith("Ctrl-C")


@given(
    width=st.integers(20, 250),
    height=st.integers(1, 60),
    count=st.integers(0, 60),
    name=st.text(max_size=300),
    calls=st.integers(0, 10**12),
)
def test_no_line_is_ever_too_wide(width: int, height: int, count: int, name: str, calls: int) -> None:
    lane = dataclasses.replace(LANE, file=name, waits_for=name)
    shown = view(
        source=name, last_failure=name, lanes=(lane,) * count, burst=Burst(calls, calls), limited_by=name[:30] + "x"
    )
    lines = drawn(shown, width=width, height=height)
    assert all(cell_len(line) <= width for line in lines)
    assert sum("of 14" in line for line in lines) >= min(count, 3) or width < 40
