"""What a person is told of events."""

from asyncup import events
from asyncup.bulk.budgets.bandwidth_timetable import parse_bandwidth
from asyncup.bulk.journal.entry import State
from asyncup.bulk.report.file_result import FileResult
from asyncup.bulk.run import events as run_events
from asyncup.bulk.run.live_settings import LiveSettings
from asyncup.cli.bulk.run_messages import RunMessages
from tests.bulk.journals import entry_with


def ended(state: State, **fields: object) -> run_events.FileEnded:
    entry = entry_with(**({"file": "/data/a", "error": "it is a link", "state": state, "columns": {}} | fields))
    return run_events.FileEnded(FileResult.of(entry))


def lines_of(*happened: events.Event | run_events.RunEvent) -> list[str]:
    messages = RunMessages()
    return [line for event in happened for line in messages.of(event)]


def test_what_is_lost_is_named_with_its_line() -> None:
    assert lines_of(ended(State.DONE), ended(State.BROKEN, row=7), ended(State.FAILED)) == [
        "broken: line 7: /data/a: it is a link",
        "failed: /data/a: it is a link",
    ]


def test_a_flood_of_failures_is_cut_short() -> None:
    lines = lines_of(*[ended(State.FAILED)] * 1000)
    assert len(lines) == 21
    assert lines[-1] == "more failed; the results will name them all"


def test_what_concerns_the_run() -> None:
    settings = LiveSettings(lanes=3, memory=10**9, bandwidth=parse_bandwidth("10M"))
    assert lines_of(
        run_events.RunWarning("The journal is on a network file system."),
        run_events.SettingsChanged(settings),
        run_events.SettingsChanged(LiveSettings()),
        run_events.SettingsRefused("no JSON"),
        run_events.SessionsSortedOut(continued=1, aborted=2, others=3, allowed=4),
        run_events.SessionsSortedOut(continued=0, aborted=0, others=3, allowed=4),
        events.VaultHeld(delay_s=59.6, reason="maintenance"),
        events.SourceTouched("/data/a", "its attributes were changed"),
        events.PartStarted("/data/a", 1, 1, 1),
    ) == [
        "The journal is on a network file system.",
        "changed: at most 3 lanes, 1.0 GB of memory, bandwidth limit 10M",
        "changed: as the run was begun",
        "not changed: no JSON",
        "upload sessions of an earlier run: going on with 1, aborted 2 of no more use",
        "Vault asks to be left alone for 60 s: maintenance",
        "/data/a: its attributes were changed; going on, and comparing its bytes at the end",
    ]
