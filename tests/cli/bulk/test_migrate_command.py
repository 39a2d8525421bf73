"""`asyncup migrate` and `asyncup retry` as a person runs them, against the pretend Vault."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from asyncup.cli.app import run
from tests.cli.conftest import Ended, Vault

MB = 1_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four files, the largest of which needs an upload session."""
    folder = tmp_path / "f"
    (folder / "below").mkdir(parents=True)
    for name, size in (("a", 1000), ("b", 0), ("below/c", 20_000), ("large", 51 * MB)):
        (folder / name).write_bytes(os.urandom(size))
    return folder


def migrate(vault: Vault, *arguments: str | Path, journal: str = "j", command: str = "migrate") -> Ended:
    """Run it with a journal and a report folder, that are beside everything else."""
    work = vault.emulator.root
    assert work is not None
    places = ("--journal", work.parent / journal, "--report", work.parent / "R")
    return vault.run(command, *map(str, (*arguments, *places)))


def results(vault: Vault) -> list[dict[str, Any]]:
    assert vault.emulator.root is not None
    return [json.loads(line) for line in (vault.emulator.root.parent / "R" / "results.jsonl").read_text().splitlines()]


def arrived(vault: Vault, folder: Path, destination: str = "/u1/t") -> bool:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return all(vault.content(f"{destination}/{file.relative_to(folder)}") == file.read_bytes() for file in files)


def test_a_folder_arrives_and_the_summary_adds_up(vault: Vault, folder: Path) -> None:
    done = migrate(vault, folder, "/u1/t")
    assert done.code == 0, done.err
    assert done.out == ""
    assert arrived(vault, folder)
    assert vault.emulator.inside.sessions == []
    figures = [line.split()[1:] for line in done.err.splitlines()[:6]]
    assert [line[0] for line in figures] == ["inputs", "success", "skipped", "failed", "broken", "not"]
    assert figures[0][1] == figures[1][1] == "4"
    assert "this run: 4 files and 51.0 MB in " in done.err
    assert [result["state"] for result in results(vault)] == ["SUCCESS"] * 4

    again = migrate(vault, folder, "/u1/t")
    assert again.code == 0
    assert "this run: 0 files and 0 B in " in again.err
    elsewhere = migrate(vault, folder, "/u1/t", journal="j2", command="migrate")
    assert elsewhere.code == 0
    assert [result["state"] for result in results(vault)] == ["SKIPPED"] * 4


def test_patterns_choose_among_the_files(vault: Vault, folder: Path) -> None:
    done = migrate(vault, folder, "/u1/t", "--include", "*", "--exclude", "large", "--exclude", "below/", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert [Path(result["file"]).name for result in results(vault)] == ["a", "b"]


def test_everything_is_logged_and_nothing_secret(vault: Vault, folder: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert migrate(vault, folder, "/u1/t", "--log-json", log).code == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    names = [line["event"] for line in lines]
    assert names.count("file_ended") == 4
    assert {"sessions_sorted_out", "upload_session_opened", "part_acknowledged", "source_read"} <= set(names)
    assert all(line["at"] for line in lines)
    assert "token-for-tests" not in log.read_text()


def test_verified_by_bytes_and_with_csv_files_for_vault_loader(vault: Vault, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    manifest = tmp_path / "m.csv"
    manifest.write_text('file,path,name__v\na,a,"The \\ first"\nb,b,Second\nc,c,Third\n')
    done = migrate(
        vault, manifest, "/u1/t", "--verify", "bytes", "--loader-csv", "--loader-rows", "2", "--loader-upload"
    )
    assert done.code == 0, done.err
    assert "verified 3 files: 3 same" in done.err
    records = (tmp_path / "R" / "verification.jsonl").read_text().splitlines()
    assert [json.loads(line)["check"] for line in records] == ["SAME"] * 3
    for name in ("loader-0001.csv", "loader-0002.csv"):
        assert vault.content(f"/u1/t/{name}") == (tmp_path / "R" / name).read_bytes()
    with (tmp_path / "R" / "loader-0001.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["file", "name__v"], ["/u1/t/a", "The \\\\ first"], ["/u1/t/b", "Second"]]


def test_verification_that_disagrees_ends_with_8(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"xyz")
    manifest = tmp_path / "m.csv"
    manifest.write_text("file,path\na,/u1/a\n")
    assert vault.upload(tmp_path / "a", "/u1/a").code == 0
    (tmp_path / "a").write_bytes(b"xyZ")
    done = migrate(vault, manifest, "/", "--verify", "bytes")
    assert [result["state"] for result in results(vault)] == ["SKIPPED"]
    assert done.code == 8
    assert "DIFFERS  line 2: /u1/a: its MD5 should be " in done.err


BROKEN_ROWS = {
    "TOO_FEW_CELLS": "a",
    "TOO_MANY_CELLS": "a,/u1/t/x1,,,,x,y",
    "QUOTES": '"a"b,/u1/t/x2,,,,',
    "EMPTY_FILE": ",/u1/t/x3,,,,",
    "EMPTY_PATH": "a,,,,,",
    "SIZE_NOT_A_NUMBER": "a,/u1/t/x4,many,,,",
    "SIZE_NEGATIVE": "a,/u1/t/x5,-1,,,",
    "MD5_NOT_HEX": "a,/u1/t/x6,,xyz,,",
    "OVERWRITE_NOT_BOOLEAN": "a,/u1/t/x7,,,perhaps,",
    "DESTINATION": "a,/u1/../x8,,,,",
    "SAME_DESTINATION": "a,/u1/t/good1,,,,",
    "NUL": "a,/u1/t/x\0,,,,",
}


def test_twelve_kinds_of_broken_rows_are_named_and_the_good_ones_sent(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"good")
    rows = ["a,/u1/t/good1,4,,,first", *BROKEN_ROWS.values(), "a,/u1/t/good2,,,,last"]
    manifest = tmp_path / "m.csv"
    manifest.write_text("file,path,size,md5,overwrite,name__v\n" + "".join(row + "\n" for row in rows))
    done = migrate(vault, manifest, "/")
    assert done.code == 3, done.err
    found = results(vault)
    assert [(result["row"], result["state"], result["error_type"]) for result in found] == [
        (2, "SUCCESS", None),
        *((row, "BROKEN", kind) for row, kind in enumerate(BROKEN_ROWS, start=3)),
        (15, "SUCCESS", None),
    ]
    for result in found[1:-1]:
        assert f"asyncup: broken: line {result['row']}: " in done.err
        assert result["error"]
    assert vault.content("/u1/t/good1") == vault.content("/u1/t/good2") == b"good"


def test_retry_sends_what_failed_and_nothing_else(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    manifest = tmp_path / "m.csv"
    manifest.write_text("file,path\na,/u1/t/a\nb,/u1/t/b\n")
    done = migrate(vault, manifest, "/")
    assert done.code == 4, "only a local file was in the way"
    assert [result["state"] for result in results(vault)] == ["SUCCESS", "FAILED"]
    (tmp_path / "R" / "results.jsonl").rename(tmp_path / "R" / "first.jsonl")

    (tmp_path / "b").write_bytes(b"b")
    again = migrate(vault, tmp_path / "R" / "first.jsonl", journal="retry", command="retry")
    assert again.code == 0, again.err
    assert [(result["path"], result["state"]) for result in results(vault)] == [("/u1/t/b", "SUCCESS")]
    assert vault.content("/u1/t/b") == b"b"


def test_what_an_earlier_run_gave_up_is_sent_when_asked_for(vault: Vault, tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text("file,path\nb,/u1/t/b\n")
    assert migrate(vault, manifest, "/").code == 4
    (tmp_path / "b").write_bytes(b"b")
    assert migrate(vault, manifest, "/").code == 4
    assert migrate(vault, manifest, "/", "--failed-again").code == 0
    assert vault.content("/u1/t/b") == b"b"


def test_a_dry_run_needs_no_vault(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["migrate", str(folder), "/u1/t", "--dry-run", "--rate", "10MB"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["files", "4", "51.0", "MB"]
    assert out[2].split()[-3:] == ["1", "51.0", "MB"]
    assert "minutes" in out[-1]


def test_a_vault_that_refuses_the_login(vault: Vault, folder: Path, tmp_path: Path) -> None:
    places = ("--journal", str(tmp_path / "j"), "--report", str(tmp_path / "R"))
    done = vault.run("migrate", str(folder), "/u1/t", *places, VEEVA_VAULT_TOKEN="wrong")
    assert done.code == 6, done.err


def test_a_vault_that_is_away(folder: Path, vault: Vault, tmp_path: Path) -> None:
    places = ("--journal", str(tmp_path / "j"), "--report", str(tmp_path / "R"))
    done = vault.run("migrate", str(folder), "/u1/t", *places, VEEVA_VAULT_DNS="http://127.0.0.1:9")
    assert done.code == 5, done.err
    assert "run the same command again" in done.err
    assert {result["state"] for result in results(vault)} <= {"PENDING"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["migrate", "f", "/u1/t"], "--journal FILE and a --report FOLDER"),
        (["migrate", "f", "/u1/t", "--journal", "j", "--report", "R", "--lanes", "0"], "--lanes"),
        (["migrate", "f", "/u1/t", "--journal", "j", "--report", "R", "--bwlimit", "fast"], "--bwlimit"),
        (["migrate", "f", "/u1/t", "--journal", "j", "--report", "R", "--loader-upload"], "--loader-csv"),
        (["migrate", "f", "/u1/t", "--journal", "j", "--report", "R", "--grace", "nan"], "--grace"),
        (["migrate", "f", "/u1/t", "--journal", "j", "--report", "R", "--loader-csv", "--loader-rows", "0"], "rows"),
        (["migrate", "f", "/u1/t", "--journal", "j", "--report", "R", "--sessions", "0"], "--sessions"),
        (["migrate", "f", "/u1/t", "--journal", "j", "--report", "R", "--matching", "fuzzy"], "folded"),
        (["migrate", "f", "/u1/t", "--journal", "j", "--report", "f/R"], "in the folder that is sent"),
        (["retry", "R/results.jsonl", "--journal", "j", "--report", "./R"], "that are to be retried"),
        (["migrate", "f", "/u1/t", "--dry-run", "--turnaround", "inf"], "--turnaround"),
        (["retry", "r", "--journal", "j", "--report", "R", "--loader-csv", "--loader-upload"], "DESTINATION"),
    ],
)
def test_mistakes_in_the_arguments(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert complaint in capsys.readouterr().err


def test_a_journal_inside_the_source_or_of_another_run_is_refused(vault: Vault, folder: Path, tmp_path: Path) -> None:
    done = migrate(vault, folder, "/u1/t", journal="f/j")
    assert done.code == 2
    assert "is inside" in done.err
    assert migrate(vault, folder, "/u1/t").code == 0
    before = (tmp_path / "R" / "results.jsonl").read_bytes()
    done = migrate(vault, folder, "/u1/elsewhere")
    assert done.code == 2
    assert "of another run" in done.err
    assert (tmp_path / "R" / "results.jsonl").read_bytes() == before


def test_a_log_or_report_that_cannot_be_written(vault: Vault, folder: Path, tmp_path: Path) -> None:
    done = migrate(vault, folder, "/u1/t", "--log-json", tmp_path / "none" / "log")
    assert done.code == 2
    (tmp_path / "R").write_text("a file")
    done = migrate(vault, folder, "/u1/t")
    assert done.code == 18, done.err
    assert arrived(vault, folder)
