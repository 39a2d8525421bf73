"""`asyncup tune`: changes a run that is in progress. Must not know what obeys the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from asyncup.bulk.budgets.bandwidth_timetable import parse_bandwidth
from asyncup.bulk.run.live_settings import LiveSettings, settings_path, tune as write_settings
from asyncup.cli.arguments import Bytes
from asyncup.cli.exit_codes import ExitCode
from asyncup.cli.messages import say
from asyncup.cli.sizes import show_bytes
from asyncup.cli.usage_error import UsageError
from asyncup.errors import ConfigurationError

__all__ = ["tune"]


def tune(
    journal: Annotated[Path, Parameter(name="JOURNAL")],
    /,
    *,
    lanes: int | None = None,
    memory: Bytes | None = None,
    bwlimit: Annotated[str | None, Parameter(metavar="LIMIT")] = None,
) -> int:
    """Change a run that is in progress; it obeys within a second or two.

    Args:
        journal: The run's journal.
        lanes: The most files at once.
        memory: Bytes of files that are in memory at once.
        bwlimit: Bytes per second such as `50M`, a timetable such as `"08:00,10M 19:00,off"`, or
            `off`.
    """
    if lanes is None and memory is None and bwlimit is None:
        raise UsageError("say what to change: --lanes, --memory or --bwlimit")
    if not journal.is_file():
        raise UsageError(f"{journal} is no journal of a run")
    try:
        changes = LiveSettings(
            lanes=lanes, memory=memory, bandwidth=None if bwlimit is None else parse_bandwidth(bwlimit)
        )
        now = write_settings(settings_path(journal), changes)
    except ConfigurationError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        say(f"{settings_path(journal)} cannot be written: {error.strerror}")
        return ExitCode.USAGE
    words = [
        f"at most {now.lanes} lanes" if now.lanes is not None else None,
        f"{show_bytes(now.memory)} of memory" if now.memory is not None else None,
        f"bandwidth limit {now.bandwidth.text}" if now.bandwidth is not None else None,
    ]
    say(f"asked for: {', '.join(word for word in words if word)}")
    return ExitCode.OK
