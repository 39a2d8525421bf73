"""Changing a run while it runs: a small file beside the journal, written by one program and watched by the other.

A file works over any terminal, on every system and without a port, and shows what was asked for. It is replaced as a
whole, so that no half of it is ever read; what makes no sense in it is told once, and the run goes on as it was. It
is for the run in progress: a run forgets it when it begins. Must not know what obeys the settings.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import anyio.to_thread

from asyncup.bulk.budgets.bandwidth_timetable import Timetable, parse_bandwidth
from asyncup.errors import ConfigurationError

__all__ = ["LiveSettings", "forget_settings", "parse_settings", "settings_path", "tune", "watch_settings"]

_LOOK_EVERY_S = 1.0
_LARGEST_FILE = 64 * 1024
_NAMES = ("lanes", "memory", "bwlimit")
_HINT = "asyncup tune JOURNAL writes it"

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """What was asked for; None leaves it as the run was started.

    Attributes:
        lanes: the most lanes.
        memory: the byte budget.
        bandwidth: the limit; one that is off takes the run's own limit away.
    """

    lanes: int | None = None
    memory: int | None = None
    bandwidth: Timetable | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigurationError: a number is not positive.
        """
        for name, value in (("lanes", self.lanes), ("memory", self.memory)):
            if value is not None and value < 1:
                raise ConfigurationError(f"{name} must be at least 1, not {value}")

    def changed_by(self, changes: LiveSettings) -> LiveSettings:
        """Return these settings, with what `changes` says in their place."""
        return replace(
            self,
            lanes=self.lanes if changes.lanes is None else changes.lanes,
            memory=self.memory if changes.memory is None else changes.memory,
            bandwidth=self.bandwidth if changes.bandwidth is None else changes.bandwidth,
        )


def settings_path(journal: Path) -> Path:
    """Return where the settings of the run with this journal are."""
    return journal.with_name(f"{journal.name}.tune.json")


def parse_settings(text: str) -> LiveSettings:
    """Read the file's text.

    Raises:
        ConfigurationError: it is no JSON object, names something else, or a value makes no sense.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"the settings are no JSON: {error}", hint=_HINT) from None
    if not isinstance(document, Mapping):
        raise ConfigurationError("the settings are no JSON object", hint=_HINT)
    unknown = sorted(set(document) - set(_NAMES))
    if unknown:
        raise ConfigurationError(f"the settings name {unknown[0]!r}, and know {', '.join(_NAMES)} only", hint=_HINT)
    bwlimit = document.get("bwlimit")
    if bwlimit is not None and not isinstance(bwlimit, str):
        raise ConfigurationError(f"bwlimit must be text such as '10M', not {bwlimit!r}", hint=_HINT)
    return LiveSettings(
        lanes=_whole(document, "lanes"),
        memory=_whole(document, "memory"),
        bandwidth=None if bwlimit is None else parse_bandwidth(bwlimit),
    )


def tune(path: Path, changes: LiveSettings) -> LiveSettings:
    """Write changed settings, and return all that hold now. What is in the file and makes no sense is replaced.

    Raises:
        OSError: the folder cannot be written.
    """
    try:
        before = parse_settings(_read(path))
    except (FileNotFoundError, ConfigurationError):
        before = LiveSettings()
    settings = before.changed_by(changes)
    values = {
        "lanes": settings.lanes,
        "memory": settings.memory,
        "bwlimit": None if settings.bandwidth is None else settings.bandwidth.text,
    }
    text = json.dumps({name: value for name, value in values.items() if value is not None}) + "\n"
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return settings


def forget_settings(path: Path) -> None:
    """Remove what an earlier run was told."""
    path.unlink(missing_ok=True)


async def watch_settings(
    path: Path,
    on_change: Callable[[LiveSettings], None],
    on_problem: Callable[[ConfigurationError], None],
    *,
    every_s: float = _LOOK_EVERY_S,
) -> None:
    """Look at the file now and again until cancelled; call a hook, on the event loop, for each new version of it.

    Args:
        path: the file; it need not be there, and may go away, which is all settings back to None.
        on_change: told of what holds now.
        on_problem: told of a version that makes no sense. What held before holds on.
        every_s: seconds between two looks.
    """
    seen: Version | None = None
    while True:
        # Stat and read are one trip to a worker thread: a slow disk must not hold the event loop.
        version, found = await anyio.to_thread.run_sync(_look, path, seen, abandon_on_cancel=True)
        if version != seen:
            seen = version
            if isinstance(found, ConfigurationError):
                on_problem(found)
            else:
                on_change(found)
        await anyio.sleep(every_s)


def _look(path: Path, seen: Version | None) -> tuple[Version | None, LiveSettings | ConfigurationError]:
    version = seen
    try:
        status = path.stat()
        version = (status.st_mtime_ns, status.st_size, status.st_ino)
        if version == seen:
            return seen, LiveSettings()
        return version, parse_settings(_read(path))
    except FileNotFoundError:
        return None, LiveSettings()
    except ConfigurationError as error:
        return version, error
    except OSError as error:
        # It cannot be read now: looked at again, and told of once it can.
        return seen, ConfigurationError(f"the settings cannot be read: {error.strerror}")


def _read(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(_LARGEST_FILE)


def _whole(document: Mapping[str, object], name: str) -> int | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigurationError(f"{name} must be a whole number, not {value!r}", hint=_HINT)
    return value
