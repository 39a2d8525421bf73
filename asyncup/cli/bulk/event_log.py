"""`--log-json`: every event as a line of JSON, with its time and its name. Secrets are in no event.

A thread writes them, so that a slow disk or reader never holds the event loop; when it is so slow that lines pile up,
some are left out, and a line says how many. Must not know what happens in a run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import json
import queue
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

__all__ = ["EventLog", "event_line", "event_log"]

_MOST_WAITING = 100_000
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def event_line(at: datetime, name: str, fields: dict[str, Any]) -> str:
    """Return one line, without its end."""
    return json.dumps({"at": at.isoformat(timespec="milliseconds"), "event": name, **fields}, default=_as_json)


def _as_json(value: object) -> object:
    match value:
        case enum.Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return _fields_of(value)
        case Mapping():
            return dict(value)
        case _:
            return str(value)


class EventLog:
    """Takes events on any thread; `write` runs in one of its own.

    Args:
        stream: where the lines go.
        now: the time; an argument for tests.
        most_waiting: lines that may wait to be written.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self._stream = stream
        self._now = now
        self._waiting: queue.Queue[tuple[datetime, object] | None] = queue.Queue(most_waiting)
        self._left_out = 0

    def __call__(self, event: object) -> None:
        """Take an event: a dataclass, whose name and fields make the line."""
        try:
            self._waiting.put_nowait((self._now(), event))
        except queue.Full:
            self._left_out += 1

    def close(self) -> None:
        """Let `write` return once all lines are written."""
        self._waiting.put(None)

    def write(self) -> None:
        """Write lines until `close`. A stream that takes no more loses the rest."""
        told = 0
        with contextlib.suppress(OSError, ValueError):
            while (waiting := self._waiting.get()) is not None:
                at, event = waiting
                self._print(event_line(at, _name_of(event), _fields_of(event)))
                if self._left_out > told:
                    self._print(event_line(at, "lines_left_out", {"lines": self._left_out - told}))
                    told = self._left_out
                if self._waiting.empty():
                    self._stream.flush()
            self._stream.flush()
            return
        while self._waiting.get() is not None:
            pass

    def _print(self, line: str) -> None:
        self._stream.write(line + "\n")


@contextmanager
def event_log(where: str | None) -> Iterator[Callable[[object], None]]:
    """Yield a hook that logs into a file, to stdout for `-`, or nowhere.

    Raises:
        OSError: the file cannot be opened.
    """
    if where is None:
        yield lambda _: None
        return
    with contextlib.ExitStack() as opened:
        stream: TextIO = sys.stdout
        if where != "-":
            stream = opened.enter_context(Path(where).open("a", encoding="utf-8", errors="backslashreplace"))
        log = EventLog(stream)
        thread = threading.Thread(target=log.write, name="asyncup log", daemon=True)
        thread.start()
        try:
            yield log
        finally:
            log.close()
            thread.join()


def _name_of(event: object) -> str:
    return _WORD.sub("_", type(event).__name__).lower()


def _fields_of(event: object) -> dict[str, Any]:
    if not dataclasses.is_dataclass(event) or isinstance(event, type):
        return {}
    return {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
