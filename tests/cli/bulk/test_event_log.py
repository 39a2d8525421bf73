"""`--log-json`: one typed object per line, whoever is slow."""

import io
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from asyncup import events
from asyncup.bulk.inputs.item import NO_COLUMNS
from asyncup.bulk.journal.entry import State
from asyncup.bulk.report.file_result import FileResult
from asyncup.bulk.run.events import FileEnded
from asyncup.cli.bulk.event_log import EventLog, event_log
from tests.bulk.journals import entry_with

AT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def written_by(*happened: object, most_waiting: int = 100) -> list[dict[str, object]]:
    """The lines of events that all came before the first line was written."""
    stream = io.StringIO()
    log = EventLog(stream, now=lambda: AT, most_waiting=most_waiting)
    for event in happened:
        log(event)
    writing = threading.Thread(target=log.write)
    writing.start()
    log.close()
    writing.join()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_its_name_its_time_and_its_fields() -> None:
    [started, stage] = written_by(
        events.PartStarted(path="a\nb", part=3, length=5, attempt=1), events.StageEntered("a", events.Stage.WIRE)
    )
    assert started == {
        "at": "2026-01-02T03:04:05.678+00:00", "event": "part_started", "path": "a\nb", "part": 3, "length": 5,
        "attempt": 1,
    }  # fmt: skip
    assert (stage["event"], stage["stage"]) == ("stage_entered", "wire")


def test_values_of_any_depth_become_json() -> None:
    entry = entry_with(file="/data/a", state=State.DONE, md5s=("ab",), columns=NO_COLUMNS)
    [line] = written_by(FileEnded(FileResult.of(entry)))
    result = line["result"]
    assert isinstance(result, dict)
    assert (result["file"], result["state"], result["md5s"], result["columns"]) == ("/data/a", "DONE", ["ab"], {})


def test_lines_that_nobody_takes_are_counted() -> None:
    event = events.BurstBudgetLow(limit=10, remaining=1)
    lines = written_by(*[event] * 7, most_waiting=3)
    names = [line["event"] for line in lines]
    assert names.count("burst_budget_low") == 3
    assert [line["lines"] for line in lines if line["event"] == "lines_left_out"] == [4]


def test_a_stream_that_fails_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "log"
    closed = path.open("w")
    closed.close()
    log = EventLog(closed)
    log(events.BurstBudgetLow(limit=10, remaining=1))
    log.close()
    log.write()


def test_into_a_file_to_stdout_or_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event = events.BurstBudgetLow(limit=10, remaining=1)
    path = tmp_path / "log.jsonl"
    for where in (str(path), str(path), "-", None):
        with event_log(where) as log:
            log(event)
    assert [json.loads(line)["remaining"] for line in path.read_text().splitlines()] == [1, 1]
    assert json.loads(capsys.readouterr().out)["limit"] == 10
