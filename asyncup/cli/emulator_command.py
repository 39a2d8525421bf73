"""`asyncup emulator`: arguments in, an `EmulatorConfig` on; and the end when it is asked for.

Must not know what the emulator does with its settings.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import anyio
import anyio.from_thread
import anyio.lowlevel
from cyclopts import App, Parameter

from asyncup.cli.arguments import Flag
from asyncup.cli.emulator_process import AUTHORITY, LISTENING
from asyncup.cli.exit_codes import ExitCode
from asyncup.cli.interrupt import run_interruptible
from asyncup.cli.messages import say
from asyncup.cli.usage_error import UsageError
from asyncup.emulator import (
    PROFILES,
    Do,
    EmulatorConfig,
    Endpoint,
    RunningEmulator,
    Switches,
    User,
    parse_fault,
    parse_switch,
    profile as switches_of_profile,
    serve,
    switch_table,
)

__all__ = ["app"]

_SOMEBODY = User()


def _settings_help() -> str:
    """Return what the emulator itself tells of its profiles, switches and faults, as Markdown."""
    rows = [f"| `{name}` | {values.replace('|', 'or')} | {text} |" for name, values, text in switch_table()]
    return "\n".join(
        [
            f"**Profiles**: {', '.join(PROFILES)}",
            "",
            "**Faults** are written `WHICH:WHAT`, such as `put_part,part=3,nth=2:status,status=503`.",
            "",
            f"- WHICH: `any` or {', '.join(f'`{endpoint}`' for endpoint in Endpoint)}; `part=` and `nth=`",
            f"- WHAT: {', '.join(f'`{do}`' for do in Do)}; with `times=`, `status=`, `seconds=`, `at=` and others",
            "",
            "**Switches** (D documented, C seen, U unknown)",
            "",
            "| Switch | Values, the default first | What it is |",
            "|---|---|---|",
            *rows,
        ]
    )


app = App(name="emulator", help_format="markdown", help_epilogue=_settings_help())


@app.default
def emulator(  # noqa: PLR0913 - each is an option
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    root: Path | None = None,
    discard: Flag = False,
    tls: Flag = False,
    token: Annotated[str | None, Parameter(env_var="ASYNCUP_EMULATOR_TOKEN")] = None,
    user: str = _SOMEBODY.name,
    password: Annotated[str, Parameter(env_var="ASYNCUP_EMULATOR_PASSWORD", show_default=False)] = _SOMEBODY.password,
    role: Literal["admin", "member"] = "admin",
    profile: str = "default",
    switch: Annotated[tuple[str, ...], Parameter(n_tokens=1, metavar="NAME=VALUE", show_default=False)] = (),
    fault: Annotated[tuple[str, ...], Parameter(n_tokens=1, metavar="WHICH:WHAT", show_default=False)] = (),
    end_with_stdin: Flag = False,
) -> int:
    """Run a pretend Vault, until interrupted.

    It prints one line with its URL when it listens.

    Args:
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        root: The folder that keeps the uploaded files, also for the next emulator that is started
            on it; by default a temporary one.
        discard: Keep no bytes at all, for benchmarks.
        tls: Speak TLS, with a certificate of its own; a line before the URL names the file with the
            authority that a client must trust.
        token: What a client may give as its token.
        user: Who may log in with a password.
        password: That user's password.
        role: Whether that user sees the whole file staging, or only `/u1`.
        profile: A named set of switches: a Vault that differs from the documented one.
        switch: Change how this Vault behaves; may be repeated.
        fault: Let something go wrong; may be repeated.
        end_with_stdin: End when standard input does, as when the program that started it is gone.
    """
    if tls and find_spec("trustme") is None:
        raise UsageError("--tls needs the package trustme: pip install trustme")
    try:
        config = EmulatorConfig(
            host=host,
            port=port,
            root=root,
            token=token,
            users=(User(name=user, password=password, role=role),),
            discard=discard,
            tls=tls,
            switches=_switches(profile, switch),
            faults=tuple(parse_fault(text) for text in fault),
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    code = run_interruptible(functools.partial(_serve, config, end_with_stdin=end_with_stdin), lambda: None)
    # To be interrupted is how a server ends.
    return ExitCode.OK if code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED} else code


def _switches(profile: str, settings: Iterable[str]) -> Switches:
    """Return the switches of a profile, changed by `NAME=VALUE` settings. Raises ValueError."""
    switches = switches_of_profile(profile)
    for setting in settings:
        switches = replace(switches, **parse_switch(setting))
    return switches


async def _serve(config: EmulatorConfig, *, end_with_stdin: bool) -> int:
    code = ExitCode.OK
    try:
        async with anyio.create_task_group() as group:
            if end_with_stdin:
                group.start_soon(_until_stdin_ends, group.cancel_scope)
            await serve(config, _say_where)
    except* OSError as errors:
        say(f"the emulator cannot start: {_first(errors)}")
        code = ExitCode.USAGE
    return code


def _say_where(emulator: RunningEmulator) -> None:
    if emulator.ca_pem is not None:
        print(f"{AUTHORITY}{emulator.ca_pem}")
    print(f"{LISTENING}{emulator.url}", flush=True)


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


async def _until_stdin_ends(scope: anyio.CancelScope) -> None:
    """Cancel `scope` when stdin ends. A thread reads it: not every loop can wait for any stdin."""
    ended = anyio.Event()
    loop_token = anyio.lowlevel.current_token()

    def read() -> None:
        while os.read(0, 4096):
            pass
        anyio.from_thread.run_sync(ended.set, token=loop_token)

    # A daemon: it must not keep the process when it ends for another reason.
    threading.Thread(target=read, name="asyncup stdin", daemon=True).start()
    await ended.wait()
    scope.cancel()
