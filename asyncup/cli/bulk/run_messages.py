"""What a person is told of a bulk run's events, beside its progress: pure, from events to lines."""

from __future__ import annotations

from collections.abc import Iterator

from asyncup import events
from asyncup.bulk.journal.entry import State
from asyncup.bulk.report.file_result import FileResult
from asyncup.bulk.run import events as run_events
from asyncup.cli.sizes import show_bytes

__all__ = ["RunMessages"]

_MOST_NAMED = 20
_LOST = frozenset({State.FAILED, State.BROKEN})


class RunMessages:
    """Turns events into lines. The first failures are named, further ones only counted: the results have them all."""

    def __init__(self) -> None:
        self._lost = 0

    def of(self, event: events.Event | run_events.RunEvent) -> Iterator[str]:
        """Yield the lines that an event is worth."""
        match event:
            case run_events.FileEnded(result=result) if result.state in _LOST:
                yield from self._lost_line(result)
            case run_events.RunWarning():
                yield event.text
            case run_events.SettingsChanged():
                yield f"changed: {_settings(event)}"
            case run_events.SettingsRefused():
                yield f"not changed: {event.reason}"
            case run_events.SessionsSortedOut() if event.continued or event.aborted:
                yield (
                    f"upload sessions of an earlier run: going on with {event.continued}, aborted {event.aborted} "
                    "of no more use"
                )
            case events.VaultHeld():
                yield f"Vault asks to be left alone for {event.delay_s:.0f} s: {event.reason}"
            case events.SourceTouched():
                yield f"{event.path}: {event.how}; going on, and comparing its bytes at the end"
            case _:
                pass  # progress, or for the log

    def _lost_line(self, result: FileResult) -> Iterator[str]:
        self._lost += 1
        if self._lost <= _MOST_NAMED:
            line = "" if result.row is None else f"line {result.row}: "
            yield f"{result.state.value.lower()}: {line}{result.file}: {result.error}"
        elif self._lost == _MOST_NAMED + 1:
            yield "more failed; the results will name them all"


def _settings(event: run_events.SettingsChanged) -> str:
    settings = event.settings
    words = [
        None if settings.lanes is None else f"at most {settings.lanes} lanes",
        None if settings.memory is None else f"{show_bytes(settings.memory)} of memory",
        None if settings.bandwidth is None else f"bandwidth limit {settings.bandwidth.text}",
    ]
    return ", ".join(word for word in words if word) or "as the run was begun"
