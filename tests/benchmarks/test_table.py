"""Tables for a terminal and for the README."""

from pathlib import Path

import pytest

from benchmarks.table import BEGIN, END, as_text, markdown, write_between
from tests.benchmarks.reports import report

REPOSITORY = Path(__file__).parents[2]


def test_the_markdown_has_a_row_for_each_client_and_names_the_missing() -> None:
    text = markdown(report())
    assert "Made by `make bench-quick` on: A processor, 2 cores" in text
    assert "revision abc1234" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    widths = {row.count("|") for row in rows}
    assert len(widths) == 1
    assert rows[2:] == [
        "| MD5, all cores | 1481 | 1481 to 1481 |  |  | 1.35 | 230 |",
        "| sendall | 2500 | 2500 to 2500 | 231% | 0.40x | 0.30 | 230 |",
        "| minimal | 1053 | 1053 to 1053 | 97% | 0.95x | 1.50 | 230 |",
        "| MD5, parts together | 5000 | 5000 to 5000 |  |  | 0.20 | 230 |",
        "| **asyncup** | **1000** | **1000 to 1000** | **93%** |  | **1.70** | **230** |",
        "| requests | 312 | 1 run | 29% | 3.20x | 1.50 | 230 |",
    ]
    assert "; parts hashed together (MD5 0.20): limit 2.50 GB/s, of which asyncup has 40%)" in text
    assert "Missing: httpx (httpx is not installed)" in text


def test_only_the_wanted_workloads_are_shown() -> None:
    assert "| requests |" in markdown(report(), ["plain"])
    assert "|" not in markdown(report(), ["TLS"])


def test_the_text_has_every_figure_and_the_bars() -> None:
    text = as_text(report())
    assert "MD5: 0.75 GB/s on a core, 1.50 on all; the machine was quiet" in text
    assert "roofline 1.08 GB/s" in text
    assert "missing: httpx (httpx is not installed)" in text
    assert "bars: 4 of 4 hold" in text


def test_what_stands_between_the_markers_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text(f"before\n{BEGIN}\nold\n{END}\nbehind\n")
    write_between(file, "new")
    write_between(file, "newer")
    assert file.read_text() == f"before\n{BEGIN}\nnewer\n{END}\nbehind\n"


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{END}"])
def test_a_file_without_its_markers_is_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "README.md"
    file.write_text(text)
    with pytest.raises(ValueError, match="must have"):
        write_between(file, "new")
    assert file.read_text() == text
