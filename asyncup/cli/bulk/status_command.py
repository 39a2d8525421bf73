"""`asyncup status`: what a journal tells, also while a run is writing it. Must not know how it is kept."""

from __future__ import annotations

import json as json_text
from contextlib import closing
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from asyncup.bulk.journal.entry import State
from asyncup.bulk.journal.view import JournalView
from asyncup.bulk.report.totals import losses_of
from asyncup.cli.arguments import Flag
from asyncup.cli.bulk.status_view import status_json, status_lines
from asyncup.cli.exit_codes import ExitCode, exit_code_for
from asyncup.cli.messages import one_line, say
from asyncup.errors import AsyncupError

__all__ = ["status"]


def status(journal: Annotated[Path, Parameter(name="JOURNAL")], /, *, json: Flag = False) -> int:
    """Show how far a run is, from its journal.

    Args:
        journal: The run's journal; the run may be in progress.
        json: Print one JSON object.
    """
    try:
        with closing(JournalView(journal)) as view:
            tally = view.tally()
            under_way = list(view.entries({State.SENDING, State.COMMITTING}))
            losses = losses_of(view.entries({State.FAILED, State.BROKEN}))
            key = view.key()
    except AsyncupError as error:
        say(str(error))
        return exit_code_for(error)
    if json:
        print(json_text.dumps(status_json(key, tally, losses, under_way)))
    else:
        print("\n".join(map(one_line, status_lines(key, tally, losses, under_way))))
    return ExitCode.OK
