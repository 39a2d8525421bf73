"""`asyncup sessions`: asks the Vault for upload sessions, shows them, and aborts those that are chosen.

Must not know how arguments are parsed or how an upload session is written down.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio.to_thread
from rich.console import Console

from asyncup import Vault
from asyncup.cli.exit_codes import ExitCode, exit_code_for
from asyncup.cli.messages import one_line, say
from asyncup.cli.sessions_view import SessionView, parts_table, sessions_table, still_for_s
from asyncup.errors import AccessRefused, AsyncupError, LoginError, TransportError
from asyncup.protocol.responses import UploadSession

__all__ = ["Choice", "abort_sessions", "list_sessions", "show_parts", "show_session"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which of the listed upload sessions are meant.

    Attributes:
        mine: only those that this user made.
        older_than_s: only those into which nothing was uploaded for that long.
    """

    mine: bool = False
    older_than_s: float | None = None

    def holds(self, view: SessionView) -> bool:
        """Tell whether an upload session is among them. One whose age is unknown is not old."""
        if self.mine and not view.mine:
            return False
        if self.older_than_s is None:
            return True
        still_s = still_for_s(view.session, view.now)
        return still_s is not None and still_s >= self.older_than_s


async def list_sessions(vault: Vault, choice: Choice, *, as_json: bool) -> int:
    """Show the open upload sessions that this user may see and `choice` holds."""
    views = await _chosen(vault, choice)
    if as_json:
        for view in views:
            print(view.as_json())
    elif sys.stdout.isatty():
        Console().print(sessions_table(views))
        limit = vault.limits.max_upload_sessions
        print(f"{len(views)} upload session{'' if len(views) == 1 else 's'}; a Vault has {limit}")
    else:
        for view in views:
            print(view.as_line())
    return ExitCode.OK


async def show_session(vault: Vault, session_id: str, *, as_json: bool) -> int:
    """Show one upload session."""
    session = await vault.upload_session(session_id)
    [view] = await _views(vault, [session])
    if as_json:
        print(view.as_json())
    else:
        for name, value in view.facts():
            print(f"{name + ':':<11} {one_line(value)}")
    return ExitCode.OK


async def show_parts(vault: Vault, session_id: str, *, as_json: bool) -> int:
    """Show the parts that an upload session holds."""
    await vault.upload_session(session_id)  # says in words when there is none
    parts = await vault.list_parts(session_id)
    if as_json:
        for part in parts:
            print(json.dumps({"part": part.number, "size": part.size, "md5": part.md5}))
    elif sys.stdout.isatty():
        Console().print(parts_table(parts))
    else:
        for part in parts:
            print(f"{part.number}\t{part.size}\t{one_line(part.md5 or '-')}")
    return ExitCode.OK


async def abort_sessions(vault: Vault, session_ids: Sequence[str], choice: Choice, *, yes: bool, as_json: bool) -> int:
    """Abort the upload sessions that are named, or else those that `choice` holds, after asking."""
    codes: list[ExitCode] = []
    if session_ids:
        views = await _named(vault, session_ids, codes)
    else:
        views = await _chosen(vault, choice)
        if not views:
            say("there is no such upload session; nothing was aborted")
    if views and not yes and not await _confirmed(views):
        say("nothing was aborted")
        return ExitCode.OK
    codes += [await _abort(vault, view, as_json=as_json) for view in views]
    if len(codes) == 1:
        return codes[0]
    return ExitCode.SOME_FAILED if any(codes) else ExitCode.OK


async def _named(vault: Vault, session_ids: Sequence[str], codes: list[ExitCode]) -> list[SessionView]:
    """Return the upload sessions of these ids; what fails is said, and its code added."""
    found = []
    for session_id in dict.fromkeys(session_ids):
        try:
            found.append(await vault.upload_session(session_id))
        except (LoginError, TransportError):
            raise  # the next one would meet it, too
        except AsyncupError as error:
            codes.append(_failed(error, session_id))
    return await _views(vault, found)


async def _chosen(vault: Vault, choice: Choice) -> list[SessionView]:
    views = await _views(vault, await vault.list_upload_sessions(), must_know_user=choice.mine)
    return [view for view in views if choice.holds(view)]


async def _views(vault: Vault, sessions: Sequence[UploadSession], *, must_know_user: bool = False) -> list[SessionView]:
    user_id: int | None = None
    if sessions or must_know_user:
        try:
            user_id = (await vault.who_am_i()).id
        except AccessRefused:
            if must_know_user:
                raise
    now = datetime.now(UTC)
    return [
        SessionView(session=session, mine=user_id is not None and session.owner == user_id, now=now)
        for session in sessions
    ]


async def _confirmed(views: Sequence[SessionView]) -> bool:
    """Ask at the terminal. The question goes to stderr: stdout is for results."""
    Console(stderr=True).print(sessions_table(views))
    count = "this upload session and its parts" if len(views) == 1 else f"these {len(views)} upload sessions"
    print(f"Abort {count}? What was uploaded is lost. [y/N] ", end="", file=sys.stderr, flush=True)
    answer = await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
    return answer.strip().lower() in ("y", "yes")


async def _abort(vault: Vault, view: SessionView, *, as_json: bool) -> ExitCode:
    session = view.session
    try:
        await vault.abort_upload_session(session.id)
    except (LoginError, TransportError):
        raise
    except AsyncupError as error:
        return _failed(error, session.id)
    if as_json:
        print(json.dumps({"aborted": session.id, "path": session.path}), flush=True)
    else:
        print(one_line(f"aborted {session.id}: {session.path or '-'}"), flush=True)
    return ExitCode.OK


def _failed(error: AsyncupError, session_id: str) -> ExitCode:
    say(f"{session_id}: {error}")
    return exit_code_for(error)
