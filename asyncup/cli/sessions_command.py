"""`asyncup sessions`, as cyclopts sees it: a command for each thing to do. Must not know upload sessions."""

from __future__ import annotations

import sys

from cyclopts import App

from asyncup.cli import sessions_run as work
from asyncup.cli.arguments import Duration, Flag
from asyncup.cli.exit_codes import exit_codes_help
from asyncup.cli.sessions_run import Choice
from asyncup.cli.usage_error import UsageError
from asyncup.cli.vault_opening import run_with_vault
from asyncup.cli.vault_options import VaultOptions

__all__ = ["app"]

app = App(name="sessions", help_format="markdown", help_epilogue=exit_codes_help())


@app.default
@app.command(name="list")
def list_(
    *, mine: Flag = False, older_than: Duration | None = None, json: Flag = False, vault: VaultOptions | None = None
) -> int:
    """List the open upload sessions: all that you may see.

    Args:
        mine: Only those that you made.
        older_than: Only those into which nothing was uploaded for that long, such as `24h` or `7d`.
        json: Print one JSON object per upload session.
        vault: Which Vault.
    """
    choice = Choice(mine=mine, older_than_s=older_than)
    return run_with_vault(vault or VaultOptions(), lambda v: work.list_sessions(v, choice, as_json=json))


@app.command
def show(session_id: str, /, *, json: Flag = False, vault: VaultOptions | None = None) -> int:
    """Show one upload session.

    Args:
        session_id: Its id, from the list.
        json: Print a JSON object.
        vault: Which Vault.
    """
    return run_with_vault(vault or VaultOptions(), lambda v: work.show_session(v, session_id, as_json=json))


@app.command
def parts(session_id: str, /, *, json: Flag = False, vault: VaultOptions | None = None) -> int:
    """Show the parts that an upload session holds: number, bytes and MD5.

    Args:
        session_id: Its id, from the list.
        json: Print one JSON object per part.
        vault: Which Vault.
    """
    return run_with_vault(vault or VaultOptions(), lambda v: work.show_parts(v, session_id, as_json=json))


@app.command
def abort(
    *session_ids: str,
    mine: Flag = False,
    older_than: Duration | None = None,
    yes: Flag = False,
    json: Flag = False,
    vault: VaultOptions | None = None,
) -> int:
    """Abort upload sessions: what was uploaded into them is lost. Asks first.

    Args:
        session_ids: Their ids, from the list.
        mine: Instead of ids: all that you made.
        older_than: With `--mine`: only those into which nothing was uploaded for that long, such as `24h`.
        yes: Do not ask.
        json: Print one JSON object per aborted upload session.
        vault: Which Vault.
    """
    if session_ids and (mine or older_than is not None):
        raise UsageError("name upload sessions by ID, or choose them by --mine and --older-than, not both")
    if not session_ids and not mine:
        raise UsageError("name the upload sessions to abort by ID, or choose your own by --mine")
    if not all(session_ids):
        raise UsageError("an empty text is no id of an upload session")
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("there is no terminal to ask at: to abort without being asked, add --yes")
    choice = Choice(mine=mine, older_than_s=older_than)
    return run_with_vault(
        vault or VaultOptions(), lambda v: work.abort_sessions(v, session_ids, choice, yes=yes, as_json=json)
    )
