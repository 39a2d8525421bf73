"""The CSV for Vault Loader: what is in Vault, in Vault's dialect, in files of as many rows as Vault takes."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from asyncup.bulk.journal.entry import State
from asyncup.bulk.report.loader_csv import LoaderCsv
from tests.bulk.journals import entry_with

FURTHER = ["name__v", "path"]


ENTRY = entry_with(state=State.DONE, destination="/u1/f1", columns={"path": "C:\\x", "name__v": 'A, "b"\r\nc'})


def test_vaults_dialect(tmp_path: Path) -> None:
    with LoaderCsv(tmp_path, FURTHER) as loader:
        loader.write(ENTRY)
    assert loader.paths == [tmp_path / "loader.csv"]
    assert (tmp_path / "loader.csv").read_bytes() == (b'file,name__v,path\r\n/u1/f1,"A, ""b""\nc",C:\\\\x\r\n')


def test_only_what_is_in_vault(tmp_path: Path) -> None:
    with LoaderCsv(tmp_path, [], leading_slash=False) as loader:
        loader.write_all(replace(ENTRY, state=state, destination=f"/{state}") for state in State)
    assert (tmp_path / "loader.csv").read_text().split() == ["file", "DONE", "SKIPPED"]


@pytest.mark.parametrize(("rows", "files"), [(0, 0), (1, 1), (500, 1), (501, 2), (1001, 3)])
def test_it_is_split(tmp_path: Path, rows: int, files: int) -> None:
    with LoaderCsv(tmp_path, FURTHER, rows_per_file=500) as loader:
        loader.write_all([entry_with(state=State.DONE, destination="/u1/f1", columns={})] * rows)
    assert [path.name for path in loader.paths] == [f"loader-{n:04}.csv" for n in range(1, files + 1)]
    counts = [len(list(csv.reader(path.read_text().splitlines()))) - 1 for path in loader.paths]
    assert sum(counts) == rows
    assert all(0 < count <= 500 for count in counts)


def test_a_file_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    not_json = entry_with(state=State.DONE, destination="/a", columns={"path": object()})

    def write() -> None:
        with LoaderCsv(tmp_path, FURTHER) as loader:
            loader.write_all([ENTRY, not_json])

    with pytest.raises(TypeError):
        write()
    assert not list(tmp_path.glob("*loader*"))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    row = entry_with(state=State.DONE, destination="/a", columns={"x": text})
    with LoaderCsv(tmp_path_factory.getbasetemp(), ["x"]) as loader:
        loader.write(row)
    with loader.paths[0].open(newline="", encoding="utf-8") as file:
        _, [_, cell] = csv.reader(file)
    assert cell.replace("\\\\", "\\") == text.replace("\r\n", "\n").replace("\r", "\n")
    assert cell.count("\\") == 2 * text.count("\\")
